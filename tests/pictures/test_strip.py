"""Pictures side by side."""

from typing import Any

import numpy as np
import pytest
from drawings import GREY, block

from wsseg.pictures.cutout import cutout
from wsseg.pictures.strip import strip


def test_a_strip_sets_pictures_side_by_side() -> None:
    other = np.full((60, 30, 3), 7, np.uint8)
    picture = strip(GREY, other, GREY, gap=5)
    assert picture.shape == (60, 80 + 5 + 30 + 5 + 80, 3) and picture.dtype == np.uint8
    assert (picture[:, :80] == 100).all() and (picture[:, 80:85] == 255).all()
    assert (picture[:, 85:115] == 7).all() and (picture[:, 115:120] == 255).all() and (picture[:, 120:] == 100).all()


def test_a_strip_may_have_one_picture_or_no_gap() -> None:
    np.testing.assert_array_equal(strip(GREY), GREY)
    assert strip(GREY, GREY, gap=0).shape == (60, 160, 3)


def test_masks_and_greys_are_shown_as_greys() -> None:
    mask, grey = block(), np.arange(60 * 80, dtype=np.uint8).reshape(60, 80)
    picture = strip(mask, grey, gap=0)
    np.testing.assert_array_equal(picture[:, :80], np.dstack([mask * np.uint8(255)] * 3))
    np.testing.assert_array_equal(picture[:, 80:], np.dstack([grey] * 3))


def test_transparency_shows_a_checkerboard() -> None:
    picture = strip(cutout(GREY, block()))
    np.testing.assert_array_equal(picture[block()], GREY[block()])
    tiles = picture[~block()]
    light, dark = tiles.max(), tiles.min()
    assert set(np.unique(tiles)) == {light, dark} and 30 < int(light) - int(dark) < 100
    assert picture[0, 0, 0] == picture[1, 1, 0] != picture[0, 3, 0] and picture[0, 3, 0] == picture[3, 0, 0]
    assert abs(int((tiles == light).sum()) - int((tiles == dark).sum())) < 0.1 * tiles.size


def test_half_transparency_is_half_way() -> None:
    layer = np.full((48, 48, 1), 128, np.uint8)
    picture = strip(np.dstack([np.zeros((48, 48, 3), np.uint8), layer]))
    clear = strip(np.zeros((48, 48, 4), np.uint8))
    assert np.abs(picture - clear * (127 / 255)).max() <= 0.51


@pytest.mark.parametrize("height", [13, 60, 240])
def test_all_have_the_height_of_the_first(height: int) -> None:
    first = np.zeros((height, 10, 3), np.uint8)
    picture = strip(first, GREY, gap=2)
    width = round(80 * height / 60)
    assert picture.shape == (height, 10 + 2 + width, 3)
    assert (picture[:, 12:] == 100).all()


def test_a_smaller_picture_is_averaged_and_a_larger_one_smooth() -> None:
    fine = np.indices((60, 60)).sum(0) % 2 * np.full((60, 60), 255, np.uint8)
    smaller = strip(GREY[:20], fine.astype(np.uint8), gap=0)[:, 80:]
    assert (np.abs(smaller.astype(int) - 128) < 20).all()
    larger = strip(GREY, np.array([[0, 255]], np.uint8), gap=0)[:, 80:]
    assert len(np.unique(larger)) > 20


def test_a_thin_picture_keeps_a_pixel() -> None:
    assert strip(np.zeros((2, 5, 3), np.uint8), np.zeros((900, 1, 3), np.uint8), gap=1).shape == (2, 7, 3)


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (np.zeros((4, 4), np.float32), ValueError),
        (np.zeros((4, 4, 4), np.uint16), ValueError),
        (np.zeros((4, 4, 2), np.uint8), ValueError),
        (np.zeros((0, 4), np.uint8), ValueError),
        (np.zeros((0, 4, 4), np.uint8), ValueError),
        (np.zeros((0, 4), np.bool_), ValueError),
        (np.zeros(4, np.uint8), ValueError),
        (np.zeros((), np.uint8), ValueError),
        ("a.png", ValueError),
        (None, ValueError),
    ],
)
def test_other_pictures_are_refused(picture: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="picture must be a non-empty"):
        strip(GREY, picture)
    with pytest.raises(error, match="picture must be a non-empty"):
        strip(picture, GREY)


def test_a_strip_needs_pictures_and_a_gap() -> None:
    with pytest.raises(ValueError, match="pictures must be one or more"):
        strip()
    with pytest.raises(ValueError, match="gap must not be negative, got -1"):
        strip(GREY, gap=-1)
