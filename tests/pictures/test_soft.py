"""Soft edges: where they reach, what they keep, and the hairs that they find."""

import cv2
import numpy as np
import pytest
from drawings import block, photos
from hypothesis import given
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask
from wsseg.pictures.cutout import cutout
from wsseg.pictures.soft import matte_from_mask, reach_of
from wsseg.pictures.style import Style

SOFT = Style(edge="soft")

DARK, LIGHT = np.array([60, 30, 20], np.float32), np.array([120, 170, 220], np.float32)


def hairy(side: int = 160) -> tuple[Image, Mask, NDArray[np.float32]]:
    """Return a dark disc with hairs on a light ground, the mask of the disc alone, and the true alpha."""
    drawn = np.zeros((4 * side, 4 * side), np.uint8)
    middle = (2 * side, 2 * side)
    cv2.circle(drawn, middle, side, 255, -1)
    mask = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA) > 127
    for turn in np.linspace(0, 2 * np.pi, 60, endpoint=False):
        tip = np.int32(np.array(middle) + 1.18 * side * np.array([np.cos(turn), np.sin(turn)]))
        cv2.line(drawn, middle, tip.tolist(), 255, 5, cv2.LINE_AA)
    alpha = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA) / np.float32(255)
    noise = np.random.default_rng(0).normal(0, 4, (side, side, 3))
    image = alpha[..., None] * DARK + (1 - alpha[..., None]) * LIGHT + noise
    return np.asarray(image.clip(0, 255), np.uint8), mask, alpha


def test_hairs_outside_the_mask_are_found() -> None:
    image, mask, alpha = hairy()
    found = matte_from_mask(image, mask).alpha / np.float32(255)
    hard = np.abs(mask - alpha)
    assert np.abs(found - alpha).sum() < 0.6 * hard.sum()
    assert np.corrcoef(found[~mask], alpha[~mask])[0, 1] > 0.9


def test_no_color_of_the_old_background_shows_on_a_new_one() -> None:
    image, mask, alpha = hairy()
    picture = cutout(image, mask, Style(edge="soft", background="0,255,0"))
    wanted = alpha[..., None] * DARK + (1 - alpha[..., None]) * np.array([0, 255, 0], np.float32)
    blue = picture[..., 2].astype(int) - wanted[..., 2]  # Only the old background is blue.
    hard = cutout(image, mask | (alpha > 0), Style(background="0,255,0"))[..., 2] - wanted[..., 2]
    edge = (alpha > 0.1) & (alpha < 0.9)
    assert np.abs(blue)[edge].mean() < 0.3 * np.abs(hard)[edge].mean()
    assert np.abs(picture[alpha == 1].astype(int) - wanted[alpha == 1]).mean() < 8


@given(photos())
def test_every_small_photo_has_a_soft_edge(photo: tuple[Image, Mask]) -> None:
    image, mask = photo
    before = mask.copy()
    picture = cutout(image, mask, SOFT)
    assert picture.shape == (*mask.shape, 4) and picture.dtype == np.uint8
    assert (picture[picture[..., 3] == 0] == 0).all()
    np.testing.assert_array_equal(mask, before)
    np.testing.assert_array_equal(picture, cutout(image, mask, SOFT))


@pytest.mark.parametrize("scale", [1, 12])
def test_pixels_beyond_the_band_keep_their_place_and_color(scale: int) -> None:
    """A photo of the second scale is larger than the size at which alpha is found."""
    mask = block((60 * scale, 80 * scale))
    image = np.random.default_rng(3).integers(0, 256, (*mask.shape, 3), np.uint8)
    alpha, colors = matte_from_mask(image, mask)
    for side, level in ((mask, 255), (~mask, 0)):
        deep = cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) > reach_of(mask)
        assert deep.any()
        assert (alpha[deep] == level).all()
        np.testing.assert_array_equal(colors[deep], image[deep])


@pytest.mark.parametrize("full", [False, True])
def test_a_mask_without_an_outline_is_kept(full: bool) -> None:
    image = np.random.default_rng(4).integers(0, 256, (20, 30, 3), np.uint8)
    alpha, colors = matte_from_mask(image, np.full((20, 30), full))
    assert (alpha == 255 * full).all()
    np.testing.assert_array_equal(colors, image)


def test_the_crop_holds_the_hairs() -> None:
    image, mask, _ = hairy()
    picture = cutout(image, mask, Style(edge="soft", crop=True))
    whole = cutout(image, mask, SOFT)
    assert mask.any(axis=0).sum() < picture.shape[1] < mask.shape[1]
    assert (whole[..., 3] > 0).sum() == (picture[..., 3] > 0).sum()


def test_a_sharp_edge_stays_sharp() -> None:
    """Two flat colors mix nowhere, so nearly no pixel is half-transparent."""
    mask = block((120, 160))
    image = np.where(mask[..., None], DARK, LIGHT).astype(np.uint8)
    alpha = matte_from_mask(image, mask).alpha
    assert np.abs(alpha.astype(int) - 255 * mask).max() < 26


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [1, 3, 60])
def test_a_thin_object_is_opaque(width: int, length: int) -> None:
    image, mask = np.full((80, 80, 3), LIGHT, np.uint8), np.zeros((80, 80), np.bool_)
    mask[40 : 40 + width, 10 : 10 + length] = True
    image[mask] = DARK
    np.testing.assert_array_equal(matte_from_mask(image, mask).alpha, mask * 255)


def test_an_object_that_colors_do_not_show_keeps_its_hard_edge() -> None:
    image, mask = np.full((40, 1, 3), 7, np.uint8), np.zeros((40, 1), np.bool_)
    mask[20] = True
    np.testing.assert_array_equal(matte_from_mask(image, mask).alpha, mask * 255)
