"""Readers of volumes: TIFF stacks, NIfTI, NumPy arrays and folders of numbered slices."""

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsseg.files.decode import opened_picture
from wsseg.files.find import pictures_below
from wsseg.files.levels import ReadError
from wsseg.files.tiff import is_tiff
from wsseg.files.volume import Volume, is_affine, spacing_of

NIFTI: Final = (".nii", ".nii.gz")


def _check_size(shape: tuple[int, ...], path: Path, max_voxels: int) -> None:
    if math.prod(shape) > max_voxels:
        raise ReadError(
            f"'{path}' must hold at most {max_voxels:,} values, got {' x '.join(map(str, shape))}; "
            "allow more (max_voxels) or cut out a part"
        )


def _read_numpy(path: Path, max_voxels: int) -> Volume:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(mapped, np.ndarray):
        raise ReadError(f"'{path}' must hold one array, got several; save it with numpy.save")
    _check_size(mapped.shape, path, max_voxels)
    return Volume(np.array(mapped))


def _read_tiff(path: Path, max_voxels: int) -> Volume:
    with _complaints_of_tifffile() as complaints, tifffile.TiffFile(path) as file:
        if len(file.series) != 1:
            raise ReadError(f"'{path}' must hold one stack, got {len(file.series)}; save one of them alone")
        series = file.series[0]
        _check_size(series.shape, path, max_voxels)
        axes, shape = series.axes, series.shape
        values = series.asarray()
        spacing = _ome_spacing(file.ome_metadata) if file.ome_metadata else _imagej_spacing(file)
    if complaints:  # It reads the slices before the damage, and leaves the others out.
        raise ValueError(complaints[0])
    kept = [place for place, (axis, side) in enumerate(zip(axes, shape, strict=True)) if side > 1 or axis in "YX"]
    names = "".join(axes[place] for place in kept)
    values = values.reshape([shape[place] for place in kept])
    if channels := set(names) & {"C", "S"}:
        place = names.index(min(channels))
        values, names = np.moveaxis(values, place, -1), names[:place] + names[place + 1 :]
    if "T" in names or len(names) > 3:
        raise ReadError(f"'{path}' must hold one volume, got the axes {axes} {shape}; save one of the volumes alone")
    return Volume(values[None] if len(names) == 2 else values, spacing)


@contextmanager
def _complaints_of_tifffile() -> Iterator[list[str]]:
    """Collect what tifffile logs about damage, in place of printing it."""
    complaints = list[str]()

    def collect(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR and record.thread == get_ident():
            complaints.append(record.getMessage())
            return False
        return True

    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield complaints
    finally:
        logger.removeFilter(collect)


def _ome_spacing(described: str) -> tuple[float, float, float]:
    """Return the spacing of OME's metadata; all 1 if it does not state all of it in one unit."""
    units = {_ome_value(described, f"PhysicalSize{axis}Unit") or "\u00b5m" for axis in "ZYX"}
    steps = [_ome_value(described, f"PhysicalSize{axis}") for axis in "ZYX"]
    known = len(units) == 1 and all(steps)
    return spacing_of(steps if known else [])


def _ome_value(described: str, name: str) -> str:
    """Return the value of an attribute of the first image; empty without one."""
    found = re.search(rf'\b{name}="([^"]*)"', described)
    return found[1] if found else ""


def _imagej_spacing(file: tifffile.TiffFile) -> tuple[float, float, float]:
    """Return the spacing of ImageJ's metadata, with its pixels along y and x; all 1 if the file states none."""
    described = file.imagej_metadata or {}
    if "spacing" not in described:
        return 1.0, 1.0, 1.0
    tags = file.pages.first.tags
    steps = [described["spacing"]]
    for name in ("YResolution", "XResolution"):
        above, below = tags[name].value if name in tags else (1, 1)
        steps.append(below / above if above and below else 1.0)
    return spacing_of(steps)


def _read_nifti(path: Path, max_voxels: int) -> Volume:
    image = nibabel().load(path)
    _check_size(image.shape, path, max_voxels)
    values = np.asarray(image.dataobj)
    values = values.reshape((*values.shape, 1, 1)[:3] + ((-1,) if math.prod(values.shape[3:]) > 1 else ()))
    order = (2, 1, 0, 3)[: values.ndim]
    spacing = spacing_of((*image.header.get_zooms(), 1.0)[2::-1])
    affine = np.asarray(image.affine, np.float64)
    return Volume(np.ascontiguousarray(values.transpose(order)), spacing, affine if is_affine(affine) else None)


def read_slices(folder: Path, max_voxels: int) -> Volume:
    files = _in_order(folder)
    first = _read_slice(files[0], max_voxels)
    _check_size((len(files), *first.shape), folder, max_voxels)
    values = np.empty((len(files), *first.shape), first.dtype)
    for place, file in enumerate(files):
        found = _read_slice(file, max_voxels)
        if found.shape != first.shape or found.dtype != first.dtype:
            raise ReadError(
                f"'{file}' must be like '{files[0].name}', {first.dtype} {first.shape}, "
                f"got {found.dtype} {found.shape}; remove it or convert it"
            )
        values[place] = found
    return Volume(values)


def _in_order(folder: Path) -> list[Path]:
    """Return the slices in a folder by the numbers in their names; ReadError if they do not grow evenly."""
    try:
        files = [path for path in pictures_below(folder) if path.parent == folder]
    except ValueError:
        files = []
    if not files:
        raise ReadError(f"'{folder}' must hold slices, got no picture; links and folders in it are not followed")
    files.sort(key=lambda path: (_numbers_in(path.name), path.name))
    numbers = [_numbers_in(path.name) for path in files]
    if len({len(one) for one in numbers}) > 1:
        raise ReadError(
            f"'{folder}' must hold names that differ in their numbers alone, got '{files[0].name}' and "
            f"'{next(file.name for file, one in zip(files, numbers, strict=True) if len(one) != len(numbers[0]))}'; "
            "rename or remove some"
        )
    varying = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    places = varying[-1] if varying else (0,) * len(files)
    for before, first, second in zip(range(len(files)), places, places[1:], strict=False):
        if second - first != places[1] - places[0] or second <= first:
            raise ReadError(
                f"'{folder}' must hold slices with evenly growing numbers, got '{files[before].name}' before "
                f"'{files[before + 1].name}'; add what is missing, or number them anew"
            )
    return files


def _read_slice(path: Path, max_voxels: int) -> NDArray[Any]:
    """Return the values of a picture as they are: (H, W) or (H, W, C)."""
    with path.open("rb") as file:
        tiff = is_tiff(file.read(4))
    if tiff:
        volume = _read_tiff(path, max_voxels)
        if len(volume.values) != 1:
            raise ReadError(f"'{path}' must hold one slice, got {len(volume.values)}; give the file itself")
        return np.asarray(volume.values[0])
    with opened_picture(path, max_voxels, [], f"'{path}'") as picture:
        return np.array(picture)


def _numbers_in(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", name)]


def nibabel() -> Any:
    """Return the library; ReadError if it is not installed."""
    try:
        import nibabel
    except ImportError as error:
        raise ReadError("NIfTI files need nibabel; install it with pip install 'wsseg[nifti]'") from error
    return nibabel


READERS: Final[Mapping[str, Callable[[Path, int], Volume]]] = MappingProxyType(
    {
        ".tif": _read_tiff,
        ".tiff": _read_tiff,
        **dict.fromkeys(NIFTI, _read_nifti),
        ".npy": _read_numpy,
    }
)
"""The reader of each suffix."""
