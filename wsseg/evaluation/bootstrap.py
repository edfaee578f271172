"""How sure a mean over photos is: a 95 % interval, by the bootstrap (Efron, Tibshirani 1993, chapter 13: percentiles).

Each resample counts each photo a random number of times, Poisson(1), so that photos need to be seen once only, in
their order, and nothing of them is kept but sums: Chamandy, Muralidharan, Najmi, Naidu, "Estimating Uncertainty for
Massive Data Streams" (2012), section 3.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES: Final = 2000
"""Bootstrap samples behind an interval."""

COVERED: Final = 0.95
"""The share of resamples that an interval holds."""

FEWEST: Final = 6
"""Photos that an interval needs: were all of fewer better, that would be chance once in 16 times or more."""

AT_ONCE: Final = 64
"""Photos whose values are added at once, which is faster than one by one."""

Formula: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""A score of mean values, whose own axes are the last."""


class Resamples:
    """Means of values over photos, and over resamples of the photos; the same ones for an equal `random_state`.

    A photo's values are arrays by name, of the same names and shapes for each photo.
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
        """Adds a photo."""
        arrays = {name: np.asarray(array, np.float64) for name, array in values.items()}
        self._shapes = self._shapes or {name: array.shape for name, array in arrays.items()}
        self._waiting.append(np.concatenate([array.ravel() for array in arrays.values()]))
        if len(self._waiting) == AT_ONCE:
            self._flush()

    def mean(self, name: str) -> NDArray[np.float64]:
        """The mean over the photos, which are one at least."""
        self._flush()
        return np.asarray(self._part(name, self._sum[None])[0] / self._photos)

    def draws(self, name: str, formula: Formula = np.asarray) -> NDArray[np.float64]:
        """The value that the formula has in each resample that holds a photo, (N, ...); none of fewer than `FEWEST`.

        Equal numbers of photos have the same resamples, so that draws of the same photos are pairs.
        """
        self._flush()
        drawn = (self._weights > 0) & (self._photos >= FEWEST)
        means = self._part(name, self._sums[drawn])
        return formula(means / self._weights[drawn].reshape(-1, *[1] * (means.ndim - 1)))

    def _part(self, name: str, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of sums of all values, in rows, those of the name."""
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


def interval_of(draws: NDArray[np.float64]) -> tuple[float, float]:
    """The least and the greatest value of most of the draws, (N,); NaN where there are none."""
    if not len(draws):
        return math.nan, math.nan
    low, high = np.quantile(draws, ((1 - COVERED) / 2, (1 + COVERED) / 2))
    return float(low), float(high)
