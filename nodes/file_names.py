"""Names of files that users, or workflows of others, ask the pack to write."""

from __future__ import annotations

from pathlib import Path

from ..rece_core.texts.wording import escape_controls, quote

#: What Windows takes for a device under any ending: a file of that name would be written nowhere.
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³")}
MOST_BYTES = 200  # of a part of a path; systems take 255, of which the pack needs some for numbers and endings


def check_file_name(name: str) -> None:
    """ValueError for a name, or a path of them, that some system can't write, or that is no plain text."""
    flaw = _find_flaw(name)
    if flaw:
        raise ValueError(
            f"the file name {quote(name)} {flaw}. Expected plain names of at most {MOST_BYTES} bytes, such as "
            "'styles/van_gogh'."
        )


def _find_flaw(name: str) -> str | None:
    if escape_controls(name) != name or "\n" in name or "\t" in name:
        return "has control characters, which a name can't have"
    for part in Path(name.replace("\\", "/")).parts:
        if part.split(".")[0].strip().lower() in DEVICES:
            return f"has the part {quote(part)}, which is a device on Windows and not a file"
        if len(part.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            return f"has a part of {len(part):,} letters"
        if any("\ud800" <= letter <= "\udfff" for letter in part):
            return "has half a character"
    return None
