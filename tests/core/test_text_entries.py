"""Which weights read the text."""

from __future__ import annotations

import pytest

from rece_core.text_entries import TextEntry, find_output, find_text_entries

BLOCK = "diffusion_model.input_blocks.1.1.transformer_blocks.0"
SHAPES = {
    f"{BLOCK}.attn1.to_k.weight": (320, 320),
    f"{BLOCK}.attn2.to_q.weight": (320, 320),
    f"{BLOCK}.attn2.to_k.weight": (320, 768),
    f"{BLOCK}.attn2.to_v.weight": (320, 768),
    f"{BLOCK}.attn2.to_out.0.weight": (320, 320),
    f"{BLOCK}.attn2.to_v.bias": (320,),
    "diffusion_model.out.0.weight": (320,),
}


def test_keys_and_values_of_cross_attention_alone() -> None:
    assert find_text_entries(SHAPES) == (
        TextEntry(f"{BLOCK}.attn2.to_k.weight", "key", (320, 768)),
        TextEntry(f"{BLOCK}.attn2.to_v.weight", "value", (320, 768)),
    )


def test_what_lies_behind_a_value_projection() -> None:
    value = TextEntry(f"{BLOCK}.attn2.to_v.weight", "value", (320, 768))
    bias = f"{BLOCK}.attn2.to_out.0.bias"
    assert find_output(value, {**SHAPES, bias: (320,)}) == (f"{BLOCK}.attn2.to_out.0.weight", bias)
    with pytest.raises(ValueError, match=rf"the seal needs a bias behind {value.name} .* no {bias}. Set seal to 0"):
        find_output(value, SHAPES)


def test_a_model_with_no_cross_attention() -> None:
    shapes = {name: shape for name, shape in SHAPES.items() if "attn2" not in name}
    message = r"no cross-attention to text: none of its 2 weights is named .*attn2\.to_k\.weight.*Expected a U-Net"
    with pytest.raises(ValueError, match=message):
        find_text_entries(shapes)
    with pytest.raises(ValueError, match=r"none of its 0 weights .* named nothing"):
        find_text_entries({})


def test_several_widths() -> None:
    with pytest.raises(ValueError, match=r"several widths, \[768, 1024\]; expected one"):
        find_text_entries({**SHAPES, "b.attn2.to_k.weight": (320, 1024)})
