"""Inputs at the limits and far beyond them, which random damage seldom makes; each is a kind of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torture import attacks, samples
from torture.documents import Document, Stored
from torture.inputs import Input
from torture.kind import Attack, Kind

MANY = 10**12
UNET, WORDS = samples.UNET, "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
KEY = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
PROMPTS, TABLE = b"prompt,sd_seed\n", samples.TABLES[0].splitlines(keepends=True)[0]

Extreme = tuple[Attack, Callable[[], Input]]


def _type(**values: object) -> Input:
    return Input(json.dumps({"kind": "style", "schedule": "automatic", **values}).encode())


def _list(form: str, count: int) -> str:
    return "\n".join(form.format(number) for number in range(count))


def _crowd(count: int) -> Input:
    return Document({}, tuple(Stored(f"{UNET}{number}.x", "F32", [0]) for number in range(count))).build()


def _erase(count: int) -> Input:
    """An erasure of so many names in as many phrasings, in a few kilobytes."""
    document = samples.list_erasures()[0]
    concepts = json.loads(document.metadata["concepts"])
    concepts["concepts"] = [{"names": [f"n{number}" for number in range(count)], "anchors": ["a"]}]
    concepts["phrasings"] = [f"{{}} {number}" for number in range(count)]
    return replace(document, metadata={**document.metadata, "concepts": json.dumps(concepts)}).build()


def _stretch(name: str, rows: int) -> Input:
    """A checkpoint with so many rows in one weight, which its file really has, as a hole."""
    (document,) = samples.list_narrow()
    tensors = tuple(replace(each, shape=[rows, 768]) if each.name == name else each for each in document.tensors)
    return replace(document, tensors=tensors).build()


def _deepen(depth: int) -> Input:
    (document, *_) = samples.list_erasures()
    deep = "[" * depth + "]" * depth
    return replace(document, metadata={**document.metadata, "concepts": deep, "earlier": deep, "rece": deep}).build()


BEYOND: dict[str, Extreme] = {
    "names times phrasings": (attacks.use_erasure, lambda: _erase(2_000)),
    "nested a thousand deep": (attacks.use_erasure, lambda: _deepen(1_000)),
    "very many tensors": (attacks.inspect, lambda: _crowd(100_000)),
    "a header without end": (attacks.inspect, lambda: Document({"a": "x" * 20_000_000}, ()).build()),
    "a terabyte": (attacks.read_kept_prior, lambda: Document({}, (Stored("mean", "F64", [MANY // 8]),)).build()),
    "a billion words": (attacks.encode_text, lambda: _stretch(WORDS, 10**9)),
    "a billion rows that read the text": (attacks.encode_text, lambda: _stretch(KEY, 10**9)),
    "a file of nothing": (attacks.read_prompts, lambda: Input(PROMPTS, MANY)),
    "captions of nothing": (attacks.use_captions, lambda: Input(b"a", MANY)),
    "very many prompts": (attacks.read_prompts, lambda: Input(PROMPTS + b"a,1\n" * 1_000_000)),
    "very many columns": (attacks.read_prompts, lambda: Input(PROMPTS[:-1] + b",x" * 1_000_000)),
    "thousands of digits": (attacks.read_results, lambda: Input(TABLE + b"0,a,1,7.5,9,9," + b"9" * 5000 + b",0,f\n")),
    "very many targets": (attacks.type_concepts, lambda: _type(targets=_list("n{} => b", 300_000))),
    "a name without end": (attacks.type_concepts, lambda: _type(targets="x" * 1_000_000)),
    "half a character": (attacks.type_concepts, lambda: _type(targets="\ud800 => a")),
    "very many weights by name": (attacks.set_values, lambda: _type(text_weights=_list("*{}*", 50_000))),
    "stars": (attacks.set_values, lambda: _type(text_weights="*a" * 200 + "*")),
}
WITHIN: dict[str, Extreme] = {
    "many tensors": (attacks.inspect, lambda: _crowd(19_000)),
    "many prompts": (attacks.read_prompts, lambda: Input(PROMPTS + b"a cat,1\n" * 50_000)),
    "names and captions": (
        attacks.type_concepts,
        lambda: _type(targets=_list("a cat {}", 30_000), captions=_list("a picture of a cat {}x", 5_000)),
    ),
}


def _expect(attack: Attack, refused: bool) -> Attack:
    """AssertionError, which is a failure, where the attack ends otherwise."""

    def check(path: Path) -> None:
        try:
            attack(path)
        except ValueError as error:
            assert refused, f"refused: {error}"
            raise
        assert not refused, "accepted"

    return check


def _make_kind(name: str, extreme: Extreme) -> Kind:
    attack, make = extreme
    return Kind("e.safetensors", 1, lambda random: make(), _expect(attack, name in BEYOND), lambda: [], seconds=30)


KINDS = {name: _make_kind(name, extreme) for name, extreme in (BEYOND | WITHIN).items()}
