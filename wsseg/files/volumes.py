"""Volumes from files and into files: TIFF stacks, NIfTI, NumPy arrays; folders of slices are read only."""

import gzip
from collections.abc import Callable, Mapping
from io import BytesIO
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsseg.files.levels import ReadError
from wsseg.files.store import one_line, replacing
from wsseg.files.volume import Volume, check_spacing
from wsseg.files.volume_readers import NIFTI, READERS, nibabel, read_slices

MAX_VOXELS: Final = 2_000_000_000
"""Volumes with more values than this are refused unless the caller allows more."""


def read_volume(path: str | PathLike[str], *, max_voxels: int = MAX_VOXELS) -> Volume:
    """Read a volume from a TIFF stack, a NIfTI or NumPy file, or a folder of slices.

    Slices are read in the order of the numbers in their names. NIfTI needs `pip install 'wsseg[nifti]'`.

    Parameters
    ----------
    path : path
        A file that ends in `.tif`, `.tiff`, `.nii`, `.nii.gz` or `.npy`, or a folder of pictures of one size.
    max_voxels : int
        Volumes of more values are refused.

    Returns
    -------
    Volume
        Values (Z, Y, X) or (Z, Y, X, C), the spacing that the file states (else 1), and NIfTI's affine.

    Raises
    ------
    ReadError
        If the file cannot be read or holds no volume.

    Examples
    --------
    >>> import numpy as np
    >>> np.save("cells.npy", np.zeros((4, 8, 8), np.uint16))
    >>> wsseg.read_volume("cells.npy").values.shape
    (4, 8, 8)
    """
    file = Path(path)
    reader = read_slices if file.is_dir() else READERS.get(_suffix_of(file))
    if reader is None:
        raise ReadError(
            f"'{file}' must be a folder of slices or end in {', '.join(READERS)}, got '{file.suffix}'; convert it"
        )
    if not file.exists():
        raise ReadError(f"'{file}' must exist, got nothing at this path; correct the path")
    try:
        volume = reader(file, max_voxels)
    except (ReadError, ImportError):
        raise
    except Exception as error:  # The libraries raise errors of many types for damaged files.
        raise ReadError(
            f"'{file}' must be a readable volume, got '{one_line(error)}'; re-copy it if it is truncated"
        ) from error
    if volume.values.ndim not in (3, 4) or volume.values.size == 0 or volume.values.dtype.kind not in "biuf":
        raise ReadError(
            f"'{file}' must hold real numbers (Z, Y, X) or (Z, Y, X, C), got {volume.values.dtype} "
            f"{volume.values.shape}; convert it"
        )
    return volume


def write_volume(path: str | PathLike[str], volume: Volume) -> None:
    """Write a volume as a TIFF stack, a NIfTI or a NumPy file.

    The file is written whole or not at all, and missing folders are created. A TIFF states the spacing along z only;
    a NumPy file states none.

    Parameters
    ----------
    path : path
        File to write: `.tif`, `.tiff`, `.nii`, `.nii.gz` or `.npy`.
    volume : Volume
        Values (Z, Y, X), their spacing and affine. Without an affine, a NIfTI has one that scales by the spacing.

    Raises
    ------
    TypeError, ValueError
        If the path ends otherwise, the volume is not valid, or the file cannot hold values of that type.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.write_volume("mask.tif", wsseg.Volume(np.zeros((4, 8, 8), np.uint8), (2.0, 1.0, 1.0)))
    >>> wsseg.read_volume("mask.tif").spacing
    (2.0, 1.0, 1.0)
    """
    file = Path(path)
    suffix = check_volume_name(file)
    _check_writable(volume, suffix)
    data = WRITERS[suffix](volume)
    with replacing(file) as stream:
        stream.write(data)


def check_volume_name(path: Path) -> str:
    """Return the suffix of a file to write a volume to; ValueError unless it is a known one."""
    suffix = _suffix_of(path)
    if suffix not in WRITERS:
        raise ValueError(f"the path of a volume must end in {', '.join(WRITERS)}, got '{path}'; use mask.tif")
    return suffix


def _check_writable(volume: Volume, suffix: str) -> None:
    """Raise TypeError or ValueError unless a file with this suffix can hold the volume."""
    if not isinstance(volume, Volume) or not isinstance(volume.values, np.ndarray):
        got = type(volume.values if isinstance(volume, Volume) else volume).__name__
        raise TypeError(f"volume must be a wsseg.Volume of an array, got {got}; use wsseg.Volume(values)")
    values, allowed = volume.values, TYPES[suffix]
    if values.ndim != 3 or not values.size:
        raise ValueError(f"values must be a non-empty array (Z, Y, X), got shape {values.shape}; write one channel")
    if values.dtype.name not in allowed:
        raise TypeError(
            f"values must be {', '.join(allowed)} in a file '{suffix}', got {values.dtype}; "
            f"use values.astype('{allowed[-1]}')"
        )
    check_spacing(volume.spacing)
    if volume.affine is not None:
        affine = np.asarray(volume.affine)
        if affine.shape != (4, 4) or affine.dtype.kind not in "iuf" or not _is_invertible(affine):
            raise ValueError(
                f"affine must be an invertible (4, 4) array, got {affine.tolist()}; use that of read_volume"
            )


def _is_invertible(affine: NDArray[Any]) -> bool:
    return bool(np.isfinite(affine).all() and np.linalg.matrix_rank(affine) == len(affine))


def _suffix_of(path: Path) -> str:
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def _numpy_bytes(volume: Volume) -> bytes:
    buffer = BytesIO()
    np.save(buffer, volume.values, allow_pickle=False)
    return buffer.getvalue()


def _tiff_bytes(volume: Volume) -> bytes:
    buffer = BytesIO()
    z, y, x = volume.spacing
    tifffile.imwrite(
        buffer,
        volume.values,
        imagej=True,
        resolution=(1 / x, 1 / y),
        metadata={"axes": "ZYX", "spacing": z},
        compression="zlib",
    )
    return buffer.getvalue()


def _nifti_bytes(volume: Volume) -> bytes:
    affine = np.diag([*volume.spacing[::-1], 1.0]) if volume.affine is None else volume.affine
    image = nibabel().Nifti1Image(np.ascontiguousarray(volume.values.T), affine)
    return bytes(image.to_bytes())


def _packed_nifti(volume: Volume) -> bytes:
    return gzip.compress(_nifti_bytes(volume), mtime=0)  # The same volume gives the same file.


TYPES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys((".tif", ".tiff"), ("uint8", "int16", "uint16", "float32")),
        **dict.fromkeys(NIFTI, ("uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64")),
        ".npy": (
            "bool",
            *(f"{kind}{bits}" for kind in ("uint", "int") for bits in (8, 16, 32, 64)),
            "float32",
            "float64",
        ),
    }
)
"""The types of values that each suffix can hold."""

WRITERS: Final[Mapping[str, Callable[[Volume], bytes]]] = MappingProxyType(
    {
        ".tif": _tiff_bytes,
        ".tiff": _tiff_bytes,
        ".nii": _nifti_bytes,
        ".nii.gz": _packed_nifti,
        ".npy": _numpy_bytes,
    }
)
"""The writer of each suffix."""
