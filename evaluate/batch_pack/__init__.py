"""A node pack for the evaluation alone: many prompts in one run of the stock sampler."""

from __future__ import annotations

from typing import Any


async def comfy_entrypoint() -> Any:
    """The host's way in; everything of the host is imported only here."""
    import torch
    from comfy_api.latest import ComfyExtension, io

    class StackPrompts(io.ComfyNode):
        """CONDITIONING of n prompts, combined, as one whose batch is those n: each picture is drawn from its own.

        KSampler then draws n pictures, or a multiple of n in turns, in half the time that n runs take.
        """

        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                node_id="EvaluateStackPrompts",
                category="tests",
                inputs=[io.Conditioning.Input("conditioning")],
                outputs=[io.Conditioning.Output()],
            )

        @classmethod
        def execute(cls, conditioning: Any) -> io.NodeOutput:
            pooled = [options["pooled_output"] for _, options in conditioning if "pooled_output" in options]
            options = {"pooled_output": torch.cat(pooled)} if pooled else {}
            return io.NodeOutput([[torch.cat([tokens for tokens, _ in conditioning]), options]])

    class Pack(ComfyExtension):
        async def get_node_list(self) -> list[Any]:
            return [StackPrompts]

    return Pack()
