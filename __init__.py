"""ComfyUI-RECE: make a text-to-image model forget chosen concepts, in closed form."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    """The host's way into the pack; imports wait until here, so that tools can import this file without a host."""
    from .nodes.extension import ReceExtension

    return ReceExtension()
