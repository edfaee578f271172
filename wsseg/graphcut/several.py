"""The cheapest labeling of several targets and background: every target's own problem, all in one.

Each pixel has one label at most, so that each target pays for its object where the pixel is its own, and for its
background where it is not. A label and background thus differ by the log-odds that its target alone would have, and
what ties the pixels is the same for all. Of one target this is its own cut; of more, alpha-expansion
(Boykov, Veksler, Zabih 2001).
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Labels, Saliency
from wsseg.graphcut.energy import pairwise_from_contrast, ties_within
from wsseg.graphcut.expansion import expand, expand_nodes
from wsseg.graphcut.labeling import MaskSolver, band_along, first_labeled
from wsseg.graphcut.regions import largest_components
from wsseg.recipe import Recipe

MOST: Final = UNKNOWN - 1
"""Targets that a byte can tell apart beside background and void."""

CROWDED_OUT: Final = "no pixel is left to it beside the other targets"


class LabelResult(NamedTuple):
    """Which pixel is whose, and how that came about."""

    labels: Labels
    """Of the photo's size: 0 for background, 1 for the first target."""
    energy: float
    """Of the last labeling before it was tidied, in nats; 0 when nothing was labeled."""
    exact: bool
    """Whether no labeling of the whole photo has less energy: it was labeled at once, and for one target at most."""
    signs: tuple[Mapping[str, float], ...]
    """Of how far to trust each target's pixels, see confidence.py; none where it has none."""
    doubts: tuple[tuple[str, ...], ...]
    """Why each target deserves less trust, if it does, labeled by itself and beside the others."""


def labels_from_saliencies(image: Image, saliencies: Sequence[Saliency], recipe: Recipe) -> LabelResult:
    """The labels of several targets, by a map of each.

    Each target is labeled by itself first, as by `mask_from_saliency`, for its mixtures; one of which nothing is found
    then is left out, its doubts saying why. Sizes are those of `mask_from_saliency`: a photo larger than the recipe's
    `exact_side` is labeled at that size, and again at each doubling of it in a band along all outlines found so far. Of
    each target the largest component is kept, if the recipe wants but one. ValueError for no map, for more than 254,
    and as `mask_from_saliency`.
    """
    if not 1 <= len(saliencies) <= MOST:
        raise ValueError(f"saliencies must be of 1 to {MOST} targets, got {len(saliencies)}; mend the list")
    labelers: dict[int, MaskSolver] = {}
    doubts: list[tuple[str, ...]] = []
    for number, saliency in enumerate(saliencies, 1):
        labeler, alone = first_labeled(image, saliency, recipe)
        labeler.release_graphs()
        doubts.append(alone.doubts)
        if alone.mask.any():
            labelers[number] = labeler
    labels, energy, exact = _labeled(list(labelers.values()), recipe) if labelers else _nothing(image)
    labels = np.array([BACKGROUND, *labelers], np.uint8)[labels]
    signs: list[Mapping[str, float]] = [{} for _ in saliencies]
    for number, labeler in labelers.items():
        mask = labels == number
        if mask.any():
            signs[number - 1] = labeler.signs(mask)
        else:
            doubts[number - 1] = (CROWDED_OUT, *doubts[number - 1])
    return LabelResult(labels, energy, exact, tuple(signs), tuple(doubts))


def _labeled(labelers: Sequence[MaskSolver], recipe: Recipe) -> tuple[Labels, float, bool]:
    """Labels by the places of the labelers, from 1; their energy; and whether it is the least of all."""
    smallest, *larger = labelers[0].images
    pairwise = recipe.at(max(smallest.shape[:2])).bind(pairwise_from_contrast)(smallest)
    found = expand(_together([labeler.costs() for labeler in labelers]), pairwise)
    labels, energy = _tidied(found.labels, recipe), found.energy
    for level, image in enumerate(larger, 1):
        labels, energy = _labeled_in_band(labelers, level, image, labels, recipe)
        labels = _tidied(labels, recipe)
    return labels, energy, found.exact and not larger


def _labeled_in_band(
    labelers: Sequence[MaskSolver], level: int, image: Image, coarse: Labels, recipe: Recipe
) -> tuple[Labels, float]:
    """The coarse labels at the image's size, those near an outline of low energy, and that energy."""
    labels = _enlarged(coarse, image.shape[:2])
    free = band_along(labels, recipe.band)
    if not free.any():
        return labels, 0.0
    ties = recipe.at(max(labels.shape)).bind(ties_within)(image, labels, free, count=len(labelers) + 1)
    costs = _together([labeler.costs_within(level, free) for labeler in labelers])
    found = expand_nodes(costs + ties.outward, ties.pairs, ties.weights)
    labels[free] = found.labels
    return labels, found.energy


def _together(costs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """What background and each target cost at each pixel, (..., 1 + targets), from what both sides cost each target."""
    background = sum(own[..., BACKGROUND] for own in costs)
    objects = [background - own[..., BACKGROUND] + own[..., FOREGROUND] for own in costs]
    # What cancels leaves a rounding error, perhaps below zero.
    return np.stack([background, *objects], axis=-1).clip(min=0)


def _tidied(labels: Labels, recipe: Recipe) -> Labels:
    return largest_components(labels) if recipe.largest else labels


def _enlarged(labels: Labels, size: tuple[int, ...]) -> Labels:
    """The labels at (height, width): of each pixel the one with the largest share in it, by linear interpolation."""
    larger, most = np.zeros(size, np.uint8), np.zeros(size, np.float32)
    rest = np.ones(size, np.float32)
    for label in np.setdiff1d(labels, [BACKGROUND]):
        share = cv2.resize((labels == label).astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        larger[share > most] = label
        most, rest = np.maximum(most, share), rest - share
    larger[most < rest] = BACKGROUND
    return larger


def _nothing(image: Image) -> tuple[Labels, float, bool]:
    return np.zeros(image.shape[:2], np.uint8), 0.0, True
