"""What a campaign found, as one row of a table: a file of JSON."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """How many inputs were tried, how many failed, and that the same would have been seen on something weaker."""

    name: str
    tried: int
    failed: int
    control: str
    remarks: str = ""


def write_row(folder: Path, row: Row) -> None:
    """Write `NAME.json` into the folder, and tell it."""
    folder.mkdir(parents=True, exist_ok=True)
    told = json.dumps(asdict(row), ensure_ascii=False, indent=1)
    (folder / f"{row.name}.json").write_text(told + "\n", "utf-8")
    logging.getLogger(__name__).info("%s", told)
