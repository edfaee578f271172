"""Masks, labels and pictures written as files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from photo_files import (
    CROSS,
    EVERY_LABEL,
    GREEN,
    QUARTERS,
    RAMP_8,
    RED,
    smooth_photo,
)

from wsseg.arrays import UNKNOWN
from wsseg.files.encode import (
    PICTURE_FORMATS,
    SUFFIXES,
    encoded_labels,
    encoded_picture,
    write_labels,
    write_mask,
    write_picture,
)
from wsseg.files.levels import ReadError
from wsseg.files.masks import read_mask, read_truth


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
def test_no_voc_color_is_read_as_grey(label: int, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("format", PICTURE_FORMATS)
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
        (WITH_ALPHA, "jpg", "^picture must be opaque as jpg, got four channels; give it a background"),
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
    assert set(SUFFIXES.values()) == set(PICTURE_FORMATS)
    assert all(SUFFIXES[f".{format}"] == format for format in PICTURE_FORMATS)
