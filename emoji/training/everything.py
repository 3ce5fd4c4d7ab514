"""Train all parts one after the other within a time, and assemble the models: one command for a machine with a GPU.

    COMFYUI_DIR=FOLDER python -m emoji.training.everything --seconds 540 --data FOLDER --out FOLDER [--from FOLDER]

It needs PyTorch, a ComfyUI and what `emoji.prepare` has written, no network. Weights are written to `--out` every
minute, each part in a file of its own; stopped and run again, it goes on. With `--from`, autoencoder, judge and text
encoder are taken from there as they are, unless `--parts` names them, and the generators go on from there.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Collection
from pathlib import Path

import torch

from ..generators import Architecture
from . import train_autoencoder, train_generator, train_judge, train_text
from .assemble import assemble
from .data import fetch_pictures, load_captions, read_list
from .examples import make_examples
from .host import DATA, PARTS, STATE, prepare_host, prepare_training, weights_file
from .loop import Budget, run

#: What share of the time a part gets, were all trained; the generators divide what others leave.
SHARES = {"autoencoder": 1.0, "judge": 1.5, "text": 1.5, "flux": 4.0, "unet": 4.0}
#: The largest batch of the other parts.
_BATCH = 256
#: Seconds for what comes last.
_ASSEMBLY = 5.0


def share_out(seconds: float, part: str, left: Collection[str]) -> float:
    """Seconds for a part, when so many are left for the parts `left`, itself among them."""
    return max(0.0, seconds) * SHARES[part] / sum(SHARES[each] for each in left)


def train_part(
    part: str, seconds: float, options: argparse.Namespace, chosen: list[int] | None, device: torch.device
) -> None:
    """Train one part within a time, in which generators first make their examples."""
    began = time.perf_counter()
    start = options.start if options.start and weights_file(options.start, part).is_file() else None
    batch = min(_BATCH, options.batch)
    pictures = fetch_pictures(options.data, device)
    if part == "autoencoder":
        made = train_autoencoder.make_part(pictures, batch, device, start)
    elif part == "judge":
        made = train_judge.make_part(
            pictures, batch, train_judge.PEAK if start is None else train_judge.PEAK / 5, device, start
        )
    elif part == "text":
        made = train_text.make_part(pictures, load_captions(options.data, device), batch, device, start)
    else:
        architecture: Architecture = "flux" if part == "flux" else "unet"
        # What goes on from weights needs no more than half the rate that fresh ones do.
        peak = train_generator.PEAK[architecture] * (1.0 if start is None else 0.5)
        examples = make_examples(options.data, options.out, chosen, options.most, device)
        made = train_generator.make_part(
            architecture, examples, train_generator.Settings(options.batch, peak), device, start
        )
    run(made, options.state, options.out, Budget(seconds=max(1.0, seconds - (time.perf_counter() - began))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=540.0, help="how long, all in all (default: 540)")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=STATE / "weights", help="where weights and models are written")
    parser.add_argument("--state", type=Path, default=STATE, help="what going on needs, some 200 MB a generator")
    parser.add_argument("--from", dest="start", type=Path, help="a folder with weights to begin with")
    parser.add_argument(
        "--parts", nargs="*", choices=PARTS, help="what to train (default: all that --from lacks, and generators)"
    )
    parser.add_argument("--concepts", type=Path, help="a JSON list of the labels that generators learn; all by default")
    parser.add_argument("--batch", type=int, default=768)
    parser.add_argument("--most", type=int, default=240_000, help="a generator's examples, in 41 kB of memory each")
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    began = time.perf_counter()
    device = prepare_training(options.threads)
    prepare_host(device)
    options.out.mkdir(parents=True, exist_ok=True)
    given = {part for part in PARTS if options.start and weights_file(options.start, part).is_file()}
    for part in given:
        if not weights_file(options.out, part).is_file():
            shutil.copyfile(weights_file(options.start, part), weights_file(options.out, part))
    parts = options.parts or [part for part in PARTS if part not in given or part in ("flux", "unet")]
    chosen = read_list(options.concepts)
    print(f"{device}: {', '.join(parts)}", flush=True)
    # What one part takes too long, such as for its examples, the later ones go without.
    parts = [part for part in PARTS if part in parts]
    for place, part in enumerate(parts):
        left = options.seconds - _ASSEMBLY - (time.perf_counter() - began)
        train_part(part, share_out(left, part, parts[place:]), options, chosen, device)
    for path in assemble(options.out, options.out / "models"):
        print(f"{path.name}  {path.stat().st_size / 1e6:.2f} MB  {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
