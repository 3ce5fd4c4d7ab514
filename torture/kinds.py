"""The kinds of inputs of a campaign, and how many of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

from . import attacks, samples
from .documents import Document
from .headers import mutate_document
from .inputs import Input
from .kind import Attack, Kind
from .texts import mutate_text
from .trees import mutate_tree, write_json


def of_documents(name: str, count: int, listed: Callable[[], list[Document]], attack: Attack, **limits: Any) -> Kind:
    """A kind of `.safetensors` files."""
    known = cache(listed)
    return Kind(
        name,
        count,
        lambda random: mutate_document(random, random.choice(known())),
        attack,
        lambda: [each.build() for each in known()],
        **limits,
    )


def of_texts(name: str, count: int, listed: Sequence[bytes], attack: Attack) -> Kind:
    """A kind of texts."""
    return Kind(
        name,
        count,
        lambda random: Input(mutate_text(random, random.choice(listed))),
        attack,
        lambda: [Input(each) for each in listed],
    )


def of_values(name: str, count: int, listed: Sequence[Any], attack: Attack) -> Kind:
    """A kind of JSON values."""

    def make(random: Random) -> Input:
        tree = dict(random.choice(listed))
        if random.random() < 0.6:  # texts within, of lines
            field = random.choice([each for each in tree if isinstance(tree[each], str)])
            tree[field] = mutate_text(random, tree[field].encode()).decode("utf-8", "surrogateescape")
            return Input(json.dumps(tree).encode())
        tree = mutate_tree(random, tree, random.choice((1, 1, 2, 4)))
        return Input(write_json(tree).encode("utf-8", "surrogatepass"))

    return Kind(name, count, make, attack, lambda: [Input(json.dumps(each).encode()) for each in listed])


ALL = (
    of_documents("erasure.safetensors", 32_000, samples.list_erasures, attacks.use_erasure),
    of_documents("lora.safetensors", 8_000, samples.list_loras, attacks.inspect),
    of_documents("model.safetensors", 20_000, samples.list_models, attacks.inspect),
    of_documents("checkpoint.safetensors", 12_000, samples.list_checkpoints, attacks.inspect),
    # Whole ones take this: 49,408 words of CLIP in float32, and matrices of the text's width squared.
    of_documents("encoder.safetensors", 300, samples.list_checkpoints, attacks.encode_text, seconds=10, memory=1 << 30),
    of_documents("erase.safetensors", 100, samples.list_narrow, attacks.erase, seconds=60, memory=3 << 30),
    of_documents("prior.safetensors", 6_000, samples.list_priors, attacks.read_kept_prior),
    of_texts("prompts.csv", 12_000, samples.PROMPTS, attacks.read_prompts),
    of_texts("table.csv", 6_000, samples.TABLES, attacks.read_results),
    of_texts("captions.txt", 2_000, samples.CAPTIONS, attacks.use_captions),
    of_values("concepts.json", 10_000, samples.CONCEPTS, attacks.type_concepts),
    of_values("workflow.json", 8_000, samples.VALUES, attacks.set_values),
)
KINDS = {kind.name: kind for kind in ALL}
