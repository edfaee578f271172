"""Pictures to look at: heat map, overlay, cut-out, and several side by side. Arrays in, arrays out."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    Image,
    Labels,
    Mask,
    Saliency,
    check_image,
    check_labels,
    check_mask,
    check_saliency,
    check_same_size,
)

_LINE: Final = 1 / 250
"""Width of a contour per long side of the photo."""

_TILE: Final = 1 / 24
"""Side of a checkerboard's tile per height of the picture."""

_TILE_GREYS: Final = (255, 204)


def heatmap(saliency: Saliency) -> Image:
    """The map in the colors black, red, yellow and white, from 0 to 1."""
    levels = np.asarray(np.rint(check_saliency(saliency) * 255), np.uint8)
    return _rgb(cv2.applyColorMap(levels, cv2.COLORMAP_HOT))


def overlay(image: Image, mask: Mask, *, color: tuple[int, int, int] = (0, 255, 96), opacity: float = 0.6) -> Image:
    """The photo with the background dimmed by `opacity` and the object, untouched, inside a contour of `color`.

    The contour lies outside the object and has a black seam on its outer side, so that it shows on any photo.
    """
    check_same_size(check_image(image), check_mask(mask), "image and mask")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie in [0, 1], got {opacity}; 0 leaves the background as it is")
    if len(color) != 3 or not all(0 <= level <= 255 for level in color):
        raise ValueError(f"color must be three levels in [0, 255], got {color}; name red, green and blue")
    line, seam = _contours(mask)
    picture = np.where(mask[..., None], image, cv2.convertScaleAbs(image, alpha=1 - opacity))
    picture[seam] = 0
    picture[line] = color
    return picture


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


def cutout(image: Image, mask: Mask) -> NDArray[np.uint8]:
    """The object alone, uint8 (H, W, 4) with alpha last; all four are 0 on the background."""
    check_same_size(check_image(image), check_mask(mask), "image and mask")
    return np.dstack([image, np.full_like(image[..., 0], 255)]) * mask[..., None]


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
