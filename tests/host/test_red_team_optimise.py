"""RECE Red Team Optimise: what gradients find, and that they leave everything as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from harness.client import Client, Interrupted
from tests.host.attacks import TARGET, AttackGraph, count_circles
from tests.host.graphs import (
    ROUNDING,
    ModelGraph,
    difference,
    read_hashes,
    read_progress,
    require_alive,
    require_same,
    see,
)
from tests.host.refusals import refuse_unharmed

LOSS = 3


def test_optimised_tokens_bring_the_target_back_from_the_first_edit(client: Client) -> None:
    graph = AttackGraph()
    edited = graph.edit()
    by_name = graph.draw(graph.encode(TARGET), edited)
    attack = graph.optimise(edited, steps=40)
    drawn = graph.draw(attack[0], edited)
    found, measures = graph.show(attack[1]), graph.show(attack[2])
    result = client.run(graph)
    assert count_circles(result, by_name) == 0, "control"
    assert count_circles(result, drawn) >= 0.6
    assert result.text(found) == [""]
    assert result.text(measures)[0].startswith(f"{TARGET!r} by 'concept inversion': loss ")


def test_words_that_are_found_are_a_prompt(client: Client) -> None:
    graph = AttackGraph()
    attack = graph.optimise(graph.edit(), attack="discrete tokens", steps=10)
    found = graph.show(attack[1])
    sampled = graph.sample(positive=attack[0])
    (prompt,) = (result := client.run(graph)).text(found)
    words = prompt.removesuffix(TARGET).split()
    assert len(words) == 4
    assert all(word.isalpha() for word in words)

    typed = AttackGraph()
    again = typed.sample(positive=typed.encode(prompt))
    assert difference(see(client.run(typed), again), see(result, sampled)) <= ROUNDING


def test_a_free_embedding_fits_better_with_every_step(client: Client) -> None:
    graph = AttackGraph()
    edited, pictures = graph.edit(), graph.pictures()
    inputs = {"attack": "free embedding", "latent": pictures}
    losses = [graph.show(graph.optimise(edited, **inputs, steps=steps)[LOSS]) for steps in (1, 15)]
    result = client.run(graph)
    short, long = (float(result.text(node)[0]) for node in losses)
    assert long < 0.8 * short


def test_gradients_run_through_the_weights_as_they_are_patched(client: Client) -> None:
    """LoRAs, differences and merges: the loss is that of the patched model, and no other."""
    graph = AttackGraph()
    erased, pictures = graph.edit(), graph.pictures()
    merges = [graph.add("ModelMergeSimple", model1=erased, model2=graph.model, ratio=ratio)[0] for ratio in (1.0, 0.0)]
    models = (graph.model, erased, *merges)
    shown = [graph.show(graph.optimise(model, steps=1, latent=pictures)[LOSS]) for model in models]
    result = client.run(graph)
    original, edited, as_edited, as_original = (float(result.text(node)[0]) for node in shown)
    assert edited > 1.1 * original
    assert as_edited == pytest.approx(edited, rel=1e-3)
    assert as_original == pytest.approx(original, rel=1e-3)


def test_each_attack_knows_its_learning_rate(client: Client) -> None:
    graph = AttackGraph()
    inputs = {"steps": 5, "latent": graph.pictures()}
    shown = [graph.show(graph.optimise(**inputs, learning_rate=rate)[LOSS]) for rate in (0.0, 0.1, 1.0)]
    result = client.run(graph)
    own, same, other = (float(result.text(node)[0]) for node in shown)
    assert own == same
    assert own != other


def test_pictures_come_as_images_or_as_latents(client: Client) -> None:
    graph = AttackGraph()
    images = graph.add("EmptyImage", width=128, height=64, batch_size=2, color=0xCC2222)[0]
    latent = graph.add("VAEEncode", pixels=images, vae=graph.vae)[0]
    from_images = graph.optimise(latent=None, images=images, vae=graph.vae)
    from_latent = graph.optimise(latent=latent)
    drawn = graph.optimise()
    losses = [graph.show(node[LOSS]) for node in (from_images, from_latent, drawn)]
    result = client.run(graph)
    one, other, own = (float(result.text(node)[0]) for node in losses)
    assert one == pytest.approx(other)
    assert one != pytest.approx(own, rel=0.01)


def test_cancelled_in_the_middle_everything_is_as_it_was(client: Client) -> None:
    plain = ModelGraph()
    hashed, drawn = plain.hash(), plain.sample()
    before = client.run(plain)

    graph = AttackGraph()
    attack = graph.optimise(graph.model, steps=10000)
    graph.show(attack[2])
    asked: list[float] = []

    def cancel(kind: str, data: Mapping[str, Any]) -> None:
        if kind == "progress" and data["node"] == attack.id and data["value"] > 25 and not asked:
            asked.append(data["value"])
            client.interrupt()

    with pytest.raises(Interrupted, match="cancelled in ReceRedTeamOptimise"):
        client.run(graph, on_message=cancel)
    assert asked, "it was not the middle"

    again = ModelGraph()
    hashed_again, drawn_again = again.hash(run=1), again.sample()
    after = client.run(again)
    assert again.loader.id in after.cached(), "the model must be the very object that was attacked"
    assert read_hashes(after, hashed_again) == read_hashes(before, hashed)
    require_same(see(after, drawn_again), see(before, drawn))
    require_alive(client)


def test_progress_says_the_loss(client: Client) -> None:
    graph = AttackGraph()
    attack = graph.optimise(steps=30)  # not all are told, but some each second
    graph.show(attack[2])
    messages = client.run(graph).messages
    steps = read_progress(messages, attack.id)
    assert steps[-1][0] == steps[-1][1]
    told = [data["text"] for kind, data in messages if kind == "progress_text" and data["node"] == attack.id]
    assert any(re.match(r"step \d+ of 30: loss 0\.\d{4}$", text) for text in told)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": ""}, r"target is empty"),
        ({"tokens": 73}, r"73 tokens before the 3 of 'a red circle' make 76; expected at most 75.*Ask for fewer"),
        ({"latent": None}, r"no pictures of the target are connected\. Connect images and a VAE, or an empty latent"),
    ],
)
def test_bad_input(client: Client, changes: dict[str, Any], message: str) -> None:
    graph = AttackGraph()
    graph.show(graph.optimise(**changes)[2])
    refuse_unharmed(client, graph, f"ReceRedTeamOptimise .*{message}")


@pytest.mark.parametrize(
    ("width", "count", "message"),
    [
        (100, 1, r"images are 100 x 128 pixels; expected multiples of 8 on both sides\. Resize or crop"),
        (128, 65, r"65 images were given; expected 1 to 64"),
    ],
)
def test_images_that_do_not_fit(client: Client, width: int, count: int, message: str) -> None:
    graph = AttackGraph()
    images = graph.add("EmptyImage", width=width, height=128, batch_size=count, color=0)[0]
    graph.show(graph.optimise(latent=None, images=images, vae=graph.vae)[2])
    refuse_unharmed(client, graph, message)


def test_images_without_a_vae(client: Client) -> None:
    graph = AttackGraph()
    images = graph.add("EmptyImage", width=128, height=128, batch_size=1, color=0)[0]
    graph.show(graph.optimise(images=images)[2])
    refuse_unharmed(client, graph, r"images are connected, but no VAE to encode them\. Connect the VAE")


def test_models_that_gradients_cannot_attack(client: Client) -> None:
    graph = AttackGraph()
    graph.show(graph.optimise(clip=graph.add("ProbeNarrowClip")[0])[2])
    refuse_unharmed(client, graph, r"embeddings of width 64, but the model reads width 128\. Connect the CLIP")


def test_memory_that_runs_out_for_gradients(client: Client) -> None:
    graph = AttackGraph()
    full = graph.add("ProbeFullMemory", model=graph.model)[0]
    graph.show(graph.optimise(full)[LOSS])
    message = r"memory ran out \(CUDA out of memory.*GiB\). No model was changed. To make it fit, lower batch_size"
    refuse_unharmed(client, graph, message)
