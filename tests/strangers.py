"""What strangers may write where a text is expected, and what of it must never be seen unchanged."""

from __future__ import annotations

ESCAPES = {
    "colours": "\x1b[31;1mred",
    "a window's title": "\x1b]0;owned\x07",
    "a link": "\x1b]8;;https://example.com\x1b\\click\x1b]8;;\x1b\\",
    "the clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "clearing the screen": "\x1bc\x9b2J",
    "overwriting a line": "good\rbad",
    "backspaces": "evil\b\b\b\bgood",
    "right to left": "safe\u202egnp.exe",
    "an isolate": "a\u2066b\u2069c",
    "a line separator": "a\u2028b",
    "a null": "a\x00b",
    "delete": "a\x7fb",
}
COMMANDS = frozenset(
    letter for text in ESCAPES.values() for letter in text if not (letter.isprintable() or letter == " ")
)
MARKUP = {
    "an image": "<img src=x onerror='window.owned = 1'>",
    "a script": "<script>window.owned = 1</script>",
    "a frame": '<iframe srcdoc="<script>parent.owned = 1</script>"></iframe>',
    "an end": "</textarea></title></style><svg onload='window.owned = 1'>",
    "a template": "{{constructor.constructor('window.owned = 1')()}} ${window.owned = 1}",
}
FORMULAS = {"half a formula": "$", "a formula": r"$\frac{a}$", "a command": r"\input{/etc/passwd} $\sqrt$"}
LONG = "x" * 10_000_000
LONG_WORDS = "a cat " * 1_600_000


def find_commands(text: str) -> frozenset[str]:
    """The letters of `text` that command a terminal or turn the direction of what follows."""
    return COMMANDS & set(text)
