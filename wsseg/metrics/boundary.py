"""How well the boundary of a mask agrees with that of the truth: boundary F of DAVIS, and boundary IoU.

Void pixels are removed from mask and truth before their boundaries are found, as DAVIS does it. So mask pixels there
never count, and the edge of the void is a boundary of both where both reach it.
"""

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import FOREGROUND, UNKNOWN, Mask, Seeds

TOLERANCE: Final = 0.008
"""How far apart two boundaries may lie and still match, as a share of the diagonal; Perazzi et al. 2016, and the code
of DAVIS."""

BAND: Final = 0.02
"""How far inside its boundary a mask is compared, as a share of the diagonal; Cheng et al. 2021, section 5."""


class BoundaryCounts(NamedTuple):
    """Number of boundary pixels of mask and truth, and how many of each lie within the tolerance of the other's."""

    mask: int
    mask_matched: int
    truth: int
    truth_matched: int


class BandCounts(NamedTuple):
    """Number of pixels in both bands along the boundaries of mask and truth, and in either of them."""

    intersection: int
    union: int


def count_boundaries(mask: Mask, truth: Seeds) -> BoundaryCounts:
    """Match boundary pixels within ceil(0.008 x diagonal) pixels.

    Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation" (2016), section 4, as
    the code of DAVIS has it.

    Parameters
    ----------
    mask : ndarray of bool, (H, W)
        Mask.
    truth : ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where it is void.

    Returns
    -------
    BoundaryCounts
        Numbers of boundary pixels.
    """
    first, second = map(_boundary, _objects(mask, truth))
    disk = _disk(math.ceil(TOLERANCE * math.hypot(*truth.shape)))
    return BoundaryCounts(
        mask=cv2.countNonZero(first),
        mask_matched=cv2.countNonZero(cv2.bitwise_and(first, cv2.dilate(second, disk))),
        truth=cv2.countNonZero(second),
        truth_matched=cv2.countNonZero(cv2.bitwise_and(second, cv2.dilate(first, disk))),
    )


def boundary_f(counts: BoundaryCounts) -> float:
    """Return F = 2 P R / (P + R) of the boundary pixels.

    Parameters
    ----------
    counts : BoundaryCounts
        Boundary pixels of a mask and its truth. An empty mask has no boundary, and neither has a full one.

    Returns
    -------
    float
        F in [0, 1]: 1 when neither has a boundary, 0 when only one has or nothing matches.
    """
    if not (counts.mask and counts.truth):
        return float(counts.mask == counts.truth)
    precision, recall = counts.mask_matched / counts.mask, counts.truth_matched / counts.truth
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def count_bands(mask: Mask, truth: Seeds) -> BandCounts:
    """Count the pixels of mask and truth at most 0.02 x diagonal (rounded, at least 1) inside their boundaries.

    Cheng, Girshick, Dollar, Berg, Kirillov, "Boundary IoU" (2021), equation 1. The distance is the chessboard distance,
    and the photo's edge is a boundary.

    Parameters
    ----------
    mask : ndarray of bool, (H, W)
        Mask.
    truth : ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where it is void.

    Returns
    -------
    BandCounts
        Numbers of pixels in the bands.
    """
    width = max(1, round(BAND * math.hypot(*truth.shape)))
    first, second = (_band(region, width) for region in _objects(mask, truth))
    return BandCounts(cv2.countNonZero(first & second), cv2.countNonZero(first | second))


def boundary_iou(counts: BandCounts) -> float:
    """Return the intersection over union of the bands.

    Parameters
    ----------
    counts : BandCounts
        Pixels in the bands of a mask and its truth.

    Returns
    -------
    float
        IoU in [0, 1]; 1 when mask and truth are both empty.
    """
    return counts.intersection / counts.union if counts.union else 1.0


def _objects(mask: Mask, truth: Seeds) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return both without the void, 0 and 1, cropped to a pixel around where either is object."""
    first, second = np.asarray(mask & (truth != UNKNOWN)), truth == FOREGROUND
    x, y, width, height = cv2.boundingRect((first | second).view(np.uint8))
    crop = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
    return first[crop].view(np.uint8), second[crop].view(np.uint8)


def _boundary(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels that differ from their right, lower or lower right neighbor (`seg2bmap` of Martin 2003)."""
    edges = np.zeros_like(mask)
    edges[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    edges[:-1] |= mask[:-1] ^ mask[1:]
    edges[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edges


def _disk(radius: int) -> NDArray[np.uint8]:
    """Return a filled circle, (2 radius + 1, 2 radius + 1)."""
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(y**2 + x**2 <= radius**2, np.uint8)


def _band(mask: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Return the pixels of the mask that lie at most `width` pixels inside its boundary."""
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    inner = cv2.erode(mask, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(cv2.bitwise_xor(mask, inner), np.uint8)
