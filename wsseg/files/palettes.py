"""Palettes of mask files: whether their indices are labels, or stand for the greys of a mask."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from wsseg.files.decode import opened_picture
from wsseg.files.levels import ReadError
from wsseg.recipe import MAX_PIXELS

Palettes: TypeAlias = Literal["indices", "greys"]
"""Meaning of the pixels of files with palettes: indices, or the greys behind them."""

PALETTE_MODES: Final = ("P", "PA")
"""Pillow's modes of pictures with a palette."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_COLOR_TYPE: Final = 25
"""Place of the byte in a PNG that says how it stores colors; 3 is a palette."""

_WITHOUT_PALETTE: Final = (".jpg", ".jpeg", ".webp")


def palettes_of(paths: Iterable[Path]) -> Palettes | None:
    """Decide how all palettes in a folder are read, so that its files cannot be read in two ways.

    They are indices if those of any file must be: its pixels have colors, or two indices have one grey, or they have
    greys other than black and white beside colors that no pixel has (a palette of classes, in which some are grey).

    Parameters
    ----------
    paths : iterable of Path
        The files of the folder. Those that cannot be read are skipped.

    Returns
    -------
    {"indices", "greys"} or None
        None if no file has a palette.
    """
    found: Palettes | None = None
    for path in filter(_may_have_palette, paths):
        try:
            with opened_picture(path, MAX_PIXELS, [], f"'{path}'") as picture:
                if picture.mode in PALETTE_MODES:
                    found = "greys"
                    if not _has_greys(_colors_of(picture), np.unique(palette_indices(picture))):
                        return "indices"
        except ReadError:
            continue  # The file is reported when it is scored.
    return found


def palette_indices(picture: pillow.Image) -> NDArray[np.uint8]:
    """Return the indices of a picture with a palette, (H, W)."""
    return np.array(picture.getchannel(0))


def palette_levels(picture: pillow.Image, palettes: Palettes, name: str) -> NDArray[np.uint8]:
    """Return the indices or the greys of a picture with a palette, (H, W); ReadError if its palette is not such."""
    indices, colors = palette_indices(picture), _colors_of(picture)
    used = np.unique(indices)
    if palettes == "greys":
        if not _is_grey(colors[used]):
            raise ReadError(f"{name} must have a palette of greys, got colors; save the mask as a grey PNG")
        return colors[..., 0][indices]
    if _is_grey(colors) and _has_greys(colors, used) and ((colors[used, 0] > 0) != (used > 0)).any():
        raise ReadError(
            f"{name} must have a palette of labels like the other files of its folder, got one of greys; "
            "save the mask as a grey PNG"
        )
    return indices


def palettes_in(picture: pillow.Image) -> Palettes:
    """Decide how the palette of a single picture is read, as `palettes_of` does for a folder."""
    return "greys" if _has_greys(_colors_of(picture), np.unique(palette_indices(picture))) else "indices"


def _has_greys(colors: NDArray[np.uint8], used: NDArray[np.uint8]) -> bool:
    """Return whether the indices that pixels have stand for greys.

    Unused colors are common: an encoder may put a mask's black and white into a palette of 256 colors.
    """
    greys = colors[used, 0]
    is_ramp = _is_grey(colors[used]) and len(np.unique(greys)) == len(used)
    return is_ramp and (_is_grey(colors) or bool(np.isin(greys, (0, 255)).all()))


def _is_grey(colors: NDArray[np.uint8]) -> bool:
    return bool((colors == colors[..., :1]).all())


def _colors_of(picture: pillow.Image) -> NDArray[np.uint8]:
    """Return the colors of the palette, (256, 3); black where it has fewer, as decoders show them."""
    levels = np.array(picture.getpalette(), np.uint8)
    return np.concatenate([levels, np.zeros(768 - len(levels), np.uint8)]).reshape(256, 3)


def _may_have_palette(path: Path) -> bool:
    """Tell by the first bytes of a PNG, so that most folders of masks are not decoded for this."""
    if path.suffix.lower() in _WITHOUT_PALETTE or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(_PNG_COLOR_TYPE + 1)
    except OSError:
        return False
    return not start.startswith(_PNG) or start[_PNG_COLOR_TYPE:] == b"\x03"
