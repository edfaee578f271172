"""The saliency of one photo: the map of a recipe's method, the map of objects, and their product."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final, Protocol

import cv2
import numpy as np
import torch

from wsseg.arrays import Image, Maps, PhotoError, Saliency, check_saliency
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.modes import give_back_memory
from wsseg.recipe import Recipe
from wsseg.saliency.activation import cam, grad_cam, grad_cam_plus_plus, layer_cam, score_cam
from wsseg.saliency.combine import fused, spread_cam
from wsseg.saliency.gradient import gradient, guided_backprop, integrated_gradients, smoothgrad

LARGE: Final = 20_000_000
"""Bytes of a photo above which the memory of the networks' passes is given back: what follows takes more than that."""


class Method(Protocol):
    """A saliency method: a map of the target, at any size, not negative, by the numbers of a recipe."""

    def __call__(self, classifier: Classifier, image: Image, target: Target, recipe: Recipe, /) -> torch.Tensor:
        """Return the map, float32 (h, w)."""
        ...


def _smoothgrad(classifier: Classifier, image: Image, target: Target, recipe: Recipe) -> torch.Tensor:
    return smoothgrad(
        classifier,
        image,
        target,
        mirror=recipe.mirror,
        crops=recipe.crops,
        samples=recipe.samples,
        noise=recipe.noise,
        random_state=recipe.random_state,
    )


def _fused(classifier: Classifier, image: Image, target: Target, recipe: Recipe) -> torch.Tensor:
    return fused(
        classifier,
        image,
        target,
        fine_map=partial(_smoothgrad, classifier, image, target, recipe),
        mirror=recipe.mirror,
        spread_steps=recipe.spread_steps,
        cam_share=recipe.cam_share,
        cam_share_given=recipe.cam_share_given,
    )


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "gradient": lambda c, i, t, r: gradient(c, i, t, mirror=r.mirror, crops=r.crops),
        "smoothgrad": _smoothgrad,
        "integrated": lambda c, i, t, r: integrated_gradients(c, i, t, mirror=r.mirror, crops=r.crops, steps=r.steps),
        "guided": lambda c, i, t, r: guided_backprop(c, i, t, mirror=r.mirror, crops=r.crops),
        "cam": lambda c, i, t, r: cam(c, i, t, mirror=r.mirror),
        "grad_cam": lambda c, i, t, r: grad_cam(c, i, t, mirror=r.mirror, layers=r.layers),
        "grad_cam_plus_plus": lambda c, i, t, r: grad_cam_plus_plus(c, i, t, mirror=r.mirror, layers=r.layers),
        "layer_cam": lambda c, i, t, r: layer_cam(c, i, t, mirror=r.mirror, layers=r.layers),
        "score_cam": lambda c, i, t, r: score_cam(c, i, t, mirror=r.mirror, layers=r.layers, channels=r.channels),
        "spread_cam": lambda c, i, t, r: spread_cam(c, i, t, mirror=r.mirror, spread_steps=r.spread_steps),
        "fused": _fused,
    }
)
"""Saliency methods by name: functions of a classifier, a photo, a target and a recipe. Add a method here."""


def maps_of(
    classifier: Classifier, image: Image, target: Target, recipe: Recipe, objects: Saliency | None = None
) -> Maps:
    """Compute the classifier's map, if the recipe needs it, and put it beside the map of objects.

    Parameters
    ----------
    classifier : Classifier
        The network that knows classes.
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    target : Target
        Class or classes that the classifier's map is for.
    recipe : Recipe
        Method and numbers.
    objects : ndarray of float32, shape (h, w), optional
        Map of objects, see `Objectness.map`; needed if the recipe gives it a share.

    Returns
    -------
    Maps
        Maps of any size over the photo, float32 (h, w).

    Raises
    ------
    RecipeError
        If the method does not fit the network.
    ValueError
        If the recipe needs a map of objects and there is none.
    """
    share = recipe.objectness_of(given=target.given)
    if share and objects is None:
        raise ValueError(f"objects must be a map where its share is {share}, got None; compute it with Objectness.map")
    if target.given:
        recipe = replace(recipe, mirror=recipe.mirror or recipe.mirror_given)
    own = METHODS[recipe.method](classifier, image, target, recipe).numpy() if share < 1 else None
    if image.size > LARGE:
        give_back_memory()
    return Maps(own, objects if share else None)


def saliency_from_maps(maps: Maps, size: tuple[int, ...], recipe: Recipe, *, given: bool) -> Saliency:
    """Return own^(1 - a) objects^a, with `a` the recipe's share of objectness, at the photo's size.

    The product is low wherever either map is low. The classifier's map is divided by its maximum first.

    Parameters
    ----------
    maps : Maps
        The maps, see `maps_of`.
    size : tuple of int
        Height and width of the photo, in pixels.
    recipe : Recipe
        Numbers.
    given : bool
        True if the target was given, which has a share of its own.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Saliency in [0, 1].

    Raises
    ------
    PhotoError
        If a map has NaN or infinity in it.
    """
    if maps.objects is None or maps.own is None:
        (only,) = (one for one in maps if one is not None)
        return saliency_from_map(only, size, blur=recipe.blur if maps.objects is None else 0)
    shape = max(maps.own.shape, maps.objects.shape, key=math.prod)
    own = saliency_from_map(maps.own, shape, blur=recipe.blur)
    share = recipe.objectness_of(given=given)
    return saliency_from_map(own ** (1 - share) * saliency_from_map(maps.objects, shape, blur=0) ** share, size, blur=0)


def saliency_from_classifier(
    classifier: Classifier, image: Image, target: Target, recipe: Recipe, objects: Saliency | None = None
) -> Saliency:
    """Compute a recipe's saliency of a target.

    Parameters
    ----------
    classifier : Classifier
        The network that knows classes.
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    target : Target
        Class or classes that the map is for.
    recipe : Recipe
        Method and numbers.
    objects : ndarray of float32, shape (h, w), optional
        Map of objects, see `Objectness.map`; needed if the recipe gives it a share.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Saliency in [0, 1] over the whole photo.

    Raises
    ------
    RecipeError
        If the method does not fit the network.
    ValueError
        If the recipe needs a map of objects and there is none.

    Examples
    --------
    >>> from importlib import resources
    >>> image = wsseg.read_image((resources.files("skimage") / "data/chelsea.png").read_bytes())
    >>> classifier = wsseg.load_classifier()
    >>> cat = classifier.categories.resolve("Egyptian cat")
    >>> wsseg.saliency.saliency_from_classifier(classifier, image, cat, wsseg.RECIPES["untrained"]).shape
    (300, 451)
    """
    maps = maps_of(classifier, image, target, recipe, objects)
    return saliency_from_maps(maps, image.shape[:2], recipe, given=target.given)


def saliency_from_map(coarse: Saliency, size: tuple[int, ...], *, blur: float) -> Saliency:
    """Blur a map, resize it to the photo's size and divide it by its maximum.

    Parameters
    ----------
    coarse : ndarray of float32, shape (h, w)
        Map at any size, not negative. A map of zeros stays one.
    size : tuple of int
        Height and width of the photo, in pixels.
    blur : float
        Standard deviation of the blur, per long side of the photo.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Saliency in [0, 1].

    Raises
    ------
    PhotoError
        If the map has NaN or infinity in it.
    """
    if not np.isfinite(coarse).all():
        raise PhotoError(
            "saliency must be finite, got NaN or infinity; choose another method, because the classifier's gradient "
            "overflows on this photo"
        )
    (rows, columns), (height, width) = coarse.shape, size
    sigma = blur * max(height, width)
    if sigma > 0:
        # As wide as the map it averages all of it; wider, on a very narrow photo, the kernel would take minutes.
        sigmas = {"sigmaX": min(sigma * columns / width, columns), "sigmaY": min(sigma * rows / height, rows)}
        coarse = np.asarray(cv2.GaussianBlur(coarse, (0, 0), **sigmas), np.float32)
    saliency = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    saliency /= max(saliency.max(), np.finfo(np.float32).tiny)
    return saliency


def diffuseness(saliency: Saliency) -> float:
    """Compute the smallest share of the photo that holds half of the saliency.

    A diffuse heatmap is a warning: the classifier may recognize its target by the surroundings, see
    `examples/3_the_article.py`.

    Parameters
    ----------
    saliency : ndarray of float32, shape (H, W)
        Saliency in [0, 1].

    Returns
    -------
    float
        Share in (0, 0.5]; 0.5 if the saliency is the same everywhere.

    Examples
    --------
    >>> import numpy
    >>> wsseg.saliency.diffuseness(numpy.array([[0.25, 1.0, 0.25, 0.25]], numpy.float32))
    0.25
    """
    held = np.sort(check_saliency(saliency), axis=None)[::-1].cumsum(dtype=np.float64)
    return float(np.searchsorted(held, held[-1] / 2) + 1) / held.size if held[-1] else 0.5
