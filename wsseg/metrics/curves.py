"""Scores of a soft mask at every threshold: F_beta and the E-measure, by the conventions of two communities.

Achanta, Hemami, Estrada, Suesstrunk, "Frequency-tuned Salient Region Detection" (2009), section 4: F_beta with
beta^2 = 0.3, at every threshold, or at an adaptive threshold of twice the map's mean. Two communities differ in the
rest:

- saliency (the code of Fan et al. 2018, and PySODMetrics): the map is stretched to [0, 1] first; there are 256
  thresholds, and a pixel is object where the map is at least the threshold; F is 0 where the truth is empty.
- unsupervised (the code of Voynov et al. 2021 and of Melas-Kyriazi et al. 2022): the map is used as it is; there are
  254 thresholds, and a pixel is object where the map exceeds the threshold; an empty mask has precision 1, and an
  empty truth recall 1.

Both average the curves over photos at each threshold, and report the maximum and the mean of that average curve. Void
pixels never count; where all pixels are void, every score is 1.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.metrics.counts import WHITE, Histogram

BETA_SQUARED: Final = 0.3
"""How much less recall counts than precision: Achanta et al. 2009, section 4."""

EPSILON: Final = float(np.spacing(1.0))
"""Small number that keeps the quotients of the E-measure finite, as in its authors' code."""


def f_beta(true_positive: NDArray[np.int64], found: NDArray[np.int64], true: int) -> NDArray[np.float64]:
    """Compute F_beta = (1 + beta^2) P R / (beta^2 P + R) = (1 + beta^2) TP / (beta^2 true + found).

    Parameters
    ----------
    true_positive : ndarray of int64, (N,)
        Object pixels of each mask that are object in the truth.
    found : ndarray of int64, (N,)
        Object pixels of each mask.
    true : int
        Object pixels of the truth.

    Returns
    -------
    ndarray of float64, (N,)
        F_beta in [0, 1]; 0 without true positives.
    """
    return np.asarray((1 + BETA_SQUARED) * true_positive / np.maximum(BETA_SQUARED * true + found, 1))


def saliency_f_curve(histogram: Histogram) -> NDArray[np.float64]:
    """Compute F_beta of `stretched map >= t / 255` for t from 255 down to 0, as the saliency community does.

    Parameters
    ----------
    histogram : ndarray of int64, (2, 256)
        Number of pixels by truth (background, object) and by the map's level.

    Returns
    -------
    ndarray of float64, (256,)
        F_beta in [0, 1] at each threshold.
    """
    if not histogram.any():
        return np.ones(256)
    true_positive, found = _found(_stretched(histogram))
    return f_beta(true_positive, found, int(histogram[1].sum()))


def unsupervised_f_curve(histogram: Histogram) -> NDArray[np.float64]:
    """Compute F_beta of `map > t / 255` for t from 254 down to 1, as the unsupervised community does.

    Parameters
    ----------
    histogram : ndarray of int64, (2, 256)
        Number of pixels by truth (background, object) and by the map's level.

    Returns
    -------
    ndarray of float64, (254,)
        F_beta in [0, 1] at each threshold; for an empty truth 1 where the mask is empty too, else 0.
    """
    true_positive, found = (cumulated[:254] for cumulated in _found(histogram))
    true = int(histogram[1].sum())
    return f_beta(true_positive, found, true) if true else (found == 0).astype(np.float64)


def adaptive_f(histogram: Histogram) -> float:
    """Compute F_beta of `stretched map >= min(2 mean, 1)`, as the saliency community does.

    Parameters
    ----------
    histogram : ndarray of int64, (2, 256)
        Number of pixels by truth (background, object) and by the map's level.

    Returns
    -------
    float
        F_beta in [0, 1]; 0 where the truth is empty.
    """
    if not histogram.any():
        return 1.0
    found = _adaptive(histogram)
    return float(f_beta(found[1], found.sum(), int(histogram[1].sum())))


def e_curve(histogram: Histogram) -> NDArray[np.float64]:
    """Compute the enhanced alignment of `stretched map >= t / 255` for t from 255 down to 0.

    Fan et al., "Enhanced-alignment Measure for Binary Foreground Map Evaluation" (2018), equations 1 to 5.

    Parameters
    ----------
    histogram : ndarray of int64, (2, 256)
        Number of pixels by truth (background, object) and by the map's level.

    Returns
    -------
    ndarray of float64, (256,)
        E in [0, 1] at each threshold; for an empty truth the mask's share of background, for a full one its share of
        object.
    """
    if not histogram.any():
        return np.ones(256)
    true_positive, found = _found(_stretched(histogram))
    return _alignment(true_positive, found, histogram)


def adaptive_e(histogram: Histogram) -> float:
    """Compute the enhanced alignment of `stretched map >= min(2 mean, 1)`; see `e_curve`.

    Parameters
    ----------
    histogram : ndarray of int64, (2, 256)
        Number of pixels by truth (background, object) and by the map's level.

    Returns
    -------
    float
        E in [0, 1].
    """
    if not histogram.any():
        return 1.0
    found = _adaptive(histogram)
    return float(_alignment(found[1], found.sum(), histogram))


def stretched_mae(histogram: Histogram) -> float:
    """Compute the mean absolute error of the stretched map, as the saliency community does.

    Parameters
    ----------
    histogram : ndarray of int64, (2, 256)
        Number of pixels by truth (background, object) and by the map's level.

    Returns
    -------
    float
        Error in [0, 1]; 0 where all pixels are void.
    """
    values = stretched_values(histogram)
    return float(histogram[0] @ values + histogram[1] @ (1 - values)) / max(int(histogram.sum()), 1)


def stretched_values(histogram: Histogram) -> NDArray[np.float64]:
    """Return the value of each level once the map is stretched to [0, 1]: (v - min) / (max - min).

    Parameters
    ----------
    histogram : ndarray of int64, (2, 256)
        Number of pixels by truth (background, object) and by the map's level.

    Returns
    -------
    ndarray of float64, (256,)
        Values in [0, 1]; those of the map itself where all its pixels are equal.
    """
    levels = np.flatnonzero(histogram.any(axis=0))
    values = np.arange(256) / WHITE
    if len(levels) < 2:
        return values
    low, high = values[levels[[0, -1]]]
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))


def _stretched(histogram: Histogram) -> Histogram:
    # Truncated, not rounded, as in the community's code.
    bins = (stretched_values(histogram) * WHITE).astype(np.uint8)
    counts = [np.bincount(bins, weights=row, minlength=256) for row in histogram]
    return np.array(counts).astype(np.int64)


def _found(histogram: Histogram) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the object pixels, and all pixels, of at least each level, from the highest down."""
    cumulated = histogram[:, ::-1].cumsum(axis=1)
    return cumulated[1], cumulated.sum(axis=0)


def _adaptive(histogram: Histogram) -> NDArray[np.int64]:
    """Count the background and the object pixels above the adaptive threshold."""
    values = stretched_values(histogram)
    mean = float(histogram.sum(axis=0) @ values) / int(histogram.sum())
    found: NDArray[np.int64] = histogram[:, values >= min(2 * mean, 1)].sum(axis=1)
    return found


def _alignment(true_positive: NDArray[np.int64], found: NDArray[np.int64], histogram: Histogram) -> NDArray[np.float64]:
    """Compute Q = 1 / (N - 1) sum (1 + xi)^2 / 4, where xi = 2 a b / (a^2 + b^2).

    a and b are mask and truth minus their means. The paper has N, its authors' code N - 1.
    """
    pixels, true = int(histogram.sum()), int(histogram[1].sum())
    scale = max(pixels - 1, 1)
    if true in (0, pixels):
        return np.asarray((found if true else pixels - found) / scale)
    mask_mean, truth_mean = found / pixels, true / pixels
    groups = (
        (true_positive, 1 - mask_mean, 1 - truth_mean),
        (found - true_positive, 1 - mask_mean, -truth_mean),
        (true - true_positive, -mask_mean, 1 - truth_mean),
        (pixels - true - found + true_positive, -mask_mean, -truth_mean),
    )
    enhanced = sum(count * (1 + 2 * a * b / (a**2 + b**2 + EPSILON)) ** 2 / 4 for count, a, b in groups)
    return np.asarray(enhanced / scale)
