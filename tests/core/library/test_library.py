"""A library here, one file after the other: the results are those of `erase`, and nothing is done twice."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path

import pytest
import torch

from rece_core.command_line.main import run
from rece_core.library.manifest import NAME, Manifest
from rece_core.storage.checksum import check_file
from tests.core.library.conftest import Library
from tests.core.library.libraries import RULE, assert_same_erasure, make_library, read_results, write_plan

OPTIONS = ["--target", "a cat => a dog", "--as-typed", "--schedule", "manual", "--epochs", "1"]


def erase(folder: Path, name: str, *others: str) -> Path:
    """The same by the command `erase`."""
    torch.set_num_threads(1)
    output = folder / f"alone-{name}"
    words = ["--tokenizer", folder / "words", "--captions", folder / "captions.txt"]
    assert run(["erase", str(folder / "models" / name), str(output), *OPTIONS, *map(str, words), *others]) == 0
    return output


@pytest.mark.parametrize(
    "kind", ["sd1", "sd2", *(pytest.param(each, marks=pytest.mark.slow) for each in ("sdxl", "refiner"))]
)
def test_files_that_share_a_text_encoder_are_erased_as_one_by_one(library: Library, tmp_path: Path, kind: str) -> None:
    folder = make_library(tmp_path / kind, (kind,))
    code, out, err = library(write_plan(folder))
    assert code == 0, err
    assert "2 files done, 0 done before, 0 failed; 1 text encoder asked once for several files." in out
    for name in read_results(folder / "out"):
        assert_same_erasure(folder / "out" / name, erase(folder, name))
    first, second = read_results(folder / "out").values()
    assert first != second  # a control: the two files are not one


def test_anchors_that_are_chosen_are_the_same_too(library: Library, folder: Path) -> None:
    rule = {**RULE, "target": "a cat", "probe": ["a tree", "the sky"]}
    assert library(write_plan(folder, erase=[rule]))[0] == 0
    name = "sd1-001.safetensors"
    options = ["--target", "a cat", "--as-typed", "--schedule", "manual", "--epochs", "1"]
    files = [folder / "models" / name, folder / "alone.safetensors", "--tokenizer", folder / "words"]
    texts = ["--captions", folder / "captions.txt", "--probe", "a tree", "--probe", "the sky"]
    assert run(["erase", *map(str, files), *options, *map(str, texts)]) == 0
    assert_same_erasure(folder / "out" / name, folder / "alone.safetensors")


def test_a_second_run_does_nothing_and_a_fresh_one_gives_the_same_bytes(library: Library, folder: Path) -> None:
    plan = write_plan(folder)
    library(plan)
    before = read_results(folder / "out")
    times = [path.stat().st_mtime_ns for path in (folder / "out").glob("*.safetensors")]
    assert "0 files done, 2 done before, 0 failed" in library(plan)[1]
    assert times == [path.stat().st_mtime_ns for path in (folder / "out").glob("*.safetensors")]
    assert library(write_plan(folder, output="again"))[0] == 0
    assert read_results(folder / "again") == before


def test_only_what_changed_is_done_again(library: Library, folder: Path) -> None:
    library(write_plan(folder))
    (folder / "out" / "sd1-000.safetensors").unlink()
    assert "1 file done, 1 done before, 0 failed" in library(write_plan(folder))[1]
    assert "2 files done, 0 done before" in library(write_plan(folder, erase=[{**RULE, "epochs": 2}]))[1]


def test_a_broken_file_is_told_and_the_others_go_on(library: Library, folder: Path) -> None:
    (folder / "models" / "broken.safetensors").write_bytes(b"nothing at all")
    code, _, err = library(write_plan(folder))
    assert code == 1 and "2 files done, 0 done before, 1 failed" in err
    assert "broken.safetensors is not a complete safetensors file" in err
    assert len(read_results(folder / "out")) == 2
    with open(folder / "out" / "library.csv", encoding="utf-8", newline="") as file:
        rows = {Path(row["output"]).name: row for row in csv.DictReader(file)}
    assert rows["broken.safetensors"]["state"] == "failed" and rows["broken.safetensors"]["tries"] == "1"
    assert 0 < float(rows["sd1-000.safetensors"]["tokens.forgotten"]) <= 1


def test_a_run_that_was_killed_is_taken_up_again(library: Library, folder: Path) -> None:
    library(write_plan(folder))
    before = read_results(folder / "out")
    with closing(Manifest(folder / "out" / NAME)) as manifest:  # as it stands when a result is there and not yet noted
        manifest._database.execute("update files set state='waiting', bytes=null where output like '%sd1-000%'")
    (folder / "out" / "sd1-000.safetensors.77.partial").write_bytes(b"half")
    (folder / "out" / "film.mp4.partial").write_bytes(b"another program's")
    assert "1 file done, 1 done before, 0 failed" in library(write_plan(folder))[1]
    assert read_results(folder / "out") == before
    assert [path.name for path in (folder / "out").glob("*.partial")] == ["film.mp4.partial"]


def test_rules_are_chosen_by_name_and_family(library: Library, folder: Path) -> None:
    rules = [{**RULE, "family": "SDXL"}, {**RULE, "match": "*-001*", "target": "a boat => a hat"}, RULE]
    assert library(write_plan(folder, erase=rules))[0] == 0
    run(["inspect", str(folder / "out" / "sd1-001.safetensors")])
    assert_same_erasure(folder / "out" / "sd1-000.safetensors", erase(folder, "sd1-000.safetensors"))


@pytest.mark.parametrize("form", ["lora", "operator"])
def test_other_forms(library: Library, folder: Path, form: str) -> None:
    code, _, err = library(write_plan(folder, form=form))
    assert code == 0, err
    first, _ = read_results(folder / "out").values()
    assert all(check_file(path) for path in (folder / "out").glob("*.safetensors")), "each has its checksum"
    assert len(first) < (folder / "models" / "sd1-000.safetensors").stat().st_size / 10


def test_an_address_is_fetched(library: Library, folder: Path) -> None:
    address = f"file://{(folder / 'models').as_posix()}/sd1-000.safetensors"
    code, _, err = library(write_plan(folder, inputs=[address]))
    assert code == 0, err
    assert_same_erasure(folder / "out" / "sd1-000.safetensors", erase(folder, "sd1-000.safetensors"))
