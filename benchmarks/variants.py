"""Segment a photo in other ways: with a stage of the recipe left out, or as peers do with the same network."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

import cv2
import numpy as np

from wsseg.arrays import Image, Mask, Saliency
from wsseg.classifier.classifier import Classifier
from wsseg.recipe import RECIPES, Recipe
from wsseg.saliency.objectness.objectness import load_objectness
from wsseg.segmenting.looks import mask_from_looks
from wsseg.segmenting.results import SaliencyResult
from wsseg.segmenting.segmenter import Segmenter

INSET: Final = 0.05
"""Width of the frame outside the start rectangle of cv2.grabCut, per side of the photo."""

CERTAIN: Final = (0.7, 0.1)
"""Values of Grad-CAM above which cv2.grabCut starts with object, and below which it starts with background."""

ITERATIONS: Final = 5

Variant = Callable[["Looker"], Mask]


class Looker:
    """A photo and what a classifier sees in it; each map is made once, for all variants that need it."""

    def __init__(self, classifier: Classifier, image: Image, target: str | None) -> None:
        self.classifier, self.image, self.target = classifier, image, target
        self._results: dict[tuple[Any, ...], SaliencyResult] = {}

    def result(self, recipe: Recipe) -> SaliencyResult:
        """Return the recipe's saliency, and the maps behind it."""
        numbers = tuple(getattr(recipe, item.name) for item in fields(recipe) if item.metadata["stage"] == "saliency")
        if numbers not in self._results:
            self._results[numbers] = Segmenter(self.classifier, recipe).saliency(self.image, self.target)
        return self._results[numbers]

    def saliency(self, recipe: Recipe) -> Saliency:
        """Return the recipe's saliency."""
        return self.result(recipe).saliency


def cut(recipe: Recipe) -> Variant:
    """Return a variant that gives the recipe's mask."""
    return lambda looker: mask_from_looks(looker.result(recipe), recipe, load_objectness()).mask


def otsu(recipe: Recipe) -> Variant:
    """Return a variant that thresholds the recipe's saliency by Otsu's method."""
    return lambda looker: otsu_of(looker.saliency(recipe))


def objects(recipe: Recipe) -> Variant:
    """Return a variant that keeps the pixels that are objects rather than not by the self-taught network."""

    def variant(looker: Looker) -> Mask:
        found = looker.result(replace(recipe, objectness=1.0, objectness_given=1.0)).maps.objects
        return cv2.resize(found, looker.image.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5

    return variant


def otsu_of(saliency: Saliency) -> Mask:
    """Return the pixels above the threshold of Otsu's method (1979)."""
    levels = (saliency * 255).astype(np.uint8)
    return cv2.threshold(levels, 0, 1, cv2.THRESH_OTSU)[1].astype(bool)


def grabcut_from_map(recipe: Recipe) -> Variant:
    """Return a variant that runs cv2.grabCut for 5 iterations from the recipe's saliency, with its extremes fixed."""

    def variant(looker: Looker) -> Mask:
        saliency = looker.saliency(recipe)
        labels = np.where(saliency >= np.median(saliency), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        high, low = CERTAIN
        labels[saliency >= high], labels[saliency < low] = cv2.GC_FGD, cv2.GC_BGD
        return grabcut(looker.image, labels)

    return variant


def grabcut_from_rectangle(looker: Looker) -> Mask:
    """Run cv2.grabCut for 5 iterations from a rectangle slightly smaller than the photo, without a network."""
    height, width = looker.image.shape[:2]
    x, y = round(width * INSET), round(height * INSET)
    labels = np.zeros((height, width), np.uint8)
    return grabcut(looker.image, labels, (x, y, width - 2 * x, height - 2 * y))


def grabcut(image: Image, labels: np.ndarray, rectangle: tuple[int, int, int, int] | None = None) -> Mask:
    """Run cv2.grabCut for `ITERATIONS` from its own labels, or from a rectangle (x, y, width, height)."""
    cv2.setRNGSeed(0)
    labels, models = labels.copy(), (np.zeros((1, 65)), np.zeros((1, 65)))
    mode = cv2.GC_INIT_WITH_MASK if rectangle is None else cv2.GC_INIT_WITH_RECT
    if rectangle is not None or len(np.unique(labels & 1)) == 2:  # It aborts unless both sides are present.
        cv2.grabCut(image, labels, rectangle, *models, ITERATIONS, mode)
    return labels % 2 == 1


def variants_of(recipe: Recipe) -> Mapping[str, Variant]:
    """Return the recipe, the recipe without each of its parts, the other recipes, and the peers."""
    parts: dict[str, dict[str, Any]] = {
        "without the map of objects": {"objectness": 0.0},
        "the map of objects alone": {"objectness": 1.0},
        "without propagation": {"spread_steps": 0},
        "without Grad-CAM: SmoothGrad spread": {"cam_share": 0.0, "cam_share_given": 0.0},
        "without both: SmoothGrad alone": {"method": "smoothgrad"},
        "without SmoothGrad: Grad-CAM spread": {"method": "spread_cam"},
        "with the mirror image": {"mirror": True, "mirror_given": True},
        "the likeliest class for the blend": {"blended_classes": 1},
        "without the second look": {"looks": 1},
        "without prior": {"prior": 0.0, "prior_given": 0.0},
        "without refits": {"refits": 0},
        "without the border's presumption": {"border": 0.0},
        "hard seeds": {"hard_seeds": True, "foreground_quantile": 0.95, "background_quantile": 0.3},
    }
    others = {name: one for name, one in RECIPES.items() if one != recipe}
    grad_cam = replace(recipe, method="grad_cam", blended_classes=1, blur=0.0, objectness=0.0)
    return {
        "recipe": cut(recipe),
        "its map by Otsu": otsu(recipe),
        "its map of objects at .5": objects(recipe),
        **{name: cut(replace(recipe, **changes)) for name, changes in parts.items()},
        **{f"recipe {name}": cut(other) for name, other in others.items()},
        "peer: Grad-CAM by Otsu": otsu(grad_cam),
        "peer: Grad-CAM into cv2.grabCut x5": grabcut_from_map(grad_cam),
        "peer: cv2.grabCut x5 from a rectangle": grabcut_from_rectangle,
    }
