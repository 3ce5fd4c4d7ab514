"""Train the text encoder alone: at every place from the end token on it must tell concept, words, style and background.

    python -m emoji.training.train_text --seconds 90

Trained together with a generator the text is ignored for a long time, see `demo/README.md`. Words without a row of
their own share one, which training practises by hiding words at random.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..text_network import END, LENGTH, START, WIDTH, TextNetwork, find_ends, pad
from ..world import BACKGROUNDS, STYLES, Pictures
from .data import Captions, draw_on, fetch_pictures, load_captions
from .loop import Budget, Part, run
from .options import parse_options
from .parts import load_weights

SEED = 20_001
_SHORT = 32


class Readers(nn.Module):
    """What a state must tell: words (w) and the concept, the style or that none is named, the background."""

    def __init__(self, words: int, concepts: int) -> None:
        super().__init__()
        self.words, self.concept = nn.Linear(WIDTH, words), nn.Linear(WIDTH, concepts)
        self.style, self.background = nn.Linear(WIDTH, len(STYLES) + 1), nn.Linear(WIDTH, len(BACKGROUNDS))


def make_part(
    pictures: Pictures, captions: Captions, batch: int, device: torch.device, start: Path | None
) -> Part:  # fmt: skip
    """The text encoder, fresh or from the folder `start`, its readers, and the loss."""
    torch.manual_seed(SEED)
    network = TextNetwork(captions.token_ids).to(device)
    if start is not None:
        network.load_state_dict(load_weights(start, "text"))
    readers = Readers(captions.words.shape[1], len(captions.words)).to(device)
    words = captions.words.float()

    def learn(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = draw_on(device, SEED, step)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, device=device)

        rows = torch.randint(len(captions.tokens), (batch,), generator=generator, device=device)
        # Behind the longest caption all places are alike but for their number; one step in four has them all.
        length = LENGTH if step % 4 == 0 else _SHORT
        tokens = pad(captions.tokens[rows], length)
        ends = find_ends(tokens)
        words_alone = (tokens != START) & (tokens != END)
        hidden = words_alone & (uniform(batch, length) < 0.1) & (uniform(batch, 1) < 0.3)
        with torch.autocast(device.type, torch.bfloat16):
            states = network(tokens, hidden)
        later = ends + (uniform(batch) * (length - ends)).long()
        read = states[torch.arange(batch, device=device)[:, None], torch.stack([ends, later], 1)].float().flatten(0, 1)
        shown = captions.pictures[rows]
        concepts = pictures.concepts[shown].repeat_interleave(2)
        unnamed = torch.full_like(shown, len(STYLES))
        styles = torch.where(captions.style_named[rows], pictures.styles[shown], unnamed).repeat_interleave(2)
        told = readers.concept(read)
        spelt = functional.binary_cross_entropy_with_logits(readers.words(read), words[concepts], reduction="none")
        loss = 0.3 * spelt.sum(-1).mean() + functional.cross_entropy(told, concepts)
        loss = loss + functional.cross_entropy(readers.style(read), styles)
        backgrounds = captions.backgrounds[rows].repeat_interleave(2)
        loss = loss + functional.cross_entropy(readers.background(read), backgrounds)
        return loss, {"concept": (told.argmax(1) == concepts).float().mean()}

    return Part("text", {"model": network, "readers": readers}, "model", learn, 1.2e-3)


def train(
    data: Path, state: Path, weights: Path, budget: Budget, batch: int, device: torch.device, start: Path | None = None
) -> int:
    """The number of steps done."""
    pictures, captions = fetch_pictures(data, device), load_captions(data, device)
    return run(make_part(pictures, captions, batch, device, start), state, weights, budget)


if __name__ == "__main__":
    options = parse_options(__doc__ or "", batch=256)
    train(options.data, options.state, options.weights, options.budget, options.batch, options.device, options.start)
