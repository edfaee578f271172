"""Masks, truths and labels read from files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from photo_files import (
    CROSS,
    QUARTERS,
    WHITE,
    by_opencv,
    encoded,
    smooth_photo,
)

from wsseg.arrays import FOREGROUND, UNKNOWN
from wsseg.files.levels import ReadError
from wsseg.files.masks import read_class_ids, read_mask, read_soft_levels, read_soft_mask, read_truth


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
def test_masks_may_hold_one_value(value: int, put: Callable[..., Path]) -> None:
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
def test_pictures_that_are_not_masks_are_refused_by_name(data: bytes, reason: str, put: Callable[..., Path]) -> None:
    path = put("mask.png", data)
    for read in (read_mask, read_soft_mask, lambda file: read_truth(file, void=9)):
        with pytest.raises(ReadError, match=f"mask.png' {reason}" if reason.startswith("must") else reason):
            read(path)


@pytest.mark.parametrize(
    "read", [read_mask, read_soft_mask, lambda path, **limit: read_truth(path, void=None, **limit)]
)
def test_masks_have_the_same_size_limit_as_photos(read: Callable[..., Any], put: Callable[..., Path]) -> None:
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
    with pytest.raises(ReadError, match=r"soft.tiff' must hold floats in \[0, 1\], got \[0.0, 1.5\]"):
        read_soft_mask(put("soft.tiff", by_opencv(np.array([[0, 1.5]], np.float32), ".tiff")))


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
def test_levels_of_a_soft_mask_range_to_255(put: Callable[..., Path], levels: Any, expected: Any) -> None:
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
