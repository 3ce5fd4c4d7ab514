"""A case of the published procedure as the host's own MODEL and CLIP: its weights, and a text encoder of its texts."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.supported_models_base
import torch
from comfy import sd1_clip
from comfy_api.latest import io
from safetensors import safe_open
from torch import Tensor, nn

from .probes import CATEGORY


class ProbeGoldenCase(io.ComfyNode):
    """MODEL and CLIP of a golden `file`, by its path; texts that it does not hold get random embeddings."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ProbeGoldenCase",
            category=CATEGORY,
            inputs=[io.String.Input("file")],
            outputs=[io.Model.Output(), io.Clip.Output()],
        )

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        with safe_open(file, framework="pt") as golden:
            tensors = {name: golden.get_tensor(name) for name in golden.keys()}  # noqa: SIM118 - it is no dict
            count = int(json.loads(golden.metadata()["L"]))
        model = nn.Module()
        model.diffusion_model = nn.Module()
        for name, weight in tensors.items():
            stage, _, projection = name.partition("/")
            if stage == "original":
                _add_layer(model.diffusion_model, projection, weight)
        texts = {name.partition("/")[2]: tokens for name, tokens in tensors.items() if name.startswith("text/")}
        device = comfy.model_management.get_torch_device()
        patcher = comfy.model_patcher.ModelPatcher(model, device, torch.device("cpu"))
        return io.NodeOutput(patcher, _make_clip(texts, count))


def _add_layer(module: nn.Module, name: str, weight: Tensor) -> None:
    *way, last = name.split(".")
    for step in way:
        if not hasattr(module, step):
            module.add_module(step, nn.Module())
        module = getattr(module, step)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data.copy_(weight)
    module.add_module(last, layer)


def _make_clip(texts: dict[str, Tensor], count: int) -> Any:
    class Tokenizer(sd1_clip.SDTokenizer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "max_length": count})

        def tokenize_with_weights(self, text: str, return_word_ids: bool = False, **options: Any) -> Any:
            (chunk,) = super().tokenize_with_weights(text, True, **options)
            # One token a word, as in the golden cases.
            words = [token for before, token in pairwise(chunk) if not token[2] or token[2] != before[2]]
            tokens = [chunk[0], *words, *[chunk[-1]] * (count - 1 - len(words))]
            return [tokens if return_word_ids else [token[:2] for token in tokens]]

    class Tokenizers(sd1_clip.SD1Tokenizer):
        def __init__(self, embedding_directory: Any = None, tokenizer_data: Any = None) -> None:
            super().__init__(embedding_directory, tokenizer_data or {}, tokenizer=Tokenizer)

    class Encoder(nn.Module):
        def __init__(self, device: Any = "cpu", dtype: Any = None, model_options: Any = None) -> None:
            super().__init__()
            tokenizer = Tokenizer()
            self.known = {_list_ids(tokenizer.tokenize_with_weights(text)): rows for text, rows in texts.items()}

        def set_clip_options(self, options: Any) -> None: ...

        def reset_clip_options(self) -> None: ...

        def encode_token_weights(self, chunks: Any) -> tuple[Tensor, None]:
            ids = _list_ids(chunks)
            if ids not in self.known:
                width = next(iter(texts.values())).shape[1]
                self.known[ids] = torch.randn(count, width, generator=torch.Generator().manual_seed(sum(ids)))
            return self.known[ids][None].float(), None

    class Encoders(sd1_clip.SD1ClipModel):
        def __init__(self, device: Any = "cpu", dtype: Any = None, model_options: Any = None) -> None:
            super().__init__(device=device, dtype=dtype, model_options=model_options or {}, clip_model=Encoder)

    return comfy.sd.CLIP(comfy.supported_models_base.ClipTarget(Tokenizers, Encoders))


def _list_ids(chunks: Any) -> tuple[int, ...]:
    (chunk,) = chunks
    return tuple(token[0] for token in chunk)
