"""The values of choices are frozen: a saved workflow holds them as text, and the host refuses unknown ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

RIDGE_SCALES = {"ridge_scale": {"auto", "absolute", "relative"}}
EDIT = RIDGE_SCALES | {
    "tokens": {"from subject", "all", "last"},
    "mode": {"paper", "prior", "strict", "orthogonal"},
}
KINDS = {"nudity", "unsafe", "style", "hard object", "easy object", "custom"} | {
    "gore",
    "weapons",
    "artist",
    "character or brand",
    "celebrity",
    "watermark",
}
# Add to them, never take away.
OPTIONS: dict[str, dict[str, set[str]]] = {
    "ReceErase": {"kind": KINDS},
    "ReceConcepts": {
        "kind": KINDS,
        "phrasings": {"as typed", "by kind"},
        "captions": {"everyday captions"},
    },
    "ReceCountNudity": {"classes": {"paper", "all"}},
    "ReceDemoModel": {"model": {"emoji", "emoji, U-Net", "shapes"}},
    "ReceDeriveEmbedding": RIDGE_SCALES,
    "ReceEditModel": EDIT,
    "ReceIterate": EDIT | {"schedule": {"automatic", "paper", "manual"}, "iteration": {"paper", "cumulative"}},
    "ReceRedTeam": RIDGE_SCALES | {"attack": {"derived", "added", "ring-a-bell", "paraphrases"}},
    "ReceSaveErasure": {"format": {"operator", "LoRA", "LoRA for diffusers"}},
    "ReceRedTeamOptimise": {"attack": {"concept inversion", "discrete tokens", "free embedding"}},
}
FILES = {("ReceLoadErasure", "file"), ("RecePromptList", "file")}  # what lies in folders


@pytest.mark.parametrize("node", OPTIONS)
def test_what_workflows_hold_is_still_there(object_info: Mapping[str, Any], node: str) -> None:
    inputs = {name: told for group in object_info[node]["input"].values() for name, told in group.items()}
    for name, options in OPTIONS[node].items():
        assert options <= set(inputs[name][1]["options"]), name


def test_every_choice_is_frozen(object_info: Mapping[str, Any]) -> None:
    """One that is new is to be written above."""
    found = {
        (node, name)
        for node, info in object_info.items()
        if info["category"] == "RECE"
        for inputs in info["input"].values()
        for name, told in inputs.items()
        if told[0] == "COMBO"
    }
    assert found == FILES | {(node, name) for node, names in OPTIONS.items() for name in names}
