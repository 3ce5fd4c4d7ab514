"""Widgets that a prompt may leave out: one that was stored before there was such an input still runs."""

from __future__ import annotations

from functools import wraps
from typing import Any, TypeVar, cast

from comfy_api.latest import io

Node = TypeVar("Node", bound=type[io.ComfyNode])


def optional_widgets(node: Node) -> Node:
    """The node, with its widgets optional from behind the last one that has no default; left out, they have theirs.

    Only these, because the page lists optional inputs behind the required ones, and saves widgets by their place.
    """
    define: Any = node.define_schema.__func__
    execute: Any = node.execute.__func__

    @wraps(define)
    def define_schema(cls: type[io.ComfyNode]) -> io.Schema:
        schema = define(cls)
        for widget in _list_optional(schema):
            widget.optional = True
        return schema

    @wraps(execute)
    def execute_with_defaults(cls: type[io.ComfyNode], **given: Any) -> io.NodeOutput:
        defaults = {widget.id: widget.default for widget in _list_optional(define(cls))}
        return execute(cls, **{**defaults, **given})

    node.define_schema = classmethod(define_schema)
    node.execute = classmethod(cast("Any", execute_with_defaults))
    return node


def _list_optional(schema: io.Schema) -> list[io.WidgetInput]:
    widgets = [each for each in schema.inputs if isinstance(each, io.WidgetInput)]
    without = [place for place, widget in enumerate(widgets) if widget.default is None]
    return widgets[without[-1] + 1 if without else 0 :]
