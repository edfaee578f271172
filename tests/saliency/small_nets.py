"""A linear network and a small one, for the tests of maps."""

import torch
from torch import nn

from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.load import load_classifier

SIDE = 14
"""Side of the networks' input; with crops the photo has 16."""

ONE = Target((1,), "class 1")
SEVERAL = Target((0, 2), "class 0|class 2")
INTEGRATED = {"mirror": False, "crops": False, "steps": 7}
SMOOTH = {"mirror": True, "crops": False, "samples": 3, "noise": 0.2, "random_state": 0}


class Linear(nn.Module):
    """Three scores, each a weighted sum of the input."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(torch.randn(3, 3, SIDE, SIDE, generator=generator))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nchw,kchw->nk", batch, self.weight)


def small_net(pooled: int = 2) -> nn.Sequential:
    """Convolution, batch norm, in-place ReLU and dropout, in training mode as it comes."""
    torch.manual_seed(2)
    body = (nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.5))
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(pooled), nn.Flatten(), nn.Linear(8 * pooled**2, 3))


def classifier_of(model: nn.Module) -> Classifier:
    return load_classifier(model, preprocessing=Preprocessing((SIDE, SIDE), (0.5,) * 3, (0.25,) * 3))
