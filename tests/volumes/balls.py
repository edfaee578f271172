"""Small volumes with a known truth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float64]
Truth = NDArray[np.bool_]


def ball(shape: tuple[int, ...] = (16, 18, 20), radius: float = 5.5, noise: float = 0.0) -> tuple[Volume, Truth]:
    """A bright ball in the middle of the dark."""
    grid: Any = np.meshgrid(*(np.arange(side) - (side - 1) / 2 for side in shape), indexing="ij", sparse=True)
    truth = sum(axis**2 for axis in grid) < radius**2
    return truth + np.random.default_rng(0).normal(0, noise, shape), truth


def two_cells(noise: float = 0.2) -> tuple[Volume, NDArray[np.uint8]]:
    """Two bright balls that touch, 2 and 3, in the dark, 1."""
    z, y, x = np.meshgrid(np.arange(16) - 7.5, np.arange(18) - 8.5, np.arange(32) - 15.5, indexing="ij")
    labels = np.ones(z.shape, np.uint8)
    for label, middle in ((2, -6.2), (3, 6.2)):
        labels[(z**2 + y**2 + (x - middle) ** 2 < 6.5**2) & (np.sign(x) == np.sign(middle))] = label
    return (labels > 1) + np.random.default_rng(0).normal(0, noise, z.shape), labels


def marked(shape: tuple[int, ...], **voxels: list[tuple[int, int, int]]) -> NDArray[np.int32]:
    """Seeds with some voxels marked: `one` is background, `two` and `three` are objects."""
    seeds = np.zeros(shape, np.int32)
    for name, places in voxels.items():
        seeds[tuple(np.array(places).T)] = {"one": 1, "two": 2, "three": 3}[name]
    return seeds
