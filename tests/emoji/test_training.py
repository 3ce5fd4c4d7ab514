"""Training: stopped and resumed it is what it would have been, budgets end it, and all parts share the time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from emoji.captions import draw_caption
from emoji.prepare.captions import LENGTH
from emoji.prepare.pictures import write_pictures
from emoji.text_network import END, START
from emoji.training import train_autoencoder, train_judge, train_text
from emoji.training.data import CAPTIONS, choose_captions, load_captions, read_list
from emoji.training.everything import SHARES, share_out
from emoji.training.loop import Budget, learning_rate, run
from emoji.world import PICTURES, is_held_out, load_concepts, load_pictures

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 24 pictures of 8 concepts, in random colours, with made-up token ids."""
    folder, rng = tmp_path_factory.mktemp("emoji"), np.random.default_rng(1)
    drawn = [
        (concept, style, Image.fromarray(rng.integers(0, 255, (64, 64, 4), np.uint8)))
        for concept in range(8)
        for style in range(3)
    ]
    write_pictures(drawn, folder / PICTURES)
    count = 96
    tokens = np.full((count, LENGTH), END, np.uint16)
    tokens[:, 0], tokens[:, 1:4] = START, rng.integers(100, 120, (count, 3))
    np.savez(
        folder / CAPTIONS,
        t=tokens,
        i=(np.arange(count) % len(drawn)).astype(np.int16),
        b=rng.integers(0, 6, count).astype(np.int8),
        k=rng.integers(0, 3, count).astype(np.int8),
        named=rng.integers(0, 2, count).astype(np.int8),
        tags=np.packbits(rng.integers(0, 2, (1221, 40), np.uint8), axis=1),
        nvocab=40,
        used=np.unique(tokens).astype(np.int32),
    )
    return folder


@pytest.mark.parametrize("training", [train_autoencoder, train_judge, train_text])
def test_stopped_and_resumed_it_is_what_it_would_have_been(training: object, data: Path, tmp_path: Path) -> None:
    weights = {}
    for name, stops in (("unbroken", [3]), ("resumed", [2, 3]), ("stopped", [2])):
        state = tmp_path / name
        for steps in stops:
            parts = [data, state, state / "weights"]
            part = make(training, data)
            assert run(part, *parts[1:], Budget(steps=3), stop=lambda step, steps=steps: step == steps) == steps
        (file,) = (state / "weights").glob("*.safetensors")
        weights[name] = load_file(file)
    assert weights["unbroken"].keys() == weights["resumed"].keys()
    for name, weight in weights["unbroken"].items():
        torch.testing.assert_close(weights["resumed"][name], weight, msg=name)
    assert any(not torch.equal(weights["stopped"][name], weight) for name, weight in weights["unbroken"].items())


def make(training: object, data: Path) -> object:
    pictures = load_pictures(data)
    if training is train_autoencoder:
        return train_autoencoder.make_part(pictures, 4, CPU, None)
    if training is train_judge:
        return train_judge.make_part(pictures, 16, 2e-3, CPU, None)
    return train_text.make_part(pictures, load_captions(data), 8, CPU, None)


def test_a_budget_is_of_steps_or_of_seconds() -> None:
    assert Budget(steps=10).share(5, 1e9) == 0.5
    assert Budget(seconds=60).share(10**9, 30) == 0.5
    for wrong in ({}, {"steps": 1, "seconds": 1.0}):
        with pytest.raises(ValueError, match="expected one of the two"):
            Budget(**wrong)  # type: ignore[arg-type]


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [learning_rate(share / 100, 1.0) for share in range(101)]
    assert rates[0] == 0 and max(rates) == pytest.approx(1, abs=0.01) and rates[100] == pytest.approx(0, abs=1e-9)
    assert rates.index(max(rates)) == 4


def test_parts_share_the_time_and_what_is_lost_the_later_ones_go_without() -> None:
    left, spent = list(SHARES), []
    while left:
        spent.append(share_out(540 - sum(spent), left[0], left))
        left.pop(0)
    assert sum(spent) == pytest.approx(540)
    assert spent == pytest.approx([540 * share / sum(SHARES.values()) for share in SHARES.values()])
    assert share_out(540, "flux", ["flux", "unet"]) == 270
    assert share_out(-3, "unet", ["unet"]) == 0


def test_held_out_pairs_and_other_concepts_are_not_trained_on(data: Path) -> None:
    pictures, captions = load_pictures(data), load_captions(data)
    for chosen in (None, [1, 2]):
        rows = choose_captions(captions, pictures, chosen)
        shown = captions.pictures[rows]
        concepts = pictures.concepts[shown]
        assert not is_held_out(concepts, pictures.styles[shown]).any()
        assert set(concepts.tolist()) == set(chosen or range(8))
    everything = pictures.concepts[captions.pictures], pictures.styles[captions.pictures]
    assert is_held_out(*everything).any(), "the data has pairs to hold out"


def test_a_list_of_concepts_is_read_by_their_labels(tmp_path: Path) -> None:
    labels = [load_concepts()[number].label for number in (7, 3)]
    path = tmp_path / "list.json"
    path.write_text(json.dumps(labels), encoding="utf-8")
    assert read_list(path) == [7, 3] and read_list(None) is None
    path.write_text(json.dumps([*labels, "no such emoji"]), encoding="utf-8")
    with pytest.raises(ValueError, match="names 'no such emoji', which is no concept's label"):
        read_list(path)


def test_captions_of_training_fit_the_table() -> None:
    import random

    rng = random.Random(1)
    longest = max(len(draw_caption(concept, "ink", rng).text.split()) for concept in load_concepts())
    assert longest < LENGTH - 2
