"""What the pack takes of requests: from its own page, up to a size, in time, and so many at once.

The host's own limit is 100 MB, and it lets pages of other addresses through where their name leads here (DNS
rebinding). So whatever asks may cost time, within bounds, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web

MOST_BYTES = 1_000_000  # of a request; the longest the page sends has some 200,000 letters
MOST_AT_ONCE = 64  # a workflow opens with a request for each of its nodes
PATIENCE = 10.0  # seconds for a request to arrive

Result = TypeVar("Result")
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Refused(ValueError):
    """A request that is not read; `status` is HTTP's number for the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Door:
    """Lets requests in, and has one thread of its own: the host's are its own, and one leaves the others their time."""

    def __init__(self) -> None:
        self._inside = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="rece-routes")

    @asynccontextmanager
    async def enter(self, request: web.Request) -> AsyncIterator[bytes]:
        """Within it, the body of the request counts as inside; raises Refused where it must stay out."""
        _check_sender(request)
        if self._inside >= MOST_AT_ONCE:
            raise Refused(503, f"{self._inside} requests are being answered; expected fewer. Ask again in a while.")
        self._inside += 1
        try:
            yield await _read_body(request)
        finally:
            self._inside -= 1

    async def work(self, task: Callable[[], Result]) -> Result:
        """What `task` gives, one after the other, while the server goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, task)


def refuse_in_words(handler: Handler) -> Handler:
    """The handler, whose ValueErrors are answered as JSON: {"error": …} with status 400, or that of Refused."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except ValueError as error:
            status = error.status if isinstance(error, Refused) else 400
            return web.json_response({"error": str(error)}, status=status)

    return handle


def _check_sender(request: web.Request) -> None:
    """Pages of other addresses can't send JSON unless the browser has asked first, which the host answers with no."""
    if request.content_type != "application/json":
        found = request.headers.get("Content-Type", "")[:60]
        raise Refused(415, f"the request's type is {found!r}; expected 'application/json'. Send it so.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
        raise Refused(403, "the request comes from a page of another address; expected the host's own page.")


async def _read_body(request: web.Request) -> bytes:
    """The body, which is not read to its end where it is too long: its length may be missing, a lie, or packed."""
    length = request.content_length
    if length is not None and length > MOST_BYTES:
        raise _describe_length(f"{length:,}")
    try:
        return await asyncio.wait_for(_collect(request), PATIENCE)
    except asyncio.TimeoutError:  # before Python 3.11 not yet the same as TimeoutError
        raise Refused(408, f"the request did not arrive within {PATIENCE:g} s; expected all of it by then.") from None


async def _collect(request: web.Request) -> bytes:
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MOST_BYTES:
            raise _describe_length(f"more than {MOST_BYTES:,}")
    return bytes(body)


def _describe_length(found: str) -> Refused:
    return Refused(413, f"the request has {found} bytes; expected at most {MOST_BYTES:,}. Write fewer texts.")
