"""A node pack for the tests alone: it looks at what the pack's nodes hand on, with the host's own means."""

from __future__ import annotations

from typing import Any


async def comfy_entrypoint() -> Any:
    """The host's way in; everything of the host is imported only here."""
    from comfy_api.latest import ComfyExtension
    from server import PromptServer

    from .foreign import ProbeForeignModel
    from .golden import ProbeGoldenCase
    from .old_route import read_anything
    from .patches import PATCHES
    from .probes import PROBES
    from .two_inputs import TWO_INPUTS

    PromptServer.instance.routes.post("/probe/concepts")(read_anything)

    class Probes(ComfyExtension):
        async def get_node_list(self) -> list[Any]:
            return [*PROBES, *TWO_INPUTS, *PATCHES, ProbeGoldenCase, ProbeForeignModel]

    return Probes()
