"""The shapes of a CLIP's text encoder, by transformers' names, and what of them is its own choice."""

from __future__ import annotations

START, END = 49406, 49407
WORDS, PLACES = END + 1, 77  # of every CLIP's text encoder
MOST_LAYERS = 48  # the deepest, SDXL's second, has 32
WIDEST = 8  # times the width, within a layer; CLIP has 4

EMBEDDING = "embeddings.token_embedding.weight"
POSITIONS = "embeddings.position_embedding.weight"
PROJECTION = "text_projection.weight"
WITHIN = "encoder.layers.0.mlp.fc1.weight"  # (rows within a layer, width)


def list_shapes(width: int, layers: int, rows: int, pooled: bool) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of an encoder of `width` with so many `layers`, `rows` wide within each.

    pooled: with the projection that makes the pooled embedding.
    """
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (WORDS, width), POSITIONS: (PLACES, width)}
    norms = ["final_layer_norm"]
    for layer in range(layers):
        start = f"encoder.layers.{layer}."
        norms += [f"{start}layer_norm{number}" for number in (1, 2)]
        linear = {f"self_attn.{part}_proj": (width, width) for part in ("q", "k", "v", "out")}
        for name, shape in {**linear, "mlp.fc1": (rows, width), "mlp.fc2": (width, rows)}.items():
            shapes |= {f"{start}{name}.weight": shape, f"{start}{name}.bias": shape[:1]}
    shapes |= {f"{norm}.{part}": (width,) for norm in norms for part in ("weight", "bias")}
    return shapes | ({PROJECTION: (width, width)} if pooled else {})
