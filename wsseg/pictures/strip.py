"""Pictures side by side."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask, check_image, check_mask

_TILE: Final = 1 / 24
"""Side of a checkerboard's tile, per height of the picture."""

_TILE_GREYS: Final = (255, 204)


def strip(*pictures: NDArray[np.uint8] | Mask, gap: int = 8) -> Image:
    """Put pictures side by side, all at the height of the first one.

    Parameters
    ----------
    *pictures : ndarray
        Masks, bool (H, W); grey pictures, uint8 (H, W); pictures in color, uint8 (H, W, 3); or with alpha, uint8
        (H, W, 4), which are shown over a checkerboard.
    gap : int, optional
        White pixels between two pictures.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The strip.

    Raises
    ------
    ValueError
        If there are no pictures, one is not valid, or the gap is negative.

    Examples
    --------
    >>> import numpy
    >>> image = numpy.full((60, 80, 3), 200, numpy.uint8)
    >>> wsseg.strip(image, numpy.zeros((30, 40), bool)).shape
    (60, 168, 3)
    """
    if not pictures:
        raise ValueError("pictures must be one or more, got none; pass the pictures to show")
    if gap < 0:
        raise ValueError(f"gap must not be negative, got {gap}; use 0 for no gap")
    shown = [_opaque(np.asarray(picture)) for picture in pictures]
    height = shown[0].shape[0]
    white = np.full((height, gap, 3), 255, np.uint8)
    return np.hstack([piece for picture in shown for piece in (white, _at_height(picture, height))][1:])


def _opaque(picture: NDArray[np.generic]) -> Image:
    """The picture in color without alpha."""
    if picture.dtype == np.bool_:
        picture = check_mask(picture, "picture") * np.uint8(255)
    if picture.ndim == 2:
        picture = np.dstack([picture] * 3)
    if picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 4:
        picture = _over_tiles(picture)
    return check_image(picture, "picture")


def _over_tiles(picture: NDArray[np.generic]) -> Image:
    """The (H, W, 4) picture over a checkerboard."""
    height, width = picture.shape[:2]
    side = max(1, round(height * _TILE))
    odd = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2
    tiles = np.asarray(_TILE_GREYS, np.uint8)[odd][..., None]
    colors, alpha = np.split(picture.astype(np.float32), [3], axis=2)
    share = alpha / np.float32(255)
    return np.asarray(np.rint(colors * share + tiles * (1 - share)), np.uint8)


def _at_height(picture: Image, height: int) -> Image:
    """The picture resized to this height."""
    if picture.shape[0] == height:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    method = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
