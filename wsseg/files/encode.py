"""Masks, labels and pictures as files."""

import math
from collections.abc import Mapping
from io import BytesIO
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from wsseg.arrays import Labels, Mask, PhotoError, check_labels, check_mask
from wsseg.files.decode import has_channels
from wsseg.files.store import check_new_file, replacing

QUALITY: Final = 92
"""Quality of jpg and webp. On scikit-image's photos, a cut-out as webp has an error of 2.3 levels (RMS) at a seventh of
the PNG's size, an overlay as jpg the same at a fifth; 95 makes both a third larger for half a level less."""

PICTURE_FORMATS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "png": {"format": "PNG"},
        "webp": {"format": "WEBP", "quality": QUALITY},
        # Pillow's default halves the resolution of color, which makes an overlay's thin contour pale, as in webp.
        "jpg": {"format": "JPEG", "quality": QUALITY, "subsampling": "4:4:4"},
    }
)
"""Pillow's options for each format."""

SUFFIXES: Final[Mapping[str, str]] = MappingProxyType({".png": "png", ".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg"})
"""The format of each suffix."""

_LONGEST: Final = {"webp": 16383, "jpg": 65500}
"""The longest side, in pixels, that the format can hold; PNG holds any photo."""

VOC_COLORS: Final[NDArray[np.uint8]] = np.sum(
    [(np.arange(256)[:, None] >> (3 * bit + np.arange(3)) & 1) << (7 - bit) for bit in range(3)], axis=0
).astype(np.uint8)
"""Red, green and blue of each label in the files of PASCAL VOC (`VOClabelcolormap` of its development kit), (256, 3).

They take a label's lowest three bits as their highest, then the next three, then the last two.
"""
VOC_COLORS.setflags(write=False)


def write_mask(path: str | PathLike[str], mask: Mask) -> None:
    """Write a mask as a grey PNG, 255 on the object and 0 elsewhere.

    The file is written whole or not at all, and missing folders are created.

    Parameters
    ----------
    path : path
        File to write, `.png`.
    mask : Mask
        bool array (H, W), True on the object.

    Raises
    ------
    ValueError, TypeError
        If the path does not end in `.png`, or the mask is another kind of array.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.write_mask("mask.png", np.eye(3, dtype=bool))
    >>> wsseg.read_mask("mask.png").sum()
    np.int64(3)
    """
    write_picture(path, check_mask(mask) * np.uint8(255))


def write_picture(path: str | PathLike[str], picture: NDArray[np.uint8]) -> None:
    """Write a picture as a PNG.

    The file is written whole or not at all, and missing folders are created.

    Parameters
    ----------
    path : path
        File to write, `.png`.
    picture : array
        uint8 array (H, W), (H, W, 3) or (H, W, 4).

    Raises
    ------
    ValueError
        If the path does not end in `.png`, or the picture is another kind of array.
    OSError
        If the file cannot be written.
    """
    _write_png(Path(path), encoded_picture(picture))


def write_labels(path: str | PathLike[str], labels: Labels) -> None:
    """Write labels as a PNG whose values are indices into the colors of PASCAL VOC: 0 black, 255 void.

    The file is written whole or not at all, and missing folders are created.

    Parameters
    ----------
    path : path
        File to write, `.png`.
    labels : Labels
        uint8 array (H, W): each pixel's label, 0 on the background.

    Raises
    ------
    ValueError, TypeError
        If the path does not end in `.png`, or the labels are another kind of array.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.write_labels("labels.png", np.array([[0, 1, 2]], np.uint8))
    >>> wsseg.read_labels("labels.png")
    array([[0, 1, 2]], dtype=uint8)
    """
    _write_png(Path(path), encoded_labels(labels))


def encoded_picture(picture: NDArray[np.uint8], format: str = "png") -> bytes:
    """Return the file of a uint8 array (H, W), (H, W, 3) or, except as jpg, (H, W, 4), in one of `PICTURE_FORMATS`.

    Equal arrays give equal bytes. A png keeps every value, a webp every alpha. PhotoError is raised for a side longer
    than the format can hold: 16383 pixels as webp, 65500 as jpg.
    """
    if picture.dtype != np.uint8 or not has_channels(picture):
        raise ValueError(
            f"picture must be a non-empty uint8 array of shape (H, W), (H, W, 3) or (H, W, 4), "
            f"got {picture.dtype} {picture.shape}; convert it first"
        )
    if format not in PICTURE_FORMATS:
        raise ValueError(f"format must be one of {', '.join(PICTURE_FORMATS)}, got {format!r}; choose one of these")
    _check_fits(picture, format)
    return _png_of(picture) if format == "png" else _saved(pillow.fromarray(picture), format)


def check_new_picture(path: str | PathLike[str], *, force: bool) -> str:
    """Return the format that the path's suffix stands for, before the picture is made.

    Parameters
    ----------
    path : str or path-like
        Picture to write, .png, .webp or .jpg.
    force : bool
        Whether an existing file may be replaced.

    Returns
    -------
    str
        One of `PICTURE_FORMATS`.

    Raises
    ------
    ValueError
        If no format has this suffix.
    FileExistsError
        If the path is a folder, or is a file and `force` is not set.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"out must end in {', '.join(SUFFIXES)}, got '{path}'; choose one of these suffixes")
    check_new_file(Path(path), force=force)
    return SUFFIXES[suffix]


def _check_fits(picture: NDArray[np.uint8], format: str) -> None:
    if format == "jpg" and picture.shape[2:] == (4,):
        raise ValueError("picture must be opaque as jpg, got four channels; give it a background")
    if max(picture.shape[:2]) > _LONGEST.get(format, math.inf):
        height, width = picture.shape[:2]
        raise PhotoError(
            f"picture must have sides of at most {_LONGEST[format]} pixels as {format}, got {width} x {height}; "
            "choose png"
        )


def encoded_labels(labels: Labels) -> bytes:
    """Return the PNG that `write_labels` writes."""
    picture = pillow.fromarray(check_labels(labels))
    picture.putpalette(VOC_COLORS.tobytes())
    return _saved(picture, "png")


def _png_of(picture: NDArray[np.uint8]) -> bytes:
    """Return a PNG whose pixels are coded as differences in runs.

    On photos it takes a fifth to a third of the time of Pillow's, for files 4 to 8 % larger; masks become smaller.
    """
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    levels = np.ascontiguousarray(picture)
    swapped = levels if picture.ndim == 2 else cv2.cvtColor(levels, order[picture.shape[2]])
    return bytes(cv2.imencode(".png", swapped, [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE])[1].data)


def _saved(picture: pillow.Image, format: str) -> bytes:
    file = BytesIO()
    picture.save(file, **PICTURE_FORMATS[format])
    return file.getvalue()


def _write_png(path: Path, data: bytes) -> None:
    if path.suffix.lower() != ".png":
        raise ValueError(
            f"path must end in .png, got '{path}'; rename it, since masks need a format that keeps every value"
        )
    with replacing(path) as file:
        file.write(data)
