"""The classifiers of torchvision and timm, whose import takes seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import nn

from wsseg.classifier.architectures import describing_misfit, timm_model, torchvision_model, torchvision_weights
from wsseg.classifier.categories import numbered
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.imagenet import imagenet_categories, is_imagenet
from wsseg.classifier.sources import unknown_name
from wsseg.classifier.weights import downloaded, downloaded_from_hub, read_weights, sha256_start


def loader_of(name: str) -> Callable[[str, Path | None], Classifier]:
    """Return the function that loads the classifier of this name; ValueError lists the nearest if there is none."""
    if name.startswith("timm:") and _timm_knows(name.removeprefix("timm:")):
        return _from_timm
    names = torchvision.models.list_models(module=torchvision.models)
    if name.removeprefix("torchvision:") in names:
        return _from_torchvision
    raise unknown_name(name, [*names, *(f"timm:{one}" for one in (*timm.list_models(), *timm.list_pretrained()))])


def _timm_knows(name: str) -> bool:
    """Whether timm has a network of this name, or weights if the name has a tag, as in `resnet50.a1_in1k`."""
    return timm.is_model_pretrained(name) or (timm.is_model(name) and "." not in name)


def _from_torchvision(name: str, file: Path | None) -> Classifier:
    name = name.removeprefix("torchvision:")
    weights = torchvision_weights(name)
    preset = weights.transforms()
    path = file or downloaded(name, weights.url)
    state, digest = read_weights(path, "" if file else sha256_start(path))
    with describing_misfit(path, name):
        model, classes = torchvision_model(name, preset.crop_size[0], state)
    size = tuple(preset.crop_size * 2)
    preprocessing = Preprocessing(size, tuple(preset.mean), tuple(preset.std), preset.interpolation.value)
    return _with_known_names(_name_of(name, file), model, classes, preprocessing, digest)


def _from_timm(name: str, file: Path | None) -> Classifier:
    config: Any = timm.get_pretrained_cfg(name.removeprefix("timm:"))
    if not config.num_classes:
        raise ValueError(f"source must name a classifier, got {name}, which makes features only; choose another tag")
    path = file or downloaded_from_hub(name, config)
    state, digest = read_weights(path)
    with describing_misfit(path, name):
        model, classes = timm_model(name.removeprefix("timm:"), config, state)
    preprocessing = Preprocessing(config.input_size[1:], config.mean, config.std, config.interpolation)
    return _with_known_names(_name_of(name, file), model, classes, preprocessing, digest)


def _with_known_names(
    name: str, model: nn.Module, classes: int, preprocessing: Preprocessing, digest: str
) -> Classifier:
    """The classifier with ImageNet's names if an ImageNet has this many classes, otherwise with numbers."""
    categories = imagenet_categories(classes) if is_imagenet(classes) else numbered(classes)
    return Classifier(name, model, categories, preprocessing, digest, torch.device("cpu"))


def _name_of(name: str, file: Path | None) -> str:
    """The classifier's name, as in `vgg19@my.pth` if its weights are a person's own file."""
    return f"{name}@{file.name}" if file else name
