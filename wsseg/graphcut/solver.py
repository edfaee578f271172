"""The iterated cut of one photo: seeds start two color mixtures, and each cut gives new pixels to fit them to.

Simonyan, Vedaldi, Zisserman 2013, section 3.2; Rother, Kolmogorov, Blake 2004, section 3.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Labels, Mask, Saliency, Seeds, Unary
from wsseg.graphcut.colors import mixtures_from_seeds, palette_of, unary_from_mixtures
from wsseg.graphcut.confidence import signs_of
from wsseg.graphcut.cut import Cut, CutGraph
from wsseg.graphcut.energy import border_seeds, clamp_to_seeds, pairwise_from_contrast, unary_from_log_odds
from wsseg.graphcut.evidence import Evidence
from wsseg.graphcut.expansion import expansion_from_cut
from wsseg.graphcut.mixture import Mixture
from wsseg.graphcut.pyramid import Level, level_at, levels_of, refined, seeds_at
from wsseg.graphcut.regions import components_of, largest_component
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.recipe import Recipe

Mixtures: TypeAlias = tuple[Mixture, Mixture]
"""The colors of background and object."""


class MaskResult(NamedTuple):
    """A mask and the evidence for it."""

    mask: Mask
    """(H, W) of the photo; empty if no object was found."""
    seeds: Seeds
    """(H, W): the seeds from the saliency alone."""
    energy: float
    """Energy of the last cut before small components were removed, in nats; 0 if nothing was cut."""
    flow: float
    """Maximum flow of the last cut, in nats: no labeling of the pixels that it was free to label has less energy."""
    exact: bool
    """True if the last cut was of the whole photo, False if it was of a band along the outline found at a smaller
    size."""
    signs: Mapping[str, float]
    """How well the evidence supports the mask, see `graphcut/confidence.py`; empty if nothing was cut."""
    doubts: tuple[str, ...]
    """Reasons to trust the mask less."""


class MaskSolver:
    """One photo and its map under one recipe, cut again whenever the evidence changes.

    It keeps the mixtures and the graphs, so a further cut only changes what the pixels themselves cost.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        The photo.
    saliency : (H, W) float32 array
        Its map, in [0, 1].
    recipe : Recipe
        All numbers of the method.
    hinted : bool
        True if the evidence comes from hints, which have a smoothness of their own.
    start : (H, W) bool array, optional
        A mask to learn the first mixtures from; default: the seeds of the saliency.
    """

    def __init__(
        self, image: Image, saliency: Saliency, recipe: Recipe, *, hinted: bool = False, start: Mask | None = None
    ) -> None:
        self.seeds = _seeds_of(saliency, recipe)
        self.recipe, self._hinted = recipe, hinted
        self._levels = levels_of(image, saliency, recipe.exact_side)
        # Made from the photo itself, so that the mixtures do not depend on the levels.
        self._small = _Scene(level_at(image, saliency, recipe.refit_side), recipe, hinted=hinted)
        self._scene = _Scene(self._levels[0], recipe, hinted=hinted)
        self._labels = self._small.seeds if start is None else self._small.labels_of(start)
        self._mixtures: Mixtures | None = None

    @property
    def salient(self) -> bool:
        """True if the map has both object seeds and background seeds."""
        return _has_both(self._small.seeds)

    @property
    def images(self) -> list[Image]:
        """The photo at each of its sizes; the first and smallest is cut as a whole."""
        return [level.image for level in self._levels]

    def solve(self, evidence: Evidence, *, refit: bool = False, once: bool = False) -> MaskResult:
        """Return the mask of least energy under the evidence.

        The first call learns the mixtures; later calls keep them unless `refit` is set. If the evidence leaves one side
        without colors to learn, its odds alone decide. With `once`, the graphs are freed as soon as they were cut.
        """
        if refit or self._mixtures is None:
            self._learn(evidence)
        cut = self.cut(evidence)
        if once:
            self.release_graphs()
        return self.refined(cut, evidence)

    def learn(self, mask: Mask, evidence: Evidence) -> None:
        """Learn the mixtures anew, from a mask (H, W) of any size and the evidence."""
        self._labels, self._mixtures = self._small.labels_of(mask), None
        self._learn(evidence)

    def cut(self, evidence: Evidence) -> Cut:
        """Return the cut at the first and smallest size."""
        return self._scene.cut(self._mixtures, evidence)

    def labels_of(self, mask: Mask) -> Labels:
        """Return a mask (H, W) at the first and smallest size."""
        return self._scene.labels_of(mask)

    def refined(self, cut: Cut, evidence: Evidence) -> MaskResult:
        """Return a mask of the first size at the photo's own size, cut again along its outline at each size."""
        found = refined(
            expansion_from_cut(cut),
            self.images,
            evidence.certain,
            lambda level, free: self.costs_within(level, free, evidence),
            lambda labels: self._tidied(labels, evidence),
            self.recipe,
            hinted=self._hinted,
        )
        mask = found.labels == FOREGROUND
        self._labels = self._small.labels_of(mask)
        signs = self._small.signs(self._labels > 0, self._mixtures, evidence)
        doubts, exact = _doubts(self._small.image, mask), len(self._levels) == 1
        return MaskResult(mask, self.seeds, found.energy, found.bound, exact, signs, doubts)

    def costs(self, evidence: Evidence) -> Unary:
        """Return the unary costs of the first cut, (h, w, 2) in nats."""
        return self._scene.costs(self._mixtures, evidence)

    def costs_within(self, level: int, free: Mask, evidence: Evidence) -> NDArray[np.float64]:
        """Return the unary costs of the free pixels of images[level], (N, 2) in nats."""
        image, saliency = self._levels[level]
        prior = unary_from_log_odds(evidence.odds_within(saliency, free))
        if self._mixtures is None:
            return prior
        # By their places, because a mask of a large photo is slow to index by.
        palette = palette_of(image.reshape(-1, 3)[np.flatnonzero(free)][None])
        colors = unary_from_mixtures(palette, *self._mixtures, color_limit=self.recipe.color_limit)[0]
        return np.asarray(colors + prior)

    def signs(self, mask: Mask, evidence: Evidence) -> dict[str, float]:
        """Return how well the evidence supports the mask, (H, W), see `signs_of`."""
        return self._small.signs(self._small.labels_of(mask) > 0, self._mixtures, evidence)

    def release_graphs(self) -> None:
        """Free the graphs, which are most of the memory; the next cut builds them again."""
        for scene in (self._small, self._scene):
            vars(scene).pop("graph", None)

    def _learn(self, evidence: Evidence) -> None:
        """Fit the mixtures to the labels so far, and again to the labels of each cut.

        A cut that leaves one side without pixels ends the refits.
        """
        labels = self._small.labels_to_start(self._labels, evidence)
        if not _has_both(labels):
            return
        mixtures = self._fitted(labels)
        for _ in range(self.recipe.refits):
            labels = self._small.cut(mixtures, evidence).mask.astype(np.uint8)
            if not _has_both(labels):
                break
            mixtures = self._fitted(labels, mixtures)
        self._mixtures = mixtures

    def _fitted(self, labels: Seeds, start: Mixtures | None = None) -> Mixtures:
        return mixtures_from_seeds(
            self._small.image,
            labels,
            components=self.recipe.components,
            color_samples=self.recipe.color_samples,
            random_state=self.recipe.random_state,
            start=start,
        )

    def _tidied(self, labels: Labels, evidence: Evidence) -> Labels:
        """Return the components that hold certain object pixels; without any, the largest if the recipe keeps only one.

        An object that is enclosed may be in several pieces.
        """
        if not self.recipe.largest:
            return labels
        mask, known = labels == FOREGROUND, seeds_at(evidence.certain, labels.shape) == FOREGROUND
        if evidence.enclosed and not known.any():
            return labels
        kept = components_of(mask, known) if known.any() else largest_component(mask)
        return kept.astype(np.uint8)


class _Scene:
    """A photo at one size, cut as a whole; each cut starts from the graph of the one before."""

    def __init__(self, level: Level, recipe: Recipe, *, hinted: bool) -> None:
        self.image, self.saliency = level
        self.seeds = _seeds_of(self.saliency, recipe)
        self._presumed = self.seeds if recipe.hard_seeds else border_seeds(self.seeds, border=recipe.border)
        self._palette, self._color_limit = palette_of(self.image), recipe.color_limit
        self._smoothness = recipe.smoothness_at(max(self.seeds.shape), hinted=hinted)
        self._pairwise = pairwise_from_contrast(self.image, smoothness=self._smoothness)

    @cached_property
    def graph(self) -> CutGraph:
        """All pixels, and the ties between neighbors."""
        return CutGraph.of_grid(self._pairwise)

    def cut(self, mixtures: Mixtures | None, evidence: Evidence) -> Cut:
        """Return the labeling of least energy."""
        return self.graph.cut(self.costs(mixtures, evidence))

    def costs(self, mixtures: Mixtures | None, evidence: Evidence) -> Unary:
        """Return the unary costs; a label against the certain and presumed ones costs more than any outline."""
        certain = seeds_at(evidence.certain, self.seeds.shape)
        if not evidence.enclosed:
            certain = np.where(certain == UNKNOWN, self._presumed, certain)
        return clamp_to_seeds(self._unary(mixtures, evidence), self._pairwise, certain)

    def labels_to_start(self, labels: Seeds, evidence: Evidence) -> Seeds:
        """Return the labels for the first mixtures: the certain ones, and elsewhere the current ones."""
        certain = seeds_at(evidence.certain, labels.shape)
        unknown = certain == UNKNOWN
        if evidence.enclosed and (certain == BACKGROUND).any() and unknown.any():
            odds = evidence.odds_at(self.saliency)
            labels = np.where(unknown & (odds >= np.median(odds[unknown])), FOREGROUND, UNKNOWN).astype(np.uint8)
        return np.where(unknown, labels, certain)

    def labels_of(self, mask: Mask) -> Labels:
        """Return the mask at this size."""
        share = cv2.resize(mask.astype(np.float32), self.seeds.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(share >= 0.5, np.uint8)

    def signs(self, mask: Mask, mixtures: Mixtures | None, evidence: Evidence) -> dict[str, float]:
        """Return how well the evidence supports the mask at this size."""
        unary = self._unary(mixtures, evidence)
        odds = unary[..., BACKGROUND] - unary[..., FOREGROUND]
        return signs_of(self.saliency, odds, self._pairwise, mask, smoothness=self._smoothness)

    def _unary(self, mixtures: Mixtures | None, evidence: Evidence) -> Unary:
        prior = unary_from_log_odds(evidence.odds_at(self.saliency))
        if mixtures is None:
            return prior
        return unary_from_mixtures(self._palette, *mixtures, color_limit=self._color_limit) + prior


def _seeds_of(saliency: Saliency, recipe: Recipe) -> Seeds:
    return seeds_from_saliency(
        saliency,
        foreground_quantile=recipe.foreground_quantile,
        background_quantile=recipe.background_quantile,
    )


def _has_both(seeds: Seeds) -> bool:
    return all((seeds == label).any() for label in (BACKGROUND, FOREGROUND))


def _doubts(image: Image, mask: Mask) -> tuple[str, ...]:
    found = {
        "the photo is of one color": image[0, 0].tolist() == image.min((0, 1)).tolist() == image.max((0, 1)).tolist(),
        "the cheapest cut keeps no pixel of the object": not mask.any(),
        "the mask is the whole photo": mask.all(),
    }
    return tuple(doubt for doubt, holds in found.items() if holds)
