"""RECE Prompt List and RECE Results Table: a list drawn row by row, stopped halfway and gone on with; bad input."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.client import Client, Interrupted, NodeFailed, PromptRejected
from harness.environment import ROOT
from harness.graph import Graph, Node
from harness.server import Server
from rece_core.benchmarks.prompt_list import read_prompt_list
from rece_core.benchmarks.results_table import read_table
from tests.host.graphs import ModelGraph, require_alive, require_same, see
from tests.host.refusals import refuse

SHIPPED = ROOT / "demo" / "prompts" / "shapes.csv"
CASES = read_prompt_list(SHIPPED)


@pytest.fixture
def tables(server: Server) -> Iterator[Path]:
    """The folder of running tables, empty before and after."""
    folder = server.output / "rece_tables"
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def add_list(graph: Graph, **changes: Any) -> Node:
    """RECE Prompt List: prompt, seed, guidance, width, height, case."""
    return graph.add("RecePromptList", **{"file": SHIPPED.name, "start": 0, "count": 1, "table": "", **changes})


def add_sampled(graph: ModelGraph, listed: Node, steps: int = 2) -> Node:
    """The pictures of the listed rows."""
    sampled = graph.add(
        "KSampler",
        model=graph.model,
        seed=listed[1],
        steps=steps,
        cfg=listed[2],
        sampler_name="euler",
        scheduler="normal",
        positive=graph.add("CLIPTextEncode", clip=graph.clip, text=listed[0])[0],
        negative=graph.encode(""),
        latent_image=graph.add("EmptyLatentImage", width=listed[3], height=listed[4], batch_size=1)[0],
        denoise=1.0,
    )
    return graph.add("VAEDecode", samples=sampled[0], vae=graph.vae)


def tally_graph(table: str, **changes: Any) -> tuple[ModelGraph, Node]:
    """Draws the next row of the list into a table."""
    graph = ModelGraph()
    listed = add_list(graph, table=table, **changes)
    return graph, graph.add("ReceTally", case=listed[5], images=add_sampled(graph, listed)[0])


def test_a_row_is_drawn_as_if_it_had_been_typed(client: Client) -> None:
    graph = ModelGraph()
    listed = add_list(graph, start=3)
    drawn = graph.add("PreviewImage", images=add_sampled(graph, listed)[0])
    case = CASES[3]
    typed = graph.add(
        "KSampler",
        model=graph.model,
        seed=case.seed,
        steps=2,
        cfg=case.guidance,
        sampler_name="euler",
        scheduler="normal",
        positive=graph.encode(case.prompt),
        negative=graph.encode(""),
        latent_image=graph.add("EmptyLatentImage", width=case.width, height=case.height, batch_size=1)[0],
        denoise=1.0,
    )
    by_hand = graph.add("PreviewImage", images=graph.add("VAEDecode", samples=typed[0], vae=graph.vae)[0])
    result = client.run(graph)
    require_same(see(result, drawn), see(result, by_hand))
    assert result.text(listed) == ["case 3 of 6 rows"]


def test_many_rows_come_as_lists_and_make_one_sheet(client: Client) -> None:
    graph = ModelGraph()
    listed = add_list(graph, start=1, count=9)
    pictures = add_sampled(graph, listed)
    drawn = graph.add("PreviewImage", images=pictures[0])
    inverted = graph.add("ImageInvert", image=pictures[0])
    sheet = graph.add("ReceCompare", before=pictures[0], after=inverted[0], prompts=listed[0], headings="a, b")
    shown = graph.add("PreviewImage", images=sheet[0])
    result = client.run(graph)
    assert len(result.images(drawn)) == 5
    assert len({picture.tobytes() for picture in result.images(drawn)}) == 5
    assert see(result, shown).size > 10 * result.images(drawn)[0].size


def test_an_interrupted_run_goes_on_where_it_stopped(client: Client, tables: Path) -> None:
    graph, tally = tally_graph("a run (1)")
    for expected in range(2):
        result = client.run(graph)
        assert result.text(tally) == [f"{expected + 1} cases in a run (1).csv"]
        assert len(result.images(tally)) == 1
    (sampler,) = (node.id for node in graph.nodes.values() if node.class_type == "KSampler")

    def stop(kind: str, data: Mapping[str, Any]) -> None:
        if kind == "executing" and data["node"] == sampler:
            client.interrupt()

    with pytest.raises(Interrupted):
        client.run(graph, on_message=stop)
    path = tables / "a run (1).csv"
    assert list(read_table(path)) == [0, 1]

    for _ in range(2, len(CASES)):
        client.run(tally_graph("a run (1)")[0])
    rows = read_table(path)
    assert [(number, row["prompt"], int(row["evaluation_seed"])) for number, row in rows.items()] == [
        (case.number, case.prompt, case.seed) for case in CASES
    ]
    for row in rows.values():
        assert (tables / "a run (1)" / row["files"]).is_file()
    refuse(client, graph, r"RecePromptList .*all 6 rows from row 0 on are in the table already")


def test_a_row_that_is_deleted_is_drawn_again(client: Client, tables: Path) -> None:
    graph, tally = tally_graph("again", count=2)
    assert client.run(graph).text(tally)[-1] == "2 cases in again.csv"
    path = tables / "again.csv"
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:2]) + "\n", "utf-8")
    assert list(read_table(path)) == [0]
    graph, tally = tally_graph("again")
    assert client.run(graph).text(tally) == ["2 cases in again.csv"]
    assert list(read_table(path)) == [0, 1]


def test_a_table_named_by_another_node_is_looked_at_in_every_run(client: Client, tables: Path) -> None:
    for expected in (1, 2):
        graph, tally = tally_graph("linked")
        (listed,) = (node for node in graph.nodes.values() if node.class_type == "RecePromptList")
        listed.inputs["table"] = graph.add("PrimitiveString", value="linked")[0]
        assert client.run(graph).text(tally) == [f"{expected} cases in linked.csv"]


def test_a_list_of_the_users_own_is_found_and_read_again_when_it_changes(client: Client, server: Server) -> None:
    path = server.base / "input" / "own.csv"
    graph = Graph()
    graph.add("PreviewAny", source=add_list(graph, file=path.name)[0])
    try:
        for prompt in ("a cat", "a longer dog"):
            path.write_text(f"prompt,sd_seed\n{prompt},1\n", "utf-8")
            assert client.run(graph).text("2") == [prompt]
        kind, options = client.get("/object_info/RecePromptList")["RecePromptList"]["input"]["required"]["file"]
        assert {"own.csv", "shapes.csv"} <= set(options["options"] if kind == "COMBO" else kind)
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"RecePromptList .*bad\.csv is empty\. Expected a first line with column names"),
        ("prompt,sd_seed\na cat,many\n", r"bad\.csv, line 2, column 'sd_seed': 'many' is not a whole number"),
        ("prompt,sd_seed\na cat, grey,1\n", r"bad\.csv, line 2, column 3: the row has 3 columns"),
    ],
)
def test_a_bad_list_is_refused(client: Client, server: Server, text: str, message: str) -> None:
    path = server.base / "input" / "bad.csv"
    path.write_text(text, "utf-8")
    graph = Graph()
    graph.add("PreviewAny", source=add_list(graph, file=path.name)[0])
    try:
        with pytest.raises(NodeFailed, match=message):
            client.run(graph)
    finally:
        path.unlink()
    require_alive(client)


@pytest.mark.parametrize("name", ["../outside.csv", "{base}/outside.csv", "none.csv", "sub/inside.csv", "x.csv [temp]"])
def test_a_list_elsewhere_is_not_found(client: Client, server: Server, name: str) -> None:
    for place in ("outside.csv", "input/sub/inside.csv", "temp/x.csv"):
        path = server.base / place
        path.parent.mkdir(exist_ok=True)
        path.write_text("prompt,sd_seed\na cat,1\n", "utf-8")
    graph = Graph()
    graph.add("PreviewAny", source=add_list(graph, file=name.format(base=server.base.as_posix()))[0])
    # ComfyUI 0.3.75 does not check choices before it runs a node, newer ones do.
    with pytest.raises((NodeFailed, PromptRejected), match=r"there is no prompt list '.*'…?\. Expected one of|not in"):
        client.run(graph)
    require_alive(client)


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "C:x", ".x", "x.", "%year%", "x\n"])
def test_a_table_elsewhere_is_refused(client: Client, server: Server, name: str) -> None:
    graph, _ = tally_graph(name)
    before = {path for path in server.base.rglob("*") if "temp" not in path.parts}
    with pytest.raises(NodeFailed, match=r"RecePromptList .*the table is named '.*'; expected a plain name of letters"):
        client.run(graph)
    assert {path for path in server.base.rglob("*") if "temp" not in path.parts} == before
    require_alive(client)


def test_a_tally_without_a_table_is_refused(client: Client) -> None:
    with pytest.raises(NodeFailed, match=r"ReceTally .*the table is named ''; expected a plain name.*Prompt List"):
        client.run(tally_graph("")[0])
    require_alive(client)


def test_a_damaged_table_is_refused_and_left_as_it_is(client: Client, tables: Path) -> None:
    tables.mkdir()
    path = tables / "damaged.csv"
    path.write_text("case_number,prompt\nx,y\n", "utf-8")
    with pytest.raises(NodeFailed, match=r"damaged\.csv, line 1: no column is named 'evaluation_seed'"):
        client.run(tally_graph("damaged")[0])
    assert path.read_text("utf-8") == "case_number,prompt\nx,y\n"
    require_alive(client)
