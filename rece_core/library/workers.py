"""Who does the work: this process, one file after the other, or a Ray cluster. Both do the same, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

TRIES = 3
AGAIN = (
    OSError,
    MemoryError,
)  # what may go well elsewhere or later; a ValueError is one of the file, wherever it is read


@dataclass(frozen=True)
class Call:
    """A function to call, with the `memory` that it takes, in bytes, and the `threads` that it uses.

    label: handed back with what came of it. shared: what `Workers.share` gave, the last argument where there is one.
    """

    label: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    memory: int
    threads: int
    shared: Any = None


@dataclass(frozen=True)
class Outcome:
    """What came of a call: its value, or the error that it ended with after so many tries."""

    label: Any
    value: Any
    error: str
    tries: int


class Workers(Protocol):
    """What carries out calls."""

    def share(self, call: Call) -> Any:
        """Something to hand to many calls as `shared`: what `call` gives, computed once."""

    def run(self, calls: Iterable[Call]) -> Iterator[Outcome]:
        """What came of each of the calls, in the order in which they end. An error ends no call but its own."""

    def close(self) -> None:
        """Let go of all that was taken."""


class Here:
    """This process. Of what is shared it keeps the latest alone: calls that share come one behind the other."""

    def __init__(self) -> None:
        self._latest: tuple[Call, Any] | None = None

    def share(self, call: Call) -> Any:
        """The call itself, to be made when the first needs it."""
        return call

    def run(self, calls: Iterable[Call]) -> Iterator[Outcome]:
        """See `Workers`."""
        for call in calls:
            yield self._try(call)

    def close(self) -> None:
        """Let go of what was shared."""
        self._latest = None

    def _try(self, call: Call) -> Outcome:
        for tries in range(1, TRIES + 1):
            try:
                shared = () if call.shared is None else (self._compute(call.shared),)
                return Outcome(call.label, call.function(*call.arguments, *shared), "", tries)
            except Exception as error:  # whatever it is, the other files go on
                if not isinstance(error, AGAIN) or tries == TRIES:
                    return Outcome(call.label, None, describe_error(error), tries)
        raise AssertionError("a call ends by its last try")

    def _compute(self, call: Call) -> Any:
        if self._latest is None or self._latest[0] is not call:
            self._latest = None  # before the next is computed: there is room for one
            self._latest = (call, call.function(*call.arguments))
        return self._latest[1]


def describe_error(error: BaseException) -> str:
    """What went wrong in a line: in its own words where a user can read them, with its kind where not."""
    text = " ".join(str(error).split())[:500]
    return text if isinstance(error, (ValueError, OSError)) and text else f"{type(error).__name__}: {text}"
