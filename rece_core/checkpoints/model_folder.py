"""Folders as diffusers saves pipelines: read as one checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..sharing.diffusers_names import name_as_host
from ..storage.json_text import parse_json
from ..storage.tensor_file import TensorFile, open_tensor_file
from ..storage.text_file import read_lenient
from .copies import MODEL
from .file_view import FileView, Place, make_view

NETWORKS = ("unet", "transformer")
ENCODERS = ("text_encoder", "text_encoder_2")
TOKENIZER = "tokenizer"
STEMS = ("diffusion_pytorch_model", "model")  # of the files of networks and of text encoders
VARIANTS = ("", ".fp16", ".bf16")  # the first that is there is read
ALREADY = "text_model."  # some versions of transformers put it before the names of a text encoder
# Ends of files that may hold weights.
WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".onnx", ".onnx_data", ".pb", ".h5", ".gguf")


def open_folder(path: Path) -> FileView:
    """The network and the text encoders in the folder `path` of a pipeline, by the names that checkpoints have.

    Raises OSError where something can't be read, ValueError where it isn't such a folder, or of a kind not known here.
    """
    network = _find_network(path)
    places: dict[str, Place] = {}
    inside = {name: file for file in _open_part(network) for name in file.tensors}
    named = name_as_host(inside)
    if not named:
        raise ValueError(
            f"the {network.name} in {path} has no names known here; expected those of diffusers' U-Nets, SD3 or Flux. "
            "Use the file of the diffusion model in ComfyUI, and the nodes."
        )
    for name, host in named.items():
        places[MODEL + host] = (inside[name], name)
    for encoder in ENCODERS:
        if (path / encoder).is_dir():
            for file in _open_part(path / encoder):
                places |= {f"{encoder}.{name.removeprefix(ALREADY)}": (file, name) for name in file.tensors}
    return make_view(path, places)


def find_words(path: Path) -> Path | None:
    """The folder of CLIP's words in the folder `path` of a pipeline, where there is one."""
    words = path / TOKENIZER
    return words if (words / "vocab.json").is_file() and (words / "merges.txt").is_file() else None


def list_others(file: FileView) -> dict[str, str]:
    """Files of weights in the folder of `file` that may repeat its network's, relative to it, each with the reason.

    Those of other networks of the pipeline, such as the VAE, are none.
    """
    used = {place[0].path for place in file.places.values()}
    network = _find_network(file.path)
    found = {}
    for each in sorted(file.path.rglob("*")):
        inside = each.relative_to(file.path)
        beside = len(inside.parts) == 1 or each.is_relative_to(network)
        if beside and each.suffix in WEIGHTS and each.is_file() and each not in used:
            found[inside.as_posix()] = "may hold the weights once more, in another form"
    return found


def measure_folder(path: Path) -> int:
    """How many bytes all of its files have."""
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


def _find_network(path: Path) -> Path:
    found = next((path / name for name in NETWORKS if (path / name).is_dir()), None)
    if found is None:
        raise ValueError(
            f"the folder {path} holds no pipeline of diffusers: there is no {' or '.join(NETWORKS)} in it. Expected "
            "such a folder, or a .safetensors file."
        )
    return found


def _open_part(folder: Path) -> list[TensorFile]:
    return [open_tensor_file(path) for path in _list_files(folder)]


def _list_files(folder: Path) -> list[Path]:
    """The files of weights of one part of a pipeline, in one piece or in several that an index lists."""
    for variant in VARIANTS:
        for stem in STEMS:
            whole = folder / f"{stem}{variant}.safetensors"
            if whole.is_file():
                return [whole]
            index = folder / f"{stem}.safetensors.index{variant}.json"
            if index.is_file():
                return [folder / name for name in dict.fromkeys(_read_index(index))]
    raise ValueError(
        f"the folder {folder} holds no {STEMS[0]}.safetensors or {STEMS[1]}.safetensors, whole or in several files "
        "with an index. Save the pipeline again with safe_serialization=True: files of other kinds can run code."
    )


def _read_index(index: Path) -> Iterator[str]:
    """The names of files in an index; ValueError where it says anything else."""
    try:
        names = parse_json(read_lenient(index))["weight_map"].values()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{index} is no index of files of weights: it has no 'weight_map'. Get it again.") from None
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError(f"{index} names the file {str(name)[:60]!r}; expected files beside it. Get it again.")
        yield name
