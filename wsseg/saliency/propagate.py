"""Spreading a map over similar features, so that it covers the whole object and not its most typical part alone.

A random walk over the cells of the features' grid, whose steps prefer similar cells: as in AffinityNet (Ahn, Kwak 2018,
arXiv 1803.10464, section 3.4), with the frozen network's own features in place of learned affinities.
"""

from typing import Final

import torch
from torch import nn

POWER: Final = 2
"""Exponent of the similarity; with a higher one, steps go to the most similar cells only. Measured against 3."""


def spread(coarse: torch.Tensor, features: torch.Tensor, *, steps: int) -> torch.Tensor:
    """Spread a map by a random walk over the features' grid.

    The probability of a step from one cell to another is proportional to the squared cosine of their centered
    features; a negative cosine counts as 0. Every step averages, so a constant map does not change, and no value leaves
    the map's range.

    Parameters
    ----------
    coarse : torch.Tensor of float32, shape (h, w)
        The map.
    features : torch.Tensor of float32, shape (c, h, w)
        Features on the same grid.
    steps : int
        Number of steps.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map after these steps.
    """
    cells = features.flatten(1).T
    cells = nn.functional.normalize(cells - cells.mean(dim=0), dim=1)
    walk = (cells @ cells.T).clamp(min=0) ** POWER
    # A cell with zero features is similar to none, not even itself; the walk stays there.
    walk.fill_diagonal_(1)
    walk /= walk.sum(dim=1, keepdim=True)
    for _ in range(steps):
        coarse = (walk @ coarse.flatten()).view_as(coarse)
    return coarse
