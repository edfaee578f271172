"""Where the classifier looks: maps over the whole photo, float32 in [0, 1]."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
import torch

from wsseg.arrays import Image, Saliency, check_saliency
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.head import Head
from wsseg.recipe import Recipe
from wsseg.saliency.activation import cam, grad_cam, grad_cam_plus_plus, layer_cam, score_cam
from wsseg.saliency.combine import features_of, fused, spread_cam
from wsseg.saliency.gradient import gradient, guided_backprop, integrated_gradients, smoothgrad
from wsseg.saliency.objectness import blended

METHODS: Final[Mapping[str, Callable[..., torch.Tensor]]] = MappingProxyType(
    {
        "gradient": gradient,
        "smoothgrad": smoothgrad,
        "integrated": integrated_gradients,
        "guided": guided_backprop,
        "cam": cam,
        "grad_cam": grad_cam,
        "grad_cam_plus_plus": grad_cam_plus_plus,
        "layer_cam": layer_cam,
        "score_cam": score_cam,
        "spread_cam": spread_cam,
        "fused": fused,
    }
)
"""Saliency methods by name: (classifier, image, target, *, numbers of the recipe) -> map at a size of the network's."""


def saliency_from_classifier(classifier: Classifier, image: Image, target: Target, recipe: Recipe) -> Saliency:
    """The recipe's map of what speaks for the target, over the whole photo.

    With `objectness` it has that share of the map of the classifier's head in it, unless the target is a given one,
    since a head tells things from their ground but not one from another. ValueError for a classifier without a head.
    """
    head = check_head(classifier, recipe) if target.weights is not None else None
    coarse = recipe.bind(METHODS[recipe.method])(classifier, image, target).numpy()
    if recipe.objectness and head is not None:
        objectness = head.objectness(recipe.bind(features_of)(classifier, image).numpy())
        coarse = blended(coarse, objectness, recipe.objectness)
    return saliency_from_map(coarse, image.shape[:2], blur=recipe.blur)


def check_head(classifier: Classifier, recipe: Recipe) -> Head | None:
    """The classifier's head; ValueError if the recipe asks for one and there is none."""
    if recipe.objectness and classifier.head is None:
        raise ValueError(
            f"objectness must be 0 for a classifier without a head, got {recipe.objectness} for {classifier.name}; "
            "learn one with wsseg adapt"
        )
    return classifier.head


def saliency_from_map(coarse: Saliency, size: tuple[int, ...], *, blur: float) -> Saliency:
    """A map that is not negative, at any size, blurred, resized to (height, width) and divided by its maximum.

    `blur` is the sigma per long side of the photo. A map of zeros stays one; ValueError for NaN and infinity.
    """
    if not np.isfinite(coarse).all():
        raise ValueError(
            "coarse must be finite, got NaN or infinity; the classifier's gradient overflows on this photo"
        )
    (rows, columns), (height, width) = coarse.shape, size
    sigma = blur * max(height, width)
    if sigma > 0:
        # As wide as the map it averages all of it; wider, on a very narrow photo, the kernel would take minutes.
        sigmas = {"sigmaX": min(sigma * columns / width, columns), "sigmaY": min(sigma * rows / height, rows)}
        coarse = np.asarray(cv2.GaussianBlur(coarse, (0, 0), **sigmas), np.float32)
    saliency = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(saliency / max(saliency.max(), np.finfo(np.float32).tiny))


def diffuseness(saliency: Saliency) -> float:
    """The least share of the photo that holds half of the saliency, in (0, 0.5]: 0.5 where all is as salient.

    The article that this method became known by takes a diffuse heatmap for a warning.
    """
    held = np.sort(check_saliency(saliency), axis=None)[::-1].cumsum(dtype=np.float64)
    return float(np.searchsorted(held, held[-1] / 2) + 1) / held.size if held[-1] else 0.5
