"""Confidence intervals of means over photos, by the bootstrap (Efron, Tibshirani 1993, chapter 13: percentiles).

Each resample counts each photo a random number of times, drawn from Poisson(1). So photos are visited once, in order,
and only sums are kept: Chamandy, Muralidharan, Najmi, Naidu, "Estimating Uncertainty for Massive Data Streams" (2012),
section 3.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES: Final = 2000
"""Number of bootstrap resamples behind an interval."""

CONFIDENCE: Final = 0.95
"""Share of the resamples whose values lie in an interval."""

MIN_PHOTOS: Final = 6
"""Fewest photos that get an interval: that all of fewer photos improve happens by chance once in 16 times or more."""

BLOCK: Final = 64
"""Number of photos whose values are added at once, which is faster than one by one."""

Formula: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Score as a function of mean values (..., *shape); the axes of one mean are the last."""


class Interval(NamedTuple):
    """A 95 % confidence interval; both ends are NaN when there are too few photos for one.

    `format(interval, "+.3f")` formats both ends: `+0.012 to +0.034`.
    """

    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there were enough photos."""
        return not math.isnan(self.low)

    @property
    def excludes_zero(self) -> bool:
        """Whether both ends are above zero, or both below; False when the interval is not known."""
        return self.low > 0 or self.high < 0

    def as_json(self) -> list[float] | None:
        """Return both ends, or None (null) when they are not known."""
        return [self.low, self.high] if self.is_known else None

    def __format__(self, spec: str) -> str:
        return f"{self.low:{spec}} to {self.high:{spec}}" if self.is_known else "too few photos"


def interval_of(draws: NDArray[np.float64]) -> Interval:
    """Return the interval that holds 95 % of the draws, float64 (N,); it is unknown without draws."""
    if not len(draws):
        return Interval(math.nan, math.nan)
    low, high = np.quantile(draws, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Interval(float(low), float(high))


class Resamples:
    """Means of values over photos, and over resamples of the photos.

    The values of a photo are arrays by name; names and shapes are the same for every photo. Equal `random_state` and
    equal numbers of photos give the same resamples.
    """

    def __init__(self, random_state: int) -> None:
        self._rng = np.random.default_rng(random_state)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._waiting: list[NDArray[np.float64]] = []
        self._photos = 0
        self._weights = np.zeros(RESAMPLES)
        self._sum = np.zeros(1)
        self._sums = np.zeros((RESAMPLES, 1))

    def add(self, values: Mapping[str, ArrayLike]) -> None:
        """Add the values of one photo."""
        arrays = {name: np.asarray(array, np.float64) for name, array in values.items()}
        self._shapes = self._shapes or {name: array.shape for name, array in arrays.items()}
        self._waiting.append(np.concatenate([array.ravel() for array in arrays.values()]))
        if len(self._waiting) == BLOCK:
            self._flush()

    def mean(self, name: str) -> NDArray[np.float64]:
        """Return the mean of the values of that name over the photos; at least one photo must have been added."""
        self._flush()
        return np.asarray(self._columns(name, self._sum[None])[0] / self._photos)

    def draws(self, name: str, formula: Formula = np.asarray) -> NDArray[np.float64]:
        """Return the value of the formula in each resample that holds a photo, (N, ...); N is 0 below `MIN_PHOTOS`.

        Draws from equal numbers of photos are paired, because they come from the same resamples.
        """
        self._flush()
        used = (self._weights > 0) & (self._photos >= MIN_PHOTOS)
        means = self._columns(name, self._sums[used])
        return formula(means / self._weights[used].reshape(-1, *[1] * (means.ndim - 1)))

    def _columns(self, name: str, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns of `sums` (N, all values) that belong to one name, in their own shape (N, ...)."""
        begin = 0
        for other, shape in self._shapes.items():
            end = begin + int(np.prod(shape))
            if other == name:
                return sums[:, begin:end].reshape(-1, *shape)
            begin = end
        raise KeyError(name)

    def _flush(self) -> None:
        if not self._waiting:
            return
        values, self._waiting = np.stack(self._waiting), []
        weights = self._rng.poisson(1, (len(values), RESAMPLES))
        self._photos += len(values)
        self._weights += weights.sum(axis=0)
        self._sum = self._sum + values.sum(axis=0)
        self._sums = self._sums + weights.T.astype(np.float64) @ values
