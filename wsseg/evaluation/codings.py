"""Codings of truth files: the meaning of the pixel values."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Mask, Seeds
from wsseg.files.decode import opened_picture
from wsseg.files.levels import WIDE_MODES, ReadError
from wsseg.files.masks import ValuesError, read_class_ids, read_labels, read_truth, read_values
from wsseg.files.palettes import Palettes
from wsseg.metrics.classes import ClassIds
from wsseg.recipe import MAX_PIXELS

VOC_CLASSES: Final = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""Classes of PASCAL VOC in the order of its labels."""

MASK_VALUES: Final = frozenset({0, 1, 255, 65535})
"""Values of background and object in a mask of 8 or 16 bits."""

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
    """Read the value of each pixel of a file, where these are numbers of classes."""
    palettes: Palettes | Literal["guessed"] = "indices"
    """Meaning of a palette; guessed from all files of the folder where the coding does not tell."""
    values: Collection[int] = ()
    """The values that a file may hold beside void; empty where it may hold any."""
    is_object: Callable[[ClassIds], Mask] = _not_background
    """Find the object pixels by their values."""
    void: int | None = None
    """The value that never counts."""
    class_names: tuple[str, ...] = ()
    """Names of the values, where the values are classes that have names."""
    class_count: int = 0
    """Number of classes; 0 where the values are not classes."""
    strict: bool = False
    """Whether a file may hold only 0, one value of the object and the void value; see `read_truth`."""


DEFAULT_CODING: Final = "binary"
"""Coding of a plain folder of truths."""

DEFAULT_CLASS_CODING: Final = "voc"
"""Coding of a plain folder of truths with classes."""

CODINGS: Final[Mapping[str, Coding]] = MappingProxyType(
    {
        "binary": Coding(
            meaning="0 with 1 or 255, and the `--void` value: the default", palettes="guessed", strict=True
        ),
        "grey": Coding(
            meaning=f"object above {GREY_THRESHOLD}",
            palettes="greys",
            is_object=lambda values: np.asarray(values > GREY_THRESHOLD),
        ),
        "any": Coding(meaning="object where not 0", palettes="guessed"),
        "voc": Coding(
            meaning="class labels, 255 void", void=255, class_names=VOC_CLASSES, class_count=len(VOC_CLASSES)
        ),
        "imagenet-s": Coding(
            meaning="class = red + 256 green, 1000 void", read=read_class_ids, void=1000, class_count=1000
        ),
        "trimap": Coding(
            meaning="1 object, 2 background, 3 void",
            is_object=lambda values: np.asarray(values == 1),
            values=(1, 2),
            void=3,
        ),
    }
)
"""Codings by name."""

CODINGS_OF_CLASSES: Final = tuple(name for name, coding in CODINGS.items() if coding.class_count)


def object_truth(
    path: Path,
    coding: str,
    *,
    category: str | None = None,
    void: int | None = None,
    palettes: Palettes | None = None,
) -> Seeds:
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
    palettes : {"indices", "greys"}, optional
        What palettes hold where the coding does not tell (default: guessed from this file alone).

    Returns
    -------
    ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where the truth is void.

    Raises
    ------
    ValueError
        If the file holds values that the coding does not have, or has too few bits for `void`.
    """
    meaning = CODINGS[coding]
    if void is not None and void > 255 and meaning.read is not read_class_ids:
        _check_depth(path, void)
    palettes = palettes if meaning.palettes == "guessed" else meaning.palettes
    if meaning.strict:
        return _mask_truth(path, void, palettes)
    values = meaning.read(path) if palettes == "indices" else read_values(path, palettes=palettes)
    # The name of a class means its number in the coding alone; a number means itself in any file of labels.
    known = range(meaning.class_count) if category in meaning.class_names else meaning.values
    if known:
        _check_values(path, coding, values, {*known, meaning.void, void})
    is_object = meaning.is_object(values) if category is None else values == class_number(category, coding)
    truth = np.where(is_object, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    for value in {meaning.void, void} - {None}:
        truth[values == value] = UNKNOWN
    return truth


def _check_depth(path: Path, void: int) -> None:
    """Raise ReadError if the pixels of a file have 8 bits, which cannot hold the void value."""
    with opened_picture(path, MAX_PIXELS, [], f"'{path}'") as picture:
        if picture.mode not in WIDE_MODES:
            raise ReadError(
                f"'{path}' must have 16 bits for the void value {void}, got 8 bits; use one from 0 to 255 (--void)"
            )


class OtherValues(ValueError):
    """A truth holds values that its coding does not have."""

    def __init__(self, fault: str, values: tuple[float, ...] = ()) -> None:
        super().__init__(f"{fault}; {remedy_for(values)}" if values else fault)
        self.fault = fault
        self.values = values


def _mask_truth(path: Path, void: int | None, palettes: Palettes | None) -> Seeds:
    try:
        return read_truth(path, void=void, palettes=palettes)
    except ValuesError as error:
        raise OtherValues(error.fault, error.values) from error


def remedy_for(values: Iterable[float]) -> str:
    """Return how to read truths that hold these values, none of which is void yet, with the exact options."""
    found = set(values)
    others = found - MASK_VALUES
    remedies = []
    if found <= {1, 2, 3}:
        remedies.append('set coding="trimap" (--coding trimap) if 1 is the object, 2 background and 3 void')
    elif len(others) <= 1:
        void = f"{max(others, default=255):g}"
        remedies.append(f"set void={void} (--void {void}) if {void} marks pixels that never count")
    if others and 0 in found and max(others) < len(VOC_CLASSES):
        remedies.append('set coding="voc" (--coding voc) if they are classes')
    if len(others) > len(VOC_CLASSES):
        remedies.append(f'set coding="grey" (--coding grey) if the object is above {GREY_THRESHOLD}')
    if not (remedies and found & MASK_VALUES - {0}) and max(found) <= 255:
        remedies.append('set coding="any" (--coding any) if all values but 0 are the object')
    return ", ".join([*remedies, "or save the truths again as PNG, since JPEG changes values"])


def _check_values(path: Path, coding: str, values: ClassIds, known: Collection[int | None]) -> None:
    others = sorted(set(np.unique(values).tolist()) - set(known))
    if others:
        shown = ", ".join(map(str, others[:5])) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
        raise ReadError(
            f"'{path}' must hold the values of the coding '{coding}' ({CODINGS[coding].meaning}), got also {shown}; "
            "choose the coding that the files have (--coding), or declare a void value (--void)"
        )


def class_number(category: str, coding: str) -> int:
    """Return the value of a class, given by name or number; raise ValueError when the coding does not have it."""
    meaning = CODINGS[coding]
    if not meaning.class_count:
        raise ValueError(
            f"category needs a coding with classes, got '{category}' with the coding '{coding}'; "
            f"leave out the category, or use one of the codings {', '.join(CODINGS_OF_CLASSES)}"
        )
    if category in meaning.class_names:
        return meaning.class_names.index(category)
    if not category.isdecimal() or int(category) >= meaning.class_count:
        known = ", ".join(meaning.class_names[1:]) or f"the numbers below {meaning.class_count}"
        raise ValueError(f"category must be a class of the coding '{coding}', got '{category}'; choose one of {known}")
    return int(category)
