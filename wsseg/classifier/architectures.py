"""Networks of torchvision and timm that fit a checkpoint."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import timm
import torch
import torchvision
from timm.models import PretrainedCfg
from torch import nn
from torchvision.models import WeightsEnum

from wsseg.classifier.weights import StateDict

# Names in the DenseNet weights that torchvision published before it renamed its layers.
_OLD_DENSENET: Final = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def torchvision_weights(name: str) -> WeightsEnum:
    """Return torchvision's description of the network's default weights."""
    return torchvision.models.get_model_weights(name).DEFAULT


def torchvision_model(name: str, side: int, state: StateDict) -> tuple[nn.Module, int]:
    """Return torchvision's network with these weights, and its number of classes, that of the weights' last layer."""
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


def _torchvision_options(name: str, side: int) -> dict[str, bool | int]:
    """Return the options that torchvision sets only when it builds a network together with its weights."""
    if name in ("googlenet", "inception_v3"):
        return {"transform_input": True, "init_weights": False}
    if name.startswith("vgg"):
        return {"init_weights": False}
    return {"image_size": side} if name.startswith("vit_") else {}


def timm_model(name: str, config: PretrainedCfg, state: StateDict) -> tuple[nn.Module, int]:
    """Return timm's network with these weights, whose old names timm updates, and its number of classes."""
    head = config.classifier if isinstance(config.classifier, str) else next(iter(config.classifier or ()), None)
    classes = _rows(state, f"{head}.weight") or config.num_classes
    overlay = {"state_dict": state, "num_classes": classes, "custom_load": False}
    model: Any = timm.create_model(name, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay)
    # timm keeps the overlay there, and with it a second copy of the weights.
    model.pretrained_cfg.pop("state_dict", None)
    return model, classes


def library_model(name: str, most: float) -> nn.Module | None:
    """Return the network of torchvision or timm of this name, without its weights; None if there is none.

    ValueError if it has more than `most` parameters, before any is allocated.
    """
    model: nn.Module | None = None
    library, _, name = name.partition("@")[0].rpartition(":")
    if library == "timm" and timm.is_model(name):
        _check_parameters(name, timm_parameters(name), most)
        model = timm.create_model(name, pretrained=False)
    elif library in ("", "torchvision") and name in torchvision.models.list_models(module=torchvision.models):
        _check_parameters(name, torchvision_weights(name).meta["num_params"], most)
        model = torchvision.models.get_model(name, weights=None, **_torchvision_options(name, _own_side(name)))
    return model


def timm_parameters(name: str) -> int:
    """Return the number of parameters of timm's network of this name, counted without allocating them."""
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False)
    return sum(parameter.numel() for parameter in network.parameters())


def _check_parameters(name: str, count: int, most: float) -> None:
    if count > most:
        raise ValueError(f"it has too few weights for {name}, which has {count} parameters")


def _own_side(name: str) -> int:
    """The side of the inputs that torchvision's default weights were trained with."""
    return int(torchvision_weights(name).transforms().crop_size[0])


def _rows(state: StateDict, key: str) -> int | None:
    """The length of a tensor's first axis; None if there is no such tensor."""
    tensor = state.get(key)
    return len(tensor) if isinstance(tensor, torch.Tensor) and tensor.ndim else None


@contextmanager
def describing_misfit(path: Path, name: str) -> Iterator[None]:
    """Turn torch's report on weights that do not fit into a one-line ValueError with the file and the first keys."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        first, *rest = str(error).splitlines() or [""]
        problems = "; ".join(line.strip()[:160] for line in rest[:3] or [first])
        raise ValueError(
            f"checkpoint must hold the weights of {name}, got '{path}' ({problems}); "
            "give the name of the network that it was saved from"
        ) from error
