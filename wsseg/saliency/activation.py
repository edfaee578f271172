"""Saliency from activations: class activation maps.

CAM: Zhou, Khosla, Lapedriza, Oliva, Torralba 2016 (arXiv 1512.04150), section 2; Grad-CAM: Selvaraju, Cogswell, Das,
Vedantam, Parikh, Batra 2017 (arXiv 1610.02391), equations 1 and 2; Grad-CAM++: Chattopadhay, Sarkar, Howlader,
Balasubramanian 2018 (arXiv 1710.11063), equation 19; LayerCAM: Jiang, Zhang, Hou, Cheng, Wei 2021 (IEEE Transactions
on Image Processing 30); Score-CAM: Wang et al. 2020 (arXiv 1910.01279), algorithm 1.

Each method is a formula over a layer's activations A, (n, k, h, w), and the gradients g of the score with respect to
them. Maps are float32 (h, w), not negative, on the layer's grid; with `mirror` they are averaged with the mirror
image's. `layers` names one or several layers, as `model.named_modules()` does, separated by commas; if it is empty, the
last layer with a grid that the score depends on is found. The maps of several layers become one as in LayerCAM.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.modes import reproducible
from wsseg.saliency.layers import forward, grids_of, last, last_of_each, named, pooled_weights
from wsseg.saliency.score import score_of
from wsseg.saliency.views import BATCH, differentiable, mean_map, views_of

SHARPNESS: Final = 2.0
"""LayerCAM's gamma in tanh(gamma M / max M), which brings the maps of several layers to one range."""


class Layer(NamedTuple):
    """The arguments of a formula."""

    activations: torch.Tensor
    """A, float32 (n, k, h, w)."""
    gradients: torch.Tensor
    """g, float32 (n, k, h, w)."""
    views: torch.Tensor
    """The network's input, (n, 3, H, W)."""


Formula: TypeAlias = Callable[[Layer], torch.Tensor]
"""Function from a layer to one map per input, (n, h, w); negative values count as 0."""


@reproducible()
def cam(classifier: Classifier, image: Image, target: Target, *, mirror: bool) -> torch.Tensor:
    """Compute ReLU(sum_k w_k A_k), with w the class's weights in the one linear layer after global average pooling.

    With several classes, each class's weights count as its score does in the target's score. The network needs no
    backward pass. The paper has no ReLU.

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

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map on the layer's grid, not negative.

    Raises
    ------
    ValueError
        If the network does not end in global average pooling and one linear layer.
    """
    views = views_of(classifier.preprocess(image), mirror=mirror)
    with classifier.frozen(), differentiable(views) as inputs:
        outputs, scores = forward(classifier, inputs)
        grid = grids_of(classifier, inputs, outputs)[-1]
        weights = pooled_weights(classifier, outputs, scores, grid)
    with differentiable(scores.detach()) as known:
        (shares,) = torch.autograd.grad(score_of(known, target).sum(), known)
    maps = torch.einsum("nc,ck,nkyx->nyx", shares, weights, grid.activations)
    return mean_map(maps.clamp(min=0), mirror=mirror)


def grad_cam(classifier: Classifier, image: Image, target: Target, *, mirror: bool, layers: str) -> torch.Tensor:
    """Compute ReLU(sum_k w_k A_k), with w_k the mean of g_k over the grid.

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
    layers : str
        Names of layers, separated by commas; empty for the last that the score depends on.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map on the layer's grid, not negative.

    Examples
    --------
    >>> from importlib import resources
    >>> image = wsseg.read_image((resources.files("skimage") / "data/chelsea.png").read_bytes())
    >>> classifier = wsseg.load_classifier()
    >>> wsseg.saliency.grad_cam(classifier, image, classifier.target(image), mirror=False, layers="").shape
    torch.Size([7, 7])
    """

    def formula(layer: Layer) -> torch.Tensor:
        return weighted_by_mean_slopes(layer.activations, layer.gradients)

    return _map(classifier, image, target, formula, mirror=mirror, layers=layers)


def grad_cam_plus_plus(
    classifier: Classifier, image: Image, target: Target, *, mirror: bool, layers: str
) -> torch.Tensor:
    """Compute ReLU(sum_k w_k A_k), with w_k the sum over the grid of a ReLU(g), a = g^2 / (2 g^2 + g^3 sum A_k).

    These are the paper's weights for a probability that is the exponential of the score, without that exponential,
    which would multiply the whole map by one factor.

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
    layers : str
        Names of layers, separated by commas; empty for the last that the score depends on.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map on the layer's grid, not negative.
    """

    def formula(layer: Layer) -> torch.Tensor:
        slopes = layer.gradients
        divisor = 2 + slopes * _over_grid(layer.activations)
        # The fraction is reduced by g^2; where g is 0, so is ReLU(g).
        shares = torch.where(divisor != 0, 1 / divisor, 0)
        return (_over_grid(shares * slopes.clamp(min=0)) * layer.activations).sum(dim=1)

    return _map(classifier, image, target, formula, mirror=mirror, layers=layers)


def layer_cam(classifier: Classifier, image: Image, target: Target, *, mirror: bool, layers: str) -> torch.Tensor:
    """Compute ReLU(sum_k ReLU(g_k) A_k).

    Several maps M become one: the maximum of tanh(2 M / max M) on the finest of their grids.

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
    layers : str
        Names of layers, separated by commas; empty for the last at each size of grid.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map on the layer's grid, not negative.
    """

    def formula(layer: Layer) -> torch.Tensor:
        return (layer.gradients.clamp(min=0) * layer.activations).sum(dim=1)

    return _map(classifier, image, target, formula, mirror=mirror, layers=layers, stages=True)


def score_cam(
    classifier: Classifier, image: Image, target: Target, *, mirror: bool, layers: str, channels: int
) -> torch.Tensor:
    """Compute ReLU(sum_k w_k A_k), with w the softmax over k of the score of the photo masked by A_k.

    Only the channels with the largest deviation over the grid are used, as in github.com/tabayashi0117/Score-CAM; each
    costs a pass. With 32 of the embedded network's 1280 channels a map correlates at .99 with the map of all. A mask is
    A_k resized to the photo and stretched to [0, 1]; it dims the preprocessed photo to 0, the mean color. The score of
    the paper's baseline is the same for all k and does not change the softmax.

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
    layers : str
        Names of layers, separated by commas; empty for the last that the score depends on.
    channels : int
        Number of channels that are used.

    Returns
    -------
    torch.Tensor of float32, shape (h, w)
        The map on the layer's grid, not negative.
    """

    def formula(layer: Layer) -> torch.Tensor:
        return torch.stack([one_map(*pair) for pair in zip(layer.views, layer.activations, strict=True)])

    def one_map(view: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
        strongest = planes[planes.flatten(1).std(dim=1).topk(min(channels, len(planes))).indices]
        weights = _masked_scores(classifier, view, strongest, target).softmax(dim=0)
        return torch.einsum("k,kyx->yx", weights, strongest)

    return _map(classifier, image, target, formula, mirror=mirror, layers=layers)


def weighted_by_mean_slopes(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Compute `grad_cam` without its ReLU, (n, h, w)."""
    return (gradients.mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1)


@reproducible()
def _map(
    classifier: Classifier,
    image: Image,
    target: Target,
    formula: Formula,
    *,
    mirror: bool,
    layers: str,
    stages: bool = False,
) -> torch.Tensor:
    """The formula's map of the named layers, or else of the last layer, or with `stages` of the last at each size."""
    views = views_of(classifier.preprocess(image), mirror=mirror)
    with classifier.frozen(), differentiable(views) as inputs:
        outputs, scores = forward(classifier, inputs)
        grids = grids_of(classifier, inputs, outputs)
        score = score_of(scores, target)
        if layers:
            chosen = named(classifier, grids, layers)
        else:
            chosen = last_of_each(grids, score) if stages else [last(grids, score)]
        maps = [formula(Layer(grid.activations, grid.gradients(score), views)).clamp(min=0) for grid in chosen]
    return mean_map(_fused(maps), mirror=mirror)


def _over_grid(planes: torch.Tensor) -> torch.Tensor:
    """The sum over the grid, (n, k, 1, 1)."""
    return planes.sum(dim=(2, 3), keepdim=True)


def _fused(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """One (n, h, w) map as it is, or the maximum of several, see `layer_cam`."""
    if len(maps) == 1:
        return maps[0]
    size = max((tuple(one.shape[1:]) for one in maps), key=math.prod)
    scaled = [torch.tanh(SHARPNESS * one / _nonzero(one.amax(dim=(1, 2), keepdim=True))) for one in maps]
    return torch.stack([_resized(one, size) for one in scaled]).amax(dim=0)


def _masked_scores(classifier: Classifier, view: torch.Tensor, planes: torch.Tensor, target: Target) -> torch.Tensor:
    """The score of the (3, H, W) view masked by each of the (k, h, w) planes, shape (k,)."""
    masks = _resized(planes, tuple(view.shape[1:]))
    masks = masks - masks.amin(dim=(1, 2), keepdim=True)
    masks = masks / _nonzero(masks.amax(dim=(1, 2), keepdim=True))
    with torch.no_grad():
        scores = [classifier.scores(view * some[:, None]) for some in torch.split(masks, BATCH)]
    return score_of(torch.cat(scores), target)


def _resized(planes: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """The (n, h, w) planes at another size."""
    return nn.functional.interpolate(planes[None], size, mode="bilinear")[0]


def _nonzero(divisors: torch.Tensor) -> torch.Tensor:
    """The divisors, with the smallest positive number in place of 0."""
    return divisors.clamp(min=torch.finfo(divisors.dtype).tiny)
