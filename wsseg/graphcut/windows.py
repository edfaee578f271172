"""Windows: rectangles of a photo that are cut as if they were the whole photo."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Box, Image, Mask


def box_grown(box: Box, shape: tuple[int, ...], *, margin: float) -> Box:
    """Return the box enlarged on each side by `margin` of its width or height, within the photo."""
    across, down = round(margin * (box.x1 - box.x0)), round(margin * (box.y1 - box.y0))
    return Box(
        max(0, box.x0 - across), max(0, box.y0 - down), min(shape[1], box.x1 + across), min(shape[0], box.y1 + down)
    )


def box_around(box: Box, shape: tuple[int, ...], *, margin: float, least: float) -> Box:
    """Return `box_grown`, and grown further until both sides are at least `least` times the photo's long side."""
    grown, side = box_grown(box, shape, margin=margin), least * max(shape[:2])
    width, height = max(grown.x1 - grown.x0, side), max(grown.y1 - grown.y0, side)
    x, y = (grown.x0 + grown.x1) / 2, (grown.y0 + grown.y1) / 2
    return Box(
        max(0, math.floor(x - width / 2)),
        max(0, math.floor(y - height / 2)),
        min(shape[1], math.ceil(x + width / 2)),
        min(shape[0], math.ceil(y + height / 2)),
    )


def slices_of(window: Box) -> tuple[slice, slice]:
    """Return the rows and the columns of a window."""
    return slice(window.y0, window.y1), slice(window.x0, window.x1)


def rim_of(window: Box, shape: tuple[int, ...]) -> Mask:
    """Return the pixels at those edges of a window, (h, w), beyond which the photo goes on."""
    rim = np.ones((window.y1 - window.y0, window.x1 - window.x0), np.bool_)
    top, left, bottom, right = window.y0 > 0, window.x0 > 0, window.y1 < shape[0], window.x1 < shape[1]
    rim[top : rim.shape[0] - bottom, left : rim.shape[1] - right] = False
    return rim


def box_in(window: Box, box: Box) -> Box:
    """Return the part of a box that lies in a window, in pixels of the window."""
    x0, x1 = (min(max(x, window.x0), window.x1) - window.x0 for x in (box.x0, box.x1))
    y0, y1 = (min(max(y, window.y0), window.y1) - window.y0 for y in (box.y0, box.y1))
    return Box(x0, y0, x1, y1)


def image_in(window: Box, image: Image) -> Image:
    """Return a copy of the photo's pixels in a window."""
    return np.ascontiguousarray(image[slices_of(window)])


def map_in(
    window: Box, plane: NDArray[np.float32], shape: tuple[int, ...], size: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return a map in a window of a photo of that shape, at (height, width) `size`; the map may have any size."""
    (x0, y0, x1, y1), (height, width) = window, size
    across, down = plane.shape[1] / shape[1], plane.shape[0] / shape[0]
    x = (x0 + (np.arange(width) + 0.5) * (x1 - x0) / width) * across - 0.5
    y = (y0 + (np.arange(height) + 0.5) * (y1 - y0) / height) * down - 0.5
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return np.asarray(cv2.remap(plane, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def mask_from_window(window: Box, mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Return a window's mask as one of the whole photo of that shape, empty elsewhere."""
    whole = np.zeros(shape[:2], np.bool_)
    whole[slices_of(window)] = mask
    return whole
