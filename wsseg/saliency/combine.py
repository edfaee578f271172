"""Several maps into one: what is salient by the gradient and by the last features, spread over the like."""

from typing import Final

import torch
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.saliency.features import Look, look_at, takes_any_size
from wsseg.saliency.gradient import smoothgrad
from wsseg.saliency.propagate import spread
from wsseg.saliency.views import mean_map, views_of

LARGER: Final = 10 / 7
"""Side of the input that is looked at, per side of the network's own: 320 for 224. More sizes gained nothing."""

MULTIPLE: Final = 32
"""Sides of inputs are multiples of this, the stride of the usual networks, so that their maps lie where they should."""

CERTAIN: Final = 0.5
"""Probability of a class from which on its Grad-CAM is fully trusted; .3 and .8 were measured to be as good."""

NARROWEST: Final = 4
"""Long side per short side of an input at most: a narrower photo is squeezed, or its input would grow without end."""


def fused(
    classifier: Classifier,
    image: Image,
    target: Target,
    *,
    mirror: bool,
    crops: bool,
    samples: int,
    noise: float,
    random_state: int,
    spread_steps: int,
    cam_share: float,
    cam_share_given: float,
) -> torch.Tensor:
    """SmoothGrad^(1 - a) Grad-CAM^a, spread over what the network finds alike; (h, w) in [0, 1].

    SmoothGrad sees the telling parts sharply, Grad-CAM the object roughly: where one says no it is no. Grad-CAM is that
    of an input larger than the network's own and of the photo's shape, unless the network takes but one; it tells one
    thing from another, but only things that the network knows. So `a` is `cam_share_given` for a given target, and for
    the classifier's own choice, whose weights are probabilities, `cam_share`, in proportion less where the likeliest
    has less than `CERTAIN`. ValueError for a network without a grid of features, see `grids_of`.
    """
    activation, features = _look(classifier, image, target, mirror=mirror)
    share = cam_share_given if target.weights is None else cam_share * min(1.0, max(target.weights) / CERTAIN)
    grid = features.shape[1:]
    both = _ranged(_resized(activation, grid))
    if share < 1:  # Else SmoothGrad would take its passes, and have no say.
        fine = smoothgrad(
            classifier,
            image,
            target,
            mirror=mirror,
            crops=crops,
            samples=samples,
            noise=noise,
            random_state=random_state,
        )
        both = _ranged(_resized(fine, grid)) ** (1 - share) * both**share
    return _ranged(spread(both, features, steps=spread_steps))


def spread_cam(
    classifier: Classifier, image: Image, target: Target, *, mirror: bool, spread_steps: int
) -> torch.Tensor:
    """Grad-CAM as in `fused`, spread likewise: (h, w) in [0, 1] from one pass, and back to the last features only."""
    activation, features = _look(classifier, image, target, mirror=mirror)
    return _ranged(spread(_ranged(_resized(activation, features.shape[1:])), features, steps=spread_steps))


def features_of(classifier: Classifier, image: Image, *, mirror: bool) -> torch.Tensor:
    """The features (c, h, w) that the maps here are spread over, by one pass; ValueError as `grids_of`."""
    return mean_map(_views(classifier, image, mirror=mirror).features, mirror=mirror)


def _look(classifier: Classifier, image: Image, target: Target, *, mirror: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The rectified activation (h, w) and the features (c, h, w), averaged with the mirror image's, turned back."""
    look = _views(classifier, image, mirror=mirror)
    activation = mean_map(look.activation(target), mirror=mirror).clamp(min=0)
    return activation, mean_map(look.features, mirror=mirror)


def _views(classifier: Classifier, image: Image, *, mirror: bool) -> Look:
    view = classifier.preprocess(image, _size(classifier, image))
    return look_at(classifier, views_of(view, mirror=mirror))


def _size(classifier: Classifier, image: Image) -> tuple[int, int]:
    """Of the input: larger than the network's own and in the photo's shape, if it takes any size."""
    height, width = classifier.preprocessing.size
    if not takes_any_size(classifier):
        return height, width
    shape = min(max(image.shape[0] / image.shape[1], 1 / NARROWEST), NARROWEST)
    side = LARGER * (height * width) ** 0.5
    return _multiple(side * shape**0.5), _multiple(side / shape**0.5)


def _multiple(side: float) -> int:
    return max(1, round(side / MULTIPLE)) * MULTIPLE


def _ranged(coarse: torch.Tensor) -> torch.Tensor:
    """The map's values brought to [0, 1]; all 0 when they are one."""
    low, high = coarse.aminmax()
    return (coarse - low) / (high - low).clamp(min=torch.finfo(coarse.dtype).tiny)


def _resized(coarse: torch.Tensor, grid: tuple[int, ...]) -> torch.Tensor:
    """The (h, w) map on another grid, averaged where that is coarser."""
    return nn.functional.interpolate(coarse[None, None], grid, mode="bilinear", antialias=True)[0, 0]
