"""Pictures keep what they show, leave their arguments alone, and can be made of anything that is an array."""

import pickle
from dataclasses import FrozenInstanceError
from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask
from wsseg.files.encode import VOC_COLORS
from wsseg.pictures.cutout import cutout
from wsseg.pictures.overlay import ERRORS, error_map, heatmap, overlay, overlay_labels, veil
from wsseg.pictures.strip import strip
from wsseg.pictures.style import Style

GREY = np.full((60, 80, 3), 100, np.uint8)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)

STYLES = [
    Style(feather=feather, crop=crop, background=background)
    for feather, crop, background in product((0, 1.5, 7), (False, True), ("", "white", "blur"))
]
every_style = pytest.mark.parametrize("style", STYLES, ids=repr)


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


# ------------------------------------------------------------------------------------------------------------ style


def test_a_style_is_a_value() -> None:
    style = Style(format="webp", feather=2, crop=True, background="blur")
    assert pickle.loads(pickle.dumps(style)) == style != Style()
    assert hash(style) == hash(Style(format="webp", feather=2, crop=True, background="blur"))
    with pytest.raises(FrozenInstanceError):
        style.feather = 3  # type: ignore[misc]  # What must fail.


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"format": "gif"}, "^format must be one of png, webp, jpg, got 'gif'; choose one of these"),
        ({"format": "PNG"}, "^format must be one of"),
        ({"feather": -0.1}, r"^feather must lie in \[0, 1000\] pixels, got -0.1; 0 is a hard edge"),
        ({"feather": 1001}, "^feather must lie in"),
        ({"feather": float("nan")}, "^feather must lie in .* got nan"),
        ({"feather": "3"}, "^feather must be a width in pixels, got '3'; "),
        ({"feather": True}, "^feather must be a width in pixels, got True; "),
        ({"crop": 5}, "^crop must be True or False, got 5; "),
        ({"background": "whit"}, "^background must be a color or blur, got 'whit'; write white, #00ff60 or 0,255,96"),
        ({"background": "0,255"}, "^background must be a color or blur, got '0,255'; "),
        ({"background": "0,0,256"}, "^background must be a color"),
        ({"background": "#00ff6080"}, "^background must be a color"),
        ({"background": "Blur"}, "^background must be a color"),
        ({"background": " "}, "^background must be a color"),
        ({"background": None}, "^background must be text, got None; write white, #00ff60, 0,255,96 or blur"),
        ({"background": (0, 0, 0)}, "^background must be text, got"),
    ],
)
def test_no_other_style_can_be_made(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        Style(**fields)


@pytest.mark.parametrize("color", ["#00ff60", "#0F6", "0,255,96", "0, 255, 96", "rgb(0,255,96)", "hsl(142.6,100%,50%)"])
def test_a_color_is_written_in_many_ways(color: str) -> None:
    ground = cutout(GREY, block(), Style(background=color))[0, 0].astype(int)
    assert np.abs(ground - (0, 255, 96)).max() <= 6


# ---------------------------------------------------------------------------------------------------------- feather


def alpha_of(mask: Mask, feather: float) -> NDArray[np.int_]:
    image = np.zeros((*mask.shape, 3), np.uint8)
    return cutout(image, mask, Style(feather=feather))[..., 3].astype(int)


@given(photos(), st.floats(0, 1))
def test_a_feather_of_a_pixel_or_less_is_a_hard_edge(photo: tuple[Image, Mask], feather: float) -> None:
    np.testing.assert_array_equal(cutout(*photo, Style(feather=feather)), cutout(*photo))


@pytest.mark.parametrize("feather", [2, 4, 8, 20])
@pytest.mark.parametrize("turned", [False, True])
def test_a_straight_edge_fades_over_the_feather(feather: int, turned: bool) -> None:
    mask = np.zeros((40, 80), np.bool_)
    mask[:, 40:] = True
    alpha = alpha_of(mask.T if turned else mask, feather)
    alpha = alpha.T if turned else alpha
    assert (alpha == alpha[:1]).all() and (np.diff(alpha[0]) >= 0).all()
    half = feather // 2
    assert (alpha[0, : 40 - half] == 0).all() and (alpha[0, 40 + half :] == 255).all()
    ramp = alpha[0, 40 - half : 40 + half]
    assert ((ramp > 0) & (ramp < 255)).all()
    assert np.abs(ramp + ramp[::-1] - 255).max() <= 1


def test_a_slanted_edge_fades_over_the_feather_too() -> None:
    y, x = np.indices((80, 80))
    depth = (x + y - 80) / np.sqrt(2)
    alpha = alpha_of(depth > 0, 10)
    inner = (slice(10, -10),) * 2  # Beyond the photo an edge goes on at a right angle to it.
    assert (alpha[inner][depth[inner] > 6] == 255).all() and (alpha[inner][depth[inner] < -6] == 0).all()
    fading = np.abs(depth[inner]) < 4
    assert (alpha[inner][fading] > 0).all() and (alpha[inner][fading] < 255).all()


@given(photos(), st.floats(0, 9))
def test_alpha_is_full_where_the_disc_is_object_and_none_where_it_is_not(
    photo: tuple[Image, Mask], feather: float
) -> None:
    image, mask = photo
    places = np.argwhere(np.ones_like(mask))
    near = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) < (feather + 1) / 2
    full = (~near | mask.ravel()).all(axis=1).reshape(mask.shape)
    none = (~near | ~mask.ravel()).all(axis=1).reshape(mask.shape)
    picture = cutout(image, mask, Style(feather=feather))
    assert (picture[full][:, 3] == 255).all() and (picture[none] == 0).all()
    own = picture[..., 3] == 255
    np.testing.assert_array_equal(picture[own][:, :3], image[own])
    assert (picture[picture[..., 3] == 0] == 0).all()


@given(photos(), st.floats(0, 9))
def test_object_and_background_share_every_pixel(photo: tuple[Image, Mask], feather: float) -> None:
    mask = photo[1]
    assert np.abs(alpha_of(mask, feather) + alpha_of(~mask, feather) - 255).max() <= 1


@given(photos(), st.floats(0, 9))
def test_a_larger_object_is_nowhere_more_transparent(photo: tuple[Image, Mask], feather: float) -> None:
    mask = photo[1]
    larger = cv2.dilate(mask.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    assert (alpha_of(larger, feather) >= alpha_of(mask, feather)).all()


def test_the_photo_s_edge_is_no_outline() -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[10:, 20:] = True
    alpha = alpha_of(mask, 8)
    assert (alpha[-1, 24:] == 255).all() and (alpha[14:, -1] == 255).all()
    assert (alpha_of(np.ones((30, 40), np.bool_), 50) == 255).all()


def red_on_green(rim: int = 0) -> tuple[Image, Mask]:
    """A disc and its mask; so many pixels on both sides of its outline are of both colors."""
    y, x = np.indices((120, 160))
    depth = 35 - np.hypot(y - 60, x - 80)
    share = (np.clip(0.5 + depth / (2 * rim), 0, 1) if rim else depth > 0)[..., None]
    return np.asarray(np.rint(share * RED + (1 - share) * np.asarray(GREEN)), np.uint8), depth > 0


@pytest.mark.parametrize(("rim", "feather"), [(0, 2), (0, 9), (0, 30), (1, 4), (1, 9)])
def test_nothing_of_the_background_is_left_at_the_edge(rim: int, feather: int) -> None:
    picture = cutout(*red_on_green(rim), Style(feather=feather))
    fading = (picture[..., 3] > 0) & (picture[..., 3] < 255)
    assert fading.sum() > 200 and (picture[fading][:, :3] == RED).all()


def test_what_is_thin_keeps_its_color() -> None:
    image, mask = red_on_green()
    image[20:100, 10], mask[20:100, 10] = BLUE, True
    picture = cutout(image, mask, Style(feather=4))
    assert (picture[22:98, 9:12, :3] == BLUE).all() and (picture[22:98, 9:12, 3] > 0).all()


def test_the_object_s_own_texture_is_kept_beneath_a_wide_feather() -> None:
    image, mask = red_on_green()
    image[..., 2] = np.random.default_rng(0).integers(0, 256, mask.shape)
    picture = cutout(image, mask, Style(feather=40))
    deep = cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert picture[deep][:, 3].min() < 200
    np.testing.assert_array_equal(picture[deep][:, :3], image[deep])


# ----------------------------------------------------------------------------------------------- background and crop


@given(photos(), st.floats(0, 9), st.tuples(*[st.integers(0, 255)] * 3))
def test_a_background_is_seen_as_far_as_the_object_is_not(
    photo: tuple[Image, Mask], feather: float, color: tuple[int, int, int]
) -> None:
    picture = cutout(*photo, Style(feather=feather, background=",".join(map(str, color))))
    alone = cutout(*photo, Style(feather=feather)).astype(float)
    share = alone[..., 3:] / 255
    np.testing.assert_array_equal(picture, np.rint(alone[..., :3] * share + np.asarray(color) * (1 - share)))
    assert picture.dtype == np.uint8


@given(photos())
def test_a_blurred_background_leaves_the_object_alone(photo: tuple[Image, Mask]) -> None:
    image, mask = photo
    picture = cutout(image, mask, Style(background="blur"))
    assert picture.shape == image.shape and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[mask], image[mask])
    if not mask.all():
        ground = image[~mask]
        assert (picture[~mask] >= ground.min(axis=0)).all() and (picture[~mask] <= ground.max(axis=0)).all()


@pytest.mark.parametrize(("scale", "feather"), [(1, 0), (1, 12), (10, 0), (10, 31)])
def test_the_object_does_not_glow_into_the_blur(scale: int, feather: int) -> None:
    image, mask = (np.kron(part, np.ones((scale, scale, 1)[: part.ndim], part.dtype)) for part in red_on_green())
    picture = cutout(image, mask, Style(background="blur", feather=feather))
    alpha = cutout(image, mask, Style(feather=feather))[..., 3].astype(int)
    np.testing.assert_array_equal(picture[..., 0], alpha)
    np.testing.assert_array_equal(picture[..., 1], 255 - alpha)


def test_nor_does_the_rim_where_both_are_mixed() -> None:
    image, mask = red_on_green(1)
    outside = cutout(image, mask, Style(background="blur"))[~mask]
    assert outside[:, 0].max() <= 1 and outside[:, 1].min() >= 254


def test_a_blur_is_as_strong_in_a_photo_of_any_size() -> None:
    mask = np.zeros((300, 400), np.bool_)
    mask[100:200, 150:250] = True
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8), (400, 300))
    small = cutout(image, mask, Style(background="blur"))
    large = cutout(cv2.resize(image, (2000, 1500)), np.kron(mask, np.ones((5, 5), np.bool_)), Style(background="blur"))
    shrunk = cv2.resize(large, (400, 300), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shrunk - small)[~mask].max() <= 8
    assert small[~mask].std() < 0.6 * image[~mask].std()


@given(photos(), st.floats(0, 9), st.sampled_from(["", "white", "blur"]))
def test_a_crop_is_a_part_of_the_whole(photo: tuple[Image, Mask], feather: float, background: str) -> None:
    image, mask = photo
    whole = cutout(image, mask, Style(feather=feather, background=background))
    picture = cutout(image, mask, Style(feather=feather, background=background, crop=True))
    reach = int(np.ceil(max(0, feather - 1) / 2))
    near = cv2.dilate(np.pad(mask, 9).astype(np.uint8), np.ones((2 * reach + 1,) * 2))[9:-9, 9:-9] > 0
    rows, columns = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
    expected = whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if mask.any() else whole
    np.testing.assert_array_equal(picture, expected)


@given(photos(), st.floats(0, 9))
def test_a_crop_loses_nothing_of_the_object(photo: tuple[Image, Mask], feather: float) -> None:
    whole, picture = (cutout(*photo, Style(feather=feather, crop=crop)) for crop in (False, True))
    assert whole.sum(dtype=int) == picture.sum(dtype=int)


@every_style
def test_of_no_object_there_is_a_cutout_of_the_photo_s_size(style: Style) -> None:
    picture = cutout(GREY, np.zeros((60, 80), np.bool_), style)
    expected = {"": np.zeros(4), "white": np.full(3, 255), "blur": np.full(3, 100)}[style.background]
    np.testing.assert_array_equal(picture, np.broadcast_to(expected, (60, 80, len(expected))))


@every_style
def test_of_a_photo_full_of_object_the_cutout_is_the_photo(style: Style) -> None:
    picture = cutout(GREY, np.ones((60, 80), np.bool_), style)
    np.testing.assert_array_equal(picture[..., :3], GREY)
    assert style.background or (picture[..., 3] == 255).all()


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


@every_style
def test_a_cutout_leaves_its_arguments_alone(style: Style) -> None:
    for mask in (block(), np.zeros_like(block()), np.ones_like(block())):
        image, mask = frozen(GREY), frozen(mask)
        picture = cutout(image, mask, style)
        assert not np.shares_memory(picture, image) and not np.shares_memory(picture, mask)


@every_style
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (1, 2000), (2000, 1)])
def test_the_smallest_photos_have_cutouts(shape: tuple[int, int], style: Style) -> None:
    image, one = np.full((*shape, 3), 77, np.uint8), np.zeros(shape, np.bool_)
    one[-1, -1] = True
    for mask in (one, ~one):
        picture = cutout(image, mask, style)
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.size
        if style.background != "white":
            assert set(np.unique(picture[..., :3])) <= {0, 77}


def test_the_widest_feather_of_the_smallest_object_is_no_more_than_a_breath() -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[15, 20] = True
    for style in (Style(feather=1000), Style(feather=1000, background="blur")):
        assert cutout(GREY[:30, :40], mask, style).shape[:2] == (30, 40)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_photos_have_pictures(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    for mask in (np.zeros(shape, np.bool_), np.ones(shape, np.bool_)):
        assert strip(image, mask, overlay(image, mask), cutout(image, mask)).shape[0] == shape[0]
    assert heatmap(np.ones(shape, np.float32)).shape == (*shape, 3)


# ------------------------------------------------------------------------------------------------- laid on the photo


def laid(image: Image, layer: NDArray[np.uint8]) -> NDArray[np.float64]:
    alpha = layer[..., 3:] / 255
    return np.asarray(image * (1 - alpha) + layer[..., :3] * alpha)


@given(photos())
def test_a_veil_on_the_photo_is_its_overlay(drawn: tuple[Image, Mask]) -> None:
    image, mask = drawn
    assert np.abs(laid(image, veil(mask)) - overlay(image, mask)).max() <= 1


def test_errors_are_what_the_mask_is_to_its_truth() -> None:
    mask = np.array([[True, False, True, False, True, False]])
    truth = np.array([[1, 1, 0, 0, 255, 255]], np.uint8)
    hit, miss, alarm, void = (ERRORS[kind] for kind in ("hit", "miss", "false alarm", "void"))
    drawn = error_map(mask, truth, opacity=1)
    assert drawn.dtype == np.uint8
    assert drawn[..., :3].tolist() == [[list(color) for color in (hit, miss, alarm, (0, 0, 0), void, void)]]
    assert drawn[..., 3].tolist() == [[255, 255, 255, 0, 255, 255]]
    assert set(error_map(mask, truth, opacity=0.6)[..., 3].ravel()) == {0, 153}


def test_errors_are_of_one_size_and_of_seeds() -> None:
    mask = np.zeros((2, 3), np.bool_)
    with pytest.raises(ValueError, match="mask and truth must have one height and width"):
        error_map(mask, np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match="truth must hold 0, 1 and 255 only"):
        error_map(mask, np.full((2, 3), 7, np.uint8))


@pytest.mark.parametrize("draw", [veil, lambda mask, **given: error_map(mask, mask.astype(np.uint8), **given)])
def test_what_is_laid_on_the_photo_has_an_opacity(draw: Any) -> None:
    with pytest.raises(ValueError, match=r"opacity must lie in \[0, 1\], got 2"):
        draw(block(), opacity=2)
