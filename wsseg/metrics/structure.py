"""S-measure: whether a map has the structure of the truth, in the object and in the four quarters around its center.

Fan, Cheng, Liu, Li, Borji, "Structure-measure: A New Way to Evaluate Foreground Maps" (2017), equation 1:
S = alpha S_o + (1 - alpha) S_r, with alpha = 0.5. The map is stretched to [0, 1] first, as in the authors' code. Void
pixels never count, and quarters are weighted by their other pixels.
"""

import math
from typing import Final

import numpy as np

from wsseg.arrays import FOREGROUND, Seeds
from wsseg.metrics.counts import WHITE, Histogram, Levels, histogram_of
from wsseg.metrics.curves import EPSILON, stretched_values

ALPHA: Final = 0.5
"""Weight of the object; that of the quarters is 1 - alpha: Fan et al. 2017, section 4.1."""


def quarters_of(levels: Levels, truth: Seeds) -> tuple[Histogram, ...]:
    """Count the pixels of the four quarters that meet in the object's centroid.

    Parameters
    ----------
    levels : ndarray of uint8, (H, W)
        Map in levels from 0 to 255.
    truth : ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where it is void.

    Returns
    -------
    tuple of four ndarrays of int64, (2, 256)
        Histograms of the upper left, upper right, lower left and lower right quarter.
    """
    y, x = _center(truth)
    quarters = [(rows, columns) for rows in (slice(y), slice(y, None)) for columns in (slice(x), slice(x, None))]
    return tuple(histogram_of(levels[quarter], truth[quarter]) for quarter in quarters)


def s_measure(quarters: tuple[Histogram, ...]) -> float:
    """Compute S = alpha S_o + (1 - alpha) S_r.

    Parameters
    ----------
    quarters : tuple of four ndarrays of int64, (2, 256)
        Histograms of the quarters; see `quarters_of`.

    Returns
    -------
    float
        S in [0, 1]. For an empty truth it is 1 minus the map's mean, for a full one that mean; where all pixels are
        void it is 1.
    """
    whole = np.sum(quarters, axis=0)
    pixels, true = int(whole.sum()), int(whole[1].sum())
    if true in (0, pixels):
        mean = float(whole.sum(axis=0) @ stretched_values(whole)) / max(pixels, 1)
        return mean if true else 1 - mean
    return max(0.0, ALPHA * _object_score(whole) + (1 - ALPHA) * _region_score(quarters, whole))


def _center(truth: Seeds) -> tuple[int, int]:
    """Return the y and x where the lower right quarter begins: after the centroid's or else the middle pixel."""
    is_object = truth == FOREGROUND
    true, ends = int(is_object.sum()), [0, 0]
    for axis, length in enumerate(truth.shape):
        places = is_object.sum(axis=1 - axis) @ np.arange(length) / true if true else length / 2
        ends[axis] = int(np.round(places)) + 1
    return ends[0], ends[1]


def _object_score(whole: Histogram) -> float:
    """Compute S_o = mu O_FG + (1 - mu) O_BG, equations 4 and 5, where mu is the object's share of the pixels."""
    values, share = stretched_values(whole), int(whole[1].sum()) / int(whole.sum())
    return share * _similarity(whole[1], values) + (1 - share) * _similarity(whole[0], 1 - values)


def _similarity(counts: Histogram, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Compute 2 x / (x^2 + 1 + sigma), where x is the mean and sigma the sample standard deviation."""
    pixels = int(counts.sum())
    mean = float(counts @ values) / pixels
    deviation = math.sqrt(float(counts @ (values - mean) ** 2) / max(pixels - 1, 1))
    return 2 * mean / (mean**2 + 1 + deviation + EPSILON)


def _region_score(quarters: tuple[Histogram, ...], whole: Histogram) -> float:
    """Compute S_r = sum w_k ssim(k), equation 3, where w_k is the quarter's share of the pixels."""
    levels = np.flatnonzero(whole.any(axis=0))
    low, high = (int(levels[0]), int(levels[-1])) if len(levels) > 1 else (0, WHITE)
    pixels = int(whole.sum())
    return sum(int(quarter.sum()) / pixels * _ssim(quarter, low, high - low) for quarter in quarters if quarter.any())


def _ssim(quarter: Histogram, low: int, span: int) -> float:
    """Compute 4 x y sigma_xy / ((x^2 + y^2) (sigma_x + sigma_y)), equation 2; 0/0 is 1.

    The sums are whole numbers, so that rounding never turns a 0 into something else.
    """
    steps = [level - low for level in range(256)]
    pixels, true = int(quarter.sum()), int(quarter[1].sum())
    totals = [int(total) for total in quarter.sum(axis=0)]
    first = sum(count * step for count, step in zip(totals, steps, strict=True))
    second = sum(count * step**2 for count, step in zip(totals, steps, strict=True))
    common = sum(int(count) * step for count, step in zip(quarter[1], steps, strict=True))
    variance_x, variance_y = pixels * second - first**2, pixels * true - true**2
    covariance = pixels * common - first * true
    if not (covariance and first and true):
        return float(not (first or true) or not (variance_x or variance_y))
    x, y, scale = first / pixels / span, true / pixels, pixels * max(pixels - 1, 1)
    sigma = variance_x / span**2 / scale + variance_y / scale
    return 4 * x * y * covariance / span / scale / ((x**2 + y**2) * sigma + EPSILON)
