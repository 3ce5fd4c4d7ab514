"""Workflows and files of strangers on a real host: texts stay texts in its log, files stay in its folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from harness.client import Client, NodeFailed
from harness.graph import Graph
from harness.server import Server
from tests.host.graphs import ModelGraph, require_alive, see
from tests.strangers import ESCAPES, FORMULAS, LONG, MARKUP, find_commands

HOSTILE = "".join(ESCAPES.values()) + MARKUP["a script"] + FORMULAS["a formula"]
DAMAGED = "a\x1b]52;c;cm0gLXJm\x07b\u202ec"
NAMES = {
    "NUL/x": "has the part 'NUL', which is a device on Windows",
    "styles/com1.old": "has the part 'com1.old', which is a device on Windows",
    "a\x1b[2Jb": "has control characters",
    "a\u202eb": "has control characters",
    "a\nb": "has control characters",
    "x" * 300: "has a part of 300 letters",
    "é" * 150: "has a part of 150 letters",
    "x" * 10_000_000: "has a part of 10,000,000 letters",
}


def list_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log" and "user" not in path.parts}


def read_log_after(server: Server, act: Callable[[], None]) -> str:
    """What the host has logged meanwhile."""
    before = len(server.log_text())
    act()
    return server.log_text()[before:]


def fail(client: Client, graph: Graph) -> None:
    with pytest.raises(NodeFailed):
        client.run(graph)


def test_the_log_has_errors_without_commands(client: Client, server: Server) -> None:
    """The control: what another pack's node raises, the host logs as it is."""
    raw = Graph()
    raw.add("ProbeRaise", text=HOSTILE)
    assert find_commands(read_log_after(server, lambda: fail(client, raw)).replace("\r", ""))

    folder = server.base / "models" / "rece_erasures"
    folder.mkdir(exist_ok=True)
    (folder / f"{DAMAGED}.safetensors").write_bytes(b"damaged")
    named = {"format": "rece-erasure", "format_version": "1", "family": HOSTILE, "concepts": json.dumps([HOSTILE])}
    save_file({HOSTILE.replace("\x00", ""): torch.zeros(2)}, folder / "named.safetensors", metadata=named)
    files = [f"{DAMAGED}.safetensors", "named.safetensors", f"{HOSTILE}.safetensors"]
    failing = []
    for file in files:
        graph = Graph()
        graph.add("PreviewAny", source=graph.add("ReceLoadErasure", file=file)[1])
        failing.append(graph)
    for inputs in ({"targets": f"{HOSTILE} => {HOSTILE}"}, {"kind": "custom", "targets": f"=> {HOSTILE}"}):
        graph = ModelGraph()
        graph.hash(graph.iterate(concepts=graph.concepts(**inputs))[0])
        failing.append(graph)
    graph = ModelGraph()
    graph.hash(graph.iterate(text_weights=HOSTILE)[0])
    failing.append(graph)
    for graph in failing:
        log = read_log_after(server, lambda graph=graph: fail(client, graph))  # type: ignore[misc]
        assert "Exception" in log or "Error" in log
        assert find_commands(log) == set()
    require_alive(client)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
@pytest.mark.parametrize("saver", ["ReceSaveErasure", "ReceSaveCheckpoint"])
def test_names_that_are_none_are_refused(client: Client, server: Server, name: str, saver: str) -> None:
    graph = ModelGraph()
    erased = graph.iterate()
    whole = {"model": erased[0], "clip": graph.clip, "vae": graph.vae} if saver == "ReceSaveCheckpoint" else {}
    graph.add(saver, erasure=erased[1], filename_prefix=name, **whole)
    before = list_files(server.base.parent)
    with pytest.raises(NodeFailed) as failed:
        client.run(graph)
    assert NAMES[name] in str(failed.value)
    assert len(str(failed.value)) < 1000
    assert list_files(server.base.parent) == before


@pytest.mark.parametrize("name", ["NUL", "con.2", "x" * 300, "a\x1b[2J", "../x", "a/../../x", "/x"])
def test_tables_that_are_none_are_refused(client: Client, server: Server, name: str) -> None:
    (server.base / "input" / "strangers.csv").write_text("prompt,sd_seed\na cat,1\n", "utf-8")
    graph = Graph()
    graph.add("PreviewAny", source=graph.add("RecePromptList", file="strangers.csv", start=0, count=1, table=name)[0])
    before = list_files(server.base.parent)
    with pytest.raises(NodeFailed, match=r"(the table is named|the file name) .* Expected|expected"):
        client.run(graph)
    assert list_files(server.base.parent) == before


def test_what_is_erased_may_be_any_text(client: Client, server: Server) -> None:
    """It goes through report, chart, sheet and header, and is the same text in the file."""
    for number, text in enumerate(
        (MARKUP["an image"], FORMULAS["half a formula"], FORMULAS["a formula"], "\x1b[31mred")
    ):
        graph = ModelGraph()
        erased = graph.iterate(concepts=graph.concepts(f"{text} => a square"))
        report = graph.add("ReceReport", model=graph.model, clip=graph.clip, erasure=erased[1])
        picture = graph.add("PreviewImage", images=report[0])
        shown = graph.show(report[1])
        saved = graph.add("ReceSaveErasure", erasure=erased[1], filename_prefix=f"strangers/{number}")
        result = client.run(graph)
        assert see(result, picture).shape[2] == 3
        assert repr(text) in result.text(shown)[0] or text in result.text(shown)[0]
        told = result.text(saved)[0].splitlines()[0]
        content = (server.output / "rece_erasures" / told.removeprefix("Saved as ")).read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        assert text in json.loads(header["concepts"])["concepts"][0]["names"]


def test_ten_megabytes_where_a_text_is_expected(client: Client) -> None:
    """An error that names its beginning, or a sheet that shows it."""
    graph = ModelGraph()
    graph.hash(graph.iterate(concepts=graph.concepts(LONG))[0])
    with pytest.raises(NodeFailed) as failed:
        client.run(graph)
    assert len(str(failed.value)) < 1000
    sheet = Graph()
    image = sheet.add("EmptyImage", width=64, height=64, batch_size=1, color=0)
    compared = sheet.add("ReceCompare", before=image, after=image, prompts=LONG, headings=f"{LONG}, after")
    picture = sheet.add("PreviewImage", images=compared[0])
    assert max(see(client.run(sheet), picture).shape) < 600
    require_alive(client)
