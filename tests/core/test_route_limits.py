"""How many requests are let in at once, and how long one may take to arrive: seen on a server of aiohttp alone."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

aiohttp = pytest.importorskip("aiohttp")
from aiohttp import web  # noqa: E402
from aiohttp.test_utils import TestClient, TestServer  # noqa: E402

FILE = Path(__file__).parents[2] / "nodes" / "route_limits.py"
SPEC = importlib.util.spec_from_file_location("route_limits", FILE)
assert SPEC is not None and SPEC.loader is not None
limits: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(limits)

ASKED = 200
TYPE = {"Content-Type": "application/json"}
Handler = Callable[[web.Request], Awaitable[web.Response]]
Task = Callable[[], object]


def bound(task: Task) -> Handler:
    """As the pack answers."""
    door = limits.Door()

    async def handle(request: web.Request) -> web.Response:
        async with door.enter(request):
            return web.json_response(await door.work(task))

    handler: Handler = limits.refuse_in_words(handle)
    return handler


def unbound(task: Task) -> Handler:
    """As it answered before: the control."""

    async def handle(request: web.Request) -> web.Response:
        await request.text()
        return web.json_response(await asyncio.get_running_loop().run_in_executor(None, task))

    return handle


def serve(handler: Handler, ask: Callable[[TestClient[Any, Any]], Awaitable[Any]]) -> Any:
    """What `ask` gives with a server that answers by `handler`."""

    async def run() -> Any:
        app = web.Application()
        app.router.add_post("/", handler)
        async with TestClient(TestServer(app), connector=aiohttp.TCPConnector(limit=0)) as client:
            return await ask(client)

    return asyncio.run(run())


class Busy:
    """A task that goes on until it is told to end, and counts how often it runs at once."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.running = self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.may_end.wait()
        with self._lock:
            self.running -= 1
        return 0


@pytest.mark.parametrize("make", [bound, unbound])
def test_so_many_at_once_and_one_after_the_other(make: Callable[[Task], Handler]) -> None:
    busy = Busy()

    async def ask(client: TestClient[Any, Any]) -> list[int]:
        waiting = [asyncio.ensure_future(client.post("/", data=b"{}", headers=TYPE)) for _ in range(ASKED)]
        refused = ASKED - limits.MOST_AT_ONCE
        for _ in range(
            1200 if make is bound else 20
        ):  # until all are inside or refused, which the unbound ones never are
            await asyncio.sleep(0.05)
            if sum(each.done() for each in waiting) >= refused:
                break
        busy.may_end.set()
        answers = [answer.status for answer in await asyncio.gather(*waiting)]
        answers.append((await client.post("/", data=b"{}", headers=TYPE)).status)
        return answers

    answers = serve(make(busy), ask)
    let_in = answers.count(200)
    if make is bound:
        assert (let_in, answers.count(503)) == (limits.MOST_AT_ONCE + 1, ASKED - limits.MOST_AT_ONCE)
        assert busy.most == 1
    else:
        assert let_in == ASKED + 1 and busy.most > 1


@pytest.mark.parametrize("make", [bound, unbound])
def test_who_sends_slowly_is_not_waited_for(make: Callable[[Task], Handler], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.1)

    async def ask(client: TestClient[Any, Any]) -> int | None:
        async def send() -> Any:
            yield b"{"
            await asyncio.sleep(2)
            yield b"}"

        given_up = asyncio.wait_for(client.post("/", data=send(), headers=TYPE), 10)
        return (await given_up).status

    assert serve(make(lambda: 0), ask) == (408 if make is bound else 200)


def test_refusals_are_in_words() -> None:
    async def ask(client: TestClient[Any, Any]) -> tuple[int, str]:
        answer = await client.post("/", data=b" " * (limits.MOST_BYTES + 1), headers=TYPE)
        return answer.status, json.loads(await answer.text())["error"]

    status, told = serve(bound(lambda: 0), ask)
    assert status == 413
    assert told == "the request has 1,000,001 bytes; expected at most 1,000,000. Write fewer texts."
