"""What nodes send the page's panels: data that JSON can hold, beside the text that other hosts show."""

from __future__ import annotations

import json

from tests.host.graphs import ModelGraph


def test_results_are_sent_as_data(client):
    graph = ModelGraph()
    iterated = graph.iterate(schedule="paper")
    attacked = graph.add(
        "ReceRedTeam",
        **{"model": graph.model, "model_under_test": iterated[0], "clip": graph.clip},
        **{"target": "a red circle", "anchor": "a blue square", "attack": "derived"},
        **{"derivation_ridge": 0.1, "ridge_scale": "auto", "norm": 1.0, "strength": 1.0, "eta": 3.0},
    )
    for source in (iterated[2], attacked[1]):
        graph.add("PreviewAny", source=source)
    outputs = client.run(graph).outputs

    (erased,) = outputs[iterated.id]["rece"]
    assert erased["kind"] == "erasure"
    assert erased["concepts"] == [{"names": ["a red circle"], "anchors": ["a blue square"]}]
    assert [epoch["epoch"] for epoch in erased["epochs"]] == [0, 1]
    assert all(isinstance(epoch[name], float) for epoch in erased["epochs"] for name in ("forgotten", "drift"))
    assert erased["others"] == [], "the small model reads tokens alone"
    assert "first edit" in erased["report"] and outputs[iterated.id]["text"]

    (attack,) = outputs[attacked.id]["rece"]
    assert attack["kind"] == "attack" and attack["target"] == "a red circle"
    assert attack["attacks"][0]["norm"] > 0
    assert json.dumps([erased, attack], allow_nan=False)


def test_the_pooled_embedding_has_its_own(client):
    graph = ModelGraph("ProbeSdxl", weights=1, words=2)
    iterated = graph.iterate(schedule="manual", epochs=1, edit_ridge=0.01)
    (erased,) = client.run(graph).outputs[iterated.id]["rece"]
    (pooled,) = erased["others"]
    assert (pooled["stream"], pooled["epoch"]) == ("pooled", 1)
    assert isinstance(pooled["forgotten"], float), "a number, not that of the tokens"
    assert pooled["forgotten"] != erased["epochs"][-1]["forgotten"]


def test_what_is_cached_is_sent_again(client):
    """Else the page would go on showing what another run gave."""
    graph = ModelGraph()
    iterated = graph.iterate(schedule="paper", concepts=graph.concepts("a red star => a blue square"))
    graph.add("PreviewAny", source=iterated[2])
    before, after = client.run(graph), client.run(graph)
    assert iterated.id in after.cached(), "a control: nothing was computed again"
    assert after.outputs[iterated.id]["rece"] == before.outputs[iterated.id]["rece"]
