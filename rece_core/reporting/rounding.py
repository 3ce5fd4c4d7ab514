"""What the storage type of the weights adds to an edit."""

from __future__ import annotations

from dataclasses import dataclass

NEGLIGIBLE = 1e-3  # of the edit


@dataclass(frozen=True)
class Rounding:
    """types: of the edited weights, in their order. added: ‖round(W') − W'‖ / ‖W' − W‖ over all of them together."""

    types: tuple[str, ...]
    added: float

    def describe(self) -> str:
        """One line for a report; it says what to do where the rounding is as large as the edit."""
        kept = f"weights are stored as {', '.join(self.types)}"
        if self.added <= NEGLIGIBLE:
            return f"{kept}: rounding them adds under {NEGLIGIBLE:.1%} to the edit"
        advice = "; edit a wider copy of the model where you can" if self.added >= 1 else ""
        return f"{kept}: rounding them adds noise of {self.added:.2g} times the edit{advice}"
