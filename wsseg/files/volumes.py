"""Volumes from files: TIFF stacks, NIfTI, NumPy arrays and folders of numbered slices."""

import gzip
import math
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsseg.files.decode import opened_picture
from wsseg.files.find import pictures_below
from wsseg.files.levels import ReadError
from wsseg.files.store import one_line, replacing
from wsseg.files.tiff import is_tiff

MAX_VOXELS: Final = 2_000_000_000
"""Volumes with more values than this are refused unless the caller allows more."""

_NIFTI: Final = (".nii", ".nii.gz")


class Volume(NamedTuple):
    """The values of a volume, and where its voxels are.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.Volume(np.zeros((4, 8, 8)), spacing=(2.0, 0.5, 0.5)).values.shape
    (4, 8, 8)
    """

    values: NDArray[Any]
    """(Z, Y, X) or (Z, Y, X, C), of any real type."""
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Size of a voxel along z, y and x."""
    affine: NDArray[np.float64] | None = None
    """(4, 4): NIfTI's affine, from its own indices (x, y, z) to the coordinates of a scanner; None for other files."""


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
    reader = _read_slices if file.is_dir() else READERS.get(_suffix_of(file))
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
    ValueError
        If the path ends otherwise.
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
    data = WRITERS[check_volume_name(file)](volume)
    with replacing(file) as stream:
        stream.write(data)


def check_volume_name(path: Path) -> str:
    """Return the suffix of a file to write a volume to; ValueError unless it is a known one."""
    suffix = _suffix_of(path)
    if suffix not in WRITERS:
        raise ValueError(f"the path of a volume must end in {', '.join(WRITERS)}, got '{path}'; use mask.tif")
    return suffix


def _suffix_of(path: Path) -> str:
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


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
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        _check_size(series.shape, path, max_voxels)
        axes, shape = series.axes, series.shape
        values = series.asarray()
        spacing = _tiff_spacing(file)
    kept = [place for place, (axis, side) in enumerate(zip(axes, shape, strict=True)) if side > 1 or axis in "YX"]
    names = [axes[place] for place in kept]
    values = values.reshape([shape[place] for place in kept])
    if "C" in names or "S" in names:
        channels = names.index("C" if "C" in names else "S")
        values = np.moveaxis(values, channels, -1)
        names = [*names[:channels], *names[channels + 1 :]]
        values = values[None] if len(names) == 2 else values
    return Volume(values[None] if values.ndim == 2 else values, spacing)


def _tiff_spacing(file: tifffile.TiffFile) -> tuple[float, float, float]:
    """Return the spacing of ImageJ's metadata, with its pixels along y and x; all 1 if the file states none."""
    described = file.imagej_metadata or {}
    if "spacing" not in described:
        return 1.0, 1.0, 1.0
    tags = file.pages[0].tags  # type: ignore[union-attr]  # Only later pages may be frames, which have none.
    steps = [described["spacing"]]
    for name in ("YResolution", "XResolution"):
        above, below = tags[name].value if name in tags else (1, 1)
        steps.append(below / above if above and below else 1.0)
    z, y, x = (float(step) if 0 < float(step) < math.inf else 1.0 for step in steps)
    return z, y, x


def _read_nifti(path: Path, max_voxels: int) -> Volume:
    image = _nibabel().load(path)
    _check_size(image.shape, path, max_voxels)
    values = np.asarray(image.dataobj)
    values = values.reshape((*values.shape[:3], -1)) if values.ndim > 4 else values
    order = (2, 1, 0, 3)[: values.ndim] if values.ndim > 2 else (1, 0)
    z, y, x = (abs(float(step)) or 1.0 for step in image.header.get_zooms()[2::-1])
    return Volume(np.ascontiguousarray(values.transpose(order)), (z, y, x), np.asarray(image.affine, np.float64))


def _read_slices(folder: Path, max_voxels: int) -> Volume:
    files = sorted(pictures_below(folder), key=lambda path: (_numbers_in(path.name), path.name))
    if not files:
        raise ReadError(f"'{folder}' must hold slices, got no picture; give a folder of numbered pictures")
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


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise ReadError("NIfTI files need nibabel; install it with pip install 'wsseg[nifti]'") from error
    return nibabel


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
    image = _nibabel().Nifti1Image(np.ascontiguousarray(volume.values.T), affine)
    return bytes(image.to_bytes())


def _packed_nifti(volume: Volume) -> bytes:
    return gzip.compress(_nifti_bytes(volume), mtime=0)  # The same volume gives the same file.


READERS: Final[Mapping[str, Callable[[Path, int], Volume]]] = MappingProxyType(
    {
        ".tif": _read_tiff,
        ".tiff": _read_tiff,
        **dict.fromkeys(_NIFTI, _read_nifti),
        ".npy": _read_numpy,
    }
)
"""The reader of each suffix."""

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
