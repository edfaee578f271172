"""The cost of a surface between voxels: its area, less where levels differ by more than noise does.

The weights of neighbors sum to the area of a surface in any direction, by the formula of Cauchy and Crofton (Boykov,
Kolmogorov 2003, "Computing geodesics and minimal surfaces via graph cuts", section 3.2). The contrast term is that of
Boykov and Jolly 2001, equation 3, where sigma is the noise of the camera.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import SphericalVoronoi

from wsseg.arrays import Offset, Pairwise, neighbors_at
from wsseg.graphcut.energy import Weights
from wsseg.volumes.levels import Levels

MEDIAN_OF_NOISE = 0.6745
"""Median of the absolute value of a normal variable of deviation 1."""


def surface_weights(offsets: Sequence[Offset], spacing: Sequence[float]) -> NDArray[np.float64]:
    """Return the area that each cut pair of neighbors stands for, as a multiple of a cube's face of a voxel's volume.

    It is V a / (pi |e|), where V is the volume of a voxel, e the step to the neighbor and a the solid angle of the
    directions nearest to e among all neighbors.

    Parameters
    ----------
    offsets : (K, 3) int
        Half of the neighbors, see `offsets_of`.
    spacing : (3,) float
        Size of a voxel along z, y and x, in any unit.

    Returns
    -------
    (K,) float64 array
    """
    steps = np.array(offsets, np.float64) * np.array(spacing)
    lengths = np.linalg.norm(steps, axis=1)
    directions = steps / lengths[:, None]
    angles = SphericalVoronoi(np.concatenate([directions, -directions])).calculate_areas()[: len(steps)]
    return np.asarray(math.prod(spacing) ** (1 / 3) * angles / (np.pi * lengths))


def noise_of(levels: Levels) -> float:
    """Return the deviation of the noise, in levels, of all channels together; at least that of rounding to 8 bits.

    It is estimated along the quietest axis, from the median of absolute differences between neighbors.
    """
    variance = 0.0
    for channel in np.moveaxis(levels, 3, 0):
        found = [
            float(np.median(np.abs(np.diff(channel.astype(np.int16), axis=axis)))) / (MEDIAN_OF_NOISE * math.sqrt(2))
            for axis, side in enumerate(channel.shape)
            if side > 1
        ]
        variance += max(1.0, min(found, default=1.0)) ** 2
    return math.sqrt(variance)


def contrast_of(offsets: Sequence[Offset], weights: NDArray[np.float64], *, smoothness: float, sigma: float) -> Weights:
    """Return a function that gives smoothness * weight * exp(-|I_p - I_q|^2 / (2 sigma^2)) for pairs at an offset."""
    areas = {
        step: weight for offset, weight in zip(offsets, weights, strict=True) for step in (offset, _negated(offset))
    }

    def weights_of(differences: NDArray[np.int32], offset: Offset) -> NDArray[np.float64]:
        squares = np.einsum("c...,c...->...", differences, differences)
        return np.asarray(smoothness * areas[offset] * np.exp(-squares / (2 * sigma**2)))

    return weights_of


def pairwise_of(levels: Levels, offsets: Sequence[Offset], weights_of: Weights) -> Pairwise:
    """Return the costs of all pairs of neighbors, (K, D, H, W) in nats."""
    pairwise = np.zeros((len(offsets), *levels.shape[:3]))
    channels = np.moveaxis(levels, 3, 0)
    for plane, offset in zip(pairwise, offsets, strict=True):
        here, there = neighbors_at(offset)
        plane[here] = weights_of(np.subtract(channels[:, *here], channels[:, *there], dtype=np.int32), offset)
    return pairwise


def _negated(offset: Offset) -> Offset:
    return tuple(-step for step in offset)
