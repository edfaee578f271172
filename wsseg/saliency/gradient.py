"""Saliency from gradients: how strongly each pixel changes the score.

Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034), section 3.1; SmoothGrad: Smilkov, Thorat, Kim, Viegas, Wattenberg
2017 (arXiv 1706.03825), section 3; integrated gradients: Sundararajan, Taly, Yan 2017 (arXiv 1703.01365), section 3;
guided backpropagation: Springenberg, Dosovitskiy, Brox, Riedmiller 2014 (arXiv 1412.6806), section 3.4. Maps are
float32 (h, w), not negative, at the size of the network's input: the maximum over the color channels of |slopes|.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import torch
from torch.autograd.graph import Node

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.modes import reproducible
from wsseg.recipe import RecipeError
from wsseg.saliency.layers import backward_steps
from wsseg.saliency.score import score_of
from wsseg.saliency.views import BATCH, differentiable, mean_map, views_of

CROPPED_FROM: Final = 256 / 224
"""Side of the resized photo per side of a crop (Krizhevsky, Sutskever, Hinton 2012, section 4.1)."""

# Names of steps of torch's backward pass; ReLU6 is a Hardtanh that starts at 0.
_OTHER_ACTIVATIONS: Final = re.compile(
    r"(Celu|Elu|Gelu|Glu|Hardshrink|Hardsigmoid|Hardswish|Hardtanh|LeakyRelu|LogSigmoid|Mish|PreluKernel|RreluWithNoise"
    r"|ScaledDotProduct\w*|Sigmoid|Silu|Softmax|Softplus|Softshrink|Tanh)Backward\d"
)

Window = tuple[slice, slice]
Slopes = Callable[[torch.Tensor], torch.Tensor]
"""Function from inputs (n, 3, h, w) to the slope of the score at each color of each pixel, in the same order."""


def gradient(classifier: Classifier, image: Image, target: Target, *, mirror: bool, crops: bool) -> torch.Tensor:
    """Compute the paper's map: the maximum over the color channels of |d score / d input|.

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
    crops : bool
        Whether to average over the four corners and the center of a photo 256/224 as large, each put back in its place.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map at the size of the network's input, not negative.

    Examples
    --------
    >>> from importlib import resources
    >>> image = wsseg.read_image((resources.files("skimage") / "data/chelsea.png").read_bytes())
    >>> classifier = wsseg.load_classifier()
    >>> wsseg.saliency.gradient(classifier, image, classifier.target(image), mirror=False, crops=False).shape
    torch.Size([224, 224])
    """
    return smoothgrad(classifier, image, target, mirror=mirror, crops=crops, samples=1, noise=0.0, random_state=0)


@reproducible()
def smoothgrad(
    classifier: Classifier,
    image: Image,
    target: Target,
    *,
    mirror: bool,
    crops: bool,
    samples: int,
    noise: float,
    random_state: int,
) -> torch.Tensor:
    """Compute the average `gradient` map of noisy copies of the photo.

    Magnitudes are averaged, not signed gradients, which would cancel each other where they disagree.

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
    crops : bool
        Whether to average over the four corners and the center of a photo 256/224 as large, each put back in its place.
    samples : int
        Number of copies.
    noise : float
        Standard deviation of the Gaussian noise, per range of the preprocessed photo.
    random_state : int
        Seed of the noise.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map at the size of the network's input, not negative.
    """
    canvas = _canvas(classifier, image, crops=crops)
    deviation = noise * float(canvas.max() - canvas.min())
    generator = torch.Generator("cpu").manual_seed(random_state)

    def slopes_of(views: torch.Tensor) -> torch.Tensor:
        copies = views.repeat(samples, 1, 1, 1)
        copies += deviation * torch.randn(copies.shape, generator=generator, device="cpu").to(copies)
        return torch.cat([score_gradient(classifier, some, target) for some in torch.split(copies, BATCH)])

    return _magnitudes(classifier, canvas, slopes_of, mirror=mirror)


@reproducible()
def integrated_gradients(
    classifier: Classifier, image: Image, target: Target, *, mirror: bool, crops: bool, steps: int
) -> torch.Tensor:
    """Compute the map of |`attributions`|: integrated gradients.

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
    crops : bool
        Whether to average over the four corners and the center of a photo 256/224 as large, each put back in its place.
    steps : int
        Number of photos on the way from black.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map at the size of the network's input, not negative.
    """
    slopes_of = partial(attributions, classifier, target=target, steps=steps)
    return _magnitudes(classifier, _canvas(classifier, image, crops=crops), slopes_of, mirror=mirror)


@reproducible()
def guided_backprop(classifier: Classifier, image: Image, target: Target, *, mirror: bool, crops: bool) -> torch.Tensor:
    """Compute the map of |`guided_gradient`|: guided backpropagation.

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
    crops : bool
        Whether to average over the four corners and the center of a photo 256/224 as large, each put back in its place.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map at the size of the network's input, not negative.

    Raises
    ------
    ValueError
        If the network has activations other than ReLU and ReLU6.
    """
    slopes_of = partial(guided_gradient, classifier, target=target)
    return _magnitudes(classifier, _canvas(classifier, image, crops=crops), slopes_of, mirror=mirror)


@reproducible()
def score_gradient(classifier: Classifier, batch: torch.Tensor, target: Target) -> torch.Tensor:
    """Compute d score / d input.

    Parameters
    ----------
    classifier : Classifier
        The network.
    batch : torch.Tensor, shape (n, 3, h, w)
        Inputs, as `Classifier.preprocess` returns them.
    target : Target
        Class or classes of the score, see `score_of`.

    Returns
    -------
    torch.Tensor, shape (n, 3, h, w)
        The signed slopes.
    """
    with differentiable(batch) as inputs:
        return torch.autograd.grad(score_of(classifier.scores(inputs), target).sum(), inputs)[0]


@reproducible()
def attributions(classifier: Classifier, batch: torch.Tensor, target: Target, *, steps: int) -> torch.Tensor:
    """Compute (x - black) times the mean of d score / d input on the way from a black photo to x.

    Black is the paper's baseline for photos. The mean is over the middles of `steps` equal intervals of the way; the
    paper uses 20 to 300. With more of them, the sum of a photo's attributions approaches its score minus the score of
    black (completeness).

    Parameters
    ----------
    classifier : Classifier
        The network.
    batch : torch.Tensor, shape (n, 3, h, w)
        Inputs x, as `Classifier.preprocess` returns them.
    target : Target
        Class or classes of the score.
    steps : int
        Number of intervals.

    Returns
    -------
    torch.Tensor, shape (n, 3, h, w)
        The attribution of each color of each pixel.
    """
    black = classifier.preprocess(np.zeros((1, 1, 3), np.uint8), (batch.shape[2], batch.shape[3]))
    shares = (torch.arange(steps, device="cpu") + 0.5) / steps
    total = torch.zeros_like(batch)
    for share in shares.tolist():
        total += score_gradient(classifier, black + share * (batch - black), target)
    return (batch - black) * total / steps


@reproducible()
def guided_gradient(classifier: Classifier, batch: torch.Tensor, target: Target) -> torch.Tensor:
    """Compute `score_gradient` with negative slopes stopped at every ReLU and ReLU6.

    Parameters
    ----------
    classifier : Classifier
        The network.
    batch : torch.Tensor, shape (n, 3, h, w)
        Inputs, as `Classifier.preprocess` returns them.
    target : Target
        Class or classes of the score.

    Returns
    -------
    torch.Tensor, shape (n, 3, h, w)
        The signed slopes.

    Raises
    ------
    ValueError
        If the network has other known activations.
    """
    with differentiable(batch) as inputs:
        scores = score_of(classifier.scores(inputs), target)
        _guide(classifier, scores)
        return torch.autograd.grad(scores.sum(), inputs)[0]


def _guide(classifier: Classifier, scores: torch.Tensor) -> None:
    """Change the backward pass of these scores; the network and its modules are not touched."""
    nodes = list(backward_steps([scores]))
    rectifiers = [node for node in nodes if _rectifies(node)]
    others = [node.name() for node in nodes if node not in rectifiers and _OTHER_ACTIVATIONS.fullmatch(node.name())]
    if others or not rectifiers:
        found = ", ".join(sorted({name.partition("Backward")[0] for name in others})) or "none"
        raise RecipeError(
            f"classifier must have ReLU or ReLU6 and no other activations for guided, got {found} in "
            f"{classifier.name}; choose another method"
        )
    for node in rectifiers:
        node.register_prehook(lambda slopes: tuple(slope.clamp(min=0) for slope in slopes))


def _rectifies(node: Node) -> bool:
    """Whether a step belongs to a ReLU, or to a Hardtanh that starts at 0."""
    return node.name() == "ReluBackward0" or getattr(node, "_saved_min_val", None) == 0


def _canvas(classifier: Classifier, image: Image, *, crops: bool) -> torch.Tensor:
    """The photo as the network's input; for crops, larger by the part that each crop leaves out."""
    height, width = classifier.preprocessing.size
    enlarge = CROPPED_FROM if crops else 1
    return classifier.preprocess(image, (round(height * enlarge), round(width * enlarge)))


def _magnitudes(classifier: Classifier, canvas: torch.Tensor, slopes_of: Slopes, *, mirror: bool) -> torch.Tensor:
    """The mean, over the windows that show each pixel, of the largest |slope| among its color channels."""
    size = canvas.shape[2:]
    total, count = torch.zeros(2, *size, device="cpu")
    with classifier.frozen():
        for y, x in _windows(size, classifier.preprocessing.size):
            slopes = slopes_of(views_of(canvas[..., y, x], mirror=mirror))
            total[y, x] += mean_map(slopes.abs().amax(dim=1), mirror=mirror)
            count[y, x] += 1
    return torch.div(total, count)


def _windows(canvas: tuple[int, ...], size: tuple[int, int]) -> list[Window]:
    """The corners and the center of a canvas, or all of it if it is no larger than a window."""
    (tall, wide), (height, width) = canvas, size
    down, right = tall - height, wide - width
    corners = [(y, x) for y in (0, down) for x in (0, right)]
    starts = dict.fromkeys([*corners, (down // 2, right // 2)])
    return [(slice(y, y + height), slice(x, x + width)) for y, x in starts]
