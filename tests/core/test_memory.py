"""The memory of an erasure lies between two bounds that are known beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pytest
import torch

from rece_core.attacks.red_team import measure_attack
from rece_core.erasing.derive import Derivation
from rece_core.erasing.memory import bound_comparison, bound_erasure
from rece_core.erasing.pipeline import Plan, erase_concepts, plan_erasure
from rece_core.erasing.settings import MODES, EditSettings, EraseSettings
from rece_core.models.text_entries import Family, TextEntry
from rece_core.models.text_model import TextModel
from rece_core.models.weights import Weight, accumulate_pair_grams
from rece_core.progress import OnStep
from rece_core.texts.alignment import EncodedText
from rece_core.texts.concepts import parse_concepts
from tests.core.live_memory import PeakMemory
from tests.core.random_models import randn
from tests.core.text_models import encode as encode_small
from tests.core.text_models import make_model as make_small
from tests.core.text_models import make_weights

WIDTH, HEIGHT = 96, 16
KINDS = {"inputs": ("input",), "keys and values": ("key", "value")}
NAMES = {"input": "{}.weight", "key": "{}.to_k.weight", "value": "{}.to_v.weight"}


def make_model(roles: Sequence[str], width: int = WIDTH) -> TextModel:
    entries = tuple(TextEntry(NAMES[role].format(number), role, (HEIGHT, width)) for number, role in enumerate(roles))
    shapes = {entry.name: entry.shape for entry in entries}
    behind = {f"{number}{name}bias": (HEIGHT,) for number, _ in enumerate(roles) for name in (".", ".to_out.0.")}
    behind |= {f"{number}.to_out.0.weight": (HEIGHT, HEIGHT) for number, _ in enumerate(roles)}

    def read(chosen: Sequence[TextEntry], on_step: OnStep) -> Iterable[Weight]:
        for number, entry in enumerate(chosen):
            yield Weight(entry.name, entry.role, randn(number, *entry.shape, dtype=torch.float32))

    return TextModel(Family("wide", entries), shapes | behind, read)


def make_plan(model: TextModel, settings: EraseSettings, rows: int = 4, width: int = WIDTH) -> Plan:
    def encode(text: str) -> dict[str, EncodedText]:
        seed = sum(text.encode())
        return {"tokens": EncodedText(text, randn(seed, rows, width, dtype=torch.float32), 1)}

    concepts = parse_concepts("custom", "a circle => a square\na disc => a box", captions=("a house", "the sea"))
    return plan_erasure(model, encode, concepts, settings)


def measure(plan: Plan) -> int:
    with torch.no_grad(), PeakMemory() as memory:
        erase_concepts(plan)
    return memory.peak


@pytest.mark.parametrize("rows", (4, 2 * WIDTH))
@pytest.mark.parametrize("epochs", (0, 3))
@pytest.mark.parametrize("seal", (0.0, 1.0))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("iteration", ("paper", "cumulative"))
def test_an_erasure_takes_what_lies_between_the_bounds(
    iteration: str, kind: str, mode: str, seal: float, epochs: int, rows: int
) -> None:
    if mode == "strict" and rows > WIDTH:
        pytest.skip("so many rows of one text leave a strict edit nothing to do")
    settings = EraseSettings(EditSettings(mode=mode), epochs, iteration=iteration, seal=seal)
    plan = make_plan(make_model(KINDS[kind]), settings, rows)
    bounds = bound_erasure(plan)
    assert bounds.least <= measure(plan) <= bounds.most <= 6 * bounds.least


def test_inputs_come_one_after_the_other_with_the_priors_of_all() -> None:
    settings = EraseSettings(EditSettings(mode="prior"), epochs=1)
    plan = plan_erasure(make_small(make_weights()), encode_small, parse_concepts("custom", "a => b"), settings)
    pooled = plan_erasure(
        make_small(make_weights()), encode_small, parse_concepts("custom", "a => b"), settings, pooled=False
    )
    texts = 4 * plan.rows["pooled"] * plan.widths["pooled"] * len(plan.texts.words)
    prior = 8 * plan.widths["pooled"] ** 2
    both, tokens = bound_erasure(plan), bound_erasure(pooled)
    assert (both.least, both.most) == (tokens.least + texts, tokens.most + texts + prior)


def test_too_little_memory_is_refused_and_what_may_be_too_little_gets_a_warning() -> None:
    settings = EraseSettings(EditSettings(mode="prior"), 3, seal=1.0)
    bounds = bound_erasure(make_plan(make_model(("input",), 15360), settings, width=15360))
    assert 9e9 < bounds.least < 20e9 < 30e9 < bounds.most < 60e9
    assert bounds.compare(bounds.most) == ""
    told = r"and 25\.0 GB are available: the text of this model is 15360 wide \(conditioning input 'tokens'\).* 1\.9 GB"
    assert re.fullmatch(
        rf"this erasure may take up to \d\d\.\d GB of memory, {told} .*If it runs .*", bounds.compare(int(25e9))
    )
    with pytest.raises(
        ValueError, match=r"this erasure needs at least \d+\.\d GB of memory, and 4\.0 GB .*with more\.$"
    ):
        bounds.compare(int(4e9))


@pytest.mark.parametrize("rows", (4, WIDTH))
@pytest.mark.parametrize("height", (HEIGHT, 2 * WIDTH))
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_a_comparison_takes(kind: str, height: int, rows: int) -> None:
    entries = [TextEntry(f"{number}.weight", role, (height, WIDTH)) for number, role in enumerate(KINDS[kind])]
    pairs = (
        (Weight(entry.name, entry.role, randn(0, *entry.shape, dtype=torch.float32)), randn(1, *entry.shape).float())
        for entry in entries
    )
    with torch.no_grad(), PeakMemory() as memory:
        target, anchor = (EncodedText(name, randn(2, rows, WIDTH, dtype=torch.float32), 1) for name in "ab")
        pair, values = accumulate_pair_grams(pairs)
        derived = Derivation(pair, 0.1).derive(target.tokens)
        measure_attack(pair, values, target, anchor, EncodedText("derived", derived, 1))
    bounds = bound_comparison(entries, rows)
    assert bounds.least <= memory.peak <= bounds.most


def test_too_little_memory_for_a_comparison_is_told() -> None:
    entries = [TextEntry("txt_in.weight", "input", (6144, 15360))]
    bounds = bound_comparison(entries, 512)
    assert bounds.compare(bounds.most) == ""
    told = (
        r"comparing these models needs at least \d+\.\d GB of memory, and 8\.0 GB are available: .*15360 wide.*more\.$"
    )
    with pytest.raises(ValueError, match=told):
        bounds.compare(int(8e9))
