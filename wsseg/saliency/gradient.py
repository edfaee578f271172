"""Where the classifier looks, by the gradient of its score with respect to the photo.

Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034), section 3.1; SmoothGrad: Smilkov, Thorat, Kim, Viegas, Wattenberg
2017 (arXiv 1706.03825), section 3. Maps here are float32 (h, w), not negative, at the size of the network's input.
"""

from typing import Final

import torch

from wsseg.arrays import Image
from wsseg.categories import Target
from wsseg.classifier import Classifier
from wsseg.saliency.score import score_of

BATCH: Final = 8
"""Copies of a photo in one pass of the network. It bounds memory, and is fixed: a score's last bits depend on it."""

CROPPED_FROM: Final = 256 / 224
"""Side of the photo that crops are taken from, per side of a crop (Krizhevsky, Sutskever, Hinton 2012, section 4.1)."""

Window = tuple[slice, slice]


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
    height, width = classifier.preprocessing.size
    enlarge = CROPPED_FROM if crops else 1
    canvas = classifier.preprocess(image, (round(height * enlarge), round(width * enlarge)))
    deviation = noise * float(canvas.max() - canvas.min())
    generator = torch.Generator().manual_seed(random_state)
    total, count = torch.zeros(canvas.shape[2:]), torch.zeros(canvas.shape[2:])
    with classifier.frozen():
        for y, x in _windows(canvas.shape[2:], (height, width)):
            view = canvas[..., y, x]
            copies = torch.cat([view, view.flip(3)] if mirror else [view]).repeat(samples, 1, 1, 1)
            copies += deviation * torch.randn(copies.shape, generator=generator).to(copies)
            maps = _magnitudes(classifier, copies, target)
            if mirror:
                maps[1::2] = maps[1::2].flip(2)
            total[y, x] += maps.mean(dim=0)
            count[y, x] += 1
    return torch.div(total, count)


def score_gradient(classifier: Classifier, batch: torch.Tensor, target: Target) -> torch.Tensor:
    """d score / d input of each photo of a preprocessed batch, shape (n, 3, h, w)."""
    with torch.inference_mode(False), torch.enable_grad():
        inputs = batch.clone().requires_grad_()
        (slopes,) = torch.autograd.grad(score_of(classifier.scores(inputs), target).sum(), inputs)
    return slopes


def _magnitudes(classifier: Classifier, copies: torch.Tensor, target: Target) -> torch.Tensor:
    parts = (score_gradient(classifier, part, target) for part in torch.split(copies, BATCH))
    return torch.cat([part.abs().amax(dim=1) for part in parts]).float().cpu()


def _windows(canvas: tuple[int, ...], size: tuple[int, int]) -> list[Window]:
    """The corners and the center of a canvas; the whole of it when it is no larger than a window."""
    (tall, wide), (height, width) = canvas, size
    down, right = tall - height, wide - width
    corners = [(y, x) for y in (0, down) for x in (0, right)]
    places = dict.fromkeys([*corners, (down // 2, right // 2)])
    return [(slice(y, y + height), slice(x, x + width)) for y, x in places]
