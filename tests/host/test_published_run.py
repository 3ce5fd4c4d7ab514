"""Schedule `paper` in the host is the published run: its numbers on a golden case, a MODEL and a CLIP of the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open

from harness.client import Client
from harness.server import Server
from rece_core.sharing.erasure_file import load_erasure
from tests.host.graphs import ModelGraph

UNSAFE = Path(__file__).parents[1] / "core" / "golden" / "unsafe.safetensors"
ACCEPTED, APART = 1e-5, 1e-2  # the host hands out weights and embeddings in float32


def deviate(server: Server, client: Client, kind: str, phrasings: str) -> float:
    """How far RECE Iterate's edited weights are from the published ones after the last epoch, over their size."""
    graph = ModelGraph("ProbeGoldenCase", file=str(UNSAFE))
    name = f"published {kind} {phrasings}"
    concepts = graph.concepts("nudity", kind=kind, phrasings=phrasings)
    erasure = graph.iterate(concepts=concepts, schedule="paper")[1]
    saved = graph.add("ReceSaveErasure", erasure=erasure, filename_prefix=name)
    client.run(graph).text(saved)
    (file,) = (server.output / "rece_erasures").glob(f"{name}*")
    operator = load_erasure(file).parts["tokens"].operator
    off = size = 0.0
    with safe_open(UNSAFE, framework="pt") as golden:
        for original in (key for key in golden.keys() if key.startswith("original/")):  # noqa: SIM118
            published = golden.get_tensor(original.replace("original/", "epoch3/"))
            off += float((golden.get_tensor(original) @ operator.matrix() - published).square().sum())
            size += float(published.square().sum())
    return (off / size) ** 0.5


@pytest.mark.parametrize("phrasings", ["as typed", "by kind"])
def test_schedule_paper_gives_the_published_numbers(server: Server, client: Client, phrasings: str) -> None:
    assert deviate(server, client, "nudity", phrasings) < ACCEPTED


def test_another_kind_gives_other_numbers(server: Server, client: Client) -> None:
    """The control: for objects the paper makes one epoch."""
    assert deviate(server, client, "easy object", "as typed") > APART
