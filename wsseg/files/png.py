"""PNGs: the transparent color at every depth, and the chunk of colors that Pillow does not read.

"Portable Network Graphics (PNG) Specification (Third Edition)", W3C (2025): 11.3.1.1 (tRNS) and 11.3.2.6 (cICP).
"""

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL.PngImagePlugin import PngImageFile

CICP: Final = "cicp"
"""Key of `Image.info`: primaries, transfer function, matrix and range of colors, as the chunk cICP codes them."""

_STEPS: Final = {"L;2": 85, "L;4": 17}
"""Steps between the levels that Pillow makes of 2 and 4 bits; it leaves the transparent level as it is."""


def loaded_png(picture: PngImageFile, notes: list[str]) -> pillow.Image:
    """Return the picture decoded, with the transparent color at the depth of its levels, and `info[CICP]`."""
    if not picture.tile:  # It was decoded before.
        _note_lost_depth(picture, notes)
        return picture
    raw_mode = str(picture.tile[0].args)
    key = picture.info.get("transparency")
    low = _low_bytes(picture.fp) if raw_mode == "RGB;16B" and key and picture.fp else None
    colors = None if picture.fp is None else next(_chunks(picture.fp, b"cICP"), None)
    picture.load()
    more: dict[str, Any] = {CICP: tuple(colors)} if colors and len(colors) == 4 else {}
    if low is not None and isinstance(key, tuple):
        return _with_alpha(picture, low, key, more)
    if isinstance(key, int) and picture.mode == "L":
        step = _STEPS.get(raw_mode, 1)
        more["transparency"] = step * (key & 255 // step)
    elif isinstance(key, tuple):
        more["transparency"] = tuple(level & 255 for level in key)
    if all(picture.info.get(name) == value for name, value in more.items()):
        return picture
    corrected = picture.copy()
    corrected.info.update(more)
    return corrected


def _note_lost_depth(picture: PngImageFile, notes: list[str]) -> None:
    """Note that the file's depth, which Pillow forgets, could make the transparent color another one."""
    key = picture.info.get("transparency")
    if picture.mode == "L" and isinstance(key, int) and 0 < key < 16:
        notes.append("its transparent level is taken as one of 8 bits: give the path of the file if it has fewer")
    elif isinstance(key, tuple) and max(key) > 255:
        notes.append("its transparent color has 16 bits, of which Pillow keeps 8: ignored; give the path of the file")


def _low_bytes(file: BinaryIO | Any) -> NDArray[np.uint8]:
    """Return the lower bytes of a picture of 16 bits, which Pillow drops: those it keeps in the other byte order."""
    place = file.tell()
    file.seek(0)
    data = BytesIO(file.read())
    file.seek(place)
    with pillow.open(data, formats=["PNG"]) as again:
        again.tile = [again.tile[0]._replace(args="RGB;16L")]
        return np.array(again)


def _with_alpha(
    picture: pillow.Image, low: NDArray[np.uint8], key: tuple[int, ...], more: dict[str, Any]
) -> pillow.Image:
    levels = np.array(picture, np.uint16) * 256 + low
    opaque = (levels != np.array(key, np.uint16)).any(axis=2)
    full = picture.copy()
    full.putalpha(pillow.fromarray(opaque * np.uint8(255)))
    full.info.update(more)
    full.info.pop("transparency", None)
    return full


def _chunks(file: BinaryIO | Any, kind: bytes) -> Iterator[bytes]:
    """Yield the chunks of a kind before the pixels; the place in the file stays."""
    place = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            (length,) = struct.unpack(">I", head[:4])
            if head[4:] == kind:
                yield file.read(length)
                return
            file.seek(length + 4, 1)
    finally:
        file.seek(place)
