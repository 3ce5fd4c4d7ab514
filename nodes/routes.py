"""What the page asks the server while somebody types: the paper's kinds, and how many tokens texts take."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from aiohttp import web
from server import PromptServer

from ..rece_core.texts.presets import PRESETS
from .host_texts import MAX_WORDS, count_clip_tokens

MAX_TEXTS, MAX_LETTERS = 2000, 200_000  # of one request


def add_routes() -> None:
    """Register GET /rece/kinds and POST /rece/tokens with the host, which serves them below /api too."""
    routes = PromptServer.instance.routes
    routes.get("/rece/kinds")(_list_kinds)
    routes.post("/rece/tokens")(_count_tokens)


async def _list_kinds(request: web.Request) -> web.Response:
    return web.json_response({kind: asdict(preset) for kind, preset in PRESETS.items()})


async def _count_tokens(request: web.Request) -> web.Response:
    asked = await request.json()
    texts = asked.get("texts") if isinstance(asked, dict) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return _refuse("expected {'texts': [...]}, a list of strings.")
    if len(texts) > MAX_TEXTS or sum(map(len, texts)) > MAX_LETTERS:
        return _refuse(f"expected at most {MAX_TEXTS} texts and {MAX_LETTERS} letters in all; ask in parts.")
    counts = await asyncio.get_running_loop().run_in_executor(None, count_clip_tokens, texts)
    return web.json_response({"counts": counts, "limit": MAX_WORDS})


def _refuse(reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=400)
