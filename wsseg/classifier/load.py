"""Loading a classifier: by name, from a checkpoint, or from a module."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

import torch
from torch import nn

from wsseg.classifier.categories import Categories
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.imagenet import imagenet_categories
from wsseg.classifier.lite import EfficientNetLite
from wsseg.classifier.modes import reproducible
from wsseg.classifier.outputs import Activation, check_activation
from wsseg.classifier.own import classifier_of_module, named
from wsseg.classifier.sources import name_and_file
from wsseg.classifier.weights import first_line, read_weights
from wsseg.classifier.wheels import WHEELS, weights_in_wheel, wheel_command
from wsseg.recipe import EMBEDDED


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
        name, file = name_and_file(source, architecture)
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


def _loader(name: str) -> Callable[[str, Path | None], Classifier]:
    """The function that loads the classifier of this name; ValueError lists the nearest names if there is none."""
    if name in WHEELS:
        return _from_wheel
    if name.startswith("hf:"):
        return _from_hub
    from wsseg.classifier.libraries import loader_of  # Importing it takes seconds.

    return loader_of(name)


def _from_hub(name: str, _: Path | None) -> Classifier:
    from wsseg.classifier.huggingface import classifier_of_hub

    return classifier_of_hub(name)


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
    model = EfficientNetLite(name)
    # The file has other names for the same tensors, in the same order; load_state_dict checks their shapes.
    model.load_state_dict(dict(zip(model.state_dict(), state.values(), strict=True)))
    # Convolutions on the CPU like this layout: the median time of SmoothGrad and Grad-CAM falls by an eighth.
    model = model.to(memory_format=torch.channels_last)
    preprocessing = Preprocessing((wheel.side,) * 2, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")
    return Classifier(name, model, imagenet_categories(), preprocessing, digest, torch.device("cpu"))


def bare_model(name: str, *, most: float) -> nn.Module | None:
    """Return the network of a classifier of this name, without its weights; None if the name alone does not tell it.

    ValueError if it has more than `most` parameters, before any is allocated.
    """
    if name in WHEELS:
        return EfficientNetLite(name)
    from wsseg.classifier.architectures import library_model  # Importing it takes seconds.

    return library_model(name, most)
