"""Write a graph of nodes as Python, for the API (`Graph.prompt`) or for the page (`workflow.to_ui`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Output:
    """One output of a node, to be given as an input of another."""

    node: str
    slot: int


@dataclass
class Node:
    """A node of a graph; `node[i]` is its output i, and the node itself, given as an input, stands for output 0."""

    id: str
    class_type: str
    inputs: dict[str, Any]
    title: str | None = None
    group: str | None = None

    def __getitem__(self, slot: int) -> Output:
        if slot < 0:
            raise IndexError(f"output {slot} of {self.class_type}: outputs count from 0")
        return Output(self.id, slot)

    def __iter__(self) -> Iterator[Output]:
        raise TypeError(f"a graph does not know how many outputs {self.class_type} has; take them as node[0], node[1]")

    def titled(self, title: str) -> Node:
        """Give the node a title of its own, and return it."""
        self.title = title
        return self


@dataclass
class Graph:
    """A graph of ComfyUI nodes.

    >>> graph = Graph()
    >>> image = graph.add("EmptyImage", width=8, height=8, batch_size=1, color=0)
    >>> saved = graph.add("SaveImage", images=image[0], filename_prefix="blank")
    >>> graph.prompt()["2"]["inputs"]["images"]
    ['1', 0]
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _group: str | None = None

    def add(self, class_type: str, /, **inputs: Any) -> Node:
        """Add a node; inputs are values, outputs of other nodes, or nodes (their first output)."""
        node = Node(str(len(self.nodes) + 1), class_type, inputs, group=self._group)
        self.nodes[node.id] = node
        return node

    def note(self, text: str) -> None:
        """Add a note in Markdown, which only the page shows."""
        self.notes.append(text)

    @contextlib.contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Nodes added inside the `with` block stand in one frame on the page."""
        outer, self._group = self._group, title
        try:
            yield
        finally:
            self._group = outer

    def prompt(self) -> dict[str, dict[str, Any]]:
        """The graph in the format of ComfyUI's API."""
        return {node.id: self._entry(node) for node in self.nodes.values()}

    def _entry(self, node: Node) -> dict[str, Any]:
        inputs = {name: as_api_value(value) for name, value in node.inputs.items()}
        return {"class_type": node.class_type, "inputs": inputs, "_meta": {"title": node.title or node.class_type}}


def as_output(value: Any) -> Output | None:
    """The output that an input is linked to, or None where the input is a plain value."""
    if isinstance(value, Node):
        return value[0]
    return value if isinstance(value, Output) else None


def as_api_value(value: Any) -> Any:
    """An input in the API's words: links are two-element lists, so plain lists are wrapped."""
    output = as_output(value)
    if output is not None:
        return [output.node, output.slot]
    return {"__value__": value} if isinstance(value, list) else value
