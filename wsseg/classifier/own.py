"""Classifiers of one's own: a module that is tried once, and the names of its classes in any common form."""

import dataclasses
import operator
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import torch
from torch import nn

from wsseg.classifier.categories import Categories, numbered
from wsseg.classifier.classifier import Classifier, Preprocessing, raw_output
from wsseg.classifier.outputs import Activation, check_scores, normalization_of, scores_in
from wsseg.classifier.weights import first_line

_PROBES: Final = (1.0, 10.0)
"""Standard deviations of the noise that shows whether scores are probabilities for any input."""

# What torch says about a first layer for another number of colors.
_CHANNELS: Final = re.compile(r"to have (\d+) channels, but got 3 channels")


def classifier_of_module(
    model: nn.Module,
    categories: object,
    preprocessing: Preprocessing | None,
    device: str | torch.device | None,
    activation: Activation,
) -> Classifier:
    """Return the classifier of a person's own module, which stays where it is; one pass finds the number of classes."""
    if preprocessing is None:
        raise ValueError(
            "preprocessing must be given for a module of your own, got None; "
            "use wsseg.IMAGENET if it was trained like most networks"
        )
    own_device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if device is not None and torch.empty(0, device=device).device != own_device:
        raise ValueError(f"device must be the module's own, {own_device}, got {device}; move the module before")
    unnamed = Classifier(
        type(model).__name__, model, numbered(1), preprocessing, None, own_device, activation=activation
    )
    return dataclasses.replace(unnamed, categories=named(categories, scores_of_module(unnamed), activation))


def scores_of_module(classifier: Classifier) -> int:
    """Return the number of scores of a network that is tried here; ValueError if it cannot be used.

    It must take RGB photos, return un-normalized scores, and give gradients.
    """
    with torch.enable_grad():
        inputs = torch.zeros(1, 3, *classifier.preprocessing.size, device="cpu").requires_grad_()
        try:
            output = raw_output(classifier, inputs)
        except Exception as error:  # Whatever a network of a person's own raises.
            raise ValueError(_refusal(classifier, inputs, error)) from error
        scores = scores_in(output, 1)
        _check_unnormalized(classifier, scores)
        check_scores(scores, inputs, classifier.name)
    return scores.shape[1]


def named(categories: object, scores: int, activation: Activation, default: Categories | None = None) -> Categories:
    """Return the names of the classes of a network with this many scores: the given ones, else the default ones.

    Names may come in a Categories, in a sequence in the order of the scores, or in a mapping between indices and names.
    One logit has two classes; a single name is that of the second, whose probability rises with the logit.
    """
    if scores == 1 and activation == "softmax":
        raise ValueError(
            "model must return at least two scores for softmax, got one logit; pass activation='sigmoid' to "
            "load_classifier, which makes two classes of it"
        )
    classes = max(2, scores)
    if categories is None and (default is None or default == numbered(scores)):
        return numbered(classes)
    given = default if categories is None else categories
    found = given if isinstance(given, Categories) else Categories(_names(given))
    if len(found) == 1 == scores:
        return Categories((f"not {found.names[0]}", found.names[0]))
    if len(found) != classes:
        raise ValueError(
            f"categories must be {classes} names, got {len(found)}; "
            + ("give that of the negative and that of the positive class" if scores == 1 else _ONE_EACH)
        )
    return found


_ONE_EACH: Final = "give one for each score of the last layer"


def _names(categories: object) -> tuple[Any, ...]:
    """The names in the order of the classes."""
    if isinstance(categories, Mapping):
        return _names_of_mapping(categories)
    if isinstance(categories, str | bytes | set | frozenset) or not isinstance(categories, Iterable):
        remedy = (
            "put them in the order of the scores" if isinstance(categories, set | frozenset) else "put it in a list"
        )
        raise TypeError(f"categories must be a sequence of names, got {reprlib.repr(categories)}; {remedy}")
    return tuple(categories)


def _names_of_mapping(categories: Mapping[object, object]) -> tuple[Any, ...]:
    """The names in a mapping from indices to names, as {0: "cat"} or JSON's {"0": "cat"}, or from names to indices."""
    indices = [_index(key) for key in categories]
    names = list(categories.values())
    if None in indices:
        names, indices = list(categories), [_index(value) for value in names]
    if sorted(index for index in indices if index is not None) != list(range(len(categories))):
        raise ValueError(
            f"categories must number all classes from 0 to {len(categories) - 1}, got {reprlib.repr(categories)}; "
            "give each name one index, or a list in the order of the scores"
        )
    return tuple(name for _, name in sorted(zip(indices, names, strict=True), key=lambda pair: pair[0] or 0))


def _index(value: object) -> int | None:
    """The class index that a key or value of a mapping is; None if it is a name."""
    if isinstance(value, str):
        return int(value) if value.strip().isdecimal() else None
    return operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else None


def _check_unnormalized(classifier: Classifier, scores: torch.Tensor) -> None:
    """ValueError for probabilities or their logarithms, whose gradients mix every class into each or vanish."""
    applied, generator = normalization_of(scores), torch.Generator().manual_seed(0)
    for deviation in _PROBES:
        if applied is None:
            return
        noise = deviation * torch.randn(1, 3, *classifier.preprocessing.size, generator=generator, device="cpu")
        applied = normalization_of(scores_in(raw_output(classifier, noise.requires_grad_()), 1))
    remedy = " and pass activation='sigmoid' to load_classifier" if applied == "sigmoid" else ""
    if applied:
        raise ValueError(
            f"model must return un-normalized scores, got probabilities or their logarithms; leave the final {applied} "
            f"out{remedy}"
        )


def _refusal(classifier: Classifier, inputs: torch.Tensor, error: Exception) -> str:
    """The sentence for a network that raises an error for inputs of its own size."""
    channels = _CHANNELS.search(str(error))
    if channels and channels[1] == "1":
        return (
            "model must take 3 colors, got one that takes 1; put grey in front of it, as in "
            "torch.nn.Sequential(torchvision.transforms.Grayscale(), model)"
        )
    remedy = (
        f"wrap it in a module that makes its {channels[1]} channels of red, green and blue"
        if channels
        else "correct preprocessing.size, or wrap it in a module that takes such inputs"
    )
    return (
        f"model must take inputs of shape {tuple(inputs.shape)}, got {type(error).__name__} from {classifier.name} "
        f"('{first_line(error)}'); {remedy}"
    )
