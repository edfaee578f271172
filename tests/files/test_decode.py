"""Broken, huge and odd files, which are read or refused by name."""

import os
import struct
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photo_files import (
    QUARTERS,
    chunk,
    encoded,
    kinds,
    png,
    smooth_photo,
)
from PIL import ImageFile

from wsseg.files.decode import opened_picture, read_file
from wsseg.files.levels import ReadError
from wsseg.files.photos import read_image, read_photo


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (b"Dear photographer,\nno picture here.\n", "must be a picture, got nothing that Pillow reads"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "must be a picture"),
        (encoded(QUARTERS, "JPEG")[:-40], "truncated"),
        (encoded(smooth_photo(), "PNG")[:600], "truncated"),
        (encoded(smooth_photo(), "BMP")[:-4], "truncated"),
        (png(3, 3, 8, 2), "must be a"),
        (png(0, 3, 8, 2), "must be a"),
        (png(3, 3, 8, 2, chunk(b"IDAT", b"not deflated")), "must be a whole"),
    ],
    ids=["empty", "text", "eps", "jpeg", "png", "bmp", "no data", "no width", "no deflate"],
)
def test_incomplete_pictures_are_refused_by_name(put: Callable[..., Path], data: bytes, reason: str) -> None:
    path = put("some.jpg", data)
    with pytest.raises(ReadError, match=reason) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"'{path}' must ") and "; " in str(caught.value)
    with pytest.raises(ReadError, match="^source must "):
        read_image(data)


@kinds("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "TIFF", "WEBP")
def test_a_truncated_file_is_complete_or_refused(kind: str) -> None:
    data = encoded(smooth_photo(), kind)
    whole = read_image(data)
    for length in np.linspace(0, len(data) - 1, 60).astype(int):
        try:
            np.testing.assert_array_equal(read_image(data[:length]), whole)
        except ReadError:
            continue


@given(st.data())
def test_a_corrupted_file_is_read_or_refused(data: st.DataObject) -> None:
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
def test_every_decoder_error_is_a_read_error(
    error: type[Exception], put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise error("odd")

    path = put("a.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(ReadError, match=f"a.png' must be a whole and sound picture, got {error.__name__}: ") as caught:
        read_image(path)
    assert type(caught.value.__cause__) is error


def test_unreadable_paths_are_refused_by_name(tmp_path: Path, put: Callable[..., Path], monkeypatch: Any) -> None:
    with pytest.raises(ReadError, match=r"gone.jpg' must be readable, got 'No such file or directory'; check the path"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ReadError, match="must be a picture, got a folder"):
        read_image(tmp_path)
    with pytest.raises(ReadError, match="embedded null"):
        read_image("a\0b.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ReadError, match="pipe.jpg' must be a regular file"):
        read_image(tmp_path / "pipe.jpg")
    path = put("a.png")

    def forbid(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(ReadError, match=r"a.png' must be readable, got 'Permission denied'"):
        read_image(path)


BOMB = png(20_000, 20_000, 8, 2, chunk(b"IDAT", zlib.compress(b"")))


def test_a_bomb_is_refused_before_it_is_decoded(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("bomb.png", BOMB)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(
        ReadError, match=r"bomb.png' must have at most 100000000 pixels, got .*400000000 pixels.*--max-pixels"
    ):
        read_image(path)


@pytest.mark.parametrize("size", [(11, 10), (15, 10), (21, 10), (60, 10)])
@pytest.mark.parametrize("wrap", [lambda array: encoded(array, "PNG"), lambda array: array, PIL.Image.fromarray])
def test_max_pixels_is_the_only_limit(size: tuple[int, int], wrap: Callable[[Any], Any]) -> None:
    source, pixels = wrap(np.zeros((*size, 3), np.uint8)), size[0] * size[1]
    assert read_image(source, max_pixels=pixels).shape == (*size, 3)
    with pytest.raises(ReadError, match=f"at most {pixels - 1} pixels"):
        read_image(source, max_pixels=pixels - 1)


def test_pillows_own_limit_does_not_count(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(read_image(put("a.png")), QUARTERS)
    assert PIL.Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("data", [encoded(QUARTERS, "PNG"), encoded(QUARTERS, "JPEG")[:-40]], ids=["whole", "cut"])
def test_settings_of_pillow_and_warnings_are_restored(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    before = list(warnings.filters), PIL.Image.MAX_IMAGE_PIXELS
    try:
        read_image(data)
    except ReadError as error:
        assert "truncated" in str(error)
    assert (list(warnings.filters), PIL.Image.MAX_IMAGE_PIXELS) == before
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_pillow_s_warnings_become_notes() -> None:
    data = png(1, 1, 8, 0, chunk(b"acTL", struct.pack(">II", 0, 0)), chunk(b"IDAT", zlib.compress(b"\0\x07")))
    photo = read_photo(data)
    assert photo.image.tolist() == [[[7, 7, 7]]]
    assert photo.notes == ("Pillow warns: Invalid APNG, will use default PNG image if possible",)


def test_other_warnings_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
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
        kept = error  # The error holds its traceback, which would keep a file open.
        assert str(kept)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_larger_than_its_pixels_allow_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(1 << 40)  # A hole.
    with pytest.raises(ReadError, match="must have at most .* bytes, got 1099511627776; allow more with max_pixels"):
        read_file(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"xyz")
    assert read_file(tmp_path / "b.tif") == b"xyz"


@pytest.mark.parametrize(("name", "reason"), [("gone", "No such file"), (".", "got a folder"), ("pipe", "got a pipe")])
def test_only_files_are_read(name: str, reason: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match=reason):
        read_file(tmp_path / name)
