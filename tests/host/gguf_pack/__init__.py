"""A reader of GGUF models with the interface of ComfyUI-GGUF's, for tests where that pack is not at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comfy.lora
import comfy.model_patcher
import comfy.ops
import comfy.sd
import comfy.utils
import folder_paths
import gguf
import torch
from torch import Tensor

FLOATS = (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)


class GGMLTensor(torch.Tensor):
    """Bytes of a weight, or its numbers where they are floats; its `shape` is the weight's."""

    tensor_type: Any
    tensor_shape: torch.Size
    patches: list[Any]

    @classmethod
    def make(cls, stored: Tensor, tensor_type: Any, shape: torch.Size) -> GGMLTensor:
        made = stored.as_subclass(cls)
        made.tensor_type, made.tensor_shape, made.patches = tensor_type, shape, []
        return made

    @property
    def shape(self) -> torch.Size:  # type: ignore[override]
        return getattr(self, "tensor_shape", self.size())

    def to(self, *args: Any, **kwargs: Any) -> Any:
        moved = super().to(*args, **kwargs)
        if hasattr(self, "tensor_type"):
            moved.tensor_type, moved.tensor_shape, moved.patches = self.tensor_type, self.tensor_shape, self.patches[:]
        return moved

    def detach(self) -> Any:
        return self

    def clone(self, *args: Any, **kwargs: Any) -> Any:
        return self


def is_packed(weight: Any) -> bool:
    return getattr(weight, "tensor_type", None) not in (None, *FLOATS)


class Ops(comfy.ops.manual_cast):
    """Linear layers that keep a weight's bytes and dequantise them whenever they compute."""

    class Linear(comfy.ops.manual_cast.Linear):
        def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
            self.weight = torch.nn.Parameter(state_dict[f"{prefix}weight"], requires_grad=False)
            bias = state_dict.get(f"{prefix}bias")
            self.bias = None if bias is None else torch.nn.Parameter(bias, requires_grad=False)

        def get_weight(self, tensor: Any, dtype: torch.dtype) -> Tensor:
            numbers = tensor.data.as_subclass(Tensor).cpu().numpy()
            dequantised = gguf.quants.dequantize(numbers, tensor.tensor_type).reshape(tensor.tensor_shape)
            weight = torch.from_numpy(dequantised).to(tensor.device, dtype)
            for patches, key in tensor.patches:
                weight = comfy.lora.calculate_weight(patches, weight, key)
            return weight

        def forward_comfy_cast_weights(self, x: Tensor) -> Tensor:
            if not is_packed(self.weight):
                return super().forward_comfy_cast_weights(x).as_subclass(Tensor)
            bias = None if self.bias is None else self.bias.to(x.device, x.dtype).as_subclass(Tensor)
            return torch.nn.functional.linear(x, self.get_weight(self.weight.to(x.device), x.dtype), bias)


class Patcher(comfy.model_patcher.ModelPatcher):
    """Notes patches on what is packed; everything else is patched as the host does it."""

    def load(self, *args: Any, force_patch_weights: bool = False, **kwargs: Any) -> None:
        super().load(*args, force_patch_weights=True, **kwargs)

    def patch_weight_to_device(self, key: str, device_to: Any = None, inplace_update: bool = False) -> None:
        weight = comfy.utils.get_attr(self.model, key)
        if not is_packed(weight):
            super().patch_weight_to_device(key, device_to, inplace_update)
        elif key in self.patches:
            noted = GGMLTensor.make(weight.data, weight.tensor_type, weight.tensor_shape).to(device_to)
            noted.patches = [(self.patches[key], key)]
            comfy.utils.set_attr_param(self.model, key, noted)

    def unpatch_model(self, device_to: Any = None, unpatch_weights: bool = True) -> None:
        if unpatch_weights:
            for weight in filter(is_packed, self.model.parameters()):
                weight.patches = []
        super().unpatch_model(device_to, unpatch_weights)


class UnetLoaderGGUF:
    """MODEL from a GGUF file among the diffusion models."""

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "load_unet"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        folders = folder_paths.get_folder_paths("diffusion_models")
        return {"required": {"unet_name": ([file.name for each in folders for file in Path(each).glob("*.gguf")],)}}

    def load_unet(self, unet_name: str) -> tuple[Any]:
        reader = gguf.GGUFReader(folder_paths.get_full_path("diffusion_models", unet_name))
        weights = {}
        for tensor in reader.tensors:
            shape = torch.Size(map(int, reversed(tensor.shape)))
            stored = torch.from_numpy(tensor.data.copy())
            stored = stored.view(shape) if tensor.tensor_type in FLOATS else stored
            weights[tensor.name] = GGMLTensor.make(stored, tensor.tensor_type, shape)
        loaded = comfy.sd.load_diffusion_model_state_dict(weights, model_options={"custom_operations": Ops})
        return (Patcher(loaded.model, loaded.load_device, loaded.offload_device),)


NODE_CLASS_MAPPINGS = {"UnetLoaderGGUF": UnetLoaderGGUF}
