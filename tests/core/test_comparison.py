"""Sheets of pictures side by side: every pixel of every picture is there, prompts are shared out, misfits refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from rece_core.benchmarks.comparison import compare_pictures, share_prompts

Pictures = npt.NDArray[np.uint8]
LONG = "a photograph of a very long street " * 20


def make_pictures(seed: int, count: int, height: int = 64, width: int = 96) -> Pictures:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def find(sheet: Pictures, picture: Pictures) -> tuple[int, int]:
    """Top and left of the one place where `picture` is in `sheet`."""
    height, width, _ = picture.shape
    corners = np.argwhere((sheet[: 1 - height, : 1 - width] == picture[0, 0]).all(-1))
    places = [(y, x) for y, x in corners if np.array_equal(sheet[y : y + height, x : x + width], picture)]
    ((top, left),) = places
    return int(top), int(left)


@pytest.mark.parametrize("count", [1, 2, 5, 16])
@pytest.mark.parametrize("versions", [2, 3])
def test_every_picture_is_there_beside_its_counterparts(count: int, versions: int) -> None:
    batches = [make_pictures(seed, count) for seed in range(versions)]
    sheet = compare_pictures(batches, ["before", "after", "third"][:versions], ["a cat"])
    for index in range(count):
        places = [find(sheet, batch[index]) for batch in batches]
        assert len({top for top, _ in places}) == 1
        steps = np.diff([left for _, left in places])
        assert (steps > 96).all() and (steps < 120).all()
    height, width, _ = sheet.shape
    if count > 2:
        assert 0.6 < width / height < 3


def test_headings_and_prompts_are_written() -> None:
    batches = [make_pictures(seed, 2) for seed in range(2)]
    plain = compare_pictures(batches, ["", ""], [])
    headed = compare_pictures(batches, ["before", "after"], [])
    prompted = compare_pictures(batches, ["before", "after"], ["a cat", LONG])
    assert headed.shape == plain.shape
    tops = [find(sheet, batches[0][0])[0] for sheet in (plain, headed)]
    assert (plain[: tops[0]] == 255).all() and (headed[: tops[1]] < 128).any()
    assert prompted.shape[0] > headed.shape[0]
    assert (prompted < 255).any(-1).sum() > (headed < 255).any(-1).sum()
    find(prompted, batches[1][1])  # nothing is written over a picture


def test_a_long_word_is_cut() -> None:
    batches = [make_pictures(seed, 1) for seed in range(2)]
    sheet = compare_pictures(batches, ["W" * 100, "after"], ["x" * 500])
    assert sheet.shape[1] < 3 * 96
    find(sheet, batches[0][0])


def test_prompts_are_shared_out() -> None:
    assert share_prompts([], 2) == ["", ""]
    assert share_prompts(["a"], 3) == ["a", "a", "a"]
    assert share_prompts(["a", "b"], 4) == ["a", "a", "b", "b"]
    assert share_prompts(["a", "b"], 2) == ["a", "b"]
    for prompts in (["a", "b"], ["a"] * 6):
        with pytest.raises(ValueError, match=rf"{len(prompts)} prompts were given for 3 pictures\. Expected one for"):
            share_prompts(prompts, 3)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (make_pictures(1, 3), r"'before' has 2 pictures of 96 × 64, 'after' 3 pictures of 96 × 64\. Expected as many"),
        (make_pictures(1, 2, 64, 64), r"'after' 2 pictures of 64 × 64\. Expected as many of the same size: sample all"),
    ],
)
def test_versions_that_do_not_fit(other: Pictures, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_pictures([make_pictures(0, 2), other], ["before", "after"], [])
