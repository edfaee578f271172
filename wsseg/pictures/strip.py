"""wsseg.pictures.strip.strip"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    Image,
    check_image,
    check_mask,
)

_TILE: Final = 1 / 24
"""Side of a checkerboard's tile per height of the picture."""

_TILE_GREYS: Final = (255, 204)


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
