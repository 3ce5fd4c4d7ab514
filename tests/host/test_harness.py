"""The harness itself against a real ComfyUI: results, progress, cancelling, errors, both formats of a workflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.client import Client, Interrupted, NodeFailed, PromptRejected
from harness.graph import Graph
from harness.server import Server, ServerError
from harness.widgets import DYNAMIC
from harness.workflow import to_api, to_ui

RED = 0xFF0000


def picture_graph(color: int = RED) -> Graph:
    graph = Graph()
    with graph.group("Make"):
        image = graph.add("EmptyImage", width=8, height=4, batch_size=2, color=color)
        inverted = graph.add("ImageInvert", image=image[0]).titled("The other colour")
    graph.add("SaveImage", images=inverted, filename_prefix="harness")
    graph.note("A note.")
    return graph


def slow_graph() -> Graph:
    """Some ten seconds of work in many steps, between which the server looks whether it was cancelled."""
    graph = Graph()
    image = graph.add("EmptyImage", width=1024, height=1024, batch_size=1, color=RED)
    for _ in range(40):
        image = graph.add("ImageBlur", image=image[0], blur_radius=15, sigma=2.0)
    graph.add("PreviewImage", images=image[0])
    return graph


def test_pictures_come_back_as_arrays(client: Client, server: Server) -> None:
    first, second = client.run(picture_graph()).images("3")
    assert first.shape == (4, 8, 3)
    np.testing.assert_array_equal(first, np.broadcast_to([0, 255, 255], (4, 8, 3)))
    np.testing.assert_array_equal(first, second)
    assert list(server.output.glob("harness_*.png"))


def test_a_second_run_takes_cached_results(client: Client) -> None:
    client.run(picture_graph(color=123))
    assert {"1", "2"} <= client.run(picture_graph(color=123)).cached()


def test_after_free_nothing_is_cached(client: Client) -> None:
    client.run(picture_graph(color=789))
    client.free()
    assert not client.run(picture_graph(color=789)).cached()


def test_messages_of_a_run_are_handed_on(client: Client) -> None:
    started: list[str] = []

    def note(kind: str, data: Mapping[str, Any]) -> None:
        if kind == "executing" and data["node"] is not None:
            started.append(data["node"])

    client.run(picture_graph(color=456), on_message=note)
    assert started == ["1", "2", "3"]


def test_two_prompts_in_the_queue_are_told_apart(client: Client) -> None:
    one, other = client.queue(picture_graph(color=0)), client.queue(picture_graph(color=0xFFFFFF))
    assert client.wait(other).images()[0].max() == 0
    assert client.wait(one).images()[0].min() == 255


def test_cancel_ends_the_prompt_and_the_queue_goes_on(client: Client) -> None:
    def cancel(kind: str, data: Mapping[str, Any]) -> None:
        if kind == "executing" and data["node"] == "2":
            client.interrupt()

    with pytest.raises(Interrupted, match=r"cancelled in ImageBlur \(node \d+\)"):
        client.run(slow_graph(), on_message=cancel)
    assert client.run(picture_graph()).images()
    assert client.queue_state() == ([], [])


def test_a_wait_that_is_too_short_says_so(client: Client) -> None:
    prompt_id = client.queue(slow_graph())
    with pytest.raises(TimeoutError, match=r"has not ended after 0\.01 s"):
        client.wait(prompt_id, timeout=0.01)


def test_what_a_node_raises_is_raised_here(client: Client) -> None:
    graph = picture_graph()
    graph.nodes["3"].inputs["filename_prefix"] = "../../elsewhere"
    with pytest.raises(NodeFailed, match=r"SaveImage \(node 3\) raised .*outside the output folder") as caught:
        client.run(graph)
    assert "save_images" in caught.value.traceback


def test_a_rejected_prompt_names_node_input_and_reason(client: Client) -> None:
    graph = picture_graph()
    graph.nodes["1"].inputs["width"] = 0
    with pytest.raises(PromptRejected, match=r"EmptyImage \(node 1\): Value 0 smaller than min of 1: width"):
        client.run(graph)


def test_a_prompt_that_is_faulty_in_part_is_rejected_whole(client: Client) -> None:
    graph = picture_graph()
    graph.add("SaveImage", filename_prefix="no picture")
    with pytest.raises(PromptRejected, match="Required input is missing: images"):
        client.run(graph)


def test_an_unknown_node_type_is_rejected(client: Client) -> None:
    graph = Graph()
    graph.add("NoSuchNode")
    with pytest.raises(PromptRejected, match="NoSuchNode"):
        client.run(graph)


def test_an_uploaded_picture_can_be_loaded(client: Client) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    graph = Graph()
    loaded = graph.add("LoadImage", image=client.upload_image(drawn, "drawn.png"))
    graph.add("PreviewImage", images=loaded[0])
    np.testing.assert_array_equal(client.run(graph).images()[0], drawn)


def test_a_graph_survives_the_way_to_the_page_and_back(client: Client, object_info: Mapping[str, Any]) -> None:
    graph = picture_graph()
    back = to_api(to_ui(graph, object_info), object_info)
    assert {node: (entry["class_type"], entry["inputs"]) for node, entry in back.items()} == {
        node: (entry["class_type"], entry["inputs"]) for node, entry in graph.prompt().items()
    }
    assert back["2"]["_meta"]["title"] == "The other colour"
    assert len(client.run(back).images()) == 2


def test_every_stock_node_with_its_defaults_survives_the_way_there_and_back(object_info: Mapping[str, Any]) -> None:
    for kind, info in object_info.items():
        if DYNAMIC in str(info["input"]):
            continue
        graph = Graph()
        graph.add(kind)
        inputs = to_api(to_ui(graph, object_info), object_info)["1"]["inputs"]
        again = Graph()
        again.add(kind, **{name: value for name, value in inputs.items() if not isinstance(value, dict)})
        assert to_api(to_ui(again, object_info), object_info)["1"]["inputs"] == inputs, kind


def test_the_pack_can_be_left_out(bare_server: Server) -> None:
    with Client(bare_server.url) as client:
        assert not [kind for kind in client.object_info() if kind.startswith("Rece")]
        assert client.run(picture_graph()).images()


def test_a_pack_that_fails_to_import_is_an_error(start_server: Any, tmp_path: Path) -> None:
    pack = tmp_path / "broken"
    pack.mkdir()
    (pack / "__init__.py").write_text("raise RuntimeError('this pack is broken')")
    with pytest.raises(ServerError, match="this pack is broken"):
        start_server(packs={"broken": pack})


def test_a_server_that_dies_while_starting_is_an_error_with_its_log(start_server: Any) -> None:
    with pytest.raises(ServerError, match=re.compile(r"exit code 2 while starting.*--no-such-option", re.DOTALL)):
        start_server(packs={}, arguments=["--no-such-option"])


def test_a_port_in_use_is_an_error(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=rf"Port {server.port} is in use"):
        Server(server.host, tmp_path, port=server.port).start()
