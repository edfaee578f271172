"""Pictures whose fourth channel is no alpha, or 0 everywhere."""

import struct

import numpy as np
import PIL.Image
import pytest
from photo_files import encoded, psd

from wsseg.files.photos import read_photo

UNDECLARED = "its fourth channel is not declared to be alpha: ignored"

NOTHING = "its alpha is 0 everywhere: taken as opaque"

PIXEL, SHOWN = struct.pack("<BBB", 30, 20, 10), [10, 20, 30]


def tga(alpha: list[int], bits: int, kind: int = 2, attributes: int | None = None) -> bytes:
    """A TGA of a row of pixels that declares so many bits of alpha, and perhaps its type in an extension area."""
    width, first = len(alpha), PIXEL if kind == 2 else b"\x14"
    depth = 8 * len(first) + 8
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, 0, 0, 0, width, 1, depth, bits | 0x20)
    pixels = b"".join(first + bytes([value]) for value in alpha)
    if attributes is None:
        return head + pixels
    extension = struct.pack("<H", 495) + bytes(492) + bytes([attributes])
    return head + pixels + extension + struct.pack("<II", len(head + pixels), 0) + b"TRUEVISION-XFILE.\0"


def bmp_v4(alpha: list[int]) -> bytes:
    pixels = b"".join(PIXEL + bytes([value]) for value in alpha)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, len(alpha), 1, 1, 32, 3, len(pixels), 2835, 2835, 0, 0) + masks + b"BGRs"
    head = head.ljust(108, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head + pixels), 0, 0, 14 + len(head)) + head + pixels


@pytest.mark.parametrize("alpha", [[0, 0], [0, 255], [7, 9]])
def test_a_tga_that_declares_no_alpha_is_opaque(alpha: list[int]) -> None:
    photo = read_photo(tga(alpha, 0))
    assert photo.image[0].tolist() == [SHOWN, SHOWN]
    assert photo.notes == (UNDECLARED,)
    grey = read_photo(tga(alpha, 0, kind=3))
    assert (grey.image == 20).all() and grey.notes == (UNDECLARED,)


def test_an_undeclared_alpha_that_changes_nothing_is_not_noted() -> None:
    assert read_photo(tga([255, 255], 0)).notes == ()


@pytest.mark.parametrize("attributes", [None, 3])
def test_the_alpha_that_a_tga_declares_is_alpha(attributes: int | None) -> None:
    photo = read_photo(tga([0, 255], 8, attributes=attributes))
    assert photo.image[0].tolist() == [[255, 255, 255], SHOWN]
    assert photo.notes == ()


@pytest.mark.parametrize("attributes", [0, 1, 2])
def test_a_tga_with_useless_alpha_is_opaque(attributes: int) -> None:
    photo = read_photo(tga([0, 255], 8, attributes=attributes))
    assert photo.image[0].tolist() == [SHOWN, SHOWN]
    assert photo.notes in [(UNDECLARED,), ()]  # Pillow itself fills in the type 0.


@pytest.mark.parametrize("layers", [None, 0, 1, -1])
def test_the_fourth_channel_of_a_psd_is_alpha_if_the_number_of_its_layers_is_negative(layers: int | None) -> None:
    photo = read_photo(psd([[10, 10], [20, 20], [30, 30], [0, 255]], layers))
    if layers == -1:
        assert photo.image[0].tolist() == [[255, 255, 255], SHOWN]
        assert photo.notes == ()
    else:
        assert photo.image[0].tolist() == [SHOWN, SHOWN]
        assert photo.notes == (UNDECLARED,)


def test_alpha_of_0_everywhere_is_opaque() -> None:
    rgba = np.array([[[*SHOWN, 0], [*SHOWN, 0]]], np.uint8)
    for source in (tga([0, 0], 8), bmp_v4([0, 0]), rgba, *(encoded(rgba, kind) for kind in ("PNG", "TIFF", "TGA"))):
        photo = read_photo(source)
        assert photo.image[0].tolist() == [SHOWN, SHOWN]
        assert photo.notes == (NOTHING,)


def test_alpha_that_is_not_0_everywhere_is_alpha() -> None:
    rgba = np.array([[[*SHOWN, 0], [*SHOWN, 255]]], np.uint8)
    for source in (tga([0, 255], 8), bmp_v4([0, 255]), rgba, *(encoded(rgba, kind) for kind in ("PNG", "TIFF", "TGA"))):
        photo = read_photo(source)
        assert photo.image[0].tolist() == [[255, 255, 255], SHOWN]
        assert photo.notes == ()


@pytest.mark.parametrize("transparent", [0, 1, 2])
@pytest.mark.parametrize("grey", [False, True])
def test_the_transparent_index_of_a_gif(transparent: int, grey: bool) -> None:
    picture = PIL.Image.new("P", (3, 1))
    picture.putpalette([0, 0, 0, 1, 1, 1, 2, 2, 2] if grey else [9, 8, 7, 6, 5, 4, 3, 2, 1])
    picture.putdata([0, 1, 2])
    shown = read_photo(encoded(picture, "GIF")).image[0].tolist()
    shown[transparent] = [255, 255, 255]
    assert read_photo(encoded(picture, "GIF", transparency=transparent)).image[0].tolist() == shown
