"""Every photo that cameras, tools and accidents leave on a disk, made here on the fly."""

import io
import os
import re
import struct
import threading
import time
import unicodedata
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import ImageCms, ImageFile

from wsseg.arrays import FOREGROUND, UNKNOWN
from wsseg.files.decode import ReadError, opened_picture, read_file
from wsseg.files.encode import (
    FORMATS,
    SUFFIXES,
    encoded_labels,
    encoded_picture,
    write_labels,
    write_mask,
    write_picture,
)
from wsseg.files.find import _inside, find_photos
from wsseg.files.masks import read_class_ids, read_mask, read_soft_levels, read_soft_mask, read_truth
from wsseg.files.names import Source, refuse_name_clashes, with_output_names
from wsseg.files.photos import Photo, read_image, read_photo
from wsseg.files.store import is_local, path_of, replacing, store_of

RAMP_16 = np.linspace(0, 65535, 48 * 64).astype(np.uint16).reshape(48, 64)
RAMP_8 = np.rint(RAMP_16 / 257).astype(np.uint8)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
QUARTERS = np.array([[RED, GREEN], [BLUE, (0, 0, 0)]], np.uint8).repeat(16, 0).repeat(24, 1)
"""A photo of 32 x 48 pixels that no turn or flip leaves as it is."""


def kinds(*names: str) -> pytest.MarkDecorator:
    """Formats, of which an older Pillow does not write all."""
    PIL.Image.init()
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(name, marks=pytest.mark.skipif(name not in PIL.Image.SAVE, reason=f"Pillow writes no {name}"))
            for name in names
        ],
    )


def encoded(picture: PIL.Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def by_opencv(array: NDArray[Any], suffix: str) -> bytes:
    """The array in a file of the kind, for depths that Pillow does not write."""
    done, data = cv2.imencode(suffix, array)
    assert done
    return data.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, color: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def smooth_photo() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Writes bytes, or else a tiny photo, to a path below the test's folder."""

    def write(name: str, data: bytes | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(QUARTERS, "PNG") if data is None else data)
        return path

    return write


# ------------------------------------------------------------------------------------------------ sources and modes


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
def test_black_and_white_are_so_in_every_mode(mode: str, white: bool) -> None:
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


# ---------------------------------------------------------------------------------------------- metadata and frames

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
"""What a camera stores under each EXIF orientation when the scene looks like the argument."""


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


def profile_with(old: bytes, new: bytes, swap: bool) -> bytes:
    """An RGB profile of another name, in which red and blue may be swapped."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace(old.decode().encode("utf-16-be"), new.decode().encode("utf-16-be"))
    if swap:
        data = data.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
    return data


def test_color_profiles_are_followed() -> None:
    swapped = profile_with(b"sRGB", b"test", swap=True)
    photo = read_photo(encoded(QUARTERS, "PNG", icc_profile=swapped))
    assert np.abs(photo.image.astype(int) - QUARTERS[..., ::-1]).max() <= 3
    assert photo.notes == ()


def test_grey_photos_may_carry_a_color_profile() -> None:
    profile = profile_with(b"sRGB", b"test", swap=False)
    photo = read_photo(encoded(RAMP_8, "PNG", icc_profile=profile))
    assert np.abs(photo.image[..., 0].astype(int) - RAMP_8).max() <= 1
    assert photo.notes == ()


def linear_grey_profile() -> bytes:
    """The smallest profile of greys: their levels are proportional to light."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    tags = struct.pack(">I", 2) + struct.pack(">4sII4sII", b"wtpt", 156, 20, b"kTRC", 176, 12)
    head = struct.pack(">I4sI4s4s4s12s4s", 188, b"", 0x02100000, b"mntr", b"GRAY", b"XYZ ", b"", b"acsp")
    return head.ljust(68, b"\0") + white[8:].ljust(60, b"\0") + tags + white + curve


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profiles_are_followed(mode: str) -> None:
    picture = PIL.Image.new("L", (4, 3), 55).convert(mode)
    photo = read_photo(encoded(picture, "PNG", icc_profile=linear_grey_profile()))
    assert photo.notes == ()
    assert np.abs(photo.image.astype(int) - 128).max() <= 1


def test_alpha_survives_a_color_profile() -> None:
    rgba = np.dstack([QUARTERS, np.zeros((32, 48), np.uint8)])
    assert (read_image(encoded(rgba, "PNG", icc_profile=profile_with(b"sRGB", b"test", swap=True))) == 255).all()


def test_the_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = smooth_photo()
    np.testing.assert_array_equal(read_image(encoded(photo, "PNG", icc_profile=profile)), photo)


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 200])
def test_a_broken_profile_is_noted_and_ignored(profile: bytes) -> None:
    photo = read_photo(encoded(QUARTERS, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(photo.image, QUARTERS)
    assert photo.notes == ("its color profile is broken: taken as sRGB",)


@pytest.mark.parametrize(
    ("kind", "options", "note"),
    [
        ("GIF", {}, "only the first of 3 frames is used"),
        ("PNG", {}, "only the first of 3 frames is used"),
        ("WEBP", {"lossless": True}, "only the first of 3 frames is used"),
        ("TIFF", {}, "only the first of 3 pages is used"),
    ],
)
def test_of_many_frames_the_first_is_used_and_said_so(kind: str, options: dict[str, Any], note: str) -> None:
    others = [PIL.Image.fromarray(QUARTERS[::-1].copy()), PIL.Image.fromarray(QUARTERS[:, ::-1].copy())]
    photo = read_photo(encoded(QUARTERS, kind, save_all=True, append_images=others, **options))
    np.testing.assert_array_equal(photo.image, QUARTERS)
    assert photo.notes == (note,)


def test_two_frames_are_many() -> None:
    data = encoded(QUARTERS, "GIF", save_all=True, append_images=[PIL.Image.fromarray(255 - QUARTERS)])
    assert read_photo(data).notes == ("only the first of 2 frames is used",)


def test_the_second_picture_of_an_mpo_is_not_worth_a_note() -> None:
    data = encoded(QUARTERS, "MPO", save_all=True, append_images=[PIL.Image.fromarray(255 - QUARTERS)])
    photo = read_photo(data)
    assert np.abs(photo.image.astype(int) - QUARTERS).mean() < 10
    assert photo.notes == ()


# ------------------------------------------------------------------------------------------------------- numpy arrays


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


def test_a_pil_image_stays_as_it_was() -> None:
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


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (b"Dear photographer,\nno picture here.\n", "must be a picture, got nothing that Pillow reads"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "must be a picture"),
        (encoded(QUARTERS, "JPEG")[:-40], "truncated"),
        (encoded(smooth_photo(), "PNG")[:600], "truncated"),
        (encoded(smooth_photo(), "BMP")[:-4], "truncated"),
        (by_opencv(np.dstack([RAMP_16 / 65535] * 3).astype(np.float32), ".tiff"), "must be a picture"),
        (png(3, 3, 8, 2), "must be a"),
        (png(0, 3, 8, 2), "must be a"),
        (png(3, 3, 8, 2, chunk(b"IDAT", b"not deflated")), "must be a whole"),
    ],
    ids=["empty", "text", "eps", "jpeg", "png", "bmp", "float color", "no data", "no width", "no deflate"],
)
def test_what_is_no_whole_picture_is_refused_by_name(put: Callable[..., Path], data: bytes, reason: str) -> None:
    path = put("some.jpg", data)
    with pytest.raises(ReadError, match=reason) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path} must ") and "; " in str(caught.value)
    with pytest.raises(ReadError, match="^source must "):
        read_image(data)


@kinds("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "TIFF", "WEBP")
def test_a_file_cut_off_anywhere_is_whole_or_refused(kind: str) -> None:
    data = encoded(smooth_photo(), kind)
    whole = read_image(data)
    for length in np.linspace(0, len(data) - 1, 60).astype(int):
        try:
            np.testing.assert_array_equal(read_image(data[:length]), whole)
        except ReadError:
            continue


@given(st.data())
def test_a_spoiled_file_is_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["BMP", "GIF", "ICO", "JPEG", "PNG", "PSD", "TGA", "TIFF", "WEBP"]))
    whole = bytearray(b"8BPS" + bytes(60) if kind == "PSD" else encoded(QUARTERS, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, min(len(whole), 200) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = read_image(bytes(whole), max_pixels=10**6)
    except ReadError as error:
        assert error.__cause__ is not None or "must" in str(error)
    else:
        assert image.dtype == np.uint8 and image.ndim == 3


@pytest.mark.parametrize(
    "error", [struct.error, SyntaxError, OverflowError, zlib.error, EOFError, KeyError, MemoryError]
)
def test_whatever_a_decoder_raises_is_a_read_error(
    error: type[Exception], put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise error("odd")

    path = put("a.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(ReadError, match=f"a.png must be a whole and sound picture, got {error.__name__}: ") as caught:
        read_image(path)
    assert type(caught.value.__cause__) is error


def test_unreadable_paths_are_refused_by_name(tmp_path: Path, put: Callable[..., Path], monkeypatch: Any) -> None:
    with pytest.raises(ReadError, match=r"gone.jpg must be readable, got 'No such file or directory'; check the path"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ReadError, match="must be a picture, got a folder"):
        read_image(tmp_path)
    with pytest.raises(ReadError, match="embedded null"):
        read_image("a\0b.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ReadError, match="pipe.jpg must be a regular file"):
        read_image(tmp_path / "pipe.jpg")
    path = put("a.png")

    def forbid(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(ReadError, match=r"a.png must be readable, got 'Permission denied'"):
        read_image(path)


BOMB = png(20_000, 20_000, 8, 2, chunk(b"IDAT", zlib.compress(b"")))


def test_a_bomb_is_refused_before_it_is_decoded(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("bomb.png", BOMB)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(
        ReadError, match=r"bomb.png must have at most 100000000 pixels, got .*400000000 pixels.*--max-pixels"
    ):
        read_image(path)


@pytest.mark.parametrize("size", [(11, 10), (15, 10), (21, 10), (60, 10)])
@pytest.mark.parametrize("wrap", [lambda array: encoded(array, "PNG"), lambda array: array, PIL.Image.fromarray])
def test_max_pixels_is_the_one_limit(size: tuple[int, int], wrap: Callable[[Any], Any]) -> None:
    source, pixels = wrap(np.zeros((*size, 3), np.uint8)), size[0] * size[1]
    assert read_image(source, max_pixels=pixels).shape == (*size, 3)
    with pytest.raises(ReadError, match=f"at most {pixels - 1} pixels"):
        read_image(source, max_pixels=pixels - 1)


def test_pillows_own_limit_does_not_count(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(read_image(put("a.png")), QUARTERS)
    assert PIL.Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("data", [encoded(QUARTERS, "PNG"), encoded(QUARTERS, "JPEG")[:-40]], ids=["whole", "cut"])
def test_pillow_and_warnings_are_left_as_they_were(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    before = list(warnings.filters), PIL.Image.MAX_IMAGE_PIXELS
    try:
        read_image(data)
    except ReadError as error:
        assert "truncated" in str(error)
    assert (list(warnings.filters), PIL.Image.MAX_IMAGE_PIXELS) == before
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_warnings_of_pillow_become_notes() -> None:
    data = png(1, 1, 8, 0, chunk(b"acTL", struct.pack(">II", 0, 0)), chunk(b"IDAT", zlib.compress(b"\0\x07")))
    photo = read_photo(data)
    assert photo.image.tolist() == [[[7, 7, 7]]]
    assert photo.notes == ("Pillow warns: Invalid APNG, will use default PNG image if possible",)


def test_warnings_of_others_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(self: object) -> None:
        warnings.warn("of another thread", stacklevel=1)

    monkeypatch.setattr(PIL.Image.Image, "load", warn)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with opened_picture(QUARTERS, 10**6, notes := [], "source"):
            pass
    assert [str(warning.message) for warning in caught] == ["of another thread"]
    assert notes == []


def test_threads_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    data, images, limits = encoded(QUARTERS, "PNG"), [], []
    load = ImageFile.ImageFile.load

    def slowly(self: ImageFile.ImageFile) -> Any:
        before = PIL.Image.MAX_IMAGE_PIXELS
        time.sleep(0.01)
        limits.append((before, PIL.Image.MAX_IMAGE_PIXELS))
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", slowly)

    def read(max_pixels: int) -> None:
        images.append(read_image(data, max_pixels=max_pixels))

    threads = [threading.Thread(target=read, args=(10_000 + index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(images) == 8 and all(np.array_equal(image, QUARTERS) for image in images)
    assert all(before == after for before, after in limits)
    assert {before for before, _ in limits} == set(range(10_000, 10_008))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux does")
@pytest.mark.parametrize("name", ["a.png", "cut.gif", "text.jpg", "many.tiff"])
def test_no_file_stays_open(name: str, put: Callable[..., Path]) -> None:
    pages = encoded(QUARTERS, "TIFF", save_all=True, append_images=[PIL.Image.fromarray(QUARTERS)])
    path = put(name, {"cut.gif": encoded(QUARTERS, "GIF")[:-30], "text.jpg": b"text", "many.tiff": pages}.get(name))
    before = len(list(Path("/proc/self/fd").iterdir()))
    try:
        read_image(path)
    except ReadError as error:
        kept = error  # With its traceback, which would keep a file that is not closed.
        assert str(kept)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_photos_are_frozen() -> None:
    photo = Photo(QUARTERS, ())
    with pytest.raises(AttributeError):
        photo.notes = ("other",)  # type: ignore[misc]  # that it cannot be set is the point


# ------------------------------------------------------------------------------------------------------------ masks

CROSS = np.array([[0, 1, 0], [1, 1, 1]], np.uint8)


def palette_png(indices: NDArray[np.uint8], *colors: tuple[int, int, int]) -> bytes:
    picture = PIL.Image.fromarray(indices).convert("P")
    picture.putdata(indices.ravel().tolist())
    picture.putpalette([level for color in colors for level in color])
    return encoded(picture, "PNG")


MASKS = {
    "one bit": encoded(PIL.Image.fromarray(CROSS == 1), "PNG"),
    "0 and 1": encoded(CROSS, "PNG"),
    "0 and 255": encoded(CROSS * 255, "PNG"),
    "16 bits": by_opencv(CROSS.astype(np.uint16) * 65535, ".png"),
    "16 bits, 0 and 1": by_opencv(CROSS.astype(np.uint16), ".png"),
    "16 bits, 0 and 255": by_opencv(CROSS.astype(np.uint16) * 255, ".png"),
    "float": by_opencv(CROSS.astype(np.float32), ".tiff"),
    "three equal channels": encoded(np.dstack([CROSS * 255] * 3), "PNG"),
    "opaque alpha": encoded(np.dstack([CROSS * 255] * 3 + [CROSS * 0 + 255]), "PNG"),
    "grey with opaque alpha": encoded(PIL.Image.fromarray(CROSS * 255).convert("LA"), "PNG"),
    "colored palette": palette_png(CROSS, (0, 0, 0), (128, 0, 0)),
    "grey palette": palette_png(1 - CROSS, WHITE, (0, 0, 0)),
    "bmp": encoded(CROSS * 255, "BMP"),
    "gif": encoded(CROSS * 255, "GIF"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_of_any_kind(kind: str, put: Callable[..., Path]) -> None:
    path = put("mask.png", MASKS[kind])
    mask = read_mask(path)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, CROSS == 1)
    np.testing.assert_array_equal(read_truth(str(path), void=None), CROSS * FOREGROUND)
    soft = read_soft_mask(path)
    assert soft.dtype == np.float32
    np.testing.assert_array_equal(soft, CROSS)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_masks_of_one_value(value: int, put: Callable[..., Path]) -> None:
    path = put("mask.png", encoded(np.full((2, 3), value, np.uint8), "PNG"))
    assert (read_mask(path) == (value > 0)).all() and read_mask(path).shape == (2, 3)
    assert (read_soft_mask(path) == (value > 0)).all()


@pytest.mark.parametrize(
    ("levels", "void", "expected"),
    [
        ([0, 128, 255], 128, [0, UNKNOWN, 1]),
        ([0, 1, 255], 255, [0, 1, UNKNOWN]),
        ([0, 255], 255, [0, UNKNOWN]),
        ([0, 1], 255, [0, 1]),
        ([0, 255], 128, [0, 1]),
        ([0, 1, 255], 1, [0, UNKNOWN, 1]),
        ([0, 255], 0, [UNKNOWN, 1]),
        ([7, 7], 7, [UNKNOWN, UNKNOWN]),
        ([0, 1], 999, [0, 1]),
    ],
)
def test_void_is_unknown(levels: list[int], void: int, expected: list[int], put: Callable[..., Path]) -> None:
    truth = read_truth(put("truth.png", encoded(np.array([levels], np.uint8), "PNG")), void=void)
    assert truth.dtype == np.uint8 and truth.tolist() == [expected]


def test_a_voc_truth_holds_indices(put: Callable[..., Path]) -> None:
    colors = [(0, 0, 0), (128, 0, 0), *[(7, 8, 9)] * 253, (224, 224, 192)]
    path = put("truth.png", palette_png(np.array([[0, 1, 255]], np.uint8), *colors))
    assert read_truth(path, void=255).tolist() == [[0, 1, UNKNOWN]]


@pytest.mark.parametrize(
    ("levels", "void", "named"),
    [
        ([0, 2], None, "got also 2;"),
        ([0, 128, 255], None, "got also 128, 255;"),
        ([0, 1, 255], None, "got also 1, 255;"),
        ([0, 254], 255, "got also 254;"),
        ([0, 3, 255], 128, "got also 3, 255;"),
        (list(range(20)), None, "got also 1, 2, 3, 4, 5 and 14 more;"),
    ],
)
def test_other_values_are_named(levels: list[int], void: int | None, named: str, put: Callable[..., Path]) -> None:
    path = put("truth.png", encoded(np.array([levels], np.uint8), "PNG"))
    with pytest.raises(ReadError, match=named) as caught:
        read_truth(path, void=void)
    assert str(path) in str(caught.value) and "PNG" in str(caught.value) and "--void" in str(caught.value)


def test_a_jpeg_of_a_mask_is_refused(put: Callable[..., Path]) -> None:
    mask = np.kron(np.eye(5), np.full((7, 7), 255)).astype(np.uint8)
    with pytest.raises(ReadError, match="save it as PNG if it is a JPEG"):
        read_mask(put("mask.jpg", encoded(mask, "JPEG")))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoded(QUARTERS, "PNG"), "must have one channel, got colors"),
        (encoded(np.dstack([CROSS * 255] * 4), "PNG"), "must have one channel, got transparency"),
        (encoded(PIL.Image.fromarray(QUARTERS).convert("CMYK"), "TIFF"), "must have one channel, got mode CMYK"),
        (b"", "0 bytes"),
        (encoded(smooth_photo(), "PNG")[:600], "truncated"),
    ],
)
def test_what_is_no_mask_is_refused_by_name(data: bytes, reason: str, put: Callable[..., Path]) -> None:
    path = put("mask.png", data)
    for read in (read_mask, read_soft_mask, lambda file: read_truth(file, void=9)):
        with pytest.raises(ReadError, match=f"mask.png {reason}" if reason.startswith("must") else reason):
            read(path)


@pytest.mark.parametrize(
    "read", [read_mask, read_soft_mask, lambda path, **limit: read_truth(path, void=None, **limit)]
)
def test_masks_have_the_limit_of_photos(read: Callable[..., Any], put: Callable[..., Path]) -> None:
    path = put("mask.png", MASKS["0 and 255"])
    assert read(path, max_pixels=6).shape == (2, 3)
    with pytest.raises(ReadError, match="at most 5 pixels"):
        read(path, max_pixels=5)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(np.array([[0, 51, 255]], np.uint8), "PNG"), [0, 0.2, 1]),
        (encoded(np.array([[0, 51]], np.uint8), "PNG"), [0, 0.2]),
        (by_opencv(np.array([[0, 13107, 200]], np.uint16), ".png"), [0, 0.2, 200 / 65535]),
        (by_opencv(np.array([[0, 0.25, 0.5]], np.float32), ".tiff"), [0, 0.25, 0.5]),
    ],
)
def test_soft_masks(data: bytes, expected: list[float], put: Callable[..., Path]) -> None:
    np.testing.assert_allclose(read_soft_mask(put("soft.png", data)), [expected], rtol=1e-6)


def test_soft_masks_of_floats_lie_in_the_unit_interval(put: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match=r"soft.tiff must hold floats in \[0, 1\], got \[0.0, 1.5\]"):
        read_soft_mask(put("soft.tiff", by_opencv(np.array([[0, 1.5]], np.float32), ".tiff")))


# ---------------------------------------------------------------------------------------------------------- writing


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2)))
def test_a_written_mask_reads_the_same(tmp_path_factory: pytest.TempPathFactory, mask: NDArray[np.bool_]) -> None:
    path = tmp_path_factory.getbasetemp() / "roundtrip" / "mask.png"
    write_mask(path, mask)
    np.testing.assert_array_equal(read_mask(path), mask)
    with PIL.Image.open(path) as picture:
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.array(picture), mask * 255)


@pytest.mark.parametrize("picture", [RAMP_8, QUARTERS, np.dstack([QUARTERS, RAMP_8[:32, :48]]), QUARTERS[::-2, ::2]])
def test_written_pictures_keep_every_value(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.png"
    write_picture(path, picture)
    with PIL.Image.open(path) as read:
        np.testing.assert_array_equal(np.array(read), picture)


EVERY_LABEL = np.arange(256, dtype=np.uint8).reshape(8, 32)


def test_written_labels_are_indices_into_the_colors_of_voc(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.png"
    write_labels(path, EVERY_LABEL)
    with PIL.Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", "P")
        np.testing.assert_array_equal(np.array(picture), EVERY_LABEL)
        palette = np.array(picture.getpalette()).reshape(-1, 3).tolist()
        seen = np.array(picture.convert("RGB"))
    assert palette[:8] == [[r, g, b] for b in (0, 128) for g in (0, 128) for r in (0, 128)]
    assert palette[:5] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert palette[15] == [192, 128, 128]  # A person.
    assert palette[20] == [0, 64, 128]  # A screen.
    assert palette[64] == [32, 0, 0]
    assert palette[255] == [224, 224, 192]
    assert len({tuple(color) for color in palette}) == len(palette) == 256
    np.testing.assert_array_equal(seen.reshape(-1, 3), palette)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2)))
def test_written_labels_keep_every_value(tmp_path_factory: pytest.TempPathFactory, labels: NDArray[np.uint8]) -> None:
    path = tmp_path_factory.getbasetemp() / "roundtrip" / "labels.png"
    before = labels.copy()
    write_labels(str(path), labels)
    np.testing.assert_array_equal(labels, before)
    with PIL.Image.open(path) as picture:
        np.testing.assert_array_equal(np.array(picture), labels)


def test_written_labels_may_lie_anywhere_in_memory(tmp_path: Path) -> None:
    view = EVERY_LABEL[::-2, ::3].T
    view.setflags(write=False)
    write_labels(tmp_path / "a.png", view)
    with PIL.Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.array(picture), view)


def test_written_labels_of_one_object_are_read_as_truth(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.png", np.array([[0, 1, 255]], np.uint8))
    assert read_truth(tmp_path / "a.png", void=255).tolist() == [[0, 1, UNKNOWN]]
    write_labels(tmp_path / "a.png", CROSS)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), CROSS == 1)


@pytest.mark.parametrize("label", [2, 7, 56, 63, 128, 254])
def test_no_color_of_voc_is_taken_for_a_grey(label: int, tmp_path: Path) -> None:
    write_labels(tmp_path / "a.png", np.array([[0, label]], np.uint8))
    assert read_truth(tmp_path / "a.png", void=label).tolist() == [[0, UNKNOWN]]
    with pytest.raises(ReadError, match=f"got also {label};"):
        read_mask(tmp_path / "a.png")


def test_equal_labels_make_equal_files(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.png", EVERY_LABEL)
    write_labels(tmp_path / "b.png", EVERY_LABEL.copy())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("labels", [EVERY_LABEL.astype(np.int64), EVERY_LABEL > 9, QUARTERS, EVERY_LABEL[:0]])
def test_other_labels_are_not_written(labels: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^labels must be a non-empty uint8 array of shape \(any, any\), got .*; \w"):
        write_labels(tmp_path / "a.png", labels)
    with pytest.raises(TypeError, match="^labels must be .*, got list"):
        write_labels(tmp_path / "a.png", labels.tolist())
    assert list(tmp_path.iterdir()) == []


def test_equal_pictures_make_equal_files(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", QUARTERS)
    write_picture(str(tmp_path / "b.png"), QUARTERS.copy())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    "picture",
    [QUARTERS.astype(np.uint16), QUARTERS[..., :2], QUARTERS[:0], QUARTERS[0, 0], QUARTERS[None], RAMP_8 > 9],
)
def test_other_pictures_are_not_written(picture: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="picture must be a non-empty uint8 array"):
        write_picture(tmp_path / "a.png", picture)
    assert list(tmp_path.iterdir()) == []


def test_only_png_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path must end in .png, got .*a.jpg"):
        write_picture(tmp_path / "a.jpg", QUARTERS)
    with pytest.raises(ValueError, match=r"path must end in .png, got .*a.gif"):
        write_labels(tmp_path / "a.gif", EVERY_LABEL)
    with pytest.raises(ValueError, match="mask must be"):
        write_mask(tmp_path / "a.png", QUARTERS)  # type: ignore[arg-type]  # an image where a mask belongs


WITH_ALPHA = np.dstack([QUARTERS, RAMP_8[:32, :48]])


def decoded(data: bytes) -> NDArray[np.uint8]:
    with PIL.Image.open(io.BytesIO(data)) as picture:
        return np.array(picture)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("picture", [smooth_photo(), smooth_photo()[..., 0], QUARTERS[::-2, ::2], QUARTERS[:1, :1]])
def test_every_format_shows_the_picture(picture: NDArray[np.uint8], format: str) -> None:
    data = encoded_picture(picture, format)
    with PIL.Image.open(io.BytesIO(data)) as read:
        assert read.format == {"png": "PNG", "webp": "WEBP", "jpg": "JPEG"}[format]
        shown = np.array(read.convert("RGB")).astype(int)
    expected = picture if picture.ndim == 3 else np.dstack([picture] * 3)
    assert np.abs(shown - expected).mean() <= (0 if format == "png" else 8)
    assert encoded_picture(picture.copy(), format) == data


def test_a_png_keeps_every_value_and_a_webp_every_alpha() -> None:
    np.testing.assert_array_equal(decoded(encoded_picture(WITH_ALPHA)), WITH_ALPHA)
    np.testing.assert_array_equal(decoded(encoded_picture(WITH_ALPHA, "webp"))[..., 3], WITH_ALPHA[..., 3])


def test_a_jpg_has_thin_lines_in_their_color() -> None:
    picture = np.full((64, 64, 3), 100, np.uint8)
    picture[32], picture[:, 21] = GREEN, RED
    shown = decoded(encoded_picture(picture, "jpg")).astype(int)
    assert np.abs(shown[32, :20] - GREEN).max() < 30 and np.abs(shown[:30, 21] - RED).max() < 30


def test_what_is_written_is_what_is_encoded(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", QUARTERS)
    write_labels(tmp_path / "b.png", EVERY_LABEL)
    assert (tmp_path / "a.png").read_bytes() == encoded_picture(QUARTERS)
    assert (tmp_path / "b.png").read_bytes() == encoded_labels(EVERY_LABEL)


@pytest.mark.parametrize(
    ("picture", "format", "reason"),
    [
        (QUARTERS, "gif", "^format must be one of png, webp, jpg, got 'gif'; choose"),
        (WITH_ALPHA, "jpg", "^picture must be opaque as jpg, got four channels; lay it on a background"),
        (np.zeros((2, 16384), np.uint8), "webp", "^picture must have sides of at most 16383 pixels .* got 16384 x 2; "),
        (np.zeros((65501, 1), np.uint8), "jpg", "^picture must have sides of at most 65500 pixels .* got 1 x 65501; "),
        (QUARTERS > 9, "webp", "^picture must be a non-empty uint8 array"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(picture: Any, format: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        encoded_picture(picture, format)


@pytest.mark.parametrize(("format", "longest"), [("png", 70000), ("webp", 16383), ("jpg", 65500)])
def test_the_longest_picture_can_be_encoded(format: str, longest: int) -> None:
    assert decoded(encoded_picture(np.zeros((1, longest), np.uint8), format)).shape[:2] == (1, longest)


def test_every_format_has_a_suffix_of_its_name() -> None:
    assert set(SUFFIXES.values()) == set(FORMATS)
    assert all(SUFFIXES[f".{format}"] == format for format in FORMATS)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="full"), replacing(path) as file:
        file.write(b"half")
        raise RuntimeError("disk full")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"a\.png"):
        write_picture(tmp_path / "a.png", QUARTERS)
    with pytest.raises(OSError, match=r"a\.png"):
        write_labels(tmp_path / "a.png", EVERY_LABEL)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    write_picture(path, QUARTERS)
    assert path.is_file()


# ---------------------------------------------------------------------------------------------------------- folders


def names(sources: list[Source]) -> list[str]:
    return [source.name.as_posix() for source in sources]


def test_a_folder_is_searched_in_order(tmp_path: Path, put: Callable[..., Path]) -> None:
    for name in [
        "b.JPG",
        "a.png",
        "sub/deep/c.tif",
        "sub/x.webp",
        "notes.txt",
        "read.me",
        "movie.mpg",
        "page.eps",
        "z.mpo",
    ]:
        put(f"in/{name}")
    for name in [".hidden.jpg", "._a.png", ".git/d.jpg", "sub/.cache/e.png"]:
        put(f"in/{name}")
    sources = find_photos([tmp_path / "in"])
    assert names(sources) == ["a.png", "b.png", "sub/deep/c.png", "sub/x.png", "z.png"]
    assert [source.path for source in sources] == [
        tmp_path / "in" / name for name in ["a.png", "b.JPG", "sub/deep/c.tif", "sub/x.webp", "z.mpo"]
    ]
    assert all(isinstance(source.name, PurePosixPath) for source in sources)


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path, put: Callable[..., Path]) -> None:
    inside, outside = put("in/a.jpg"), put("out/b.jpg")
    (tmp_path / "in/outside.jpg").symlink_to(outside)
    (tmp_path / "in/folder").symlink_to(outside.parent)
    (tmp_path / "in/loop").symlink_to(inside.parent)
    (tmp_path / "in/inside.jpg").symlink_to(inside)
    (tmp_path / "in/self.jpg").symlink_to("self.jpg")
    assert names(find_photos([tmp_path / "in"])) == ["a.png", "inside.png", "self.png"]
    with pytest.raises(ReadError, match=r"self.jpg must be readable"):
        read_image(tmp_path / "in/self.jpg")


def test_photos_that_would_share_a_name_keep_their_whole_name(tmp_path: Path, put: Callable[..., Path]) -> None:
    for name in ["a.jpg", "a.png", "b.jpg", "s/A.jpg", "s/a.gif", "s/c.bmp"]:
        put(f"in/{name}")
    assert names(find_photos([tmp_path / "in"])) == [
        "a.jpg.png",
        "a.png.png",
        "b.png",
        "s/A.jpg.png",
        "s/a.gif.png",
        "s/c.png",
    ]


def test_names_are_compared_without_case_and_unicode_form(tmp_path: Path, put: Callable[..., Path]) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    put(f"in/{composed}.jpg"), put(f"in/{decomposed.upper()}.gif")
    assert sorted(names(find_photos([tmp_path / "in"]))) == sorted(
        [f"{composed}.jpg.png", f"{decomposed.upper()}.gif.png"]
    )


def test_a_backslash_is_no_part_of_a_name(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("photos/s\\..\\a.png")
    assert names(find_photos([tmp_path / "photos"])) == ["s_.._a.png"]


def test_several_folders_come_first_in_the_names(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("cats/a.jpg"), put("cats/s/b.jpg"), put("dogs/a.jpg"), put("single.gif")
    paths = [tmp_path / "dogs", str(tmp_path / "cats") + "/", tmp_path / "single.gif"]
    assert names(find_photos(paths)) == ["dogs/a.png", "cats/a.png", "cats/s/b.png", "single.png"]


def test_the_current_folder_has_a_name(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    put("cats/a.jpg"), put("cats/s/b.jpg")
    monkeypatch.chdir(put("cats/s/c.jpg").parent)
    assert names(find_photos(["."])) == ["b.png", "c.png"]
    assert names(find_photos(["..", "b.jpg"])) == ["cats/a.png", "cats/s/b.png", "cats/s/c.png"]


def test_a_photo_given_twice_is_used_once(tmp_path: Path, put: Callable[..., Path]) -> None:
    photo = put("in/a.jpg")
    (tmp_path / "same").symlink_to(photo.parent)
    paths = [photo, str(photo), tmp_path / "in", tmp_path / "same", tmp_path / "in/../in/a.jpg", tmp_path / "in/*.jpg"]
    assert names(find_photos(paths)) == ["a.png"]


def test_a_glob_is_named_from_its_fixed_part(tmp_path: Path, put: Callable[..., Path]) -> None:
    for name in ["in/x/a.jpg", "in/y/a.jpg", "in/y/a.txt", "in/y/.b.jpg", "in/.z/a.jpg", "in/y/folder.jpg/c.png"]:
        put(name)
    assert names(find_photos([str(tmp_path / "in/*/*")])) == ["x/a.png", "y/a.png"]
    assert names(find_photos([str(tmp_path / "in/x/?.jpg")])) == ["a.png"]
    assert names(find_photos([str(tmp_path / "in/**/*.[jp][pn]g")])) == ["x/a.png", "y/a.png", "y/folder.jpg/c.png"]
    assert names(find_photos([str(tmp_path / "in/*/../x/a.jpg")])) == ["x/a.png"]


def test_a_file_may_look_like_a_pattern(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("in[1]/a?.jpg")
    assert names(find_photos([tmp_path / "in[1]"])) == ["a?.png"]
    assert names(find_photos([tmp_path / "in[1]/a?.jpg"])) == ["a?.png"]


def test_a_list_names_photos_relative_to_itself(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("lists/near/a.jpg"), put("far/b.odd"), put("lists/c d.jpg")
    text = f"\ufeff# photos\n\nnear/a.jpg\r\n  ../far/b.odd  \nc d.jpg\n#c.jpg\n{tmp_path}/lists/near/../near/a.jpg\n"
    path = put("lists/mine.TXT", text.encode())
    sources = find_photos([path])
    assert names(sources) == ["near/a.png", "b.png", "c d.png"]
    assert [source.path.resolve().name for source in sources] == ["a.jpg", "b.odd", "c d.jpg"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"gone.jpg\n", "mine.txt must list photos .*, got no file .*gone.jpg"),
        (b".\n", "got no file"),
        (b"\n# nothing\n", "mine.txt must stand for a photo or more, got none"),
        (b"", "got none"),
        (b"\xff\xfe\x00", "mine.txt must be a list of photos in UTF-8"),
    ],
)
def test_a_bad_list_is_named(text: bytes, reason: str, put: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=reason):
        find_photos([put("mine.txt", text)])


@pytest.mark.parametrize("path", ["gone.jpg", "gone", "", "a\0b", "n" * 5000, "empty", "empty/*.jpg", "gone/**/*.jpg"])
def test_a_path_without_photos_is_named(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty/.hidden").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as caught:
        find_photos([path])
    assert str(caught.value).startswith(f"{path or repr(path)} must ") and "; " in str(caught.value)


def test_an_unreadable_folder_is_named(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put("in/a.jpg").parent

    def forbid(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", forbid)
    with pytest.raises(ValueError, match="in must be readable, got '.*Permission denied"):
        find_photos([folder])


@pytest.mark.parametrize(
    ("given_files", "paths", "clashing"),
    [
        (["1/cats/a.jpg", "2/cats/a.jpg"], ["1/cats", "2/cats"], ("1/cats/a.jpg", "2/cats/a.jpg", "cats/a.jpg.png")),
        (["in/a.jpg", "in/a.png", "in/a.jpg.png"], ["in"], ("in/a.jpg", "in/a.jpg.png", "a.jpg.png")),
        (["in/b.jpg", "in/B.png/c.jpg"], ["in"], ("in/b.jpg", "in/B.png/c.jpg", "B.png")),
    ],
)
def test_a_clash_is_refused_with_both_names(
    given_files: list[str], paths: list[str], clashing: tuple[str, str, str], tmp_path: Path, put: Callable[..., Path]
) -> None:
    for name in given_files:
        put(name)
    with pytest.raises(ValueError, match="paths must give photos different names") as caught:
        find_photos([tmp_path / path for path in paths])
    first, second, name = clashing
    assert str(tmp_path / first) in str(caught.value) and str(tmp_path / second) in str(caught.value)
    assert f"for {name};" in str(caught.value)


TREES = st.lists(
    st.tuples(
        st.sampled_from(["", "s/", "S/", "s/t/", "a.png/"]),
        st.sampled_from(["a", "A", "b", "\u00e9", "e\u0301"]),
        st.sampled_from([".jpg", ".png", ".jpg.png", ".GIF"]),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(TREES)
def test_names_are_relative_and_different_or_refused(tree: list[tuple[str, str, str]]) -> None:
    sources = [Source(Path("".join(entry)), PurePosixPath("".join(entry))) for entry in tree]
    try:
        named = refuse_name_clashes(with_output_names(sources, {}))
    except ValueError:
        return
    folded = [unicodedata.normalize("NFC", source.name.as_posix().casefold()) for source in named]
    assert len(set(folded)) == len(sources)
    assert all(source.name.suffix == ".png" and not source.name.is_absolute() for source in named)
    assert all(source.name.parent == PurePosixPath(source.path).parent for source in named)
    assert not any(parent.as_posix().casefold() in folded for source in named for parent in source.name.parents)


def test_names_that_differ_by_case_or_unicode_form_alone_are_told_apart_by_a_digest() -> None:
    files_of = ("a.jpg", "A.jpg", "a.gif", "b.jpg", "s/\u00e9.jpg", "s/e\u0301.jpg", "t/c.jpg", "T/c.jpg")
    sources = [Source(Path(name), PurePosixPath(name)) for name in files_of]
    named = {str(source.path): str(source.name) for source in refuse_name_clashes(with_output_names(sources, {}))}
    assert (named["a.gif"], named["b.jpg"]) == ("a.gif.png", "b.png")
    for name in set(files_of) - {"a.gif", "b.jpg"}:
        assert re.fullmatch(rf"{name}-[0-9a-f]{{8}}\.png", named[name])
    again = {str(source.path): str(source.name) for source in with_output_names(sources[::-1], {})}
    assert again == named  # Whatever the order.


class TestNamesThatArePhotosAlready:
    @pytest.fixture
    def photos(self, tmp_path: Path) -> Path:
        for name in ("a.jpg", "a.png", "b.png"):
            (tmp_path / name).write_bytes(b"x")
        return tmp_path

    def names(self, folder: Path, named: dict[str, str]) -> dict[str, str]:
        return {path.name: str(name) for path, name in find_photos([folder], named=named)}

    def test_are_kept_and_no_other_photo_gets_them(self, photos: Path) -> None:
        assert self.names(photos, {}) == {"a.jpg": "a.jpg.png", "a.png": "a.png.png", "b.png": "b.png"}
        named = {str(photos / "a.jpg"): "a"}
        assert self.names(photos, named) == {"a.jpg": "a.png", "a.png": "a.png.png", "b.png": "b.png"}

    def test_are_not_those_of_a_photo_of_elsewhere(self, photos: Path, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "other/b.png").write_bytes(b"x")
        assert self.names(tmp_path / "other", {str(photos / "b.png"): "b"}) == {"b.png": "b.png.png"}

    def test_are_kept_where_another_differs_by_unicode_form_alone(self, tmp_path: Path) -> None:
        for name in ("\u00e9.jpg", "e\u0301.jpg"):
            (tmp_path / name).write_bytes(b"x")
        found = self.names(tmp_path, {str(tmp_path / "e\u0301.jpg"): "e\u0301"})
        assert found["e\u0301.jpg"] == "e\u0301.png"
        assert found["\u00e9.jpg"].startswith("\u00e9.jpg-")

    def test_are_free_when_their_photo_is_gone_or_is_the_same_by_another_path(
        self, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.names(photos, {str(photos / "gone/b.png"): "b"})["b.png"] == "b.png"
        monkeypatch.chdir(photos)
        assert self.names(photos, {"b.png": "b"})["b.png"] == "b.png"


def test_a_folder_may_be_empty_when_told_so(tmp_path: Path) -> None:
    assert find_photos([tmp_path], empty_ok=True) == []
    with pytest.raises(ValueError, match="must stand for a photo or more, got none; add one"):
        find_photos([tmp_path])


def test_a_file_of_more_bytes_than_its_pixels_could_have_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(1 << 40)  # A hole.
    with pytest.raises(ReadError, match="must have at most .* bytes, got 1099511627776; allow more with max_pixels"):
        read_file(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"xyz")
    assert read_file(tmp_path / "b.tif") == b"xyz"


@pytest.mark.parametrize(("name", "reason"), [("gone", "No such file"), (".", "got a folder"), ("pipe", "got a pipe")])
def test_what_is_no_file_is_not_read(name: str, reason: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match=reason):
        read_file(tmp_path / name)


def test_a_path_of_an_object_store_is_told_from_one_of_a_disk() -> None:
    assert is_local(path_of("photos/a.jpg")) and is_local(path_of("C:/a.jpg"))
    with pytest.raises(ValueError, match="^nosuch://bucket must be a path that can be opened, got"):
        path_of("nosuch://bucket")


def test_sizes_are_of_all_files_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"")
    assert store_of(tmp_path).sizes_below(tmp_path) == {"sub/a": 3, "b": 0}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([[0, 1, 1]], [[0, 255, 255]]),
        ([[0, 255, 0]], [[0, 255, 0]]),
        ([[0, 1, 254]], [[0, 1, 254]]),
        ([[0, 0, 0]], [[0, 0, 0]]),
        ([[7, 7, 7]], [[7, 7, 7]]),
    ],
)
def test_levels_of_a_soft_mask_are_of_255(put: Callable[..., Path], levels: Any, expected: Any) -> None:
    path = put("soft.png", encoded(np.array(levels, np.uint8), "PNG"))
    found = read_soft_levels(path)
    assert (found.dtype, found.tolist()) == (np.uint8, expected)
    assert (read_soft_mask(path) == found.astype(np.float32) / np.float32(255)).all()


def test_deeper_levels_of_a_soft_mask_stay_floats(put: Callable[..., Path]) -> None:
    path = put("deep.png", encoded(np.array([[0, 1, 65534]], np.uint16), "PNG"))
    found = read_soft_levels(path)
    assert found.dtype == np.float32
    assert (found == read_soft_mask(path)).all()


def test_classes_of_imagenet_s_are_red_and_256_green(put: Callable[..., Path]) -> None:
    path = put("classes.png", encoded(np.array([[[0, 0, 0], [44, 1, 0], [232, 3, 0]]], np.uint8), "PNG"))
    assert read_class_ids(path).tolist() == [[0, 300, 1000]]


def test_no_key_of_a_store_leads_out_of_a_folder() -> None:
    assert str(_inside(PurePosixPath("/a/../b\\c.jpg"))) == "a/_/b_c.jpg"
