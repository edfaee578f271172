"""Soft edges: how much of the object each pixel near its outline shows, and in which color.

A pixel of hair or fur shows both object and background. Which pixels are in doubt is read from the mask and the colors
on its two sides; alpha and colors of these pixels come from `matting.py`.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, Image, Mask, Seeds
from wsseg.graphcut.colors import mixtures_from_seeds, palette_of, unary_from_mixtures
from wsseg.graphcut.pyramid import shrunk
from wsseg.graphcut.regions import box_of
from wsseg.graphcut.windows import slices_of
from wsseg.pictures.matting import Plane, alpha_enlarged, alpha_from_seeds, colors_of_object
from wsseg.recipe import RECIPES

_SIDE: Final = 800
"""Long side, in pixels, of the photo around the object that the alpha is found in; it is enlarged from there."""

_REACH: Final = 1 / 10
"""Width, per long side of the object's box, of the widest band on each side of the outline."""

_LEAST: Final = 1 / 100
"""Width, per long side of the object's box, of the narrowest band on each side of the outline."""

_FEWEST: Final = 2
"""Minimum width of the narrowest band, in pixels."""

_DOUBTFUL: Final = 0.1
"""Share of doubtful pixels around a pixel that widens the band to it."""

_UNSURE: Final = 1.0
"""Nats for its own side below which a pixel's color is doubtful."""

_DEEPEST: Final = 2.0
"""Depth, in widths of the narrowest band, from which the place of a pixel in the mask tells no more."""

_CLEAR: Final = 0.05
"""Alpha this close to 0 or 1 is taken for 0 or 1."""


class Matte(NamedTuple):
    """The object with a soft edge."""

    alpha: NDArray[np.uint8]
    """(H, W): share of the object in each pixel, from 0 to 255."""
    colors: Image
    """(H, W, 3): the photo, with the color of the object alone in pixels that mix object and background."""


class _Sides(NamedTuple):
    """The two sides of an outline."""

    depth: Plane
    """(H, W): distance to the outline in pixels, negative on the background."""
    odds: Plane
    """(H, W): nats for the object from the color alone."""


def matte_from_mask(image: Image, mask: Mask) -> Matte:
    """Return the object with a soft edge; pixels beyond the widest band keep their place in the mask."""
    alpha, colors = np.asarray(mask * np.uint8(255)), image
    box = box_of(mask)
    if box is None or mask.all():
        return Matte(alpha, colors)
    colors = image.copy()
    window = slices_of(_around(box, mask.shape))
    alpha[window], colors[window] = _matte_in_window(image[window], mask[window], _long_side(box))
    if not alpha.any():  # The colors do not tell the object from the background.
        return Matte(np.asarray(mask * np.uint8(255)), image)
    return Matte(alpha, colors)


def reach_of(mask: Mask) -> int:
    """Return the pixels by which a soft edge may extend beyond the outline."""
    box = box_of(mask)
    return 0 if box is None else round(_long_side(box) * _REACH) + _FEWEST


def _matte_in_window(image: Image, mask: Mask, side: int) -> Matte:
    small = shrunk(np.ascontiguousarray(image), _SIDE)
    inside = np.asarray(shrunk(mask.astype(np.float32), _SIDE) >= 0.5)
    side = max(1, round(side * max(small.shape) / max(image.shape)))
    sides = _sides_of(small, inside, side)
    seeds = seeds_of(sides, inside, side)
    small_alpha = _cleared(alpha_from_seeds(small, seeds, _prior(sides, side)))
    unknown = cv2.resize(np.asarray(seeds == UNKNOWN, np.uint8), mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    alpha = np.where(unknown, _cleared(alpha_enlarged(image, small, small_alpha)), mask.astype(np.float32))
    colors = np.where(unknown[..., None], colors_of_object(image, small, alpha, small_alpha), image)
    return Matte(np.asarray(np.rint(alpha * 255), np.uint8), np.asarray(colors, np.uint8))


def seeds_of(sides: _Sides, inside: Mask, side: int) -> Seeds:
    """Return object and background, and unknown pixels in a band around the outline.

    The band is as wide as many colors are unsure, or speak for the other side, but no wider than `_REACH`. `side` is
    the long side of the object's box.
    """
    far, near = np.abs(sides.depth), _narrowest(side)
    doubtful = np.asarray(np.where(inside, sides.odds, -sides.odds) < _UNSURE, np.float32)
    around = cv2.blur(doubtful, (2 * round(near) + 1,) * 2)
    band = (far <= near) | ((far <= side * _REACH) & (around > _DOUBTFUL))
    _, pieces = cv2.connectedComponents(band.astype(np.uint8))
    at_outline = np.zeros(int(pieces.max()) + 1, np.bool_)
    at_outline[pieces[far <= near]] = True
    return np.asarray(np.where(at_outline[pieces] & band, UNKNOWN, inside), np.uint8)


def _sides_of(image: Image, inside: Mask, side: int) -> _Sides:
    depth = np.where(inside, _distance(inside), -_distance(~inside))
    seeds, near = np.full(inside.shape, UNKNOWN, np.uint8), _narrowest(side)
    deepest = float(depth.max())
    # Of an object that is thin everywhere, the middle alone shows the colors.
    seeds[depth > (near if deepest > near else deepest / 2)] = FOREGROUND
    seeds[(depth < -near) & (depth > -max(4 * _REACH * side, 2 * near))] = BACKGROUND
    return _Sides(depth, _odds(image, seeds))


def _odds(image: Image, seeds: Seeds) -> Plane:
    """Return the nats for the object from the colors; 0 everywhere if one side has no seeds."""
    if not all((seeds == label).any() for label in (BACKGROUND, FOREGROUND)):
        return np.zeros(seeds.shape, np.float32)
    recipe = RECIPES["default"]
    mixtures = mixtures_from_seeds(
        image, seeds, components=recipe.components, color_samples=recipe.color_samples, random_state=recipe.random_state
    )
    unary = unary_from_mixtures(palette_of(image), *mixtures, color_limit=recipe.color_limit)
    return np.asarray(unary[..., BACKGROUND] - unary[..., FOREGROUND], np.float32)


def _prior(sides: _Sides, side: int) -> Plane:
    """Return the probability of the object from a pixel's color and its place."""
    nats = sides.odds / 2 + 2 * np.clip(sides.depth / _narrowest(side), -_DEEPEST, _DEEPEST)
    return np.asarray(1 / (1 + np.exp(-np.clip(nats, -30, 30))), np.float32)


def _cleared(alpha: Plane) -> Plane:
    return np.asarray(np.clip((alpha - _CLEAR) / (1 - 2 * _CLEAR), 0, 1), np.float32)


def _around(box: Box, shape: tuple[int, ...]) -> Box:
    """Return the box and the background around it that its colors are compared with."""
    margin = round(4 * _REACH * _long_side(box)) + _FEWEST + 1
    return Box(
        max(0, box.x0 - margin),
        max(0, box.y0 - margin),
        min(shape[1], box.x1 + margin),
        min(shape[0], box.y1 + margin),
    )


def _long_side(box: Box) -> int:
    return max(box.x1 - box.x0, box.y1 - box.y0)


def _narrowest(side: int) -> float:
    return max(_FEWEST, side * _LEAST)


def _distance(pixels: Mask) -> Plane:
    """Return the distance of each of these pixels to the others, in pixels; huge if there are no others."""
    return np.asarray(cv2.distanceTransform(pixels.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
