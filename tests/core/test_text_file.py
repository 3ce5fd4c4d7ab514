"""Files of text in whatever encoding editors and spreadsheets saved them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rece_core.storage.text_file import read_lenient

TEXT = "a café\na red car\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_text_is_read_in_the_encoding_it_has(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "captions.txt"
    path.write_bytes(TEXT.encode(encoding))
    assert read_lenient(path) == TEXT


@pytest.mark.parametrize(
    ("content", "text"), [(b"caf\xe9\n", "caf\ufffd\n"), (b"\xff\xfea\x00\x00", "a\ufffd"), (b"", "")]
)
def test_what_is_no_sign_is_replaced(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "captions.txt"
    path.write_bytes(content)
    assert read_lenient(path) == text
