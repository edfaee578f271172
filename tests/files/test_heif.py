"""HEIC, the photos of telephones: read if pillow-heif is installed, else named with the remedy."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from photo_files import QUARTERS, encoded, smooth_photo

from wsseg.files import decode
from wsseg.files.find import find_photos, unsupported_photos
from wsseg.files.levels import ReadError
from wsseg.files.photos import read_image, read_photo

HEAD = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"


@pytest.fixture
def without_heif(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without pillow-heif."""
    caches = decode.has_heif, decode._formats, decode._photo_suffixes
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


@pytest.fixture
def heic() -> bytes:
    pytest.importorskip("pillow_heif")
    assert decode.has_heif()
    return encoded(smooth_photo(), "HEIF", quality=90)


def test_heic_is_read(put: Callable[..., Path], heic: bytes) -> None:
    path = put("photos/IMG_1.HEIC", heic)
    assert np.abs(read_image(path).astype(int) - smooth_photo()).mean() < 4
    assert [source.path for source in find_photos([path.parent])] == [path]
    assert unsupported_photos([path.parent]) == []


def test_heic_comes_upright(heic: bytes) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned = read_image(encoded(np.rot90(smooth_photo()).copy(), "HEIF", quality=90, exif=exif.tobytes()))
    assert np.abs(turned.astype(int) - smooth_photo()).mean() < 4


def test_the_main_of_several_pictures_is_used(heic: bytes) -> None:
    more = [PIL.Image.fromarray(QUARTERS)]
    photo = read_photo(encoded(smooth_photo(), "HEIF", quality=90, save_all=True, append_images=more))
    assert np.abs(photo.image.astype(int) - smooth_photo()).mean() < 4
    assert photo.notes == ("only the main one of 2 pictures is used",)


def test_a_large_or_broken_heic_is_refused(heic: bytes) -> None:
    with pytest.raises(ReadError, match="must have at most 100 pixels"):
        read_image(heic, max_pixels=100)
    with pytest.raises(ReadError, match="^source must be"):
        read_image(heic[: len(heic) // 2])


@pytest.mark.usefixtures("without_heif")
def test_without_pillow_heif_the_remedy_is_named(put: Callable[..., Path]) -> None:
    path = put("photos/IMG_1.HEIC", HEAD)
    remedy = "got HEIC; pip install 'wsseg\\[heif\\]', or convert it to PNG or JPEG"
    with pytest.raises(ReadError, match=f"IMG_1.HEIC' must be a picture that Pillow reads, {remedy}"):
        read_image(path)
    assert unsupported_photos([path.parent]) == [path]
    with pytest.raises(ValueError, match="must hold one photo or more, got only HEIC; pip install 'wsseg\\[heif\\]'"):
        find_photos([path.parent])
    put("photos/a.png")
    assert len(find_photos([path.parent])) == 1
