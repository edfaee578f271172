"""S-measure: whether a map has the structure of the truth, in the object and in the four quarters around its center.

Fan, Cheng, Liu, Li, Borji, "Structure-measure: A New Way to Evaluate Foreground Maps" (2017): S = alpha S_o +
(1 - alpha) S_r, equation 1, with alpha = 0.5. The map is first stretched to [0, 1], as its authors' code does. Void
pixels never count, so that the quarters weigh by their other pixels.
"""

import math
from typing import Final

import numpy as np

from wsseg.arrays import FOREGROUND, Seeds
from wsseg.metrics.counts import WHITE, Histogram, Levels, histogram_of
from wsseg.metrics.curves import EPSILON, stretched_values

ALPHA: Final = 0.5
"""What the object counts beside the quarters: Fan et al. 2017, section 4.1."""


def quarters_of(levels: Levels, truth: Seeds) -> tuple[Histogram, ...]:
    """Histograms of the four parts that meet in the object's centroid: upper left and right, lower left and right."""
    y, x = _center(truth)
    parts = [(rows, columns) for rows in (slice(y), slice(y, None)) for columns in (slice(x), slice(x, None))]
    return tuple(histogram_of(levels[part], truth[part]) for part in parts)


def s_measure(quarters: tuple[Histogram, ...]) -> float:
    """alpha S_o + (1 - alpha) S_r, not below 0.

    Of an empty truth it is one less the map's mean, of a full one that mean; where all pixels are void it is 1.
    """
    whole = np.sum(quarters, axis=0)
    pixels, wanted = int(whole.sum()), int(whole[1].sum())
    if wanted in (0, pixels):
        mean = float(whole.sum(axis=0) @ stretched_values(whole)) / max(pixels, 1)
        return mean if wanted else 1 - mean
    return max(0.0, ALPHA * _of_object(whole) + (1 - ALPHA) * _of_quarters(quarters, whole))


def _center(truth: Seeds) -> tuple[int, int]:
    """Where the lower right quarter begins: behind the centroid's pixel, or the middle where there is no object."""
    is_object = truth == FOREGROUND
    wanted, ends = int(is_object.sum()), [0, 0]
    for axis, length in enumerate(truth.shape):
        places = is_object.sum(axis=1 - axis) @ np.arange(length) / wanted if wanted else length / 2
        ends[axis] = int(np.round(places)) + 1
    return ends[0], ends[1]


def _of_object(whole: Histogram) -> float:
    """S_o = mu O_FG + (1 - mu) O_BG, equations 4 and 5, where mu is the object's share."""
    values, share = stretched_values(whole), int(whole[1].sum()) / int(whole.sum())
    return share * _similarity(whole[1], values) + (1 - share) * _similarity(whole[0], 1 - values)


def _similarity(counts: Histogram, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """2 x / (x^2 + 1 + sigma), where x is the mean and sigma the standard deviation of a sample."""
    pixels = int(counts.sum())
    mean = float(counts @ values) / pixels
    deviation = math.sqrt(float(counts @ (values - mean) ** 2) / max(pixels - 1, 1))
    return 2 * mean / (mean**2 + 1 + deviation + EPSILON)


def _of_quarters(quarters: tuple[Histogram, ...], whole: Histogram) -> float:
    """S_r = sum w_k ssim(k), equation 3, where w_k is the quarter's share."""
    levels = np.flatnonzero(whole.any(axis=0))
    low, high = (int(levels[0]), int(levels[-1])) if len(levels) > 1 else (0, WHITE)
    pixels = int(whole.sum())
    return sum(int(part.sum()) / pixels * _ssim(part, low, high - low) for part in quarters if part.any())


def _ssim(part: Histogram, low: int, span: int) -> float:
    """4 x y sigma_xy / ((x^2 + y^2) (sigma_x + sigma_y)), equation 2; where that is 0, 1 for 0/0 and otherwise 0.

    In whole numbers until the last line: rounding must not make something of 0.
    """
    steps = [level - low for level in range(256)]
    pixels, wanted = int(part.sum()), int(part[1].sum())
    totals = [int(total) for total in part.sum(axis=0)]
    first = sum(count * step for count, step in zip(totals, steps, strict=True))
    second = sum(count * step**2 for count, step in zip(totals, steps, strict=True))
    common = sum(int(count) * step for count, step in zip(part[1], steps, strict=True))
    variance_x, variance_y = pixels * second - first**2, pixels * wanted - wanted**2
    covariance = pixels * common - first * wanted
    if not (covariance and first and wanted):
        return float(not (first or wanted) or not (variance_x or variance_y))
    x, y, scale = first / pixels / span, wanted / pixels, pixels * max(pixels - 1, 1)
    sigma = variance_x / span**2 / scale + variance_y / scale
    return 4 * x * y * covariance / span / scale / ((x**2 + y**2) * sigma + EPSILON)
