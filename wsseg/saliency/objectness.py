"""What tells object from background by a frozen network's features: one linear head, learned without a person's mask.

The head is fitted to the masks that a recipe made of photos nobody labelled, as FOUND does with its own (Simeoni,
Sekkat, Puy, Vobecky, Zablocki, Perez 2023, arXiv 2212.07834), by least squares, which for two labels is Fisher's linear
discriminant. What single masks get wrong differs from photo to photo; what they share is what objects look like.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

RIDGE: Final = 0.01
"""Weight of the penalty on each squared weight, per mean square of its channel; .001 and .1 were as good."""


class HeadFit:
    """The sums that a head is the solution of: their memory does not grow with the photos."""

    def __init__(self) -> None:
        self.photos = 0
        self._moments: NDArray[np.float64] = np.zeros(())
        self._products: NDArray[np.float64] = np.zeros(())

    def add(self, features: NDArray[np.float32], cover: NDArray[np.float32], *, weight: float = 1.0) -> None:
        """One photo: (channels, h, w) features, and the share of each place that its mask covers, (h, w)."""
        places = features.reshape(len(features), -1).astype(np.float64)
        places = np.vstack([places, np.ones(places.shape[1])])
        weight /= places.shape[1]
        self._moments = self._moments + weight * places @ places.T
        self._products = self._products + weight * places @ (2 * cover.ravel() - 1)
        self.photos += 1

    def solved(self) -> tuple[NDArray[np.float32], float]:
        """The weights and the bias; ValueError without photos."""
        if not self.photos:
            raise ValueError("photos must give at least one mask to learn from, got none; add photos that show objects")
        squares = self._moments.diagonal().copy()
        # A channel that is zero in every photo would make the system singular.
        penalty = RIDGE * np.maximum(squares, np.finfo(np.float64).tiny ** 0.5)
        penalty[-1] = 0
        solution = np.linalg.solve(self._moments + np.diag(penalty), self._products)
        if not np.isfinite(solution).all():
            raise ValueError("features must be finite, got NaN or infinity; the classifier overflows on some photo")
        return solution[:-1].astype(np.float32), float(solution[-1])


def blended(coarse: NDArray[np.float32], objectness: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """A map at any size, divided by its maximum, with that share of a head's in it: float32 in [0, 1]."""
    height, width = coarse.shape
    other = cv2.resize(objectness, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray((1 - share) * coarse / max(coarse.max(), np.finfo(np.float32).tiny) + share * other, np.float32)
