"""Closed-form concept erasure: RECE (arXiv 2407.12383) on top of UCE (arXiv 2308.14761).

The package knows tensors, and how to draw what they say: torch, safetensors, matplotlib, Pillow, and no host; the
command line also transformers, tqdm, psutil, PyYAML and filelock; `pipelines` uses what a pipeline of diffusers brings.
What a program needs of it is listed in `__all__`; docs/architecture.md follows one erasure through the code.
"""

__version__ = "0.1.0"  # first, because modules imported below state it in the files they write

from .erasing.erasure import Erasure
from .erasing.pipeline import erase_concepts, plan_erasure
from .erasing.schedule import Goals
from .erasing.settings import EditSettings, EraseSettings
from .models.text_entries import find_family
from .models.text_model import TextModel
from .models.weights import Weight
from .reporting.description import describe_erasure
from .sharing.erasure_file import load_erasure, save_erasure
from .texts.alignment import EncodedText
from .texts.concepts import Concepts, parse_concepts

__all__ = [
    "Concepts",
    "EditSettings",
    "EncodedText",
    "EraseSettings",
    "Erasure",
    "Goals",
    "TextModel",
    "Weight",
    "__version__",
    "describe_erasure",
    "erase_concepts",
    "find_family",
    "load_erasure",
    "parse_concepts",
    "plan_erasure",
    "save_erasure",
]
