"""Write what the host makes of assembled models with random weights, beside what their own parts make.

    PYTHON_OF_THE_HOST check_models.py REPOSITORY FOLDER_OF_THE_HOST FOLDER

FOLDER gets `parts`, `models` and `found.json`: largest differences, and what each stands beside.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

TEXTS = ("a red heart", "panda in 3d style on a blue background", "somethingelse entirely", "")
STEPS, CFG = 4, 4.0


def main(repository: str, host: str, folder: str) -> None:
    sys.path.insert(0, repository)
    os.environ["COMFYUI_DIR"] = host
    from emoji.training.host import prepare_host

    prepare_host()
    import comfy.sd

    from emoji.family import register
    from emoji.training.assemble import assemble

    parts, models = Path(folder) / "parts", Path(folder) / "models"
    write_parts(parts)
    files = assemble(parts, models)
    found: dict[str, Any] = {"strange": []}
    for file in files[:2]:  # the control: a host that has not been told
        try:
            loaded = comfy.sd.load_checkpoint_guess_config(str(file))
            found["strange"].append(type(loaded[0].model.model_config).__name__ if loaded[0] else None)
        except Exception as error:
            found["strange"].append(type(error).__name__)
    register()
    register()
    known = [model.__name__ for model in comfy.supported_models.models]
    found["known"] = {name: known.count(name) for name in ("ReceEmojiUNet", "ReceEmojiFlux")}
    for file in files[:2]:
        found[file.stem] = compare(file.stem, file, parts)
    found["gradients"] = check_gradients()
    (Path(folder) / "found.json").write_text(json.dumps(found))


def write_parts(folder: Path) -> None:
    """Parts with random weights that all matter."""
    from emoji.autoencoder import Autoencoder
    from emoji.generators import build_generator
    from emoji.judge import Judge
    from emoji.text_network import END, START, TextNetwork
    from emoji.training.loop import write_weights

    torch.manual_seed(3)
    ids = [*tokenize(TEXTS[0]), *tokenize(TEXTS[1])]
    networks: dict[str, nn.Module] = {"autoencoder": Autoencoder(), "judge": Judge()}
    networks["text"] = TextNetwork(torch.tensor(sorted({START, END, *ids})))
    networks |= {"flux": build_generator("flux"), "unet": build_generator("unet")}
    for name, network in networks.items():
        for parameter in network.parameters():
            if parameter.ndim > 1 and name in ("flux", "unet"):
                nn.init.normal_(parameter, std=0.7 * parameter[0].numel() ** -0.5)
        if isinstance(network, Autoencoder):  # pictures of fresh weights are all but grey
            nn.init.normal_(network.latent_decoder[-2].weight, std=0.5)
        write_weights(network, folder / f"{name}.safetensors", 0)


def tokenize(text: str) -> list[int]:
    from comfy.sd1_clip import SDTokenizer

    return [int(token) for token, *_ in SDTokenizer().tokenize_with_weights(text)[0]]


def compare(architecture: str, file: Path, parts: Path) -> dict[str, float]:
    """Largest differences of text states, pooled embeddings and pictures, and how large what they stand beside is."""
    from emoji.drawing import draw, encode, load_model
    from emoji.text_network import find_ends
    from emoji.training.parts import load_autoencoder, load_generator, load_text

    model = load_model(file)
    tokens = torch.tensor([tokenize(text) for text in TEXTS])
    text, autoencoder = load_text(parts), load_autoencoder(parts)
    with torch.no_grad():
        states = text(tokens)
        pooled = states[torch.arange(len(TEXTS)), find_ends(tokens)]
        ((given, more),) = encode(model, TEXTS)
        network = load_generator(parts, "flux" if architecture == "flux" else "unet")
        seeds = list(range(len(TEXTS) - 1))
        drawn = draw(model, TEXTS[:-1], seeds, STEPS)
        noise = torch.cat([torch.randn(1, 4, 16, 16, generator=torch.manual_seed(seed)) for seed in seeds])
        sample = sample_flow if architecture == "flux" else sample_noise
        latents = sample(network, noise, states[:-1], pooled[:-1], states[-1:], pooled[-1:])
        own = (autoencoder.decode(latents) / 2 + 0.5).clamp(0, 1).movedim(1, -1)
    return {
        "states": float((given - states).abs().max()),
        "pooled": float((more["pooled_output"] - pooled).abs().max()),
        "texts differ by": float((states[0] - states[1]).abs().max()),
        "pictures": float((drawn - own).abs().mean()),
        "pictures differ by": float((drawn[0] - drawn[1]).abs().mean()),
    }


def check_gradients() -> dict[str, Any]:
    """What the transformer's gradient says of a small change of its weights, what it does, and without the hooks."""
    from emoji.generators import allow_gradients, build_generator

    torch.manual_seed(4)
    network = build_generator("flux")
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5 * parameter[0].numel() ** -0.5)
    inputs = torch.randn(2, 4, 16, 16), torch.tensor([0.3, 0.7]), torch.randn(2, 77, 256), torch.randn(2, 256)

    def lose() -> Tensor:
        return network(*(each.clone() for each in inputs)).square().mean()

    try:
        lose().backward()
        plain = "none"
    except RuntimeError as error:
        plain = str(error)
    network.zero_grad()
    allow_gradients(network)
    lose().backward()
    step = 1e-3
    changes = [(parameter, step * torch.randn_like(parameter) * parameter.std()) for parameter in network.parameters()]
    said = sum(float((parameter.grad * change).sum()) for parameter, change in changes)
    losses = []
    with torch.no_grad():
        for sign in (1, -2):
            for parameter, change in changes:
                parameter.add_(change, alpha=sign)
            losses.append(float(lose()))
    return {"without hooks": plain, "said": said, "done": (losses[0] - losses[1]) / 2}


def guide(network: nn.Module, x: Tensor, time: Tensor, *texts: Tensor) -> Tensor:
    """The network's answer with guidance away from the empty text."""
    states, pooled, empty, empty_pooled = texts
    count = len(x)
    inputs = [torch.cat([states, empty.expand(count, -1, -1)]), torch.cat([pooled, empty_pooled.expand(count, -1)])]
    with_text, without = network(torch.cat([x, x]), time.expand(2 * count), *inputs).chunk(2)
    return without + CFG * (with_text - without)


def sample_flow(network: nn.Module, noise: Tensor, *texts: Tensor) -> Tensor:
    """Euler steps from noise to picture, times shifted by 2."""
    even = torch.linspace(1, 0, STEPS + 1)
    times = 2 * even / (1 + even)
    x = noise
    for now, later in itertools.pairwise(times):
        x = x + guide(network, x, now, *texts) * (later - now)
    return x


def sample_noise(network: nn.Module, noise: Tensor, *texts: Tensor) -> Tensor:
    """Euler steps over SD 1's noise levels, evenly in time."""
    from emoji.generators import signal_levels

    levels = signal_levels()
    all_sigmas = ((1 - levels) / levels).sqrt()
    times = torch.linspace(999, 0, STEPS)
    sigmas = torch.cat([all_sigmas[times.round().long()], torch.zeros(1)])
    x = noise * (1 + sigmas[0] ** 2).sqrt()

    def answer(inputs: Tensor, time: Tensor, states: Tensor, pooled: Tensor) -> Tensor:
        return network(inputs, time, states)

    for time, now, later in zip(times, sigmas, sigmas[1:], strict=False):
        x = x + guide(answer, x / (1 + now**2).sqrt(), time, *texts) * (later - now)  # type: ignore[arg-type]
    return x


if __name__ == "__main__":
    main(*sys.argv[1:])
