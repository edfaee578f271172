"""wsseg.pictures.cutout.cutout"""

import math
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    Image,
    Mask,
    check_image,
    check_mask,
    check_same_size,
)
from wsseg.pictures.overlay import dilated
from wsseg.pictures.style import BLUR, PLAIN, Style, color_of

_BLUR: Final = 1 / 60
"""Standard deviation of the blur per long side of the photo, as judged by eye."""

_BLUR_SIDE: Final = 600
"""Long side, in pixels, that a photo is shrunk to before it is blurred, so that none takes long."""

_FAR: Final = 1 / 255
"""Share of background, by the blur's Gaussian, from which on there is some near."""

_RIM: Final = 1 / 150
"""Width, per long side of the photo, of what may show object and background mixed, on each side of the outline."""

_LEAST_RIM: Final = 2
"""Pixels of that in a small photo, which was as a rule made from a larger one."""


def cutout(image: Image, mask: Mask, style: Style = PLAIN) -> NDArray[np.uint8]:
    """The object alone: uint8 (H, W, 4) with alpha last, or (H, W, 3) on a background.

    Alpha is the share of the object in a disc, `feather` pixels wide, around the pixel: 255 and 0 where all of that is
    object or none of it. Where alpha is 0, so are the colors; where it is in between, they are the object's.
    """
    check_same_size(check_image(image), check_mask(mask), "image and mask")
    alpha = _alpha(mask, style.feather)
    colors = _colors_of_object(image, mask, alpha, style.feather)
    ground = _ground(image, mask, style.background) if style.background else None
    picture = _clear(colors, alpha) if ground is None else _over(colors, alpha, ground)
    return picture[_window(mask, style.feather)] if style.crop else picture


def _alpha(mask: Mask, feather: float) -> NDArray[np.uint8]:
    # What the photo's edge cuts off has no outline there: beyond it all goes on as at the edge.
    share = cv2.filter2D(mask.astype(np.float32), -1, _disc(feather), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.rint(share * 255), np.uint8)


def _disc(width: float) -> NDArray[np.float32]:
    """What a disc covers of the pixels around its own, in sum 1."""
    along = np.arange(-_reach(width), _reach(width) + 1)
    covered = np.clip((width + 1) / 2 - np.hypot(along[:, None], along), 0, 1)
    return np.asarray(covered / covered.sum(), np.float32)


def _colors_of_object(image: Image, mask: Mask, alpha: NDArray[np.uint8], feather: float) -> Image:
    """The photo, each pixel that is half transparent and may show some background in the color of the nearest that
    surely shows none.

    Else that background would be seen around the object on any other.
    """
    sure = _surely_object(mask, min(feather / 2, _rim_of(mask.shape)))
    mixed = (alpha > 0) & (alpha < 255) & ~sure
    if not mixed.any():
        return image
    _, nearest = cv2.distanceTransformWithLabels(
        (~sure).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    edge = sure & dilated(~sure, 1)  # All others are behind it.
    palette = np.zeros((nearest.max() + 1, 3), np.uint8)
    palette[nearest[edge]] = image[edge]
    colors = image.copy()
    colors[mixed] = palette[nearest[mixed]]
    return colors


def _rim_of(shape: tuple[int, ...]) -> float:
    """Pixels on each side of an outline that may show object and background mixed."""
    return max(_LEAST_RIM, max(shape) * _RIM)


def _surely_object(mask: Mask, rim: float) -> Mask:
    """The mask without its rim, and what of it is so thin, as a whisker, that it has a rim alone."""
    deep = _distance_to(~mask) > rim
    return deep | (mask & (_distance_to(deep) > 2 * rim + 1))


def _distance_to(pixels: Mask) -> NDArray[np.float32]:
    """In pixels; huge when there are none."""
    return np.asarray(cv2.distanceTransform((~pixels).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)


def _ground(image: Image, mask: Mask, background: str) -> Image:
    return _blurred(image, mask) if background == BLUR else np.full_like(image, color_of(background))


def _blurred(image: Image, mask: Mask) -> Image:
    """The photo blurred without the object, whose colors would else glow around it.

    A level is the mean, by a Gaussian, of the background alone (normalized convolution: Knutsson and Westin 1993), and
    where none is near, that of all of it.
    """
    known = (~mask).astype(np.uint8)
    levels, weights = _shrunk(image), _shrunk(known * np.uint8(255)) / 255
    side = max(weights.shape)
    rim = dilated(weights < 1, round(_rim_of(weights.shape)))
    levels[rim] = weights[rim] = 0
    near = cv2.GaussianBlur(weights, (0, 0), side * _BLUR)[..., None]
    summed = cv2.GaussianBlur(levels, (0, 0), side * _BLUR)
    picture = (summed + _FAR * np.asarray(cv2.mean(image, known)[:3])) / (near + _FAR)
    return np.asarray(cv2.resize(np.rint(picture).astype(np.uint8), mask.shape[::-1]), np.uint8)


def _shrunk(picture: NDArray[Any]) -> NDArray[np.float32]:
    """By no more than the blur is blind to."""
    scale = min(1, _BLUR_SIDE / max(picture.shape))
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


def _clear(colors: Image, alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colors and alpha; all are 0 where that is."""
    return np.asarray(cv2.copyTo(cv2.merge([*cv2.split(colors), alpha]), alpha), np.uint8)


def _over(colors: Image, alpha: NDArray[np.uint8], ground: Image) -> Image:
    """The colors laid on the ground, to the nearest level."""
    share = alpha[..., None].astype(np.uint16)
    return np.asarray((colors * share + ground * (255 - share) + 127) // 255, np.uint8)


def _window(mask: Mask, feather: float) -> tuple[slice, slice]:
    """The tightest rows and columns around the mask and its feather; all of them when it is empty."""
    if not mask.any():
        return slice(None), slice(None)
    rows, columns = (_stretch(np.asarray(mask.any(axis=axis)), _reach(feather)) for axis in (1, 0))
    return rows, columns


def _stretch(marked: NDArray[np.bool_], reach: int) -> slice:
    """From the first that is marked to the last, and as far on both sides as there is."""
    places = np.flatnonzero(marked)
    return slice(max(0, int(places[0]) - reach), int(places[-1]) + 1 + reach)


def _reach(feather: float) -> int:
    """Whole pixels that a feather extends beyond the outline."""
    return math.ceil(max(0, feather - 1) / 2)
