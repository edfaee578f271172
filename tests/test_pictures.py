"""Pictures keep what they show, leave their arguments alone, and can be made of anything that is an array."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask
from wsseg.files import VOC_COLORS
from wsseg.pictures import cutout, heatmap, overlay, overlay_labels, strip

GREY = np.full((60, 80, 3), 100, np.uint8)
RED, GREEN = (255, 0, 0), (0, 255, 0)


def block(shape: tuple[int, int] = (60, 80)) -> Mask:
    """A mask whose middle third, in both directions, is the object."""
    height, width = shape
    mask = np.zeros(shape, np.bool_)
    mask[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = True
    return mask


@st.composite
def photos(draw: st.DrawFn) -> tuple[Image, Mask]:
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
    return draw(hnp.arrays(np.uint8, (*shape, 3))), draw(hnp.arrays(np.bool_, shape))


# --------------------------------------------------------------------------------------------------------- heat map


def test_a_heatmap_runs_from_black_over_red_and_yellow_to_white() -> None:
    colors = heatmap(np.array([[0, 0.3, 0.7, 1]], np.float32))[0].astype(int)
    assert colors[0].max() < 12
    assert colors[1][0] > 150 and colors[1][1] < 30 and colors[1][2] < 30
    assert colors[2][0] > 240 and colors[2][1] > 150 and colors[2][2] < 60
    assert colors[3].min() > 240


def test_a_heatmap_grows_lighter_with_saliency() -> None:
    ramp = np.linspace(0, 1, 1000, dtype=np.float32)[None]
    picture = heatmap(ramp)
    assert picture.dtype == np.uint8 and picture.shape == (1, 1000, 3)
    assert (np.diff(picture.astype(int).sum(2)) >= 0).all()


def test_a_heatmap_rounds_to_the_nearest_color() -> None:
    just_below, just_above = np.float32([[0.4]]) / 255, np.float32([[0.6]]) / 255
    assert (heatmap(just_below) == heatmap(just_below * 0)).all()
    assert (heatmap(just_above) != heatmap(just_below)).any()


@pytest.mark.parametrize(
    "saliency", [np.zeros((2, 2)), np.full((2, 2), 2, np.float32), np.zeros((2, 2, 1), np.float32)]
)
def test_only_saliency_has_a_heatmap(saliency: Any) -> None:
    with pytest.raises(ValueError, match="saliency must"):
        heatmap(saliency)


# ---------------------------------------------------------------------------------------------------------- overlay


@given(photos(), st.floats(0, 1))
def test_an_overlay_keeps_the_object_and_dims_the_rest(photo: tuple[Image, Mask], opacity: float) -> None:
    image, mask = photo
    picture = overlay(image, mask, color=RED, opacity=opacity)
    assert picture.dtype == np.uint8 and picture.shape == image.shape
    np.testing.assert_array_equal(picture[mask], image[mask])
    drawn = (picture == RED).all(2) | (picture == 0).all(2)
    dimmed = np.abs(picture.astype(float) - image * (1 - opacity)).max(2) <= 0.51
    assert (mask | drawn | dimmed).all()


def test_no_object_is_a_dim_photo() -> None:
    picture = overlay(GREY, np.zeros((60, 80), np.bool_), opacity=0.25)
    assert (picture == 75).all()


def test_nothing_but_object_is_the_photo() -> None:
    np.testing.assert_array_equal(overlay(GREY, np.ones((60, 80), np.bool_)), GREY)


@pytest.mark.parametrize(("side", "width"), [(30, 1), (250, 1), (500, 2), (1000, 4)])
def test_the_contour_lies_around_the_object_and_grows_with_the_photo(side: int, width: int) -> None:
    image, mask = np.full((side, side, 3), 100, np.uint8), block((side, side))
    row = overlay(image, mask, color=GREEN, opacity=0)[side // 2]
    first = side // 3
    assert (row[first : 2 * side // 3] == 100).all()
    assert (row[first - width : first] == GREEN).all()
    seam = max(1, width // 2)
    assert (row[first - width - seam : first - width] == 0).all()
    assert (row[: first - width - seam] == 100).all()


@pytest.mark.parametrize("level", [0, 20, 128, 235, 255])
def test_the_contour_shows_on_any_photo(level: int) -> None:
    mask = block()
    picture = overlay(np.full_like(GREY, level), mask).astype(int)
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~mask
    line = picture[ring & (picture != 0).any(2)]
    assert len(line) > 0.9 * ring.sum()
    assert np.abs(line - level).max(1).min() > 100


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"opacity": 1.01}, r"opacity must lie in \[0, 1\], got 1.01"),
        ({"opacity": -0.01}, r"opacity must lie in \[0, 1\], got -0.01"),
        ({"opacity": float("nan")}, r"opacity must lie in \[0, 1\], got nan"),
        ({"color": (0, 0, 256)}, "color must be three levels"),
        ({"color": (-1, 0, 0)}, "color must be three levels"),
        ({"color": (0, 0)}, "color must be three levels"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        overlay(GREY, block(), **arguments)


@pytest.mark.parametrize("draw", [overlay, cutout])
def test_photo_and_mask_must_fit(draw: Any) -> None:
    with pytest.raises(ValueError, match="image and mask must have one height and width"):
        draw(GREY, block((80, 60)))
    with pytest.raises(ValueError, match="mask must be"):
        draw(GREY, block().astype(np.uint8))
    with pytest.raises(ValueError, match="image must be"):
        draw(GREY[..., 0], block())


# ------------------------------------------------------------------------------------------------ overlay of labels


def two_blocks() -> np.ndarray:
    """Labels 1 and 7, side by side in the middle of a photo of the size of `GREY`."""
    labels = np.zeros((60, 80), np.uint8)
    labels[20:40, 20:40], labels[20:40, 40:60] = 1, 7
    return labels


def test_labels_are_tinted_within_lines_of_their_colors() -> None:
    picture = overlay_labels(GREY, two_blocks(), colors=VOC_COLORS, tint=0.5, opacity=0.6)
    assert picture.shape == GREY.shape and picture.dtype == np.uint8
    assert picture[30, 30].tolist() == [114, 50, 50]
    assert picture[30, 50].tolist() == [114, 114, 114]
    assert picture[5, 5].tolist() == [40, 40, 40]
    lines = [picture[30, 20], picture[30, 39], picture[30, 40], picture[39, 59]]
    assert [line.tolist() for line in lines] == [[128, 0, 0], [128, 0, 0], [128] * 3, [128] * 3]
    assert picture[30, 19].tolist() == picture[40, 59].tolist() == [0, 0, 0]


def test_of_background_alone_the_photo_is_dimmed() -> None:
    picture = overlay_labels(GREY, np.zeros((60, 80), np.uint8), colors=VOC_COLORS)
    assert (picture == 40).all()


def test_an_overlay_of_labels_leaves_its_arguments_alone() -> None:
    image, labels = GREY.copy(), two_blocks()
    for array in (image, labels):
        array.setflags(write=False)
    overlay_labels(image, labels, colors=VOC_COLORS)
    with pytest.raises(ValueError, match="^image and labels must have one height and width"):
        overlay_labels(image, labels[:9], colors=VOC_COLORS)
    with pytest.raises(ValueError, match="^labels must be a non-empty uint8"):
        overlay_labels(image, labels > 0, colors=VOC_COLORS)


# ---------------------------------------------------------------------------------------------------------- cut-out


@given(photos())
def test_a_cutout_holds_the_object_and_nothing_else(photo: tuple[Image, Mask]) -> None:
    image, mask = photo
    picture = cutout(image, mask)
    assert picture.dtype == np.uint8 and picture.shape == (*mask.shape, 4)
    np.testing.assert_array_equal(picture[..., 3], mask * 255)
    np.testing.assert_array_equal(picture[mask][:, :3], image[mask])
    assert (picture[~mask] == 0).all()


# ------------------------------------------------------------------------------------------------------------ strip


def test_a_strip_sets_pictures_side_by_side() -> None:
    other = np.full((60, 30, 3), 7, np.uint8)
    picture = strip(GREY, other, GREY, gap=5)
    assert picture.shape == (60, 80 + 5 + 30 + 5 + 80, 3) and picture.dtype == np.uint8
    assert (picture[:, :80] == 100).all() and (picture[:, 80:85] == 255).all()
    assert (picture[:, 85:115] == 7).all() and (picture[:, 115:120] == 255).all() and (picture[:, 120:] == 100).all()


def test_a_strip_of_one_or_without_gap() -> None:
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


# ------------------------------------------------------------------------------------------------------------- laws


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    array = array.copy()
    array.setflags(write=False)
    return array


def test_arguments_are_left_alone() -> None:
    image, mask = frozen(GREY), frozen(block())
    for picture in (overlay(image, mask), cutout(image, mask), strip(image, mask, cutout(image, mask)), strip(image)):
        assert not np.shares_memory(picture, image) and not np.shares_memory(picture, mask)
    heatmap(frozen(np.zeros((3, 4), np.float32)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_photos_have_pictures(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    for mask in (np.zeros(shape, np.bool_), np.ones(shape, np.bool_)):
        assert strip(image, mask, overlay(image, mask), cutout(image, mask)).shape[0] == shape[0]
    assert heatmap(np.ones(shape, np.float32)).shape == (*shape, 3)
