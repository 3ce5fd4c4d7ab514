"""What the page asks the server while somebody types: the paper's kinds, and how many tokens texts take."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from aiohttp import web
from comfy.sd1_clip import SD1Tokenizer
from server import PromptServer

from ..rece_core.texts.presets import PRESETS

MAX_WORDS = 75  # what CLIP reads in one piece: 77 tokens less start and end
MAX_TEXTS, MAX_LETTERS = 2000, 200_000  # of one request


def add_routes() -> None:
    """Register GET /rece/kinds and POST /rece/tokens with the host, which serves them below /api too."""
    routes = PromptServer.instance.routes
    routes.get("/rece/kinds")(_list_kinds)
    routes.post("/rece/tokens")(_count_tokens)


def count_tokens(texts: Sequence[str]) -> list[int]:
    """Tokens of each text under CLIP's vocabulary, start and end not counted; words are taken literally.

    The same for the CLIP encoders of SD 1.x, 2.x, SDXL, SD 3 and Flux; no model has to be loaded.
    """
    return [sum(word > 0 for chunk in _tokenize(text) for _, _, word in chunk) for text in texts]


def _tokenize(text: str) -> Any:
    literal = re.sub(r"(?<!\\)([()])", r"\\\1", text)  # else '(word:1.2)' would be read as a weight
    return next(iter(_load_tokenizer().tokenize_with_weights(literal, return_word_ids=True).values()))


@cache
def _load_tokenizer() -> Any:
    return SD1Tokenizer()  # with no folder of embeddings: it opens no file for 'embedding:name'


async def _list_kinds(request: web.Request) -> web.Response:
    return web.json_response({kind: asdict(preset) for kind, preset in PRESETS.items()})


async def _count_tokens(request: web.Request) -> web.Response:
    asked = await request.json()
    texts = asked.get("texts") if isinstance(asked, dict) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return _refuse("expected {'texts': [...]}, a list of strings.")
    if len(texts) > MAX_TEXTS or sum(map(len, texts)) > MAX_LETTERS:
        return _refuse(f"expected at most {MAX_TEXTS} texts and {MAX_LETTERS} letters in all; ask in parts.")
    counts = await asyncio.get_running_loop().run_in_executor(None, count_tokens, texts)
    return web.json_response({"counts": counts, "limit": MAX_WORDS})


def _refuse(reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=400)
