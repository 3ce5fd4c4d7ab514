"""A plan is checked whole before any work, and says all that is wrong with it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.core.library.conftest import Library
from tests.core.library.libraries import RULE, write_plan

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "key": ({"input": ["models"]}, "the plan has the unknown key 'input'; did you mean 'inputs'?"),
    "option": ({"erase": [{**RULE, "targett": "x"}]}, "the key 'targett' is unknown; did you mean 'target'?"),
    "value": ({"erase": [{**RULE, "mode": "priro"}]}, "invalid choice: 'priro'"),
    "no target": ({"erase": [{"kind": "custom"}]}, "no target was given"),
    "switch": ({"erase": [{**RULE, "as-typed": "yes"}]}, "'as-typed' is 'yes'; expected true or false."),
    "missing file": ({"inputs": ["gone.safetensors"]}, "gone.safetensors names no file"),
    "missing folder": ({"tokenizer": "gone"}, "which is no folder"),
    "form": ({"form": "lore"}, "'form' is 'lore'; expected one of checkpoint, lora, operator. Did you mean 'lora'?"),
    "type": ({"overwrite": "no"}, "'overwrite' is 'no'; expected a value of the type bool."),
    "threads": ({"threads": 0}, "'threads' is 0; expected 1 to 256."),
    "no rule": ({"erase": None}, "'erase' is missing"),
    "no rule fits": ({"erase": [{**RULE, "match": "xl-*"}]}, "no entry of 'erase' fits sd1-000.safetensors"),
    "no output": ({"output": None}, "'output' is missing"),
    "itself": ({"output": "models"}, "would be overwritten by its own result"),
    "pair": ({"audit": [{"original": "models/sd1-000.safetensors"}]}, "entry 1 of 'audit' lacks erased, target"),
    "nothing": ({"inputs": None, "erase": None}, "it names nothing to do"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plan_that_will_not_do_is_refused_before_any_work(library: Library, folder: Path, fault: str) -> None:
    keys, message = FAULTS[fault]
    code, out, err = library(write_plan(folder, **keys))
    assert (code, out) == (1, "")
    assert message in err, err
    assert not (folder / "out").exists()


def test_all_faults_are_told_at_once(library: Library, folder: Path) -> None:
    _, _, err = library(write_plan(folder, threads=0, form="x", tokenizer="gone"))
    assert "'threads' is 0" in err and "'form' is 'x'" in err and "which is no folder" in err


def test_what_is_no_yaml_is_refused(library: Library, folder: Path) -> None:
    (folder / "plan.yaml").write_text("inputs: [", "utf-8")
    code, _, err = library(folder / "plan.yaml")
    assert code == 1 and "is no YAML" in err


def test_results_never_overwrite_what_is_not_theirs(library: Library, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "sd1-001.safetensors").write_text("precious", "utf-8")
    code, _, err = library(write_plan(folder))
    assert code == 1 and "1 result would overwrite what is there" in err
    assert [path.name for path in (folder / "out").iterdir()] == ["sd1-001.safetensors"]


def test_a_full_disk_is_told_before_any_work(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rece_core.storage.disk_space.shutil.disk_usage", lambda _: type("Disk", (), {"free": 2_000_000})
    )
    code, _, err = library(write_plan(folder))
    assert code == 1 and "has 2 MB left" in err
    assert not (folder / "out").exists()


def test_a_dry_run_says_what_it_would_take_and_does_nothing(library: Library, folder: Path) -> None:
    (folder / "models" / "broken.safetensors").write_bytes(b"nothing")
    code, out, _ = library(write_plan(folder), "--dry-run")
    assert code == 0
    assert "SD 1.x: 2 files" in out and "1 text encoder, 1 of them in several files." in out
    assert "broken.safetensors: cannot be erased from" in out
    assert "Nothing was done: this was a dry run." in out
    assert not (folder / "out").exists()
