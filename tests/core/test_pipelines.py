"""Erasing from pipelines of diffusers: as the command line does it, exactly, in place, and wholly or not at all."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rece_core.command_line.erase import read_settings
from rece_core.command_line.main import run
from rece_core.command_line.options import make_parser
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.text_model import POOLED, TOKENS
from rece_core.pipelines import erase
from rece_core.pipelines.erase_pipeline import SETTINGS
from rece_core.pipelines.pipeline_model import open_pipeline
from rece_core.pipelines.pipeline_texts import PipelineTexts
from tests.core.diffusers_pipelines import make_flux, make_pipeline, make_sd3, make_stored, name_for_diffusers
from tests.core.random_models import deviation

CAPTIONS = ("a house", "the sea", "a red car")
QUICK: dict[str, Any] = {"captions": CAPTIONS, "as_typed": True, "probes": ("a hill",)}
ONE_EPOCH = EraseSettings(EditSettings(mode="prior"), epochs=1, iteration="cumulative", seal=1.0)
OPERATORS = EraseSettings(EditSettings(mode="prior"), epochs=1, iteration="cumulative")
MANUAL: dict[str, Any] = {**QUICK, "schedule": "manual", "settings": ONE_EPOCH}
FAMILIES = {"sd1": "SD 1.x", "sd2": "SD 2.x", "sdxl": "SDXL"}


def quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("kind", ["sd1", "sd2", pytest.param("sdxl", marks=pytest.mark.slow)])
def test_the_weights_are_those_that_the_command_line_writes(kind: str, tmp_path: Path) -> None:
    pipe, stored = quiet(make_pipeline(kind, tmp_path)), make_stored(kind)
    save_file(stored, tmp_path / "in.safetensors")
    (tmp_path / "captions.txt").write_text("\n".join(CAPTIONS), "utf-8")
    files = [tmp_path / "in.safetensors", tmp_path / "out.safetensors"]
    options = ["--captions", tmp_path / "captions.txt", "--tokenizer", tmp_path / "tokenizer 0", "--probe", "a hill"]
    how = ["--target", "a cat => a dog", "--as-typed", "--schedule", "manual", "--epochs", 1]
    assert run([*map(str, ["erase", *files, *options, *how])]) == 0
    erasure = erase(pipe, "a cat => a dog", **MANUAL)
    assert erasure.family == FAMILIES[kind]
    before = name_for_diffusers(stored, pipe.unet)
    wanted = name_for_diffusers(load_file(tmp_path / "out.safetensors"), pipe.unet)
    after = pipe.unet.state_dict()
    changed = [name for name in before if not torch.equal(before[name], wanted[name])]
    assert {name.rsplit(".", 2)[-2] for name in changed} >= {"to_k", "to_v", "0"}
    assert any("add_embedding" in name for name in changed) == (kind == "sdxl")
    for name in before:
        assert torch.allclose(after[name], wanted[name], rtol=0, atol=1e-6), name
        assert torch.equal(after[name], before[name]) == (name not in changed)


@pytest.mark.parametrize("make", [make_sd3, make_flux], ids=["SD3", "Flux.1"])
def test_the_edited_transformer_acts_as_the_original_on_edited_texts(make: Any, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    pipe, original = quiet(make(tmp_path / "one")), make(tmp_path / "other")
    settings = {**MANUAL, "settings": OPERATORS}
    erasure = erase(pipe, "a cat => a dog", **settings)
    assert set(erasure.parts) == {TOKENS, POOLED}
    matrices = {name: part.operator.matrix().float() for name, part in erasure.parts.items()}
    texts = PipelineTexts(original, erasure.family, None, None)("a photo of a cat")
    tokens, pooled = texts[TOKENS].tokens[None], texts[POOLED].tokens

    def draw(transformer: Any, tokens: Any, pooled: Any) -> Any:
        flux = erasure.family == "Flux.1"
        places = {"img_ids": torch.zeros(16, 3), "txt_ids": torch.zeros(tokens.shape[1], 3)} if flux else {}
        given = torch.randn(1, 16, 16) if flux else torch.randn(1, 4, 8, 8)
        with torch.inference_mode():
            return transformer(
                hidden_states=given,
                timestep=torch.tensor([0.5]),
                encoder_hidden_states=tokens,
                pooled_projections=pooled,
                **places,
            ).sample

    def seeded(*given: Any) -> Any:
        torch.manual_seed(1)
        return draw(*given)

    edited = seeded(pipe.transformer, tokens, pooled)
    mapped = seeded(original.transformer, tokens @ matrices[TOKENS].T, pooled @ matrices[POOLED].T)
    plain = seeded(original.transformer, tokens, pooled)
    half = seeded(original.transformer, tokens @ matrices[TOKENS].T, pooled)
    for control in (plain, half):  # nothing edited, and the pooled embedding not
        assert deviation(edited, mapped) < 0.01 * deviation(edited, control)


def test_texts_are_those_of_the_pipeline(tmp_path: Path) -> None:
    pipe = make_sd3(tmp_path)
    text = PipelineTexts(pipe, "SD3", clip_skip=1, max_sequence_length=32)("a cat")
    given = pipe.encode_prompt("a cat", None, None, clip_skip=1, max_sequence_length=32)
    assert torch.allclose(text[TOKENS].tokens, given[0][0], atol=1e-5)
    assert torch.allclose(text[POOLED].tokens, given[2], atol=1e-5)
    # letters: 'a' and three of 'cat' for CLIP, which has no spaces; five for T5, with the space
    assert (text[TOKENS].last_word, text[TOKENS].further) == (4, ((77, 77 + 4),))
    plain = PipelineTexts(pipe, "SD3", None, None)("a cat")
    assert len(plain[TOKENS].tokens) == 77 + 256
    assert not torch.equal(plain[TOKENS].tokens[:77], text[TOKENS].tokens[:77]), "control: clip skip"
    (empty,) = (PipelineTexts(pipe, "SD3", None, None)("")[TOKENS],)
    assert (empty.last_word, empty.further) == (0, ((77, 76),))


def test_a_t5_that_is_not_loaded_is_left_out(tmp_path: Path) -> None:
    pipe = quiet(make_sd3(tmp_path, t5=False))
    text = PipelineTexts(pipe, "SD3", None, None)("a cat")
    assert (len(text[TOKENS].tokens), text[TOKENS].further) == (77, ())
    assert erase(pipe, "a cat => a dog", **MANUAL).parts[TOKENS].records


def test_nudity_is_a_kind_and_a_cat_is_none(tmp_path: Path) -> None:
    pipe = quiet(make_pipeline("sd1", tmp_path))
    erasure = erase(pipe, "nudity", **QUICK)
    assert (erasure.concepts.kind, erasure.concepts.describe()) == ("nudity", "nudity => (one space)")
    assert "edit ridge" in erasure.parts[TOKENS].note, "automatic: it was searched for"
    assert erase(pipe, ["a cat => a dog", "a bird => a tree"], **MANUAL).concepts.kind == "custom"
    with pytest.raises(ValueError, match=r"no target was given"):
        erase(pipe, **MANUAL)


def copy_weights(pipe: Any) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in open_pipeline(pipe).weights.items()}


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_where_writing_fails_the_pipeline_is_as_it_was(tmp_path: Path) -> None:
    pipe = quiet(make_pipeline("sd1", tmp_path))
    attention = pipe.unet.up_blocks[1].attentions[0].transformer_blocks[0].attn2
    whole = attention.to_v.weight
    # All its columns are one in memory, and PyTorch does not let such a weight be changed.
    attention.to_v.weight = torch.nn.Parameter(whole.detach()[:, :1].expand(whole.shape), requires_grad=False)
    before = copy_weights(pipe)
    with pytest.raises(RuntimeError, match="single memory location"):
        erase(pipe, "a cat => a dog", **MANUAL)
    assert same(before, copy_weights(pipe))
    attention.to_v.weight = whole
    erase(pipe, "a cat => a dog", **MANUAL)
    assert not same(before, copy_weights(pipe)), "control"


def test_numbers_that_the_type_cannot_hold(tmp_path: Path) -> None:
    pipe = quiet(make_pipeline("sd1", tmp_path))
    weight = pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_out[0].weight
    with torch.no_grad():
        weight.mul_(1e9)
    pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_out[0].bias.data = torch.zeros(96).half()
    before = copy_weights(pipe)
    with pytest.raises(ValueError, match=r"to_out.0.bias holds numbers that torch.float16, .*cannot hold. Raise"):
        erase(pipe, "a cat => a dog", **MANUAL)
    assert same(before, copy_weights(pipe))


def test_the_bar_is_the_pipelines_and_can_stop_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = make_pipeline("sd1", tmp_path)
    pipe.set_progress_bar_config(mininterval=0)  # else it shows a step in ten a second
    erase(pipe, "a cat => a dog", **MANUAL)
    shown = capsys.readouterr().err
    assert "encode 'a cat'" in shown and "100/100" in shown
    quiet(pipe)
    erase(pipe, "a cat => a dog", **MANUAL)
    assert capsys.readouterr().err == ""


def refuse(pipe: Any, message: str, **options: Any) -> None:
    before = {name: weight.clone() for name, weight in find(pipe).named_parameters() if weight.device.type != "meta"}
    with pytest.raises(ValueError, match=message):
        erase(pipe, "a cat => a dog", **{**MANUAL, **options})
    assert same(before, dict(find(pipe).named_parameters()))


def find(pipe: Any) -> Any:
    return pipe.unet if hasattr(pipe, "unet") else pipe.transformer


def test_what_cannot_be_changed_in_place_is_refused(tmp_path: Path) -> None:
    pipe = quiet(make_pipeline("sd1", tmp_path))
    refuse(pipe, r"clip_skip is 1|StableDiffusionPipeline has no such option", max_sequence_length=9)
    with pytest.raises(ValueError, match=r"80 tokens long; expected at most 75"):
        erase(pipe, "x" * 80, **MANUAL)
    pipe.unet.fuse_qkv_projections()
    refuse(pipe, r"keys and values are fused .*unfuse_qkv_projections")


def test_a_lora_is_refused_until_it_is_fused(tmp_path: Path) -> None:
    from peft import LoraConfig

    pipe = quiet(make_pipeline("sd1", tmp_path))
    pipe.unet.add_adapter(LoraConfig(r=2, target_modules=["to_k", "to_v"]))
    refuse(pipe, r"a LoRA is attached .*fuse_lora")
    pipe.unet.fuse_lora()
    pipe.unet.unload_lora()
    assert erase(pipe, "a cat => a dog", **MANUAL).family == "SD 1.x"


def test_weights_that_are_not_there_or_not_plain(tmp_path: Path) -> None:
    pipe = quiet(make_flux(tmp_path))
    refuse(pipe, r"clip_skip is 2, but FluxPipeline has no such option", clip_skip=2)
    layer = pipe.transformer.context_embedder
    whole = layer.weight
    layer.weight = torch.nn.Parameter(whole.to(torch.int8), requires_grad=False)
    refuse(pipe, r"txt_in.weight is stored as torch.int8 .*Erase before you quantise")
    layer.weight = torch.nn.Parameter(whole.to("meta"))
    refuse(pipe, r"txt_in.weight is not in memory.*Erase first, and offload afterwards")


def test_other_pipelines_are_refused(tmp_path: Path) -> None:
    pipe = quiet(make_pipeline("sd1", tmp_path))
    pipe.unet = torch.nn.Linear(3, 3)
    with pytest.raises(ValueError, match=r"the Linear of this StableDiffusionPipeline is not known here; .*SD 1.x"):
        erase(pipe, "a cat => a dog")
    with pytest.raises(ValueError, match=r"str has neither a U-Net nor a transformer"):
        erase("runwayml", "a cat => a dog")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_each_weight_keeps_its_type(tmp_path: Path, dtype: torch.dtype) -> None:
    pipe = quiet(make_pipeline("sd1", tmp_path))
    pipe.unet.to(dtype)
    before = copy_weights(pipe)
    erase(pipe, "a cat => a dog", **MANUAL)
    after = copy_weights(pipe)
    assert {weight.dtype for weight in after.values()} == {dtype} and not same(before, after)


def test_the_defaults_are_those_of_the_command_line() -> None:
    given = make_parser().parse_args(["erase", "in.safetensors"])
    settings, goals = read_settings(given)
    assert settings == SETTINGS and goals is not None
    own = inspect.signature(erase).parameters
    for name in ("anchor", "as_typed", "schedule", "thoroughness", "carefulness", "pooled"):
        assert own[name].default == getattr(given, name)
    assert not own["preserve"].default and not given.preserve


def test_the_page_has_every_option() -> None:
    page = (Path(__file__).parents[2] / "docs" / "diffusers.md").read_text("utf-8")
    named = [name for line in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)]
    assert named == list(inspect.signature(erase).parameters)[1:]


def test_nothing_of_diffusers_is_imported_before_use() -> None:
    script = "import sys, rece_core.pipelines; print([n for n in ('diffusers', 'transformers') if n in sys.modules])"
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
