"""The words of CLIP: where its vocabulary lies on this machine. No checkpoint holds it, and nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from transformers import CLIPTokenizer

from .encoder_shapes import END, START

IN_HOST = Path("comfy") / "sd1_tokenizer"  # of every ComfyUI
VOCABULARY = ("vocab.json", "merges.txt")
PUBLISHED = "openai/clip-vit-large-patch14"  # the name under which transformers keeps the same files
PACK = Path(__file__).absolute().parents[2]


def load_tokenizer(folder: Path | None = None, pack: Path = PACK) -> Any:
    """CLIP's tokenizer, from `folder`, else from the ComfyUI around `pack`, else from what transformers has kept.

    Raises ValueError where none of them has it, naming all three, and for another tokenizer than CLIP's.
    """
    if folder is not None and not _holds_vocabulary(folder):
        raise ValueError(
            f"the folder {folder} holds no {' and '.join(VOCABULARY)}; expected a tokenizer of CLIP, such as "
            f"{IN_HOST} of ComfyUI."
        )
    places = [folder] if folder else [*(parent / IN_HOST for parent in pack.parents), *_list_kept()]
    found = next(filter(_holds_vocabulary, places), None)
    if found is None:
        raise ValueError(
            f"CLIP's vocabulary was not found: there is no ComfyUI with {IN_HOST} around {pack}, {PUBLISHED} is not "
            "among what transformers has kept, and no folder was given. Give one by --tokenizer, such as "
            f"{IN_HOST} of any ComfyUI."
        )
    tokenizer = CLIPTokenizer.from_pretrained(str(found), local_files_only=True)
    if tokenizer("")["input_ids"] != [START, END]:
        raise ValueError(
            f"the tokenizer in {found} is not CLIP's: the empty text has the tokens {tokenizer('')['input_ids']}; "
            f"expected {[START, END]}. Give {IN_HOST} of a ComfyUI by --tokenizer."
        )
    return tokenizer


def _list_kept() -> list[Path]:
    kept = try_to_load_from_cache(PUBLISHED, VOCABULARY[0])
    return [Path(kept).parent] if isinstance(kept, str) else []


def _holds_vocabulary(folder: Path) -> bool:
    return all((folder / name).is_file() for name in VOCABULARY)
