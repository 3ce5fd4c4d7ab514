"""How far long work is. Each stage gets a part of the whole and divides that among stages of its own.

So nobody has to know beforehand how many steps all stages take together, and a stage that ends early is just skipped
to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise

Show = Callable[[float, str], None]
OnStep = Callable[[str], None]


class Progress:
    """A part of the whole, from `start` to `stop`, both shares of 0 to 1.

    Called with the name of a step before it, it shows that name and stays where it is. `show` gets the share of the
    whole that is done, which never falls but by `restart`, and the name; whatever it raises cancels the work.
    """

    def __init__(self, show: Show = lambda share, step: None) -> None:
        self._reached = _Reached(show)
        self.start, self.stop, self._prefix = 0.0, 1.0, ""

    def __call__(self, step: str) -> None:
        self._reached.move(self.start, self._prefix + step)

    def split(self, *sizes: float) -> list[Progress]:
        """Its stages, one behind the other, which take parts as large as `sizes` are to each other."""
        bounds = [self.start + (self.stop - self.start) * each / sum(sizes) for each in accumulate(sizes, initial=0.0)]
        return [self._between(start, stop) for start, stop in pairwise(bounds)]

    def named(self, name: str) -> Progress:
        """The same part, whose steps have `name` before theirs."""
        other = self._between(self.start, self.stop)
        other._prefix = f"{self._prefix}{name}: "
        return other

    def count(self, steps: int) -> OnStep:
        """Return what to call before each of `steps` equal steps with its name: it ends at the end of this part."""
        made = 0

        def on_step(step: str) -> None:
            nonlocal made
            made = min(made + 1, steps)
            self._reached.move(self.start + (self.stop - self.start) * made / steps, self._prefix + step)

        return on_step

    def restart(self, step: str) -> None:
        """Show that this part begins again, and why."""
        self._reached.share = self.start
        self(step)

    def _between(self, start: float, stop: float) -> Progress:
        other = Progress()
        other._reached, other._prefix = self._reached, self._prefix
        other.start, other.stop = start, stop
        return other


class _Reached:
    """The share of the whole that all parts together have reached."""

    def __init__(self, show: Show) -> None:
        self.share, self._show = 0.0, show

    def move(self, share: float, step: str) -> None:
        self.share = max(self.share, share)
        self._show(self.share, step)
