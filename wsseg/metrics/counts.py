"""What mask and truth say of each pixel, counted once, and the scores that are formulas of that.

Void pixels (UNKNOWN in the truth) never count. A soft mask counts as object where it is at least 0.5; only the mean
absolute error sees its softness. One convention settles every 0/0: it is 1 where neither mask nor truth holds an object
pixel, for then they agree, and 0 where only one of them does, so that giving up never pays. A truth that is all void
holds no object pixel either: each score is at its best.
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
"""A soft mask counts as object where it is at least this."""

WHITE: Final = 255
"""The level of a soft mask that stands for 1."""

FIRST: Final = math.ceil(THRESHOLD * WHITE)
"""The first level that counts as object."""

Levels: TypeAlias = NDArray[np.uint8]
"""A soft mask in levels from 0 to `WHITE`, (H, W)."""

SoftMask: TypeAlias = Mask | NDArray[np.float32] | Levels
"""A mask that is hard, or soft in [0, 1], or soft in levels."""

Histogram: TypeAlias = NDArray[np.int64]
"""Pixels by what the truth says of them, background first, and by the mask's level, (2, 256); void ones left out."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Pixels by what the mask and the truth say of them, void ones left out; positive is the object."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    absolute_error: float
    """Sum of |soft mask - truth|."""

    @property
    def pixels(self) -> int:
        """All pixels that count."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative


def check_pair(mask: SoftMask, truth: Seeds) -> None:
    """TypeError or ValueError unless they are a mask and a truth of one size."""
    kind = mask.dtype if isinstance(mask, np.ndarray) else None
    if kind == np.bool_:
        check_mask(mask)
    elif kind != np.uint8 or mask.ndim != 2:
        check_saliency(mask, "mask")
    check_same_size(mask, check_seeds(truth, "truth"), "mask and truth")


def count(mask: SoftMask, truth: Seeds) -> Counts:
    """The counts of a bool mask, of a float32 one in [0, 1] or of uint8 levels, against a truth of its size.

    ValueError or TypeError otherwise.
    """
    check_pair(mask, truth)
    return counts_of(histogram_of(levels_of(mask), truth)) if mask.dtype != np.float32 else _exact(mask, truth)


def _exact(mask: SoftMask, truth: Seeds) -> Counts:
    """Those of floats, which levels would round."""
    counted = truth != UNKNOWN
    soft, is_object = mask[counted].astype(np.float64), truth[counted] == FOREGROUND
    tn, fp, fn, tp = np.bincount(2 * is_object + (soft >= THRESHOLD), minlength=4).tolist()
    error = float(np.abs(soft - is_object).sum())
    return Counts(true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn, absolute_error=error)


def levels_of(mask: SoftMask) -> Levels:
    """The mask in levels, floats rounded to the nearest."""
    if mask.dtype == np.uint8:
        return np.asarray(mask, np.uint8)
    return np.asarray(mask * np.uint8(WHITE) if mask.dtype == np.bool_ else np.rint(mask * np.float32(WHITE)), np.uint8)


def is_found(mask: SoftMask) -> Mask:
    """Where a hard or soft mask counts as object."""
    if mask.dtype == np.bool_:
        return np.asarray(mask)
    return np.asarray(mask >= (np.uint8(FIRST) if mask.dtype == np.uint8 else THRESHOLD))


def histogram_of(levels: Levels, truth: Seeds) -> Histogram:
    """The pixels by truth and level; everything but boundaries is a formula of this."""
    if ((levels == 0) | (levels == WHITE)).all():
        return _of_hard(levels == WHITE, truth)
    # The last two bits of 0, 1 and 255 differ, so one table of 4 x 256 holds all, and the void apart.
    keys = (truth & 3).astype(np.uint16) << 8 | levels
    return np.bincount(keys.ravel(), minlength=4 * 256).reshape(4, 256)[:2]


def _of_hard(found: Mask, truth: Seeds) -> Histogram:
    """The same of a mask without any softness, in a tenth of the time."""
    histogram = np.zeros((2, 256), np.int64)
    for row, label in zip(histogram, (BACKGROUND, FOREGROUND), strict=True):
        of_label = truth == label
        row[WHITE] = np.count_nonzero(of_label & found)
        row[0] = np.count_nonzero(of_label) - row[WHITE]
    return histogram


def counts_of(histogram: Histogram) -> Counts:
    """The counts of a mask in levels."""
    (tn, fn), (fp, tp) = histogram[:, :FIRST].sum(axis=1).tolist(), histogram[:, FIRST:].sum(axis=1).tolist()
    levels = np.arange(256)
    error = int(histogram[0] @ levels + histogram[1] @ (WHITE - levels)) / WHITE
    return Counts(true_positive=tp, false_positive=fp, false_negative=fn, true_negative=tn, absolute_error=error)


def iou(counts: Counts) -> float:
    """Intersection over union (Jaccard), TP / (TP + FP + FN); 1 when mask and truth are both empty."""
    union = counts.true_positive + counts.false_positive + counts.false_negative
    return _share(counts.true_positive, union, counts)


def dice(counts: Counts) -> float:
    """Dice coefficient (F1), 2 TP / (2 TP + FP + FN); 1 when mask and truth are both empty."""
    both = 2 * counts.true_positive + counts.false_positive + counts.false_negative
    return _share(2 * counts.true_positive, both, counts)


def precision(counts: Counts) -> float:
    """The mask's share that is object, TP / (TP + FP); of an empty mask 1 when the truth is empty too, otherwise 0."""
    return _share(counts.true_positive, counts.true_positive + counts.false_positive, counts)


def recall(counts: Counts) -> float:
    """The object's share that is in the mask, TP / (TP + FN); of an empty truth 1 when the mask is too, otherwise 0."""
    return _share(counts.true_positive, counts.true_positive + counts.false_negative, counts)


def accuracy(counts: Counts) -> float:
    """The share of pixels with the right label, (TP + TN) / all; 1 when all are void."""
    return _share(counts.true_positive + counts.true_negative, counts.pixels, counts)


def mae(counts: Counts) -> float:
    """Mean absolute error of the soft mask in [0, 1], lower is better; 0 when all pixels are void."""
    return counts.absolute_error / max(counts.pixels, 1)


def _share(part: int, whole: int, counts: Counts) -> float:
    if whole:
        return part / whole
    return float(counts.true_positive + counts.false_positive + counts.false_negative == 0)
