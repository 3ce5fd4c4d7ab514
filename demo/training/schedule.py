"""The learning rate that all trainings share."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int, peak: float, warm_up: int = 150) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
