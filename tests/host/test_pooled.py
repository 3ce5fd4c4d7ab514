"""The second path: models that read a pooled embedding of the text beside its tokens, in the host itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from harness.client import Client, NodeFailed
from harness.graph import Node, Output
from harness.server import Server
from tests.host.graphs import ON_CPU, ModelGraph, see

CAPTIONS = "captions_pooled.txt"
LABEL = "label_emb.0.0"
ATTENTION = 2 * 4  # keys and values of the four blocks that the small model has
SAME, APART = 1e-4 if ON_CPU else 1e-3, 1e-2  # a GPU forms the products of convolutions in TF32


class PooledGraph(ModelGraph):
    """A graph around a small SDXL."""

    def __init__(self, weights: int = 1, words: int = 2) -> None:
        super().__init__("ProbeSdxl", weights=weights, words=words)

    def erase(self, **changes: Any) -> Node:
        """RECE Iterate, one epoch, the captions of a file as the prior."""
        return self.iterate(concepts=self.concepts(captions=CAPTIONS), **{"edit_ridge": 0.01, **changes})

    def draw(self, model: Output, positive: Output) -> Output:
        """LATENT after two steps."""
        return self.add(
            "KSampler",
            model=model,
            seed=7,
            steps=2,
            cfg=1.0,
            sampler_name="euler",
            scheduler="normal",
            positive=positive,
            negative=positive,
            latent_image=self.add("EmptyLatentImage", width=64, height=64, batch_size=1)[0],
            denoise=1.0,
        )[0]

    def compare(self, first: Output, second: Output) -> Node:
        """How far two latents are apart."""
        return self.show(self.add("ProbeLatentDifference", first=first, second=second)[0])

    def move(self, conditioning: Output, erasure: Output) -> Output:
        """M c for its tokens, M p for its pooled embedding where the erasure has a part for it."""
        return self.add("ProbeApplyOperator", conditioning=conditioning, erasure=erasure)[0]


@pytest.fixture(autouse=True)
def captions(server: Server) -> Iterator[Path]:
    """A few captions in the input folder, so that a prior takes no minute."""
    path = server.base / "input" / CAPTIONS
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "".join(f"a {colour} {thing}\n" for colour in ("green", "old") for thing in ("cat", "car", "house"))
    )
    yield path
    path.unlink()


def test_given_a_text_the_edited_model_draws_what_the_original_draws_given_both_operators(client: Client) -> None:
    graph = PooledGraph()
    both, tokens = graph.erase(), graph.erase(pooled=False)
    text = graph.encode("a red circle on a table")
    edited, half = graph.draw(both[0], text), graph.draw(tokens[0], text)
    expected, expected_half = (graph.draw(graph.model, graph.move(text, each[1])) for each in (both, tokens))
    found = [graph.compare(*pair) for pair in ((edited, expected), (half, expected_half))]
    apart = [graph.compare(*pair) for pair in ((edited, half), (half, graph.draw(graph.model, text)))]
    told = [graph.show(each[2]) for each in (both, tokens)]
    result = client.run(graph)
    for node in found:
        assert float(result.text(node)[0]) < SAME
    for node in apart:  # controls: the second path matters, and so does the first
        assert float(result.text(node)[0]) > APART
    (on,), (off,) = (result.text(node) for node in told)
    assert "conditioning input 'tokens'" in on and "conditioning input 'pooled'" in on and "left alone" not in on
    assert "conditioning input 'pooled' is left alone: switched off" in off and "conditioning input 'tokens'" not in off


@pytest.mark.parametrize("changes", [{"seal": 1.0}, {"mode": "orthogonal"}], ids=lambda each: str(each))
def test_only_what_reads_the_text_changes(client: Client, changes: dict[str, Any]) -> None:
    graph = PooledGraph()
    changed = graph.show(
        graph.add("ProbeChangedWeights", first=graph.model, second=graph.erase(epochs=0, **changes)[0])[0]
    )
    alone = graph.erase(epochs=0, pooled=False, **changes)[0]
    tokens = graph.show(graph.add("ProbeChangedWeights", first=graph.model, second=alone)[0])
    result = client.run(graph)
    found, without = (
        {name: (int(start), int(stop)) for name, start, stop in map(str.split, result.text(node)[0].splitlines())}
        for node in (changed, tokens)
    )
    assert found.pop(f"{LABEL}.weight") == (0, 1280), "of 2816 columns, those of the pooled embedding"
    assert (found.pop(f"{LABEL}.bias", None) is not None) == (changes.get("seal", 0) > 0)
    assert found == without
    attention = [name for name in found if re.search(r"\.attn2\.to_[kv]\.weight$", name)]
    biases = [name for name in found if name.endswith(".attn2.to_out.0.bias")]
    assert len(attention) == ATTENTION
    assert len(biases) == (ATTENTION // 2 if changes.get("seal") else 0)
    assert len(found) == len(attention) + len(biases)


def test_the_saved_model_has_the_change_in_those_columns_alone(client: Client, server: Server) -> None:
    graph = PooledGraph()
    for name, model in (("before", graph.model), ("after", graph.erase(epochs=0)[0])):
        graph.add("ModelSave", model=model, filename_prefix=f"pooled_{name}")
    client.run(graph)
    saved = [server.output / f"pooled_{name}_00001_.safetensors" for name in ("before", "after")]
    weights = []
    for path in saved:
        with safe_open(path, framework="pt") as file:
            weights.append(file.get_tensor(f"model.diffusion_model.{LABEL}.weight"))
        path.unlink()
    changed = weights[0] != weights[1]
    assert changed[:, :1280].any(0).all() and not changed[:, 1280:].any()


def test_what_is_derived_from_the_unedited_model_is_the_target_in_both_inputs(client: Client) -> None:
    graph = PooledGraph()
    derived = graph.derive(graph.model, derivation_ridge=1e-4, ridge_scale="relative")
    measures = graph.show(derived[1])
    target, other = graph.encode("a red circle"), graph.encode("a blue square")
    near, far = (graph.compare(graph.draw(graph.model, target), each) for each in (
        graph.draw(graph.model, derived[0]), graph.draw(graph.model, other)))  # fmt: skip
    edited = graph.show(graph.derive(graph.erase(epochs=0)[0], ridge_scale="relative")[1])
    result = client.run(graph)
    lines = result.text(measures)[0].splitlines()
    assert len(lines) == 2 and lines[1].startswith("its pooled embedding: forgotten")
    for line in lines:
        assert 99 < float(line.split("recoverable ")[1].split("%")[0]) < 101
    assert float(result.text(near)[0]) < 0.1 * float(result.text(far)[0])
    assert all("forgotten 0.0%" not in line for line in result.text(edited)[0].splitlines())


def test_the_report_has_a_part_for_each_input(client: Client) -> None:
    graph = PooledGraph()
    inputs = {"erasure": graph.erase(epochs=0)[1], "model": graph.model, "clip": graph.clip, "probes": "a green star"}
    report = graph.add("ReceReport", **inputs)
    shown, told = graph.add("PreviewImage", images=report[0]), graph.show(report[1])
    result = client.run(graph)
    assert see(result, shown).shape == (1600, 1000, 3)
    (text,) = result.text(told)
    for cond_input in ("tokens", "pooled"):
        assert f"drift of each probe in conditioning input '{cond_input}'" in text
    assert f"{LABEL}.weight" in text


def test_an_erasure_goes_onto_other_weights_and_says_what_is_exact_there(client: Client) -> None:
    graph = PooledGraph()
    other = graph.add("ProbeSdxl", weights=5, words=2)
    erasure = graph.erase(epochs=0)[1]
    told = []
    for model in (graph.model, other[0]):
        applied = graph.add("ReceApplyErasure", model=model, clip=graph.clip, erasure=erasure, strength=1.0)
        told.append(graph.show(applied[1]))
    text = graph.encode("a red circle")
    found = graph.compare(graph.draw(applied[0], text), graph.draw(other[0], graph.move(text, erasure)))
    result = client.run(graph)
    same, others = (result.text(node)[0].splitlines() for node in told)
    assert [line.split(":")[0] for line in same] == [
        "conditioning input 'tokens'",
        "conditioning input 'pooled'",
        "weights are stored as float32",
    ]
    assert all("made on these weights" in line for line in same[:2])
    assert all("its first edit is exact" in line for line in others[:2])
    assert float(result.text(found)[0]) < SAME


def test_a_width_that_fits_with_another_text_encoder_is_refused(client: Client) -> None:
    graph = PooledGraph()
    other = graph.add("ProbeSdxl", weights=1, words=9)
    applied = graph.add(
        "ReceApplyErasure", model=graph.model, clip=other[1], erasure=graph.erase(epochs=0)[1], strength=1.0
    )
    graph.show(applied[1])
    with pytest.raises(
        NodeFailed, match=r"made for another text encoder, .*\(conditioning input 'tokens'\).* or erase again"
    ):
        client.run(graph)


def test_the_user_may_say_which_weights_read_the_text(client: Client) -> None:
    graph = PooledGraph()
    erased = graph.erase(text_weights="output_blocks.*.attn2.to_[kv].weight")[0]
    changed = graph.show(graph.add("ProbeChangedWeights", first=graph.model, second=erased)[0])
    names = [line.split()[0] for line in client.run(graph).text(changed)[0].splitlines()]
    assert names and all(re.match(r"output_blocks\..*\.attn2\.to_[kv]\.weight", name) for name in names)
