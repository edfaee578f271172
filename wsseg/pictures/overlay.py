"""Pictures drawn over a photo: heat map, mask, labels, and the errors of a mask."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
"""Colors of right and wrong pixels of a mask: three that color-blind people can tell apart (Okabe and Ito 2008), and
a grey."""


def heatmap(saliency: Saliency) -> Image:
    """Draw saliency in black, red, yellow and white, from 0 to 1.

    Parameters
    ----------
    saliency : ndarray of float32, shape (H, W)
        Saliency in [0, 1].

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The picture.

    Examples
    --------
    >>> import numpy
    >>> wsseg.heatmap(numpy.array([[0, 1]], numpy.float32)).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    levels = np.asarray(np.rint(check_saliency(saliency) * 255), np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_HOT)[..., ::-1], np.uint8)


def overlay(image: Image, mask: Mask, *, color: tuple[int, int, int] = (0, 255, 96), opacity: float = 0.6) -> Image:
    """Draw the photo with a contour around the object and the background dimmed.

    The object itself is not changed. The contour lies outside it and has a black seam on its outer side, so that it is
    visible on any photo.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    mask : ndarray of bool, shape (H, W)
        True on the object.
    color : tuple of int, optional
        Red, green and blue of the contour, in [0, 255].
    opacity : float, optional
        How much the background is dimmed, from 0 (not at all) to 1 (black).

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The picture.

    Raises
    ------
    ValueError
        If the arrays do not fit each other or a number is out of range.

    Examples
    --------
    >>> import numpy
    >>> image = numpy.full((60, 80, 3), 200, numpy.uint8)
    >>> mask = numpy.zeros((60, 80), bool)
    >>> mask[20:40, 30:60] = True
    >>> picture = wsseg.overlay(image, mask, opacity=0.5)
    >>> picture[30, 40].tolist(), picture[0, 0].tolist()
    ([200, 200, 200], [100, 100, 100])
    """
    check_same_size(check_image(image), check_mask(mask), "image and mask")
    _check_opacity(opacity)
    if len(color) != 3 or not all(0 <= level <= 255 for level in color):
        raise ValueError(f"color must be three levels in [0, 255], got {color}; give red, green and blue")
    line, seam = _contours(mask)
    picture = np.asarray(cv2.convertScaleAbs(image, alpha=1 - opacity), np.uint8)
    cv2.copyTo(image, mask.astype(np.uint8), picture)
    picture[seam] = 0
    picture[line] = color
    return picture


def veil(mask: Mask, *, color: tuple[int, int, int] = (0, 255, 96), opacity: float = 0.6) -> NDArray[np.uint8]:
    """Draw the layer of `overlay`: dark around the object, clear on it, and its contour.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        True on the object.
    color : tuple of int, optional
        Red, green and blue of the contour, in [0, 255].
    opacity : float, optional
        How much the background is dimmed, from 0 (not at all) to 1 (black).

    Returns
    -------
    ndarray of uint8, shape (H, W, 4)
        The layer, alpha last.

    Raises
    ------
    ValueError
        If the opacity is out of range.

    Examples
    --------
    >>> import numpy
    >>> mask = numpy.zeros((60, 80), bool)
    >>> mask[20:40, 30:60] = True
    >>> wsseg.veil(mask)[[0, 30], [0, 40], 3].tolist()
    [153, 0]
    """
    _check_opacity(opacity)
    line, seam = _contours(check_mask(mask))
    picture = np.zeros((*mask.shape, 4), np.uint8)
    picture[~mask, 3] = round(255 * opacity)
    picture[seam, 3] = 255
    picture[line] = (*color, 255)
    return picture


def error_map(mask: Mask, truth: Seeds, *, opacity: float = 0.6) -> NDArray[np.uint8]:
    """Draw a layer with the right and wrong pixels of a mask, in the colors of `ERRORS`.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        True on the object.
    truth : ndarray of uint8, shape (H, W)
        1 on the object, 0 on the background, 255 where the truth is void.
    opacity : float, optional
        Opacity of the colors, in [0, 1].

    Returns
    -------
    ndarray of uint8, shape (H, W, 4)
        The layer, alpha last; clear where mask and truth agree on background.

    Raises
    ------
    ValueError
        If the arrays do not fit each other or the opacity is out of range.

    Examples
    --------
    >>> import numpy
    >>> truth = numpy.array([[0, 1]], numpy.uint8)
    >>> wsseg.error_map(numpy.array([[False, True]]), truth, opacity=1.0).tolist()
    [[[0, 0, 0, 0], [0, 114, 178, 255]]]
    """
    check_same_size(check_mask(mask), check_seeds(truth, "truth"), "mask and truth")
    _check_opacity(opacity)
    alpha = round(255 * opacity)
    kinds = [(0, 0, 0, 0), *((*ERRORS[kind], alpha) for kind in ("false alarm", "miss", "hit", "void"))]
    return np.asarray(kinds, np.uint8)[np.where(truth == UNKNOWN, 4, 2 * (truth == FOREGROUND) + mask)]


def _check_opacity(opacity: float) -> None:
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie in [0, 1], got {opacity}; 0 draws nothing over the photo")


def overlay_labels(
    image: Image, labels: Labels, *, colors: NDArray[np.uint8], tint: float = 0.4, opacity: float = 0.6
) -> Image:
    """Draw the photo with each label in its color, inside a contour of that color, and the background dimmed.

    The contour lies inside the label's pixels. Where it borders on background it has a black seam outside.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    labels : ndarray of uint8, shape (H, W)
        Label of each pixel; 0 is background.
    colors : ndarray of uint8, shape (labels, 3)
        Red, green and blue of each label.
    tint : float, optional
        Weight of the color in a label's pixels, in [0, 1].
    opacity : float, optional
        How much the background is dimmed, from 0 (not at all) to 1 (black).

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The picture.

    Raises
    ------
    ValueError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy
    >>> image = numpy.full((60, 80, 3), 200, numpy.uint8)
    >>> labels = numpy.zeros((60, 80), numpy.uint8)
    >>> labels[20:40, 30:60] = 1
    >>> colors = numpy.array([[0, 0, 0], [255, 0, 0]], numpy.uint8)
    >>> wsseg.overlay_labels(image, labels, colors=colors)[30, 40].tolist()
    [222, 120, 120]
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


def _contours(mask: Mask) -> tuple[Mask, Mask]:
    """The line around the object, and the seam around the line."""
    width = max(1, round(max(mask.shape) * _LINE))
    within = dilated(mask, width)
    return within & ~mask, dilated(within, max(1, width // 2)) & ~within


def dilated(mask: Mask, radius: int) -> Mask:
    """Return the mask grown by this many pixels in all directions."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(np.bool_)
