"""The network's inputs: a photo and its mirror image, and the average of their maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

BATCH: Final = 8
"""Copies of a photo in one pass. It bounds memory; it is fixed because the last bits of a score depend on it."""

MULTIPLE: Final = 32
"""Sides of inputs are multiples of this, the stride of common networks, so that maps lie exactly over the photo."""

NARROWEST: Final = 4
"""Maximum ratio of an input's sides. A narrower photo is squeezed, because its input would grow without end."""


def input_size(photo: tuple[int, ...], side: float) -> tuple[int, int]:
    """Return height and width of an input in the shape of a photo, with about as many pixels as a square of this side.

    Both are multiples of `MULTIPLE`.
    """
    shape = min(max(photo[0] / photo[1], 1 / NARROWEST), NARROWEST)
    return _multiple(side * shape**0.5), _multiple(side / shape**0.5)


def _multiple(side: float) -> int:
    return max(1, round(side / MULTIPLE)) * MULTIPLE


@contextmanager
def differentiable(batch: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield a copy of the batch to differentiate scores by, independent of torch's modes outside the block."""
    with torch.inference_mode(False), torch.enable_grad():
        yield batch.clone().requires_grad_()


def views_of(view: torch.Tensor, *, mirror: bool) -> torch.Tensor:
    """Return the (1, 3, h, w) view, with `mirror` followed by its mirror image."""
    return torch.cat([view, view.flip(3)]) if mirror else view


def mean_map(maps: torch.Tensor, *, mirror: bool) -> torch.Tensor:
    """Return the average of the (n, ..., h, w) maps of `views_of`, or of copies of them, mirror images turned back."""
    maps = maps.float().cpu()
    return (maps[::2] + maps[1::2].flip(-1)).mean(dim=0) / 2 if mirror else maps.mean(dim=0)
