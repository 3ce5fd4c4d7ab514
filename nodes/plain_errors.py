"""Errors of the nodes as text: the host writes them into its log, which is often a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..rece_core.texts.wording import escape_controls

CALLED = ("execute", "fingerprint_inputs")  # whose errors the host logs as they are


def speak_plainly(node: type[Any]) -> type[Any]:
    """The node itself, whose errors from now on can't command a terminal, whatever names and texts they tell."""
    for name in CALLED:
        if name in vars(node):
            setattr(node, name, classmethod(_wrap(vars(node)[name].__func__)))
    return node


def _wrap(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def call(cls: type[Any], *args: Any, **inputs: Any) -> Any:
        try:
            return run(cls, *args, **inputs)
        except Exception as error:
            _escape(error)
            raise

    return call


def _escape(error: BaseException | None) -> None:
    """In the error and all that led to it: the log has them with it."""
    while error is not None:
        error.args = tuple(escape_controls(each) if isinstance(each, str) else each for each in error.args)
        if isinstance(error, OSError) and isinstance(error.filename, str):
            with contextlib.suppress(AttributeError):  # where a library has made it read-only
                error.filename = escape_controls(error.filename)
        error = error.__cause__ or error.__context__
