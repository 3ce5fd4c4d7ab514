"""Attacks on the pack's routes in a real ComfyUI, each of which tells what got through.

    python -m torture.doors FOLDER

starts one, and writes `doors.json` into the folder. The control is the same route as it was before it had bounds.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from harness.environment import ROOT, locate_host
from harness.server import PACK_NAME, Server

from .rows import Row, write_row

TYPED = {"kind": "custom", "targets": "a cat", "default_anchor": "", "preserve": "", "phrasings": "as typed"}
JSON = {"Content-Type": "application/json"}
HUGE = 50_000_000  # bytes, within what the host takes
MOST_ANSWER = 4_000_000  # bytes
PATIENCE = 120  # seconds, for slow machines
LONG_WAIT = 30  # seconds, within which who sends slowly is to be sent away
WAIT = 3  # seconds for an answer that ought to come before the request has ended
EVIL = "evil.example"

Flaws = Iterator[str]


@dataclass
class Door:
    """A route of the server at `url`; `count`: the requests that were sent."""

    url: str
    route: str
    count: int = 0

    @property
    def address(self) -> str:
        return self.url + self.route

    def ask(self, body: bytes | str, method: str = "POST", **headers: str) -> requests.Response:
        """Its answer to a request, whose headers are given with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.count += 1
        content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.address, data=content, headers={**JSON, **named}, timeout=PATIENCE)

    def type(self, **typed: str) -> requests.Response:
        """Its answer to what somebody typed."""
        return self.ask(json.dumps({**TYPED, **typed}, ensure_ascii=False))

    def begin(self, *headers: str) -> socket.socket:
        """A connection that has sent these headers, and waits."""
        self.count += 1
        found = urlsplit(self.url)
        connection = socket.create_connection((found.hostname, found.port), timeout=PATIENCE)
        lines = [f"POST {self.route} HTTP/1.1", f"Host: {found.netloc}", "Content-Type: application/json", *headers]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection


def send_too_much(door: Door) -> Flaws:
    """By its length, in pieces without one, packed."""
    with door.begin(f"Content-Length: {HUGE}") as connection:
        connection.settimeout(WAIT)
        try:
            status = connection.recv(100).split(b" ")[1:2]
        except TimeoutError:
            status = [b"no answer"]
        if status != [b"413"]:
            yield f"a request of {HUGE:,} bytes was waited for ({status})"
    door.count += 1
    pieces = (b" " * 100_000 for _ in range(HUGE // 100_000))
    with requests.Session() as session:
        session.trust_env = False
        try:
            status_code = session.post(door.address, data=pieces, headers=JSON, timeout=PATIENCE).status_code
        except requests.ConnectionError:  # it was closed while more was coming
            status_code = 413
    if status_code != 413:
        yield f"{HUGE:,} bytes in pieces were read to the end ({status_code})"
    packed = door.ask(gzip.compress(b" " * HUGE), Content_Encoding="gzip")
    if packed.status_code != 413:
        yield f"{HUGE:,} bytes in a packed request were read to the end ({packed.status_code})"


def send_other_types(door: Door) -> Flaws:
    """As a page of another address may, without the browser asking first: a form, a text, nothing."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = door.ask(json.dumps(TYPED), Content_Type=kind)
        if answer.status_code != 415:
            yield f"a request of type {kind!r} was read ({answer.status_code})"


def come_from_elsewhere(door: Door) -> Flaws:
    """From a page of another address, a frame without any, and what browsers say of such a request."""
    for name, headers in {
        "another origin": {"Origin": f"http://{EVIL}"},
        "another port": {"Origin": "http://127.0.0.1:1"},
        "cross-site": {"Sec_Fetch_Site": "cross-site"},
        "a frame without origin": {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
    }.items():
        answer = door.ask(json.dumps(TYPED), **headers)
        if answer.status_code != 403:
            yield f"a request from {name} was read ({answer.status_code})"
    asked = door.ask(b"", "OPTIONS", Origin=f"http://{EVIL}", Access_Control_Request_Method="POST")
    allowed = [name for name in asked.headers if name.lower().startswith("access-control-allow")]
    if allowed:
        yield f"a page of another address is allowed to ask: {allowed}"


def use_other_methods(door: Door) -> Flaws:
    """Whatever is not its own method."""
    for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "PROPFIND"):
        answer = door.ask(json.dumps(TYPED), method)
        if answer.status_code not in (404, 405):  # of GET the host looks for a file
            yield f"{method} was answered with {answer.status_code}"


def send_damage(door: Door) -> Flaws:
    """What is no such request is refused in a sentence."""
    whole = json.dumps(TYPED)
    damaged: dict[str, bytes | str] = {
        "nothing": b"",
        "half of it": whole[: len(whole) // 2],
        "another encoding": whole.encode("utf-16"),
        "bytes that are no text": b'{"kind": "\xff\xfe"}',
        "a null": b"\x00" * 1000,
        "half a character": json.dumps({**TYPED, "targets": "\ud800"}),
        "a list nested deep": "[" * 100_000 + "]" * 100_000,
        "an object nested deep": '{"kind":' * 50_000 + "1" + "}" * 50_000,
        "a long number": '{"kind": ' + "9" * 100_000 + "}",
        "no number": '{"kind": NaN}',
        "a number for a text": json.dumps({**TYPED, "targets": 7}),
        "a field more": json.dumps({**TYPED, "__class__": "x"}),
    }
    for name, body in damaged.items():
        yield from _find_bad_answer(name, door.ask(body))
    for charset in ("no-such", "zip", "utf-7", "rot13", "idna", "utf-16"):
        answer = door.ask(whole, Content_Type=f"application/json; charset={charset}")
        if answer.status_code != 200:
            yield f"the charset {charset} is answered with {answer.status_code}, though the request is as it should be"


def _find_bad_answer(name: str, answer: requests.Response) -> Flaws:
    told = answer.json().get("error", "") if "json" in answer.headers.get("Content-Type", "") else ""
    if answer.status_code != 400 or len(told) > 1000 or "expected" not in told:
        yield f"{name} is answered with {answer.status_code} {answer.text[:60]!r}"


def ask_for_much(door: Door) -> Flaws:
    """Small requests whose answers would be large: texts times texts."""
    lines = "\n".join(map(str, range(3000)))
    for name, typed in {
        "names times anchors": {"targets": lines, "default_anchor": ",".join(map(str, range(3000)))},
        "names times a long anchor": {"targets": lines, "default_anchor": "x" * 20_000},
        "names times phrasings": {"kind": "unsafe", "targets": lines, "phrasings": "by kind"},
        "a word without end": {"targets": "x" * 190_000},
        "the same again": {"targets": "x\n" * 60_000, "preserve": "x\n" * 30_000},
        "brackets": {"targets": "(" * 190_000},
        "commas": {"targets": "," * 190_000},
    }.items():
        answer = door.type(**typed)
        if answer.status_code not in (200, 400) or len(answer.content) > MOST_ANSWER:
            yield f"{name} is answered with {answer.status_code} and {len(answer.content):,} bytes"


def ask_often(door: Door) -> Flaws:
    """200 at once: each is answered or told to come again, and the server answers others."""
    with ThreadPoolExecutor(200) as crowd:
        answers = list(crowd.map(lambda _: door.type(targets="x\n" * 900).status_code, range(200)))
    strange = sorted({status for status in answers if status not in (200, 503)})
    if strange or 200 not in answers:
        yield f"200 at once are answered with {strange or 'none at all'}"
    if door.type().status_code != 200:
        yield "after 200 at once it answers no more"


def send_slowly(door: Door) -> Flaws:
    """Many that begin and never end are sent away, and do not keep others out for longer than that."""
    with contextlib.ExitStack() as open_:
        slow = [open_.enter_context(door.begin("Content-Length: 100")) for _ in range(100)]
        for connection in slow:
            connection.sendall(b'{"kind"')
        for connection in slow:
            connection.settimeout(LONG_WAIT)
            try:
                status = connection.recv(100).split(b" ")[1:2]
            except TimeoutError:
                status = [b"no answer"]
            if status not in ([b"408"], [b"503"]):
                yield f"a request that never ends is waited for ({status})"
                return
    if door.type().status_code != 200:
        yield "after slow senders it answers no more"


def read_slowly(door: Door) -> Flaws:
    """Many that ask for the longest answers and never read them do not keep others out."""
    body = json.dumps({**TYPED, "targets": "\n".join(f"{'x' * 90}{number}" for number in range(1900))}).encode()
    with contextlib.ExitStack() as open_:
        for _ in range(20):
            open_.enter_context(door.begin(f"Content-Length: {len(body)}")).sendall(body)
        if door.type().status_code != 200:
            yield "while others read slowly it answers no more"


def use_another_name(door: Door) -> Flaws:
    """DNS rebinding: the host lets it through, so it must cost no more than time."""
    answer = door.ask(json.dumps(TYPED), Host=f"{EVIL}:80", Origin=f"http://{EVIL}:80")
    if answer.status_code not in (200, 403):
        yield f"by another name it is answered with {answer.status_code}"


ATTACKS: dict[str, Callable[[Door], Flaws]] = {
    "too much": send_too_much,
    "other types": send_other_types,
    "from elsewhere": come_from_elsewhere,
    "other methods": use_other_methods,
    "damage": send_damage,
    "large answers": ask_for_much,
    "200 at once": ask_often,
    "slow senders": send_slowly,
    "slow readers": read_slowly,
    "another name": use_another_name,
}
# What of the route without bounds its attack does not show, as it is the host's doing or bounded elsewhere.
HARMLESS = {"other methods", "200 at once", "slow readers", "another name"}


def main() -> int:
    """Run all attacks, write what they found, and return 1 where anything got through."""
    folder = Path(sys.argv[1])
    packs = {PACK_NAME: ROOT, "rece_probes": ROOT / "tests" / "host" / "probe_pack"}
    with tempfile.TemporaryDirectory() as base, Server(locate_host(), Path(base), packs=packs) as server:
        door, old = Door(server.url, "/rece/concepts"), Door(server.url, "/probe/concepts")
        found = [f"{name}: {flaw}" for name, attack in ATTACKS.items() for flaw in attack(door)]
        caught = [name for name in sorted(ATTACKS.keys() - HARMLESS) if list(ATTACKS[name](old))]
    control = f"{len(caught)} of {len(ATTACKS.keys() - HARMLESS)} attacks are seen on the route without bounds"
    write_row(folder, Row("doors", door.count, len(found), control, "; ".join(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
