"""What the page asks the server while somebody types: the paper's kinds, and what is read of concepts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aiohttp import web
from server import PromptServer

from ..rece_core.erasing.schedule import read_by_kind
from ..rece_core.storage.json_text import parse_json
from ..rece_core.texts.presets import NEIGHBOURS, PRESETS
from ..rece_core.texts.questions import list_questions
from ..rece_core.texts.wording import quote
from .concepts import AS_IS, BY_KIND
from .host_texts import MAX_WORDS, count_clip_tokens
from .route_limits import Door, refuse_in_words

MAX_TEXTS, MAX_LETTERS = 2000, 200_000  # of one request
MAX_SHOWN, MAX_LETTERS_SHOWN = 8000, 1_000_000  # of one answer, where many names may share long anchors
FIELDS = ("kind", "targets", "default_anchor", "preserve", "phrasings")  # as the inputs of RECE Concepts
DOOR = Door()


def add_routes() -> None:
    """Register GET /rece/kinds and POST /rece/concepts with the host, which serves them below /api too."""
    routes = PromptServer.instance.routes
    routes.get("/rece/kinds")(_list_kinds)
    routes.post("/rece/concepts")(_read_concepts)


async def _list_kinds(request: web.Request) -> web.Response:
    return web.json_response({kind: asdict(preset) for kind, preset in PRESETS.items()})


@refuse_in_words
async def _read_concepts(request: web.Request) -> web.Response:
    async with DOOR.enter(request) as body:
        return web.json_response(text=await DOOR.work(lambda: _answer(body)))


def _answer(body: bytes) -> str:
    """The answer to a request as JSON; ValueError where there is none."""
    return json.dumps(_describe_concepts(**_check_request(body)))


def _check_request(body: bytes) -> dict[str, str]:
    """The fields that a request's body gives; ValueError where it is not such a request, or a larger one."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the request begins with {body[:20]!r} and is not UTF-8; expected JSON in UTF-8.") from None
    if len(text) > MAX_LETTERS:
        raise ValueError(f"the request has {len(text)} letters; expected at most {MAX_LETTERS}. Write fewer texts.")
    try:
        asked = parse_json(text)
    except ValueError:
        asked = None
    named = isinstance(asked, dict) and asked.keys() == set(FIELDS)
    if not named or not all(isinstance(value, str) for value in asked.values()):
        raise ValueError(f"the request is {text[:60]!r}; expected an object of strings named {', '.join(FIELDS)}.")
    if asked["phrasings"] not in (AS_IS, BY_KIND):
        raise ValueError(f"phrasings is {quote(asked['phrasings'])}; expected '{AS_IS}' or '{BY_KIND}'.")
    return dict(asked)


def _describe_concepts(kind: str, targets: str, default_anchor: str, preserve: str, phrasings: str) -> dict[str, Any]:
    """What RECE Concepts will read of its inputs, with tokens and every mistake; ValueError for too many texts."""
    reading = read_by_kind(kind, targets, default_anchor, preserve, by_kind=phrasings == BY_KIND)
    shown = [reading.preserve, *(texts for concept in reading.concepts for texts in (concept.names, concept.anchors))]
    if sum(map(len, shown)) > MAX_SHOWN or sum(map(_count_letters, shown)) > MAX_LETTERS_SHOWN:
        raise ValueError("the request's names have too many anchors, or too long ones. Write fewer texts.")
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
        "preserve": list(reading.preserve),
        "questions": [asdict(each) for each in list_questions(reading.concepts, reading.lines, tokens)],
        "suggestions": reading.suggest(NEIGHBOURS[kind]),
        "limit": MAX_WORDS,
    }


def _count_letters(texts: Sequence[str]) -> int:
    return sum(map(len, texts))
