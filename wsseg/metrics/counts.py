"""Pixel counts of a mask and its truth, and the scores that are formulas of them.

Void pixels (UNKNOWN in the truth) never count. A soft mask is object where it is at least 0.5; only the mean absolute
error uses its soft values. A score that would be 0/0 is 1 where neither mask nor truth has an object pixel, because
they agree, and 0 where only one of them has, so an empty mask never pays off. A truth that is all void has no object
pixel either, so every score is at its best.
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Mask,
    Seeds,
    check_mask,
    check_saliency,
    check_same_size,
    check_seeds,
)

THRESHOLD: Final = 0.5
"""A soft mask is object where it is at least this."""

WHITE: Final = 255
"""Level of a soft mask that stands for 1."""

OBJECT_LEVEL: Final = math.ceil(THRESHOLD * WHITE)
"""Lowest level that is object."""

Levels: TypeAlias = NDArray[np.uint8]
"""Soft mask in levels from 0 to `WHITE`, (H, W)."""

SoftMask: TypeAlias = Mask | NDArray[np.float32] | Levels
"""Mask that is hard (bool), soft in [0, 1] (float32), or soft in levels (uint8)."""

Histogram: TypeAlias = NDArray[np.int64]
"""Number of pixels by truth (background, object) and by the mask's level, (2, 256), without void pixels."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Number of pixels by mask and truth, without void pixels; the object is positive."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    absolute_error: float
    """Sum of |soft mask - truth| over the pixels."""

    @property
    def pixels(self) -> int:
        """Number of all pixels that count."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative


def check_pair(mask: SoftMask, truth: Seeds) -> None:
    """Raise TypeError or ValueError unless the arrays are a mask and a truth of the same size."""
    kind = mask.dtype if isinstance(mask, np.ndarray) else None
    if kind == np.bool_:
        check_mask(mask)
    elif kind != np.uint8 or mask.ndim != 2:
        check_saliency(mask, "mask")
    check_same_size(mask, check_seeds(truth, "truth"), "mask and truth")


def count(mask: SoftMask, truth: Seeds) -> Counts:
    """Count the pixels of a mask by whether it agrees with the truth.

    Parameters
    ----------
    mask : ndarray of bool, float32 or uint8, (H, W)
        Mask: hard, soft in [0, 1], or soft in levels of which 255 is 1.
    truth : ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where it is void.

    Returns
    -------
    Counts
        Numbers of pixels.

    Raises
    ------
    TypeError
        If either is not an array.
    ValueError
        If a shape, type or value is wrong, or the sizes differ.
    """
    check_pair(mask, truth)
    return counts_of(histogram_of(levels_of(mask), truth)) if mask.dtype != np.float32 else _count_floats(mask, truth)


def _count_floats(mask: SoftMask, truth: Seeds) -> Counts:
    """Count the pixels of a float mask, which levels would round."""
    counted = truth != UNKNOWN
    soft, is_object = mask[counted].astype(np.float64), truth[counted] == FOREGROUND
    tn, fp, fn, tp = np.bincount(2 * is_object + (soft >= THRESHOLD), minlength=4).tolist()
    error = float(np.abs(soft - is_object).sum())
    return Counts(true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn, absolute_error=error)


def levels_of(mask: SoftMask) -> Levels:
    """Return the mask in levels, uint8 (H, W); floats are rounded to the nearest level."""
    if mask.dtype == np.uint8:
        return np.asarray(mask, np.uint8)
    return np.asarray(mask * np.uint8(WHITE) if mask.dtype == np.bool_ else np.rint(mask * np.float32(WHITE)), np.uint8)


def is_found(mask: SoftMask) -> Mask:
    """Return where a hard or soft mask is object, bool (H, W)."""
    if mask.dtype == np.bool_:
        return np.asarray(mask)
    return np.asarray(mask >= (np.uint8(OBJECT_LEVEL) if mask.dtype == np.uint8 else THRESHOLD))


def histogram_of(levels: Levels, truth: Seeds) -> Histogram:
    """Count pixels by truth and level, int64 (2, 256); all scores but those of boundaries are formulas of this."""
    if ((levels == 0) | (levels == WHITE)).all():
        return _histogram_of_hard(levels == WHITE, truth)
    # The last two bits of 0, 1 and 255 are 0, 1 and 3: the void is the last of 4 rows.
    keys = (truth & 3).astype(np.uint16) << 8 | levels
    return np.bincount(keys.ravel(), minlength=4 * 256).reshape(4, 256)[:2]


def _histogram_of_hard(found: Mask, truth: Seeds) -> Histogram:
    """Count the pixels of a hard mask, which takes a tenth of the time."""
    histogram = np.zeros((2, 256), np.int64)
    for row, label in zip(histogram, (BACKGROUND, FOREGROUND), strict=True):
        of_label = truth == label
        row[WHITE] = np.count_nonzero(of_label & found)
        row[0] = np.count_nonzero(of_label) - row[WHITE]
    return histogram


def counts_of(histogram: Histogram) -> Counts:
    """Return the counts of a mask in levels from its histogram (2, 256)."""
    (tn, fn), (fp, tp) = (
        histogram[:, :OBJECT_LEVEL].sum(axis=1).tolist(),
        histogram[:, OBJECT_LEVEL:].sum(axis=1).tolist(),
    )
    levels = np.arange(256)
    error = int(histogram[0] @ levels + histogram[1] @ (WHITE - levels)) / WHITE
    return Counts(true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn, absolute_error=error)


def iou(counts: Counts) -> float:
    """Return the intersection over union (Jaccard), TP / (TP + FP + FN).

    Parameters
    ----------
    counts : Counts
        Counts of a mask and its truth.

    Returns
    -------
    float
        IoU in [0, 1]; 1 when mask and truth are both empty.
    """
    union = counts.true_positive + counts.false_positive + counts.false_negative
    return _share(counts.true_positive, union, counts)


def dice(counts: Counts) -> float:
    """Return the Dice coefficient (F1), 2 TP / (2 TP + FP + FN).

    Parameters
    ----------
    counts : Counts
        Counts of a mask and its truth.

    Returns
    -------
    float
        Dice in [0, 1]; 1 when mask and truth are both empty.
    """
    both = 2 * counts.true_positive + counts.false_positive + counts.false_negative
    return _share(2 * counts.true_positive, both, counts)


def precision(counts: Counts) -> float:
    """Return the share of the mask that is object, TP / (TP + FP).

    Parameters
    ----------
    counts : Counts
        Counts of a mask and its truth.

    Returns
    -------
    float
        Precision in [0, 1]; for an empty mask 1 if the truth is empty too, else 0.
    """
    return _share(counts.true_positive, counts.true_positive + counts.false_positive, counts)


def recall(counts: Counts) -> float:
    """Return the share of the object that is in the mask, TP / (TP + FN).

    Parameters
    ----------
    counts : Counts
        Counts of a mask and its truth.

    Returns
    -------
    float
        Recall in [0, 1]; for an empty truth 1 if the mask is empty too, else 0.
    """
    return _share(counts.true_positive, counts.true_positive + counts.false_negative, counts)


def accuracy(counts: Counts) -> float:
    """Return the share of pixels with the right label, (TP + TN) / all.

    Parameters
    ----------
    counts : Counts
        Counts of a mask and its truth.

    Returns
    -------
    float
        Accuracy in [0, 1]; 1 when all pixels are void.
    """
    return _share(counts.true_positive + counts.true_negative, counts.pixels, counts)


def mae(counts: Counts) -> float:
    """Return the mean absolute error of the soft mask; lower is better.

    Parameters
    ----------
    counts : Counts
        Counts of a mask and its truth.

    Returns
    -------
    float
        Error in [0, 1]; 0 when all pixels are void.
    """
    return counts.absolute_error / max(counts.pixels, 1)


def _share(part: int, whole: int, counts: Counts) -> float:
    if whole:
        return part / whole
    return float(counts.true_positive + counts.false_positive + counts.false_negative == 0)
