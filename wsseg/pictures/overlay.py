"""wsseg.pictures.overlay.overlay"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

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

_LINE: Final = 1 / 250
"""Width of a contour per long side of the photo."""

ERRORS: Final[Mapping[str, tuple[int, int, int]]] = MappingProxyType(
    {"hit": (0, 114, 178), "miss": (240, 228, 66), "false alarm": (213, 94, 0), "void": (153, 153, 153)}
)
"""The color of each thing that a mask can be to its truth: of those that Okabe and Ito (2008) chose so that the
color-blind tell them apart, and a grey."""


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
    picture[dilated(labels > 0, max(1, width // 2)) & (labels == 0)] = 0
    square = np.ones((2 * width + 1,) * 2, np.uint8)
    line = (cv2.dilate(labels, square) != cv2.erode(labels, square)) & (labels > 0)
    picture[line] = colors[labels[line]]
    return np.asarray(picture, np.uint8)


def _rgb(bgr: NDArray[Any]) -> Image:
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def _contours(mask: Mask) -> tuple[Mask, Mask]:
    """The line around the object, and the seam around the line."""
    width = max(1, round(max(mask.shape) * _LINE))
    within = dilated(mask, width)
    return within & ~mask, dilated(within, max(1, width // 2)) & ~within


def dilated(mask: Mask, radius: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(np.bool_)
