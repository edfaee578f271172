"""Where the classifier looks, by the gradient of its score with respect to the photo.

Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034), section 3.1; SmoothGrad: Smilkov, Thorat, Kim, Viegas, Wattenberg
2017 (arXiv 1706.03825), section 3; integrated gradients: Sundararajan, Taly, Yan 2017 (arXiv 1703.01365), section 3;
guided backpropagation: Springenberg, Dosovitskiy, Brox, Riedmiller 2014 (arXiv 1412.6806), section 3.4. Maps here are
float32 (h, w), not negative, at the size of the network's input: max over color channels of |slopes|.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
import torch
from torch.autograd.graph import Node

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.saliency.score import score_of
from wsseg.saliency.views import BATCH, differentiable, mean_map, views_of

CROPPED_FROM: Final = 256 / 224
"""Side of the photo that crops are taken from, per side of a crop (Krizhevsky, Sutskever, Hinton 2012, section 4.1)."""

# Steps of torch's backward pass, by their names; ReLU6 is the Hardtanh that starts at 0.
_OTHER_ACTIVATIONS: Final = re.compile(
    r"(Celu|Elu|Gelu|Glu|Hardshrink|Hardsigmoid|Hardswish|Hardtanh|LeakyRelu|LogSigmoid|Mish|PreluKernel|RreluWithNoise"
    r"|ScaledDotProduct\w*|Sigmoid|Silu|Softmax|Softplus|Softshrink|Tanh)Backward\d"
)

Window = tuple[slice, slice]
Slopes = Callable[[torch.Tensor], torch.Tensor]
"""From preprocessed views (n, 3, h, w) to what each color of each pixel does to the score, in the views' order."""


def gradient(classifier: Classifier, image: Image, target: Target, *, mirror: bool, crops: bool) -> torch.Tensor:
    """max over color channels of |d score / d input|: the article's map, of the photo squeezed to the input size.

    The score is the un-normalized one of `score_of`. With `mirror` the map is averaged with the mirror image's; with
    `crops` it is the average over the four corners and the center of a photo 256/224 as large, each put back where it
    lies.
    """
    return smoothgrad(classifier, image, target, mirror=mirror, crops=crops, samples=1, noise=0.0, random_state=0)


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
    """The average `gradient` map of `samples` noisy copies of each view.

    The noise is Gaussian; its deviation is the share `noise` of the range of the preprocessed photo. Magnitudes are
    averaged, not signed gradients, which would cancel where they disagree.
    """
    canvas = _canvas(classifier, image, crops=crops)
    deviation = noise * float(canvas.max() - canvas.min())
    generator = torch.Generator().manual_seed(random_state)

    def slopes_of(views: torch.Tensor) -> torch.Tensor:
        copies = views.repeat(samples, 1, 1, 1)
        copies += deviation * torch.randn(copies.shape, generator=generator).to(copies)
        return torch.cat([score_gradient(classifier, part, target) for part in torch.split(copies, BATCH)])

    return _magnitudes(classifier, canvas, slopes_of, mirror=mirror)


def integrated_gradients(
    classifier: Classifier, image: Image, target: Target, *, mirror: bool, crops: bool, steps: int
) -> torch.Tensor:
    """The map of |`attributions`|, with `mirror` and `crops` as in `gradient`."""
    slopes_of = partial(attributions, classifier, target=target, steps=steps)
    return _magnitudes(classifier, _canvas(classifier, image, crops=crops), slopes_of, mirror=mirror)


def guided_backprop(classifier: Classifier, image: Image, target: Target, *, mirror: bool, crops: bool) -> torch.Tensor:
    """The map of |`guided_gradient`|, with `mirror` and `crops` as in `gradient`."""
    slopes_of = partial(guided_gradient, classifier, target=target)
    return _magnitudes(classifier, _canvas(classifier, image, crops=crops), slopes_of, mirror=mirror)


def score_gradient(classifier: Classifier, batch: torch.Tensor, target: Target) -> torch.Tensor:
    """d score / d input of each photo of a preprocessed batch, shape (n, 3, h, w)."""
    with differentiable(batch) as inputs:
        return torch.autograd.grad(score_of(classifier.scores(inputs), target).sum(), inputs)[0]


def attributions(classifier: Classifier, batch: torch.Tensor, target: Target, *, steps: int) -> torch.Tensor:
    """(x - black) times the mean of d score / d input on the way from a black photo to x, shape (n, 3, h, w).

    Black is the paper's baseline for photos. The mean is over the middles of `steps` equal parts of the way, of which
    the paper takes 20 to 300; with more of them, what a photo's attributions sum to nears the score of the photo less
    that of black: completeness.
    """
    black = classifier.preprocess(np.zeros((1, 1, 3), np.uint8), (batch.shape[2], batch.shape[3]))
    shares = (torch.arange(steps) + 0.5) / steps
    total = torch.zeros_like(batch)
    for share in shares.tolist():
        total += score_gradient(classifier, black + share * (batch - black), target)
    return (batch - black) * total / steps


def guided_gradient(classifier: Classifier, batch: torch.Tensor, target: Target) -> torch.Tensor:
    """`score_gradient` when no ReLU or ReLU6 passes on a negative slope; ValueError for other known activations."""
    with differentiable(batch) as inputs:
        scores = score_of(classifier.scores(inputs), target)
        _guide(classifier, scores)
        return torch.autograd.grad(scores.sum(), inputs)[0]


def _guide(classifier: Classifier, scores: torch.Tensor) -> None:
    """Guides the backward pass of these scores; the network, whose modules have no part in it, stays as it is."""
    nodes = list(_backward_steps(scores))
    rectifiers = [node for node in nodes if _rectifies(node)]
    others = [node.name() for node in nodes if node not in rectifiers and _OTHER_ACTIVATIONS.fullmatch(node.name())]
    if others or not rectifiers:
        found = ", ".join(sorted({name.partition("Backward")[0] for name in others})) or "none"
        raise ValueError(
            f"classifier must have ReLU or ReLU6 and no other activations for guided, got {found} in "
            f"{classifier.name}; choose another method"
        )
    for node in rectifiers:
        node.register_prehook(lambda slopes: tuple(slope.clamp(min=0) for slope in slopes))


def _backward_steps(scores: torch.Tensor) -> Iterator[Node]:
    """Each step of the backward pass once, in-place and functional ones too."""
    waiting, seen = [scores.grad_fn], set[Node]()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting.extend(following for following, _ in node.next_functions)


def _rectifies(node: Node) -> bool:
    return node.name() == "ReluBackward0" or getattr(node, "_saved_min_val", None) == 0


def _canvas(classifier: Classifier, image: Image, *, crops: bool) -> torch.Tensor:
    """The photo as the network's input, larger by what the crops leave out."""
    height, width = classifier.preprocessing.size
    enlarge = CROPPED_FROM if crops else 1
    return classifier.preprocess(image, (round(height * enlarge), round(width * enlarge)))


def _magnitudes(classifier: Classifier, canvas: torch.Tensor, slopes_of: Slopes, *, mirror: bool) -> torch.Tensor:
    """max over color channels of |slopes|, averaged over what is seen of each pixel of the canvas."""
    size = canvas.shape[2:]
    total, count = torch.zeros(size), torch.zeros(size)
    with classifier.frozen():
        for y, x in _windows(size, classifier.preprocessing.size):
            slopes = slopes_of(views_of(canvas[..., y, x], mirror=mirror))
            total[y, x] += mean_map(slopes.abs().amax(dim=1), mirror=mirror)
            count[y, x] += 1
    return torch.div(total, count)


def _windows(canvas: tuple[int, ...], size: tuple[int, int]) -> list[Window]:
    """The corners and the center of a canvas; the whole of it when it is no larger than a window."""
    (tall, wide), (height, width) = canvas, size
    down, right = tall - height, wide - width
    corners = [(y, x) for y in (0, down) for x in (0, right)]
    places = dict.fromkeys([*corners, (down // 2, right // 2)])
    return [(slice(y, y + height), slice(x, x + width)) for y, x in places]
