"""How good a mask is: pixels are counted once, and every score is a formula of the counts.

Void pixels (UNKNOWN in the truth) never count. A soft mask counts as object where it is at least 0.5; only the mean
absolute error sees its softness. One convention settles every 0/0: it is 1 where neither mask nor truth holds an object
pixel, for then they agree, and 0 where only one of them does, so that giving up never pays. A truth that is all void
holds no object pixel either: each score is at its best.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import FOREGROUND, UNKNOWN, Mask, Seeds, check_mask, check_saliency, check_same_size, check_seeds

THRESHOLD: Final = 0.5
"""A soft mask counts as object where it is at least this."""


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


def count(mask: Mask | NDArray[np.float32], truth: Seeds) -> Counts:
    """The counts of a bool mask, or of a float32 one in [0, 1], against a truth of its size; ValueError otherwise."""
    soft, counted = _soft(mask), check_seeds(truth, "truth") != UNKNOWN
    check_same_size(soft, truth, "mask and truth")
    soft, is_object = soft[counted], truth[counted] == FOREGROUND
    tn, fp, fn, tp = np.bincount(2 * is_object + (soft >= THRESHOLD), minlength=4).tolist()
    return Counts(
        true_positive=tp,
        false_positive=fp,
        false_negative=fn,
        true_negative=tn,
        absolute_error=float(np.abs(soft - is_object).sum()),
    )


def scores(mask: Mask | NDArray[np.float32], truth: Seeds) -> dict[str, float]:
    """Every score of SCORES, by name; the errors are those of `count`."""
    counts = count(mask, truth)
    return {name: score(counts) for name, score in SCORES.items()}


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


SCORES: Final[Mapping[str, Callable[[Counts], float]]] = MappingProxyType(
    {score.__name__: score for score in (iou, dice, precision, recall, accuracy, mae)}
)
"""Every score by its name, in the order of every table."""


def _soft(mask: Mask | NDArray[np.float32]) -> NDArray[np.float64]:
    is_bool = isinstance(mask, np.ndarray) and mask.dtype == np.bool_
    return (check_mask(mask) if is_bool else check_saliency(mask, "mask")).astype(np.float64)


def _share(part: int, whole: int, counts: Counts) -> float:
    if whole:
        return part / whole
    return float(counts.true_positive + counts.false_positive + counts.false_negative == 0)
