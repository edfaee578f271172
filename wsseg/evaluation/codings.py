"""What the values of a truth file mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Mask, Seeds
from wsseg.files.masks import read_class_ids, read_labels, read_truth

VOC_CLASSES: Final = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The classes of PASCAL VOC in the order of its labels."""

GREY: Final = 128
"""In a truth of greys what is above this is object, as the code of the saliency community has it."""


@dataclass(frozen=True, kw_only=True)
class Coding:
    """What the values in a truth's file mean."""

    meaning: str
    labels: Callable[[Path], NDArray[Any]]
    """The value of each pixel."""
    is_object: Callable[[NDArray[Any]], Mask]
    void: int | None = None
    classes: tuple[str, ...] = ()
    """The names of its values, where they are classes and have some."""
    count: int = 0
    """How many classes there are at most; 0 where its values are none."""


CLASS_CODING: Final = "voc"
"""Of a plain folder of classes, unless it is told."""


def _not_background(labels: NDArray[Any]) -> Mask:
    return np.asarray(labels != BACKGROUND)


CODINGS: Final[Mapping[str, Coding | None]] = MappingProxyType(
    {
        "binary": None,  # As `read_truth` has it, which takes the void value.
        "grey": Coding(
            meaning=f"object above {GREY}", labels=read_labels, is_object=lambda levels: np.asarray(levels > GREY)
        ),
        "any": Coding(meaning="object where not 0", labels=read_labels, is_object=_not_background),
        "voc": Coding(
            meaning="class labels, 255 void",
            labels=read_labels,
            is_object=_not_background,
            void=255,
            classes=VOC_CLASSES,
            count=len(VOC_CLASSES),
        ),
        "imagenet-s": Coding(
            meaning="class = red + 256 green, 1000 void",
            labels=read_class_ids,
            is_object=_not_background,
            void=1000,
            count=1000,
        ),
        "trimap": Coding(
            meaning="1 object, 2 background, 3 void",
            labels=read_labels,
            is_object=lambda labels: np.asarray(labels == 1),
            void=3,
        ),
    }
)
"""How truths are coded, by name."""


def object_truth(path: Path, coding: str, *, category: str | None = None, void: int | None = None) -> Seeds:
    """The truth of a file: where the object is, or where the class is, by name or number; and what is void."""
    found = CODINGS[coding]
    if found is None:
        return read_truth(path, void=void)
    labels = found.labels(path)
    is_object = found.is_object(labels) if category is None else labels == class_number(category, coding)
    truth = np.where(is_object, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    for value in {found.void, void} - {None}:
        truth[labels == value] = UNKNOWN
    return truth


def class_number(category: str, coding: str) -> int:
    """The value of a class in a coding; ValueError when it has none."""
    found = CODINGS[coding]
    if found is None or not found.count:
        raise ValueError(
            f"category must be of classes, got {category!r} with the coding {coding}, which has none; leave it out"
        )
    if category in found.classes:
        return found.classes.index(category)
    if not category.isdecimal() or int(category) >= found.count:
        known = ", ".join(found.classes[1:]) or f"numbers below {found.count}"
        raise ValueError(f"category must be a class of {coding}, got {category!r}; choose one of {known}")
    return int(category)
