"""Masks, truths and labels from files."""

import os
from os import PathLike
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Labels, Mask, Seeds
from wsseg.files.decode import (
    WHITE_16,
    WIDE_MODES,
    ReadError,
    check_unit_range,
    levels_of,
    opened_picture,
    read_file,
    upright,
)
from wsseg.files.encode import VOC_COLORS
from wsseg.recipe import MAX_PIXELS

_OBJECT_VALUES: Final = (1, 255, WHITE_16)
"""What a file of two values may hold beside 0."""

UNKNOWN_LEVEL: Final = 128
"""What is unknown in a picture of seeds, whose background is 0 and whose object 255."""


def read_mask(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Mask:
    """The mask of a file that holds 0 with 1, with 255 or, in 16 bits, with 65535; ReadError names any other value."""
    return np.asarray(read_truth(path, void=None, max_pixels=max_pixels) == FOREGROUND)


def read_truth(path: str | PathLike[str], *, void: int | None, max_pixels: int = MAX_PIXELS) -> Seeds:
    """The truth of a file like a mask's in which the value `void`, if one is named, stands for UNKNOWN.

    A palette of greys stands for its greys, any other, and that of PASCAL VOC, for its indices. Three equal channels
    count as one.
    ReadError names the first values that are none of 0, the object's and `void`.
    """
    levels = _read_levels(path, max_pixels)
    others = _values_beside(levels, 0 if void is None else void)
    if not _is_object_value(others):
        raise ReadError(
            f"{path} must hold 0 with 1 or with 255, got also {_first(others)}; declare a void value "
            "(--void), threshold it, or save it as PNG if it is a JPEG, which changes values"
        )
    truth = np.where(levels != 0, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    if void is not None:
        truth[levels == void] = UNKNOWN
    return truth


def read_labels(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Labels:
    """The labels of a file that `write_labels` wrote, or of any with a palette or of grey values of 8 bits."""
    levels = _read_levels(path, max_pixels)
    if levels.dtype != np.uint8:
        raise ReadError(f"{path} must hold labels of 8 bits, got {levels.dtype}; save it as wsseg.write_labels does")
    return levels


def read_soft_mask(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.float32]:
    """The grey mask of a file, float32 (H, W) in [0, 1]: by its full range, or by its own white if it has two values.

    So a mask of 0 and 1 holds 0.0 and 1.0, not 1/255.
    """
    levels = read_soft_levels(path, max_pixels=max_pixels)
    return levels if levels.dtype == np.float32 else levels.astype(np.float32) / np.float32(255)


def read_soft_levels(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """The mask of `read_soft_mask`, in uint8 levels of which 255 is 1 where the file has 8 bits."""
    levels = _read_levels(path, max_pixels)
    if levels.dtype.kind == "f":
        check_unit_range(levels, os.fspath(path))
        return levels.astype(np.float32)
    others = _values_beside(levels)
    white = int(others.max(initial=1)) if _is_object_value(others) else np.iinfo(levels.dtype).max
    if levels.dtype == np.uint8:
        return levels if white == 255 else levels * np.uint8(255)
    return levels.astype(np.float32) / np.float32(white)


def read_class_ids(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint16]:
    """The class of each pixel as ImageNet-S codes it, red + 256 green; ReadError names any blue.

    Gao et al., "Large-scale Unsupervised Semantic Segmentation" (2022), and https://github.com/LUSSeg/ImageNet-S.
    """
    with opened_picture(path, max_pixels, [], os.fspath(path)) as picture:
        red, green, blue = np.moveaxis(np.array(upright(picture, []).convert("RGB"), np.uint16), 2, 0)
    if blue.any():
        raise ReadError(f"{path} must hold classes in red and green, got blue; save them as ImageNet-S does")
    return np.asarray(red + 256 * green, np.uint16)


def _values_beside(levels: NDArray[Any], void: int = 0) -> NDArray[Any]:
    if levels.dtype != np.uint8:
        return np.setdiff1d(levels, [0, void])
    high = levels.max()
    if ((levels == 0) | (levels == high)).all():  # As in most masks, in a hundredth of the time.
        return np.array([value for value in (high,) if value not in (0, void)])
    return np.setdiff1d(np.flatnonzero(np.bincount(levels.ravel(), minlength=256)), [0, void])


def _is_object_value(others: NDArray[Any]) -> bool:
    return others.size == 0 or (others.size == 1 and others[0] in _OBJECT_VALUES)


def _first(values: NDArray[Any], count: int = 5) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:count])
    return shown if values.size <= count else f"{shown} and {values.size - count} more"


def _read_levels(path: str | PathLike[str], max_pixels: int) -> NDArray[Any]:
    """What the one channel of the file holds: uint8, uint16 or float (H, W), upright."""
    notes: list[str] = []  # They are about colors and metadata, of which a mask has none.
    # A path in an object store is no PathLike.
    source = path if isinstance(path, str | PathLike) else read_file(path, max_pixels=max_pixels)
    with opened_picture(source, max_pixels, notes, str(path)) as picture:
        return _one_channel(upright(picture, notes), str(path))


def _one_channel(picture: pillow.Image, name: str) -> NDArray[Any]:
    if picture.mode in ("1", "L", *WIDE_MODES):
        levels = levels_of(picture, name)
        return levels.astype(np.uint8) if levels.dtype == np.bool_ else levels
    if picture.mode not in ("P", "PA", "LA", "RGB", "RGBA"):
        raise _colored(name, f"mode {picture.mode}")
    colors, alpha = np.split(np.array(picture.convert("RGBA")), [3], axis=2)
    grey = bool((colors == colors[..., :1]).all())
    if picture.mode in ("P", "PA"):
        # Some colors of VOC, such as its cars', are greys too.
        return colors[..., 0] if grey and not _is_of_voc(picture) else np.array(picture.getchannel(0))
    if not grey or alpha.min() < 255:
        raise _colored(name, "transparency" if grey else "colors")
    return colors[..., 0]


def _is_of_voc(picture: pillow.Image) -> bool:
    return picture.getpalette() == VOC_COLORS.ravel().tolist()


def _colored(name: str, got: str) -> ReadError:
    return ReadError(f"{name} must have one channel, got {got}; save the mask as a grey PNG")
