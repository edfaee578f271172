"""Color profiles that Pillow does not hand over."""

import struct
from typing import Any

import numpy as np
import PIL.Image
import pytest
from photo_files import encoded, gamma_curve, kinds, psd, rgb_profile

from wsseg.files import decode
from wsseg.files.photos import read_photo

decode.has_heif()  # So that Pillow writes HEIC, if it can.

LINEAR = rgb_profile("any", gamma_curve(1.0))
"""A profile under which 55 is 128 in sRGB."""

DARK = PIL.Image.new("RGB", (8, 8), (55, 55, 55))

ORANGE = PIL.Image.new("RGB", (8, 8), (200, 100, 50))


def jp2_with(profile: bytes, method: int) -> bytes:
    """A JPEG 2000 file whose box of colors holds a profile."""
    data = encoded(DARK, "JPEG2000")
    header, colors = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    (header_length,), (length,) = struct.unpack_from(">I", data, header), struct.unpack_from(">I", data, colors)
    box = struct.pack(">I4sBBB", 11 + len(profile), b"colr", method, 0, 0) + profile
    grown = struct.pack(">I", header_length - length + len(box))
    return data[:header] + grown + data[header + 4 : colors] + box + data[colors + length :]


def bmp_v5(kind: bytes, profile: bytes = b"", calibration: bytes = bytes(48)) -> bytes:
    pixels = bytes([55] * 12)
    head = struct.pack("<IiiHHIIiiII", 124, 4, 1, 1, 24, 0, 12, 2835, 2835, 0, 0) + bytes(16) + kind + calibration
    head += struct.pack("<IIII", 0, 124 + len(pixels), len(profile), 0)
    return b"BM" + struct.pack("<IHHI", 14 + 124 + 12 + len(profile), 0, 0, 138) + head + pixels + profile


@pytest.mark.parametrize(
    "data",
    [jp2_with(LINEAR, 2), jp2_with(LINEAR, 3), bmp_v5(b"DEBM", LINEAR), psd([[55], [55], [55]], profile=LINEAR)],
    ids=["JPEG 2000, restricted", "JPEG 2000, any", "BMP", "PSD"],
)
def test_hidden_profiles_are_followed(data: bytes) -> None:
    photo = read_photo(data)
    assert np.abs(photo.image.astype(int) - 128).max() <= 1
    assert photo.notes == ()


@pytest.mark.parametrize(
    "data",
    [encoded(DARK, "JPEG2000"), bmp_v5(b"BGRs"), bmp_v5(b" niW"), bmp_v5(bytes(4)), psd([[55], [55], [55]])],
    ids=["JPEG 2000", "BMP of sRGB", "BMP of Windows", "BMP without calibration", "PSD"],
)
def test_without_a_profile_levels_do_not_change(data: bytes) -> None:
    photo = read_photo(data)
    assert (photo.image == 55).all()
    assert photo.notes == ()


@pytest.mark.parametrize("data", [bmp_v5(bytes(4), calibration=b"\1" * 48), bmp_v5(b"KNIL", b"c:/a.icc")])
def test_a_color_space_that_is_not_followed_is_noted(data: bytes) -> None:
    photo = read_photo(data)
    assert (photo.image == 55).all()
    assert photo.notes == ("its color space is not followed: taken as sRGB",)


@pytest.mark.parametrize(("index", "expected"), [("R98", (200, 100, 50)), ("R03", (227, 100, 42))])
def test_adobe_rgb_named_by_exif_is_followed(index: str, expected: tuple[int, int, int]) -> None:
    """Expected of R03: levels to the power 563/256, by the matrices of Adobe RGB (1998) and sRGB."""
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    for tag, place in ((0x8769, 26), (0xA005, 44)):  # Each block holds the place of the next one.
        exif += struct.pack("<HHHIII", 1, tag, 4, 1, place, 0)
    exif += struct.pack("<HHHI4sI", 1, 1, 2, 4, index.encode() + b"\0", 0)
    photo = read_photo(encoded(ORANGE, "JPEG", quality=100, subsampling=0, exif=exif))
    assert np.abs(photo.image - np.array(expected)).max() <= 1
    assert photo.notes == ()


@pytest.mark.parametrize(
    ("codes", "expected", "notes"),
    [
        ((1, 13), (200, 100, 50), 0),
        ((12, 13), (215, 93, 31), 0),
        ((1, 1), (200, 100, 50), 0),
        ((2, 2), (200, 100, 50), 0),
        ((2, 13), (200, 100, 50), 0),
        ((9, 16), (200, 100, 50), 1),
        ((9, 18), (200, 100, 50), 1),
    ],
)
@kinds("HEIF", "AVIF")
def test_the_codes_of_heic_and_avif_are_followed_or_noted(
    kind: str, codes: tuple[int, int], expected: Any, notes: int
) -> None:
    """Expected of 12, 13: Display P3, by its matrix and the curve of sRGB."""
    names = "color_primaries", "transfer_characteristics", "matrix_coefficients", "full_range_flag"
    options = {"nclx_profile": dict(zip(names, (*codes, 6, 1), strict=True))} if kind == "HEIF" else {}
    data = encoded(ORANGE, kind, quality=100, **options)
    if kind == "AVIF":
        data = data.replace(b"colrnclx\0\1\0\x0d", b"colrnclx" + struct.pack(">HH", *codes))
    photo = read_photo(data)
    assert np.abs(photo.image - np.array(expected)).max() <= 2
    assert len(photo.notes) == notes
