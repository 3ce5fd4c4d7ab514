"""Models of every family, as the host builds them: class, structure, and what its text encoder would give.

Widths of the text are the real ones; depth, and the width of all else, are reduced, but in `FULL_SIZE`.
"""

from __future__ import annotations

from collections.abc import Mapping

from .case import Case as Case
from .transformers import TRANSFORMERS
from .unets import FULL_SIZE as FULL_SIZE
from .unets import UNETS

CASES: Mapping[str, Case] = {**UNETS, **TRANSFORMERS}
