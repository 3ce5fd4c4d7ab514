"""Train the small text encoder alone: from the end token on, every position must tell the caption's bag of words.

Trained together with the U-Net the text is ignored for a long time; with the words laid out like this it is not.
Words outside the vocabulary share one row, which training practises by hiding words at random.

    python -m demo.training.train_text_encoder
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from ..captions import draw_caption
from .host import STATE, prepare_training
from .schedule import learning_rate
from .state import draw_from, load_state, save_state

START, END, LENGTH = 49406, 49407, 77
SEED = 20_001


def tokenize(texts: list[str]) -> torch.Tensor:
    """Texts to token ids (n, 77) with the host's own tokenizer."""
    from comfy.sd1_clip import SDTokenizer

    tokenizer = SDTokenizer()
    return torch.tensor([[token for token, _ in tokenizer.tokenize_with_weights(text)[0]] for text in texts])


def collect_vocabulary(tokens: torch.Tensor) -> torch.Tensor:
    """Ids of the tokens in use, (w,); start and end come first: they are never hidden and never predicted."""
    return torch.tensor([START, END, *(token for token in tokens.unique().tolist() if token not in (START, END))])


def load_vocabulary(state: Path) -> torch.Tensor:
    """The ids as the training wrote them."""
    return load_file(state / "vocabulary.safetensors")["ids"]


def index_tokens(tokens: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Row of each token in the stored table: 0 for other words, 1 + i for `ids[i]`."""
    rows = torch.zeros(49408, dtype=torch.long)
    rows[ids] = torch.arange(1, len(ids) + 1)
    return rows[tokens]


def build_text_model() -> nn.Module:
    """The host's CLIP text transformer with fresh weights; the token table is kept separate from it."""
    import comfy.clip_model
    import comfy.ops

    from ..text_model import CONFIG

    def forward(layer: Any, x: torch.Tensor, mask: Any = None, optimized_attention: Any = None) -> torch.Tensor:
        x = x + layer.self_attn(layer.layer_norm1(x), mask, optimized_attention)
        return x + layer.mlp(layer.layer_norm2(x))

    # The host adds the residuals in place, which gradients do not survive.
    comfy.clip_model.CLIPLayer.forward = forward
    model = comfy.clip_model.CLIPTextModel_(CONFIG, torch.float32, "cpu", comfy.ops.disable_weight_init)
    model.embeddings.token_embedding = None
    for name, parameter in model.named_parameters():
        if "layer_norm" in name:
            nn.init.constant_(parameter, float(name.endswith("weight")))
        elif parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.02 if "embedding" in name else parameter.shape[1] ** -0.5)
        else:
            nn.init.zeros_(parameter)
    return model


def run_text_model(model: Any, embedded: torch.Tensor) -> torch.Tensor:
    """Embedded words (n, length, 128) to the final hidden states; as the host's forward, for any length up to 77."""
    length = embedded.shape[1]
    mask = torch.full((length, length), -torch.finfo(torch.float32).max).triu_(1)
    hidden, _ = model.encoder(embedded + model.embeddings.position_embedding.weight[:length], mask=mask)
    return model.final_layer_norm(hidden)


def hide_words(rows: torch.Tensor, fixed: int, generator: torch.Generator) -> torch.Tensor:
    """In a third of the captions, turn a quarter of the words into "some other word" (row 0); rows <= `fixed` stay."""
    captions = torch.rand(len(rows), 1, generator=generator) < 0.33
    words = torch.rand(rows.shape, generator=generator) < 0.25
    return rows.masked_fill(captions & words & (rows > fixed), 0)


def train(steps: int, batch: int, captions: int, out: Path) -> None:
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    tokens = tokenize([draw_caption(rng).text for _ in range(captions)])
    out.mkdir(parents=True, exist_ok=True)
    save_file({"ids": collect_vocabulary(tokens)}, out / "vocabulary.safetensors")
    ids = load_vocabulary(out)
    rows = index_tokens(tokens, ids)
    longest = 1 + int((tokens != END).sum(1).max())
    model = build_text_model()
    table = nn.Embedding(len(ids) + 1, 128)
    nn.init.normal_(table.weight, std=0.5)
    reader = nn.Linear(128, len(ids) + 1)
    networks = {"model": model, "table": table, "reader": reader}
    learnt = [parameter for network in networks.values() for parameter in network.parameters()]
    optimiser = torch.optim.AdamW(learnt, weight_decay=1e-3)
    path = out / "text_encoder.safetensors"
    done = load_state(path, networks, optimiser)
    began = time.perf_counter()
    for step in range(done, steps):
        generator = draw_from(SEED, step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, 2e-3)
        # Behind the longest caption all positions are alike but for their place; one step in six has them all.
        length = LENGTH if step % 6 == 0 else longest
        picked = hide_words(rows[torch.randint(len(rows), (batch,), generator=generator), :length], 2, generator)
        bag = torch.zeros(batch, len(ids) + 1).scatter_(1, picked, 1.0)[:, 3:]
        hidden = run_text_model(model, table(picked))
        logits = reader(hidden)[..., 3:]
        ended = (picked == 2).float()
        losses = functional.binary_cross_entropy_with_logits(logits, bag[:, None].expand_as(logits), reduction="none")
        loss = (losses.sum(-1) * ended).sum() / ended.sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 0 or step == steps - 1:
            missed = ((logits > 0) != (bag[:, None] > 0)).any(-1).float().mul(ended).sum() / ended.sum()
            seconds = time.perf_counter() - began
            print(f"step {step:5d}  loss {loss:.4f}  bags wrong {missed:.2%}  {seconds:.0f} s", flush=True)
        if step % 250 == 249 or step == steps - 1:
            save_state(path, step + 1, networks, optimiser)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--captions", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state", type=Path, default=STATE)
    options = parser.parse_args()
    prepare_training(options.threads)
    train(options.steps, options.batch, options.captions, options.state)


if __name__ == "__main__":
    main()
