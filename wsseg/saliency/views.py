"""The network's inputs: a photo and its mirror image, and the average of their maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

BATCH: Final = 8
"""Copies of a photo in one pass. It bounds memory; it is fixed because the last bits of a score depend on it."""


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
