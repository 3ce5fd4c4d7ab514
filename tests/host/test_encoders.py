"""Every text encoder of the host: which inputs it gives, which rows are words, and what the model's mask hides."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.environment import Host
from rece_core.models.fingerprint import CLOSE, TOLERANCE

SCRIPT = Path(__file__).with_name("encode_texts.py")

#: The conditioning inputs of each text encoder besides `tokens`, and what it reads of a text of 130 words: the most it
#: can, or all.
COND_INPUTS = {
    "sd1": ("pooled",),
    "sd2": ("pooled",),
    "sdxl": ("pooled",),
    "sdxl refiner": ("pooled",),
    "stable cascade": ("pooled",),
    "sd3": ("pooled",),
    "sd3 without t5": ("pooled",),
    "sd3 without clip": (),
    "flux": ("pooled",),
    "pixart": (),
    "auraflow": (),
    "ltx": (),
    "cosmos": (),
    "wan": (),
    "hunyuan dit": ("t5", "t5_padded"),
    "lumina": (),
    "hunyuan video": ("pooled",),
    "hidream": ("pooled", *(f"llama.{layer}" for layer in range(4))),
    "qwen image": (),
    "hunyuan image": (),
    "omnigen2": (),
    "z-image": (),
    "klein": (),
    "kandinsky": ("pooled",),
    "ovis": (),
    "longcat": (),
    "anima": (),
}
LIMITS = {
    "sd1": 75,
    "sd2": 75,
    "sdxl": 75,
    "sdxl refiner": 75,
    "stable cascade": 75,
    "sd3": 75,
    "sd3 without t5": 75,
    "hidream": 127,
}

#: Rows of 'a photo of a cat' that the model sees, of those that the encoder gives, where a mask hides the others.
MASKED = {
    "ltx": {"tokens": (8, 128)},
    "cosmos": {"tokens": (8, 512)},
    "hunyuan dit": {"tokens": (7, 77), "t5": (6, 256)},
}

#: The same where the encoder sets padding to zero.
ZEROED = {"auraflow": (6, 256), "wan": (6, 512), "ovis": (15, 256)}

#: Those that put a space where there is no text.
SPACED = ("ovis", "longcat")

Encoded = dict[str, Any]


@pytest.fixture(scope="module")
def encoded(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    """What `encode_texts.py` found in the host's own Python."""
    folder = tmp_path_factory.mktemp("encoders")
    command = [host.python, SCRIPT, host.folder, folder / "found.json"]
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: Encoded = json.loads((folder / "found.json").read_text("utf-8"))
    return found


@pytest.fixture(params=COND_INPUTS)
def name(request: pytest.FixtureRequest, encoded: Encoded) -> str:
    """A text encoder that this host has."""
    if "absent" in encoded[request.param]:
        pytest.skip(encoded[request.param]["absent"])
    return str(request.param)


def test_every_encoder_is_listed(encoded: Encoded) -> None:
    assert set(encoded) == set(COND_INPUTS)


def test_its_inputs(name: str, encoded: Encoded) -> None:
    assert set(encoded[name]["pairs"][0]) == {"tokens", *COND_INPUTS[name]}


def test_the_last_word_is_where_texts_differ(name: str, encoded: Encoded) -> None:
    """Rows differ from the last word on where an encoder reads forwards (CLIP), and at its tokens alone elsewhere."""
    for pair in encoded[name]["pairs"]:
        for found in pair.values():
            for rows, last_word, (first, last) in zip(found["rows"], found["last_words"], found["differ"], strict=True):
                assert last_word == (first if last == rows - 1 else last)


def test_longer_texts_have_their_last_word_further_on(name: str, encoded: Encoded) -> None:
    short, long = (encoded[name]["pairs"][index]["tokens"]["last_words"] for index in (1, 2))
    assert all(one < other for one, other in zip(short, long, strict=True))


def test_a_text_without_words_ends_before_any_word(name: str, encoded: Encoded) -> None:
    wordless = encoded[name]["wordless"]["''"]
    for cond_input, found in encoded[name]["pairs"][1].items():
        for nothing, word in zip(wordless[cond_input]["last_words"], found["last_words"], strict=True):
            assert nothing == (word if cond_input == "pooled" or name in SPACED else word - 1)


def test_rows_face_each_other_from_the_last_words_on(name: str, encoded: Encoded) -> None:
    for segments in encoded[name]["anchored"].values():
        for segment in segments:
            assert segment["aligned"] == min(segment["behind"])
            assert segment["in_step"]


def test_texts_too_long(name: str, encoded: Encoded) -> None:
    found = encoded[name]["long"]
    if name in LIMITS:
        assert f"is 130 tokens long; expected at most {LIMITS[name]}, what the text encoder reads in one" in found
    else:
        assert found["tokens"]["last_words"][-1] >= 129


def test_what_a_mask_hides_is_no_row(name: str, encoded: Encoded) -> None:
    for cond_input, put in encoded[name]["put_back"].items():
        rows = encoded[name]["pairs"][0][cond_input]["rows"]
        if cond_input in MASKED.get(name, {}):
            assert ((put["seen"], put["of"]), rows) == (MASKED[name][cond_input], [MASKED[name][cond_input][0]])
            assert any("attention_mask" in key for key in put["passed"])
        elif name in ZEROED:
            assert ((put["seen"], put["of"]), rows) == (ZEROED[name], [ZEROED[name][0]])
        else:
            assert put["seen"] == put["of"] == sum(rows)


@pytest.mark.parametrize("copied", ["sd1", "flux", "z-image"])
def test_a_copy_in_another_type_is_the_same_encoder(copied: str, encoded: Encoded) -> None:
    copies = encoded[copied]["copies"]
    for cond_input in encoded[copied]["pairs"][0]:
        assert max(copies["float16"][cond_input], copies["bfloat16"][cond_input]) < TOLERANCE
        assert TOLERANCE < copies["float8_e4m3fn"][cond_input] < CLOSE < copies["other"][cond_input]


@pytest.mark.parametrize(
    ("swapped", "cond_input", "same"), [("sd3", "tokens.1", "tokens"), ("flux", "tokens", "pooled")]
)
def test_another_t5_beside_the_same_clip(swapped: str, cond_input: str, same: str, encoded: Encoded) -> None:
    found = encoded[swapped]["another t5"]
    assert found[cond_input] > CLOSE
    assert found[same] == found["pooled"] == 0


def test_embeddings_put_back(name: str, encoded: Encoded) -> None:
    """Doubling a conditioning input changes its own rows of the conditioning, and nothing else."""
    for cond_input, put in encoded[name]["put_back"].items():
        assert put["changed"] == put["seen"] > 0, cond_input
        assert {"cond", "pooled_output"} <= set(put["passed"])
