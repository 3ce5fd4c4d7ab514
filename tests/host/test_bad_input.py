"""Bad input to the nodes that erase: the message names the value, what was expected and the fix; nothing is harmed."""

from __future__ import annotations

import pytest

from harness.client import Client
from harness.server import Server
from tests.host.graphs import ModelGraph, difference, see
from tests.host.loras import write_broken_lora, write_flattening_lora
from tests.host.refusals import refuse_unharmed


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ("", r"ReceConcepts .*no target was given\. Write at least one, a line each"),
        (" ".join(["circle"] * 76), r"'circle circle.*'… is 76 tokens long; expected at most 75.*Shorten it"),
    ],
)
def test_targets(client: Client, targets: str, message: str) -> None:
    graph = ModelGraph()
    graph.hash(graph.iterate(concepts=graph.concepts(targets))[0])
    refuse_unharmed(client, graph, message)


def test_more_than_the_memory_holds_is_told_before_the_long_work(client: Client) -> None:
    graph = ModelGraph()
    many = "\n".join(f"circle {number} => square" for number in range(60_000))
    graph.hash(graph.iterate(concepts=graph.concepts(many), epochs=50)[0])
    refuse_unharmed(
        client, graph, r"erasure needs at least \d+\.\d GB of memory, and \d+\.\d GB are available: the text.* 128 wide"
    )


def test_75_tokens_are_not_too_many(client: Client) -> None:
    graph = ModelGraph()
    graph.hash(graph.iterate(concepts=graph.concepts(" ".join(["circle"] * 75)))[0])
    client.run(graph)


def test_deriving_without_a_target(client: Client) -> None:
    graph = ModelGraph()
    graph.show(graph.derive(graph.model, target=" ")[1])
    refuse_unharmed(client, graph, "ReceDeriveEmbedding .*the target is empty; expected the prompt to bring back")


def test_a_model_of_an_unknown_family(client: Client) -> None:
    graph = ModelGraph()
    other = graph.add("ProbeModelOfUnknownFamily")
    graph.hash(graph.iterate(model=other[0])[0])
    refuse_unharmed(client, graph, r"this model, Hunyuan3Dv2, is of no family known here: .*say which weights read")


def test_two_models_of_different_structure(client: Client) -> None:
    graph = ModelGraph()
    graph.show(graph.derive(graph.add("ProbeModelOfUnknownFamily")[0])[1])
    refuse_unharmed(client, graph, "is of no family known here")


def test_an_edit_ridge_of_zero_where_the_system_is_singular(client: Client) -> None:
    graph = ModelGraph()
    graph.hash(graph.iterate(edit_ridge=0.0, preserve_scale=0.0)[0])
    refuse_unharmed(client, graph, r"edit ridge is 0, which leaves a system that is singular .*Raise the edit ridge")


def test_a_derivation_ridge_of_zero_where_the_system_is_singular(client: Client, server: Server) -> None:
    """A LoRA that cancels one direction of all text entries leaves weights that nothing can invert."""
    write_flattening_lora(server, "flat.safetensors")
    graph = ModelGraph()
    flat = graph.lora("flat.safetensors")
    graph.show(graph.derive(flat, derivation_ridge=0.0)[1])
    refuse_unharmed(
        client, graph, r"derivation ridge is 0, which leaves a system that is singular .*Raise the derivation"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["iterate", "derive"])
def test_weights_that_are_no_numbers(client: Client, server: Server, value: float, kind: str) -> None:
    name = write_broken_lora(server, "broken.safetensors", value)
    graph = ModelGraph()
    broken = graph.lora("broken.safetensors")
    if kind == "iterate":
        graph.hash(graph.iterate(model=broken)[0])
    else:
        graph.show(graph.derive(broken)[1])
    refuse_unharmed(client, graph, rf"{name} holds NaN or infinite numbers")


def test_parentheses_are_literal(client: Client) -> None:
    """Derived from the unedited model, the embedding is the target's own."""
    target = "a (big:1.3) circle"
    graph = ModelGraph()
    derived = graph.sample(positive=graph.derive(graph.model, target=target, derivation_ridge=1e-7)[0])
    literal = graph.sample(positive=graph.encode(r"a \(big:1.3\) circle"))
    weighted = graph.sample(positive=graph.encode(target))
    result = client.run(graph)
    close = difference(see(result, derived), see(result, literal))
    assert close < difference(see(result, derived), see(result, weighted)) / 4


FULL = (
    r"memory ran out \(CUDA out of memory. Tried to allocate 20.00 GiB\). No model was changed. "
    r"To make it fit, {}close what else uses the GPU, or start ComfyUI with --lowvram."
)


@pytest.mark.parametrize("node", ["iterate", "edit"])
def test_memory_that_runs_out_while_erasing(client: Client, node: str) -> None:
    graph = ModelGraph()
    full = graph.add("ProbeFullMemory", model=graph.model)[0]
    graph.hash(getattr(graph, node)(model=full)[0])
    refuse_unharmed(client, graph, FULL.format(r"erase fewer concepts at once, choose mode 'paper' with seal 0, "))


def test_memory_that_runs_out_while_attacking(client: Client) -> None:
    graph = ModelGraph()
    full = graph.add("ProbeFullMemory", model=graph.model)[0]
    graph.show(graph.derive(full)[1])
    refuse_unharmed(client, graph, FULL.format(""))
