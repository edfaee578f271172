"""Learning to tell objects from background by a frozen network's features: one linear head, without drawn masks.

The head is fitted to the masks that a recipe makes of unlabelled photos, as FOUND does with its own masks (Simeoni,
Sekkat, Puy, Vobecky, Zablocki, Perez 2023, arXiv 2212.07834), by least squares, which for two labels is Fisher's linear
discriminant. The errors of single masks differ from photo to photo; what they share is the look of objects.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

RIDGE: Final = 0.01
"""Penalty on each squared weight, per mean square of its channel; .001 and .1 were as good."""


class HeadFit:
    """The sums that a head is solved from; their memory does not grow with the number of photos."""

    def __init__(self) -> None:
        self.photos = 0
        self._moments: NDArray[np.float64] = np.zeros(())
        self._products: NDArray[np.float64] = np.zeros(())

    def add(self, features: NDArray[np.float32], cover: NDArray[np.float32], *, weight: float = 1.0) -> None:
        """Add one photo.

        Parameters
        ----------
        features : ndarray of float32, shape (channels, h, w)
            Features of the photo.
        cover : ndarray of float32, shape (h, w)
            Share of each cell of the features' grid that the mask covers.
        weight : float, optional
            Weight of the photo.
        """
        cells = features.reshape(len(features), -1).astype(np.float64)
        cells = np.vstack([cells, np.ones(cells.shape[1])])
        weight /= cells.shape[1]
        self._moments = self._moments + weight * cells @ cells.T
        self._products = self._products + weight * cells @ (2 * cover.ravel() - 1)
        self.photos += 1

    def solved(self) -> tuple[NDArray[np.float32], float]:
        """Return the weights, float32 (channels,), and the bias; ValueError without photos."""
        if not self.photos:
            raise ValueError("at least one photo must give a mask, got none; add photos that show objects")
        squares = self._moments.diagonal().copy()
        # A channel that is zero in every photo would make the system singular.
        penalty = RIDGE * np.maximum(squares, np.finfo(np.float64).tiny ** 0.5)
        penalty[-1] = 0
        solution = np.linalg.solve(self._moments + np.diag(penalty), self._products)
        if not np.isfinite(solution).all():
            raise ValueError("features must be finite, got NaN or infinity; the classifier overflows on some photo")
        return solution[:-1].astype(np.float32), float(solution[-1])


def blended(coarse: NDArray[np.float32], objectness: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return (1 - share) of a map divided by its maximum, plus this share of a head's map: float32 (h, w) in [0, 1]."""
    height, width = coarse.shape
    other = cv2.resize(objectness, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray((1 - share) * coarse / max(coarse.max(), np.finfo(np.float32).tiny) + share * other, np.float32)
