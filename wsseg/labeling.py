"""The heart of the method: from where the classifier looks to the mask of least energy.

Saliency seeds two color mixtures, one minimum cut labels the pixels (Simonyan, Vedaldi, Zisserman 2013, section 3.2),
and the mixtures are fitted again to the labels (Rother, Kolmogorov, Blake 2004, section 3).
"""

import math
from dataclasses import replace
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    Image,
    Mask,
    Saliency,
    Seeds,
    check_image,
    check_saliency,
    check_same_size,
)
from wsseg.cut import Cut, Network
from wsseg.energy import (
    border_seeds,
    clamp_to_seeds,
    mixtures_from_seeds,
    pairwise_from_contrast,
    palette_of,
    ties_within,
    unary_from_mixtures,
    unary_from_saliency,
)
from wsseg.mixture import Mixture
from wsseg.recipe import RECIPES, Recipe
from wsseg.regions import largest_component
from wsseg.seeds import seeds_from_saliency

UNSALIENT: Final = "no part of the photo is more salient than the rest"


class Labeling(NamedTuple):
    """A mask, and how it came about."""

    mask: Mask
    """Of the photo's size; empty when no object was found."""
    seeds: Seeds
    """What the saliency alone says, at the photo's size."""
    energy: float
    """Of the last cut's labeling before it was tidied, in nats; 0 when nothing was cut."""
    flow: float
    """The maximum flow that certifies it: no labeling of what that cut was free to label has less energy."""
    exact: bool
    """Whether the last cut was of the whole photo; else of a band along the outline found in a smaller one."""
    doubts: tuple[str, ...]
    """Why the mask deserves less trust, if it does."""


def label(image: Image, saliency: Saliency, recipe: Recipe) -> Labeling:
    """The recipe's mask of what is salient in the image, or that of the first rung of its failure ladder to find any.

    The mixtures are learned at the recipe's `refit_side`, where a cut is cheap. A photo up to its `exact_side` is then
    cut as a whole; a larger one is so cut at that size, and again at each doubling of it up to its own, in a band along
    the outline found so far (Lombaert, Sun, Grady, Xu 2005).
    """
    check_same_size(check_image(image), check_saliency(saliency), "image and saliency")
    if saliency.min() == saliency.max():
        return _nothing(image)
    labelings = []
    for rung, weaker in _ladder(recipe).items():
        found = _labeling(image, saliency, weaker)
        if found.mask.any() and not found.mask.all():
            doubts = (f"nothing was found but by {rung}", *found.doubts) if rung else found.doubts
            return found._replace(seeds=recipe.bind(seeds_from_saliency)(saliency), doubts=doubts)
        labelings.append(found)
    return max(labelings, key=lambda labeling: labeling.mask.any())


def _ladder(recipe: Recipe) -> dict[str, Recipe]:
    """What of a recipe is given up, rung by rung, until the cut tells an object from a background.

    The quantiles are not measured: a photo that needs them has no good mask, and its status says so.
    """
    prior = max(recipe.prior, RECIPES["default"].prior)
    weaker = replace(recipe, foreground_quantile=0.5, background_quantile=0.25, hard_seeds=False, prior=prior)
    return {
        "": recipe,
        "weaker seeds": weaker,
        "weaker seeds and one Gaussian for each side": replace(weaker, components=1),
        "the map without colors": replace(weaker, foreground_quantile=0.0, background_quantile=0.0, color_limit=0.0),
    }


def _nothing(image: Image) -> Labeling:
    """What is said of a map without any rank: background seeds alone."""
    background = np.zeros(image.shape[:2], np.uint8)
    return Labeling(background > 0, background, 0.0, 0.0, True, (UNSALIENT,))


def _labeling(image: Image, saliency: Saliency, recipe: Recipe) -> Labeling:
    mixtures = _learned(_Scene(image, saliency, recipe.refit_side, recipe), recipe)
    if mixtures is None:
        return _nothing(image)
    seeds = recipe.bind(seeds_from_saliency)(saliency)
    cut = _Scene(image, saliency, recipe.exact_side, recipe).cut(mixtures)
    mask = _tidied(cut.mask, recipe)
    for side in _doublings(recipe.exact_side, max(image.shape[:2])):
        cut = _cut_in_band(shrunk(image, side), shrunk(saliency, side).clip(max=1), mask, mixtures, recipe)
        mask = _tidied(cut.mask, recipe)
    exact = max(image.shape[:2]) <= recipe.exact_side
    return Labeling(mask, seeds, cut.energy, cut.flow, exact, _doubts(image, mask))


class _Scene:
    """A photo at one size, and its energy but for the colors' part; cut again it begins where the last cut ended."""

    def __init__(self, image: Image, saliency: Saliency, side: int, recipe: Recipe) -> None:
        self.image = shrunk(image, side)
        # OpenCV's averages of ones are rounded to a little more than one.
        saliency = shrunk(saliency, side).clip(max=1)
        self.seeds = recipe.bind(seeds_from_saliency)(saliency)
        self._hard = self.seeds if recipe.hard_seeds else recipe.bind(border_seeds)(self.seeds)
        self._palette = palette_of(self.image)
        self._prior = recipe.bind(unary_from_saliency)(saliency)
        self._pairwise = recipe.at(max(self.image.shape[:2])).bind(pairwise_from_contrast)(self.image)
        self._network = Network.of_grid(self._pairwise)
        self._colors = recipe.bind(unary_from_mixtures)

    def cut(self, mixtures: tuple[Mixture, Mixture]) -> Cut:
        """The labeling of least energy under the mixtures of background and object."""
        unary = self._colors(self._palette, *mixtures) + self._prior
        return self._network.cut(clamp_to_seeds(unary, self._pairwise, self._hard))


def _learned(scene: _Scene, recipe: Recipe) -> tuple[Mixture, Mixture] | None:
    """The mixtures of background and object, fitted to the seeds, then to the labels of each cut; None without seeds.

    A cut that leaves one side nothing to learn from ends the refits.
    """
    if not _has_both(scene.seeds):
        return None
    mixtures = recipe.bind(mixtures_from_seeds)(scene.image, scene.seeds)
    for _ in range(recipe.refits):
        labels = scene.cut(mixtures).mask.astype(np.uint8)
        if not _has_both(labels):
            break
        mixtures = recipe.bind(mixtures_from_seeds)(scene.image, labels, start=mixtures)
    return mixtures


def _has_both(seeds: Seeds) -> bool:
    return all((seeds == side).any() for side in (BACKGROUND, FOREGROUND))


def _cut_in_band(
    image: Image, saliency: Saliency, coarse: Mask, mixtures: tuple[Mixture, Mixture], recipe: Recipe
) -> Cut:
    """The coarse mask at the image's size, where the pixels near its outline take the labels of least energy."""
    mask = _enlarged(coarse, image.shape[:2])
    pixels = np.flatnonzero(_band(mask, recipe.band))
    if not len(pixels):
        return Cut(mask, 0.0, 0.0)
    ties = recipe.at(max(mask.shape)).bind(ties_within)(image, mask, pixels)
    palette = palette_of(image.reshape(-1, 1, 3)[pixels])
    colors = recipe.bind(unary_from_mixtures)(palette, *mixtures)
    prior = recipe.bind(unary_from_saliency)(saliency.reshape(-1, 1)[pixels])
    cut = Network(len(pixels), ties.pairs, ties.weights).cut((colors + prior)[:, 0] + ties.outward)
    mask.flat[pixels] = cut.mask
    return cut._replace(mask=mask)


def _band(mask: Mask, width: int) -> Mask:
    square = np.ones((2 * width + 1,) * 2, np.uint8)
    levels = mask.astype(np.uint8)
    return np.asarray(cv2.dilate(levels, square) != cv2.erode(levels, square))


def _doublings(side: int, full: int) -> list[int]:
    """Twice the side, four times, and so on; the full one last, if it is larger."""
    return [min(side * 2**power, full) for power in range(1, math.ceil(math.log2(max(full / side, 1))) + 1)]


def _tidied(mask: Mask, recipe: Recipe) -> Mask:
    return largest_component(mask) if recipe.largest else mask


def shrunk(array: NDArray[Any], side: int) -> NDArray[Any]:
    """The array with a long side of at most `side`, averaged."""
    height, width = array.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return array
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA))


def _enlarged(mask: Mask, size: tuple[int, ...]) -> Mask:
    """The mask at (height, width), its outline between the pixels of the small one drawn straight."""
    if mask.shape == size:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5)


def _doubts(image: Image, mask: Mask) -> tuple[str, ...]:
    found = {
        "the photo is of one color": (image == image[0, 0]).all(),
        "the cheapest cut keeps no pixel of the object": not mask.any(),
        "the mask is the whole photo": mask.all(),
    }
    return tuple(doubt for doubt, holds in found.items() if holds)
