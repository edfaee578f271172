"""Masks to accept unseen, by conformal risk control (Angelopoulos, Bates, Fisch, Lei, Schuster 2022, section 2.1)."""

from fractions import Fraction
from math import exp, lgamma, log, log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

HALVINGS: Final = 60
"""Steps of the bisection for a bound: it is then exact to the last digit."""


def accepting_confidence(confidences: NDArray[np.float64], bad: NDArray[np.bool_], error: float) -> float | None:
    """Return the least confidence from which masks may be accepted, None if none suffices.

    The loss of a photo at threshold l is 1 if its mask is bad and its confidence is l or more; R(l) is its mean over
    the n photos. The result is the least of the photos' confidences with n / (n + 1) R(l) + 1 / (n + 1) <= error
    (equation 4), cut to the fewest decimals that accept the same photos. -inf is for a photo that is never accepted.
    """
    if np.isnan(confidences).any():
        raise ValueError("confidences must be numbers, got NaN; leave out photos without a mask")
    count, levels = len(confidences), np.unique(confidences[np.isfinite(confidences)])
    holds = [(np.sum(bad & (confidences >= level)) + 1) / (count + 1) <= error for level in levels]
    if not any(holds):
        return None
    first = holds.index(True)
    return _shortest(float(levels[first]), float(levels[first - 1]) if first else -1.0)


def _shortest(level: float, below: float) -> float:
    """Return the number of fewest decimals in (below, level]."""
    cut = (np.floor(level * 10.0**digits) / 10.0**digits for digits in range(1, 16))
    return next((float(number) for number in cut if below < number <= level), level)


def upper_bound(events: int, trials: int, level: float = 0.95) -> float:
    """Return the upper bound of a share, by Clopper and Pearson (1934): the share whose chance of so few is 1 - level.

    It is 1 without trials.
    """
    low, high = 0.0, 1.0
    if events == trials:
        return high
    ways = [lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) for k in range(events + 1)]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        chance = sum(exp(way + k * log(middle) + (trials - k) * log1p(-middle)) for k, way in enumerate(ways))
        low, high = (middle, high) if chance > 1 - level else (low, middle)
    return high


def fewest_photos(error: float) -> int:
    """Return the number of photos that are needed before any mask can be accepted: 1 / (n + 1) <= error."""
    most = int(1 / Fraction(error))
    return most - 1 if 1 / most <= error else most
