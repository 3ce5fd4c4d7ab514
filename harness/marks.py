"""Text that a script keeps true in a document that people write: between `<!-- name -->` and `<!-- end of name -->`."""

from __future__ import annotations

from pathlib import Path


def fill_marks(document: Path, name: str, text: str) -> None:
    """Replace what stands between the two marks `name`; ValueError where they are missing."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = document.read_text("utf-8").partition(f"{start}\n")
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"{document} has no marks {start} and {end}; put both back")
    document.write_text(f"{before}{start}\n{text.strip()}\n{mark}{after}", "utf-8")
