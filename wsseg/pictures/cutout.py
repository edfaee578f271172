"""The object alone, on nothing, on a color or on the blurred photo."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask, check_image, check_mask, check_same_size
from wsseg.pictures.overlay import dilated
from wsseg.pictures.soft import Matte, matte_from_mask
from wsseg.pictures.style import BLUR, PLAIN, Style, color_of

_BLUR: Final = 1 / 60
"""Standard deviation of the blur, per long side of the photo; judged by eye."""

_BLUR_SIDE: Final = 600
"""Long side, in pixels, of the photo that is blurred; larger photos are shrunk first, to save time."""

_FAR: Final = 1 / 255
"""Share of background under the blur's Gaussian that counts as background nearby."""

_RIM: Final = 1 / 150
"""Width, per long side of the photo, of the rim on each side of an outline that may mix object and background."""

_LEAST_RIM: Final = 2
"""Minimum width of the rim in pixels; a small photo was usually shrunk from a larger one."""


def cutout(image: Image, mask: Mask, style: Style = PLAIN) -> NDArray[np.uint8]:
    """Cut the object out of the photo.

    With a hard edge, alpha is the share of the mask in a disc, `feather` pixels wide, around the pixel. With a soft one
    it is estimated from the colors near the outline, so hair and fur keep their shape. Half-transparent pixels have
    colors of the object only, so that the old background does not show around it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    mask : ndarray of bool, shape (H, W)
        True on the object.
    style : Style, optional
        Edge, feather, crop and background.

    Returns
    -------
    ndarray of uint8, shape (H, W, 4) or (H, W, 3)
        The object with alpha last, all zeros where alpha is 0; or an opaque picture if the style has a background. With
        `crop`, H and W are those of the box around the object and its edge.

    Raises
    ------
    ValueError
        If photo and mask differ in size.

    Examples
    --------
    >>> import numpy
    >>> image = numpy.full((60, 80, 3), 200, numpy.uint8)
    >>> mask = numpy.zeros((60, 80), bool)
    >>> mask[20:40, 30:60] = True
    >>> wsseg.cutout(image, mask, wsseg.Style(crop=True)).shape
    (20, 30, 4)
    >>> wsseg.cutout(image, mask, wsseg.Style(background="white"))[0, 0].tolist()
    [255, 255, 255]
    """
    check_same_size(check_image(image), check_mask(mask), "image and mask")
    return cutout_from_matte(image, mask, matte_of(image, mask, style), style)


def matte_of(image: Image, mask: Mask, style: Style) -> Matte:
    """Return alpha and colors of the object, with the edge and the feather of the style."""
    if style.edge == "soft":
        return matte_from_mask(image, mask)
    alpha = _alpha(mask, style.feather)
    return Matte(alpha, _colors_of_object(image, mask, alpha, style.feather))


def cutout_from_matte(image: Image, mask: Mask, matte: Matte, style: Style) -> NDArray[np.uint8]:
    """Return the cut-out of an object whose alpha and colors are known."""
    alpha, colors = matte
    shown = np.asarray(alpha > 0) if style.edge == "soft" else mask
    picture = (
        _over(colors, alpha, _ground(image, shown, style.background)) if style.background else _clear(colors, alpha)
    )
    return picture[_window(shown, style.feather)] if style.crop else picture


def _alpha(mask: Mask, feather: float) -> NDArray[np.uint8]:
    """The share of object in a disc around each pixel, from 0 to 255."""
    if not _reach(feather):  # The disc is one pixel.
        return np.asarray(mask * np.uint8(255))
    # An object that the photo's edge cuts off has no outline there, so the mask continues beyond the edge.
    share = cv2.filter2D(mask.astype(np.float32), -1, _disc(feather), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.rint(share * 255), np.uint8)


def _disc(width: float) -> NDArray[np.float32]:
    """The share of each pixel that a disc covers, divided by their sum."""
    along = np.arange(-_reach(width), _reach(width) + 1)
    covered = np.clip((width + 1) / 2 - np.hypot(along[:, None], along), 0, 1)
    return np.asarray(covered / covered.sum(), np.float32)


def _colors_of_object(image: Image, mask: Mask, alpha: NDArray[np.uint8], feather: float) -> Image:
    """The photo with half-transparent pixels in the color of the nearest pixel that shows the object alone.

    Otherwise the old background would show around the object on any new one.
    """
    sure = _surely_object(mask, min(feather / 2, _rim_of(mask.shape)))
    mixed = (alpha > 0) & (alpha < 255) & ~sure
    if not mixed.any():
        return image
    _, nearest = cv2.distanceTransformWithLabels(
        (~sure).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    edge = sure & dilated(~sure, 1)  # No other sure pixel can be the nearest.
    palette = np.zeros((nearest.max() + 1, 3), np.uint8)
    palette[nearest[edge]] = image[edge]
    colors = image.copy()
    colors[mixed] = palette[nearest[mixed]]
    return colors


def _rim_of(shape: tuple[int, ...]) -> float:
    """Width of the rim on each side of an outline, in pixels."""
    return max(_LEAST_RIM, max(shape) * _RIM)


def _surely_object(mask: Mask, rim: float) -> Mask:
    """The mask without its rim, plus its parts that are all rim because they are thin, as whiskers."""
    deep = _distance_to(~mask) > rim
    return deep | (mask & (_distance_to(deep) > 2 * rim + 1))


def _distance_to(pixels: Mask) -> NDArray[np.float32]:
    """The distance of each pixel to the nearest marked one, in pixels; huge if none is marked."""
    return np.asarray(cv2.distanceTransform((~pixels).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)


def _ground(image: Image, mask: Mask, background: str) -> Image:
    """The picture of the background: the photo blurred, or one color."""
    return _blurred(image, mask) if background == BLUR else np.full_like(image, color_of(background))


def _blurred(image: Image, mask: Mask) -> Image:
    """The photo blurred without the object, whose colors would otherwise glow around it.

    Each pixel is the Gaussian mean of the background alone (normalized convolution: Knutsson and Westin 1993), or the
    mean of all background if none is nearby.
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


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture shrunk to `_BLUR_SIDE`, a loss that the blur hides."""
    scale = min(1, _BLUR_SIDE / max(picture.shape))
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


def _clear(colors: Image, alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colors with alpha last; all are 0 where alpha is 0."""
    picture = np.asarray(cv2.cvtColor(colors, cv2.COLOR_RGB2RGBA), np.uint8)
    picture[..., 3] = alpha
    pixels = picture.view(np.uint32)[..., 0]  # Four bytes at once, which is eight times as fast.
    np.multiply(pixels, alpha > 0, out=pixels)
    return picture


def _over(colors: Image, alpha: NDArray[np.uint8], ground: Image) -> Image:
    """The colors laid over the background, rounded to the nearest level."""
    share = alpha[..., None].astype(np.uint16)
    return np.asarray((colors * share + ground * (255 - share) + 127) // 255, np.uint8)


def _window(mask: Mask, feather: float) -> tuple[slice, slice]:
    """The tightest rows and columns around the mask and its feather; all of them if the mask is empty."""
    if not mask.any():
        return slice(None), slice(None)
    rows, columns = (_stretch(np.asarray(mask.any(axis=axis)), _reach(feather)) for axis in (1, 0))
    return rows, columns


def _stretch(marked: NDArray[np.bool_], reach: int) -> slice:
    """The range from the first marked position to the last, extended by `reach` on both sides within the photo."""
    indices = np.flatnonzero(marked)
    return slice(max(0, int(indices[0]) - reach), int(indices[-1]) + 1 + reach)


def _reach(feather: float) -> int:
    """Whole pixels by which a feather extends beyond the outline."""
    return math.ceil(max(0, feather - 1) / 2)
