"""The confidence of a mask: its expected IoU with the truth, estimated without the truth.

It is a weighted sum of three signs, each a difference between the two sides of the mask. The weights are the same for
all recipes and photos.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import NEIGHBORS, Mask, Pairwise, Saliency, neighbors_at

REACH: Final = 0.1
"""Width of the zone on each side of the outline, as a share of the long side of the photo."""

OFFSET: Final = -2.149
"""Confidence where all signs are 0, before it is clipped."""

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType({"support": 2.213, "contrast": 0.482, "drop": 1.158})
"""Weights of the signs, fitted to the IoU with each set of photos counting the same; see benchmarks/confidence.py."""

OK: Final = 0.8
"""Masks with this confidence or more are `ok`, if nothing else speaks against them."""

LEAST: Final = 0.5
"""Masks with less confidence are `weak`, those from here to `OK` `unsure`. On the three sets of photos, seven in ten
weak masks have less IoU than this with the truth, and one in eight of the others."""


def confidence_of(signs: Mapping[str, float]) -> float:
    """Return the expected IoU, in [0, 1]; 0 without signs."""
    return float(np.clip(OFFSET + sum(WEIGHTS[name] * sign for name, sign in signs.items()), 0, 1)) if signs else 0.0


def signs_of(
    saliency: Saliency, odds: NDArray[np.float64], pairwise: Pairwise, mask: Mask, *, smoothness: float
) -> dict[str, float]:
    """Return the signs by name; none if the mask is empty or full.

    `odds` (H, W) are the nats for the object from color and evidence at each pixel, without its neighbors. `pairwise`
    has the costs of the photo at this `smoothness`.
    """
    if mask.all() or not mask.any():
        return {}
    return {
        "support": _support(odds, mask),
        "contrast": _contrast(pairwise, mask, smoothness),
        "drop": _drop(saliency, mask),
    }


def _support(odds: NDArray[np.float64], mask: Mask) -> float:
    """Return the share of pixels whose own odds agree with their label: the mean over the two sides."""
    return float((odds[mask] > 0).mean() + (odds[~mask] <= 0).mean()) / 2


def _contrast(pairwise: Pairwise, mask: Mask, smoothness: float) -> float:
    """Return 1 - outline cost / its cost in a flat photo."""
    paid = full = 0.0
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = neighbors_at(offset)
        severed = plane[here][mask[here] != mask[there]]
        paid, full = paid + severed.sum(), full + severed.size * smoothness / np.hypot(*offset)
    return float(1 - paid / full) if full else 0.0


def _drop(saliency: Saliency, mask: Mask) -> float:
    """Return the mean saliency just inside the outline minus that just outside."""
    width = 2 * max(1, round(REACH * max(mask.shape))) - 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    levels = mask.astype(np.uint8)
    inside, outside = mask & (cv2.erode(levels, disc) == 0), ~mask & (cv2.dilate(levels, disc) > 0)
    # A disc of one pixel reaches no other pixel.
    near, far = inside if inside.any() else mask, outside if outside.any() else ~mask
    return float(saliency[near].mean() - saliency[far].mean())
