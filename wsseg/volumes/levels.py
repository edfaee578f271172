"""The levels of a volume, 8 bits a channel, and smaller copies of it."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.volumes.hints import NOWHERE, VolumeLabels

Levels = NDArray[np.uint8]
"""(D, H, W, C)."""

Factors = tuple[int, int, int]
"""How many voxels along each axis one larger voxel covers."""


SMALLEST_SPAN, LARGEST_SPAN = 1e-300, 1e300
"""Differences between values that can be scaled without leaving the numbers of 64 bits."""


class Range(NamedTuple):
    """The values of a channel that became the levels 0 and 255; values beyond them were clipped."""

    low: float
    high: float


def levels_of(volume: Any, *, low: float, high: float) -> tuple[Levels, tuple[Range, ...]]:
    """Return the volume scaled to 8 bits by two percentiles of each channel, and the values of these percentiles.

    Raises
    ------
    TypeError, ValueError
        If the volume is no (D, H, W) or (D, H, W, C) array of finite real numbers.
    """
    array = _checked(volume)
    levels, ranges = np.empty(array.shape, np.uint8), []
    for channel in range(array.shape[3]):
        values = array[..., channel]
        floor, ceiling = map(float, np.percentile(values.astype(np.float64, copy=False), (low, high)))
        if floor == ceiling:  # Few voxels differ from all others, as in a volume of two values.
            floor, ceiling = float(values.min()), float(values.max())
        if not (floor == ceiling or SMALLEST_SPAN <= ceiling - floor <= LARGEST_SPAN):
            raise ValueError(
                f"volume must span {SMALLEST_SPAN:g} to {LARGEST_SPAN:g}, got values from {floor:g} to {ceiling:g}; "
                "rescale them"
            )
        scale = 255 / (ceiling - floor) if ceiling > floor else 0.0
        for place, plane in enumerate(values):
            levels[place, ..., channel] = np.rint(((plane.astype(np.float64) - floor) * scale).clip(0, 255))
        ranges.append(Range(floor, ceiling))
    return levels, tuple(ranges)


def _checked(volume: Any) -> NDArray[Any]:
    """Return the volume with an axis of channels."""
    if not isinstance(volume, np.ndarray) or volume.dtype.kind not in "biuf":
        got = f"{volume.dtype} array" if isinstance(volume, np.ndarray) else type(volume).__name__
        raise TypeError(f"volume must be an array of real numbers, got {got}; see wsseg.read_volume")
    if np.ma.isMaskedArray(volume):
        raise TypeError("volume must have no mask of its own, got a masked array; use volume.filled(0)")
    if volume.ndim not in (3, 4) or volume.size == 0:
        raise ValueError(
            f"volume must be a non-empty array (Z, Y, X) or (Z, Y, X, C), got shape {volume.shape}; "
            "use volume[None] for a single slice"
        )
    if volume.dtype.kind == "f" and not all(np.isfinite(plane).all() for plane in volume):
        raise ValueError("volume must be finite, got NaN or infinity; use numpy.nan_to_num(volume)")
    return volume[..., None] if volume.ndim == 3 else volume


def halves_of(spacing: tuple[float, ...], shape: tuple[int, ...]) -> Factors:
    """Return which axes to halve, as factors 2 and 1: the finest ones, so that voxels become cubes."""
    finest = min((step for step, side in zip(spacing, shape, strict=True) if side > 1), default=0.0)
    z, y, x = (2 if side > 1 and step < 2 * finest else 1 for step, side in zip(spacing, shape, strict=True))
    return z, y, x


def shrunk_levels(levels: Levels, factors: Factors) -> Levels:
    """Return the means of blocks of voxels, rounded; blocks at the end are filled with their last voxels."""
    sums = blocks_of(levels, factors, "edge").sum(axis=(1, 3, 5), dtype=np.uint32)
    return np.asarray(np.rint(sums / math.prod(factors)), np.uint8)


def shrunk_seeds(seeds: VolumeLabels, factors: Factors) -> VolumeLabels:
    """Return the seeds of blocks of voxels: a block with seeds of one label has it, one with several is unknown."""
    blocks = blocks_of(seeds[..., None], factors, "constant")
    most = blocks.max(axis=(1, 3, 5))
    least = (blocks - np.uint8(1)).min(axis=(1, 3, 5)) + np.uint8(1)  # Unknown wraps around to the largest.
    return np.asarray(np.where(most == least, most, NOWHERE)[..., 0], np.uint8)


def enlarged_labels(labels: VolumeLabels, factors: Factors, shape: tuple[int, ...]) -> VolumeLabels:
    """Return the labels of blocks for each of their voxels, in a volume of that shape."""
    for axis, factor in enumerate(factors):
        if factor > 1:
            labels = labels.repeat(factor, axis)
    return np.ascontiguousarray(labels[tuple(map(slice, shape))])


def blocks_of(array: NDArray[Any], factors: Factors, mode: Any) -> NDArray[Any]:
    """Return the array as (d, fz, h, fy, w, fx, C)."""
    ends = [(0, -side % factor) for side, factor in zip(array.shape, factors, strict=False)]
    if any(end for _, end in ends):
        array = np.pad(array, [*ends, (0, 0)], mode=mode)
    (fz, fy, fx), (depth, height, width, channels) = factors, array.shape
    return array.reshape(depth // fz, fz, height // fy, fy, width // fx, fx, channels)
