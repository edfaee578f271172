"""Changes of a photo and its label that a network must not mind: mirrored, cropped or zoomed out, in other light.

Zooming out makes objects small: the photo lies on a blurred mirror image of itself, of which nothing is object.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Image

ZOOMED_OUT: Final = 0.35
"""Share of the samples that are zoomed out; the others are cropped."""

SHRUNK: Final = (0.35, 0.8)
"""Sides of a photo that is zoomed out, per side of the sample."""

CROPPED: Final = (0.55, 1.0)
"""Sides of a crop, per side of the photo."""

STRETCHED: Final = 0.1
"""Change of the ratio of the sides, at most."""

LIGHT: Final = 0.3
"""Change of brightness and of contrast, at most."""

COLOR: Final = 0.5
"""Change of saturation, at most."""

GRAY: Final = 0.1
"""Share of the samples without color."""

SURROUNDINGS: Final = 1 / 16
"""Sigma of the blur around a photo that is zoomed out, per side of the sample."""


class Example(NamedTuple):
    """A photo to learn from."""

    image: Image
    """uint8 (h, w, 3)."""
    label: NDArray[np.uint8]
    """(h, w) of any size over the photo: 255 on the object, 0 on the background, in between where it is unsure."""
    weight: float
    """Weight of the photo in the loss."""


def augmented(
    example: Example, size: tuple[int, int], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a changed copy of a photo and of its label, both in [0, 1].

    Parameters
    ----------
    example : Example
        Photo and label.
    size : tuple of int
        Height and width of the copy, in pixels.
    random : numpy.random.Generator
        Source of the changes.

    Returns
    -------
    photo : ndarray of float32, shape (height, width, 3)
        The photo, cropped or zoomed out.
    label : ndarray of float32, shape (height, width)
        The share of the object in each pixel.
    """
    image, label = example.image, example.label
    label = np.asarray(cv2.resize(label, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    if random.random() < 0.5:
        image, label = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(label[:, ::-1])
    change = _zoomed_out if random.random() < ZOOMED_OUT else _cropped
    photo, share = change(image, label, size, random)
    return _in_other_light(photo, random), np.asarray(share, np.float32) / np.float32(255)


def _zoomed_out(
    image: Image, label: NDArray[np.uint8], size: tuple[int, int], random: np.random.Generator
) -> tuple[Image, NDArray[np.uint8]]:
    height, width = _scaled(size, SHRUNK, random)
    top, left = int(random.integers(0, size[0] - height + 1)), int(random.integers(0, size[1] - width + 1))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    below, right = size[0] - height - top, size[1] - width - left
    mirrored = cv2.copyMakeBorder(small, top, below, left, right, cv2.BORDER_REFLECT)
    photo = cv2.GaussianBlur(mirrored, (0, 0), SURROUNDINGS * max(size))
    share = np.zeros(size, np.uint8)
    inside = slice(top, top + height), slice(left, left + width)
    photo[inside], share[inside] = small, cv2.resize(label, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(photo, np.uint8), share


def _cropped(
    image: Image, label: NDArray[np.uint8], size: tuple[int, int], random: np.random.Generator
) -> tuple[Image, NDArray[np.uint8]]:
    height, width = _scaled(label.shape, CROPPED, random)
    top, left = random.integers(0, len(label) - height + 1), random.integers(0, label.shape[1] - width + 1)
    inside = slice(top, top + height), slice(left, left + width)
    photo, share = (cv2.resize(one[inside], size[::-1], interpolation=cv2.INTER_LINEAR) for one in (image, label))
    return np.asarray(photo, np.uint8), np.asarray(share, np.uint8)


def _scaled(size: tuple[int, ...], scales: tuple[float, float], random: np.random.Generator) -> list[int]:
    """Height and width at a scale in this range, a little stretched, from 1 pixel to those of the size."""
    shares = random.uniform(*scales) * random.uniform(1 - STRETCHED, 1 + STRETCHED, 2)
    return [max(1, min(side, round(side * share))) for side, share in zip(size, shares.tolist(), strict=True)]


def _in_other_light(photo: Image, random: np.random.Generator) -> NDArray[np.float32]:
    changed = photo.astype(np.float32) / 255 * random.uniform(1 - LIGHT, 1 + LIGHT)
    mean = changed.mean()
    changed = (changed - mean) * random.uniform(1 - LIGHT, 1 + LIGHT) + mean
    gray = changed.mean(axis=2, keepdims=True)
    saturation = 0.0 if random.random() < GRAY else random.uniform(1 - COLOR, 1 + COLOR)
    return np.asarray((gray + (changed - gray) * saturation).clip(0, 1), np.float32)
