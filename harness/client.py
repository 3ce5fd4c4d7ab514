"""Talk to a running ComfyUI over its HTTP and websocket API."""

from __future__ import annotations

import io
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import requests
import websocket
from PIL import Image

from .graph import Graph

TEXT_EVENT = (3).to_bytes(4, "big")  # how a binary message begins that is a node's progress in words

Prompt = Mapping[str, Mapping[str, Any]]
OnMessage = Callable[[str, Mapping[str, Any]], None]


class PromptRejected(ValueError):
    """The server did not take a prompt; `node_errors` are its reasons, by node id."""

    def __init__(self, message: str, node_errors: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.node_errors = node_errors


class NodeFailed(RuntimeError):
    """A node raised; the message names it and repeats what it said."""

    def __init__(self, details: Mapping[str, Any]) -> None:
        self.node_id: str = details["node_id"]
        self.node_type: str = details["node_type"]
        self.exception_type: str = details["exception_type"]
        self.exception_message: str = details["exception_message"].strip()
        self.traceback: str = "".join(details["traceback"])
        super().__init__(
            f"{self.node_type} (node {self.node_id}) raised {self.exception_type}: {self.exception_message}"
        )


class Interrupted(RuntimeError):
    """The prompt was cancelled while it ran."""


@dataclass(frozen=True)
class Result:
    """What a prompt gave: `outputs` by node id as the server tells the page, and the messages on the way."""

    prompt_id: str
    outputs: Mapping[str, Mapping[str, Any]]
    messages: list[tuple[str, Mapping[str, Any]]]
    client: Client

    def images(self, node: Any = None) -> list[npt.NDArray[np.uint8]]:
        """The pictures of one node (all of them without `node`), each as (height, width, channels)."""
        return [np.asarray(Image.open(io.BytesIO(data))) for data in self.image_files(node)]

    def image_files(self, node: Any = None) -> list[bytes]:
        """The same pictures as the files that the server wrote."""
        chosen = self.outputs.values() if node is None else [self.outputs[_id(node)]]
        return [self.client.file(**entry) for output in chosen for entry in output.get("images", [])]

    def text(self, node: Any) -> list[str]:
        """The text that a node shows on the page."""
        return list(self.outputs[_id(node)]["text"])

    def cached(self) -> set[str]:
        """The ids of the nodes that did not have to run again."""
        return {node for kind, data in self.messages if kind == "execution_cached" for node in data["nodes"]}


class Client:
    """A client of the server at `url`, for use in a `with` statement."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.id = uuid.uuid4().hex
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy must not get in between two programs of the same machine
        address = self.url.replace("http", "ws", 1) + f"/ws?clientId={self.id}"
        self._socket = websocket.create_connection(address, timeout=timeout, http_no_proxy=["*"])
        self._latest = ""
        self._messages: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)

    def run(self, graph: Graph | Prompt, on_message: OnMessage | None = None, timeout: float = 600.0) -> Result:
        """Queue a prompt and wait for its result; see `queue` and `wait`."""
        return self.wait(self.queue(graph), on_message, timeout)

    def queue(self, graph: Graph | Prompt, **more: Any) -> str:
        """Queue a prompt and return its id; `more` goes into the request (`front`, `extra_data`).

        Raises PromptRejected where the server finds fault with any part of it, even if it would run the rest.
        """
        prompt = graph.prompt() if isinstance(graph, Graph) else graph
        response = self._http.post(
            f"{self.url}/prompt", json={"prompt": prompt, "client_id": self.id, **more}, timeout=self.timeout
        )
        is_json = "json" in response.headers.get("Content-Type", "")
        answer: dict[str, Any] = response.json() if is_json else {"error": response.text}
        errors = answer.get("node_errors") or {}
        if not response.ok or errors:
            if response.ok:
                self.cancel_pending(answer["prompt_id"])
                self.interrupt(answer["prompt_id"])
            raise PromptRejected(_describe_rejection(prompt, answer.get("error"), errors), errors)
        return str(answer["prompt_id"])

    def wait(self, prompt_id: str, on_message: OnMessage | None = None, timeout: float = 600.0) -> Result:
        """Wait for a prompt's end; `on_message(kind, data)` gets each of its messages as it comes.

        `progress_text` (node, text) is a node's progress in words; all other kinds are the server's own.

        Raises NodeFailed, Interrupted or, after `timeout` seconds, TimeoutError; the prompt then runs on.
        """
        deadline = time.monotonic() + timeout
        handed = 0
        while True:
            messages = self._messages[prompt_id]
            for kind, data in messages[handed:]:
                handed += 1
                if on_message is not None:
                    on_message(kind, data)
                if kind == "executing" and data["node"] is None:
                    return self._result(prompt_id)
            if handed == len(messages):
                self._receive(deadline, f"prompt {prompt_id} has not ended after {timeout:g} s")

    def interrupt(self, prompt_id: str | None = None) -> None:
        """Cancel the prompt that runs now, or only if it is `prompt_id`."""
        self._post("/interrupt", {} if prompt_id is None else {"prompt_id": prompt_id})

    def cancel_pending(self, prompt_id: str) -> None:
        """Take a prompt that does not run yet from the queue."""
        self._post("/queue", {"delete": [prompt_id]})

    def clear_history(self) -> None:
        """Have the server forget what it remembers of ended prompts."""
        self._post("/history", {"clear": True})

    def queue_state(self) -> tuple[list[str], list[str]]:
        """The ids of the prompts that run, and of those that wait."""
        state = self.get("/queue")
        return [item[1] for item in state["queue_running"]], [item[1] for item in state["queue_pending"]]

    def history(self, prompt_id: str) -> dict[str, Any]:
        """What the server remembers of an ended prompt; empty while it has not ended."""
        found: dict[str, Any] = self.get(f"/history/{prompt_id}").get(prompt_id, {})
        return found

    def object_info(self) -> dict[str, Any]:
        """The server's description of all its node types."""
        found: dict[str, Any] = self.get("/object_info")
        return found

    def free(self) -> None:
        """Have the server unload its models and forget its cached results before the next prompt."""
        self._post("/free", {"unload_models": True, "free_memory": True})
        # The server frees after a prompt, or when woken from waiting for one; a prompt queued right now may come first.
        graph = Graph()
        graph.add("PreviewAny", source="free")
        self.run(graph)

    def file(self, filename: str, subfolder: str = "", type: str = "output", **_: Any) -> bytes:
        """A file from the server's output, input or temp folder."""
        place = {"filename": filename, "subfolder": subfolder, "type": type}
        response = self._http.get(f"{self.url}/view", params=place, timeout=self.timeout)
        response.raise_for_status()
        return response.content

    def upload_image(self, image: Path | npt.NDArray[np.uint8], name: str | None = None) -> str:
        """Put a picture into the server's input folder and return the name that LoadImage knows it by."""
        if isinstance(image, Path):
            name, data = name or image.name, image.read_bytes()
        else:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            name, data = name or "uploaded.png", buffer.getvalue()
        files = {"image": (name, data)}
        response = self._http.post(
            f"{self.url}/upload/image", files=files, data={"overwrite": "true"}, timeout=self.timeout
        )
        response.raise_for_status()
        return str(response.json()["name"])

    def get(self, path: str) -> Any:
        """The JSON that the server answers to a GET of `path`."""
        response = self._http.get(self.url + path, timeout=self.timeout)
        response.raise_for_status()
        return response.json()

    def close(self) -> None:
        self._socket.close()
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        self._http.post(self.url + path, json=body, timeout=self.timeout).raise_for_status()

    def _receive(self, deadline: float, too_late: str) -> None:
        """Read one message and file it under its prompt; pictures of previews are passed over."""
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            message = self._socket.recv()
        except websocket.WebSocketTimeoutException as error:
            raise TimeoutError(too_late) from error
        except (websocket.WebSocketException, ConnectionError) as error:
            raise ConnectionError(f"The server at {self.url} closed the connection; its log says why.") from error
        if isinstance(message, str) and message:
            content = json.loads(message)
            prompt_id = content["data"].get("prompt_id")
            if prompt_id is not None:
                self._latest = prompt_id
                self._messages[prompt_id].append((content["type"], content["data"]))
        elif isinstance(message, bytes) and message.startswith(TEXT_EVENT):
            # 4 bytes of length, the node's id, the text; it does not say of which prompt, so of the one that runs.
            end = 8 + int.from_bytes(message[4:8], "big")
            text = {"node": message[8:end].decode(), "text": message[end:].decode()}
            self._messages[self._latest].append(("progress_text", text))

    def _result(self, prompt_id: str) -> Result:
        messages = self._messages.pop(prompt_id)
        for kind, data in messages:
            if kind == "execution_error":
                raise NodeFailed(data)
            if kind == "execution_interrupted":
                raise Interrupted(f"prompt {prompt_id} was cancelled in {data['node_type']} (node {data['node_id']})")
        return Result(prompt_id, self.history(prompt_id)["outputs"], messages, self)


def _id(node: Any) -> str:
    return str(getattr(node, "id", node))


def _describe_rejection(prompt: Prompt, error: Any, node_errors: Mapping[str, Any]) -> str:
    lines = []
    for node_id, found in node_errors.items():
        kind = prompt[node_id]["class_type"]
        lines += [f"{kind} (node {node_id}): {each['message']}: {each['details']}" for each in found["errors"]]
    if not lines:
        lines = [f"{error['message']}: {error['details']}" if isinstance(error, dict) else str(error)]
    return "The server rejected the prompt. " + "; ".join(lines)
