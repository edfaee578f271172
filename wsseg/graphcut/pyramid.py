"""The sizes at which a photo is cut: a small one as a whole, larger ones in a band along the outline found so far.

A multilevel banded graph cut (Lombaert, Sun, Grady, Xu 2005), for one object or several.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Labels, Mask, Saliency, Seeds
from wsseg.graphcut.energy import ties_within
from wsseg.graphcut.expansion import Expansion, expand_nodes
from wsseg.recipe import Recipe

COVERED: Final = 1e-3
"""Least part of a pixel that counts as covered by a cell, so that rounding adds none."""

_HALF: Final = 127
"""Half of a pixel, in 8 bits. Rounding moves the outline by much less than the band that is then cut again."""


class Level(NamedTuple):
    """A photo and its map at one size."""

    image: Image
    saliency: Saliency


def levels_of(image: Image, saliency: Saliency, exact_side: int) -> list[Level]:
    """Return the photo at a long side of `exact_side`, twice that, and so on up to its own, each made from the next.

    A photo that is no larger than `exact_side` has one level, its own.
    """
    levels = [Level(image, saliency)]
    full = max(image.shape[:2])
    for power in reversed(range(math.ceil(math.log2(max(full / exact_side, 1))))):
        levels.insert(0, level_at(*levels[0], exact_side * 2**power))
    return levels


def level_at(image: Image, saliency: Saliency, side: int) -> Level:
    """Return the photo and its map with a long side of at most `side` pixels."""
    # OpenCV's averages of ones are rounded to a little more than one.
    return Level(shrunk(image, side), shrunk(saliency, side).clip(max=1))


def refined(
    found: Expansion,
    images: Sequence[Image],
    certain: Seeds,
    costs_within: Callable[[int, Mask], NDArray[np.float64]],
    tidied: Callable[[Labels], Labels],
    recipe: Recipe,
    *,
    hinted: bool = False,
) -> Expansion:
    """Return the labels at the size of the last image, from those `found` at the size of the first.

    At each size they are tidied, enlarged to the next, and cut again in a band along all outlines. `certain` (H, W) of
    the photo are labels to keep. `costs_within(level, free)` are the costs (N, L) of the free pixels of images[level].
    """
    for level, image in enumerate(images[1:], 1):
        costs, side = partial(costs_within, level), max(image.shape[:2])
        smoothness = recipe.smoothness_at(side, hinted=hinted)
        found = cut_in_band(image, tidied(found.labels), certain, costs, band=recipe.band, smoothness=smoothness)
    return found._replace(labels=tidied(found.labels))


def cut_in_band(
    image: Image,
    coarse: Labels,
    certain: Seeds,
    costs_within: Callable[[Mask], NDArray[np.float64]],
    *,
    band: int,
    smoothness: float,
) -> Expansion:
    """Return the coarse labels at the image's size, where pixels near an outline take the labels of least energy.

    The energy and its bound are those of the band, 0 where there is no outline.
    """
    known = seeds_at(certain, image.shape[:2])
    unknown = known == UNKNOWN
    labels = np.where(unknown, enlarged(coarse, image.shape[:2]), known)
    free = band_along(labels, band) & unknown
    if not free.any():
        return Expansion(labels, 0.0, True, 0.0)
    costs = costs_within(free)
    ties = ties_within(image, labels, free, smoothness=smoothness, count=costs.shape[1])
    found = expand_nodes(costs + ties.outward, ties.pairs, ties.weights)
    labels[free] = found.labels
    return found._replace(labels=labels)


def band_along(labels: Labels, width: int) -> Mask:
    """Return the pixels around which a square, `width` pixels to each side, holds more than one label."""
    square = np.ones((2 * width + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(labels, square) != cv2.erode(labels, square))


def enlarged(labels: Labels, size: tuple[int, ...]) -> Labels:
    """Return the labels at (height, width): each pixel has the label with the largest share of it.

    Shares are interpolated linearly, so the outline runs straight between the pixels of the small labels.
    """
    if labels.shape == size:
        return labels
    if labels.max() <= FOREGROUND:  # A single label needs no comparison, and its share needs no floats.
        share = cv2.resize(labels * np.uint8(2 * _HALF), size[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(share >= _HALF).view(np.uint8)
    larger, most = np.zeros(size, np.uint8), np.zeros(size, np.float32)
    rest = np.ones(size, np.float32)
    for label in np.setdiff1d(labels, [BACKGROUND]):
        share = _share_of(label, labels, size)
        larger[share > most] = label
        most, rest = np.maximum(most, share), rest - share
    larger[most < rest] = BACKGROUND
    return larger


def _share_of(label: int, labels: Labels, size: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the share of each larger pixel that has the label."""
    share = (labels == label).astype(np.float32)
    return np.asarray(cv2.resize(share, size[::-1], interpolation=cv2.INTER_LINEAR))


def shrunk(array: NDArray[Any], side: int) -> NDArray[Any]:
    """Return an image or map with a long side of at most `side` pixels, averaged."""
    size = shrunk_size(array.shape[0], array.shape[1], side)
    if size == array.shape[:2]:
        return array
    return np.asarray(cv2.resize(array, size[::-1], interpolation=cv2.INTER_AREA))


def shrunk_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Return height and width of a photo whose long side is reduced to `side` pixels, if it is longer."""
    scale = min(1.0, side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def seeds_at(seeds: Seeds, shape: tuple[int, ...]) -> Seeds:
    """Return the seeds in a smaller photo of (height, width).

    A pixel that covers seeds of one label has that label; one that covers both or none is unknown.
    """
    if seeds.shape == shape:
        return seeds
    if _all_unknown(seeds):
        return np.broadcast_to(np.uint8(UNKNOWN), shape)
    background, foreground = (_any_in_cells(seeds == label, shape) for label in (BACKGROUND, FOREGROUND))
    smaller = np.full(shape, UNKNOWN, np.uint8)
    smaller[background & ~foreground] = BACKGROUND
    smaller[foreground & ~background] = FOREGROUND
    return smaller


def _any_in_cells(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Return whether each of (height, width) cells covers a pixel of the mask, wholly or in part."""
    if not mask.any():
        return np.zeros(shape, np.bool_)
    edges = [np.linspace(0, side, cells + 1) for side, cells in zip(mask.shape, shape, strict=True)]
    first = [np.floor(edge[:-1] + COVERED).astype(np.intp) for edge in edges]
    last = [np.ceil(edge[1:] - COVERED).astype(np.intp) for edge in edges]
    # Two rectangles of the size of the smallest cell, one at each end, make up any cell.
    least = [int((end - start).min()) for start, end in zip(first, last, strict=True)]
    found = np.asarray(cv2.dilate(mask.view(np.uint8), np.ones(least, np.uint8), anchor=(0, 0)), np.bool_)
    for axis in range(2):
        found = found.take(first[axis], axis) | found.take(last[axis] - least[axis], axis)
    return found


def _all_unknown(seeds: Seeds) -> bool:
    """Return whether no pixel has a seed; an array that repeats one row or column is asked only once for it."""
    distinct = seeds[tuple(slice(None if stride else 1) for stride in seeds.strides)]
    return bool((distinct == UNKNOWN).all())
