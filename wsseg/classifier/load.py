"""Loading a classifier: by name, from a checkpoint, or from a module."""

import dataclasses
import difflib
import reprlib
from collections.abc import Callable, Mapping, Sequence
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
from wsseg.classifier.huggingface import classifier_of_hub
from wsseg.classifier.modes import reproducible
from wsseg.classifier.outputs import Activation, check_activation
from wsseg.classifier.own import classifier_of_module, named
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

_CHECKPOINTS: Final = (".pth", ".pt", ".safetensors")


@reproducible()
def load_classifier(
    source: str | Path | nn.Module = EMBEDDED,
    *,
    categories: Categories | Sequence[str] | Mapping[int, str] | Mapping[str, str] | Mapping[str, int] | None = None,
    preprocessing: Preprocessing | None = None,
    architecture: str | None = None,
    device: str | torch.device | None = None,
    activation: Activation | None = None,
) -> Classifier:
    """Load a classifier by name, from a checkpoint or from a module.

    | source                                     | classifier                                                         |
    |--------------------------------------------|--------------------------------------------------------------------|
    | `"efficientnet_lite0"`                     | the embedded one, without a download                               |
    | `"vgg19"`, `"torchvision:vgg19"`           | torchvision's, with its default weights, downloaded on first use   |
    | `"timm:resnet50.a1_in1k"`                  | timm's, with its weights, downloaded on first use                  |
    | `"vgg19@my.pth"`, `"timm:resnet50@my.pt"`  | that architecture with the weights of a file (.safetensors too)    |
    | `"my.pth"` with `architecture="vgg19"`     | the same                                                           |
    | `"hf:google/vit-base-patch16-224"`         | Hugging Face's, downloaded on first use: `pip install 'wsseg[hf]'` |
    | `"hf:FOLDER"`                              | the same, from a folder that `save_pretrained` wrote               |
    | a `torch.nn.Module`                        | your own, see below                                                |

    Your own module must take (n, 3, H, W) inputs and return un-normalized scores (n, classes): as a tensor, as `logits`
    of an object or dict, as the one such entry of a dict, or as the first entry of a tuple.

    Parameters
    ----------
    source : str, Path or torch.nn.Module, optional
        See the table. Your own module stays on its device and keeps its dtype.
    categories : Categories, sequence of str or mapping, optional
        Names of the classes in the order of the scores, or a mapping from index to name or from name to index. By
        default a named network or checkpoint of 1000 classes has ImageNet's names in the usual order, and one of
        Hugging Face its own; the classes of any other checkpoint or module are called `class 0`, `class 1`, ...
    preprocessing : Preprocessing, optional
        Preprocessing in place of the source's own. Your own module needs one; `IMAGENET` is the most common.
    architecture : str, optional
        Name of the network that a checkpoint belongs to.
    device : str or torch.device, optional
        Device for a named network or checkpoint, the CPU by default.
    activation : {"softmax", "sigmoid"}, optional
        How scores become probabilities: by softmax (default) for classes that exclude each other; by sigmoid for
        classes that one photo may show together, or for one logit, which scores two classes, the negative one first.

    Returns
    -------
    Classifier
        The classifier, ready to use.

    Raises
    ------
    ValueError
        If a name is unknown, or the parts do not fit each other.
    FileNotFoundError
        If the checkpoint is missing.
    ConnectionError
        If weights cannot be downloaded. The message says where to put the file.

    Examples
    --------
    >>> wsseg.load_classifier("efficientnet_lite0")
    Classifier(efficientnet_lite0, 1000 categories, input 224 x 224, on cpu)

    >>> from torch import nn
    >>> module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    >>> wsseg.load_classifier(module, categories=["cat", "dog"], preprocessing=wsseg.IMAGENET)
    Classifier(Sequential, 2 categories, input 224 x 224, on cpu)
    """
    check_activation(activation or "softmax")
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        if isinstance(source, nn.Module):
            return classifier_of_module(source, categories, preprocessing, device, activation or "softmax")
        usable = _usable_device(device or "cpu")
        name, file = _name_and_file(source, architecture)
        with torch.device("cpu"):  # Whatever the default device.
            found = _loader(name)(name, file)
    activation = activation or found.activation
    return dataclasses.replace(
        found,
        model=found.model.to(usable).eval(),
        categories=named(categories, len(found.categories), activation, default=found.categories),
        preprocessing=preprocessing or found.preprocessing,
        device=usable,
        activation=activation,
    )


def imagenet_categories(classes: int = 1000) -> Categories:
    """Return the categories of ImageNet.

    Parameters
    ----------
    classes : int, optional
        Number of classes: 1000, or the size of one of the larger ImageNets, as 11821 or 21841.

    Returns
    -------
    Categories
        Names, WordNet ids and synonyms in the usual order of the scores.

    Raises
    ------
    ValueError
        If no ImageNet has this many classes.
    """
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        raise ValueError(f"classes must be the size of an ImageNet, got {classes}; pass your own names as categories")
    info: Any = ImageNetInfo(subset)
    synonyms = tuple(tuple(lemmas.split(", ")) for lemmas in info.label_descriptions())
    # torchvision's names distinguish the two cranes and the two maillots; the first synonyms do not.
    names = torchvision_weights("resnet50").meta["categories"] if classes == 1000 else [first for first, *_ in synonyms]
    return Categories(tuple(names), tuple(info.label_names()), synonyms)


def _usable_device(device: str | torch.device) -> torch.device:
    """The device, after torch has calculated something on it."""
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device must be one that torch can use here, got {device} ('{first_line(error)}'); "
            "use cpu, or a device that wsseg doctor lists"
        ) from error
    return torch.device(device)


def _name_and_file(source: object, architecture: str | None) -> tuple[str, Path | None]:
    """The architecture's name, and the weights file if there is one."""
    if not isinstance(source, str | Path):
        raise TypeError(
            f"source must be a name, a path or a torch.nn.Module, got {type(source).__name__}; pass one of these"
        )
    if architecture is not None:
        return architecture, _checkpoint(str(source))
    if str(source).startswith("hf:"):
        return str(source), None
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
        raise ValueError(
            f"checkpoint must end in {', '.join(_CHECKPOINTS)}, got {file!r}; rename the file if it holds weights"
        )
    return Path(file).expanduser()


def _loader(name: str) -> Callable[[str, Path | None], Classifier]:
    """The function that loads the classifier of this name; ValueError lists the nearest names if there is none."""
    if name in WHEELS:
        return _from_wheel
    if name.startswith("hf:"):
        return lambda name, _: classifier_of_hub(name)
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
    """Whether timm has a network of this name, or weights if the name has a tag, as in `resnet50.a1_in1k`."""
    return timm.is_model_pretrained(name) or (timm.is_model(name) and "." not in name)


def _from_wheel(name: str, file: Path | None) -> Classifier:
    if file is not None:
        raise ValueError(f"source must be {name!r} without a file, got '{file}'; write timm:tf_{name}@{file}")
    wheel = WHEELS[name]
    try:
        weights = weights_in_wheel(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"source must be installed, got {name}; {wheel_command(name)}") from error
    with resources.as_file(weights) as path:
        state, digest = read_weights(path, wheel.sha256)
    model: Any = timm.create_model(f"tf_{name}", pretrained=False)
    # The file has other names for the same tensors, in the same order; load_state_dict checks their shapes.
    model.load_state_dict(dict(zip(model.state_dict(), state.values(), strict=True)))
    preprocessing = Preprocessing((wheel.side,) * 2, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")
    return _with_known_names(name, model, model.num_classes, preprocessing, digest)


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
    known = infer_imagenet_subset({"num_classes": classes})
    categories = imagenet_categories(classes) if known else numbered(classes)
    return Classifier(name, model, categories, preprocessing, digest, torch.device("cpu"))


def _name_of(name: str, file: Path | None) -> str:
    """The classifier's name, as in `vgg19@my.pth` if its weights are a person's own file."""
    return f"{name}@{file.name}" if file else name
