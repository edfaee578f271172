"""The mask of one photo and one saliency map: the heart of the method."""

from dataclasses import replace
from typing import Final

import numpy as np

from wsseg.arrays import Image, Saliency, check_image, check_saliency, check_same_size
from wsseg.graphcut.evidence import evidence_from_saliency
from wsseg.graphcut.solver import MaskResult, MaskSolver
from wsseg.recipe import RECIPES, Recipe

UNSALIENT: Final = "no part of the photo is more salient than the rest"


def mask_from_saliency(image: Image, saliency: Saliency, recipe: Recipe, *, given: bool = False) -> MaskResult:
    """Return the mask of the salient object in a photo.

    Quantile seeds start two color mixtures, learned at a long side of `refit_side` pixels. A photo up to `exact_side`
    is then cut as a whole. A larger one is cut at that size, and again at each doubling in a band along the outline
    (Lombaert, Sun, Grady, Xu 2005). If no object is found, weaker seeds and simpler colors are tried in turn.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        The photo, sRGB.
    saliency : (H, W) float32 array
        Where the object is, in [0, 1].
    recipe : Recipe
        All numbers of the method.
    given : bool
        True if the map is of a target that a person gave: the map then has the weight `prior_given`, not `prior`.

    Returns
    -------
    MaskResult
        The mask (H, W), its seeds, energy in nats, and reasons to trust it less.

    Raises
    ------
    TypeError, ValueError
        If image or saliency has another type, shape or range.

    Examples
    --------
    An orange square on a blue ground, and a map that is high around its center:

    >>> import numpy as np
    >>> image = np.full((40, 40, 3), (40, 80, 160), np.uint8)
    >>> image[10:30, 10:30] = (230, 140, 40)
    >>> y, x = np.mgrid[:40, :40] - 19.5
    >>> saliency = np.exp(-(x**2 + y**2) / 100).astype(np.float32)
    >>> found = wsseg.mask_from_saliency(image, saliency, wsseg.Recipe())
    >>> int(found.mask.sum()), bool(found.mask[10:30, 10:30].all()), found.doubts
    (400, True, ())
    """
    return solver_and_mask(image, saliency, recipe, given=given)[1]


def solver_and_mask(
    image: Image, saliency: Saliency, recipe: Recipe, *, given: bool = False
) -> tuple[MaskSolver, MaskResult]:
    """Return the mask of `mask_from_saliency`, and the solver that found it."""
    check_same_size(check_image(image), check_saliency(saliency), "image and saliency")
    tried: list[tuple[MaskSolver, MaskResult]] = []
    for rung, weaker in _ladder(recipe).items():
        solver = MaskSolver(image, saliency, weaker)
        found = _solved(solver, saliency, given=given)
        found = found._replace(seeds=tried[0][1].seeds if tried else found.seeds)
        if found.mask.any() and not found.mask.all():
            doubts = (f"an object was found only with {rung}", *found.doubts) if rung else found.doubts
            return solver, found._replace(doubts=doubts)
        tried.append((solver, found))
        if found.doubts == (UNSALIENT,) and saliency.min() == saliency.max():
            break
    return max(tried, key=lambda one: one[1].mask.any())


def _solved(solver: MaskSolver, saliency: Saliency, *, given: bool) -> MaskResult:
    if solver.salient:
        return solver.solve(evidence_from_saliency(saliency, solver.recipe, given=given), once=True)
    return MaskResult(np.zeros(saliency.shape, np.bool_), solver.seeds, 0.0, 0.0, True, {}, (UNSALIENT,))


def _ladder(recipe: Recipe) -> dict[str, Recipe]:
    """Return the recipe and weaker ones, to be tried in turn until the cut separates an object from a background.

    Their quantiles are not measured: a photo that needs them has no good mask, and its status is `weak`.
    """
    weaker = replace(
        recipe,
        foreground_quantile=0.5,
        background_quantile=0.25,
        hard_seeds=False,
        prior=max(recipe.prior, RECIPES["untrained"].prior),
        prior_given=max(recipe.prior_given, RECIPES["untrained"].prior),
    )
    return {
        "": recipe,
        "weaker seeds": weaker,
        "weaker seeds and one Gaussian for each side": replace(weaker, components=1),
        "the map alone, without colors": replace(
            weaker, foreground_quantile=0.0, background_quantile=0.0, color_limit=0.0
        ),
    }
