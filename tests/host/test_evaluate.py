"""The evaluation on a real host: many prompts in one run of the sampler are what each draws by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from evaluate import PACKS
from evaluate.emoji import HALVES, load_emoji
from evaluate.experiment import Experiment
from evaluate.methods import ORIGINAL
from evaluate.shapes import load_shapes
from evaluate.world import World
from harness.client import Client
from harness.server import Server


@pytest.mark.parametrize("load", [load_shapes, lambda: load_emoji("emoji", HALVES[0])], ids=["shapes", "emoji"])
def test_prompts_drawn_together_are_drawn_as_each_alone(
    start_server: Callable[..., Server], load: Callable[[], World]
) -> None:
    server, world = start_server(packs=PACKS), load()
    task = world.tasks[0]
    one, other = list(task.questions().values())[-1][:2]
    with Client(server.url) as client:
        experiment = Experiment(client, server.base / "input", world, task, per_prompt=2)
        together, swapped, alone = (experiment.ask(ORIGINAL, asked) for asked in ([one, other], [other, one], [one]))
    assert together.questions == [one, other, one, other]
    assert experiment.count(together) == {"hits": 4, "n": 4}
    # The noise of a picture is that of its place.
    for place, (drawn, before) in enumerate(((together, alone), (swapped, together))):
        apart = np.abs(drawn.pixels[place].astype(int) - before.pixels[0].astype(int))
        assert (apart.max() <= 2) == (place == 0)
