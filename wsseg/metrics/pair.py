"""A mask and its truth, and what is counted in them: each thing once, and only when a score needs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

import numpy as np

from wsseg.arrays import Mask, Seeds
from wsseg.metrics.boundary import (
    BandCounts,
    BoundaryCounts,
    boundary_f,
    boundary_iou,
    count_bands,
    count_boundaries,
)
from wsseg.metrics.counts import (
    Counts,
    Histogram,
    Levels,
    SoftMask,
    accuracy,
    check_pair,
    count,
    counts_of,
    dice,
    histogram_of,
    iou,
    is_found,
    levels_of,
    mae,
    precision,
    recall,
)
from wsseg.metrics.structure import quarters_of


@dataclass(frozen=True, eq=False)
class Pair:
    """A mask, hard or soft, and a truth of the same size; TypeError or ValueError if they are not."""

    mask: SoftMask
    truth: Seeds

    def __post_init__(self) -> None:
        check_pair(self.mask, self.truth)

    @cached_property
    def levels(self) -> Levels:
        """The mask in levels, uint8 (H, W); floats are rounded."""
        return levels_of(self.mask)

    @cached_property
    def found(self) -> Mask:
        """Where the mask is object, bool (H, W)."""
        return is_found(self.mask)

    @cached_property
    def counts(self) -> Counts:
        return counts_of(self.histogram) if self.mask.dtype != np.float32 else count(self.mask, self.truth)

    @cached_property
    def histogram(self) -> Histogram:
        return histogram_of(self.levels, self.truth)

    @cached_property
    def quarters(self) -> tuple[Histogram, ...]:
        return quarters_of(self.levels, self.truth)

    @cached_property
    def boundaries(self) -> BoundaryCounts:
        return count_boundaries(self.found, self.truth)

    @cached_property
    def bands(self) -> BandCounts:
        return count_bands(self.found, self.truth)


SCORES: Final[Mapping[str, Callable[[Pair], float]]] = MappingProxyType(
    {
        "iou": lambda pair: iou(pair.counts),
        "dice": lambda pair: dice(pair.counts),
        "precision": lambda pair: precision(pair.counts),
        "recall": lambda pair: recall(pair.counts),
        "accuracy": lambda pair: accuracy(pair.counts),
        "mae": lambda pair: mae(pair.counts),
        "boundary_f": lambda pair: boundary_f(pair.boundaries),
        "boundary_iou": lambda pair: boundary_iou(pair.bands),
    }
)
"""Scores of a photo by name, in the order of every table."""


def scores(mask: SoftMask, truth: Seeds) -> dict[str, float]:
    """Score a mask against the truth.

    Parameters
    ----------
    mask : ndarray of bool, float32 or uint8, (H, W)
        Mask: hard, soft in [0, 1], or soft in levels of which 255 is 1. A soft mask is object from 0.5.
    truth : ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where it is void and never counts.

    Returns
    -------
    dict of str to float
        `iou`, `dice`, `precision`, `recall`, `accuracy`, `mae`, `boundary_f` and `boundary_iou`, in [0, 1]. All but
        `mae` are better when higher.

    Raises
    ------
    TypeError
        If either is not an array.
    ValueError
        If a shape, type or value is wrong, or the sizes differ.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.zeros((4, 6), np.uint8)
    >>> truth[1:3, 1:5] = wsseg.FOREGROUND
    >>> mask = (truth == wsseg.FOREGROUND) & (np.arange(6) < 4)
    >>> found = wsseg.scores(mask, truth)
    >>> found["iou"], found["precision"], found["recall"]
    (0.75, 1.0, 0.75)
    """
    pair = Pair(mask, truth)
    return {name: score(pair) for name, score in SCORES.items()}
