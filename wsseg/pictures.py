"""Pictures to look at: heat map, overlay, cut-out, and several side by side. Arrays in, arrays out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from wsseg.arrays import (
    FOREGROUND,
    UNKNOWN,
    Image,
    Labels,
    Mask,
    Saliency,
    Seeds,
    check_image,
    check_labels,
    check_mask,
    check_saliency,
    check_same_size,
    check_seeds,
)
from wsseg.files import FORMATS

BLUR: Final = "blur"
"""The background that is the photo's own, blurred."""

WIDEST: Final = 1000
"""Pixels of the widest feather; the time of one grows with its width."""

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

_LINE: Final = 1 / 250
"""Width of a contour per long side of the photo."""

_TILE: Final = 1 / 24
"""Side of a checkerboard's tile per height of the picture."""

_TILE_GREYS: Final = (255, 204)

ERRORS: Final[Mapping[str, tuple[int, int, int]]] = MappingProxyType(
    {"hit": (0, 114, 178), "miss": (240, 228, 66), "false alarm": (213, 94, 0), "void": (153, 153, 153)}
)
"""The color of each thing that a mask can be to its truth: of those that Okabe and Ito (2008) chose so that the
color-blind tell them apart, and a grey."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How pictures are drawn and written; masks, labels, instances and seeds are the same PNGs in any style.

    ValueError and TypeError name what is out of its range.
    """

    format: str = "png"
    """Of the pictures that are to be looked at (cutout, overlay, saliency, strip): png, webp or jpg."""
    feather: float = 0.0
    """Pixels over which the edge of a cut-out fades, half of them on each side of the outline; up to 1 it is hard."""
    crop: bool = False
    """Whether a cut-out ends at the tightest box around the object and its feather. Without an object it is not
    cropped, so that there always is one."""
    background: str = ""
    """What a cut-out lies on: a color (`white`, `#00ff60`, `0,255,96`), `blur` for the photo itself, blurred, or
    nothing, which leaves it transparent."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {self.format!r}; choose one of these")
        _check_feather(self.feather)
        if not isinstance(self.crop, bool):
            raise TypeError(f"crop must be True or False, got {self.crop!r}; the box around the object has no margin")
        _check_background(self.background)


def _check_feather(feather: float) -> None:
    if isinstance(feather, bool) or not isinstance(feather, (int, float)):
        raise TypeError(f"feather must be a width in pixels, got {feather!r}; 0 is a hard edge")
    if not 0 <= feather <= WIDEST:
        raise ValueError(f"feather must lie in [0, {WIDEST}] pixels, got {feather}; 0 is a hard edge")


def _check_background(background: object) -> None:
    if not isinstance(background, str):
        raise TypeError(f"background must be text, got {background!r}; write white, #00ff60, 0,255,96 or {BLUR}")
    if background not in ("", BLUR):
        _color(background)


PLAIN: Final = Style()


def heatmap(saliency: Saliency) -> Image:
    """The map in the colors black, red, yellow and white, from 0 to 1."""
    levels = np.asarray(np.rint(check_saliency(saliency) * 255), np.uint8)
    return _rgb(cv2.applyColorMap(levels, cv2.COLORMAP_HOT))


def overlay(image: Image, mask: Mask, *, color: tuple[int, int, int] = (0, 255, 96), opacity: float = 0.6) -> Image:
    """The photo with the background dimmed by `opacity` and the object, untouched, inside a contour of `color`.

    The contour lies outside the object and has a black seam on its outer side, so that it shows on any photo.
    """
    check_same_size(check_image(image), check_mask(mask), "image and mask")
    _check_opacity(opacity)
    if len(color) != 3 or not all(0 <= level <= 255 for level in color):
        raise ValueError(f"color must be three levels in [0, 255], got {color}; name red, green and blue")
    line, seam = _contours(mask)
    picture = np.where(mask[..., None], image, cv2.convertScaleAbs(image, alpha=1 - opacity))
    picture[seam] = 0
    picture[line] = color
    return picture


def veil(mask: Mask, *, color: tuple[int, int, int] = (0, 255, 96), opacity: float = 0.6) -> NDArray[np.uint8]:
    """What `overlay` lays on the photo, uint8 (H, W, 4): dark around the object, clear on it, and its contour."""
    _check_opacity(opacity)
    line, seam = _contours(check_mask(mask))
    picture = np.zeros((*mask.shape, 4), np.uint8)
    picture[~mask, 3] = round(255 * opacity)
    picture[seam, 3] = 255
    picture[line] = (*color, 255)
    return picture


def error_map(mask: Mask, truth: Seeds, *, opacity: float = 0.6) -> NDArray[np.uint8]:
    """What a mask is to its truth in the colors of `ERRORS`, uint8 (H, W, 4), to be laid on the photo.

    It is clear where both see background.
    """
    check_same_size(check_mask(mask), check_seeds(truth, "truth"), "mask and truth")
    _check_opacity(opacity)
    alpha = round(255 * opacity)
    kinds = [(0, 0, 0, 0), *((*ERRORS[kind], alpha) for kind in ("false alarm", "miss", "hit", "void"))]
    return np.asarray(kinds, np.uint8)[np.where(truth == UNKNOWN, 4, 2 * (truth == FOREGROUND) + mask)]


def _check_opacity(opacity: float) -> None:
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie in [0, 1], got {opacity}; 0 leaves the background as it is")


def overlay_labels(
    image: Image, labels: Labels, *, colors: NDArray[np.uint8], tint: float = 0.4, opacity: float = 0.6
) -> Image:
    """The photo with each label but 0 tinted by its color, (labels, 3), within a line of it; the rest dimmed.

    The line lies inside, and has a black seam on its outer side where that is background.
    """
    check_same_size(check_image(image), check_labels(labels), "image and labels")
    dimmed = cv2.convertScaleAbs(image, alpha=1 - opacity)
    picture = np.where(labels[..., None] > 0, cv2.addWeighted(image, 1 - tint, colors[labels], tint, 0), dimmed)
    width = max(1, round(max(labels.shape) * _LINE))
    picture[_grown(labels > 0, max(1, width // 2)) & (labels == 0)] = 0
    square = np.ones((2 * width + 1,) * 2, np.uint8)
    line = (cv2.dilate(labels, square) != cv2.erode(labels, square)) & (labels > 0)
    picture[line] = colors[labels[line]]
    return np.asarray(picture, np.uint8)


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


def strip(*pictures: NDArray[Any], gap: int = 8) -> Image:
    """The pictures side by side, `gap` white pixels apart, all at the first one's height.

    Each is a mask, a grey picture uint8 (H, W), an Image, or uint8 (H, W, 4), which is shown over a checkerboard.
    """
    if not pictures:
        raise ValueError("pictures must be one or more, got none; name what to show")
    if gap < 0:
        raise ValueError(f"gap must not be negative, got {gap}; 0 leaves none")
    shown = [_opaque(np.asarray(picture)) for picture in pictures]
    height = shown[0].shape[0]
    white = np.full((height, gap, 3), 255, np.uint8)
    return np.hstack([part for picture in shown for part in (white, _at_height(picture, height))][1:])


def _color(background: str) -> tuple[int, ...]:
    """The levels of red, green and blue."""
    try:
        levels: tuple[int, ...] = ImageColor.getrgb(f"rgb({background})" if background[:1].isdigit() else background)
    except ValueError:
        levels = ()
    if len(levels) != 3 or max(levels) > 255:
        raise ValueError(
            f"background must be a color or {BLUR}, got {background!r}; write white, #00ff60 or 0,255,96, or leave it "
            "empty for none"
        )
    return levels


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
    edge = sure & _grown(~sure, 1)  # All others are behind it.
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
    return _blurred(image, mask) if background == BLUR else np.full_like(image, _color(background))


def _blurred(image: Image, mask: Mask) -> Image:
    """The photo blurred without the object, whose colors would else glow around it.

    A level is the mean, by a Gaussian, of the background alone (normalized convolution: Knutsson and Westin 1993), and
    where none is near, that of all of it.
    """
    known = (~mask).astype(np.uint8)
    levels, weights = _shrunk(image), _shrunk(known * np.uint8(255)) / 255
    side = max(weights.shape)
    rim = _grown(weights < 1, round(_rim_of(weights.shape)))
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


def _rgb(bgr: NDArray[Any]) -> Image:
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def _contours(mask: Mask) -> tuple[Mask, Mask]:
    """The line around the object, and the seam around the line."""
    width = max(1, round(max(mask.shape) * _LINE))
    within = _grown(mask, width)
    return within & ~mask, _grown(within, max(1, width // 2)) & ~within


def _grown(mask: Mask, radius: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(np.bool_)


def _opaque(picture: NDArray[Any]) -> Image:
    if picture.dtype == np.bool_:
        picture = check_mask(picture, "picture") * np.uint8(255)
    if picture.ndim == 2:
        picture = np.dstack([picture] * 3)
    if picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 4:
        picture = _over_tiles(picture)
    return check_image(picture, "picture")


def _over_tiles(picture: NDArray[np.uint8]) -> Image:
    height, width = picture.shape[:2]
    side = max(1, round(height * _TILE))
    odd = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2
    tiles = np.asarray(_TILE_GREYS, np.uint8)[odd][..., None]
    alpha = picture[..., 3:].astype(np.float32) / 255
    return np.asarray(np.rint(picture[..., :3] * alpha + tiles * (1 - alpha)), np.uint8)


def _at_height(picture: Image, height: int) -> Image:
    if picture.shape[0] == height:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    method = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
