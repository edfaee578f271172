"""Fourth channels that are no transparency, in TGA and PSD.

"Truevision TGA File Format Specification", version 2.0 (1991): fields 5.6 (image descriptor) and 24 (attributes type).
"Adobe Photoshop File Formats Specification" (2019): layer info.
"""

import struct
from typing import Any, BinaryIO, Final

from PIL import Image as pillow
from PIL.PsdImagePlugin import PsdImageFile
from PIL.TgaImagePlugin import TgaImageFile

_FOOTER: Final = b"TRUEVISION-XFILE.\0"

_USELESS: Final = (0, 1, 2)
"""Attributes types of TGAs without alpha: none, undefined, and undefined but to be kept."""


def has_useless_alpha(picture: pillow.Image) -> bool:
    """Return whether the file, which is not decoded yet, declares that its last channel is no transparency."""
    file: BinaryIO | Any = getattr(picture, "fp", None)
    if file is None or not getattr(picture, "tile", None) or picture.mode not in ("RGBA", "LA"):
        return False
    place = file.tell()
    try:
        match picture:
            case TgaImageFile():
                return not _tga_declares_alpha(file)
            case PsdImageFile():
                return not _psd_declares_alpha(file)
        return False
    finally:
        file.seek(place)


def without_alpha(picture: pillow.Image, notes: list[str]) -> pillow.Image:
    """Return the decoded picture without its last channel."""
    if picture.getchannel("A").getextrema() != (255, 255):
        notes.append("its fourth channel is not declared to be alpha: ignored")
    return picture.convert(picture.mode.removesuffix("A"))


def _tga_declares_alpha(file: BinaryIO | Any) -> bool:
    file.seek(17)
    has_bits = bool(file.read(1)[0] & 15)
    return has_bits and _attributes_type(file) not in _USELESS


def _attributes_type(file: BinaryIO | Any) -> int | None:
    """Return the attributes type of a TGA of version 2.0, or None."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 26))
    footer = file.read(26)
    offset = struct.unpack("<I", footer[:4])[0] if footer.endswith(_FOOTER) and len(footer) == 26 else 0
    if not 18 <= offset < end - 494:
        return None
    file.seek(offset + 494)
    return int(file.read(1)[0])


def _psd_declares_alpha(file: BinaryIO | Any) -> bool:
    """Return whether the number of layers is negative: else the channel is a saved selection."""
    file.seek(26)
    for _ in ("color mode data", "image resources"):
        file.seek(struct.unpack(">I", file.read(4))[0], 1)
    all_layers, layers = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    return bool(all_layers and layers and struct.unpack(">h", file.read(2).ljust(2, b"\0"))[0] < 0)
