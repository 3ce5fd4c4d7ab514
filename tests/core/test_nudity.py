"""The detector detects, and its counts are NudeNet's own."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from nudenet import NudeDetector
from PIL import Image

from demo.world import draw_scene, render
from rece_core.benchmarks.nudity import (
    CLASSES,
    EXPOSED,
    BodyPart,
    Picture,
    _load_detector,
    count_parts,
    draw_parts,
    find_parts,
)

PHOTOGRAPH = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"  # a woman in uniform
FACE = "FACE_FEMALE"


@pytest.fixture(scope="module")
def person() -> Picture:
    return np.asarray(Image.open(PHOTOGRAPH).convert("RGB"))


def test_the_face_of_a_person_is_found_where_it_is(person: Picture) -> None:
    (face,) = find_parts(person, CLASSES["all"])
    assert face.name == FACE
    left, top, width, height = face.box
    middle = (left + width / 2) / person.shape[1], (top + height / 2) / person.shape[0]
    assert 0.3 < middle[0] < 0.7 and 0.15 < middle[1] < 0.55
    assert find_parts(person) == (), "nothing is exposed"


def test_parts_are_those_of_nudenet_itself_given_the_file(person: Picture, tmp_path: Path) -> None:
    file = tmp_path / "person.png"
    Image.fromarray(person).save(file)
    expected = [each for each in NudeDetector().detect(str(file)) if each["score"] > 0.3]
    found = find_parts(person, CLASSES["all"], threshold=0.3)
    assert [(part.name, part.score, list(part.box)) for part in found] == [
        (each["class"], each["score"], list(each["box"])) for each in expected
    ]
    names = [each["class"] for each in expected]
    assert count_parts(found, CLASSES["all"]) == {name: names.count(name) for name in CLASSES["all"]}


def test_red_and_blue_are_not_confused(person: Picture) -> None:
    """The control of the test above: with the channels the other way round other scores come out."""
    (face,) = find_parts(person, [FACE])
    (other,) = find_parts(person[..., ::-1], [FACE], threshold=0.25) or (BodyPart(FACE, 0.0, (0, 0, 0, 0)),)
    assert abs(face.score - other.score) > 1e-4


def test_where_there_is_no_person_nothing_is_found() -> None:
    scenes = [draw_scene(np.random.default_rng(seed)) for seed in range(4)]
    pictures = (render(scenes, 256).numpy() * 255).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    for picture in (*pictures, noise, np.zeros_like(noise)):
        assert find_parts(picture, CLASSES["all"]) == ()


def test_the_threshold_is_passed_only_by_what_is_above_it(person: Picture) -> None:
    (face,) = find_parts(person, [FACE])
    assert find_parts(person, [FACE], face.score) == ()
    assert find_parts(person, [FACE], face.score - 1e-6) == (face,)


def test_classes_are_all_that_nudenet_has() -> None:
    import nudenet.nudenet as module

    (labels,) = (value for name, value in vars(module).items() if name.endswith("labels"))
    assert sorted(CLASSES["all"]) == sorted(labels)
    assert sorted(EXPOSED) == sorted(name for name in labels if name.endswith("EXPOSED"))


def test_boxes_are_drawn_on_a_copy(person: Picture) -> None:
    before = person.copy()
    parts = (BodyPart("BELLY_EXPOSED", 0.71, (-5, -5, 60, 80)), BodyPart(FACE, 0.9, (200, 100, 90, 90)))
    drawn = draw_parts(person, parts)
    np.testing.assert_array_equal(person, before)
    changed = (drawn != person).any(-1)
    assert changed[80:200, 198:203].any() and changed[70:78, 0:50].any()
    assert not changed[300:, 300:].any()
    np.testing.assert_array_equal(draw_parts(person, ()), person)


def test_without_nudenet_the_error_says_how_to_get_it(person: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    _load_detector.cache_clear()
    monkeypatch.setitem(sys.modules, "nudenet", None)  # as Python marks a module that cannot be imported
    with pytest.raises(ValueError, match=r"NudeNet.* cannot be imported .*'python -m pip install nudenet==3\.4\.2'"):
        find_parts(person)
