"""Which inputs of a node the page shows as widgets, and in which order it saves their values.

The rules are those of ComfyUI's page, as of its version 1.32: https://github.com/Comfy-Org/ComfyUI_frontend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Types that the page edits in place; every other type can only be linked.
WIDGET_TYPES = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "COLOR", "MARKDOWN"})
#: A choice that brings further inputs with it, so the place of a saved value depends on other values.
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
#: Older node definitions do not say that these have a control; the page knows them by their name.
SEED_NAMES = frozenset({"seed", "noise_seed"})
UPLOAD_MARKS = ("image_upload", "video_upload", "animated_image_upload")
ZEROS: dict[str, Any] = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False}


@dataclass(frozen=True)
class Input:
    """An input of a node type, as /object_info describes it."""

    name: str
    type: str
    options: Mapping[str, Any]
    choices: Sequence[Any] | None = None

    @property
    def is_widget(self) -> bool:
        """Whether the page shows it as a widget (which can be linked nevertheless)."""
        return (self.type in WIDGET_TYPES or "widgetType" in self.options) and not self.options.get("forceInput")

    @property
    def has_control(self) -> bool:
        """Whether a second widget follows it that says what becomes of the value after each run."""
        return bool(self.options.get("control_after_generate", self.type == "INT" and self.name in SEED_NAMES))

    @property
    def default(self) -> Any:
        """The value that the page starts with."""
        if "default" in self.options:
            return self.options["default"]
        return self.choices[0] if self.choices else ZEROS.get(self.type)


def read_inputs(info: Mapping[str, Any]) -> list[Input]:
    """The inputs of a node type, in the page's order, from its entry in /object_info.

    Raises ValueError for a node type whose inputs depend on the value of one of them.
    """
    return [
        _read_input(name, info["input"][kind][name])
        for kind in ("required", "optional")
        for name in info["input_order"].get(kind, [])
    ]


def read_defaults(info: Mapping[str, Any]) -> dict[str, Any]:
    """What the widgets of a node type show at first, by name, from its entry in /object_info."""
    return {each.name: each.default for each in read_inputs(info) if each.is_widget}


def save_values(info: Mapping[str, Any], values: Mapping[str, Any]) -> list[Any]:
    """The list of widget values that the page would save, from values by name; seeds stay fixed."""
    saved = []
    for name, widget in _saved_widgets(info):
        if widget is None:
            saved.append("fixed" if name == "control_after_generate" else "image")
        else:
            saved.append(values.get(name, widget.default))
    return saved


def load_values(info: Mapping[str, Any], saved: Sequence[Any] | Mapping[str, Any] | None) -> dict[str, Any]:
    """Values by name, from what the page saved (a list in widget order, or of some nodes a dict)."""
    if isinstance(saved, Mapping):
        given = dict(saved)
        return {name: given.get(name, widget.default) for name, widget in _saved_widgets(info) if widget is not None}
    given_list = list(saved or [])
    values = {}
    for place, (name, widget) in enumerate(_saved_widgets(info)):
        if widget is not None:
            values[name] = given_list[place] if place < len(given_list) else widget.default
    return values


def _saved_widgets(info: Mapping[str, Any]) -> Iterator[tuple[str, Input | None]]:
    """Name and input of every saved widget; without an input where the page added the widget by itself."""
    inputs = read_inputs(info)
    required = len(info["input_order"].get("required", []))
    for place, each in enumerate(inputs):
        if each.is_widget:
            yield each.name, each
            if each.has_control:
                yield "control_after_generate", None
        if place == required - 1 and any(_uploads(one) for one in inputs[:required]):
            yield "upload", None


def _read_input(name: str, described: Sequence[Any]) -> Input:
    if described[0] == DYNAMIC:
        raise ValueError(f"The choice {name!r} adds inputs to its node, which cannot be converted. Use another node.")
    options = described[1] if len(described) > 1 else {}
    if isinstance(described[0], list):
        return Input(name, "COMBO", options, described[0])
    return Input(name, described[0], options, options.get("options"))


def _uploads(each: Input) -> bool:
    return each.type == "COMBO" and any(each.options.get(mark) for mark in UPLOAD_MARKS)
