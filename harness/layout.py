"""Where the nodes of a graph stand on the page: in columns by their distance from the start, group below group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .graph import Graph, Node, as_output
from .widgets import read_inputs

# All in the page's pixels. The heights are those of its own nodes, which it enlarges where they turn out too small: so
# a node is as high as with its advanced inputs folded away, and has room below it for those that show all.
TITLE, SLOT, WIDGET, MULTILINE, PICTURE = 30, 20, 24, 140, 280
WIDTH, GAP_X, GAP_Y = 320, 60, 30
FRAME, FRAME_TITLE = 20, 40
NOTE_SIZE = (420, 260)
# What the page adds below the widgets of nodes that show what is typed and what came out, where no folded inputs leave
# room for it.
PANELS = {"ReceErase": 440}

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Placement:
    """Boxes as (x, y, width, height) of nodes by id and of groups by title, and the corners of the notes."""

    boxes: dict[str, Box]
    groups: dict[str, Box]
    notes: list[tuple[int, int]]


def place(graph: Graph, described: Mapping[str, Mapping[str, Any]]) -> Placement:
    """Lay out a graph: notes, then nodes without a group, then the groups, each in a frame, one below the other.

    `described` has the entry of /object_info for every node id.
    """
    notes = [(0, i * (NOTE_SIZE[1] + TITLE + GAP_Y)) for i in range(len(graph.notes))]
    left = NOTE_SIZE[0] + GAP_X if notes else 0
    members: dict[str | None, list[Node]] = {None: []}
    for node in graph.nodes.values():
        members.setdefault(node.group, []).append(node)
    boxes = _place_block(members.pop(None), described, left, 0)
    left = max((x + width + GAP_X for x, _, width, _ in boxes.values()), default=left)
    groups: dict[str, Box] = {}
    top = 0
    for title, grouped in members.items():
        block = _place_block(grouped, described, left + FRAME, top)
        boxes |= block
        right = max(x + width for x, _, width, _ in block.values()) + FRAME
        bottom = max(block[node.id][1] + _height(described[node.id], folded=False) for node in grouped) + FRAME
        frame_top = top - TITLE - FRAME_TITLE
        groups[str(title)] = (left, frame_top, right - left, bottom - frame_top)
        top = bottom + GAP_Y + TITLE + FRAME_TITLE
    return Placement(boxes, groups, notes)


def _place_block(
    members: Sequence[Node], described: Mapping[str, Mapping[str, Any]], left: int, top: int
) -> dict[str, Box]:
    columns = _columns(members)
    boxes = {}
    for column in range(max(columns.values(), default=-1) + 1):
        y = top
        for node in members:
            if columns[node.id] == column:
                height = _height(described[node.id], folded=True)
                boxes[node.id] = (left + column * (WIDTH + GAP_X), y, WIDTH, height)
                y += _height(described[node.id], folded=False) + TITLE + GAP_Y
    return boxes


def _columns(members: Sequence[Node]) -> dict[str, int]:
    """One more than the furthest source among the members; sources stand right before what they feed."""
    sources = {
        node.id: {output.node for value in node.inputs.values() if (output := as_output(value))} for node in members
    }
    columns: dict[str, int] = {}
    for node in members:  # a node can only be given nodes that were added before it
        columns[node.id] = 1 + max((columns[one] for one in sources[node.id] if one in columns), default=-1)
    for node in members:
        fed = [columns[other] for other, feeding in sources.items() if node.id in feeding]
        if fed and not sources[node.id] & columns.keys():
            columns[node.id] = min(fed) - 1
    return columns


def _height(info: Mapping[str, Any], folded: bool) -> int:
    inputs = read_inputs(info)
    widgets = [each for each in inputs if each.is_widget]
    height = SLOT * max(len(inputs) - len(widgets), len(info["output"]), 1)
    for each in widgets:
        if folded and each.options.get("advanced"):
            continue
        height += MULTILINE if each.options.get("multiline") else WIDGET * (1 + each.has_control)
    shows_picture = info.get("output_node") and any(each.type == "IMAGE" for each in inputs)
    panels = 0 if folded else PANELS.get(info.get("name", ""), 0)
    return height + (PICTURE if shows_picture else 0) + panels + FRAME
