"""PNGs with a transparent color at every depth and color type, decoded here by the specification."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from photo_files import chunk, png

from wsseg.files.photos import read_photo

GREY, COLOR, PALETTE = 0, 2, 3

DEPTHS = [(GREY, 1), (GREY, 2), (GREY, 4), (GREY, 8), (GREY, 16), (COLOR, 8), (COLOR, 16)]

SIZE = 5, 7


def packed(levels: NDArray[Any], depth: int) -> bytes:
    """Rows of samples of 1 to 16 bits, each with the filter 0."""
    rows = ("".join(f"{level:0{depth}b}" for level in row.ravel().tolist()) for row in levels)
    rows = (row + "0" * (-len(row) % 8) for row in rows)
    return b"".join(b"\0" + int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)


def with_key(levels: NDArray[Any], key: Any, depth: int, color: int, *chunks: bytes) -> bytes:
    transparent = chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    data = chunk(b"IDAT", zlib.compress(packed(levels, depth)))
    return png(levels.shape[1], levels.shape[0], depth, color, *chunks, transparent, data)


def over_white(levels: NDArray[Any], key: Any, depth: int) -> NDArray[np.uint8]:
    shown = np.broadcast_to(levels * 255 / (2**depth - 1), (*levels.shape[:2], 3))
    return np.where((levels == key).all(axis=2, keepdims=True), 255, shown)


@pytest.mark.parametrize(("color", "depth"), DEPTHS)
@pytest.mark.parametrize("seed", range(3))
def test_the_transparent_color_at_every_depth(color: int, depth: int, seed: int) -> None:
    channels = 3 if color == COLOR else 1
    levels = np.random.default_rng(seed).integers(0, 2**depth, (*SIZE, channels))
    if depth > 1:
        levels[0, 0], levels[0, 1] = 2, 3  # Differ in their lowest bits alone.
    levels[1] = levels[0, 0]
    data = with_key(levels, levels[0, 0], depth, color)
    for source in (data, PIL.Image.open(io.BytesIO(data))):
        photo = read_photo(source)
        assert np.abs(photo.image - over_white(levels, levels[0, 0], depth)).max() <= 1
        assert photo.notes == ()


@pytest.mark.parametrize(("color", "depth"), DEPTHS)
def test_only_the_bits_of_the_depth_count_in_the_transparent_color(color: int, depth: int) -> None:
    """Section 11.3.1.1: "the least significant bits are used"."""
    channels = 3 if color == COLOR else 1
    levels = np.full((2, 2, channels), 2**depth - 1)
    levels[0] = 0
    data = with_key(levels, [0xFFFF] * channels, depth, color)
    expected = np.full((2, 2, 3), 255)
    expected[0] = 0
    np.testing.assert_array_equal(read_photo(data).image, expected)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("entries", [1, 2, 200])
def test_the_alpha_of_a_palette_at_every_depth(depth: int, entries: int) -> None:
    random = np.random.default_rng(depth)
    indices = random.integers(0, 2**depth, (*SIZE, 1))
    colors, alpha = random.integers(0, 256, (2**depth, 3)), np.full(2**depth, 255)
    alpha[:entries] = random.integers(1, 256, min(entries, 2**depth))
    data = png(
        *SIZE[::-1],
        depth,
        PALETTE,
        chunk(b"PLTE", bytes(colors.ravel().tolist())),
        chunk(b"tRNS", bytes(alpha[:entries].tolist())),
        chunk(b"IDAT", zlib.compress(packed(indices, depth))),
    )
    shown = (colors * alpha[:, None] + 255 * (255 - alpha[:, None])) / 255
    assert np.abs(read_photo(data).image - shown[indices[..., 0]]).max() <= 1


def test_a_decoded_picture_whose_depth_is_lost_is_noted() -> None:
    grey = PIL.Image.open(io.BytesIO(with_key(np.array([[[0], [1]]]), [1], 2, GREY)))
    color = PIL.Image.open(io.BytesIO(with_key(np.array([[[1000, 0, 0], [1001, 0, 0]]]), [1000, 0, 0], 16, COLOR)))
    for picture, note in ((grey, "taken as one of 8 bits"), (color, "has 16 bits, of which Pillow keeps 8: ignored")):
        picture.load()
        (found,) = read_photo(picture).notes
        assert note in found


def test_an_opened_picture_keeps_its_transparent_color() -> None:
    picture = PIL.Image.open(io.BytesIO(with_key(np.array([[[0], [1]]]), [1], 2, GREY)))
    read_photo(picture)
    assert picture.info["transparency"] == 1


def test_the_transparent_color_and_the_colors_of_a_photo_are_both_followed() -> None:
    levels = np.array([[[55 * 257] * 3, [55 * 257, 55 * 257, 55 * 257 + 1]]])
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    assert read_photo(with_key(levels, levels[0, 0], 16, COLOR, gamma)).image[0].tolist() == [[255] * 3, [128] * 3]
