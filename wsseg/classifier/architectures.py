"""Networks of torchvision and timm that fit a checkpoint."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import timm
import torch
import torchvision
from torch import nn

from wsseg.classifier.weights import State

# As torchvision's DenseNet weights were named when it wrote them.
_OLD_DENSENET: Final = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def torchvision_weights(name: str) -> Any:
    """The weights that torchvision has for the network by default, of its own class."""
    return torchvision.models.get_model_weights(name).DEFAULT


def torchvision_model(name: str, side: int, state: State) -> tuple[nn.Module, int]:
    """The network that the state fits, with as many classes as its last layer has, and their number."""
    options = _torchvision_options(name, side)
    model = torchvision.models.get_model(name, weights=None, **options)
    last = list(model.state_dict())[-1]
    classes, wanted = len(model.state_dict()[last]), _rows(state, last)
    if wanted not in (None, classes):
        model, classes = torchvision.models.get_model(name, weights=None, num_classes=wanted, **options), wanted
    for old in filter(_OLD_DENSENET.search, list(state)):
        state[_OLD_DENSENET.sub(r"\1\2", old)] = state.pop(old)
    model.load_state_dict(state)
    return model, classes


def _torchvision_options(name: str, side: int) -> dict[str, Any]:
    """What torchvision itself sets when it builds a network for its weights; the rest it sets alike without them."""
    if name in ("googlenet", "inception_v3"):
        return {"transform_input": True, "init_weights": False}
    if name.startswith("vgg"):
        return {"init_weights": False}
    return {"image_size": side} if name.startswith("vit_") else {}


def timm_model(name: str, config: Any, state: State) -> tuple[nn.Module, int]:
    """The network that the state fits once timm has renamed what is old in it, and the number of its classes."""
    head = config.classifier if isinstance(config.classifier, str) else next(iter(config.classifier or ()), None)
    classes = _rows(state, f"{head}.weight") or config.num_classes
    overlay = {"state_dict": state, "num_classes": classes, "custom_load": False}
    model: Any = timm.create_model(name, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay)
    # timm keeps the overlay there, and so the weights a second time.
    model.pretrained_cfg.pop("state_dict", None)
    return model, classes


def _rows(state: State, key: str) -> int | None:
    tensor = state.get(key)
    return len(tensor) if isinstance(tensor, torch.Tensor) and tensor.ndim else None


@contextmanager
def describing_misfit(path: Path, name: str) -> Iterator[None]:
    """What torch says of weights that do not fit, as one line that names the file and the first keys."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        first, *rest = str(error).splitlines() or [""]
        problems = "; ".join(line.strip()[:160] for line in rest[:3] or [first])
        raise ValueError(
            f"checkpoint must hold the weights of {name}, got {path}: {problems}; name the network it was made with"
        ) from error
