"""EfficientNet-Lite, the network of the bundled classifier and of the self-taught one.

Tan, Le 2019 (arXiv 1905.11946), without squeeze-and-excitation and with ReLU6. Layers have the names, and compute the
same numbers, as those of `timm:tf_efficientnet_lite0` to `2`, but importing timm takes seconds, because it imports
torchvision and torch's compiler.
"""

import copy
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

STEM: Final = 32
"""Channels of the first layer."""

HEAD: Final = 1280
"""Channels of the last layer before the scores."""

EPSILON: Final = 1e-3
"""Added to the variance where features are normalized."""


Network = TypeVar("Network", bound=nn.Module)


class _Stage(NamedTuple):
    """The blocks between two changes of the grid's size or of the channels."""

    kernel: int
    """Side of the depthwise convolutions."""
    stride: int
    """Stride of the first block."""
    expansion: int
    """Channels inside a block, per channel of its input."""


_STAGES: Final = (
    _Stage(3, 1, 1),
    _Stage(3, 2, 6),
    _Stage(5, 2, 6),
    _Stage(3, 2, 6),
    _Stage(5, 1, 6),
    _Stage(5, 2, 6),
    _Stage(3, 1, 6),
)

VARIANTS: Final[Mapping[str, tuple[tuple[int, int], ...]]] = MappingProxyType(
    {
        "efficientnet_lite0": ((1, 16), (2, 24), (2, 40), (3, 80), (3, 112), (4, 192), (1, 320)),
        "efficientnet_lite1": ((1, 16), (3, 24), (3, 40), (4, 80), (4, 112), (5, 192), (1, 320)),
        "efficientnet_lite2": ((1, 16), (3, 24), (3, 48), (4, 88), (4, 120), (5, 208), (1, 352)),
    }
)
"""Blocks and output channels of each stage."""


class EfficientNetLite(nn.Module):
    """The network of one of the `VARIANTS`, with random weights.

    Parameters
    ----------
    variant : str
        Name of the variant.
    classes : int
        Number of scores.
    """

    def __init__(self, variant: str, classes: int = 1000) -> None:
        super().__init__()
        self.conv_stem = _Padded(3, STEM, 3, stride=2, bias=False)
        self.bn1 = _Normalized(STEM)
        channels, stages = STEM, []
        for stage, (blocks, wider) in zip(_STAGES, VARIANTS[variant], strict=True):
            block = _Inverted if stage.expansion > 1 else _Separable
            first = block(channels, wider, stage)
            stages.append(
                nn.Sequential(first, *(block(wider, wider, stage._replace(stride=1)) for _ in range(1, blocks)))
            )
            channels = wider
        self.blocks = nn.Sequential(*stages)
        self.conv_head = nn.Conv2d(channels, HEAD, 1, bias=False)
        self.bn2 = _Normalized(HEAD)
        self.global_pool = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))
        self.classifier = nn.Linear(HEAD, classes)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Compute the scores (n, classes) of inputs (n, 3, H, W)."""
        features = self.bn2(self.conv_head(self.blocks(self.bn1(self.conv_stem(batch)))))
        scores: torch.Tensor = self.classifier(self.global_pool(features))
        return scores


class _Padded(nn.Conv2d):
    """A convolution padded as TensorFlow does: to a grid of side / stride cells, one pixel more at the end if odd.

    Both ends are padded alike here; where TensorFlow pads the start less, the kernel starts with zeros instead. So the
    features, which are far larger than the kernel, need no copy.
    """

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        pads, zeros = [], list[int]()
        for side, kernel, stride in zip(batch.shape[2:], self.kernel_size, self.stride, strict=True):
            total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
            pads.append(total - total // 2)
            zeros = [total % 2, 0, *zeros]  # Torch wants the last axis first.
        kernels = functional.pad(self.weight, zeros)
        return functional.conv2d(batch, kernels, self.bias, self.stride, pads, 1, self.groups)


class _Normalized(nn.BatchNorm2d):
    """A normalization, followed by ReLU6 or by nothing."""

    def __init__(self, channels: int, *, rectified: bool = True) -> None:
        super().__init__(channels, eps=EPSILON)
        self.act = nn.ReLU6(inplace=True) if rectified else nn.Identity()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.act(super().forward(batch))
        return features


@torch.inference_mode(False)  # Gradients pass through the copy's weights later.
def folded(network: Network) -> Network:
    """Return a copy of a network in which convolutions also do the normalizations that follow them.

    It computes the same up to rounding, and a gradient in three quarters of the time: the features are read and written
    once, not twice.

    Parameters
    ----------
    network : nn.Module
        An `EfficientNetLite`, or a network with one in it.

    Returns
    -------
    nn.Module of the same class
        The copy. Its layers have the same names, but a normalization is only its activation.
    """
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for (_, convolution), (name, norm) in pairwise(module.named_children()):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, _Normalized):
                _fold(convolution, norm)
                setattr(module, name, norm.act)
    return network


def _fold(convolution: nn.Conv2d, norm: _Normalized) -> None:
    statistics = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, None, *statistics, norm.eps, norm.weight, norm.bias
    )


def _depthwise(channels: int, stage: _Stage) -> nn.Conv2d:
    if stage.stride > 1:
        return _Padded(channels, channels, stage.kernel, stage.stride, groups=channels, bias=False)
    return nn.Conv2d(channels, channels, stage.kernel, padding=stage.kernel // 2, groups=channels, bias=False)


class _Separable(nn.Module):
    """A depthwise and a pointwise convolution."""

    def __init__(self, channels: int, wider: int, stage: _Stage) -> None:
        super().__init__()
        self.conv_dw = _depthwise(channels, stage)
        self.bn1 = _Normalized(channels)
        self.conv_pw = nn.Conv2d(channels, wider, 1, bias=False)
        self.bn2 = _Normalized(wider, rectified=False)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(batch))))
        return features


class _Inverted(nn.Module):
    """An inverted residual block: wider, depthwise, narrower, added to its input if both have one shape."""

    def __init__(self, channels: int, wider: int, stage: _Stage) -> None:
        super().__init__()
        inside = stage.expansion * channels
        self.adds = stage.stride == 1 and channels == wider
        self.conv_pw = nn.Conv2d(channels, inside, 1, bias=False)
        self.bn1 = _Normalized(inside)
        self.conv_dw = _depthwise(inside, stage)
        self.bn2 = _Normalized(inside)
        self.conv_pwl = nn.Conv2d(inside, wider, 1, bias=False)
        self.bn3 = _Normalized(wider, rectified=False)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.bn2(self.conv_dw(self.bn1(self.conv_pw(batch))))
        features = self.bn3(self.conv_pwl(features))
        return features + batch if self.adds else features
