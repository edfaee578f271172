"""Photos of any format, read as upright sRGB images."""

from dataclasses import dataclass
from os import PathLike
from typing import TypeAlias

import numpy as np
from PIL import Image as pillow

from wsseg.arrays import Image
from wsseg.files.colors import in_srgb
from wsseg.files.decode import UndecodedSource, opened_picture, upright
from wsseg.files.levels import WHITE_16, WIDE_MODES, eight_bits, levels_of, scaled
from wsseg.files.tiff import WHITE
from wsseg.recipe import MAX_PIXELS


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, and a short sentence about each thing that reading it ignored or repaired."""

    image: Image
    notes: tuple[str, ...]


PhotoSource: TypeAlias = UndecodedSource | Photo


def read_image(source: PhotoSource, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a photo of any format, upright, in sRGB, over white where it is transparent.

    Only the first frame of a file is used, and 16 bits are scaled to 8.

    Parameters
    ----------
    source : path, bytes, PIL image, array or Photo
        A path or the bytes of a file, a PIL image (at its current frame), or an array: bool, uint8, uint16 or a float
        in [0, 1] of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). A Photo is used as it is.
    max_pixels : int
        Larger photos are refused before they are decoded.

    Returns
    -------
    Image
        uint8 array (H, W, 3), in memory of its own.

    Raises
    ------
    ReadError
        If the source is unreadable, empty, truncated, no picture, or larger than `max_pixels`.
    TypeError
        If the source is of another type.

    Examples
    --------
    >>> from importlib import resources
    >>> wsseg.read_image(resources.files("skimage") / "data" / "chelsea.png").shape
    (300, 451, 3)
    """
    return read_photo(source, max_pixels=max_pixels).image


def read_photo(source: PhotoSource, *, max_pixels: int = MAX_PIXELS, name: str = "") -> Photo:
    """Read a photo as `read_image` does, with notes on what was ignored or repaired; errors call it `name`."""
    if isinstance(source, Photo):
        return source
    notes: list[str] = []
    name = f"'{name}'" if name else _name_of(source)
    with opened_picture(source, max_pixels, notes, name) as picture:
        image = np.array(_over_white(upright(picture, notes), name, notes))
    return Photo(image, tuple(dict.fromkeys(notes)))


def _name_of(source: object) -> str:
    """Return the source's name in errors; TypeError if it is of a wrong type."""
    if isinstance(source, str | PathLike):
        return f"'{source}'"
    if isinstance(source, bytes | pillow.Image | np.ndarray):
        return "source"
    raise TypeError(
        f"source must be a path, bytes, PIL image or numpy array, got {type(source).__name__}; pass one of these"
    )


def _over_white(picture: pillow.Image, name: str, notes: list[str]) -> pillow.Image:
    colors, alpha = _without_alpha(_narrow(picture, name))
    colors = in_srgb(colors, picture.info, notes)
    if alpha is not None and alpha.getextrema() == (0, 0):
        notes.append("its alpha is 0 everywhere: taken as opaque")
        alpha = None
    return colors if alpha is None else pillow.composite(colors, pillow.new("RGB", colors.size, "white"), alpha)


def _narrow(picture: pillow.Image, name: str) -> pillow.Image:
    """Return the picture in 8 bits, with its levels scaled and its transparent level kept."""
    if picture.mode not in WIDE_MODES and WHITE not in picture.info:
        return picture
    levels, white = levels_of(picture, name), picture.info.get(WHITE, WHITE_16)
    if levels.dtype == np.uint8:  # The white of signed levels is 127.
        return pillow.fromarray(scaled(levels.view(np.int8), white, name))
    grey = pillow.fromarray(eight_bits(levels, name, white))
    if (transparent := picture.info.get("transparency")) is None:
        return grey
    return pillow.merge("LA", (grey, pillow.fromarray(eight_bits(levels != transparent, name))))


def _without_alpha(picture: pillow.Image) -> tuple[pillow.Image, pillow.Image | None]:
    """Return the colors in mode L, RGB, CMYK or LAB, and the alpha if there is one."""
    if picture.mode == "La":  # Premultiplied grey: Pillow converts it to no other mode.
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        full = picture.convert("LA" if picture.mode in ("1", "L", "LA") else "RGBA")
        return full.convert(full.mode.removesuffix("A")), full.getchannel("A")
    if picture.mode in ("L", "RGB", "CMYK", "LAB"):
        return picture, None
    return picture.convert("L" if picture.mode == "1" else "RGB"), None
