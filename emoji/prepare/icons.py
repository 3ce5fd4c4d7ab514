"""Where a set keeps its picture of an emoji: as SVG in an iconify package, or as a file of a code point."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .packages import read

_VARIATION = "-fe0f"
#: Of icons that leave their colour to who shows them.
_INK = "#222"


def write_slug(label: str) -> str:
    """A label as iconify writes names: lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower().replace("’", "").replace("'", "")).strip("-")


class IconifySet:
    """The icons of an iconify package, found by code point or, where it lists none, by name."""

    def __init__(self, package: Path) -> None:
        icons = read(package / "icons.json")
        self._icons: dict[str, dict[str, Any]] = icons["icons"]
        self._aliases: dict[str, dict[str, Any]] = icons.get("aliases", {})
        self._size = icons.get("width", 16), icons.get("height", 16)
        self._names: dict[str, str] = read(package / "chars.json")

    def find(self, entry: dict[str, Any]) -> str | None:
        """The icon of an entry of the list of names as an SVG document, None where the set has none."""
        code = entry["hexcode"].lower()
        slug = write_slug(entry["label"])
        guesses = [self._names.get(code), self._names.get(code.replace(_VARIATION, "")), slug]
        if not self._names:  # as FxEmoji and EmojiOne write the names
            joined = slug.replace("-", "")
            guesses += [joined, joined.removesuffix("face"), f"{slug}-face"]
        for name in guesses:
            if name and (name in self._icons or name in self._aliases):
                return self._write_svg(name)
        return None

    def _write_svg(self, name: str) -> str:
        alias = self._aliases.get(name, {})
        icon = {**self._icons[alias.get("parent", name)], **{k: v for k, v in alias.items() if k != "parent"}}
        left, top = icon.get("left", 0), icon.get("top", 0)
        width, height = icon.get("width", self._size[0]), icon.get("height", self._size[1])
        body = icon["body"]
        if icon.get("hFlip"):
            body = f'<g transform="translate({2 * left + width} 0) scale(-1 1)">{body}</g>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left} {top} {width} {height}" color="{_INK}">{body}</svg>'
        )


class FileSet:
    """Pictures in files named by their code points."""

    def __init__(self, package: Path) -> None:
        self._folder = package / "assets"

    def find(self, entry: dict[str, Any]) -> Path | None:
        """The file of an entry of the list of names, None where the set has none."""
        code = entry["hexcode"].lower()
        names = (code, code.replace(_VARIATION, ""), code + _VARIATION)
        paths = (self._folder / f"{name}.webp" for name in names)
        return next((path for path in paths if path.is_file()), None)
