"""Where an erasure computes, and what happens where the memory there runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import comfy.model_management
import torch

from ..rece_core.erasing.memory import Memory
from ..rece_core.progress import Progress
from ..rece_core.storage.disk_space import describe_size

Result = TypeVar("Result")

CPU = torch.device("cpu")
OUT_OF_MEMORY = comfy.model_management.OOM_EXCEPTION


class Workplace:
    """The device that work is done on: the one the host computes on, or the CPU where that has too little memory.

    device: now. free: bytes free there at the start. remark: why it is the CPU, in a line; empty where it is as usual.
    """

    def __init__(self, usual: torch.device, needed: int) -> None:
        """For work on a model of `usual` device that takes `needed` bytes or more."""
        self.device, self.remark = usual, ""
        self.free = comfy.model_management.get_free_memory(usual)
        if needed > self.free and usual != CPU:
            few = f"{describe_size(needed)} are needed and {describe_size(self.free)} are free on {usual}"
            self._move(f"computed on the CPU: at least {few}")
            self.free = comfy.model_management.get_free_memory(CPU)

    @classmethod
    def find(cls, usual: torch.device, memory: Memory) -> Workplace:
        """For work that takes `memory`, with a warning where that may be too much; ValueError where it is."""
        place = cls(usual, memory.least)
        if warning := memory.compare(place.free):
            logging.getLogger(__name__).warning("%s", warning)
        return place

    def run(self, work: Callable[[torch.device], Result], progress: Progress) -> Result:
        """What `work` gives on the device; done again on the CPU, as all that follows, where memory runs out there."""
        try:
            return work(self.device)
        except OUT_OF_MEMORY:
            if self.device == CPU:
                raise
        # Behind the handler, whose exception holds on to what the failed attempt had made.
        self._move(f"computed on the CPU: {self.device} ran out of memory")
        comfy.model_management.soft_empty_cache()
        progress.restart(self.remark)
        return work(CPU)

    def _move(self, remark: str) -> None:
        self.device, self.remark = CPU, remark
        logging.getLogger(__name__).warning("%s", remark)


@contextmanager
def explain_out_of_memory(*ways_out: str) -> Iterator[None]:
    """Within it, or as a decorator: running out of memory becomes a ValueError that says what to do.

    ways_out: those of the node itself, each an imperative; those that always help are added.
    """
    try:
        yield
    except OUT_OF_MEMORY as error:
        said = str(error).partition(". GPU")[0].strip().rstrip(".")
    else:
        return
    comfy.model_management.soft_empty_cache()
    *ways, last = (*ways_out, "close what else uses the GPU", "start ComfyUI with --lowvram")
    raise ValueError(f"memory ran out ({said}). No model was changed. To make it fit, {', '.join(ways)}, or {last}.")
