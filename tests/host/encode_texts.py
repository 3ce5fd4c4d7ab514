"""Encode texts with every text encoder of a ComfyUI, each small and with random weights, and write down what comes out.

    PYTHON_OF_THE_HOST encode_texts.py FOLDER_OF_THE_HOST FILE.json

The encoders are those of `small_encoders.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from small_encoders import ENCODERS, fill
from torch import Tensor, nn

#: Pairs that differ in the last word alone.
PAIRS = (
    ("a photo of a cat", "a photo of a dog"),
    ("cat", "dog"),
    (
        "an old painting of a wooden house with a door by the sea, and a cat",
        "an old painting of a wooden house with a door by the sea, and a dog",
    ),
    ("a (photo:1.2) of a cat", "a (photo:1.2) of a dog"),
)
ANCHOR = "dog"
LONG = 130

#: Encoders that are compared with copies of theirs in other types, and with the same ones beside another T5.
COPIED, SWAPPED = ("sd1", "flux", "z-image"), ("sd3", "flux")
TYPES = ("float16", "bfloat16", "float8_e4m3fn")

Change = Callable[[str, nn.Parameter], Any]


ROOT = Path(__file__).resolve().parents[2]


def main(host: str, file: str) -> None:
    sys.path.insert(0, host)
    sys.path.append(str(ROOT))  # behind the host, whose `nodes` and ours have the same name
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    from harness.pack import import_pack

    texts = import_pack("nodes.host_texts")
    written = {}
    for name, make in ENCODERS.items():
        try:
            clip = make()
        except (ImportError, AttributeError) as error:
            written[name] = {"absent": str(error)}
            continue
        except OSError as error:
            written[name] = {"absent": f"a file of its tokenizer is missing: {error}"[:200]}
            continue
        written[name] = describe(clip, texts)
        if name in COPIED:
            written[name]["copies"] = compare_copies(clip, texts)
        if name in SWAPPED:
            written[name]["another t5"] = compare_to(clip, texts, draw_t5)
    Path(file).write_text(json.dumps(written, indent=1), "utf-8")


def describe(clip: Any, texts: Any) -> dict[str, Any]:
    """What the pack makes of `clip`'s embeddings of the PAIRS, and of texts without words."""
    with torch.inference_mode():
        pairs = [[texts.encode_prompt(clip, text) for text in pair] for pair in PAIRS]
        return {
            "pairs": [compare(one, other) for one, other in pairs],
            "wordless": {repr(text): show(texts.encode_prompt(clip, text)) for text in ("", " ")},
            "put_back": check_put_back(pairs[0][0]),
            "long": try_long(clip, texts),
            "anchored": align_inputs(texts.encode_prompt(clip, ANCHOR), pairs[0][0]),
        }


def try_long(clip: Any, texts: Any) -> dict[str, Any] | str:
    """What comes of a text of LONG words: rows and last words, or the message of the error."""
    try:
        return show(texts.encode_prompt(clip, " ".join(["cat"] * LONG)))
    except ValueError as error:
        return str(error)


def align_inputs(anchor: Any, concept: Any) -> dict[str, Any]:
    """How many rows of the concept face rows of the anchor, and whether the first and the last do as they should."""
    from harness.pack import import_pack

    alignment = import_pack("rece_core.texts.alignment")
    found = {}
    for cond_input, text in concept.cond_inputs.items():
        rows = []
        for one, other in alignment.zip_segments([text, anchor.cond_inputs[cond_input]]):
            source, goal = alignment.align(one, other, "from subject")
            behind = [len(each.tokens) - each.last_word for each in (one, other)]
            in_step = torch.equal(source[0], one.tokens[one.last_word])
            in_step &= torch.equal(goal[0], other.tokens[other.last_word])
            in_step &= torch.equal(goal[-1], other.tokens[other.last_word + len(goal) - 1])
            rows.append({"aligned": len(source), "behind": behind, "in_step": in_step})
        found[cond_input] = rows
    return found


def compare(one: Any, other: Any) -> dict[str, Any]:
    """For each input: number of rows, last words, and the rows of each segment that differ between two texts."""
    found = {}
    for cond_input, text in one.cond_inputs.items():
        both = zip(text.segments(), other.cond_inputs[cond_input].segments(), strict=True)
        found[cond_input] = {**shape(text), "differ": [find_difference(a.tokens, b.tokens) for a, b in both]}
    return found


def show(prompt: Any) -> dict[str, Any]:
    return {cond_input: shape(text) for cond_input, text in prompt.cond_inputs.items()}


def shape(text: Any) -> dict[str, Any]:
    segments = text.segments()
    return {
        "rows": [len(segment.tokens) for segment in segments],
        "last_words": [segment.last_word for segment in segments],
        "width": text.tokens.shape[1],
    }


def find_difference(one: Tensor, other: Tensor) -> list[int]:
    """The first and the last row in which two embeddings differ by more than rounding."""
    different = ((one - other).abs() > 1e-4 * one.abs().max()).any(1).nonzero()[:, 0]
    return [int(different[0]), int(different[-1])]


def check_put_back(prompt: Any) -> dict[str, Any]:
    """How many rows of the conditioning change when each conditioning input is doubled, and how many rows both have."""
    ((cond, passed),) = prompt.to_conditioning()
    found = {}
    for cond_input, text in prompt.cond_inputs.items():
        ((new_cond, new_passed),) = prompt.replaced({cond_input: 2 * text.tokens}).to_conditioning()
        whole, new = {**passed, "cond": cond}, {**new_passed, "cond": new_cond}
        ((key, old),) = [(name, whole[name]) for name in whole if new[name] is not whole[name]]
        found[cond_input] = {
            "changed": int((new[key] != old).flatten(0, -2).any(1).sum()),
            "seen": len(text.tokens),
            "of": old.shape[-2],
            "passed": sorted(new),
        }
    return found


def compare_copies(clip: Any, texts: Any) -> dict[str, dict[str, float]]:
    """How far apart the fingerprints of copies in other types are, and those of an encoder with other weights."""

    def round_to(kind: str) -> Change:
        return lambda name, weight: weight.copy_(weight.to(getattr(torch, kind)))

    generator = torch.Generator().manual_seed(1)
    found = {kind: compare_to(clip, texts, round_to(kind)) for kind in TYPES}
    return {**found, "other": compare_to(clip, texts, lambda name, weight: fill(name, weight, generator))}


def compare_to(clip: Any, texts: Any, change: Change) -> dict[str, float]:
    """How far the fingerprints of `clip` move when `change` is made to each of its weights; it is undone."""
    from harness.pack import import_pack

    estimate = import_pack("rece_core.models.fingerprint").estimate_difference
    weights = {name: weight for name, weight in clip.cond_stage_model.named_parameters() if ".visual." not in name}
    before, kept = texts.fingerprint_encoder(clip), {name: weight.clone() for name, weight in weights.items()}
    with torch.no_grad():
        for name, weight in weights.items():
            change(name, weight)
        after = texts.fingerprint_encoder(clip)
        for name, weight in weights.items():
            weight.copy_(kept[name])
    return {cond_input: estimate(before[cond_input], after[cond_input]) for cond_input in before}


def draw_t5(name: str, weight: nn.Parameter) -> None:
    """Another T5."""
    if name.startswith("t5xxl."):
        fill(name, weight, torch.Generator().manual_seed(len(name)))


if __name__ == "__main__":
    main(*sys.argv[1:])
