"""Scores of a soft mask at every threshold: F_beta and the E-measure, in the conventions of two communities.

Achanta, Hemami, Estrada, Suesstrunk, "Frequency-tuned Salient Region Detection" (2009), section 4: F_beta with
beta^2 = 0.3, at every threshold, or at an adaptive one of twice the map's mean. Two communities differ in the rest:

- saliency (the code of Fan et al. 2018, and PySODMetrics): the map is first stretched to [0, 1]; it is object where it
  is at least the threshold, of which there are 256; F is 0 where the truth is empty.
- unsupervised (the code of Voynov et al. 2021 and of Melas-Kyriazi et al. 2022): the map is taken as it is; object is
  where it exceeds the threshold, of which there are 254; an empty mask has precision 1 and an empty truth recall 1.

In both, a curve is the mean over photos at each threshold, and maximum and mean are of that curve. Void pixels never
count; where all are void, every score is 1.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.metrics.counts import WHITE, Histogram

BETA_SQUARED: Final = 0.3
"""How much less recall counts than precision: Achanta et al. 2009, section 4."""

EPSILON: Final = float(np.spacing(1.0))
"""What keeps the E-measure's quotients finite, as in the code of its authors."""


def f_beta(true_positive: NDArray[np.int64], found: NDArray[np.int64], wanted: int) -> NDArray[np.float64]:
    """(1 + beta^2) P R / (beta^2 P + R) = (1 + beta^2) TP / (beta^2 wanted + found), of pixels; 0 where TP is."""
    return np.asarray((1 + BETA_SQUARED) * true_positive / np.maximum(BETA_SQUARED * wanted + found, 1))


def saliency_f_curve(histogram: Histogram) -> NDArray[np.float64]:
    """F_beta of `stretched map >= t / 255`, t from 255 down to 0, as the saliency community has it, (256,)."""
    if not histogram.any():
        return np.ones(256)
    true_positive, found = _found(_stretched(histogram))
    return f_beta(true_positive, found, int(histogram[1].sum()))


def unsupervised_f_curve(histogram: Histogram) -> NDArray[np.float64]:
    """F_beta of `map > t / 255`, t from 254 down to 1, as the unsupervised community has it, (254,).

    Of an empty truth it is 1 where the mask is empty too, otherwise 0.
    """
    true_positive, found = (cumulated[:254] for cumulated in _found(histogram))
    wanted = int(histogram[1].sum())
    return f_beta(true_positive, found, wanted) if wanted else (found == 0).astype(np.float64)


def adaptive_f(histogram: Histogram) -> float:
    """F_beta of `stretched map >= min(2 mean, 1)`, as the saliency community has it; 0 where the truth is empty."""
    if not histogram.any():
        return 1.0
    found = _adaptive(histogram)
    return float(f_beta(found[1], found.sum(), int(histogram[1].sum())))


def e_curve(histogram: Histogram) -> NDArray[np.float64]:
    """Enhanced alignment of `stretched map >= t / 255`, t from 255 down to 0, (256,).

    Fan et al., "Enhanced-alignment Measure for Binary Foreground Map Evaluation" (2018), equations 1 to 5. Of an empty
    truth it is the mask's share that is background, of a full one that which is object.
    """
    if not histogram.any():
        return np.ones(256)
    true_positive, found = _found(_stretched(histogram))
    return _alignment(true_positive, found, histogram)


def adaptive_e(histogram: Histogram) -> float:
    """Enhanced alignment of `stretched map >= min(2 mean, 1)`."""
    if not histogram.any():
        return 1.0
    found = _adaptive(histogram)
    return float(_alignment(found[1], found.sum(), histogram))


def stretched_mae(histogram: Histogram) -> float:
    """Mean absolute error of the stretched map, as the saliency community has it; 0 where all pixels are void."""
    values = stretched_values(histogram)
    return float(histogram[0] @ values + histogram[1] @ (1 - values)) / max(int(histogram.sum()), 1)


def stretched_values(histogram: Histogram) -> NDArray[np.float64]:
    """The value of each level, (256,), once the map is stretched to [0, 1]: (v - min) / (max - min), if that is one."""
    levels = np.flatnonzero(histogram.any(axis=0))
    values = np.arange(256) / WHITE
    if len(levels) < 2:
        return values
    low, high = values[levels[[0, -1]]]
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))


def _stretched(histogram: Histogram) -> Histogram:
    # Truncated, not rounded, as the community's code does it.
    bins = (stretched_values(histogram) * WHITE).astype(np.uint8)
    counts = [np.bincount(bins, weights=row, minlength=256) for row in histogram]
    return np.array(counts).astype(np.int64)


def _found(histogram: Histogram) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Object pixels and all pixels of at least each level, from the highest down."""
    cumulated = histogram[:, ::-1].cumsum(axis=1)
    return cumulated[1], cumulated.sum(axis=0)


def _adaptive(histogram: Histogram) -> NDArray[np.int64]:
    """Pixels that the adaptive threshold finds, background and object."""
    values = stretched_values(histogram)
    mean = float(histogram.sum(axis=0) @ values) / int(histogram.sum())
    found: NDArray[np.int64] = histogram[:, values >= min(2 * mean, 1)].sum(axis=1)
    return found


def _alignment(true_positive: NDArray[np.int64], found: NDArray[np.int64], histogram: Histogram) -> NDArray[np.float64]:
    """Q = 1 / (N - 1) sum (1 + xi)^2 / 4, xi = 2 a b / (a^2 + b^2); a and b are mask and truth less their means.

    N - 1, where the paper has N, is of its authors' code.
    """
    pixels, wanted = int(histogram.sum()), int(histogram[1].sum())
    scale = max(pixels - 1, 1)
    if wanted in (0, pixels):
        return np.asarray((found if wanted else pixels - found) / scale)
    share, truth = found / pixels, wanted / pixels
    parts = (
        (true_positive, 1 - share, 1 - truth),
        (found - true_positive, 1 - share, -truth),
        (wanted - true_positive, -share, 1 - truth),
        (pixels - wanted - found + true_positive, -share, -truth),
    )
    enhanced = sum(count * (1 + 2 * a * b / (a**2 + b**2 + EPSILON)) ** 2 / 4 for count, a, b in parts)
    return np.asarray(enhanced / scale)
