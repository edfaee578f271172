"""Hints in a volume: voxels, a box, volumes of seeds. They are hard constraints of the cut (Boykov, Jolly 2001)."""

import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import PhotoError

VolumeLabels: TypeAlias = NDArray[np.uint8]
"""(D, H, W): NOWHERE, or a label from 1 on."""

NOWHERE: Final = 0
"""The value of voxels without a seed."""

BEHIND: Final = 1
"""The label of the background in seeds and labels of volumes; objects have 2 and more."""

_PICTURED: Final = {0: BEHIND, 128: NOWHERE, 255: BEHIND + 1}
"""The values of pictures of seeds that mean background, unknown and object."""


class Voxel(NamedTuple):
    """A voxel, by its indices in the array of the volume.

    Examples
    --------
    >>> wsseg.Voxel(z=4, y=10, x=12)
    Voxel(z=4, y=10, x=12)
    """

    z: int
    y: int
    x: int


class VolumeBox(NamedTuple):
    """A block of voxels; z1, y1 and x1 are exclusive.

    Examples
    --------
    >>> box = wsseg.VolumeBox(0, 10, 12, 4, 20, 22)
    >>> box.z1 - box.z0
    4
    """

    z0: int
    y0: int
    x0: int
    z1: int
    y1: int
    x1: int


@dataclass(frozen=True, kw_only=True, eq=False)
class VolumeHints:
    """Voxels whose label is certain; every part is optional.

    Examples
    --------
    >>> hints = wsseg.VolumeHints(foreground=[(5, 20, 20)], background=[(5, 2, 2), (1, 20, 20)])
    >>> len(hints.background)
    2
    """

    box: VolumeBox | None = None
    """All objects lie inside the box; all voxels outside are background."""
    foreground: Sequence[tuple[int, int, int]] = ()
    """Voxels (z, y, x) of the object."""
    background: Sequence[tuple[int, int, int]] = ()
    """Voxels (z, y, x) of the background."""
    seeds: NDArray[np.integer] | None = None
    """(D, H, W): with 0 for background, 128 for unknown and 255 for the object and no other value; or with 0 for
    unknown, 1 for background, and 2 and more for one object each."""

    def __post_init__(self) -> None:
        for name in ("foreground", "background"):
            places = getattr(self, name)
            if not isinstance(places, Iterable):
                raise _no_voxels(name, places)
            object.__setattr__(self, name, tuple(places))


def labels_from_hints(hints: VolumeHints | NDArray[np.integer], shape: tuple[int, ...]) -> VolumeLabels:
    """Return the seeds of a volume: 0 where nothing is known, 1 for background, 2 and more for objects.

    Raises
    ------
    TypeError
        If a hint is no box, voxel or array of seeds.
    PhotoError
        If a hint lies outside the volume, hints contradict each other, or one side has no seed.
    """
    if isinstance(hints, np.ndarray):
        hints = VolumeHints(seeds=hints)
    if not isinstance(hints, VolumeHints):
        raise TypeError(
            f"hints must be wsseg.VolumeHints or an array of seeds, got {type(hints).__name__}; "
            "use wsseg.VolumeHints(foreground=[...], background=[...])"
        )
    seeds = np.zeros(shape, np.uint8) if hints.seeds is None else _labels_of(hints.seeds, shape)
    for label, name in ((BEHIND, "background"), (BEHIND + 1, "foreground")):
        for place in getattr(hints, name):
            voxel = _voxel(place, shape, name)
            if seeds[voxel] not in (NOWHERE, label):
                raise _contradiction(voxel)
            seeds[voxel] = label
    _mark_outside(seeds, hints.box)
    _check_both(seeds)
    return seeds


def _labels_of(seeds: Any, shape: tuple[int, ...]) -> VolumeLabels:
    """Return an array of seeds in the coding of this module."""
    if not isinstance(seeds, np.ndarray) or seeds.dtype.kind not in "iu" or np.ma.isMaskedArray(seeds):
        got = f"{seeds.dtype} {type(seeds).__name__}" if isinstance(seeds, np.ndarray) else type(seeds).__name__
        raise TypeError(
            f"seeds must be an array of integers, got {got}; use 0 for unknown, 1 for background and 2 for the object"
        )
    if seeds.shape != shape:
        raise PhotoError(f"seeds must have the shape of the volume, {shape}, got {seeds.shape}; resample them")
    low, high = int(seeds.min()), int(seeds.max())
    if low < 0 or high > 255:
        raise PhotoError(
            f"seeds must hold 0 to 255, got {low} to {high}; use 0 for unknown, 1 for background, "
            "and 2 and more for objects"
        )
    labels = seeds.astype(np.uint8)
    values = np.flatnonzero(np.bincount(labels.ravel())).tolist()
    # Other integers that are all 0 say nothing yet.
    if set(values) <= set(_PICTURED) and (seeds.dtype == np.uint8 or high > 0):
        coded = np.zeros(256, np.uint8)
        coded[list(_PICTURED)] = list(_PICTURED.values())
        return np.asarray(coded[labels])
    return labels


def _voxel(place: Any, shape: tuple[int, ...], name: str) -> tuple[int, int, int]:
    try:
        z, y, x = place
        whole = (int(z), int(y), int(x))
        inside = whole == (z, y, x) and all(0 <= at < side for at, side in zip(whole, shape, strict=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_voxels(name, place) from error
    if not inside:
        raise PhotoError(
            f"{name} must be voxels (z, y, x) of the volume {shape}, got {place!r}; use whole numbers from 0 "
            "and below these"
        )
    return whole


def _mark_outside(seeds: VolumeLabels, box: VolumeBox | None) -> None:
    """Mark all voxels outside the box as background."""
    if box is None:
        return
    try:
        z0, y0, x0, z1, y1, x1 = map(int, box)
        whole = (z0, y0, x0, z1, y1, x1) == tuple(box)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(
            f"box must be z0, y0, x0, z1, y1, x1 in whole numbers, got {box!r}; write six numbers"
        ) from error
    depth, height, width = seeds.shape
    if not (whole and 0 <= z0 < z1 <= depth and 0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise PhotoError(
            f"box must lie within the volume {seeds.shape} and hold a voxel, got {tuple(box)}; "
            "use z0 < z1, y0 < y1 and x0 < x1"
        )
    outside = np.ones(seeds.shape, np.bool_)
    outside[z0:z1, y0:y1, x0:x1] = False
    if (clash := outside & (seeds > BEHIND)).any():
        raise _contradiction(tuple(np.argwhere(clash)[0].tolist()))
    seeds[outside] = BEHIND


def _no_voxels(name: str, got: object) -> TypeError:
    return TypeError(
        f"{name} must be voxels (z, y, x) in whole numbers, got {reprlib.repr(got)}; write voxels as [(4, 120, 80)], "
        "or give an array as seeds"
    )


def _contradiction(voxel: tuple[int, ...]) -> PhotoError:
    return PhotoError(f"hints must not contradict each other, got two labels at voxel {voxel}; remove one of them")


def _check_both(seeds: VolumeLabels) -> None:
    """Raise PhotoError unless the background and an object have seeds."""
    present = np.bincount(seeds.ravel(), minlength=256) > 0
    missing = [
        name for name, held in (("background", present[BEHIND]), ("object", present[BEHIND + 1 :].any())) if not held
    ]
    if missing:
        raise PhotoError(
            f"hints must hold background and an object, got no {' and no '.join(missing)}; "
            f"mark a voxel of {'each' if len(missing) == 2 else missing[0]}"
        )
