"""Pictures that show no emoji: what the judge learns to call "none of these"."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..world import SIDE

KINDS = ("blank", "noise", "clouds", "grid", "mixed", "shuffled")


def draw_nothing(views: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    """As many pictures of a kind as there are views, (n, 3, 64, 64) in -1..1; views are what some kinds are made of.

    `blank` one colour, `noise` of single pixels, `clouds` coarse colours as an unfinished sampling leaves them, `grid`
    stripes and squares, `mixed` several pictures at once, `shuffled` parts of a picture in another order.

    Raises:
        ValueError: there is no such kind.
    """
    count, device = len(views), views.device

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(count, *shape, generator=generator, device=device) - 1

    colour = uniform(3, 1, 1)
    if kind == "blank":
        return (colour + 0.03 * uniform(3, SIDE, SIDE)).expand(-1, -1, SIDE, SIDE)
    if kind == "noise":
        return (colour + uniform(3, SIDE, SIDE)).clamp(-1, 1)
    if kind == "clouds":
        coarse = [
            functional.interpolate(uniform(3, side, side), (SIDE, SIDE), mode="bicubic") for side in (4, 8, 16, 32)
        ]
        shares = torch.rand(count, 4, 1, 1, 1, generator=generator, device=device)
        return (colour + 1.5 * (shares * torch.stack(coarse, 1)).sum(1) / shares.sum(1)).clamp(-1, 1)
    if kind == "grid":
        places = torch.arange(SIDE, device=device)
        period = torch.randint(4, 24, (count, 1), generator=generator, device=device)
        lines = (places[None] // period) % 2
        both = torch.rand(count, 1, 1, generator=generator, device=device) < 0.5
        squares = torch.where(both, (lines[:, :, None] + lines[:, None]) % 2, lines[:, :, None].expand(-1, -1, SIDE))
        return torch.where(squares[:, None] == 1, colour, uniform(3, 1, 1))
    if kind == "mixed":
        return torch.stack([views.roll(shift, 0) for shift in range(4)]).mean(0)
    if kind == "shuffled":
        tiles = views.unflatten(2, (4, 16)).unflatten(4, (4, 16)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
        order = torch.rand(count, 16, generator=generator, device=device).argsort(1)
        moved = tiles.gather(1, order[:, :, None, None, None].expand_as(tiles)).unflatten(1, (4, 4))
        return moved.permute(0, 3, 1, 4, 2, 5).flatten(2, 3).flatten(3, 4)
    raise ValueError(f"no kind of nothing is called {kind!r}; expected one of {', '.join(KINDS)}")
