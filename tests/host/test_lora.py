"""LoRAs in the chain: those before RECE Iterate are erased too, those after it lie on top."""

from __future__ import annotations

from harness.client import Client
from harness.server import Server
from tests.host.graphs import CLEAR, ROUNDING, ModelGraph, difference, see
from tests.host.loras import write_random_lora


def test_a_lora_before_is_erased_too_and_one_after_is_not(client: Client, server: Server) -> None:
    write_random_lora(server, "random.safetensors")
    graph = ModelGraph()
    before = graph.lora("random.safetensors")
    erased = graph.iterate(model=before)
    texts = graph.encode("a red circle"), graph.encode("")
    moved = [graph.add("ProbeApplyOperator", conditioning=text, erasure=erased[1])[0] for text in texts]
    edited, on_moved = graph.sample(erased[0], *texts), graph.sample(before, *moved)
    only_lora, original = graph.sample(before, *texts), graph.sample(graph.model, *texts)
    plain = graph.iterate()[0]
    only_erased, after = graph.sample(plain, *texts), graph.sample(graph.lora("random.safetensors", plain), *texts)

    result = client.run(graph)
    assert difference(see(result, only_lora), see(result, original)) >= CLEAR, "control: the LoRA shows"
    assert difference(see(result, edited), see(result, on_moved)) <= ROUNDING
    assert difference(see(result, edited), see(result, only_lora)) >= CLEAR
    assert difference(see(result, after), see(result, only_erased)) >= CLEAR
    assert difference(see(result, after), see(result, edited)) > ROUNDING
