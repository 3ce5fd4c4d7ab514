"""Texts of any length and kind: refused in a sentence, or printed as what they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rece_core.benchmarks.prompt_list import read_prompt_list
from rece_core.command_line.main import run
from rece_core.models.text_entries import find_family
from rece_core.storage.atomic_file import write_atomically
from rece_core.storage.tensor_file import open_tensor_file
from rece_core.texts.concepts import Concept, drop_named, parse_concepts
from rece_core.texts.presets import get_preset
from rece_core.texts.prior import Prior
from rece_core.texts.prior_file import read_prior, write_prior
from torture.documents import Document, Stored


def test_too_many_texts() -> None:
    """Names times phrasings, each onto each anchor, are counted before they are written out."""
    many = "\n".join(f"n{number} => a" for number in range(1000))
    with pytest.raises(ValueError, match=r"1,000 names .* in 500 phrasings make 1,000,000 texts .* at most 250,000"):
        parse_concepts("style", many, phrasings=[f"{{}} {number}" for number in range(500)])
    long = "x" * 4000
    with pytest.raises(ValueError, match=r"make 6,000 texts of 24,.* letters; expected at most 250,000 and 10,000,000"):
        parse_concepts("style", "\n".join(f"{long}{number} => {long}" for number in range(3000)))


@pytest.mark.parametrize(
    ("text", "message"), [("x" * 5001, r"has 5,001 letters; expected at most 5,000"), ("\udfff", r"half a character")]
)
def test_texts_that_no_encoder_reads(text: str, message: str) -> None:
    for asked in ({"targets": text}, {"targets": f"a => {text}"}, {"targets": "a => b", "preserve": text}):
        with pytest.raises(ValueError, match=message):
            parse_concepts("style", **asked)


@pytest.mark.parametrize(
    ("name", "caption", "named"),
    [
        ("c++", "I like C++ a lot", True),
        ("c++", "c++11", False),
        ("(x)", "a(x)", False),
        ("(x)", "a (x)", True),
        ("van gogh", "by Van Gogh.", True),
        ("van gogh", "by van goghs", False),
        ("van gogh", "by van  gogh", False),
        ("cat", "concatenate", False),
        ("straße", "a STRASSE", True),
        ("梵高", "梵高", True),
    ],
)
def test_captions_that_name_a_target(name: str, caption: str, named: bool) -> None:
    concepts = [Concept((name, "something else"), ("art",))]
    assert drop_named([caption], concepts) == (() if named else (caption,))


def test_messages_quote_the_beginning(tmp_path: Path) -> None:
    long = "x" * 100_000
    (tmp_path / "p.csv").write_text(f"{long},b\n", "utf-8")
    (tmp_path / "n.csv").write_text(f"prompt,sd_seed\na,{long}\n", "utf-8")
    (tmp_path / "w.csv").write_text(",".join(f"c{number}" for number in range(900)) + "\n", "utf-8")
    Document(long, ()).build().write(tmp_path / "t.safetensors")
    for refused in (
        lambda: get_preset(long),
        lambda: read_prompt_list(tmp_path / "p.csv"),
        lambda: read_prompt_list(tmp_path / "n.csv"),
        lambda: read_prompt_list(tmp_path / "w.csv"),
        lambda: find_family({"a.b": (1, 1)}, "x" * 499),
        lambda: open_tensor_file(tmp_path / "t.safetensors"),
    ):
        with pytest.raises(ValueError, match=r"xpected|is not a whole|is not a complete") as raised:
            refused()
        assert len(str(raised.value)) < 1500


def test_inspect_prints_no_commands_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = {"made_by": "ComfyUI-RECE", "erased": "\x1b[2J\x9b31m\0", "how": "line\nline\ttab"}
    Document(header, (Stored("a.lora_up.weight", "F32", [0]),)).build().write(tmp_path / "l.safetensors")
    assert run(["inspect", str(tmp_path / "l.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "\\u001b[2J\\u009b31m\\u0000" in out and "\x1b" not in out and "\tab" not in out and "\ttab" in out
    assert run(["inspect", str(tmp_path / "l.safetensors"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["header"]["erased"] == header["erased"]


def test_a_name_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    for name in ("x" * 243 + ".safetensors", "梵" * 80 + ".safetensors"):
        write_atomically(tmp_path / name, b"content")
        assert (tmp_path / name).read_bytes() == b"content"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_prior_is_read_as_it_was_written_and_refused_when_damaged(tmp_path: Path) -> None:
    prior = Prior(torch.eye(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    path = tmp_path / "prior.safetensors"
    write_prior(prior, path)
    again = read_prior(path, 3)
    assert torch.equal(again.moment, prior.moment) and torch.equal(again.mean, prior.mean)
    with pytest.raises(ValueError, match=r"moment is F64 of shape \(3, 3\); expected F64 of shape \(4, 4\)"):
        read_prior(path, 4)
    write_prior(Prior(prior.moment, prior.mean / 0), path)
    with pytest.raises(ValueError, match=r"holds NaN or infinite numbers"):
        read_prior(path, 3)
    Document({}, (Stored("moment", "F64", [3, 3]),)).build().write(path)
    with pytest.raises(ValueError, match=r"mean is not there"):
        read_prior(path, 3)
