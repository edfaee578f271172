"""The levels of a picture: their depth, their white, and how they become 8 bits."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from wsseg.arrays import Image, PhotoError

WIDE_MODES: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
"""Pillow's modes of more than 8 bits. Its own `convert` would clip them."""

WHITE_16: Final = 65535


class ReadError(PhotoError):
    """A file is not a usable picture; the message names the file, the reason and the remedy."""


def levels_of(picture: pillow.Image, name: str) -> NDArray[Any]:
    """Return the levels of a picture of one channel; 32-bit integers become 16-bit, the most that photos use."""
    levels = np.array(picture)
    return levels if levels.dtype != np.int32 else sixteen_bits(levels, name)


def sixteen_bits(levels: NDArray[Any], name: str) -> NDArray[np.uint16]:
    """Return integers of more bits as uint16, which holds them all; ReadError if it does not."""
    check_range(levels, WHITE_16, name)
    return levels.astype(np.uint16)


def check_range(levels: NDArray[Any], white: int, name: str) -> None:
    """Raise ReadError unless the integers lie in [0, white]."""
    if levels.min() < 0 or levels.max() > white:
        raise ReadError(
            f"{name} must hold levels in [0, {white}], got [{levels.min()}, {levels.max()}]; scale them to 16 bits"
        )


def check_unit_range(levels: NDArray[Any], name: str) -> None:
    """Raise ReadError unless the floats lie in [0, 1]."""
    if not (levels.min() >= 0 and levels.max() <= 1):
        raise ReadError(
            f"{name} must hold floats in [0, 1], got [{levels.min()}, {levels.max()}]; divide them by their white"
        )


def eight_bits(levels: NDArray[Any], name: str, white: int = WHITE_16) -> Image:
    """Return the levels with white at 255: uint8 unchanged, bool scaled, uint16 scaled from `white`, floats from 1."""
    match levels.dtype.kind, levels.dtype.itemsize:
        case "u", 1:
            return levels
        case "b", _:
            return levels * np.uint8(255)
        case "u", 2:
            return scaled(levels, white, name)
        case "f", _:
            check_unit_range(levels, name)
            return np.asarray(np.rint(levels * 255), np.uint8)
    raise ReadError(f"{name} must be bool, uint8, uint16 or float, got {levels.dtype}; convert it with astype of numpy")


def scaled(levels: NDArray[Any], white: int, name: str) -> Image:
    """Return integers in [0, white] scaled to 8 bits."""
    check_range(levels, white, name)
    return ((levels.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
