"""Formats that only other programs' layers can read: known by names in files and by layers, told in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rece_core.checkpoints.checkpoint import open_checkpoint
from rece_core.checkpoints.file_kinds import identify_file
from rece_core.models.foreign_formats import FORMATS, recognise_layer, recognise_names

# What the writers of each format put beside each other, for the layer that reads the text.
FILES = {
    "Nunchaku": ("qweight", "wscales", "proj_down", "proj_up", "smooth_factor", "bias"),
    "GPTQ": ("qweight", "qzeros", "scales", "g_idx"),
    "AWQ": ("qweight", "qzeros", "scales"),
    "bitsandbytes in 8 bits": ("weight", "SCB", "weight_format"),
    "bitsandbytes in 4 bits": ("weight", "weight.absmax", "weight.quant_map", "weight.quant_state.bitsandbytes__nf4"),
    "Quanto": ("weight._data", "weight._scale"),
    "HQQ": ("W_q", "scale", "zero", "group_size"),
    "an int8 pack": ("weight", "weight_scale"),
}


def write(path: Path, parts: tuple[str, ...], layer: str) -> Path:
    tensors = {f"{layer}.{part}": torch.zeros(4, 8, dtype=torch.int8) for part in parts}
    save_file({**tensors, f"{layer.rpartition('.')[0] or 'x'}.norm.weight": torch.ones(4)}, path)
    return path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("layer", ["model.diffusion_model.txt_in", "transformer_blocks.0.attn.to_k"])
def test_a_file_is_refused_by_the_name_of_its_format(tmp_path: Path, name: str, layer: str) -> None:
    path = write(tmp_path / "model.safetensors", FILES[name], layer)
    with pytest.raises(ValueError, match=r"model\.safetensors.* is quantised by .*RECE Save Erasure") as refused:
        open_checkpoint(path)
    assert f"quantised by {name}" in str(refused.value)
    assert f"quantised by {name}" in identify_file(path).describe()


def test_text_entries_that_are_packed_are_told_though_their_names_are_known(tmp_path: Path) -> None:
    """NF4 files keep a layer's name, and its weight is one column of bytes."""
    layers = ("txt_in", "vector_in.in_layer", "double_blocks.0.img_mod.lin", "single_blocks.0.linear1")
    shapes = {f"model.diffusion_model.{layer}.weight": torch.zeros(64, 1, dtype=torch.uint8) for layer in layers}
    marks = {f"{name}.{part}": torch.zeros(4) for name in shapes for part in ("absmax", "quant_map")}
    save_file({**shapes, **marks}, tmp_path / "nf4.safetensors")
    with pytest.raises(ValueError, match=r"nf4\.safetensors: .* is quantised by bitsandbytes in 4 bits"):
        open_checkpoint(tmp_path / "nf4.safetensors")


def test_a_gguf_file_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ValueError, match=r"model\.gguf is a GGUF file.*in ComfyUI"):
        open_checkpoint(path)


def test_the_hosts_own_formats_are_none_of_them() -> None:
    fp8 = dict.fromkeys(("txt_in.weight", "txt_in.weight_scale", "txt_in.bias"), "F8_E4M3")
    own = {"txt_in.weight": "I8", "txt_in.weight_scale": "F32", "txt_in.comfy_quant": "U8"}
    plain = dict.fromkeys(("to_k.weight", "norm.scale", "lora.lora_down.weight", "lora.lora_up.weight"), "F16")
    assert [recognise_names(names) for names in (fp8, own, plain)] == [None, None, None]
    assert recognise_names({**own, "txt_in.comfy_quant_is_missing": "U8"}) is None
    del own["txt_in.comfy_quant"]
    assert recognise_names(own) is FORMATS[-1], "control"


@pytest.mark.parametrize(
    ("qualified", "name"),
    [
        ("nunchaku.models.linear.SVDQW4A4Linear", "Nunchaku (SVDQuant)"),
        ("bitsandbytes.nn.modules.Params4bit", "bitsandbytes in 4 bits (NF4, FP4)"),
        ("bitsandbytes.nn.modules.Int8Params", "bitsandbytes in 8 bits (LLM.int8)"),
        ("torchao.dtypes.affine_quantized_tensor.AffineQuantizedTensor", "torchao"),
        ("awq.modules.linear.gemm.WQLinear_GEMM", "AWQ"),
        ("gptqmodel.nn_modules.qlinear.torch.TorchQuantLinear", "GPTQ"),
        ("optimum.quanto.nn.qlinear.QLinear", "Quanto"),
        ("hqq.core.quantize.HQQLinear", "HQQ"),
    ],
)
def test_classes_of_others(qualified: str, name: str) -> None:
    known = recognise_layer(lambda part: False, ["torch.nn.modules.module.Module", qualified])
    assert known is not None and known.name == name
    assert recognise_layer(lambda part: False, ["torch.nn.modules.linear.Linear"]) is None, "control"
