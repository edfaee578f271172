"""What the network is shown: a photo and its mirror image, and how their maps become one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

BATCH: Final = 8
"""Copies of a photo in one pass of the network. It bounds memory, and is fixed: a score's last bits depend on it."""


@contextmanager
def differentiable(batch: torch.Tensor) -> Iterator[torch.Tensor]:
    """A copy of the batch to derive scores by, whatever torch's modes are outside the block."""
    with torch.inference_mode(False), torch.enable_grad():
        yield batch.clone().requires_grad_()


def views_of(view: torch.Tensor, *, mirror: bool) -> torch.Tensor:
    """The (1, 3, h, w) view, with `mirror` followed by its mirror image."""
    return torch.cat([view, view.flip(3)]) if mirror else view


def mean_map(maps: torch.Tensor, *, mirror: bool) -> torch.Tensor:
    """The average of the (n, ..., h, w) maps of `views_of`, or of copies of those, mirror images turned back."""
    maps = maps.float().cpu()
    return (maps[::2] + maps[1::2].flip(-1)).mean(dim=0) / 2 if mirror else maps.mean(dim=0)
