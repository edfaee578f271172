"""Spreading a map over what the network finds alike, so that it covers the object and not its telling part alone.

A random walk over the photo's places, whose steps go where the features are similar: as in AffinityNet (Ahn, Kwak 2018,
arXiv 1803.10464, section 3.4), with the frozen network's own features for the learned affinities.
"""

from typing import Final

import torch
from torch import nn

POWER: Final = 2
"""Exponent of the similarity: higher ones step to the most alike places alone. Measured against 3."""


def spread(coarse: torch.Tensor, features: torch.Tensor, *, steps: int) -> torch.Tensor:
    """The (h, w) map after `steps` steps of the walk over (c, h, w) features; every step averages.

    A place goes to another with a probability proportional to the cosine of their centered features, clipped at 0, to
    the power of 2. So a map of one value stays as it is, and no value leaves the map's range.
    """
    places = features.flatten(1).T
    places = nn.functional.normalize(places - places.mean(dim=0), dim=1)
    walk = (places @ places.T).clamp(min=0) ** POWER
    # A place of no features of its own is like none, not even itself: it stays.
    walk.fill_diagonal_(1)
    walk /= walk.sum(dim=1, keepdim=True)
    for _ in range(steps):
        coarse = (walk @ coarse.flatten()).view_as(coarse)
    return coarse
