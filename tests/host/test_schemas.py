"""What the host tells of the nodes: ids and inputs are frozen, everything is explained."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from harness.environment import ROOT
from harness.server import PACK_NAME, Server

EDIT = ["erase_scale", "preserve_scale", "edit_ridge", "tokens", "ridge_scale"]
PROTECTION = ["mode", "prior_scale", "free_share", "seal", "seal_caution"]
# Saved workflows know nodes and inputs by these names: add to them, never change them.
INPUTS = {
    "ReceApplyErasure": ["model", "clip", "erasure", "strength"],
    "ReceCompare": ["before", "after", "prompts", "headings", "third"],
    "ReceConcepts": ["kind", "targets", "default_anchor", "preserve", "phrasings", "captions", "embeddings"],
    "ReceCountNudity": ["images", "classes", "threshold"],
    "ReceDemoModel": ["model"],
    "ReceDeriveEmbedding": [
        *("model", "edited_model", "clip", "target", "anchor", "derivation_ridge", "ridge_scale", "text_weights"),
    ],
    "ReceEditModel": ["model", "clip", "concepts", *EDIT, *PROTECTION, "pooled", "text_weights"],
    "ReceIterate": [
        *("model", "clip", "concepts", "schedule", "thoroughness", "carefulness"),
        *("iteration", "epochs", "derivation_ridge"),
        *EDIT,
        *PROTECTION,
        *("probes", "pooled", "text_weights"),
    ],
    "ReceLoadErasure": ["file"],
    "RecePromptList": ["file", "start", "count", "table"],
    "ReceRedTeam": [
        *("model", "model_under_test", "clip", "target", "anchor", "attack", "derivation_ridge", "ridge_scale"),
        *("norm", "strength", "eta", "prompt", "with_concept", "without_concept", "paraphrases"),
        "text_weights",
    ],
    "ReceRedTeamOptimise": [
        *("model", "model_under_test", "clip", "target", "attack", "tokens", "steps", "learning_rate", "batch_size"),
        *("seed", "latent", "images", "vae"),
    ],
    "ReceReport": ["erasure", "model", "clip", "probes", "edited_model"],
    "ReceSaveCheckpoint": ["model", "clip", "vae", "erasure", "filename_prefix"],
    "ReceSaveErasure": ["erasure", "filename_prefix", "format", "rank", "model"],
    "ReceTally": ["case", "images", "counts"],
}
OUTPUTS = {
    "ReceApplyErasure": ["MODEL", "STRING"],
    "ReceCompare": ["IMAGE"],
    "ReceConcepts": ["RECE_CONCEPTS", "INT"],
    "ReceCountNudity": ["IMAGE", "IMAGE", "RECE_COUNTS", "INT", "STRING"],
    "ReceDemoModel": ["MODEL", "CLIP", "VAE"],
    "ReceDeriveEmbedding": ["CONDITIONING", "STRING", "FLOAT", "FLOAT"],
    "ReceEditModel": ["MODEL", "RECE_ERASURE"],
    "ReceIterate": ["MODEL", "RECE_ERASURE", "STRING"],
    "ReceLoadErasure": ["RECE_ERASURE", "STRING"],
    "RecePromptList": ["STRING", "INT", "FLOAT", "INT", "INT", "RECE_CASE"],
    "ReceRedTeam": ["CONDITIONING", "STRING", "FLOAT", "FLOAT"],
    "ReceRedTeamOptimise": ["CONDITIONING", "STRING", "STRING", "FLOAT"],
    "ReceReport": ["IMAGE", "STRING"],
    "ReceSaveCheckpoint": ["STRING"],
    "ReceSaveErasure": ["STRING"],
    "ReceTally": ["STRING"],
}
# Widgets that everybody sees; the page folds away all others of these nodes, where it folds: in newer Nodes 2.0.
SHOWN = {
    "ReceConcepts": {"kind", "targets", "default_anchor", "preserve"},
    "ReceEditModel": {"erase_scale", "preserve_scale", "edit_ridge", "mode", "seal"},
    "ReceIterate": {"schedule", "thoroughness", "carefulness", "mode", "seal"},
}
SOCKETS = {"model", "clip", "concepts", "embeddings"}


def test_the_nodes_are_these(object_info: Mapping[str, Any]) -> None:
    """A name that disappears breaks saved workflows: see "Renaming a node" in CONTRIBUTING.md first."""
    assert sorted(name for name in object_info if name.startswith("Rece")) == sorted(INPUTS)
    assert sorted(name for name, info in object_info.items() if info["category"] == "RECE") == sorted(INPUTS)


@pytest.mark.parametrize("node", INPUTS)
def test_names_and_types_that_workflows_rely_on(object_info: Mapping[str, Any], node: str) -> None:
    order = object_info[node]["input_order"]
    assert [*order.get("required", []), *order.get("optional", [])] == INPUTS[node]
    assert object_info[node]["output"] == OUTPUTS[node]


@pytest.mark.parametrize("node", SHOWN)
def test_what_few_people_need_is_folded(object_info: Mapping[str, Any], node: str) -> None:
    inputs = object_info[node]["input"]
    folded = {
        name
        for kind in inputs.values()
        for name, (_, *options) in kind.items()
        if any(each.get("advanced") for each in options)
    }
    assert folded == set(INPUTS[node]) - SHOWN[node] - SOCKETS


@pytest.mark.parametrize("node", INPUTS)
def test_everything_is_explained(object_info: Mapping[str, Any], node: str) -> None:
    info = object_info[node]
    assert info["display_name"].startswith("RECE ")
    assert info["description"].endswith(".")
    for kind in ("required", "optional"):
        for name, (_, options) in info["input"].get(kind, {}).items():
            assert options["tooltip"].endswith("."), name
    assert len(info["output_tooltips"]) == len(info["output_name"]) == len(info["output"])
    for name, tooltip in zip(info["output_name"], info["output_tooltips"], strict=True):
        assert name == name.lower()
        assert tooltip.endswith("."), name


@pytest.mark.parametrize("node", INPUTS)
def test_the_page_can_open_a_help_page(object_info: Mapping[str, Any], server: Server, node: str) -> None:
    help_page = (ROOT / "web" / "docs" / f"{node}.md").read_bytes()
    assert help_page.decode("utf-8").startswith(f"# {object_info[node]['display_name']}\n")
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with without_proxy.open(f"{server.url}/extensions/{PACK_NAME}/docs/{node}.md", timeout=30) as answer:
        assert answer.read() == help_page
