"""What the evaluation asks, how it keeps and shows what it found; the pictures themselves are its own work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.graphs import ITERATE
from demo.world import COLOURS, FILLS, SHAPES
from evaluate.__main__ import Results
from evaluate.drift import write_drift, write_drift_chart
from evaluate.emoji import HALVES, list_concepts, list_tasks, take_half
from evaluate.experiment import Pictures, find_ground_and_centre, measure_change
from evaluate.methods import DRIFTING, METHODS, ORIGINAL, WITHOUT_ANCHORS
from evaluate.shapes import ANCHORS, TASKS
from evaluate.shapes import ShapesTask as Task
from evaluate.table import DRIFT, KEPT_UNSEEN, find_interval, pool_kinds, write_chart, write_tables
from evaluate.world import Question, Seen
from rece_core.texts.concepts import drop_named, parse_concepts


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_questions_ask_for_what_was_erased_or_for_what_was_not(task: Task) -> None:
    questions = task.questions()
    for column, asked in questions.items():
        about_erased = not column.startswith(("kept", "lookalikes"))
        assert all((question.label in task.erased) is about_erased for question in asked), column
        assert all(question.label in (*SHAPES, *FILLS) for question in asked)
    assert {question.label for question in questions["by name"]} == set(task.erased)
    assert not any(question.label in question.prompt.split() for question in questions["by synonym"])
    if task.erased[0] not in FILLS:
        names = parse_concepts("custom", task.targets).concepts
        prompts = [question.prompt for question in questions["by description"]]
        assert list(drop_named(prompts, names)) == prompts, "descriptions name nothing"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_what_protects_the_rest_is_not_what_is_asked_in_other_phrasings(task: Task) -> None:
    given = {*task.captions().splitlines(), *task.preserve.splitlines(), *task.probes().splitlines()}
    asked = {question.prompt for question in task.questions()["kept, other phrasings"]}
    assert not given & asked
    names = parse_concepts("custom", task.targets).concepts
    captions = task.captions().splitlines()
    assert len(captions) > 200
    assert list(drop_named(captions, names)) == captions


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("described", [False, True])
def test_pairs_differ_in_what_was_erased(task: Task, described: bool) -> None:
    for label in task.erased:
        shown, hidden = (text.splitlines() for text in task.pairs(label, described=described))
        assert len(shown) == len(hidden) == len(set(shown))
        assert all((label in text.split()) is not described for text in shown)
        assert not any(label in text.split() for text in hidden)
        assert [_find_colour(text) for text in shown] == [_find_colour(text) for text in hidden]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_direction_is_added_to_an_anchor_of_another_colour(task: Task) -> None:
    for question in task.questions()["by name"]:
        prompt = task.elsewhere(question)
        assert ANCHORS[question.label] in prompt.split()
        assert question.label not in prompt.split()
        assert _find_colour(prompt) not in ("", _find_colour(question.prompt))


def _find_colour(text: str) -> str:
    return next((word for word in text.split() if word in COLOURS), "")


@pytest.mark.parametrize("half", HALVES)
def test_questions_about_emoji_ask_for_what_was_erased_or_for_what_was_not(half: str) -> None:
    for task in list_tasks(half):
        gone = {*task.erased, *task.others}
        for column, asked in task.questions().items():
            about_erased = not column.startswith(("kept", "near"))
            assert all((question.label in gone) is about_erased for question in asked), (task.name, column)
        described = [question.prompt for question in task.questions().get("by description", [])]
        assert list(drop_named(described, parse_concepts("custom", task.targets).concepts)) == described


def test_the_halves_share_no_concept() -> None:
    tuned, reported = map(take_half, HALVES)
    assert set(tuned).isdisjoint(reported)
    assert set(tuned) | set(reported) == set(list_concepts())
    single, *_, hundred = [task for task in list_tasks("reported") if "object" in task.group]
    assert len(hundred.erased) == 100
    assert set(hundred.erased) <= set(reported)
    assert single.erased[0] in reported


@pytest.mark.parametrize("described", [False, True])
def test_pairs_of_emoji_differ_in_what_was_erased(described: bool) -> None:
    for task in list_tasks("reported"):
        for label in task.erased[:5]:
            shown, hidden = (text.splitlines() for text in task.pairs(label, described=described))
            assert len(shown) == len(hidden)
            assert not any(one == other for one, other in zip(shown, hidden, strict=True))
            if not described:
                assert all(label.lower() in text for text in shown)


def test_tasks_of_a_kind_are_shown_together() -> None:
    cell = {"by name": {"hits": 1, "n": 2}}
    cells = {"1 object: a": {"original": cell}, "1 object: b": {"original": cell}, "5 objects: c": {"original": cell}}
    assert pool_kinds(cells) == {
        "1 object": {"original": {"by name": {"hits": 2, "n": 4}}},
        "5 objects": {"original": cell},
    }
    assert "All tasks together" not in write_tables(cells)


def test_methods_differ_in_known_widgets() -> None:
    methods = (*METHODS, *WITHOUT_ANCHORS, *DRIFTING)
    assert len({method.name for method in methods}) == len(methods)
    for method in methods:
        assert method.widgets is None or set(method.widgets) == set(ITERATE)


def test_a_question_is_answered_by_shape_or_fill() -> None:
    seen = Seen(frozenset({"circle", "striped"}), "red")
    assert Question("", "circle").is_shown(seen)
    assert Question("", "striped").is_shown(seen)
    assert not Question("", "square").is_shown(seen)


def test_results_are_kept_cell_by_cell(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.json")
    results.put(TASKS[0], METHODS[0], {"by name": {"hits": 3, "n": 4}})
    again = Results(tmp_path / "results.json")
    assert again.has(TASKS[0], METHODS[0], "by name")
    assert not again.has(TASKS[0], METHODS[0], "by synonym")
    assert not again.has(TASKS[1], METHODS[0], "by name")


def test_tables_and_chart(tmp_path: Path) -> None:
    cell = {"hits": 3, "n": 40}
    row = {"by name": cell, "kept, other phrasings": cell, "pixel change": 1.23, "derived, fixed": cell}
    cells = {"circle": {"original": row, "prior": {"by name": cell}}}
    table = write_tables(cells)
    assert "| original | 8% (3 to 20, n 40) | 1.2 |" in table
    assert "| prior | 8% (3 to 20, n 40) |" in table
    assert find_interval({"hits": 0, "n": 10}) == pytest.approx((0.0, 0.2775), abs=1e-3)
    write_chart(cells, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 5000


def test_tasks_together_are_the_sum_of_what_all_of_them_have() -> None:
    one = {"original": {"by name": {"hits": 1, "n": 2}, "pixel change": 1.0}, "prior": {"by name": {"hits": 1, "n": 2}}}
    other = {"original": {"by name": {"hits": 0, "n": 6}, "pixel change": 4.0, "floor": {"hits": 0, "n": 1}}}
    together, _, apart = write_tables({"circle": one, "striped": other}).partition("### Erased: circle")
    assert "| original | 12% (2 to 47, n 8) |\n" in together
    assert "| original | 2.5 |\n" in together
    assert "prior" not in together
    assert "prior" in apart


def test_drift_is_shown_with_what_is_kept(tmp_path: Path) -> None:
    def row(drift: float, hits: int) -> dict[str, Any]:
        return {DRIFT: drift, KEPT_UNSEEN: {"hits": hits, "n": 10}}

    before = {ORIGINAL.name: {KEPT_UNSEEN: {"hits": 9, "n": 10}}}
    cells = {"circle": {**before, "a": row(12.0, 9), "b": row(19.9, 7)}, "striped": {**before, "c": row(95.0, 1)}}
    table = write_drift(cells)
    assert "| 10 to 20 % | 2 | 80% (58 to 92, n 20) | 90% |" in table
    assert "| 80 % and more | 1 | 10% (2 to 40, n 10) | 90% |" in table
    assert "20 to 30" not in table
    write_drift_chart(cells, tmp_path / "drift.png")
    assert (tmp_path / "drift.png").stat().st_size > 5000


def test_ground_and_centre_of_a_picture() -> None:
    pixels = np.full((1, 128, 128, 3), 50, np.uint8)
    pixels[0, 20:40, 80:100] = (250, 0, 0)
    (ground,), (centre,) = find_ground_and_centre(pixels)
    assert ground == pytest.approx([50 / 255] * 3)
    assert centre == pytest.approx([29.5 / 128, 89.5 / 128])
    pictures = Pictures(pixels, [])
    assert measure_change(pictures, Pictures(pixels + np.uint8(2), [])) == pytest.approx(2)
