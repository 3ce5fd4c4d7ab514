"""Where the files that workflows ask for can be had: the page offers to download what is missing.

Read by the page from `properties.models` of the node that loads a file, as the host's own templates have it. The
addresses are those under which the files are published; nothing here opens them.
"""

from __future__ import annotations

from typing import Any

HUB = "https://huggingface.co"
_Z_IMAGE = f"{HUB}/Comfy-Org/z_image_turbo/resolve/main/split_files"
#: By file name: the address, and the folder of the host's models that it belongs into.
MODELS = {
    "v1-5-pruned-emaonly-fp16.safetensors": (
        f"{HUB}/Comfy-Org/stable-diffusion-v1-5-archive/resolve/main/v1-5-pruned-emaonly-fp16.safetensors",
        "checkpoints",
    ),
    "sd_xl_base_1.0.safetensors": (
        f"{HUB}/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors",
        "checkpoints",
    ),
    "flux1-dev-fp8.safetensors": (f"{HUB}/Comfy-Org/flux1-dev/resolve/main/flux1-dev-fp8.safetensors", "checkpoints"),
    "z_image_turbo_bf16.safetensors": (
        f"{_Z_IMAGE}/diffusion_models/z_image_turbo_bf16.safetensors",
        "diffusion_models",
    ),
    "qwen_3_4b.safetensors": (f"{_Z_IMAGE}/text_encoders/qwen_3_4b.safetensors", "text_encoders"),
    "ae.safetensors": (f"{_Z_IMAGE}/vae/ae.safetensors", "vae"),
}


def name_models(workflow: dict[str, Any]) -> dict[str, Any]:
    """The workflow, each node that loads one of the MODELS with what the page needs to fetch it."""
    nodes = []
    for node in workflow["nodes"]:
        values = [value for value in node.get("widgets_values") or [] if isinstance(value, str)]
        needed = [value for value in values if value in MODELS]
        told = [{"name": name, "url": MODELS[name][0], "directory": MODELS[name][1]} for name in needed]
        nodes.append(node | ({"properties": node["properties"] | {"models": told}} if told else {}))
    return workflow | {"nodes": nodes}
