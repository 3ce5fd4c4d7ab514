"""The pack's route as it was before it had bounds: what the tests of routes must catch."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web


async def read_anything(request: web.Request) -> web.Response:
    """POST /probe/concepts: reads all of whatever comes, and answers each name with all anchors."""
    try:
        asked = json.loads(await request.text())
        answer = await asyncio.get_running_loop().run_in_executor(None, lambda: _describe(**asked))
    except (ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response(answer)


def _describe(targets: str, default_anchor: str, **others: Any) -> dict[str, Any]:
    return {"concepts": [{"names": line, "anchors": default_anchor.split(",")} for line in targets.splitlines()]}
