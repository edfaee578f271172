"""How well a mask's boundary lies on the truth's: the F of DAVIS, and boundary IoU.

Void pixels are taken out of mask and truth alike before their boundaries are found, as DAVIS does it: what a mask says
of them never counts, and the edge of the void is a boundary where both reach it.
"""

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import FOREGROUND, UNKNOWN, Mask, Seeds

TOLERANCE: Final = 0.008
"""Of the diagonal: how far apart two boundaries may lie and still match; Perazzi et al. 2016, and DAVIS's code."""

BAND: Final = 0.02
"""Of the diagonal: how far inside its boundary a mask is compared; Cheng et al. 2021, section 5."""


class BoundaryCounts(NamedTuple):
    """Boundary pixels of mask and truth, and how many of each lie within the tolerance of the other's."""

    found: int
    found_matched: int
    wanted: int
    wanted_matched: int


class BandCounts(NamedTuple):
    """Pixels in both bands along the boundaries of mask and truth, and in either."""

    intersection: int
    union: int


def count_boundaries(found: Mask, truth: Seeds) -> BoundaryCounts:
    """Boundaries matched within ceil(0.008 x diagonal) pixels: Perazzi et al., "A Benchmark Dataset and Evaluation
    Methodology for Video Object Segmentation" (2016), section 4, as the code of DAVIS has it.
    """
    first, second = map(_boundary, _objects(found, truth))
    disk = _disk(math.ceil(TOLERANCE * math.hypot(*truth.shape)))
    return BoundaryCounts(
        found=cv2.countNonZero(first),
        found_matched=cv2.countNonZero(cv2.bitwise_and(first, cv2.dilate(second, disk))),
        wanted=cv2.countNonZero(second),
        wanted_matched=cv2.countNonZero(cv2.bitwise_and(second, cv2.dilate(first, disk))),
    )


def boundary_f(counts: BoundaryCounts) -> float:
    """F = 2 P R / (P + R) of the boundaries' pixels: 1 when neither has any, 0 when one has none or none match.

    A mask that covers the whole photo has no boundary, nor has an empty one.
    """
    if not (counts.found and counts.wanted):
        return float(counts.found == counts.wanted)
    precision, recall = counts.found_matched / counts.found, counts.wanted_matched / counts.wanted
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def count_bands(found: Mask, truth: Seeds) -> BandCounts:
    """Pixels of mask and truth at most 0.02 x diagonal (rounded, at least 1) inside their boundaries.

    Cheng, Girshick, Dollar, Berg, Kirillov, "Boundary IoU" (2021), equation 1. The distance is that of a chess king;
    the photo's edge is a boundary.
    """
    width = max(1, round(BAND * math.hypot(*truth.shape)))
    first, second = (_band(mask, width) for mask in _objects(found, truth))
    return BandCounts(cv2.countNonZero(first & second), cv2.countNonZero(first | second))


def boundary_iou(counts: BandCounts) -> float:
    """Intersection over union of the bands; 1 when mask and truth are both empty."""
    return counts.intersection / counts.union if counts.union else 1.0


def _objects(found: Mask, truth: Seeds) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both without the void, 0 and 1, as far as either reaches and a pixel further: nothing else counts."""
    first, second = np.asarray(found & (truth != UNKNOWN)), truth == FOREGROUND
    x, y, width, height = cv2.boundingRect((first | second).view(np.uint8))
    part = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    return first[part].view(np.uint8), second[part].view(np.uint8)


def _boundary(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels that differ from the right, the lower or the lower right neighbor (`seg2bmap` of Martin 2003)."""
    edges = np.zeros_like(mask)
    edges[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    edges[:-1] |= mask[:-1] ^ mask[1:]
    edges[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edges


def _disk(radius: int) -> NDArray[np.uint8]:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(y**2 + x**2 <= radius**2, np.uint8)


def _band(mask: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    inner = cv2.erode(mask, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(cv2.bitwise_xor(mask, inner), np.uint8)
