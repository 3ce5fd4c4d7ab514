"""The host's IMAGE and the pictures of the core: floats from 0 to 1, and bytes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..rece_core.benchmarks.comparison import Pictures


def to_pictures(images: Tensor) -> Pictures:
    """IMAGE (n, h, w, 3 or more) as bytes (n, h, w, 3), rounded as the host does when it saves them.

    Raises ValueError for an empty batch and for images of fewer than three channels.
    """
    if images.ndim != 4 or len(images) == 0 or images.shape[3] < 3:
        raise ValueError(
            f"the images have shape {tuple(images.shape)}; expected (pictures, height, width, 3) with at least one "
            "picture, in colour."
        )
    return np.clip(255.0 * images[..., :3].float().cpu().numpy(), 0, 255).astype(np.uint8)


def to_images(pictures: Pictures) -> Tensor:
    """Bytes (n, h, w, 3) as IMAGE."""
    return torch.from_numpy(pictures.astype(np.float32) / 255)
