"""The object cut out: its edge, its colors, its background and its crop."""

import cv2
import numpy as np
import pytest
from drawings import BLUE, GREEN, GREY, RED, block, every_style, frozen, photos
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask
from wsseg.pictures.cutout import cutout
from wsseg.pictures.style import Style


@given(photos())
def test_a_cutout_holds_the_object_and_nothing_else(photo: tuple[Image, Mask]) -> None:
    image, mask = photo
    picture = cutout(image, mask)
    assert picture.dtype == np.uint8 and picture.shape == (*mask.shape, 4)
    np.testing.assert_array_equal(picture[..., 3], mask * 255)
    np.testing.assert_array_equal(picture[mask][:, :3], image[mask])
    assert (picture[~mask] == 0).all()


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
    inner = (slice(10, -10),) * 2  # Beyond the photo an edge continues at a right angle to it.
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
    """A disc and its mask; the pixels within `rim` of its outline mix both colors."""
    y, x = np.indices((120, 160))
    depth = 35 - np.hypot(y - 60, x - 80)
    share = (np.clip(0.5 + depth / (2 * rim), 0, 1) if rim else depth > 0)[..., None]
    return np.asarray(np.rint(share * RED + (1 - share) * np.asarray(GREEN)), np.uint8), depth > 0


@pytest.mark.parametrize(("rim", "feather"), [(0, 2), (0, 9), (0, 30), (1, 4), (1, 9)])
def test_nothing_of_the_background_is_left_at_the_edge(rim: int, feather: int) -> None:
    picture = cutout(*red_on_green(rim), Style(feather=feather))
    fading = (picture[..., 3] > 0) & (picture[..., 3] < 255)
    assert fading.sum() > 200 and (picture[fading][:, :3] == RED).all()


def test_a_thin_part_keeps_its_color() -> None:
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


def test_a_mixed_rim_does_not_glow_into_the_blur() -> None:
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
def test_without_an_object_a_cutout_has_the_photo_s_size(style: Style) -> None:
    picture = cutout(GREY, np.zeros((60, 80), np.bool_), style)
    expected = {"": np.zeros(4), "white": np.full(3, 255), "blur": np.full(3, 100)}[style.background]
    np.testing.assert_array_equal(picture, np.broadcast_to(expected, (60, 80, len(expected))))


@every_style
def test_a_photo_full_of_object_is_its_own_cutout(style: Style) -> None:
    picture = cutout(GREY, np.ones((60, 80), np.bool_), style)
    np.testing.assert_array_equal(picture[..., :3], GREY)
    assert style.background or (picture[..., 3] == 255).all()


@every_style
def test_a_cutout_does_not_change_its_arguments(style: Style) -> None:
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


def test_the_widest_feather_of_the_smallest_object_works() -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[15, 20] = True
    for style in (Style(feather=1000), Style(feather=1000, background="blur")):
        assert cutout(GREY[:30, :40], mask, style).shape[:2] == (30, 40)
