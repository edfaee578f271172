"""How far to trust a mask: the IoU with the truth that is to be expected of it, told without the truth.

Three signs, each a difference between the two sides of the mask, weighed once for all recipes and photos.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import NEIGHBORS, Mask, Pairwise, Saliency, neighbors_at

REACH: Final = 0.1
"""Width of what is beside the outline, on either side, per long side of the photo."""

OFFSET: Final = -2.149

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType({"support": 2.213, "contrast": 0.482, "drop": 1.158})
"""Of the signs, none negative: fitted to the IoU, each set of photos counting alike; see benchmarks/confidence.py."""

LEAST: Final = 0.5
"""A mask of less confidence is weak: as measured on the three sets, seven in ten of these have less IoU than this with
the truth, and one in eight of the others."""


def confidence_of(signs: Mapping[str, float]) -> float:
    """The expected IoU, in [0, 1]; 0 without signs."""
    return float(np.clip(OFFSET + sum(WEIGHTS[name] * sign for name, sign in signs.items()), 0, 1)) if signs else 0.0


def signs_of(
    saliency: Saliency, odds: NDArray[np.float64], pairwise: Pairwise, mask: Mask, *, smoothness: float
) -> dict[str, float]:
    """The signs by name; none for a mask of one side alone.

    `odds` (H, W) are the nats that color and map have for the object at each pixel, before its neighbors are heard;
    `pairwise` is that of the photo at this `smoothness`.
    """
    if mask.all() or not mask.any():
        return {}
    return {
        "support": _support(odds, mask),
        "contrast": _contrast(pairwise, mask, smoothness),
        "drop": _drop(saliency, mask),
    }


def _support(odds: NDArray[np.float64], mask: Mask) -> float:
    """The share of pixels whose own odds are for their label: the mean over the two sides."""
    return float((odds[mask] > 0).mean() + (odds[~mask] <= 0).mean()) / 2


def _contrast(pairwise: Pairwise, mask: Mask, smoothness: float) -> float:
    """What part of its cost in a flat photo the outline is spared by the contrast along it."""
    paid = full = 0.0
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = neighbors_at(offset)
        severed = plane[here][mask[here] != mask[there]]
        paid, full = paid + severed.sum(), full + severed.size * smoothness / np.hypot(*offset)
    return float(1 - paid / full) if full else 0.0


def _drop(saliency: Saliency, mask: Mask) -> float:
    """The mean saliency just inside the outline less that just outside."""
    width = 2 * max(1, round(REACH * max(mask.shape))) - 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    levels = mask.astype(np.uint8)
    inside, outside = mask & (cv2.erode(levels, disc) == 0), ~mask & (cv2.dilate(levels, disc) > 0)
    # A disc of one pixel reaches nothing.
    near, far = inside if inside.any() else mask, outside if outside.any() else ~mask
    return float(saliency[near].mean() - saliency[far].mean())
