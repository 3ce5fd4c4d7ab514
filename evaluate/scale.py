"""The algebra at scale, without pictures: many targets at Stable Diffusion 1.4's shape, with CLIP-like embeddings.

python -m evaluate.scale [--targets 1 100 1000] [--rows NAME ...] [--threads 1]

Prints a Markdown table: seconds of processor time, which other work on the machine changes little; peak memory above
weights and texts; what is forgotten; drift on held-out texts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time

import torch

from bench.cases import CASES, PROMPT_TOKENS, make_weights
from bench.meter import Meter
from rece_core.erasing.erase import EncodedConcepts, EpochRecord, iterate_erasure, prepare_solvers
from rece_core.erasing.settings import EditSettings, EraseSettings
from rece_core.models.weights import Weight, accumulate_gram
from rece_core.texts.alignment import EncodedText
from rece_core.texts.prior import accumulate_prior

MODES = {
    "paper": EditSettings(),
    "prior": EditSettings(mode="prior"),
    "strict": EditSettings(mode="strict"),
    "orthogonal": EditSettings(mode="orthogonal", tokens="last"),
}
METHODS = {
    name + (" + value erasure" if seal else ""): EraseSettings(edit, 0, seal=seal)
    for seal in (0.0, 1.0)
    for name, edit in MODES.items()
}
CAPTIONS, PROBES = 200, 50


class Encoder:
    """Texts as CLIP gives them: a shared first token, a mean for each place, and a topic that lasts to the end.

    Topics have a spectrum that falls as one over the rank, so that texts share most of their directions.
    """

    def __init__(self, width: int) -> None:
        self._generator = torch.Generator().manual_seed(3)
        self._places = self._draw(PROMPT_TOKENS, width)
        self._spectrum = width**0.5 / torch.arange(1, width + 1) / (torch.pi / 6**0.5)
        self._turn = torch.linalg.qr(self._draw(width, width)).Q

    def encode(self, text: str) -> EncodedText:
        """A text on a topic of its own; all numbers have a mean square of about 1."""
        topic = (self._draw(1, len(self._turn)) * self._spectrum) @ self._turn
        tokens = (self._places + topic + 0.3 * self._draw(PROMPT_TOKENS, len(self._turn))) / 2**0.5
        tokens[0] = self._places[0]
        return EncodedText(text, tokens, last_word=2)

    def _draw(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self._generator)


def make_texts(width: int, targets: int) -> EncodedConcepts:
    """That many concepts, each onto an anchor of its own; captions for the prior, probes to measure drift on."""
    encoder = Encoder(width)
    concepts, anchors = ([encoder.encode(f"{kind} {i}") for i in range(targets)] for kind in ("concept", "anchor"))
    prior = accumulate_prior(encoder.encode("caption") for _ in range(CAPTIONS))
    probes = tuple(encoder.encode("probe") for _ in range(PROBES))
    empty = encoder.encode("")
    return EncodedConcepts(tuple(concepts), tuple(anchors), (empty,), None, probes, (empty,), prior)


def measure(name: str, targets: int, threads: int) -> str:
    """One row; in a process of its own."""
    torch.set_num_threads(threads)
    case, settings = CASES["sd14"], METHODS[name]
    weights, texts = make_weights(case), make_texts(case.width, targets)
    meter, start = Meter(), time.process_time()
    with torch.inference_mode():
        record = erase(weights, texts, settings)
    seconds, peak = time.process_time() - start, meter.finish().peak
    memory = "–" if peak is None else f"{peak / 1e6:.0f}"
    return f"| {name} | {targets} | {seconds:.1f} | {memory} | {record.forgotten:.1%} | {record.drift:.1%} |"


def erase(weights: list[Weight], texts: EncodedConcepts, settings: EraseSettings) -> EpochRecord:
    """The first edit and its measures."""
    gram = accumulate_gram(weights)
    _, make_solver = prepare_solvers(lambda: weights, gram, texts, settings)
    (result,) = iterate_erasure(gram, texts, settings, solver=make_solver())
    return result.record


def main() -> None:
    parser = argparse.ArgumentParser(prog="evaluate.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--rows", nargs="+", choices=METHODS, default=list(METHODS), metavar="NAME")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    print("| mode | targets | seconds | memory (MB) | forgotten | drift |\n|---|---:|---:|---:|---:|---:|", flush=True)
    for targets in given.targets:
        for name in given.rows:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.apply(measure, (name, targets, given.threads)), flush=True)


if __name__ == "__main__":
    main()
