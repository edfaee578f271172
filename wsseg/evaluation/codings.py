"""Codings of truth files: what the pixel values stand for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Mask, Seeds
from wsseg.files.masks import read_class_ids, read_labels, read_truth
from wsseg.metrics.classes import ClassIds

VOC_CLASSES: Final = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""Classes of PASCAL VOC in the order of its labels."""

GREY_THRESHOLD: Final = 128
"""Grey values above this are object, as in the evaluation code of the saliency community."""


def _not_background(values: ClassIds) -> Mask:
    """Find the pixels that are not 0."""
    return np.asarray(values != BACKGROUND)


@dataclass(frozen=True, kw_only=True)
class Coding:
    """Meaning of the values in a truth file."""

    meaning: str
    read: Callable[[Path], ClassIds] = read_labels
    """Read the value of each pixel of a file."""
    is_object: Callable[[ClassIds], Mask] = _not_background
    """Find the object pixels by their values."""
    void: int | None = None
    """The value that never counts."""
    class_names: tuple[str, ...] = ()
    """Names of the values, where the values are classes that have names."""
    class_count: int = 0
    """Number of classes; 0 where the values are not classes."""
    strict: bool = False
    """Whether a file may hold no values but 0, that of the object and the void value; see `read_truth`."""


DEFAULT_CODING: Final = "binary"
"""Coding of a plain folder of truths."""

DEFAULT_CLASS_CODING: Final = "voc"
"""Coding of a plain folder of truths with classes."""

CODINGS: Final[Mapping[str, Coding]] = MappingProxyType(
    {
        "binary": Coding(meaning="0 with 1 or 255, and the `--void` value: the default", strict=True),
        "grey": Coding(
            meaning=f"object above {GREY_THRESHOLD}", is_object=lambda values: np.asarray(values > GREY_THRESHOLD)
        ),
        "any": Coding(meaning="object where not 0"),
        "voc": Coding(
            meaning="class labels, 255 void", void=255, class_names=VOC_CLASSES, class_count=len(VOC_CLASSES)
        ),
        "imagenet-s": Coding(
            meaning="class = red + 256 green, 1000 void", read=read_class_ids, void=1000, class_count=1000
        ),
        "trimap": Coding(
            meaning="1 object, 2 background, 3 void", is_object=lambda values: np.asarray(values == 1), void=3
        ),
    }
)
"""Codings by name."""

CODINGS_OF_CLASSES: Final = tuple(name for name, coding in CODINGS.items() if coding.class_count)


def object_truth(path: Path, coding: str, *, category: str | None = None, void: int | None = None) -> Seeds:
    """Read the object, or the pixels of one class, from a truth file.

    Parameters
    ----------
    path : Path
        Truth file.
    coding : str
        Name of a coding in CODINGS.
    category : str, optional
        Name or number of the class that is the object (default: all classes).
    void : int, optional
        Value that never counts, beside the coding's own.

    Returns
    -------
    ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where the truth is void.
    """
    meaning = CODINGS[coding]
    if meaning.strict:
        return read_truth(path, void=void)
    values = meaning.read(path)
    is_object = meaning.is_object(values) if category is None else values == class_number(category, coding)
    truth = np.where(is_object, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    for value in {meaning.void, void} - {None}:
        truth[values == value] = UNKNOWN
    return truth


def class_number(category: str, coding: str) -> int:
    """Return the value of a class, given by name or number; raise ValueError when the coding does not have it."""
    meaning = CODINGS[coding]
    if not meaning.class_count:
        raise ValueError(
            f"category must be used with a coding that has classes, got '{category}' with the coding '{coding}'; "
            f"leave out the category, or use one of the codings {', '.join(CODINGS_OF_CLASSES)}"
        )
    if category in meaning.class_names:
        return meaning.class_names.index(category)
    if not category.isdecimal() or int(category) >= meaning.class_count:
        known = ", ".join(meaning.class_names[1:]) or f"the numbers below {meaning.class_count}"
        raise ValueError(f"category must be a class of the coding '{coding}', got '{category}'; choose one of {known}")
    return int(category)
