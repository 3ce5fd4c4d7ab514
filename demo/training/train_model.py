"""Train the U-Net on the dataset: noise prediction on Stable Diffusion 1's schedule, with empty captions for guidance.

Resumable: run it again and it goes on from the last state. `demo.training.assemble` may be run at any time.

    python -m demo.training.train_model --threads 2
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from .dataset import Dataset, load_dataset
from .host import STATE, prepare_training
from .schedule import learning_rate
from .state import draw_from, load_network, load_state, save_state

SEED = 10_002
UNET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 48,
    "channel_mult": [1, 2],
    "num_res_blocks": [1, 1],
    "transformer_depth": [0, 1],
    "transformer_depth_output": [0, 0, 1, 1],
    "transformer_depth_middle": 1,
    "context_dim": 128,
    "num_heads": 4,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": False,
    "legacy": False,
}


def build_unet() -> nn.Module:
    """The host's U-Net with fresh weights (its layers come uninitialised).

    Residual blocks start as the identity. Cross-attention starts silent and looks at all words alike: where it speaks
    from the start, it is noise at first, and the network learns to look at the start token alone and never at the text.
    """
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    from ..family import group_norm_operations

    torch.manual_seed(SEED)
    operations = group_norm_operations(comfy.ops.disable_weight_init)
    unet = UNetModel(**UNET, dtype=torch.float32, device="cpu", operations=operations)
    for name, parameter in unet.named_parameters():
        if (
            parameter.ndim == 1
            or name.startswith("out.2")
            or name.endswith(("out_layers.3.weight", "attn2.to_out.0.weight"))
        ):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5 * (0.1 if "attn2.to_k" in name else 1.0))
    for module in unet.modules():
        if isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
            nn.init.ones_(module.weight)
    return unet


def signal_levels() -> torch.Tensor:
    """Cumulative product of alphas, (1000,), of Stable Diffusion 1's schedule (betas linear in their square root)."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0).float()


def weigh_loss(predicted: torch.Tensor, noise: torch.Tensor, level: torch.Tensor, power: float) -> torch.Tensor:
    """Squared error of the noise, (n, 4, h, w), over a power of the signal level (n,).

    Where noise hides the picture only the text tells what it is, and there an error in the noise is tiny. Power 1 is
    the error of the velocity (Salimans & Ho 2022, appendix D); with power 1/2 the gradients of all times have about one
    size.
    """
    return ((predicted - noise).square().mean((1, 2, 3)) / level**power).mean()


def draw_batch(data: Dataset, scale: float, batch: int, step: int) -> tuple[torch.Tensor, ...]:
    """Noisy latents, times, embeddings, noise, signal levels; the step has its own generator, so resuming is exact."""
    generator = draw_from(SEED, step)
    rows = torch.randint(len(data.latents), (batch,), generator=generator)
    clean = data.latents[rows].float() * scale
    captions = data.captions[rows].clone()
    captions[torch.rand(batch, generator=generator) < 0.1] = 0
    times = (1000 * torch.rand(batch, generator=generator) ** 0.8).long().clamp(max=999)
    noise = torch.randn(clean.shape, generator=generator)
    levels = signal_levels()[times]
    level = levels[:, None, None, None]
    noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
    return noisy, times, data.embeddings[captions].float(), noise, levels


def train(options: argparse.Namespace) -> None:
    from ..family import ReceDemoLatent

    data = load_dataset(options.state)
    unet = build_unet().train().to(memory_format=torch.channels_last)
    average = copy.deepcopy(unet)
    optimiser = torch.optim.AdamW(unet.parameters(), options.rate, weight_decay=1e-3, betas=(0.9, 0.99))
    path = options.state / "unet.safetensors"
    networks = {"model": unet, "average": average}
    done = load_state(path, networks, optimiser)
    if done == 0 and options.warm_start:
        warm, _ = load_network(options.warm_start, "average")
        for network in (unet, average):
            network.load_state_dict({k: v for k, v in warm.items() if ".attn2." not in k}, strict=False)
    parameters = sum(p.numel() for p in unet.parameters())
    print(f"{parameters} parameters, {len(data.latents)} pictures, from step {done}", flush=True)
    began, recent = time.perf_counter(), 0.0
    for step in range(done, options.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, options.steps, options.rate)
        noisy, times, context, noise, levels = draw_batch(data, ReceDemoLatent.scale_factor, options.batch, step)
        # The CPU's fused attention is many times slower than plain products when it runs backwards in bfloat16.
        with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            predicted = unet(noisy.to(memory_format=torch.channels_last), times, context)
        loss = weigh_loss(predicted.float(), noise, levels, options.power)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        decay = min(options.decay, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(unet.parameters()), 1 - decay)
        recent += (loss.item() - recent) * (0.02 if step > done else 1.0)
        if (step + 1) % 50 == 0:
            print(f"step {step + 1:5d}  loss {recent:.4f}  {time.perf_counter() - began:.0f} s", flush=True)
        if (step + 1) % 250 == 0 or step + 1 == options.steps:
            save_state(path, step + 1, networks, optimiser)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--decay", type=float, default=0.998, help="of the moving average of the weights")
    parser.add_argument("--power", type=float, default=0.5, help="of the signal level that errors are divided by")
    parser.add_argument("--warm-start", type=Path, help="begin with this state's weights but for cross-attention")
    parser.add_argument("--bfloat16", action="store_true", help="multiply in bfloat16 (processors with AMX)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state", type=Path, default=STATE)
    options = parser.parse_args()
    prepare_training(options.threads)
    train(options)


if __name__ == "__main__":
    main()
