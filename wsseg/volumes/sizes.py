"""The sizes at which a volume is cut, chosen by the memory that the graph takes, before any work."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from wsseg.arrays import PhotoError
from wsseg.volumes.levels import Factors, halves_of

GIGABYTE: Final = 1e9

NODE_BYTES: Final = 48
"""Bytes of a node in PyMaxflow's graph of 64-bit capacities."""

LINK_BYTES: Final = 72
"""Bytes of a pair of neighbors: two arcs of 32 bytes each, and its weight."""

WORK_BYTES: Final = 96
"""Bytes of a voxel for costs, labels and all that is kept for a moment while the graph is built."""

LABELING_BYTES: Final = 64
"""Further bytes of a pair of neighbors where labels are more than two: its ends, and the tolls of a move."""

KEPT_BYTES: Final = 8
"""Bytes of a voxel at full size that are kept in any case, beside one for each channel: seeds and labels."""

BAND_SHARE: Final = 2.0
"""Bytes of bands, as a multiple of those of as many layers of a volume cut as a whole; measured on balls 0.6 as wide as
their volume."""


class Plan(NamedTuple):
    """How a volume will be cut."""

    halvings: tuple[Factors, ...]
    """The factors of each step from the full size to the one that is cut as a whole; empty if that is the full size."""
    shape: tuple[int, ...]
    """The size that is cut as a whole."""
    gigabytes: float
    """Memory that the cut takes, estimated, in GB."""

    @property
    def exact(self) -> bool:
        """True if the volume is cut as a whole."""
        return not self.halvings


def plan_of(
    shape: Sequence[int],
    spacing: Sequence[float],
    *,
    channels: int,
    labels: int,
    neighbors: int,
    band: int,
    memory: float,
) -> Plan:
    """Return the largest size of a volume whose graph fits into `memory` GB: its own, or one halved as often as needed.

    Raises
    ------
    PhotoError
        If even the smallest size would not fit.
    """
    kept = math.prod(shape) * (KEPT_BYTES + channels)
    bands = BAND_SHARE * 2 * (band + 1) * math.prod(shape) ** (2 / 3) * _bytes_of(2, neighbors)
    halvings, sides, steps = list[Factors](), tuple(shape), tuple(spacing)
    # No comparison with NaN is true.
    while not (needed := kept + math.prod(sides) * _bytes_of(labels, neighbors)) <= memory * GIGABYTE:
        factors = halves_of(steps, sides)
        if max(factors) == 1:
            raise PhotoError(
                f"memory must be at least {math.ceil(needed / GIGABYTE * 10) / 10} GB for a volume of "
                f"{' x '.join(map(str, shape))}, got {memory}; allow more or cut a part of the volume"
            )
        halvings.append(factors)
        sides = tuple(-(-side // factor) for side, factor in zip(sides, factors, strict=True))
        steps = tuple(step * factor for step, factor in zip(steps, factors, strict=True))
        kept = math.prod(shape) * (KEPT_BYTES + channels) + bands
    return Plan(tuple(halvings), sides, needed / GIGABYTE)


def small_factors(shape: Sequence[int], spacing: Sequence[float], *, voxels: int) -> Factors:
    """Return the factors that bring a volume to at most so many voxels."""
    sides, steps, total = tuple(shape), tuple(spacing), (1, 1, 1)
    while math.prod(sides) > voxels:
        factors = halves_of(steps, sides)
        sides = tuple(-(-side // factor) for side, factor in zip(sides, factors, strict=True))
        steps = tuple(step * factor for step, factor in zip(steps, factors, strict=True))
        total = product_of(total, factors)
    return total


def product_of(first: Factors, second: Factors) -> Factors:
    """Return the factors of two steps together."""
    z, y, x = (one * other for one, other in zip(first, second, strict=True))
    return z, y, x


def _bytes_of(labels: int, neighbors: int) -> float:
    """Return the bytes that a voxel takes where the volume is cut as a whole."""
    several = 0 if labels == 2 else LABELING_BYTES * neighbors / 2 + 24 * labels
    return NODE_BYTES + LINK_BYTES * neighbors / 2 + WORK_BYTES + several
