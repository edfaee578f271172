"""A photo's own evidence for hints to build on, and the mask that a box gives."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Box, Image
from wsseg.classifier.classifier import Classifier
from wsseg.graphcut.energy import log_odds, odds_from_saliency
from wsseg.graphcut.evidence import Clues, evidence_in_box
from wsseg.graphcut.pyramid import shrunk, shrunk_size
from wsseg.graphcut.regions import large_components
from wsseg.graphcut.solver import MaskResult, MaskSolver
from wsseg.graphcut.windows import box_grown, box_in, image_in, map_in, mask_from_window, slices_of
from wsseg.recipe import Recipe
from wsseg.saliency import features_of
from wsseg.saliency.objectness.objectness import Objectness
from wsseg.segmenting.looks import with_signs_of
from wsseg.segmenting.results import SaliencyResult

FULLER: Final = (0.5, 0.75, 0.97)
"""Mean probabilities of the object in a box that are tried in turn if no object is found there."""

LEAST_PIECE: Final = 0.1
"""Least area of a piece of the object in a box, as a share of the largest piece."""


def clues_of(classifier: Classifier, result: SaliencyResult, recipe: Recipe, objectness: Objectness | None) -> Clues:
    """Return a photo's odds without hints, and its features."""
    try:
        features = features_of(classifier, result.image, mirror=recipe.mirror).numpy()
    except ValueError:
        features = None
    learned = None if objectness is None else objectness.features(result.image, mirror=False)
    return Clues(odds=_odds_of(result, recipe, objectness), features=features, learned=learned)


def mask_in_box(
    box: Box, result: SaliencyResult, clues: Clues, recipe: Recipe, objectness: Objectness | None
) -> MaskResult:
    """Return the mask that a box gives, cut as if the box and its margin were the whole photo.

    If no object is found, it is presumed to fill more and more of the box.
    """
    shape = result.saliency.shape
    window = box_grown(box, shape, margin=recipe.box_margin)
    image, saliency = image_in(window, result.image), np.ascontiguousarray(result.saliency[slices_of(window)])
    solver, inside = MaskSolver(image, saliency, recipe, hinted=True), box_in(window, box)
    size = shrunk_size(image.shape[0], image.shape[1], recipe.refit_side)
    odds = map_in(window, clues.odds, shape, size)
    if objectness is not None:  # It sees more in the window, where the object is large.
        odds = _weighted(objectness, image, size, recipe)
    for filled in (recipe.box_filled, *FULLER):
        filled = max(filled, recipe.box_filled)
        found = solver.solve(evidence_in_box(inside, image.shape[:2], odds, recipe, filled=filled), refit=True)
        if found.mask.any():
            break
    mask = mask_from_window(window, large_components(found.mask, least=LEAST_PIECE), shape)
    return with_signs_of(result.maps, found._replace(mask=mask))


def _odds_of(result: SaliencyResult, recipe: Recipe, objectness: Objectness | None) -> NDArray[np.float32]:
    """Return the odds of the photo without hints, in nats for the object, at the size that mixtures are learned from.

    The map of objects counts by itself, beside its share in the saliency: a person shows which object is meant.
    """
    saliency = shrunk(result.saliency, recipe.refit_side).clip(max=1)
    odds = odds_from_saliency(saliency, prior=recipe.hint_map, balance=recipe.balance).astype(np.float32)
    if result.maps.objects is not None:
        return odds + _scaled(recipe.hint_objectness * log_odds(result.maps.objects), odds.shape)
    return odds if objectness is None else odds + _weighted(objectness, result.image, odds.shape, recipe)


def _weighted(objectness: Objectness, image: Image, size: tuple[int, ...], recipe: Recipe) -> NDArray[np.float32]:
    """Return the log-odds of the network's map of an image, as hints weigh them, at (height, width) `size`."""
    return _scaled(recipe.hint_objectness * log_odds(objectness.map(image, mirror=recipe.mirror)), size)


def _scaled(odds: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(odds, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
