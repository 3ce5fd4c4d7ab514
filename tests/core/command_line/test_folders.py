"""Folders of diffusers, in and out, and diffusion models by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rece_core.command_line.main import run
from rece_core.pipelines import erase
from rece_core.pipelines.pipeline_model import open_pipeline
from rece_core.sharing.erasure_file import save_erasure
from rece_core.storage.tensor_file import open_tensor_file
from tests.core.checkpoints import make_model
from tests.core.diffusers_pipelines import make_flux, make_pipeline, make_sd3, make_stored, name_for_diffusers
from tests.core.random_models import deviation

HOW = ["--target", "a cat => a dog", "--schedule", "paper"]
UNET = Path("unet") / "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small SD 1.x as diffusers saves it."""
    folder = tmp_path_factory.mktemp("sd1")
    make_pipeline("sd1", folder).save_pretrained(folder / "in")
    add_words(folder, folder / "in")
    yield folder


def add_words(folder: Path, saved: Path) -> None:
    """CLIP's words as every published pipeline has them; newer transformers save them in another file too."""
    for name in ("vocab.json", "merges.txt"):
        (saved / "tokenizer" / name).write_bytes((folder / "tokenizer 0" / name).read_bytes())


def call(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    code = run([*map(str, arguments)])
    return code, *capsys.readouterr()


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SDXL = pytest.param("sdxl", True, marks=pytest.mark.slow)


@pytest.mark.parametrize(("kind", "shards"), [("sd1", False), ("sd1", True), ("sd2", False), SDXL])
def test_erased_it_is_the_same_as_the_erased_checkpoint(
    kind: str, shards: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe, stored = make_pipeline(kind, tmp_path), make_stored(kind)
    pipe.save_pretrained(tmp_path / "in", **({"max_shard_size": "2MB"} if shards else {}))
    add_words(tmp_path, tmp_path / "in")
    assert (len(list((tmp_path / "in" / "unet").glob("*.safetensors"))) > 1) == shards
    save_file(stored, tmp_path / "in.safetensors")
    assert call(capsys, "erase", tmp_path / "in", tmp_path / "out", *HOW)[0] == 0
    words = ["--tokenizer", tmp_path / "tokenizer 0"]
    files = [tmp_path / "in.safetensors", tmp_path / "out.safetensors"]
    assert call(capsys, "erase", *files, *HOW, *words)[0] == 0
    wanted = name_for_diffusers(load_file(tmp_path / "out.safetensors"), pipe.unet)
    before = pipe.unet.state_dict()
    after = type(pipe.unet).from_pretrained(tmp_path / "out" / "unet").state_dict()
    assert set(after) == set(before)
    changed = {name for name in wanted if not torch.equal(wanted[name], before[name])}
    assert changed, "control: something was erased"
    for name, weight in after.items():
        assert torch.allclose(weight, wanted[name] if name in changed else before[name], rtol=0, atol=1e-6), name
    old, new = read_all(tmp_path / "in"), read_all(tmp_path / "out")
    assert set(old) == set(new)
    assert {name for name in old if old[name] != new[name]} <= {name for name in old if name.startswith("unet")}


def test_header_json_and_inspect_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_all(folder / "in")
    code, out, err = call(capsys, "erase", folder / "in", folder / "told", *HOW, "--json")
    assert (code, err, read_all(folder / "in")) == (0, "", before)
    told = json.loads(out)
    assert (
        told["family"] == "SD 1.x"
        and "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight" in (told["weights_changed"])
    )
    assert open_tensor_file(folder / "told" / UNET).metadata["erased"] == "a cat => a dog"
    for each, says in (("in", "nothing"), ("told", "a cat => a dog")):
        code, out, _ = call(capsys, "inspect", folder / each)
        assert code == 0
        lines = dict(line.split(None, 1) for line in out.splitlines() if " " in line)
        assert (lines["kind"], lines["family"]) == ("checkpoint", "SD 1.x") and lines["erased"].startswith(says)


def test_a_saved_erasure_is_applied_to_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = folder / "kept.safetensors"
    assert call(capsys, "erase", folder / "in", folder / "one", *HOW, "--save-erasure", kept)[0] == 0
    code, out, _ = call(capsys, "apply", kept, folder / "in", folder / "two")
    assert code == 0 and "made on these weights: all of it is exact" in out
    one, two, plain = (load_file(folder / each / UNET) for each in ("one", "two", "in"))
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
    assert not all(torch.allclose(one[name], plain[name], atol=1e-5) for name in one), "control"


def refuse(capsys: pytest.CaptureFixture[str], message: str, *arguments: Any) -> None:
    code, out, err = call(capsys, "erase", *arguments, *HOW)
    assert (code, out) == (1, "")
    assert message in err and err.count("\n") == 1, err


def test_folders_in_the_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine").mkdir()
    refuse(
        capsys, "mine is there already, and a folder is never replaced", folder / "in", folder / "mine", "--overwrite"
    )
    refuse(capsys, "is inside the folder that is read", folder / "in", folder / "in" / "out")
    assert not list(folder.glob("*.partial")) and not (folder / "in" / "out").exists()


def test_weights_that_are_there_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They hold the original: left out, or nothing is written."""
    beside = [UNET.with_suffix(".bin"), UNET.with_name("diffusion_pytorch_model.fp16.safetensors"), Path("full.ckpt")]
    for name in beside:
        (folder / "in" / name).write_bytes(b"the original")
        refuse(capsys, f"{name.as_posix()} may hold the weights once more", folder / "in", folder / "never")
        assert not (folder / "never").exists()
        out = folder / f"without {name.name}"
        assert call(capsys, "erase", folder / "in", out, *HOW, "--copies", "drop")[0] == 0
        assert not (out / name).exists() and (out / UNET).exists()
        (folder / "in" / name).unlink()


BROKEN = {
    "no network": (None, "holds no pipeline of diffusers: there is no unet or transformer in it"),
    "no weights": ("{}", "unet holds no diffusion_pytorch_model.safetensors or model.safetensors"),
    "no index": ("[1]", "is no index of files of weights"),
    "elsewhere": ('{"weight_map": {"a": "../in/model.safetensors"}}', "names the file '../in/model.safetensors'"),
    "not there": ('{"weight_map": {"a": "gone.safetensors"}}', "gone.safetensors: No such file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_folders_that_are_none(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index, message = BROKEN[case]
    if index:
        (tmp_path / "in" / "unet").mkdir(parents=True)
        name = "config.json" if case == "no weights" else "diffusion_pytorch_model.safetensors.index.json"
        (tmp_path / "in" / "unet" / name).write_text(index, "utf-8")
    (tmp_path / "in").mkdir(exist_ok=True)
    code, _, err = call(capsys, "erase", tmp_path / "in", tmp_path / "out", *HOW)
    assert code != 0 and message in err and not (tmp_path / "out").exists()


NAMES = ("as ComfyUI has it", "with a prefix", "as diffusers has it")


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("make", [make_flux, make_sd3], ids=["Flux.1", "SD3"])
def test_a_transformer_by_itself_takes_an_erasure(
    make: Any, names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = make(tmp_path)
    pipe.set_progress_bar_config(disable=True)
    theirs = dict(pipe.transformer.named_parameters())
    host = {name: weight.detach().clone() for name, weight in open_pipeline(pipe).weights.items()}
    given = {
        NAMES[0]: {name.removeprefix("diffusion_model."): weight for name, weight in host.items()},
        NAMES[1]: host,
        NAMES[2]: {name: weight.detach().clone() for name, weight in theirs.items()},
    }[names]
    save_file(given, tmp_path / "in.safetensors", {"format": "pt", "kept": "yes"})
    save_erasure(erase(pipe, "a cat => a dog", schedule="paper"), tmp_path / "kept.safetensors")
    wanted = {name: dict(open_pipeline(pipe).weights) for name in NAMES[:1]}[NAMES[0]]
    assert call(capsys, "inspect", tmp_path / "in.safetensors")[1].startswith("kind          diffusion model")
    files = [tmp_path / "kept.safetensors", tmp_path / "in.safetensors", tmp_path / "out.safetensors"]
    code, out, _ = call(capsys, "apply", *files)
    assert code == 0 and "there is no text encoder in in.safetensors that is read here, so it was not checked" in out
    after = load_file(tmp_path / "out.safetensors")
    assert list(after) == list(load_file(tmp_path / "in.safetensors"))
    assert open_tensor_file(tmp_path / "out.safetensors").metadata["kept"] == "yes"
    assert open_tensor_file(tmp_path / "out.safetensors").metadata["erased"] == "a cat => a dog"
    by_name = dict(zip(given, host, strict=True))  # the same weights in the same order
    changed = 0
    for name, weight in after.items():
        assert torch.allclose(weight, wanted[by_name[name]], atol=1e-5), name
        changed += not torch.equal(weight, given[name])
    assert changed == 2, "control: the two that read the text"


@pytest.mark.parametrize("prefix", ["", "diffusion_model."])
def test_a_unet_by_itself_takes_an_erasure(
    folder: Path, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.safetensors"
    assert call(capsys, "erase", folder / "in", tmp_path / "out", *HOW, "--save-erasure", kept)[0] == 0
    whole = make_model("sd1", torch.float32)
    bare = {prefix + name.partition("diffusion_model.")[2]: each for name, each in whole.items() if "fusion" in name}
    save_file(bare, tmp_path / "in.safetensors")
    code, out, _ = call(capsys, "apply", kept, tmp_path / "in.safetensors", tmp_path / "bare.safetensors")
    assert code == 0 and "made on other weights of the same text encoder" in out
    after = load_file(tmp_path / "bare.safetensors")
    changed = {name.rsplit(".", 2)[1] for name in bare if not torch.equal(bare[name], after[name])}
    assert changed == {"to_k", "to_v"}
    assert all(deviation(after[name], bare[name]) > 1e-4 for name in bare if "attn2.to_v" in name)
