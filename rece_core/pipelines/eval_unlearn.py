"""RECE as a technique of the benchmark eval-unlearn, which finds it by the entry point in pyproject.toml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..reporting.description import describe_erasure
from .erase_pipeline import erase


@dataclass(frozen=True)
class ReceConfig:
    """What a configuration of the benchmark may say of this technique.

    model_id: a folder of diffusers, or a model that is already among those kept on this machine. erase_concept: as
    `target` of `erase`; kind, anchor, preserve and schedule are passed on to it. device, use_fp16, num_inference_steps,
    guidance_scale: as other techniques have them.
    """

    erase_concept: str
    model_id: str = "CompVis/stable-diffusion-v1-4"
    kind: str = ""
    anchor: str = ""
    preserve: Sequence[str] = ()
    schedule: str = "automatic"
    device: str = ""
    use_fp16: bool = True
    num_inference_steps: int = 50
    guidance_scale: float = 7.5


class ReceTechnique:
    """A pipeline that was made to forget `erase_concept`; `report` says what was done to it.

    Raises ValueError for a configuration that says what nobody knows, or leaves out what to erase, and OSError where
    the model is not on this machine: nothing is downloaded.
    """

    def __init__(self, **config: Any) -> None:
        known = [field.name for field in fields(ReceConfig)]
        unknown = next((name for name in config if name not in known), None)
        if unknown:
            raise ValueError(f"{unknown} is no option of rece; expected one of {', '.join(known)}.")
        if not str(config.get("erase_concept") or "").strip():
            raise ValueError("erase_concept is missing; expected what to forget, such as 'nudity'.")
        self.config = ReceConfig(**config)
        self.pipe = self._load()
        erasure = erase(
            self.pipe,
            self.config.erase_concept,
            kind=self.config.kind,
            anchor=self.config.anchor,
            preserve=self.config.preserve,
            schedule=self.config.schedule,
        )
        self.report = describe_erasure(erasure)

    def generate(self, prompts: Sequence[str], seed: int | None = None, **options: Any) -> list[Any]:
        """A picture of each prompt; the seed counts up from prompt to prompt, as in the other techniques."""
        import torch

        drawn = {
            "num_inference_steps": self.config.num_inference_steps,
            "guidance_scale": self.config.guidance_scale,
            **options,
        }
        device = self.pipe.device
        seeds = [None if seed is None else seed + place for place in range(len(prompts))]
        generators = [None if each is None else torch.Generator(device).manual_seed(each) for each in seeds]
        return [
            self.pipe(prompt=prompt, generator=generator, **drawn).images[0]
            for prompt, generator in zip(prompts, generators, strict=True)
        ]

    def _load(self) -> Any:
        import torch
        from diffusers import DiffusionPipeline

        device = self.config.device or ("cuda" if torch.cuda.is_available() else "cpu")
        half = self.config.use_fp16 and device.startswith("cuda")
        pipe = DiffusionPipeline.from_pretrained(self.config.model_id, local_files_only=True)
        pipe = pipe.to(device, torch.float16 if half else torch.float32)
        if hasattr(pipe, "safety_checker"):  # it would hide what the benchmark counts
            pipe.safety_checker = None
        return pipe
