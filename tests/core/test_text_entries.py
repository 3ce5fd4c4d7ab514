"""Which weights read the text."""

from __future__ import annotations

import pytest

from rece_core.models.text_entries import Family, TextEntry, find_family, find_output

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
QWEN_IMAGE = {
    "txt_norm.weight": (3584,),
    "txt_in.weight": (3072, 3584),
    "transformer_blocks.0.txt_mlp.net.2.weight": (3072, 12288),
}


def _unet(width: int, **others: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    block = "input_blocks.1.1.transformer_blocks.0.attn2"
    names = {f"{block}.to_k.weight": (640, width), f"{block}.to_v.weight": (640, width)}
    return {**names, **{name.replace("__", "."): shape for name, shape in others.items()}}


def _pooled(family: Family) -> list[TextEntry]:
    return [entry for entry in family.entries if entry.cond_input == "pooled"]


def test_keys_and_values_of_cross_attention_alone() -> None:
    assert find_family(SHAPES).entries == (
        TextEntry(f"{BLOCK}.attn2.to_k.weight", "key", (320, 768)),
        TextEntry(f"{BLOCK}.attn2.to_v.weight", "value", (320, 768)),
    )


@pytest.mark.parametrize("prefix", ["", "diffusion_model.", "model.diffusion_model."])
def test_names_as_the_caller_has_them(prefix: str) -> None:
    beside = {"conditioner.embedders.0.txt_in.weight": (9, 9)} if prefix else {}
    family = find_family(beside | {prefix + name: shape for name, shape in QWEN_IMAGE.items()})
    assert [entry.name for entry in family.entries] == [f"{prefix}txt_in.weight"]
    assert family.preprocessors["tokens"].weights == (f"{prefix}txt_norm.weight",)


@pytest.mark.parametrize(
    ("width", "name"), [(768, "SD 1.x"), (1024, "SD 2.x"), (2048, "SDXL"), (1280, "SDXL refiner"), (128, "U-Net")]
)
def test_unets_by_the_width_of_their_text(width: int, name: str) -> None:
    assert find_family(_unet(width)).name == name


@pytest.mark.parametrize(("width", "total"), [(2048, 2816), (1280, 2560)])
def test_the_pooled_columns_of_sdxl_and_its_refiner(width: int, total: int) -> None:
    family = find_family(_unet(width, label_emb__0__0__weight=(1280, total)))
    assert _pooled(family) == [TextEntry("label_emb.0.0.weight", "input", (1280, 1280), "pooled", (0, 1280))]
    assert family.cond_inputs == ("tokens", "pooled")


@pytest.mark.parametrize(("width", "total"), [(1024, 2048), (1024, 1536), (2048, 1536), (1024, 2816)])
def test_labels_that_read_no_text(width: int, total: int) -> None:
    assert not _pooled(find_family(_unet(width, label_emb__0__0__weight=(1280, total))))


def test_self_attention_made_to_read_the_text() -> None:
    shapes = {
        "input_blocks.1.1.transformer_blocks.0.attn1.to_k.weight": (512, 1024),
        "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (512, 1024),
        "input_blocks.2.1.transformer_blocks.0.attn1.to_k.weight": (1024, 1024),
        "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight": (1024, 1024),
    }
    names = [entry.name for entry in find_family(shapes).entries]
    assert names == [name for name in shapes if name != "input_blocks.2.1.transformer_blocks.0.attn1.to_k.weight"]


def test_what_reads_a_picture_is_left_alone() -> None:
    shapes = {
        "text_embedding.0.weight": (64, 4096),
        "blocks.0.cross_attn.k.weight": (64, 64),
        "blocks.0.cross_attn.k_img.weight": (64, 64),
        "img_emb.proj.1.weight": (64, 1280),
    }
    assert [entry.name for entry in find_family(shapes).entries] == ["text_embedding.0.weight"]


def test_each_layer_of_a_language_model_is_a_input() -> None:
    shapes = {f"caption_projection.{index}.linear.weight": (64, 4096) for index in range(49)}
    family = find_family(shapes)
    cond_inputs = {entry.name.split(".")[1]: entry.cond_input for entry in family.entries}
    assert (
        cond_inputs["0"] == "llama.0"
        and cond_inputs["31"] == cond_inputs["47"] == "llama.31"
        and cond_inputs["48"] == "tokens"
    )
    assert len(family.cond_inputs) == 33


def test_what_lies_behind_a_value_projection() -> None:
    value = TextEntry(f"{BLOCK}.attn2.to_v.weight", "value", (320, 768))
    bias = f"{BLOCK}.attn2.to_out.0.bias"
    assert find_output(value, {**SHAPES, bias: (320,)}) == (f"{BLOCK}.attn2.to_out.0.weight", bias)
    with pytest.raises(
        ValueError, match=rf"value erasure needs a bias behind {value.name} .* no {bias}. Set seal to 0"
    ):
        find_output(value, SHAPES)


def test_what_lies_behind_other_value_projections() -> None:
    for name, output in (
        ("blocks.0.cross_attn.v_proj", "blocks.0.cross_attn.output_proj"),
        ("blocks.block0.blocks.1.block.attn.to_v.0", "blocks.block0.blocks.1.block.attn.to_out.0"),
    ):
        shapes = {f"{output}.weight": (8, 8), f"{output}.bias": (8,)}
        value = TextEntry(f"{name}.weight", "value", (8, 4))
        assert find_output(value, shapes) == (f"{output}.weight", f"{output}.bias")


def test_an_input_takes_the_constant_in_its_own_bias() -> None:
    entry = TextEntry("txt_in.weight", "input", (8, 4))
    assert find_output(entry, {"txt_in.weight": (8, 4), "txt_in.bias": (8,)}) == (None, "txt_in.bias")
    with pytest.raises(ValueError, match=r"needs a bias beside txt_in\.weight .* no txt_in\.bias\. Set seal to 0"):
        find_output(entry, {"txt_in.weight": (8, 4)})


def test_an_unknown_family() -> None:
    shapes = {name: shape for name, shape in SHAPES.items() if "attn2" not in name}
    message = r"this model, Mystery, is of no family known.*its 2 weights.*named 0, to_k\).*'txt_in\.weight'.*@ pooled"
    with pytest.raises(ValueError, match=message):
        find_family(shapes, host_class="Mystery")
    with pytest.raises(ValueError, match=r"this model is of no family.*its 0 weights .* named nothing"):
        find_family({})


def test_a_family_that_cannot_be_edited() -> None:
    with pytest.raises(ValueError, match=r"Stable Video Diffusion can't be edited: it reads a picture"):
        find_family({**SHAPES, "diffusion_model.input_blocks.1.1.time_stack.0.attn2.to_k.weight": (320, 1024)})


def test_a_model_told_from_a_family_by_the_host_alone() -> None:
    assert find_family(SHAPES, host_class="BaseModel").name == "SD 1.x"
    with pytest.raises(ValueError, match=r"Stable_Zero123 can't be edited: it reads a picture.*Use another model"):
        find_family(SHAPES, host_class="Stable_Zero123")


def test_several_widths() -> None:
    other = "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
    with pytest.raises(
        ValueError, match=r"conditioning input 'tokens' have several widths, \[768, 1024\]; expected one.*leave out"
    ):
        find_family({**SHAPES, f"diffusion_model.{other}": (320, 1024)})


def test_weights_the_user_names() -> None:
    shapes = {
        "diffusion_model.layers.0.read_text.weight": (8, 4),
        "diffusion_model.layers.1.read_text.weight": (8, 4),
        "diffusion_model.layers.1.read_text.bias": (8,),
        "diffusion_model.layers.1.attn2.to_v.weight": (8, 4),
        "diffusion_model.head.weight": (8, 6),
    }
    patterns = "layers.*.read_text.*\n\n diffusion_model.head.weight @ pooled\n*.to_v.weight"
    assert find_family(shapes, patterns) == Family(
        "chosen weights",
        (
            TextEntry("diffusion_model.layers.0.read_text.weight", "input", (8, 4)),
            TextEntry("diffusion_model.layers.1.read_text.weight", "input", (8, 4)),
            TextEntry("diffusion_model.layers.1.attn2.to_v.weight", "value", (8, 4)),
            TextEntry("diffusion_model.head.weight", "input", (8, 6), "pooled"),
        ),
    )


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ("no.such.weight", r"no matrix .* named 'no\.such\.weight'.*among its 7 weights .*input_blocks"),
        ("out.0.weight", r"no matrix of this model is named 'out\.0\.weight'"),
        ("*.attn2.to_k.weight @ two words", r"names the conditioning input 'two words'; expected one word"),
        ("*.to_?.weight", r"conditioning input 'tokens' have several widths, \[320, 768\]"),
    ],
)
def test_patterns_that_find_nothing_sensible(patterns: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_family(SHAPES, patterns)


def test_a_weight_chosen_for_two_inputs_is_refused() -> None:
    shapes = {"txt_in.weight": (8, 16), "vec_in.weight": (8, 16)}
    with pytest.raises(
        ValueError, match=r"txt_in\.weight is named for two conditioning inputs, tokens and pooled; expected one.*"
    ):
        find_family(shapes, "txt_in.weight\n*.weight @ pooled")
    twice = find_family(shapes, "txt_in.weight\ntxt_in.weight")
    assert [entry.name for entry in twice.entries] == ["txt_in.weight"]
