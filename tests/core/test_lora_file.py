"""LoRA files: they hold the change of the weights, in as few numbers as it takes, under names that others read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rece_core.algebra.low_rank import STORED, TOLERANCE, store_change
from rece_core.progress import Progress
from rece_core.sharing.lora_file import LoraFile, make_lora
from rece_core.sharing.lora_keys import name_layers
from tests.core.loras import RANK, change_weights, make_erasure, make_model
from tests.core.random_models import deviation, randn
from tests.core.unets import POOLED_COLUMNS, SD1, SDXL, UNet

ROUNDING = 1e-3  # float16's, of numbers of one size


def make_change(seed: int, rows: int, width: int, sizes: list[float]) -> Tensor:
    """A matrix with these singular values."""
    outward = torch.linalg.qr(randn(seed, rows, len(sizes))).Q
    inward = torch.linalg.qr(randn(seed + 1, width, len(sizes))).Q
    return (outward * torch.tensor(sizes, dtype=torch.float64)) @ inward.T


def make(structure: UNet = SD1, *, with_erasers: bool = False, **options: Any) -> LoraFile:
    weights = {f"diffusion_model.{name}": weight for name, weight in structure.make_weights().items()}
    model = make_model(weights)
    return make_lora(make_erasure(model, with_erasers=with_erasers), model, weights.__getitem__, **options)


def test_the_smallest_rank_within_the_tolerance() -> None:
    change = make_change(0, 40, 60, [1.0, 0.5, 2 * TOLERANCE, TOLERANCE / 2, TOLERANCE / 3])
    stored = store_change(change)
    assert stored.rank == 3
    assert stored.error == pytest.approx(deviation(stored.parts["up"].double() @ stored.parts["down"].double(), change))
    assert stored.error < TOLERANCE
    assert store_change(change, rank=2).error > TOLERANCE, "control: one less would not do"
    assert {part.dtype for part in stored.parts.values()} == {STORED}


@pytest.mark.parametrize("count", [3, 50])
def test_known_factors_only_save_time(count: int) -> None:
    up, down = randn(0, 40, count), randn(1, count, 60)
    for factors in (None, (up, down)):
        stored = store_change(up @ down, factors, as_factors=True)
        assert stored.rank == min(count, 40)
        assert deviation(stored.parts["up"].double() @ stored.parts["down"].double(), up @ down) < ROUNDING


@pytest.mark.parametrize(("rank", "expected"), [(1, 1), (4, 4), (24, 24), (30, 24)])
def test_a_chosen_rank_and_its_error(rank: int, expected: int) -> None:
    change = randn(0, 40, 24)
    stored = store_change(change, rank=rank)
    assert stored.rank == expected
    best = torch.linalg.svdvals(change)[rank:].norm() / change.norm()
    assert stored.error == pytest.approx(float(best), abs=ROUNDING)


def test_a_difference_where_factors_would_be_larger() -> None:
    change = randn(0, 40, 24)
    stored = store_change(change)
    assert stored.rank is None
    assert deviation(stored.parts["diff"].double(), change) == pytest.approx(stored.error)
    assert stored.error < ROUNDING
    assert store_change(change, as_factors=True).rank == 24


def test_a_change_too_large_for_its_numbers() -> None:
    with pytest.raises(
        ValueError, match=r"a change of 1.0e\+12 is too large .* Raise the edit ridge .* or save the operator"
    ):
        store_change(torch.full((3, 4), 1e12))


@pytest.mark.parametrize("rank", [-1, 769, 10_000])
def test_a_rank_that_no_weight_has(rank: int) -> None:
    with pytest.raises(ValueError, match=rf"rank is {rank}; expected 1 to 768, the width .*, or 0 for the smallest"):
        make(rank=rank)


def test_a_file_in_the_names_of_kohya() -> None:
    lora = make()
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    assert {name for name in lora.tensors if name.startswith(key)} == {
        f"{key}.{end}" for end in ("lora_up.weight", "lora_down.weight", "alpha")
    }
    assert lora.tensors[f"{key}.alpha"] == lora.tensors[f"{key}.lora_down.weight"].shape[0] == RANK
    assert len(lora.tensors) == 3 * len(lora.changes) == 3 * 2 * 16
    assert lora.describe().startswith("rank 5; loses at most 0.0")


def test_a_value_eraser_brings_its_biases() -> None:
    lora = make(with_erasers=True)
    assert len(lora.biases) == 16
    assert "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0.diff_b" in lora.tensors
    assert "rank 5 to 6, 16 biases" in lora.describe()
    assert not [name for name in make().tensors if name.endswith("diff_b")], "control"


def test_what_reads_something_else_too_keeps_it() -> None:
    down = make(SDXL).tensors["lora_unet_label_emb_0_0.lora_down.weight"]
    assert down.shape == (RANK, POOLED_COLUMNS)
    assert not down[:, 1280:].any()
    assert down[:, :1280].any()


@pytest.mark.parametrize(
    ("options", "parts"),
    [({}, ["diff"]), ({"rank": 4}, ["alpha", "lora_down.weight", "lora_up.weight"])],
    ids=["automatic", "chosen"],
)
def test_rotations_are_differences_or_of_the_rank_that_is_chosen(options: dict[str, int], parts: list[str]) -> None:
    weights = SD1.make_weights()
    model = make_model(weights)
    plain = make_erasure(model)
    turned = next(iter(model.read(model.family.entries, str)))
    turn = torch.linalg.qr(randn(5, *2 * turned.matrix.shape[:1])).Q.float()
    turns = {entry.name: torch.eye(entry.shape[0]) for entry in model.family.entries} | {turned.name: turn}
    part = replace(plain.parts["tokens"], orthogonal_maps=turns)
    lora = make_lora(replace(plain, parts={"tokens": part}), model, weights.__getitem__, **options)
    key = name_layers([turned.name.removesuffix(".weight")], weights, model.family.name).popitem()[1]
    assert sorted(name.removeprefix(f"{key}.") for name in lora.tensors if name.startswith(key)) == parts
    if options:
        assert 0.1 < lora.error < 1
        assert "of what changes" in lora.describe()
    else:
        expected = turn @ (turned.matrix + plain.change_of(turned)) - turned.matrix
        assert deviation(lora.tensors[f"{key}.diff"].float(), expected) < ROUNDING
        assert "rank 5, 1 full differences" in lora.describe()


def test_an_erasure_of_nothing() -> None:
    weights = SD1.make_weights()
    model = make_model(weights)
    with pytest.raises(ValueError, match="changes nothing, so there is nothing to save as a LoRA"):
        make_lora(make_erasure(model, rank=0), model, weights.__getitem__)


def test_another_model_than_it_was_made_on() -> None:
    weights = SD1.make_weights()
    model = make_model(weights)
    erasure = make_erasure(model)
    erased = change_weights(model, erasure, weights)
    shares: list[float] = []
    make_lora(
        erasure, model, weights.__getitem__, progress=Progress(lambda share, step: shares.append(share))
    )  # control
    entries = len(model.list_entries(erasure.parts))
    assert shares == pytest.approx([count / (2 * entries) for count in range(1, 2 * entries + 1)])
    with pytest.raises(
        ValueError, match=r"not the model that the erasure was made on.*not the erased one.*the operator"
    ):
        make_lora(erasure, make_model(erased), erased.__getitem__)


def test_a_model_of_another_family() -> None:
    model = make_model(SD1.make_weights())
    with pytest.raises(ValueError, match="made on a model of the family 'SDXL', this one is of 'SD 1.x'"):
        make_lora(make_erasure(make_model(SDXL.make_weights())), model, torch.zeros)


TRANSFORMER = {
    "txt_in": "transformer.context_embedder",
    "vector_in.in_layer": "transformer.time_text_embed.text_embedder.linear_1",
}


@pytest.mark.parametrize("for_diffusers", [False, True])
def test_names_of_transformers(for_diffusers: bool) -> None:
    assert name_layers(TRANSFORMER, [f"{name}.weight" for name in TRANSFORMER], "Flux.1", for_diffusers) == TRANSFORMER


def test_names_that_comfyui_alone_reads() -> None:
    assert name_layers(["txt_in"], ["txt_in.weight"], "Some model") == {"txt_in": "diffusion_model.txt_in"}
    assert name_layers(["time_embed.0"], SD1.make_weights(), "chosen weights") == {
        "time_embed.0": "diffusion_model.time_embed.0"
    }
    with pytest.raises(ValueError, match=r"what diffusers calls the layer 'txt_in' of Some model is not known.*'LoRA'"):
        name_layers(["txt_in"], ["txt_in.weight"], "Some model", for_diffusers=True)


def test_names_of_a_small_unet() -> None:
    """One block a level, as in the demo model: nothing is counted in threes."""
    names = [
        "input_blocks.0.0.weight",
        "input_blocks.1.0.in_layers.0.weight",
        "input_blocks.2.0.op.weight",
        "input_blocks.3.1.norm.weight",
        "middle_block.1.norm.weight",
        "output_blocks.0.1.norm.weight",
        "output_blocks.1.1.norm.weight",
        "output_blocks.1.2.conv.weight",
        "output_blocks.2.0.in_layers.0.weight",
    ]
    layers = ["input_blocks.3.1.norm", "middle_block.1.norm", "output_blocks.0.1.norm", "output_blocks.1.1.norm"]
    found = name_layers(layers, names, "U-Net", for_diffusers=True)
    assert list(found.values()) == [
        "unet.down_blocks.1.attentions.0.norm",
        "unet.mid_block.attentions.0.norm",
        "unet.up_blocks.0.attentions.0.norm",
        "unet.up_blocks.0.attentions.1.norm",
    ]
