"""The heart of the method: from where the classifier looks to the mask of least energy.

Saliency seeds two color mixtures, one minimum cut labels the pixels (Simonyan, Vedaldi, Zisserman 2013, section 3.2),
and the mixtures are fitted again to the labels (Rother, Kolmogorov, Blake 2004, section 3).
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    Image,
    Mask,
    Pairwise,
    Saliency,
    Seeds,
    Unary,
    check_image,
    check_saliency,
    check_same_size,
)
from wsseg.cut import Cut, min_cut
from wsseg.energy import (
    Palette,
    border_seeds,
    clamp_to_seeds,
    mixtures_from_seeds,
    pairwise_from_contrast,
    palette_of,
    unary_from_mixtures,
    unary_from_saliency,
)
from wsseg.mixture import Mixture
from wsseg.recipe import Recipe
from wsseg.regions import largest_component
from wsseg.seeds import seeds_from_saliency


class Labeling(NamedTuple):
    """A mask, and how it came about."""

    mask: Mask
    """Of the photo's size; empty when no object was found."""
    seeds: Seeds
    """What the saliency alone says, at the photo's size."""
    energy: float
    """Of the cut's labeling before it was tidied, in nats, at the working size; 0 when nothing was cut."""
    doubts: tuple[str, ...]
    """Why the mask deserves less trust, if it does."""


def label(image: Image, saliency: Saliency, recipe: Recipe) -> Labeling:
    """The recipe's mask of what is salient in the image.

    The mixtures are learned at the recipe's `refit_side`, where a cut is cheap, and the last cut is made at its
    `working_side`; a larger photo's mask is that cut's, enlarged.
    """
    check_same_size(check_image(image), check_saliency(saliency), "image and saliency")
    seeds = recipe.bind(seeds_from_saliency)(saliency)
    mixtures = _learned(_scene(image, saliency, recipe.refit_side, recipe), recipe)
    if mixtures is None:
        return Labeling(
            np.zeros_like(seeds, np.bool_), seeds, 0.0, ("no part of the photo is more salient than the rest",)
        )
    scene = _scene(image, saliency, recipe.working_side, recipe)
    cut = _cut(scene, mixtures, recipe)
    mask = _enlarged(largest_component(cut.mask) if recipe.largest else cut.mask, image.shape[:2])
    return Labeling(mask, seeds, cut.flow, _doubts(mask))


class _Scene(NamedTuple):
    """A photo at one size, and all of its energy but for the colors' part."""

    image: Image
    palette: Palette
    seeds: Seeds
    hard: Seeds
    prior: Unary
    pairwise: Pairwise


def _scene(image: Image, saliency: Saliency, side: int, recipe: Recipe) -> _Scene:
    # OpenCV's averages of ones are rounded to a little more than one.
    image, saliency = shrunk(image, side), shrunk(saliency, side).clip(max=1)
    seeds = recipe.bind(seeds_from_saliency)(saliency)
    return _Scene(
        image,
        palette_of(image),
        seeds,
        seeds if recipe.hard_seeds else recipe.bind(border_seeds)(seeds),
        recipe.bind(unary_from_saliency)(saliency),
        recipe.bind(pairwise_from_contrast)(image),
    )


def _learned(scene: _Scene, recipe: Recipe) -> tuple[Mixture, Mixture] | None:
    """The mixtures of background and object, fitted to the seeds, then to the labels of each cut; None without seeds.

    A cut that leaves one side nothing to learn from ends the refits.
    """
    if not _has_both(scene.seeds):
        return None
    mixtures = recipe.bind(mixtures_from_seeds)(scene.image, scene.seeds)
    for _ in range(recipe.refits):
        labels = _cut(scene, mixtures, recipe).mask.astype(np.uint8)
        if not _has_both(labels):
            break
        mixtures = recipe.bind(mixtures_from_seeds)(scene.image, labels)
    return mixtures


def _has_both(seeds: Seeds) -> bool:
    return all((seeds == side).any() for side in (BACKGROUND, FOREGROUND))


def _cut(scene: _Scene, mixtures: tuple[Mixture, Mixture], recipe: Recipe) -> Cut:
    colors = recipe.bind(unary_from_mixtures)(scene.palette, *mixtures)
    return min_cut(clamp_to_seeds(colors + scene.prior, scene.pairwise, scene.hard), scene.pairwise)


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


def _doubts(mask: Mask) -> tuple[str, ...]:
    if not mask.any():
        return ("the cheapest cut keeps no pixel of the object",)
    return ("the mask is the whole photo",) if mask.all() else ()
