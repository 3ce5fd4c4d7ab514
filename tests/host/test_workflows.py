"""The example workflows, each run as it stands."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.client import Client
from harness.environment import ROOT
from harness.workflow import to_api

FOLDER = ROOT / "example_workflows"
PICTURES = {"count_a_table": 1, "report_and_compare": 2}  # what it saves; the others save four at each place
NAMES = (
    "count_a_table",
    "erase_and_save_checkpoint",
    "first_try",
    "red_team",
    "report_and_compare",
    "see_what_is_left",
)


def test_these_are_all() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_as_it_stands(client: Client, object_info: Mapping[str, Any], name: str) -> None:
    workflow = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    result = client.run(to_api(workflow, object_info))
    pictures = result.images()
    assert len(pictures) == PICTURES.get(name, 4 * sum(node["type"] == "SaveImage" for node in workflow["nodes"]))
    assert all(np.std(picture) > 5 for picture in pictures), "a picture shows something"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_picture_beside_it(name: str) -> None:
    picture = Image.open(io.BytesIO((FOLDER / f"{name}.jpg").read_bytes()))
    assert picture.format == "JPEG"
    assert min(picture.size) >= 128
