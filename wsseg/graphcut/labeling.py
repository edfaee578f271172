"""The heart of the method: from where the classifier looks to the mask of least energy.

Saliency seeds two color mixtures, one minimum cut labels the pixels (Simonyan, Vedaldi, Zisserman 2013, section 3.2),
and the mixtures are fitted again to the labels (Rother, Kolmogorov, Blake 2004, section 3).
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Image,
    Labels,
    Mask,
    Saliency,
    Seeds,
    Unary,
    check_image,
    check_saliency,
    check_same_size,
)
from wsseg.graphcut.confidence import signs_of
from wsseg.graphcut.cut import Cut, CutGraph
from wsseg.graphcut.energy import (
    border_seeds,
    clamp_to_seeds,
    mixtures_from_seeds,
    pairwise_from_contrast,
    palette_of,
    ties_within,
    unary_from_log_odds,
    unary_from_mixtures,
    unary_from_saliency,
)
from wsseg.graphcut.mixture import Mixture
from wsseg.graphcut.regions import components_of, largest_component
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.recipe import RECIPES, Recipe

Mixtures: TypeAlias = tuple[Mixture, Mixture]
"""Of background and object."""

UNSALIENT: Final = "no part of the photo is more salient than the rest"


class MaskResult(NamedTuple):
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
    signs: Mapping[str, float]
    """Of how far to trust it, see confidence.py; none where nothing was cut."""
    doubts: tuple[str, ...]
    """Why the mask deserves less trust, if it does."""


class Advice(NamedTuple):
    """What is known of a photo beside its map."""

    seeds: Seeds
    """What is certain, at the photo's size."""
    odds: NDArray[np.float32]
    """What is likely, (h, w) of any size, in nats for the object: it takes the place of the map's own odds."""
    enclosed: bool = False
    """Whether background is certain all around, so that the border presumes nothing and the colors begin from it."""


def mask_from_saliency(image: Image, saliency: Saliency, recipe: Recipe) -> MaskResult:
    """The recipe's mask of what is salient in the image, or that of the first rung of its failure ladder to find any.

    The mixtures are learned at the recipe's `refit_side`, where a cut is cheap. A photo up to its `exact_side` is then
    cut as a whole; a larger one is so cut at that size, and again at each doubling of it up to its own, in a band along
    the outline found so far (Lombaert, Sun, Grady, Xu 2005).
    """
    return first_labeled(image, saliency, recipe)[1]


def first_labeled(image: Image, saliency: Saliency, recipe: Recipe) -> "tuple[MaskSolver, MaskResult]":
    """`mask_from_saliency`'s mask, and what made it, ready to be told more."""
    check_same_size(check_image(image), check_saliency(saliency), "image and saliency")
    tried: list[tuple[MaskSolver, MaskResult]] = []
    for rung, weaker in _ladder(recipe).items():
        labeler = MaskSolver(image, saliency, weaker)
        found = labeler.label()
        found = found._replace(seeds=tried[0][1].seeds if tried else found.seeds)
        if found.mask.any() and not found.mask.all():
            doubts = (f"nothing was found but by {rung}", *found.doubts) if rung else found.doubts
            return labeler, found._replace(doubts=doubts)
        tried.append((labeler, found))
        if found.doubts == (UNSALIENT,) and saliency.min() == saliency.max():
            break
    return max(tried, key=lambda one: one[1].mask.any())


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


class MaskSolver:
    """A photo and its map under one recipe, labeled as often as more is known of it.

    It keeps the mixtures and the graphs: what changes is what the pixels themselves cost.
    """

    def __init__(self, image: Image, saliency: Saliency, recipe: Recipe, start: Mask | None = None) -> None:
        """`start` is a mask to learn from, in place of the saliency's seeds."""
        self._recipe, self._seeds = recipe, recipe.bind(seeds_from_saliency)(saliency)
        self._levels = _levels(image, saliency, (recipe.exact_side, *_doublings(recipe.exact_side, max(image.shape))))
        exact = self._levels[0]
        # From the photo itself, so that the mixtures do not depend on the levels between.
        self._small = _Scene(*_level(image, saliency, recipe.refit_side), recipe)
        self._scene = _Scene(*exact, recipe)
        self._labels = self._small.seeds if start is None else self._small.labels_of(start)
        self._mixtures: Mixtures | None = None

    def label(self, advice: Advice | None = None, *, refit: bool = False) -> MaskResult:
        """The mask under what is known. The first call learns the mixtures, later ones keep them unless to `refit`.

        Where advice leaves one side no colors to learn, it speaks alone.
        """
        if refit or self._mixtures is None:
            self._learn(advice)
        image, seeds = self._levels[-1][0], self._seeds
        if self._mixtures is None and advice is None:
            return MaskResult(np.zeros(image.shape[:2], np.bool_), seeds, 0.0, 0.0, True, {}, (UNSALIENT,))
        cut = self._scene.cut(self._mixtures, advice)
        mask = self._tidied(cut.mask, advice)
        for image, saliency in self._levels[1:]:
            cut = _cut_in_band(image, saliency, mask, self._mixtures, self._recipe, advice)
            mask = self._tidied(cut.mask, advice)
        self._labels = self._small.labels_of(mask)
        signs = self._small.signs(self._labels > 0, self._mixtures, advice)
        return MaskResult(
            mask, seeds, cut.energy, cut.flow, len(self._levels) == 1, signs, _doubts(self._small.image, mask)
        )

    @property
    def images(self) -> list[Image]:
        """The photo at each of its sizes, the smallest, which is cut as a whole, first."""
        return [image for image, _ in self._levels]

    def costs(self) -> Unary:
        """What the first cut minimizes, beside what ties its pixels: seeds cost more than these can pay."""
        return self._scene.costs(self._known_mixtures(), None)

    def costs_within(self, level: int, free: Mask) -> NDArray[np.float64]:
        """What the free pixels of that one of the `images` cost, (N, 2)."""
        image, saliency = self._levels[level]
        return _costs_within(image, saliency, free, self._known_mixtures(), self._recipe, None)

    def signs(self, mask: Mask) -> dict[str, float]:
        """Of how far to trust the mask."""
        return self._small.signs(self._small.labels_of(mask) > 0, self._known_mixtures(), None)

    def release_graphs(self) -> None:
        """Lets go of the graphs, which are most of the memory; another cut would make them anew."""
        for scene in (self._small, self._scene):
            vars(scene).pop("network", None)

    def _known_mixtures(self) -> Mixtures:
        if self._mixtures is None:
            raise ValueError("labeler must have found something, got no mixtures; label first")
        return self._mixtures

    def _learn(self, advice: Advice | None) -> None:
        """The mixtures of background and object, fitted to the labels so far, then to those of each cut.

        A cut that leaves one side nothing to learn from ends the refits.
        """
        labels = self._small.start(self._labels, advice)
        if not _has_both(labels):
            return
        fit = self._recipe.bind(mixtures_from_seeds)
        mixtures = fit(self._small.image, labels)
        for _ in range(self._recipe.refits):
            labels = self._small.cut(mixtures, advice).mask.astype(np.uint8)
            if not _has_both(labels):
                break
            mixtures = fit(self._small.image, labels, start=mixtures)
        self._mixtures = mixtures

    def _tidied(self, mask: Mask, advice: Advice | None) -> Mask:
        """The largest component, if the recipe wants but one; where pixels of the object are known, theirs.

        What a person has enclosed may lie in pieces.
        """
        known = np.zeros_like(mask) if advice is None else seeds_at(advice.seeds, mask.shape) == FOREGROUND
        if not self._recipe.largest or (advice is not None and advice.enclosed and not known.any()):
            return mask
        return components_of(mask, known) if known.any() else largest_component(mask)


class _Scene:
    """A photo at one size, and its energy but for the colors' part; cut again it begins where the last cut ended."""

    def __init__(self, image: Image, saliency: Saliency, recipe: Recipe) -> None:
        self.image, self.saliency = image, saliency
        self.seeds = recipe.bind(seeds_from_saliency)(saliency)
        self._hard = self.seeds if recipe.hard_seeds else recipe.bind(border_seeds)(self.seeds)
        self._palette = palette_of(image)
        self._prior = recipe.bind(unary_from_saliency)(saliency)
        recipe = recipe.at(max(image.shape[:2]))
        self._pairwise, self._smoothness = recipe.bind(pairwise_from_contrast)(image), recipe.smoothness
        self._colors = recipe.bind(unary_from_mixtures)

    @cached_property
    def network(self) -> CutGraph:
        """All pixels, tied."""
        return CutGraph.of_grid(self._pairwise)

    def cut(self, mixtures: Mixtures | None, advice: Advice | None) -> Cut:
        """The labeling of least energy under the mixtures of background and object, if there are any."""
        return self.network.cut(self.costs(mixtures, advice))

    def costs(self, mixtures: Mixtures | None, advice: Advice | None) -> Unary:
        """What colors and map cost, or colors and advice, under what is certain."""
        return clamp_to_seeds(self.unary(mixtures, advice), self._pairwise, self._known(advice))

    def unary(self, mixtures: Mixtures | None, advice: Advice | None) -> Unary:
        """What colors and map cost, or colors and advice."""
        prior = self._prior if advice is None else _unary_of_advice(advice, self.seeds.shape)
        return prior if mixtures is None else self._colors(self._palette, *mixtures) + prior

    def start(self, labels: Seeds, advice: Advice | None) -> Seeds:
        """What the first mixtures are fitted to."""
        if advice is None:
            return labels
        known = seeds_at(advice.seeds, labels.shape)
        open_to = known == UNKNOWN
        if advice.enclosed and (known == BACKGROUND).any() and open_to.any():
            odds = _odds_at(advice.odds, labels.shape)
            labels = np.where(open_to & (odds >= np.median(odds[open_to])), FOREGROUND, UNKNOWN).astype(np.uint8)
        return np.where(open_to, labels, known)

    def labels_of(self, mask: Mask) -> Seeds:
        """The mask at this size."""
        held = cv2.resize(mask.astype(np.float32), self.seeds.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(held >= 0.5, np.uint8)

    def signs(self, mask: Mask, mixtures: Mixtures | None, advice: Advice | None) -> dict[str, float]:
        """Of how far to trust the mask."""
        unary = self.unary(mixtures, advice)
        odds = unary[..., BACKGROUND] - unary[..., FOREGROUND]
        return signs_of(self.saliency, odds, self._pairwise, mask, smoothness=self._smoothness)

    def _known(self, advice: Advice | None) -> Seeds:
        if advice is None:
            return self._hard
        known = seeds_at(advice.seeds, self.seeds.shape)
        return known if advice.enclosed else np.where(known == UNKNOWN, self._hard, known)


def _has_both(seeds: Seeds) -> bool:
    return all((seeds == side).any() for side in (BACKGROUND, FOREGROUND))


def _cut_in_band(
    image: Image, saliency: Saliency, coarse: Mask, mixtures: Mixtures | None, recipe: Recipe, advice: Advice | None
) -> Cut:
    """The coarse mask at the image's size, where the pixels near its outline take the labels of least energy."""
    mask = _enlarged(coarse, image.shape[:2])
    free = band_along(mask, recipe.band)
    if advice is not None:
        known = seeds_at(advice.seeds, mask.shape)
        mask = np.where(known == UNKNOWN, mask, known == FOREGROUND)
        free = band_along(mask, recipe.band) & (known == UNKNOWN)
    if not free.any():
        return Cut(mask, 0.0, 0.0)
    ties = recipe.at(max(mask.shape)).bind(ties_within)(image, mask.astype(np.uint8), free)
    unary = _costs_within(image, saliency, free, mixtures, recipe, advice)
    cut = CutGraph(len(ties.outward), ties.pairs, ties.weights).cut(unary + ties.outward)
    mask[free] = cut.mask
    return cut._replace(mask=mask)


def _costs_within(
    image: Image, saliency: Saliency, free: Mask, mixtures: Mixtures | None, recipe: Recipe, advice: Advice | None
) -> NDArray[np.float64]:
    if advice is None:
        prior = recipe.bind(unary_from_saliency)(saliency[free][None])[0]
    else:
        prior = unary_from_log_odds(_odds_at(advice.odds, free.shape)[free].astype(np.float64))
    if mixtures is None:
        return np.asarray(prior)
    return np.asarray(recipe.bind(unary_from_mixtures)(palette_of(image[free][None]), *mixtures)[0] + prior)


def _unary_of_advice(advice: Advice, shape: tuple[int, ...]) -> Unary:
    return unary_from_log_odds(_odds_at(advice.odds, shape).astype(np.float64))


def _odds_at(odds: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(odds, shape[::-1], interpolation=cv2.INTER_LINEAR))


def seeds_at(seeds: Seeds, shape: tuple[int, ...]) -> Seeds:
    """The seeds in a smaller photo: a pixel that holds both sides is unknown, one that holds any of one is of it."""
    if seeds.shape == shape:
        return seeds
    holds = [
        cv2.resize((seeds == side).astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA) > 0
        for side in (BACKGROUND, FOREGROUND)
    ]
    smaller = np.full(shape, UNKNOWN, np.uint8)
    for side, held, other in ((BACKGROUND, *holds), (FOREGROUND, *holds[::-1])):
        smaller[held & ~other] = side
    return smaller


def _levels(image: Image, saliency: Saliency, sides: tuple[int, ...]) -> list[tuple[Image, Saliency]]:
    """Photo and map at each of the rising long sides, the photo's own at most, each made from the next."""
    levels = [(image, saliency)]
    for side in sides[-2::-1] if max(image.shape) > sides[0] else ():
        levels.insert(0, _level(*levels[0], side))
    return levels


def _level(image: Image, saliency: Saliency, side: int) -> tuple[Image, Saliency]:
    # OpenCV's averages of ones are rounded to a little more than one.
    return shrunk(image, side), shrunk(saliency, side).clip(max=1)


def band_along(labels: Mask | Labels, width: int) -> Mask:
    """The pixels around which a square, `width` of them to each side, holds more than one label."""
    square = np.ones((2 * width + 1,) * 2, np.uint8)
    levels = labels.astype(np.uint8)
    return np.asarray(cv2.dilate(levels, square) != cv2.erode(levels, square))


def _doublings(side: int, full: int) -> list[int]:
    """Twice the side, four times, and so on; the full one last, if it is larger."""
    return [min(side * 2**power, full) for power in range(1, math.ceil(math.log2(max(full / side, 1))) + 1)]


def shrunk(array: NDArray[Any], side: int) -> NDArray[Any]:
    """The array with a long side of at most `side`, averaged."""
    size = shrunk_size(array.shape[0], array.shape[1], side)
    if size == array.shape[:2]:
        return array
    return np.asarray(cv2.resize(array, size[::-1], interpolation=cv2.INTER_AREA))


def shrunk_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width of a photo whose long side is brought to `side`, if it is longer."""
    scale = min(1.0, side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _enlarged(mask: Mask, size: tuple[int, ...]) -> Mask:
    """The mask at (height, width), its outline between the pixels of the small one drawn straight."""
    if mask.shape == size:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5)


def _doubts(image: Image, mask: Mask) -> tuple[str, ...]:
    found = {
        "the photo is of one color": image[0, 0].tolist() == image.min((0, 1)).tolist() == image.max((0, 1)).tolist(),
        "the cheapest cut keeps no pixel of the object": not mask.any(),
        "the mask is the whole photo": mask.all(),
    }
    return tuple(doubt for doubt, holds in found.items() if holds)
