"""Combined maps: where both SmoothGrad and Grad-CAM find the target, spread over similar features."""

from collections.abc import Callable
from typing import Final

import torch
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.modes import reproducible
from wsseg.saliency.features import ForwardPass, forward_pass, takes_any_size
from wsseg.saliency.propagate import spread
from wsseg.saliency.views import input_size, mean_map, views_of

LARGER: Final = 10 / 7
"""Side of the input for Grad-CAM, per side of the network's own: 320 for 224. Using several sizes gained nothing."""

CERTAIN: Final = 0.5
"""Probability of a class above which its Grad-CAM is fully trusted; .3 and .8 were measured to be as good."""


@reproducible()
def fused(
    classifier: Classifier,
    image: Image,
    target: Target,
    *,
    fine_map: Callable[[], torch.Tensor],
    mirror: bool,
    spread_steps: int,
    cam_share: float,
    cam_share_given: float,
) -> torch.Tensor:
    """Compute fine^(1 - a) Grad-CAM^a, spread over similar features.

    The fine map, SmoothGrad's in the recipe's method `fused`, shows the typical parts sharply, Grad-CAM shows the whole
    object roughly, and the product is low wherever either map is low. Grad-CAM uses an input that is larger than the
    network's own and has the photo's shape, unless the network takes one size only. Grad-CAM tells one thing from
    another, but only things that the network knows. So `a` is `cam_share_given` for a given target; for the
    classifier's own choice, whose weights are probabilities, `a` is `cam_share`, reduced in proportion if the largest
    probability is below `CERTAIN`.

    Parameters
    ----------
    classifier : Classifier
        The network.
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    target : Target
        Class or classes that the map is for.
    fine_map : callable
        Function that computes the fine map, float32 (h, w) of any size. It is not called if `a` is 1.
    mirror : bool
        Whether to average Grad-CAM and the features with those of the mirror image.
    spread_steps : int
        Number of steps that spread the map, see `wsseg.saliency.propagate.spread`.
    cam_share : float
        Weight of Grad-CAM for the classifier's own choice of target, in [0, 1].
    cam_share_given : float
        Weight of Grad-CAM for a given target, in [0, 1].

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map in [0, 1] on the features' grid.

    Raises
    ------
    ValueError
        If the network has no grid of features.
    """
    activation, features = _activation_and_features(classifier, image, target, mirror=mirror)
    share = cam_share_given if target.weights is None else cam_share * min(1.0, max(target.weights) / CERTAIN)
    grid = features.shape[1:]
    both = _ranged(_resized(activation, grid))
    if share < 1:
        fine = fine_map()
        both = _ranged(_resized(fine, grid)) ** (1 - share) * both**share
    return _ranged(spread(both, features, steps=spread_steps))


@reproducible()
def spread_cam(
    classifier: Classifier, image: Image, target: Target, *, mirror: bool, spread_steps: int
) -> torch.Tensor:
    """Compute Grad-CAM as in `fused`, spread over similar features, with one forward pass and a short backward pass.

    Parameters
    ----------
    classifier : Classifier
        The network.
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    target : Target
        Class or classes that the map is for.
    mirror : bool
        Whether to average the map with that of the mirror image.
    spread_steps : int
        Number of steps that spread the map.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map in [0, 1] on the features' grid.

    Raises
    ------
    ValueError
        If the network has no grid of features.
    """
    activation, features = _activation_and_features(classifier, image, target, mirror=mirror)
    return _ranged(spread(_ranged(_resized(activation, features.shape[1:])), features, steps=spread_steps))


@reproducible()
def features_of(classifier: Classifier, image: Image, *, mirror: bool) -> torch.Tensor:
    """Compute the features that the maps here are spread over, with one forward pass.

    Parameters
    ----------
    classifier : Classifier
        The network.
    image : ndarray of uint8, shape (H, W, 3)
        Photo in sRGB.
    mirror : bool
        Whether to average the features with those of the mirror image.

    Returns
    -------
    torch.Tensor of float32, shape (c, h, w)
        Features on a grid over the photo.

    Raises
    ------
    ValueError
        If the network has no grid of features.
    """
    return mean_map(_pass_of(classifier, image, mirror=mirror).features, mirror=mirror)


def _activation_and_features(
    classifier: Classifier, image: Image, target: Target, *, mirror: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Grad-CAM's map (h, w) and the features (c, h, w), averaged with those of the mirror image, turned back."""
    found = _pass_of(classifier, image, mirror=mirror)
    activation = mean_map(found.activation(target), mirror=mirror).clamp(min=0)
    return activation, mean_map(found.features, mirror=mirror)


def _pass_of(classifier: Classifier, image: Image, *, mirror: bool) -> ForwardPass:
    view = classifier.preprocess(image, _size(classifier, image))
    return forward_pass(classifier, views_of(view, mirror=mirror))


def _size(classifier: Classifier, image: Image) -> tuple[int, int]:
    """Height and width of the input: larger than the network's own and in the photo's shape, if it takes any size."""
    height, width = classifier.preprocessing.size
    if not takes_any_size(classifier):
        return height, width
    return input_size(image.shape, LARGER * (height * width) ** 0.5)


def _ranged(coarse: torch.Tensor) -> torch.Tensor:
    """The map stretched to [0, 1]; all 0 if it is constant."""
    low, high = coarse.aminmax()
    return (coarse - low) / (high - low).clamp(min=torch.finfo(coarse.dtype).tiny)


def _resized(coarse: torch.Tensor, grid: tuple[int, ...]) -> torch.Tensor:
    """The (h, w) map on another grid, averaged if that is coarser."""
    return nn.functional.interpolate(coarse[None, None], grid, mode="bilinear", antialias=True)[0, 0]
