"""How like the object a pixel is: a linear model of the network's features, learned from the labels of one photo.

It is a ridge regression to 1 on the object and -1 on the background (Hastie, Tibshirani, Friedman 2009, The Elements of
Statistical Learning, section 3.4.1). The mask so far gives many labels, some of which are wrong; hints give few, all of
which are right.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, Mask, Seeds

HINTS: Final = 1.0
"""Weight of all hinted cells of one label together; all cells of one label of the mask weigh 0.5 together."""

PENALTY: Final = 0.01
"""Weight of the squared coefficients of standardized features; .003 was about as good."""


def cells_of(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the features (channels, h, w) of each cell, standardized, and a one: (h * w, channels + 1)."""
    cells = features.reshape(len(features), -1).T.astype(np.float64)
    cells = (cells - cells.mean(axis=0)) / (cells.std(axis=0) + np.finfo(np.float32).eps)
    return np.column_stack([cells, np.ones(len(cells))])


def likeness_of(cells: NDArray[np.float64], mask: Mask, hinted: Seeds, *, emphasis: float) -> NDArray[np.float32]:
    """Return the likeness to the object of each cell, (h, w) in [-1, 1].

    Parameters
    ----------
    cells : (h * w, channels + 1) float64 array
        Features on a grid over the photo, see `cells_of`.
    mask : (h, w) bool array
        The mask so far.
    hinted : (h, w) uint8 array
        The hinted cells, which overrule the mask: FOREGROUND, BACKGROUND or UNKNOWN.
    emphasis : float
        Factor of the hints' weight.

    Returns
    -------
    (h, w) float32 array
    """
    wanted, weights = np.where(mask.ravel(), 1.0, -1.0), np.zeros(len(cells))
    for sign in (-1.0, 1.0):
        held = wanted == sign
        weights[held] = 0.5 / max(1, int(held.sum()))
    for side, sign in ((BACKGROUND, -1.0), (FOREGROUND, 1.0)):
        said = hinted.ravel() == side
        wanted[said], weights[said] = sign, emphasis * HINTS / max(1, int(said.sum()))
    weighted = (cells * weights[:, None]).T
    penalty = np.diag(np.append(np.full(cells.shape[1] - 1, PENALTY), np.finfo(np.float64).tiny))
    coefficients = np.linalg.lstsq(weighted @ cells + penalty, weighted @ wanted, rcond=None)[0]
    return np.asarray((cells @ coefficients).clip(-1, 1).reshape(mask.shape), np.float32)
