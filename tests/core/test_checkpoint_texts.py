"""The text encoders inside checkpoints: found, read under OpenCLIP's names too, and used as ComfyUI uses them."""

from __future__ import annotations

import functools
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from rece_core.checkpoints.clip_texts import BATCH, CheckpointTexts
from rece_core.checkpoints.stored_encoders import find_encoders
from rece_core.checkpoints.tokenizer_files import load_tokenizer
from rece_core.storage.tensor_file import open_tensor_file
from tests.core.checkpoints import LAYERS, WORDS, make_encoder, make_encoders, save_checkpoint, save_tokenizer
from tests.core.random_models import deviation

FAMILIES = {"sd1": "SD 1.x", "sd2": "SD 2.x", "sdxl": "SDXL"}
START, END = WORDS - 2, WORDS - 1
A_CAT = [47, 7, 5, 66]  # letter by letter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small checkpoints, and the words for them."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for kind in FAMILIES:
        save_checkpoint(folder / f"{kind}.safetensors", make_encoders(kind))
    save_tokenizer(folder / "words")
    return folder


@functools.cache
def load_texts(folder: Path, kind: str) -> CheckpointTexts:
    file = open_tensor_file(folder / f"{kind}.safetensors")
    return CheckpointTexts(file, find_encoders(file, FAMILIES[kind]), load_tokenizer(folder / "words"))


def encode(folder: Path, kind: str, text: str = "a cat") -> dict[str, Any]:
    return load_texts(folder, kind)(text)


def run_transformers(weights: dict[str, Tensor], activation: str, padding: int) -> Any:
    """What transformers itself gives for the words of 'a cat', from weights under its own names."""
    width = weights["final_layer_norm.weight"].shape[0]
    config = CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        intermediate_size=16,
        num_hidden_layers=LAYERS,
        num_attention_heads=width // 64,
        hidden_act=activation,
        projection_dim=width,
        bos_token_id=START,
        eos_token_id=END,
    )
    with torch.device("meta"):
        model = CLIPTextModelWithProjection(config).eval()
    named = {f"text_model.{name}": weight for name, weight in weights.items() if name != "text_projection.weight"}
    named["text_projection.weight"] = weights.get("text_projection.weight", torch.eye(width))
    model.load_state_dict({name: weight.to(torch.float8_e4m3fn).float() for name, weight in named.items()}, assign=True)
    words = torch.tensor([[START, *A_CAT, END, *[padding] * (77 - 2 - len(A_CAT))]])
    with torch.no_grad():
        output = model(words, position_ids=torch.arange(77)[None], output_hidden_states=True)
        return output, model.text_model.final_layer_norm


def test_sd1_takes_the_last_layer_behind_its_norm(folder: Path) -> None:
    output, _ = run_transformers(make_encoder(768, 1), "quick_gelu", END)
    encoded = encode(folder, "sd1")
    assert list(encoded) == ["tokens"]
    assert deviation(encoded["tokens"].tokens, output.last_hidden_state[0]) < 1e-5
    assert encoded["tokens"].last_word == len(A_CAT)


def test_sd2_takes_the_layer_before_the_last_behind_the_norm(folder: Path) -> None:
    output, norm = run_transformers(make_encoder(1024, 2), "gelu", 0)
    encoded = encode(folder, "sd2")
    assert list(encoded) == ["tokens"]
    assert deviation(encoded["tokens"].tokens, norm(output.hidden_states[-2])[0].detach()) < 1e-5


def test_sdxl_joins_two_encoders_and_has_a_pooled_embedding(folder: Path) -> None:
    first, _ = run_transformers(make_encoder(768, 3), "quick_gelu", END)
    projection = make_encoders("sdxl")["conditioner.embedders.1.model.text_projection"].float().T
    second, _ = run_transformers({**make_encoder(1280, 4), "text_projection.weight": projection}, "gelu", 0)
    encoded = encode(folder, "sdxl")
    assert set(encoded) == {"tokens", "pooled"}
    joined = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], 2)[0]
    assert deviation(encoded["tokens"].tokens, joined) < 1e-5
    assert deviation(encoded["pooled"].tokens, second.text_embeds) < 1e-5
    assert (encoded["pooled"].tokens.shape, encoded["pooled"].last_word) == ((1, 1280), 0)


def test_the_refiner_of_sdxl_has_the_second_of_them_alone(folder: Path, tmp_path: Path) -> None:
    first, second = "conditioner.embedders.0.model.", "conditioner.embedders.1.model."
    weights = {name.replace(second, first): each for name, each in make_encoders("sdxl").items() if second in name}
    file = open_tensor_file(save_checkpoint(tmp_path / "refiner.safetensors", weights))
    texts = CheckpointTexts(file, find_encoders(file, "SDXL refiner"), load_tokenizer(folder / "words"))
    alone, both = texts("a cat"), encode(folder, "sdxl")
    assert torch.equal(alone["tokens"].tokens, both["tokens"].tokens[:, 768:])
    assert torch.equal(alone["pooled"].tokens, both["pooled"].tokens)


def test_a_text_without_words(folder: Path) -> None:
    for text in ("", " "):
        assert encode(folder, "sd1", text)["tokens"].last_word == 0


def test_parentheses_are_letters_escaped_or_not(folder: Path) -> None:
    plain, escaped, without = (encode(folder, "sd1", text)["tokens"] for text in ("a (cat)", r"a \(cat\)", "a cat"))
    assert torch.equal(plain.tokens, escaped.tokens)
    assert plain.last_word == escaped.last_word == without.last_word + 2


def test_a_text_that_is_too_long(folder: Path) -> None:
    assert encode(folder, "sd1", "x" * 75)["tokens"].last_word == 75
    with pytest.raises(ValueError, match=r"is 76 tokens long; expected at most 75, .* Shorten it"):
        encode(folder, "sd1", "x" * 76)


def test_names_of_older_files(folder: Path, tmp_path: Path) -> None:
    """Some lack `text_model`, and some hold the positions as numbers, which are not read."""
    weights = {name.replace("text_model.", ""): weight for name, weight in make_encoders("sd1").items()}
    weights["cond_stage_model.transformer.embeddings.position_ids"] = torch.arange(77)[None]
    save_checkpoint(tmp_path / "sd1.safetensors", weights)
    save_tokenizer(tmp_path / "words")
    assert torch.equal(encode(tmp_path, "sd1")["tokens"].tokens, encode(folder, "sd1")["tokens"].tokens)


def test_a_checkpoint_without_a_text_encoder(folder: Path, tmp_path: Path) -> None:
    weights = make_encoders("sdxl")
    kept = {name: weight for name, weight in weights.items() if not name.startswith("conditioner.embedders.1")}
    save_checkpoint(tmp_path / "half.safetensors", kept)
    with pytest.raises(
        ValueError, match=r"half.safetensors has no text encoder inside: .*embedders\.1\.model.* Load CLIP"
    ):
        find_encoders(open_tensor_file(tmp_path / "half.safetensors"), "SDXL")
    with pytest.raises(ValueError, match=r"of the family 'Flux.1', whose text encoder is not read here; .*SDXL.*nodes"):
        find_encoders(open_tensor_file(folder / "sdxl.safetensors"), "Flux.1")


def test_a_text_encoder_that_is_not_whole(folder: Path, tmp_path: Path) -> None:
    weights = make_encoders("sd2")
    del weights["cond_stage_model.model.transformer.resblocks.1.mlp.c_proj.bias"]
    save_checkpoint(tmp_path / "sd2.safetensors", weights)
    save_tokenizer(tmp_path / "words")
    with pytest.raises(
        ValueError, match=r"not whole: below cond_stage_model.model. there is no encoder.layers.1.mlp.fc2"
    ):
        encode(tmp_path, "sd2")


def test_a_text_encoder_that_is_quantised(folder: Path, tmp_path: Path) -> None:
    weights = make_encoders("sd1")
    weights["cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc2.scale_weight"] = torch.ones(())
    save_checkpoint(tmp_path / "sd1.safetensors", weights)
    save_tokenizer(tmp_path / "words")
    with pytest.raises(ValueError, match=r"fc2.weight in sd1.safetensors is quantised, with a scale_weight beside it"):
        encode(tmp_path, "sd1")


def test_the_words_of_the_host_around_the_pack(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "comfy").mkdir()
    save_tokenizer(tmp_path / "comfy" / "sd1_tokenizer")
    pack = tmp_path / "custom_nodes" / "ComfyUI-RECE"
    assert load_tokenizer(pack=pack)("a cat")["input_ids"] == [START, *A_CAT, END]


def test_the_words_that_transformers_has_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = save_tokenizer(tmp_path / "kept")
    monkeypatch.setattr(
        "rece_core.checkpoints.tokenizer_files.try_to_load_from_cache", lambda name, file: str(kept / file)
    )
    assert load_tokenizer(pack=tmp_path / "pack")("a cat")["input_ids"] == [START, *A_CAT, END]


def test_words_that_are_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rece_core.checkpoints.tokenizer_files.PUBLISHED", "rece/of-no-one")
    with pytest.raises(ValueError, match=r"no ComfyUI with .*sd1_tokenizer around .* transformers .* --tokenizer"):
        load_tokenizer(pack=tmp_path / "custom_nodes" / "pack")
    with pytest.raises(ValueError, match=r"holds no vocab.json and merges.txt; expected a tokenizer of CLIP"):
        load_tokenizer(tmp_path)


def test_words_of_another_model(tmp_path: Path) -> None:
    words = save_tokenizer(tmp_path / "words")
    (words / "vocab.json").write_text('{"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2}', "utf-8")
    with pytest.raises(ValueError, match=r"is not CLIP's: the empty text has the tokens \[0, 1\]; expected"):
        load_tokenizer(words)


def test_released_the_encoders_are_gone(folder: Path) -> None:
    file = open_tensor_file(folder / "sd1.safetensors")
    texts = CheckpointTexts(file, find_encoders(file, "SD 1.x"), load_tokenizer(folder / "words"))
    ((_, encoder),) = texts._encoders
    alive = weakref.ref(encoder)
    del encoder
    assert alive() is not None, "control"
    texts.release()
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("kind", FAMILIES)
def test_texts_that_are_expected_are_encoded_together_and_alike(folder: Path, kind: str) -> None:
    file = open_tensor_file(folder / f"{kind}.safetensors")
    texts = CheckpointTexts(file, find_encoders(file, FAMILIES[kind]), load_tokenizer(folder / "words"))
    asked = [f"a {letter} cat" for letter in "abcdefghijklmnopqrst"]
    calls: list[int] = []
    for _, encoder in texts._encoders:
        encoder.register_forward_pre_hook(lambda module, given: calls.append(len(given[0])))
    alone = [texts(text) for text in asked]
    assert set(calls) == {1}
    calls.clear()
    texts.expect([*asked, *asked])
    together = [texts(text) for text in asked]
    assert calls == [BATCH] * len(texts._encoders) + [len(asked) - BATCH] * len(texts._encoders)
    for one, other in zip(together, alone, strict=True):
        assert one.keys() == other.keys()
        for cond_input, text in one.items():
            assert (text.text, text.last_word) == (other[cond_input].text, other[cond_input].last_word)
            assert deviation(text.tokens, other[cond_input].tokens) < 1e-5
            assert text.tokens.untyped_storage().nbytes() == text.tokens.nbytes, "it would keep the batch in memory"
