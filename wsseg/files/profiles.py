"""Color profiles that files hold and Pillow does not hand over.

"Adobe Photoshop File Formats Specification" (2019): image resource 1039; "BITMAPV5HEADER", Microsoft (2021);
ISO/IEC 15444-1 (2019), I.5.3.3 (JPEG 2000); CIPA DCF 2.0 (2010): the optional color space of cameras.
"""

import struct
from typing import Any, BinaryIO, Final

from PIL import ExifTags
from PIL import Image as pillow
from PIL.PsdImagePlugin import PsdImageFile

from wsseg.files.colors import adobe_rgb
from wsseg.files.png import CICP

_PSD_PROFILE: Final = 1039

_LINEAR, _SRGB, _PQ, _HLG = 8, 13, 16, 18
"""Transfer functions of ITU-T H.273. The others of HEIC and AVIF are of television, which is shown as sRGB is."""

_SRGB_PRIMARIES, _UNSPECIFIED = 1, 2

_NCLX: Final = b"colrnclx"

_AVIF_HEAD: Final = 1 << 16
"""Bytes of an AVIF in which its boxes lie, before the pixels."""


def hidden_colors(picture: pillow.Image, notes: list[str]) -> dict[str | tuple[int, int], Any]:
    """Return what `Image.info` lacks of a file that is not decoded yet: a profile, or codes of its colors."""
    if picture.info.get("icc_profile"):
        return {}
    file: BinaryIO | Any = getattr(picture, "fp", None)
    match picture.format:
        case "HEIF":
            codes = picture.info.get("nclx_profile") or {}
            return _coded(codes.get("color_primaries", 0), codes.get("transfer_characteristics", 0))
        case "AVIF" if file is not None:
            return _coded(*_codes_of_avif(file))
        case "JPEG" | "MPO":
            profile = adobe_rgb() if _is_of_adobe_rgb(picture) else None
        case "PSD" if isinstance(picture, PsdImageFile):
            profile = next((data for number, _, data in picture.resources if number == _PSD_PROFILE), None)
        case "BMP" | "JPEG2000" if file is not None and getattr(picture, "tile", None):
            place = file.tell()
            profile = _profile_of_bmp(file, notes) if picture.format == "BMP" else _profile_of_jp2(file)
            file.seek(place)
        case _:
            return {}
    return {"icc_profile": profile} if profile else {}


def _coded(primaries: int, transfer: int) -> dict[str | tuple[int, int], Any]:
    """Return the codes of colors that may not be shown as those of sRGB are; Pillow's levels are RGB, of full range."""
    known = _SRGB_PRIMARIES if primaries == _UNSPECIFIED else int(primaries)
    return {CICP: (known, int(transfer), 0, 1)} if transfer in (_LINEAR, _SRGB, _PQ, _HLG) else {}


def _codes_of_avif(file: BinaryIO | Any) -> tuple[int, int]:
    """Return primaries and transfer function of the first box of colors, or zeros."""
    place = file.tell()
    file.seek(0)
    head = file.read(_AVIF_HEAD)
    file.seek(place)
    found = head.find(_NCLX) + len(_NCLX)
    return struct.unpack_from(">HH", head, found) if _NCLX in head[:-4] else (0, 0)


def _is_of_adobe_rgb(picture: pillow.Image) -> bool:
    """Return whether EXIF names Adobe RGB, as cameras do that save no profile."""
    try:
        return bool(picture.getexif().get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex) == "R03")
    except Exception:  # A photo with broken metadata is still usable.
        return False


def _profile_of_bmp(file: BinaryIO | Any, notes: list[str]) -> bytes | None:
    file.seek(14)
    head = file.read(124).ljust(124, b"\0")
    (size,) = struct.unpack("<I", head[:4])
    kind, is_calibrated = head[56:60], any(head[60:108])
    if size >= 124 and kind == b"DEBM":  # "MBED" as a number of little end.
        offset, length = struct.unpack("<II", head[112:120])
        file.seek(14 + offset)
        return bytes(file.read(length))
    if size >= 108 and (kind == b"KNIL" or (kind == bytes(4) and is_calibrated)):
        notes.append("its color space is not followed: taken as sRGB")
    return None


def _profile_of_jp2(file: BinaryIO | Any) -> bytes | None:
    """Return the profile in the boxes jp2h, colr."""
    file.seek(0)
    end = None
    while len(head := file.read(8)) == 8 and (end is None or file.tell() < end):
        (length,), kind = struct.unpack(">I", head[:4]), head[4:]
        if kind == b"jp2h":
            end = file.tell() + length - 8
        elif kind == b"colr" and length > 11:
            data = file.read(length - 8)
            if data[0] in (2, 3):
                return bytes(data[3:])
        elif length < 8:  # The last box, or one of 64 bits, which the pixels are in.
            return None
        else:
            file.seek(length - 8, 1)
    return None
