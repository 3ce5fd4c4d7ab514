"""Closed-form concept erasure: RECE (arXiv 2407.12383) on top of UCE (arXiv 2308.14761).

The package knows tensors, and how to draw what they say: torch, safetensors, matplotlib, Pillow, and no host; the
command line also transformers, tqdm and psutil. See CONTRIBUTING.md for the map of its rooms.
"""

__version__ = "0.1.0"
