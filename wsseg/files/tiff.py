"""TIFFs of scanners, satellites and laboratories: what Pillow misreads is corrected, what it refuses tifffile reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import LogRecord, getLogger
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COLORMAP,
    COMPRESSION,
    EXTRASAMPLES,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    TiffImageFile,
)

from wsseg.files.levels import WHITE_16, WIDE_MODES, ReadError, check_range, check_unit_range, scaled, sixteen_bits

WHITE: Final = "wsseg white"
"""Key of `Image.info`: the white of integers whose depth is not that of Pillow's mode."""

_SIGNATURES: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_RGB: Final = 2
"""Value of PhotometricInterpretation; 0 is a grey whose white is zero, 1 a grey whose black is."""

_ALPHA_MODES: Final = {1: "a", 2: "A"}
"""The last letter of Pillow's mode by the value of ExtraSamples; 1 is premultiplied."""

_NO_PHOTOMETRIC: Final = "it does not say whether 0 is black or white: taken as white"

_BANDS: Final = 64
"""Channels of a file that may be decoded."""


def is_tiff(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a TIFF or a BigTIFF."""
    return head.startswith(_SIGNATURES)


def is_misread(picture: pillow.Image) -> bool:
    """Return whether Pillow takes bytes for levels: of uncompressed planes of 16 bits, it reads 8."""
    if not isinstance(picture, TiffImageFile):
        return False
    tags = picture.tag_v2
    planes = tags.get(PLANAR_CONFIGURATION, 1) == 2 and tags.get(SAMPLESPERPIXEL, 1) > 1
    return bool(planes and tags.get(COMPRESSION, 1) == 1 and max(tags.get(BITSPERSAMPLE, (1,))) > 8)


def corrected_tiff(picture: TiffImageFile, name: str, notes: list[str]) -> pillow.Image:
    """Return a picture that Pillow has decoded, with black at zero and without channels of no known meaning.

    White of more than 8 bits is 65535 unless `info[WHITE]` names another.
    """
    tags = picture.tag_v2
    bits, signed = max(tags.get(BITSPERSAMPLE, (1,))), max(tags.get(SAMPLEFORMAT, (1,))) == 2
    if PHOTOMETRIC_INTERPRETATION not in tags and picture.mode in ("1", "L", *WIDE_MODES):
        notes.append(_NO_PHOTOMETRIC)
    match picture.mode:
        case "F":
            notes.append("its levels are floats: 1 is taken as white")
        case "I" if signed and bits == 16:
            check_range(np.array(picture), 32767, name)
            notes.append("its levels are signed: 32767 is taken as white")
            return _like(picture, picture.copy(), 32767)
        case "I":
            notes.append("its levels are integers of 32 bits: 65535 is taken as white")
            levels = np.array(picture)
            return _like(picture, pillow.fromarray(sixteen_bits(levels if signed else levels.view(np.uint32), name)))
        case "L" if signed:
            notes.append("its levels are signed: 127 is taken as white")
            return _like(picture, picture.copy(), 127)
        case "I;16" if bits == 12:
            return _like(picture, picture.copy(), 4095)
        case "P" if 0 < max(tags.get(COLORMAP, (0,))) < 256:
            notes.append("its palette has 8 bits where TIFF has 16: read as 8")
            colored = picture.copy()
            colored.putpalette(bytes(tags[COLORMAP]), "RGB;L")
            return _like(picture, colored)
    if picture.mode in WIDE_MODES and tags.get(PHOTOMETRIC_INTERPRETATION, 0) == 0:
        return _like(picture, pillow.fromarray(_negative(np.array(picture))))
    return _without_extras(picture, notes)


def _like(picture: pillow.Image, other: pillow.Image, white: int | None = None) -> pillow.Image:
    """Return the other picture with the first one's profile; Pillow has turned a TIFF by its orientation already."""
    other.info = dict(picture.info)
    if white is not None:
        other.info[WHITE] = white
    return other


def _negative(levels: NDArray[Any]) -> NDArray[Any]:
    """Return the levels with black and white exchanged."""
    return np.asarray((1 if levels.dtype.kind == "f" else np.iinfo(levels.dtype).max) - levels, levels.dtype)


def _without_extras(picture: TiffImageFile, notes: list[str]) -> pillow.Image:
    samples, used = picture.tag_v2.get(SAMPLESPERPIXEL, 1), len(picture.getbands())
    if picture.mode == "RGBA" and EXTRASAMPLES not in picture.tag_v2:
        notes.append("its fourth channel is not declared to be alpha: ignored")
        return _like(picture, picture.convert("RGB"))
    if samples > used:
        notes.append(f"only the first {used} of its {samples} channels are used")
    return picture


def rare_tiff(file: BinaryIO, max_pixels: int, name: str, notes: list[str]) -> pillow.Image:
    """Return the first picture of a TIFF of greys or RGB as tifffile reads it.

    One grey channel keeps its depth, up to 16 bits or a float; colors become 8 bits.

    Raises
    ------
    ReadError
        If the picture is larger than `max_pixels`, or its channels are no photo's.
    """
    from tifffile import TiffFile

    file.seek(0)
    with _logged(notes), TiffFile(file) as tiff:
        page = tiff.pages.first
        _check_page(page, max_pixels, name)
        if len(tiff.pages) > 1:
            notes.append(f"only the first of {len(tiff.pages)} pages is used")
        try:
            levels = page.asarray(maxworkers=1)
        except (ValueError, NotImplementedError) as error:
            if "imagecodecs" not in str(error):
                raise
            got = f"{page.bitspersample} bits of {page.dtype} with compression {_named(page.compression)}"
            raise ReadError(
                f"{name} must be a TIFF that Pillow or tifffile reads, got {got}; save it with 8 or 16 bits, "
                "uncompressed, or pip install imagecodecs"
            ) from error
        picture = _picture_of(_channels_last(levels, page), page, name, notes)
        if page.iccprofile:
            picture.info["icc_profile"] = page.iccprofile
        picture.getexif()[0x0112] = int(page.tags.valueof(0x0112, 1))
        return picture


@contextmanager
def _logged(notes: list[str]) -> Iterator[None]:
    """Make notes of what tifffile would log."""
    logged: SimpleQueue[LogRecord] = SimpleQueue()
    handler = QueueHandler(logged)
    getLogger("tifffile").addHandler(handler)
    try:
        yield
    finally:
        getLogger("tifffile").removeHandler(handler)
        while not logged.empty():
            notes.append(f"tifffile warns: {' '.join(logged.get().getMessage().split())}")


def _check_page(page: Any, max_pixels: int, name: str) -> None:
    width, height, samples = page.imagewidth, page.imagelength, page.samplesperpixel
    if width * height > max_pixels:
        raise ReadError(
            f"{name} must have at most {max_pixels} pixels, got {width} x {height}; allow more with max_pixels "
            "(--max-pixels)"
        )
    known = samples >= 3 if page.photometric == _RGB else page.photometric in (0, 1) and samples <= 2
    if not known or samples > _BANDS or page.imagedepth != 1:
        got = f"{samples} of {_named(page.photometric)}"
        raise ReadError(
            f"{name} must have one grey channel or three of RGB, got {got}; save those that a person is to see as RGB"
        )
    if page.dtype is None or page.dtype.kind not in "uif":
        raise ReadError(
            f"{name} must hold integers or floats, got {page.dtype or 'an unknown kind'}; save it as float32"
        )


def _named(code: int) -> str:
    """Return tifffile's name of a code of the format, or the code."""
    return str(getattr(code, "name", code))


def _channels_last(levels: NDArray[Any], page: Any) -> NDArray[Any]:
    """Return the levels as (H, W, channels)."""
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    if page.planarconfig == 2 and samples > 1:
        return np.moveaxis(levels.reshape(samples, height, width), 0, 2)
    return levels.reshape(height, width, samples)


def _picture_of(levels: NDArray[Any], page: Any, name: str, notes: list[str]) -> pillow.Image:
    levels, white = _known_levels(levels.astype(levels.dtype.newbyteorder("=")), name, notes)
    if PHOTOMETRIC_INTERPRETATION not in page.tags:
        notes.append(_NO_PHOTOMETRIC)
    if page.photometric == 0:
        levels = np.asarray(white - levels, levels.dtype)
    colors = 3 if page.photometric == _RGB else 1
    alpha = _ALPHA_MODES.get(page.extrasamples[0] if page.extrasamples else 0, "")
    if levels.shape[2] > colors + len(alpha):
        notes.append(f"only the first {colors + len(alpha)} of its {levels.shape[2]} channels are used")
    if colors == 1 and not alpha and white in (1, WHITE_16):
        return pillow.fromarray(np.ascontiguousarray(levels[..., 0]))
    used = levels[..., : colors + len(alpha)]
    eight = np.rint(used * 255).astype(np.uint8) if white == 1 else scaled(used, white, name)
    mode = ("L" if colors == 1 else "RGB") + alpha
    return pillow.frombytes(mode, (eight.shape[1], eight.shape[0]), eight.tobytes())


def _known_levels(levels: NDArray[Any], name: str, notes: list[str]) -> tuple[NDArray[Any], int]:
    """Return the levels as uint8, uint16, float32 or signed integers, and their white."""
    match levels.dtype.kind, levels.dtype.itemsize:
        case "f", _:
            check_unit_range(levels, name)
            notes.append("its levels are floats: 1 is taken as white")
            return levels.astype(np.float32), 1
        case "i", 1 | 2:
            white = int(np.iinfo(levels.dtype).max)
            notes.append(f"its levels are signed: {white} is taken as white")
            return levels, white
        case "u", 1 | 2:
            return levels, int(np.iinfo(levels.dtype).max)
    notes.append(f"its levels are integers of {8 * levels.dtype.itemsize} bits: 65535 is taken as white")
    return sixteen_bits(levels, name), WHITE_16
