"""Files that users put beside a model: a textual inversion, a LoRA on MODEL and CLIP, the model itself."""

from __future__ import annotations

import json
import shutil

import torch
from safetensors.torch import load_file, save_file

from harness.environment import ROOT
from harness.server import Server

WEIGHTS = ROOT / "demo" / "weights" / "demo.safetensors"
TEXT = "cond_stage_model.transformer.text_model."
NAMES = ("circle", "disc", "dot", "ball")
SAME, MEAN = "one_circle", "any_circle"
LORA, CHECKPOINT = "prompting.safetensors", "shapes.safetensors"


def write_files(server: Server) -> None:
    """Put them where the server looks for them."""
    stored = load_file(WEIGHTS)
    models = server.base / "models"
    (models / "embeddings").mkdir(exist_ok=True)
    vocabulary = json.loads((server.host.folder / "comfy" / "sd1_tokenizer" / "vocab.json").read_text("utf-8"))
    known = stored[f"{TEXT}embeddings.token_ids"].tolist()
    places = [1 + known.index(vocabulary[f"{name}</w>"]) for name in NAMES]
    rows = stored[f"{TEXT}embeddings.token_embedding.weight"][places].float()
    save_file({"clip_l": rows[:1].contiguous()}, models / "embeddings" / f"{SAME}.safetensors")
    save_file({"clip_l": rows.mean(0, keepdim=True)}, models / "embeddings" / f"{MEAN}.safetensors")
    save_file(make_lora(stored), models / "loras" / LORA)
    shutil.copyfile(WEIGHTS, models / "checkpoints" / CHECKPOINT)


def make_lora(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of a LoRA that changes attention, and what the text encoder makes of words, a little."""
    generator, tensors = torch.Generator().manual_seed(0), {}
    for name, weight in stored.items():
        if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight", "attn1.to_q.weight")):
            at, size = name.removeprefix("model."), 0.25
        elif ".mlp.fc" in name and name.endswith(".weight"):
            at, size = "lora_te_text_model_" + name.removeprefix(TEXT).replace(".", "_"), 0.04
        else:
            continue
        at = at.removesuffix(".weight").removesuffix("_weight")
        scale = size * float(weight.float().std())
        tensors[f"{at}.lora_up.weight"] = scale * torch.randn(weight.shape[0], 4, generator=generator)
        tensors[f"{at}.lora_down.weight"] = torch.randn(4, weight.shape[1], generator=generator)
    return tensors
