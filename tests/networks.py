"""Small networks for the tests, with weights that are the same for every version of torch."""

import numpy as np
import torch
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.load import load_classifier


def seeded(model: nn.Module, seed: int = 0) -> nn.Module:
    """Return the model in evaluation mode with weights drawn by numpy, whose streams do not change."""
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            deviation = parameter[0].numel() ** -0.5
            parameter.copy_(torch.tensor(generator.normal(0, deviation, parameter.shape)))
    return model.eval()


def classifier_of(model: nn.Module, height: int, width: int | None = None) -> Classifier:
    """The model as a classifier for photos of this size; their values are normalized, nothing else."""
    return load_classifier(model, preprocessing=Preprocessing((height, width or height), (0.5,) * 3, (0.25,) * 3))


def pooling_net(*, inplace: bool = False, stride: int = 1) -> nn.Sequential:
    """Two convolutions, global average pooling and one linear layer, as CAM needs."""
    body = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace), nn.Conv2d(4, 6, 3, stride, padding=1), nn.ReLU(inplace)
    )
    return seeded(nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)))


def flattening_net(side: int) -> nn.Sequential:
    """Three convolutions, at full, half and quarter size, and a linear layer with a weight for each pixel."""
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True)]
    for channels in (4, 5):
        layers += [nn.Conv2d(channels, channels + 1, 3, 2, padding=1), nn.ReLU(inplace=True)]
    return seeded(nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * (side // 4) ** 2, 3)), 2)


def photo_of(height: int, width: int | None = None) -> Image:
    """A photo of noise."""
    return np.random.default_rng(9).integers(0, 256, (height, width or height, 3), np.uint8)


def input_of(photo: Image) -> torch.Tensor:
    """The input that `classifier_of` makes of a photo of its own size."""
    return (torch.tensor(photo).permute(2, 0, 1)[None] / 255 - 0.5) / 0.25
