"""The confidence of a mask: its expected IoU with the truth, estimated without the truth.

It is a weighted sum of signs. Three of them are differences between the two sides of the mask. Two more come from the
map of objects, and one from comparing it with the classifier's own map. Weights are fitted to each of these sets of
signs, and are the same for all recipes and photos.
"""

import math
from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import NEIGHBORS, Maps, Mask, Pairwise, Saliency, neighbors_at

REACH: Final = 0.1
"""Width of the zone on each side of the outline, as a share of the long side of the photo."""


class Weights(NamedTuple):
    """Weights of signs, fitted to the IoU with each set of photos counting the same; see benchmarks/confidence.py."""

    weights: Mapping[str, float]
    """Weight of each sign."""
    offset: float
    """Confidence where all signs are 0, before it is clipped."""


OWN_MAP: Final = Weights(MappingProxyType({"support": 3.056, "contrast": 0.477, "drop": 1.294}), -2.98)
"""For masks from the classifier's own map alone, fitted to those of `untrained`."""

OBJECTS: Final = Weights(
    MappingProxyType({"support": 2.717, "contrast": 0.262, "drop": 0.625, "overlap": 0.557, "decision": 0.595}), -3.644
)
"""For masks from the map of objects alone, fitted to those of `fast`."""

BOTH_MAPS: Final = Weights(
    MappingProxyType(
        {"support": 3.758, "contrast": 0.229, "drop": 0.383, "overlap": 0.257, "decision": 0.487, "consent": 0.445}
    ),
    -4.209,
)
"""For masks from both maps, fitted to those of `default`."""

OK: Final = 0.76
"""Masks with this confidence or more are `ok`, if nothing else speaks against them: 51 % of 515 photos of six sets, of
whose masks 4.2 % have an IoU under .5, each set by weights that were fitted to the other five."""

LEAST: Final = 0.5
"""Masks with less confidence are `weak`, those from here to `OK` `unsure`. On the six sets one mask in thirteen is
weak, and six in ten of these have an IoU under .5."""


def confidence_of(signs: Mapping[str, float]) -> float:
    """Return the expected IoU, in [0, 1]; 0 without signs."""
    if not signs:
        return 0.0
    weights, offset = weights_for(signs)
    return float(np.clip(offset + sum(weight * signs[name] for name, weight in weights.items()), 0, 1))


def weights_for(signs: Container[str]) -> Weights:
    """Return the weights that use most of these signs."""
    return BOTH_MAPS if "consent" in signs else OBJECTS if "overlap" in signs else OWN_MAP


def mean_signs(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the means of the signs of several looks at a photo, leaving out looks without signs."""
    known = [signs for signs in each if signs]
    return {name: sum(signs[name] for signs in known) / len(known) for name in (known[0] if known else ())}


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


def signs_from_maps(maps: Maps, mask: Mask) -> dict[str, float]:
    """Return the signs that need a map of objects, by name; none if there is no such map.

    They are the overlap of the mask with the map, how decided the map is (the mean distance from .5, doubled), and
    the overlap of both maps, if there are two.
    """
    own, objects = maps
    if objects is None:
        return {}
    size = objects.shape[::-1]
    share = np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
    signs = {"overlap": _overlap(share, objects), "decision": float(np.abs(2 * objects - 1).mean())}
    if own is None:
        return signs
    scaled = np.asarray(cv2.resize(own, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return {**signs, "consent": _overlap(scaled / max(scaled.max(), np.finfo(np.float32).tiny), objects)}


def _overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the soft intersection over union: the sum of the minima over that of the maxima."""
    return float(np.minimum(one, other).sum() / max(np.maximum(one, other).sum(), np.finfo(np.float32).tiny))


def _support(odds: NDArray[np.float64], mask: Mask) -> float:
    """Return the share of pixels whose own odds agree with their label: the mean over the two sides."""
    return float((odds[mask] > 0).mean() + (odds[~mask] <= 0).mean()) / 2


def _contrast(pairwise: Pairwise, mask: Mask, smoothness: float) -> float:
    """Return 1 - outline cost / its cost in a flat photo."""
    paid = full = 0.0
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = neighbors_at(offset)
        severed = plane[here][mask[here] != mask[there]]
        paid, full = paid + severed.sum(), full + severed.size * smoothness / math.hypot(*offset)
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
