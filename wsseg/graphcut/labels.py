"""The labels of several targets in one photo: the problems of all targets, solved together.

A pixel has one label at most. Each target pays its object's cost where a pixel has its label, and its background's cost
elsewhere. So a label and the background differ by the odds of that target alone, and the ties between pixels are the
same for all. One target gives its own cut; more are labeled by alpha-expansion (Boykov, Veksler, Zabih 2001).
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Labels, Mask, Saliency
from wsseg.graphcut.energy import pairwise_from_contrast
from wsseg.graphcut.evidence import Evidence, evidence_from_saliency
from wsseg.graphcut.expansion import Expansion, expand
from wsseg.graphcut.masks import solver_and_mask
from wsseg.graphcut.pyramid import refined
from wsseg.graphcut.regions import largest_components
from wsseg.graphcut.solver import MaskSolver
from wsseg.recipe import Recipe

MOST: Final = UNKNOWN - 1
"""Largest number of targets in one byte, beside background and void."""

CROWDED_OUT: Final = "other targets took all of its pixels"


class LabelResult(NamedTuple):
    """The label of each pixel, and the evidence for it."""

    labels: Labels
    """(H, W) of the photo: 0 on the background, i on target i, counted from 1."""
    energy: float
    """Energy of the last labeling before small components were removed, in nats; 0 if nothing was labeled."""
    exact: bool
    """True if no labeling of the whole photo has less energy: with one target at most, in a photo cut as a whole."""
    signs: tuple[Mapping[str, float], ...]
    """How well the evidence supports the pixels of each target, see `graphcut/confidence.py`; empty if it has none."""
    doubts: tuple[tuple[str, ...], ...]
    """Reasons to trust each target's pixels less."""


class _Problem(NamedTuple):
    """One target's own problem, solved once, and its evidence."""

    solver: MaskSolver
    evidence: Evidence


def labels_from_saliencies(
    image: Image, saliencies: Sequence[Saliency | None], recipe: Recipe, *, given: bool = False
) -> LabelResult:
    """Return the labels of several targets, from one map each.

    Each target is first labeled alone, as by `mask_from_saliency`, which learns its mixtures. A target that is not
    found gets no pixels. All others are then labeled together, at the same sizes. If the recipe keeps only the largest
    component, it does so for each target.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        The photo, sRGB.
    saliencies : sequence of (H, W) float32 arrays or None
        The map of each target, in [0, 1]; 1 to 254 of them. A target with None gets no pixels.
    recipe : Recipe
        All numbers of the method.
    given : bool
        True if a person gave the targets: the maps then have the weight `prior_given`, not `prior`.

    Returns
    -------
    LabelResult
        The labels (H, W), their energy in nats, and reasons to trust each target less.

    Raises
    ------
    TypeError, ValueError
        If there are no maps or more than 254, or an array has another type, shape or range.
    """
    if not 1 <= len(saliencies) <= MOST:
        raise ValueError(f"saliencies must hold 1 to {MOST} maps, got {len(saliencies)}; give one for each target")
    problems: dict[int, _Problem] = {}
    doubts: list[tuple[str, ...]] = [() for _ in saliencies]
    for number, saliency in enumerate(saliencies, 1):
        if saliency is None:
            continue
        solver, alone = solver_and_mask(image, saliency, recipe, given=given)
        solver.release_graphs()
        doubts[number - 1] = alone.doubts
        if alone.mask.any():
            problems[number] = _Problem(solver, evidence_from_saliency(saliency, solver.recipe, given=given))
    nothing = Expansion(np.zeros(image.shape[:2], np.uint8), 0.0, True, 0.0)
    found = _together(list(problems.values()), recipe) if problems else nothing
    labels = np.array([BACKGROUND, *problems], np.uint8)[found.labels]
    signs: list[Mapping[str, float]] = [{} for _ in saliencies]
    for number, (solver, evidence) in problems.items():
        mask = labels == number
        if mask.any():
            signs[number - 1] = solver.signs(mask, evidence)
        else:
            doubts[number - 1] = (CROWDED_OUT, *doubts[number - 1])
    return LabelResult(labels, found.energy, found.exact, tuple(signs), tuple(doubts))


def _together(problems: Sequence[_Problem], recipe: Recipe) -> Expansion:
    """Return the labels of all problems, numbered from 1 in their order."""
    first = problems[0]
    images, certain = first.solver.images, first.evidence.certain

    def costs_within(level: int, free: Mask) -> NDArray[np.float64]:
        return costs_together([solver.costs_within(level, free, evidence) for solver, evidence in problems])

    smoothness = recipe.smoothness_at(max(images[0].shape[:2]))
    unary = costs_together([solver.costs(evidence) for solver, evidence in problems])
    found = expand(unary, pairwise_from_contrast(images[0], smoothness=smoothness))
    tidied = largest_components if recipe.largest else lambda labels: labels
    return refined(found, images, certain, costs_within, tidied, recipe)._replace(
        exact=found.exact and len(images) == 1
    )


def costs_together(costs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the costs of background and all targets, (..., 1 + targets), from each target's own costs, (..., 2)."""
    background = sum(own[..., BACKGROUND] for own in costs)
    objects = [background - own[..., BACKGROUND] + own[..., FOREGROUND] for own in costs]
    # Rounding may leave differences a little below zero.
    return np.stack([background, *objects], axis=-1).clip(min=0)
