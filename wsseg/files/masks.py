"""Masks, truths and labels from files."""

from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Labels, Mask, Seeds
from wsseg.files.decode import opened_picture, read_file, upright
from wsseg.files.levels import WHITE_16, WIDE_MODES, ReadError, check_unit_range, levels_of
from wsseg.files.palettes import PALETTE_MODES, Palettes, palette_indices, palette_levels, palettes_in
from wsseg.recipe import MAX_PIXELS

_OBJECT_VALUES: Final = (1, 255, WHITE_16)
"""The values that a file of two values may hold beside 0."""

UNKNOWN_LEVEL: Final = 128
"""The value of unknown pixels in a picture of seeds; the background is 0 and the object 255."""


class ValuesError(ReadError):
    """A file holds other values than a mask does."""

    def __init__(self, fault: str, remedy: str = "", values: tuple[float, ...] = ()) -> None:
        super().__init__(f"{fault}; {remedy}" if remedy else fault)
        self.fault = fault
        self.values = values
        """The values in the file, without that of void."""


def read_mask(path: str | PathLike[str], *, palettes: Palettes | None = None, max_pixels: int = MAX_PIXELS) -> Mask:
    """Read a mask from a file of two values: 0 with 1, 255 or, in 16 bits, 65535.

    Parameters
    ----------
    path : path
        A picture of one channel, or of three equal ones.
    palettes : {"indices", "greys"}, optional
        Meaning of palettes, as found for a whole folder (default: decided by this file alone).
    max_pixels : int
        Larger pictures are refused.

    Returns
    -------
    Mask
        bool array (H, W), True on the object.

    Raises
    ------
    ReadError
        If the file cannot be read or holds other values.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.write_mask("mask.png", np.array([[True, False]]))
    >>> wsseg.read_mask("mask.png")
    array([[ True, False]])
    """
    return np.asarray(read_truth(path, void=None, palettes=palettes, max_pixels=max_pixels) == FOREGROUND)


def read_truth(
    path: str | PathLike[str], *, void: int | None, palettes: Palettes | None = None, max_pixels: int = MAX_PIXELS
) -> Seeds:
    """Read the truth of a photo from a file like a mask's, in which the value `void` is unknown.

    A palette is read as its greys if it has greys alone, or if all pixels are black and white; otherwise as its
    indices. Three equal channels count as one.

    Parameters
    ----------
    path : path
        A picture of one channel, or of three equal ones.
    void : int or None
        The value of pixels that never count; `None` if there are none.
    palettes : {"indices", "greys"}, optional
        Meaning of palettes, as found for a whole folder (default: decided by this file alone).
    max_pixels : int
        Larger pictures are refused.

    Returns
    -------
    Seeds
        uint8 array (H, W) of `BACKGROUND`, `FOREGROUND` and `UNKNOWN`.

    Raises
    ------
    ReadError
        If the file cannot be read, or holds values beside 0, the object's and `void`; the message names the first.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.write_picture("truth.png", np.array([[0, 128, 255]], np.uint8))
    >>> wsseg.read_truth("truth.png", void=128)
    array([[  0, 255,   1]], dtype=uint8)
    """
    levels, is_indexed = _read_levels(path, max_pixels, palettes)
    others = _values_beside(levels, 0 if void is None else void)
    if not _is_object_value(others):
        remedy = "declare a void value (--void), threshold it, or save it as PNG if it is a JPEG, which changes values"
        raise _other_values(path, levels, others, is_indexed, remedy)
    truth = np.where(levels != 0, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    if void is not None:
        truth[levels == void] = UNKNOWN
    return truth


def read_labels(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Labels:
    """Read labels from a file that `write_labels` wrote, or any with a palette (its indices) or 8-bit grey values.

    Parameters
    ----------
    path : path
        A picture of one channel, or of three equal ones.
    max_pixels : int
        Larger pictures are refused.

    Returns
    -------
    Labels
        uint8 array (H, W): each pixel's label.

    Raises
    ------
    ReadError
        If the file cannot be read or has more than 8 bits.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.write_labels("labels.png", np.array([[0, 7, 255]], np.uint8))
    >>> wsseg.read_labels("labels.png")
    array([[  0,   7, 255]], dtype=uint8)
    """
    return _labels_of(_read_levels(path, max_pixels, "labels").values, path)


def read_values(path: Path, *, palettes: Palettes | None, max_pixels: int = MAX_PIXELS) -> Labels:
    """Read the 8-bit values of a file whose palette is read as in `read_truth`."""
    return _labels_of(_read_levels(path, max_pixels, palettes).values, path)


def read_soft_mask(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.float32]:
    """Read a grey mask, float32 (H, W) in [0, 1]: scaled by its range, or by its own white if it has two values.

    So a mask of 0 and 1 holds 0.0 and 1.0, not 1/255.
    """
    levels = read_soft_levels(path, max_pixels=max_pixels)
    return levels if levels.dtype == np.float32 else levels.astype(np.float32) / np.float32(255)


def read_soft_levels(
    path: str | PathLike[str], *, palettes: Palettes | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[Any]:
    """Read the mask of `read_soft_mask`; a file of 8 bits stays uint8, with 255 for 1.

    Indices of a palette are no levels: ReadError if they are other values than those of `read_mask`.
    """
    levels, is_indexed = _read_levels(path, max_pixels, palettes)
    if levels.dtype.kind == "f":
        check_unit_range(levels, f"'{path}'")
        return levels.astype(np.float32)
    others = _values_beside(levels)
    if is_indexed and not _is_object_value(others):
        raise _other_values(path, levels, others, is_indexed, "save the mask as a grey PNG")
    white = int(others.max(initial=1)) if _is_object_value(others) else np.iinfo(levels.dtype).max
    if levels.dtype == np.uint8:
        return levels if white == 255 else levels * np.uint8(255)
    return levels.astype(np.float32) / np.float32(white)


def read_class_ids(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint16]:
    """Read the class of each pixel as ImageNet-S codes it, red + 256 green; ReadError if there is blue.

    Gao et al., "Large-scale Unsupervised Semantic Segmentation" (2022), and https://github.com/LUSSeg/ImageNet-S.
    """
    with opened_picture(path, max_pixels, [], f"'{path}'") as picture:
        red, green, blue = np.moveaxis(np.array(upright(picture, []).convert("RGB"), np.uint16), 2, 0)
    if blue.any():
        raise ReadError(f"'{path}' must hold classes in red and green, got blue; save them as ImageNet-S does")
    return np.asarray(red + 256 * green, np.uint16)


def _values_beside(levels: NDArray[Any], void: int = 0) -> NDArray[Any]:
    if levels.dtype != np.uint8:
        return np.setdiff1d(levels, [0, void])
    high = levels.max()
    if ((levels == 0) | (levels == high)).all():  # True for most masks, and takes a hundredth of the time.
        return np.array([value for value in (high,) if value not in (0, void)])
    return np.setdiff1d(np.flatnonzero(np.bincount(levels.ravel(), minlength=256)), [0, void])


def _is_object_value(others: NDArray[Any]) -> bool:
    return others.size == 0 or (others.size == 1 and others[0] in _OBJECT_VALUES)


def _first(values: NDArray[Any], count: int = 5) -> str:
    """Return the first values, and how many more there are."""
    shown = ", ".join(f"{value:g}" for value in values[:count])
    return shown if values.size <= count else f"{shown} and {values.size - count} more"


def _other_values(
    path: str | PathLike[str], levels: NDArray[Any], others: NDArray[Any], is_indexed: bool, remedy: str
) -> ValuesError:
    values = {*others.tolist(), *np.unique(levels[levels == 0]).tolist()}
    where = " as indices of its palette" if is_indexed else ""
    return ValuesError(
        f"'{path}' must hold 0 with 1 or with 255{where}, got also {_first(others)}",
        remedy,
        tuple(sorted(values)),
    )


def _labels_of(levels: NDArray[Any], path: str | PathLike[str]) -> Labels:
    if levels.dtype != np.uint8:
        raise ReadError(f"'{path}' must hold labels of 8 bits, got {levels.dtype}; save it as wsseg.write_labels does")
    return levels


class _Levels(NamedTuple):
    """The one channel of a file, uint8, uint16 or float (H, W), upright."""

    values: NDArray[Any]
    is_indexed: bool
    """Whether they are indices of a palette."""


def _read_levels(path: str | PathLike[str], max_pixels: int, palettes: Palettes | Literal["labels"] | None) -> _Levels:
    """Read the one channel of a file; a palette of labels is read as its indices, whatever its colors are."""
    notes: list[str] = []  # Notes are about colors and metadata, which do not matter in a mask.
    # A path in an object store is no PathLike.
    source = path if isinstance(path, str | PathLike) else read_file(path, max_pixels=max_pixels)
    with opened_picture(source, max_pixels, notes, f"'{path}'") as picture:
        turned = upright(picture, notes)
        if turned.mode not in PALETTE_MODES:
            return _Levels(_one_channel(turned, f"'{path}'"), is_indexed=False)
        if palettes == "labels":
            return _Levels(palette_indices(turned), is_indexed=True)
        palettes = palettes or palettes_in(turned)
        return _Levels(palette_levels(turned, palettes, f"'{path}'"), is_indexed=palettes == "indices")


def _one_channel(picture: pillow.Image, name: str) -> NDArray[Any]:
    if picture.mode in ("1", "L", *WIDE_MODES):
        levels = levels_of(picture, name)
        return levels.astype(np.uint8) if levels.dtype == np.bool_ else levels
    if picture.mode not in ("LA", "RGB", "RGBA"):
        raise _colored(name, f"mode {picture.mode}")
    colors, alpha = np.split(np.array(picture.convert("RGBA")), [3], axis=2)
    grey = bool((colors == colors[..., :1]).all())
    if not grey or alpha.min() < 255:
        raise _colored(name, "transparency" if grey else "colors")
    return colors[..., 0]


def _colored(name: str, got: str) -> ReadError:
    return ReadError(f"{name} must have one channel, got {got}; save the mask as a grey PNG")
