"""Heat maps, overlays, labels and errors drawn on photos."""

from typing import Any

import cv2
import numpy as np
import pytest
from drawings import GREEN, GREY, RED, block, frozen, photos
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask
from wsseg.files.encode import VOC_COLORS
from wsseg.pictures.cutout import cutout
from wsseg.pictures.overlay import ERRORS, error_map, heatmap, overlay, overlay_labels, veil
from wsseg.pictures.strip import strip


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


@given(photos(), st.floats(0, 1))
def test_an_overlay_keeps_the_object_and_dims_the_rest(photo: tuple[Image, Mask], opacity: float) -> None:
    image, mask = photo
    picture = overlay(image, mask, color=RED, opacity=opacity)
    assert picture.dtype == np.uint8 and picture.shape == image.shape
    np.testing.assert_array_equal(picture[mask], image[mask])
    drawn = (picture == RED).all(2) | (picture == 0).all(2)
    dimmed = np.abs(picture.astype(float) - image * (1 - opacity)).max(2) <= 0.51
    assert (mask | drawn | dimmed).all()


def test_an_empty_mask_dims_the_whole_photo() -> None:
    picture = overlay(GREY, np.zeros((60, 80), np.bool_), opacity=0.25)
    assert (picture == 75).all()


def test_a_full_mask_leaves_the_photo() -> None:
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


def test_a_photo_without_labels_is_dimmed() -> None:
    picture = overlay_labels(GREY, np.zeros((60, 80), np.uint8), colors=VOC_COLORS)
    assert (picture == 40).all()


def test_an_overlay_of_labels_does_not_change_its_arguments() -> None:
    image, labels = GREY.copy(), two_blocks()
    for array in (image, labels):
        array.setflags(write=False)
    overlay_labels(image, labels, colors=VOC_COLORS)
    with pytest.raises(ValueError, match="^image and labels must have one height and width"):
        overlay_labels(image, labels[:9], colors=VOC_COLORS)
    with pytest.raises(ValueError, match="^labels must be a non-empty uint8"):
        overlay_labels(image, labels > 0, colors=VOC_COLORS)


def laid(image: Image, layer: NDArray[np.uint8]) -> NDArray[np.float64]:
    alpha = layer[..., 3:] / 255
    return np.asarray(image * (1 - alpha) + layer[..., :3] * alpha)


@given(photos())
def test_veil_over_photo_equals_overlay(drawn: tuple[Image, Mask]) -> None:
    image, mask = drawn
    assert np.abs(laid(image, veil(mask)) - overlay(image, mask)).max() <= 1


def test_errors_have_their_colors() -> None:
    mask = np.array([[True, False, True, False, True, False]])
    truth = np.array([[1, 1, 0, 0, 255, 255]], np.uint8)
    hit, miss, alarm, void = (ERRORS[kind] for kind in ("hit", "miss", "false alarm", "void"))
    drawn = error_map(mask, truth, opacity=1)
    assert drawn.dtype == np.uint8
    assert drawn[..., :3].tolist() == [[list(color) for color in (hit, miss, alarm, (0, 0, 0), void, void)]]
    assert drawn[..., 3].tolist() == [[255, 255, 255, 0, 255, 255]]
    assert set(error_map(mask, truth, opacity=0.6)[..., 3].ravel()) == {0, 153}


def test_errors_need_a_mask_and_a_truth_of_one_size() -> None:
    mask = np.zeros((2, 3), np.bool_)
    with pytest.raises(ValueError, match="mask and truth must have one height and width"):
        error_map(mask, np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match="truth must hold 0, 1 and 255 only"):
        error_map(mask, np.full((2, 3), 7, np.uint8))


@pytest.mark.parametrize("draw", [veil, lambda mask, **given: error_map(mask, mask.astype(np.uint8), **given)])
def test_opacity_out_of_range_is_refused(draw: Any) -> None:
    with pytest.raises(ValueError, match=r"opacity must lie in \[0, 1\], got 2"):
        draw(block(), opacity=2)


def test_arguments_are_not_changed() -> None:
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
