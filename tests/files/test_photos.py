"""Photos of all kinds from cameras and tools, read as upright sRGB images."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from photo_files import (
    BLUE,
    GREEN,
    QUARTERS,
    RAMP_8,
    RAMP_16,
    RED,
    WHITE,
    by_opencv,
    chunk,
    encoded,
    kinds,
    png,
    smooth_photo,
)
from PIL import ImageCms

from wsseg.files.levels import ReadError
from wsseg.files.photos import Photo, read_image, read_photo


@pytest.mark.parametrize(
    "wrap", [str, Path, Path.read_bytes, PIL.Image.open, lambda path: np.array(PIL.Image.open(path))]
)
def test_every_kind_of_source_gives_the_same_photo(put: Callable[..., Path], wrap: Callable[[Path], Any]) -> None:
    photo = read_photo(wrap(put("a.png")))
    np.testing.assert_array_equal(photo.image, QUARTERS)
    assert photo.notes == ()


@kinds("BMP", "GIF", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF")
def test_lossless_formats_keep_every_value(kind: str) -> None:
    np.testing.assert_array_equal(read_image(encoded(QUARTERS, kind)), QUARTERS)


@kinds("AVIF", "JPEG", "MPO", "WEBP")
def test_lossy_formats_stay_near(kind: str) -> None:
    photo = smooth_photo()
    assert np.abs(read_image(encoded(photo, kind, quality=95)).astype(int) - photo).mean() < 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "RGBX", "RGBa", "CMYK", "HSV", "I", "I;16", "F"])
@pytest.mark.parametrize("white", [False, True])
def test_black_and_white_are_kept_in_every_mode(mode: str, white: bool) -> None:
    levels = {"I": 65535, "I;16": 65535, "F": 1.0}
    if mode in levels:
        picture = PIL.Image.new(mode, (5, 4), levels[mode] * white)
    else:
        picture = (
            PIL.Image.new("RGB", (5, 4), WHITE if white else 0)
            .convert("RGBA" if mode == "RGBa" else mode if mode != "PA" else "P")
            .convert(mode)
        )
    image = read_image(picture)
    assert image.dtype == np.uint8 and image.shape == (4, 5, 3)
    assert (image == 255 * white).all()


def test_premultiplied_grey_is_read() -> None:
    picture = PIL.Image.merge("LA", (PIL.Image.new("L", (3, 2), 100), PIL.Image.new("L", (3, 2), 255))).convert("La")
    assert (read_image(picture) == 100).all()


def test_lab_is_read() -> None:
    photo = smooth_photo()
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(PIL.Image.fromarray(photo), srgb, lab, outputMode="LAB")
    assert picture is not None and picture.mode == "LAB"
    assert np.abs(read_image(picture).astype(int) - photo).max() <= 5


def test_ycbcr_is_read() -> None:
    assert np.abs(read_image(PIL.Image.fromarray(QUARTERS).convert("YCbCr")).astype(int) - QUARTERS).max() <= 2


@pytest.mark.parametrize(
    "data",
    [
        by_opencv(RAMP_16, ".png"),
        by_opencv(RAMP_16, ".tiff"),
        by_opencv(RAMP_16, ".pgm"),
        by_opencv(RAMP_16, ".jp2"),
        by_opencv((RAMP_16 / 65535).astype(np.float32), ".tiff"),
        encoded(PIL.Image.fromarray(RAMP_16.astype(np.int32)), "TIFF"),
        RAMP_16,
        RAMP_16.astype(">u2"),
        RAMP_16[..., None],
        (RAMP_16 / 65535).astype(np.float32),
        (RAMP_16 / 65535)[..., None],
        np.dstack([RAMP_16] * 3),
    ],
    ids=["png", "tiff", "pgm", "jp2", "float tiff", "int tiff", "u2", ">u2", "u2 layer", "f4", "f8 layer", "u2 color"],
)
def test_deep_greys_are_scaled_not_clipped(data: Any) -> None:
    np.testing.assert_array_equal(read_image(data), np.dstack([RAMP_8] * 3))


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".ppm"])
def test_deep_colors_are_scaled_not_clipped(suffix: str) -> None:
    image = read_image(by_opencv(np.dstack([RAMP_16, RAMP_16 // 2, RAMP_16 * 0]), suffix))
    assert np.abs(image[..., 2].astype(int) - RAMP_8).max() <= 1
    assert np.abs(image[..., 1].astype(int) - RAMP_8 // 2).max() <= 1
    assert (image[..., 0] == 0).all()


@pytest.mark.parametrize("levels", [[0, 65536], [-1, 65535]])
def test_integers_beyond_16_bits_are_refused(levels: list[int]) -> None:
    with pytest.raises(ReadError, match=rf"source must hold levels in \[0, 65535\], got \[{levels[0]}, {levels[1]}\]"):
        read_image(encoded(PIL.Image.fromarray(np.array([levels], np.int32)), "TIFF"))


def test_a_cmyk_jpeg_as_adobe_inverts_it() -> None:
    cmyk = PIL.Image.fromarray(QUARTERS).convert("CMYK")
    data = encoded(cmyk, "JPEG", quality=100)
    assert b"Adobe" in data
    image = read_image(data)
    for y, x in [(8, 12), (8, 36), (24, 12), (24, 36)]:
        assert np.abs(image[y, x].astype(int) - QUARTERS[y, x]).max() <= 4


def test_transparency_shows_white() -> None:
    rgba = np.dstack([QUARTERS, np.full((32, 48), 255, np.uint8)])
    rgba[:16, :, 3] = 0
    rgba[16:, :24, 3] = 51
    expected = QUARTERS.copy()
    expected[:16] = 255
    expected[16:, :24] = (204, 204, 255)
    for source in (rgba, encoded(rgba, "PNG"), encoded(rgba, "TIFF"), PIL.Image.fromarray(rgba)):
        np.testing.assert_array_equal(read_image(source), expected)
    grey = np.dstack([rgba[..., 0], rgba[..., 3]])
    np.testing.assert_array_equal(read_image(encoded(PIL.Image.fromarray(grey), "PNG")), read_image(grey_over(grey)))


def grey_over(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey with alpha as four equal-colored channels."""
    return np.dstack([grey[..., 0]] * 3 + [grey[..., 1]])


@pytest.mark.parametrize(("kind", "transparency"), [("PNG", 1), ("PNG", b"\xff\x00\xff\xff"), ("GIF", 1)])
def test_a_palette_with_transparency(kind: str, transparency: int | bytes) -> None:
    picture = PIL.Image.new("P", (4, 1))
    picture.putpalette([*RED, *GREEN, *BLUE, 0, 0, 0])
    picture.putdata([0, 1, 2, 3])
    photo = read_photo(encoded(picture, kind, transparency=transparency))
    assert photo.image.tolist() == [[list(RED), list(WHITE), list(BLUE), [0, 0, 0]]]
    assert photo.notes == ()


@pytest.mark.parametrize(("depth", "key", "dark"), [(8, 10, 10), (16, 1000, 4)])
def test_a_transparent_grey_level_shows_white(depth: int, key: int, dark: int) -> None:
    levels = struct.pack(">BBB" if depth == 8 else ">BHH", 0, key, key - 1)
    data = png(2, 1, depth, 0, chunk(b"tRNS", struct.pack(">H", key)), chunk(b"IDAT", zlib.compress(levels)))
    image = read_image(data)
    assert (image[0, 0] == 255).all()
    assert abs(int(image[0, 1, 0]) - dark) <= 1


STORED: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
"""The pixels that a camera stores for a scene, under each EXIF orientation."""


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photos_come_upright(orientation: int, kind: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](QUARTERS))
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = encoded(stored, kind, exif=exif, **options)
    for source in (data, PIL.Image.open(io.BytesIO(data))):
        image = read_image(source)
        assert image.shape == QUARTERS.shape
        assert np.abs(image.astype(int) - QUARTERS).mean() < 3


def test_deep_photos_come_upright() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    data = encoded(PIL.Image.fromarray(np.rot90(RAMP_16).copy()), "PNG", exif=exif)
    np.testing.assert_array_equal(read_image(data)[..., 0], RAMP_8)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0rubbish", b"Exif\0\0MM\0*\xff\xff\xff\xff"]
)
def test_broken_exif_is_noted_and_the_photo_kept(exif: bytes) -> None:
    photo = read_photo(encoded(QUARTERS, "PNG", exif=exif))
    np.testing.assert_array_equal(photo.image, QUARTERS)
    assert all("EXIF" in note or "Pillow warns" in note for note in photo.notes)


def test_unreadable_exif_is_noted() -> None:
    assert read_photo(encoded(QUARTERS, "PNG", exif=b"Exif\0\0rubbish")).notes == (
        "its EXIF data is broken: taken as upright",
    )


@pytest.mark.parametrize(
    ("kind", "options", "note"),
    [
        ("GIF", {}, "only the first of 3 frames is used"),
        ("PNG", {}, "only the first of 3 frames is used"),
        ("WEBP", {"lossless": True}, "only the first of 3 frames is used"),
        ("TIFF", {}, "only the first of 3 pages is used"),
    ],
)
def test_the_first_of_many_frames_is_used_with_a_note(kind: str, options: dict[str, Any], note: str) -> None:
    others = [PIL.Image.fromarray(QUARTERS[::-1].copy()), PIL.Image.fromarray(QUARTERS[:, ::-1].copy())]
    photo = read_photo(encoded(QUARTERS, kind, save_all=True, append_images=others, **options))
    np.testing.assert_array_equal(photo.image, QUARTERS)
    assert photo.notes == (note,)


def test_two_frames_get_a_note() -> None:
    data = encoded(QUARTERS, "GIF", save_all=True, append_images=[PIL.Image.fromarray(255 - QUARTERS)])
    assert read_photo(data).notes == ("only the first of 2 frames is used",)


def test_the_second_picture_of_an_mpo_gets_no_note() -> None:
    data = encoded(QUARTERS, "MPO", save_all=True, append_images=[PIL.Image.fromarray(255 - QUARTERS)])
    photo = read_photo(data)
    assert np.abs(photo.image.astype(int) - QUARTERS).mean() < 10
    assert photo.notes == ()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[False, True]]), [0, 255]),
        (np.array([[0, 7]], np.uint8), [0, 7]),
        (np.array([[0, 7]], np.uint8)[..., None], [0, 7]),
        (np.array([[0, 0.5]], np.float16), [0, 128]),
        (np.array([[0, 128, 129, 65535]], np.uint16), [0, 0, 1, 255]),
    ],
)
def test_arrays_by_their_dtype(array: NDArray[Any], expected: list[int]) -> None:
    assert read_image(array)[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 2), np.int64), "got int64"),
        (np.zeros((2, 2), object), "got object"),
        (np.zeros((2, 2), np.complex64), "got complex64"),
        (np.zeros((2, 2), np.int8), "got int8"),
        (np.full((2, 2), 1.5), r"\[0, 1\], got \[1.5, 1.5\]"),
        (np.full((2, 2), -0.1), r"\[0, 1\], got \[-0.1, -0.1\]"),
        (np.full((2, 2), np.nan), r"\[0, 1\], got \[nan, nan\]"),
        (np.zeros((3, 5, 5), np.uint8), r"got \(3, 5, 5\)"),
        (np.zeros((5, 5, 2), np.uint8), r"got \(5, 5, 2\)"),
        (np.zeros((1, 5, 5, 3), np.uint8), r"got \(1, 5, 5, 3\)"),
        (np.zeros(5, np.uint8), r"got \(5,\)"),
        (np.zeros((), np.uint8), r"got \(\)"),
        (np.zeros((0, 5), np.uint8), r"got \(0, 5\)"),
        (np.zeros((5, 0, 3), np.uint8), r"got \(5, 0, 3\)"),
    ],
)
def test_other_arrays_are_refused(array: NDArray[Any], reason: str) -> None:
    with pytest.raises(ReadError, match=f"source must .*{reason}; "):
        read_image(array)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2).map(lambda shape: (*shape, 3))))
def test_an_image_is_copied_as_it_is(array: NDArray[np.uint8]) -> None:
    image = read_image(array)
    np.testing.assert_array_equal(image, array)
    assert not np.shares_memory(image, array) and image.flags.writeable and image.flags.c_contiguous


def test_a_view_or_read_only_array_is_read() -> None:
    view = QUARTERS[::-2, ::3]
    view.setflags(write=False)
    np.testing.assert_array_equal(read_image(view), view)


def test_a_pil_image_is_not_changed() -> None:
    picture = PIL.Image.fromarray(np.dstack([QUARTERS, QUARTERS[..., 0]]))
    picture.info["transparency"] = None
    before = picture.mode, picture.size, picture.tobytes(), dict(picture.info)
    read_image(picture)
    assert (picture.mode, picture.size, picture.tobytes(), dict(picture.info)) == before


def test_a_pil_image_of_a_file_stays_open() -> None:
    frames = [PIL.Image.fromarray(QUARTERS[::-1].copy())]
    picture = PIL.Image.open(io.BytesIO(encoded(QUARTERS, "GIF", save_all=True, append_images=frames)))
    picture.seek(1)
    np.testing.assert_array_equal(read_image(picture), QUARTERS[::-1])
    assert picture.tell() == 1
    picture.seek(0)
    np.testing.assert_array_equal(read_image(picture), QUARTERS)


@pytest.mark.parametrize("source", [None, 3, [1, 2], io.BytesIO(b"x")])
def test_other_sources_are_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="source must be a path, bytes, PIL image or numpy array, got"):
        read_image(source)


def test_photos_are_frozen() -> None:
    photo = Photo(QUARTERS, ())
    with pytest.raises(AttributeError):
        photo.notes = ("other",)  # type: ignore[misc]  # This must fail.
