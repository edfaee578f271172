"""The cut of a volume in a file."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import PhotoError
from wsseg.files.store import check_new_file
from wsseg.files.volumes import check_volume_name, read_volume
from wsseg.recipe import VOLUME_MEMORY, VolumeRecipe
from wsseg.volumes.results import VolumeSegmentation
from wsseg.volumes.session import open_volume
from wsseg.volumes.solver import Track


def segment_volume_file(
    volume: str | PathLike[str],
    seeds: str | PathLike[str],
    out: str | PathLike[str],
    *,
    spacing: tuple[float, float, float] | None = None,
    recipe: VolumeRecipe | None = None,
    memory: float = VOLUME_MEMORY,
    force: bool = False,
    track: Track = iter,
    notice: Callable[[str], None] = lambda text: None,
) -> VolumeSegmentation:
    """Cut a volume from a file by the seeds in another, and write the mask, or the labels of several objects.

    Parameters
    ----------
    volume : path
        File or folder of slices, see `read_volume`.
    seeds : path
        File or folder of the same shape, with the values that `VolumeHints.seeds` takes.
    out : path
        File to write: `.tif`, `.nii`, `.nii.gz` or `.npy`. A NIfTI has the affine of the volume.
    spacing : (float, float, float), optional
        Size of a voxel along z, y and x; default: that of the file, else a cube's.
    recipe : VolumeRecipe, optional
        All numbers of the method.
    memory : float
        GB that the cut may take, estimated.
    force : bool
        Replace `out` if it exists.
    track : callable, optional
        Iterates over the stages of the cut, to show the progress.
    notice : callable, optional
        Takes sentences about the scaling and the plan, before the work.

    Returns
    -------
    VolumeSegmentation

    Raises
    ------
    ReadError, ValueError
        If a file cannot be read, shapes differ, or seeds are missing or contradict each other.
    OSError
        If `out` exists, or cannot be written.
    """
    check_volume_name(Path(out))
    check_new_file(Path(out), force=force)
    _check_apart(Path(out), volume, seeds)
    given, marked = read_volume(volume), _whole(read_volume(seeds).values, seeds)
    if marked.shape != given.values.shape[:3]:
        raise PhotoError(
            f"'{seeds}' must have the shape of '{volume}', {given.values.shape[:3]}, got {marked.shape}; resample it"
        )
    with open_volume(given, spacing=spacing, recipe=recipe, memory=memory) as session:
        sides = " x ".join(map(str, session.plan.shape))
        how = "as a whole" if session.plan.exact else f"at {sides}, then in bands up to its own size"
        scaled = " and ".join(f"{low:g} to {high:g}" for low, high in session.ranges)
        notice(f"values {scaled} are scaled; the volume is cut {how}, in about {session.plan.gigabytes:.1f} GB")
        found = session.segment(marked, track=track)
    found.save(out, labels=bool(found.seeds.max() > 2))
    return found


def _check_apart(out: Path, *inputs: str | PathLike[str]) -> None:
    """Raise ValueError if writing `out` would replace an input, or a slice of one."""
    for given in map(Path, inputs):
        if given.resolve() in (out.resolve(), *out.resolve().parents):
            raise ValueError(f"out must be apart from '{given}', which is read, got '{out}'; choose another name")


def _whole(seeds: NDArray[Any], path: str | PathLike[str]) -> NDArray[np.integer]:
    """Return the seeds as integers; some programs write whole numbers as floats."""
    if seeds.dtype.kind in "iu":
        return seeds
    if seeds.dtype.kind == "f" and not (np.rint(seeds) == seeds).all():
        raise PhotoError(f"'{path}' must hold whole numbers, got {seeds.dtype}; save the seeds as integers")
    return seeds.astype(np.int64)
