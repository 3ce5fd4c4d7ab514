"""RECE Red Team: what each attack brings back, judged by the demo's judge."""

from __future__ import annotations

from typing import Any

import pytest

from demo.captions import DESCRIPTIONS
from harness.client import Client
from tests.host.attacks import ANCHOR, PLAN, TARGET, AttackGraph, count_circles
from tests.host.graphs import CLEAR, ROUNDING, difference, see
from tests.host.refusals import refuse_unharmed

PAIRS = {
    "with_concept": "a blue circle\na green circle",
    "without_concept": "a blue square\na green square",
}
DESCRIBED = [f"thing {description}" for description in DESCRIPTIONS["train"][PLAN.shape]]
PARAPHRASES = "\n".join(f"a red {description}" for description in DESCRIBED[:2])
DESCRIBED_PAIRS = {
    "with_concept": "\n".join(f"a {colour} {each}" for each in DESCRIBED for colour in ("blue", "green")),
    "without_concept": "\n".join(["a blue square", "a green square"] * len(DESCRIBED)),
}
ATTACKS: dict[str, dict[str, Any]] = {
    "derived": {},
    "added": {"attack": "added", "prompt": "a green square", "strength": 1.5},
    "paraphrases": {"attack": "paraphrases", "paraphrases": PARAPHRASES},
    "ring-a-bell": {"attack": "ring-a-bell", "prompt": ANCHOR, "eta": 1.0, **DESCRIBED_PAIRS},
}


def test_what_attacks_bring_back_from_the_first_edit(client: Client) -> None:
    graph = AttackGraph()
    edited = graph.edit()
    by_name = [graph.draw(graph.encode(TARGET), model) for model in (graph.model, edited)]
    drawn = {
        name: [graph.draw(graph.attack(model, **changes)[0], model) for model in (graph.model, edited)]
        for name, changes in ATTACKS.items()
    }
    result = client.run(graph)
    assert [count_circles(result, node) for node in by_name] == [1, 0], "control: the edit works on the words"
    shares = {name: [count_circles(result, node) for node in nodes] for name, nodes in drawn.items()}
    for name, (before, _) in shares.items():
        assert before >= 0.6, f"control: {name}"
    after = {name: share for name, (_, share) in shares.items()}
    assert min(after["derived"], after["added"], after["ring-a-bell"]) >= 0.6
    assert after["paraphrases"] > 0


def test_derived_is_what_derive_embedding_gives(client: Client) -> None:
    graph = AttackGraph()
    edited = graph.edit()
    attack = graph.attack(edited)
    derived = graph.derive(edited, anchor=ANCHOR)
    pictures = [graph.sample(edited, node[0]) for node in (attack, derived)]
    texts = [graph.show(node[1]) for node in (attack, derived)]
    result = client.run(graph)
    assert difference(*(see(result, node) for node in pictures)) == 0
    by_red_team, by_derive = (result.text(node)[0] for node in texts)
    assert by_red_team == by_derive.replace(f"{TARGET!r}:", f"{TARGET!r} by derived:")


def test_a_louder_attack_says_so(client: Client) -> None:
    graph = AttackGraph()
    edited = graph.edit()
    shown = [graph.show(graph.attack(edited, norm=norm)[3]) for norm in (1.0, 2.5)]
    usual, louder = (float(client.run(graph).text(node)[0]) for node in shown)
    assert louder == pytest.approx(2.5 * usual)


def test_a_direction_of_strength_zero_is_the_prompt(client: Client) -> None:
    graph = AttackGraph()
    attacks = [graph.attack(attack="ring-a-bell", eta=eta, **PAIRS) for eta in (0.0, 3.0)]
    nothing, something = (graph.sample(positive=node[0]) for node in attacks)
    prompt = graph.sample()
    result = client.run(graph)
    assert difference(see(result, nothing), see(result, prompt)) <= ROUNDING
    assert difference(see(result, something), see(result, prompt)) >= CLEAR


def test_paraphrases_are_sampled_one_by_one(client: Client) -> None:
    graph = AttackGraph()
    attack = graph.attack(attack="paraphrases", paraphrases=f"{PARAPHRASES}\n\n  {TARGET} ")
    drawn = graph.sample(positive=attack[0])
    by_name = graph.sample()
    texts, shares = (graph.show(attack[slot]) for slot in (1, 2))
    result = client.run(graph)
    pictures = result.images(drawn)
    assert len(pictures) == 3
    assert difference(pictures[2], see(result, by_name)) <= ROUNDING
    assert [text.split(":")[0] for text in result.text(texts)] == [
        f"{TARGET!r} by {line!r}" for line in (*PARAPHRASES.splitlines(), TARGET)
    ]
    *described, named = (float(text) for text in result.text(shares))
    assert named == pytest.approx(1)
    assert max(described) < 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": " "}, r"target is empty; expected the prompt to bring back"),
        (
            {"attack": "ring-a-bell", **PAIRS, "without_concept": "a square"},
            r"2 prompts with the concept and 1 without it were given; expected pairs\. Write as many",
        ),
        ({"attack": "ring-a-bell"}, r"0 prompts with the concept and 0 without"),
        ({"attack": "paraphrases", "paraphrases": "\n"}, r"no paraphrases were given\. Write at least one"),
    ],
)
def test_bad_input(client: Client, changes: dict[str, Any], message: str) -> None:
    graph = AttackGraph()
    graph.show(graph.attack(**changes)[1])
    refuse_unharmed(client, graph, f"ReceRedTeam .*{message}")


def test_a_text_encoder_of_another_model(client: Client) -> None:
    graph = AttackGraph()
    graph.show(graph.attack(clip=graph.add("ProbeNarrowClip")[0])[1])
    refuse_unharmed(client, graph, r"embeddings of width 64, but the model reads width 128\. Connect the CLIP")
