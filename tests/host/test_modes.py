"""Modes and value erasers through the real host: what they draw, what they leave alone, and their files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from harness.client import Client, NodeFailed
from harness.environment import ROOT
from harness.graph import Node, Output
from harness.server import Server
from tests.host.graphs import (
    CLEAR,
    ROUNDING,
    ModelGraph,
    Picture,
    difference,
    read_hashes,
    require_alive,
    require_same,
    see,
)
from tests.host.refusals import refuse

PROTECTIONS = [(mode, seal) for mode in ("paper", "prior", "strict", "orthogonal") for seal in (0.0, 1.0)]
BY_LAYER = [("prior", 1.0), ("orthogonal", 0.0), ("orthogonal", 1.0)]  # what is no operator on the text alone
SMALL = {"steps": 3, "pixels": 64}
CHANGED = ("attn2.to_k.weight", "attn2.to_v.weight")


def name_file(mode: str, seal: float) -> str:
    return f"{mode}_erased" if seal else mode


def test_every_mode_erases_and_leaves_the_original_as_it_is(client: Client) -> None:
    before = ModelGraph()
    hashed, drawn = before.hash(), before.sample(**SMALL)
    first = client.run(before)

    graph = ModelGraph()
    erased = {each: graph.iterate(epochs=0, mode=each[0], seal=each[1])[0] for each in PROTECTIONS}
    changed = {each: graph.hash(model) for each, model in erased.items()}
    redrawn = {each: graph.sample(model, **SMALL) for each, model in erased.items()}
    during = client.run(graph)
    assert graph.loader.id in during.cached(), "the model must be the very object that was hashed before"

    hashed_again, drawn_again = graph.hash(run=1), graph.sample(**SMALL)
    after = client.run(graph)
    assert read_hashes(after, hashed_again) == read_hashes(first, hashed)
    require_same(see(after, drawn_again), see(first, drawn))
    stored, effective = read_hashes(first, hashed)
    for each in PROTECTIONS:
        assert read_hashes(during, changed[each])[0] == stored
        assert difference(see(during, redrawn[each]), see(first, drawn)) >= CLEAR, each
    all_effective = {read_hashes(during, node)[1] for node in changed.values()}
    assert len(all_effective - {effective}) == len(PROTECTIONS), "no two of them are the same"


@pytest.mark.parametrize(("mode", "seal"), [("strict", 0.0), ("prior", 1.0), ("orthogonal", 1.0)])
def test_the_first_edit_alone_is_what_edit_model_does(client: Client, mode: str, seal: float) -> None:
    graph = ModelGraph()
    iterated, edited = graph.iterate(epochs=0, mode=mode, seal=seal), graph.edit(mode=mode, seal=seal)
    nodes = graph.hash(iterated[0]), graph.hash(edited[0])
    result = client.run(graph)
    assert read_hashes(result, nodes[0]) == read_hashes(result, nodes[1])


@pytest.mark.parametrize("mode", ["prior", "orthogonal"])
def test_the_automatic_schedule_gives_what_the_same_settings_give_by_hand(client: Client, mode: str) -> None:
    graph = ModelGraph()
    protection: dict[str, Any] = {"mode": mode, "seal": 1.0, "iteration": "cumulative"}
    found = graph.iterate(schedule="automatic", carefulness=0.0, epochs=2, **protection)
    hashed, report = graph.hash(found[0]), graph.show(found[2])
    result = client.run(graph)
    chosen = re.search(r"edit ridge ([\d.]+), (\d) epochs?: (.+)\.", result.text(report)[0])
    assert chosen, "the report says what was chosen, and why"
    assert int(chosen[2]) >= 1, "beside value erasers one epoch is made"
    ridge, epochs = float(chosen[1]), int(chosen[2])
    by_hand = [graph.iterate(edit_ridge=ridge, epochs=epochs + more, **protection) for more in (0, 1)]
    same, other = (graph.hash(node[0]) for node in by_hand)
    again = client.run(graph)
    assert read_hashes(again, same) == read_hashes(result, hashed)
    assert read_hashes(again, other) != read_hashes(result, hashed), "control"


def test_the_papers_schedule_iterates_as_the_paper_does(client: Client) -> None:
    graph = ModelGraph()
    changes: list[dict[str, Any]] = [
        {"schedule": "paper", "iteration": "cumulative", "mode": "prior", "seal": 1.0, "epochs": 3},
        {"iteration": "paper", "mode": "paper", "epochs": 1},
        {"iteration": "cumulative", "mode": "paper", "epochs": 1},
    ]
    nodes = [graph.hash(graph.iterate(**each)[0]) for each in changes]
    result = client.run(graph)
    scheduled, paper, cumulative = (read_hashes(result, node) for node in nodes)
    assert scheduled == paper != cumulative


def test_weaker_or_more_careful_value_erasure_is_another(client: Client) -> None:
    graph = ModelGraph()
    changes: list[dict[str, Any]] = [{}, {"seal": 0.5}, {"seal_caution": 0.9}, {"seal": 0.0}]
    nodes = [graph.hash(graph.iterate(epochs=0, mode="prior", **{"seal": 1.0, **each})[0]) for each in changes]
    careless = graph.hash(graph.iterate(epochs=0, mode="prior", seal=0.0, seal_caution=0.9)[0])
    result = client.run(graph)
    hashes = [read_hashes(result, node) for node in nodes]
    assert len(set(hashes)) == len(hashes)
    assert read_hashes(result, careless) == hashes[-1], "without value erasure seal_caution has no effect"


def test_a_list_of_nearly_the_same_is_erased_as_one_concept(client: Client) -> None:
    """A line a colour: what is kept is kept as well as if the lines were one."""
    colours = ("red", "green", "blue", "yellow", "purple", "orange")
    graph = ModelGraph()
    protection: dict[str, Any] = {"epochs": 0, "mode": "prior", "seal": 1.0, "seal_caution": 0.9}
    lines = "\n".join(f"a {colour} circle => a {colour} square" for colour in colours)
    listed = graph.iterate(concepts=graph.concepts(lines), **protection)[0]
    nodes = [graph.sample(model, graph.encode("a green star")) for model in (graph.model, listed)]
    erased = [graph.sample(model) for model in (graph.model, listed)]
    result = client.run(graph)
    kept, gone = (difference(*(see(result, node) for node in pair)) for pair in (nodes, erased))
    assert gone >= 100, "control: what is asked for is erased"
    assert kept < gone / 2


def test_strict_with_nothing_left_to_edit(client: Client) -> None:
    graph = ModelGraph()
    graph.hash(graph.iterate(mode="strict", free_share=1e-7)[0])
    message = (
        r"leaves nothing to edit: with a free share of 1e-07, \d+ of 128 directions are protected, and the target can "
        r"still move by \d\.\de-\d+ of itself\. Raise the free share, preserve fewer texts, or choose mode 'prior'"
    )
    with pytest.raises(NodeFailed, match=message):
        client.run(graph)
    graph = ModelGraph()
    graph.hash(graph.iterate(mode="strict", free_share=0.1)[0])
    client.run(graph)
    require_alive(client)


@pytest.fixture(scope="module")
def files(server: Server) -> tuple[Path, dict[str, Picture], Picture]:
    """The output folder with an erasure and a checkpoint of each of BY_LAYER; pictures of these; the original's."""
    graph = ModelGraph()
    original = graph.sample(**SMALL)
    drawn = {}
    for mode, seal in BY_LAYER:
        erased, name = graph.iterate(mode=mode, seal=seal), name_file(mode, seal)
        drawn[name] = graph.sample(erased[0], **SMALL)
        graph.add("ReceSaveErasure", erasure=erased[1], filename_prefix=name)
        graph.add(
            "CheckpointSave", model=erased[0], clip=graph.clip, vae=graph.vae, filename_prefix=f"checkpoints/{name}"
        )
    with Client(server.url) as client:
        result = client.run(graph)
    return server.output, {name: see(result, node) for name, node in drawn.items()}, see(result, original)


def apply(graph: ModelGraph, name: str, strength: float = 1.0, model: Output | None = None) -> Node:
    loaded = graph.add("ReceLoadErasure", file=f"{name}_00001_.safetensors")
    return graph.add(
        "ReceApplyErasure", model=model or graph.model, clip=graph.clip, erasure=loaded[0], strength=strength
    )


def test_a_file_draws_what_it_was_saved_from(client: Client, files: Any) -> None:
    _, pictures, original = files
    graph = ModelGraph()
    nodes = {
        (name, strength): graph.sample(apply(graph, name, strength)[0], **SMALL)
        for name in pictures
        for strength in (0.0, 0.5, 1.0)
    }
    result = client.run(graph)
    for name, picture in pictures.items():
        none, half, full = (see(result, nodes[name, strength]) for strength in (0.0, 0.5, 1.0))
        require_same(none, original)
        assert difference(full, picture) <= ROUNDING
        assert min(difference(half, original), difference(half, full)) > ROUNDING
        assert difference(picture, original) >= CLEAR


@pytest.mark.parametrize("name", [name_file(*each) for each in BY_LAYER])
@pytest.mark.parametrize(
    ("channels", "levels", "message"),
    [
        (32, 2, r"ReceApplyErasure .*layer by layer.*attn2\.to_[kv]\.weight has 96 rows there and 64 here\. Use a"),
        (
            48,
            3,
            r"ReceApplyErasure .*layer by layer.*has (96 rows there and no|no rows there and 96) here\. Use a model",
        ),
    ],
)
def test_it_is_refused_by_a_model_of_other_layers(
    client: Client, files: Any, name: str, channels: int, levels: int, message: str
) -> None:
    graph = ModelGraph()
    other = graph.add("ProbeModelOfOtherSizes", model=graph.model, channels=channels, levels=levels)
    graph.hash(apply(graph, name, model=other[0])[0])
    refuse(client, graph, message)


def test_an_operator_alone_fits_other_layers(client: Client) -> None:
    """The control of the above: it acts on the text, so all that must agree is the width of the embedding."""
    graph = ModelGraph()
    other = graph.add("ProbeModelOfOtherSizes", model=graph.model, channels=32, levels=3)[0]
    erasure = graph.iterate(mode="prior")[1]
    applied = graph.add("ReceApplyErasure", model=other, clip=graph.clip, erasure=erasure, strength=1.0)
    before, after = graph.hash(other), graph.hash(applied[0])
    result = client.run(graph)
    assert read_hashes(result, before)[0] == read_hashes(result, after)[0]
    assert read_hashes(result, before)[1] != read_hashes(result, after)[1]


def test_a_report_shows_what_each_layer_did(client: Client, files: Any) -> None:
    graph = ModelGraph()
    reports = {}
    for name in files[1]:
        loaded = graph.add("ReceLoadErasure", file=f"{name}_00001_.safetensors")
        report = graph.add("ReceReport", erasure=loaded[0], model=graph.model, clip=graph.clip, probes="a green star")
        reports[name] = graph.show(report[1])
    result = client.run(graph)
    for name, node in reports.items():
        drift, changes = result.text(node)[0].split("drift of each probe:")[1].split("change of each weight:")
        shares = [float(line.split("%")[0]) for line in [*drift.split("\n"), *changes.split("\n")] if "%" in line]
        assert len(shares) == 9 and min(shares) > 0.1, name


def test_checkpoints_need_nothing_of_the_pack(files: Any, bare_server: Server) -> None:
    output, pictures, original = files
    models = bare_server.base / "models" / "checkpoints"
    plain = ROOT / "demo" / "weights" / "demo.safetensors"
    for name in pictures:
        saved = shutil.move(output / "checkpoints" / f"{name}_00001_.safetensors", models / f"{name}.safetensors")
        expected = (*CHANGED, "attn2.to_out.0.bias") if name.endswith("erased") else CHANGED
        changed = list_changed(plain, saved)
        assert {ending for each in changed for ending in expected if each.endswith(ending)} == set(expected)
        assert all(each.endswith(expected) for each in changed)
    with Client(bare_server.url) as bare:
        for name, picture in pictures.items():
            graph = ModelGraph("CheckpointLoaderSimple", ckpt_name=f"{name}.safetensors")
            loaded = graph.sample(**SMALL)
            assert difference(see(bare.run(graph), loaded), picture) <= ROUNDING
            assert difference(picture, original) >= CLEAR


def list_changed(plain: Path, saved: Path) -> list[str]:
    """The diffusion model's tensors that differ between two checkpoints."""
    with safe_open(plain, framework="pt") as old, safe_open(saved, framework="pt") as new:
        names = [name for name in old.keys() if name.startswith("model.diffusion_model.")]  # noqa: SIM118
        return [name for name in names if not old.get_tensor(name).float().equal(new.get_tensor(name).float())]
