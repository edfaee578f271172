"""What a benchmark may do with a photo: a recipe with a stage left out, or what others do with the same network."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

import cv2
import numpy as np

from wsseg.arrays import Image, Mask, Saliency
from wsseg.classifier.classifier import Classifier
from wsseg.graphcut.masks import mask_from_saliency
from wsseg.recipe import RECIPES, Recipe
from wsseg.segmenting.segmenter import Segmenter

INSET: Final = 0.05
"""Width of the frame outside the rectangle that cv2.grabCut starts from, per side of the photo."""

CERTAIN: Final = (0.7, 0.1)
"""Grad-CAM above which cv2.grabCut starts with object, and below which it starts with background."""

ITERATIONS: Final = 5

Variant = Callable[["Looker"], Mask]


class Looker:
    """A photo, and the network's maps of it, each made once whatever number of variants asks for it."""

    def __init__(self, classifier: Classifier, image: Image, target: str | None) -> None:
        self.classifier, self.image, self.target = classifier, image, target
        self._maps: dict[tuple[Any, ...], Saliency] = {}

    def saliency(self, recipe: Recipe) -> Saliency:
        """The recipe's map."""
        numbers = tuple(getattr(recipe, item.name) for item in fields(recipe) if item.metadata["stage"] == "saliency")
        if numbers not in self._maps:
            self._maps[numbers] = Segmenter(self.classifier, recipe).saliency(self.image, self.target).saliency
        return self._maps[numbers]


def cut(recipe: Recipe) -> Variant:
    """The recipe's mask."""

    def variant(looker: Looker) -> Mask:
        return mask_from_saliency(looker.image, looker.saliency(recipe), recipe, given=looker.target is not None).mask

    return variant


def otsu(recipe: Recipe) -> Variant:
    """The recipe's map, thresholded by Otsu's method."""
    return lambda looker: otsu_of(looker.saliency(recipe))


def otsu_of(saliency: Saliency) -> Mask:
    """The map above its threshold by Otsu's method (1979)."""
    levels = (saliency * 255).astype(np.uint8)
    return cv2.threshold(levels, 0, 1, cv2.THRESH_OTSU)[1].astype(bool)


def grabcut_from_map(recipe: Recipe) -> Variant:
    """cv2.grabCut with 5 iterations from the recipe's map: what is certain starts it and may change."""

    def variant(looker: Looker) -> Mask:
        saliency = looker.saliency(recipe)
        labels = np.where(saliency >= np.median(saliency), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        high, low = CERTAIN
        labels[saliency >= high], labels[saliency < low] = cv2.GC_FGD, cv2.GC_BGD
        return grabcut(looker.image, labels)

    return variant


def grabcut_from_rectangle(looker: Looker) -> Mask:
    """cv2.grabCut with 5 iterations from a rectangle a little smaller than the photo; it sees no network."""
    height, width = looker.image.shape[:2]
    x, y = round(width * INSET), round(height * INSET)
    labels = np.zeros((height, width), np.uint8)
    return grabcut(looker.image, labels, (x, y, width - 2 * x, height - 2 * y))


def grabcut(image: Image, labels: np.ndarray, rectangle: tuple[int, int, int, int] | None = None) -> Mask:
    """cv2.grabCut with `ITERATIONS` from labels in its words, or from a rectangle, x, y, width, height."""
    cv2.setRNGSeed(0)
    labels, models = labels.copy(), (np.zeros((1, 65)), np.zeros((1, 65)))
    mode = cv2.GC_INIT_WITH_MASK if rectangle is None else cv2.GC_INIT_WITH_RECT
    if rectangle is not None or len(np.unique(labels & 1)) == 2:  # It aborts without both sides.
        cv2.grabCut(image, labels, rectangle, *models, ITERATIONS, mode)
    return labels % 2 == 1


def variants_of(recipe: Recipe, *, with_head: bool) -> Mapping[str, Variant]:
    """The recipe, the recipe without each of its parts, other recipes, and peers."""
    parts: dict[str, dict[str, Any]] = {
        "without propagation": {"spread_steps": 0},
        "without Grad-CAM: SmoothGrad spread": {"cam_share": 0.0, "cam_share_given": 0.0},
        "without both: SmoothGrad alone": {"method": "smoothgrad"},
        "without SmoothGrad: Grad-CAM spread": {"method": "spread_cam"},
        "without mirror": {"mirror": False},
        "the likeliest class for the blend": {"blended_classes": 1},
        "without prior": {"prior": 0.0, "prior_given": 0.0},
        "without refits": {"refits": 0},
        "without the border's presumption": {"border": 0.0},
        "hard seeds": {"hard_seeds": True, "foreground_quantile": 0.95, "background_quantile": 0.3},
    }
    others = {name: one for name, one in RECIPES.items() if one != recipe and (with_head or not one.objectness)}
    grad_cam = replace(recipe, method="grad_cam", blended_classes=1, blur=0.0, objectness=0.0)
    return {
        "recipe": cut(recipe),
        "its map by Otsu": otsu(recipe),
        **{name: cut(replace(recipe, **changes)) for name, changes in parts.items()},
        **{f"recipe {name}": cut(other) for name, other in others.items()},
        "peer: Grad-CAM by Otsu": otsu(grad_cam),
        "peer: Grad-CAM into cv2.grabCut x5": grabcut_from_map(grad_cam),
        "peer: cv2.grabCut x5 from a rectangle": grabcut_from_rectangle,
    }
