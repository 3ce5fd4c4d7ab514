"""What is published, installed as the registry installs it, in a real ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from harness.client import Client
from harness.server import Server
from harness.workflow import to_api
from registry.contents import copy_contents

NAME = "comfyui-rece"  # the registry's tools name the folder after the project


@pytest.fixture
def published(tmp_path: Path, start_server: Any) -> Server:
    """A server with nothing but the files of an archive."""
    copy_contents(tmp_path / NAME)
    started: Server = start_server(packs={NAME: tmp_path / NAME})
    return started


def test_it_has_all_nodes_and_texts_and_draws(published: Server, object_info: Mapping[str, Any]) -> None:
    expected = {name for name, info in object_info.items() if info["category"] == "RECE"}
    with Client(published.url) as client:
        described = client.object_info()
        assert {name for name, info in described.items() if info["category"] == "RECE"} == expected
        assert expected == fetch(published, "/i18n").json()["ja"]["nodeDefs"].keys()
        for page in ("ReceIterate.md", "ReceIterate/zh.md"):
            assert fetch(published, f"/extensions/{NAME}/docs/{page}").text.startswith("# RECE")
        names = fetch(published, "/workflow_templates").json()[NAME]
        for name in names:
            path = f"/api/workflow_templates/{NAME}/{quote(name)}"
            assert fetch(published, f"{path}.jpg").headers["Content-Type"] == "image/jpeg"
        first_try = fetch(published, f"/api/workflow_templates/{NAME}/{quote(min(names))}.json")
        assert len(client.run(to_api(json.loads(first_try.text), described)).images()) == 4


def fetch(server: Server, path: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False  # a proxy must not get in between two programs of the same machine
        answer = session.get(server.url + path, timeout=30)
    answer.raise_for_status()
    return answer
