"""`erase`: make a pipeline of diffusers forget concepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..erasing.erasure import Erasure
from ..erasing.pipeline import erase_concepts, plan_erasure
from ..erasing.schedule import apply_schedule, resolve_concepts, resolve_settings
from ..erasing.settings import EditSettings, EraseSettings
from ..progress import Progress
from ..texts.presets import PRESETS, PROBES
from .pipeline_model import open_pipeline
from .pipeline_texts import PipelineTexts

SETTINGS = EraseSettings(EditSettings(mode="prior"), iteration="cumulative", seal=1.0)  # the command line's defaults
DONE = 100  # of the bar


def erase(
    pipe: Any,
    target: str | Sequence[str] = (),
    *,
    kind: str = "",
    anchor: str = "",
    preserve: Sequence[str] = (),
    as_typed: bool = False,
    captions: Sequence[str] = (),
    probes: Sequence[str] = PROBES,
    schedule: str = "automatic",
    thoroughness: float = 0.5,
    carefulness: float = 0.5,
    settings: EraseSettings = SETTINGS,
    auto_ridges: bool = True,
    pooled: bool = True,
    clip_skip: int | None = None,
    max_sequence_length: int | None = None,
) -> Erasure:
    """What was erased, after `pipe` was made to forget it: its weights are changed in place, at the very end.

    pipe: of diffusers, for SD 1.x, SD 2.x, SDXL, SD3 or Flux.1. target: 'name, name => anchor, anchor', or several.
    kind: see `PRESETS`; by default that of a target which names one with targets of its own, such as 'nudity', else
    'custom'. The options up to `pooled` are those of `python -m rece_core erase`, by the same names where they are not
    in `settings`. clip_skip, max_sequence_length: as you give them to the pipeline when it draws.

    The bar is the pipeline's (`pipe.set_progress_bar_config`). Raises ValueError for what can be fixed; whatever is
    raised, the pipeline is then as it was.
    """
    targets = [target] if isinstance(target, str) else [*target]
    kind = kind or next((each for each in targets if each in PRESETS and PRESETS[each].targets), "custom")
    concepts = resolve_concepts(
        kind, "\n".join(targets), anchor, "\n".join(preserve), by_kind=not as_typed, captions=tuple(captions)
    )
    concepts = apply_schedule(schedule, concepts)
    chosen, goals = resolve_settings(schedule, kind, settings, thoroughness, carefulness)
    opened = open_pipeline(pipe)
    texts = PipelineTexts(pipe, opened.model.family.name, clip_skip, max_sequence_length)
    with pipe.progress_bar(total=DONE) as bar:

        def show(share: float, step: str) -> None:
            bar.set_description_str(step, refresh=False)
            bar.update(round(DONE * share) - bar.n)

        plan = plan_erasure(
            opened.model, texts, concepts, chosen, auto_ridges=auto_ridges, probes=probes, goals=goals, pooled=pooled
        )
        erasure = erase_concepts(plan, Progress(show))
        opened.change(erasure)
        show(1.0, "erased")
    return erasure
