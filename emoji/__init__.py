"""The second world: small text-to-image models of emoji, a U-Net and a transformer.

This folder is also a ComfyUI custom-node pack of its own. It adds no nodes; it only makes the host know the models'
families, so that a checkpoint saved from one loads through the stock loader on a host without the main pack.
"""

from __future__ import annotations

from typing import Any


async def comfy_entrypoint() -> Any:
    """Register the families (imports of the host happen here, so that the package imports without it)."""
    from comfy_api.latest import ComfyExtension

    from .family import register

    class EmojiFamilies(ComfyExtension):
        async def get_node_list(self) -> list[Any]:
            return []

    register()
    return EmojiFamilies()
