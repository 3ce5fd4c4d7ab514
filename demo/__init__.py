"""The demo model: a small text-to-image diffusion model that ships with the pack.

This folder is also a ComfyUI custom-node pack of its own. It adds no nodes; it only makes the host know the demo
model's family, so that a checkpoint saved from it loads through the stock loader on a host without the main pack.
"""

from __future__ import annotations

from typing import Any


async def comfy_entrypoint() -> Any:
    """Register the family (imports of the host happen here, so that the package imports without it)."""
    from comfy_api.latest import ComfyExtension

    from .family import register

    class DemoFamily(ComfyExtension):
        async def get_node_list(self) -> list[Any]:
            return []

    register()
    return DemoFamily()
