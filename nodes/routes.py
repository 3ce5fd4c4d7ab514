"""What the page asks the server while somebody types: the paper's kinds, and what is read of concepts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

from aiohttp import web
from server import PromptServer

from ..rece_core.erasing.schedule import read_by_kind
from ..rece_core.texts.presets import NEIGHBOURS, PRESETS
from ..rece_core.texts.questions import list_questions
from .concepts import AS_IS, BY_KIND
from .host_texts import MAX_WORDS, count_clip_tokens

MAX_TEXTS, MAX_LETTERS = 2000, 200_000  # of one request
FIELDS = ("kind", "targets", "default_anchor", "preserve", "phrasings")  # as the inputs of RECE Concepts


def add_routes() -> None:
    """Register GET /rece/kinds and POST /rece/concepts with the host, which serves them below /api too."""
    routes = PromptServer.instance.routes
    routes.get("/rece/kinds")(_list_kinds)
    routes.post("/rece/concepts")(_read_concepts)


async def _list_kinds(request: web.Request) -> web.Response:
    return web.json_response({kind: asdict(preset) for kind, preset in PRESETS.items()})


async def _read_concepts(request: web.Request) -> web.Response:
    try:
        asked = _check_request(await request.text())
        answer = await asyncio.get_running_loop().run_in_executor(None, lambda: _describe_concepts(**asked))
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response(answer)


def _check_request(body: str) -> dict[str, str]:
    """The fields that a request's body gives; ValueError where it is not such a request, or a larger one."""
    if len(body) > MAX_LETTERS:
        raise ValueError(f"the request has {len(body)} letters; expected at most {MAX_LETTERS}. Write fewer texts.")
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    named = isinstance(asked, dict) and asked.keys() == set(FIELDS)
    if not named or not all(isinstance(text, str) for text in asked.values()):
        raise ValueError(f"the request is {body[:60]!r}; expected an object of strings named {', '.join(FIELDS)}.")
    if asked["phrasings"] not in (AS_IS, BY_KIND):
        raise ValueError(f"phrasings is {asked['phrasings']!r}; expected '{AS_IS}' or '{BY_KIND}'.")
    return dict(asked)


def _describe_concepts(kind: str, targets: str, default_anchor: str, preserve: str, phrasings: str) -> dict[str, Any]:
    """What RECE Concepts will read of its inputs, with tokens and every mistake; ValueError for too many texts."""
    reading = read_by_kind(kind, targets, default_anchor, preserve, by_kind=phrasings == BY_KIND)
    texts = reading.list_texts()
    if len(texts) > MAX_TEXTS:
        raise ValueError(f"the request has {len(texts)} texts; expected at most {MAX_TEXTS}. Write fewer texts.")
    tokens = dict(zip(texts, count_clip_tokens(texts), strict=True))
    return {
        "preset": asdict(PRESETS[kind]),
        "concepts": [
            {
                "line": line,
                "names": [{"text": text, "tokens": tokens[text]} for text in concept.names],
                "anchors": [{"text": text, "tokens": tokens[text]} for text in concept.anchors],
            }
            for line, concept in zip(reading.lines, reading.concepts, strict=True)
        ],
        "problems": [asdict(each) for each in (*reading.problems, *reading.find_too_long(tokens, MAX_WORDS))],
        "questions": [asdict(each) for each in list_questions(reading.concepts, reading.lines, tokens)],
        "suggestions": reading.suggest(NEIGHBOURS[kind]),
        "limit": MAX_WORDS,
    }
