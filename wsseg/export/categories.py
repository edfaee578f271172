"""The numbers of categories: given as a list or a file, or counted from 1 in alphabetical order.

Every export holds its categories, so an earlier export is such a file: COCO's `.json`, CVAT's `.zip`, or a folder with
YOLO's `data.yaml`, VOC's `labelmap.txt`, Label Studio's `config.xml` or LabelMe's `labels.txt`.
"""

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast
from xml.etree import ElementTree

import yaml

from wsseg.export.labelme import RESERVED
from wsseg.export.voc import BACKGROUND, LABEL_MAP
from wsseg.files.store import path_of, store_of

Numbers: TypeAlias = dict[str, int]
"""The number of each category, in the order of the numbers."""

Pairs: TypeAlias = list[tuple[Any, Any]]
"""Names and numbers, unchecked."""

LISTS: Final = ("data.yaml", LABEL_MAP, "config.xml", "labels.txt")
"""Files of an export that hold its categories."""


def category_numbers(categories: Sequence[str] | str | PathLike[str] | None, found: Iterable[str]) -> Numbers:
    """Return the number of each category.

    Numbers count from 1, unless a COCO file has other ids.

    Parameters
    ----------
    categories : list of str, path or None
        Names in the order of their numbers, or a file of them; None for those that were found, in alphabetical order.
    found : iterable of str
        Categories of the run.

    Raises
    ------
    ValueError
        If the list cannot be read, is empty or ambiguous, or lacks a category that was found.
    """
    if categories is None:
        return dict(_numbered(sorted(set(found))))
    file = _path(categories)
    source = f" in '{file}'" if file else ""
    pairs = _given(file, categories)
    _check(pairs, source)
    numbers = dict(sorted(pairs, key=lambda pair: pair[1]))
    if missing := sorted(set(found) - numbers.keys()):
        names = ", ".join(map(repr, missing[:5])) + (f" and {len(missing) - 5} others" if missing[5:] else "")
        raise ValueError(
            f"categories must hold every category of the run, got no {names}{source}; append what is missing to the "
            "list, which may be a text file with a name on each line"
        )
    return numbers


def _path(categories: Sequence[str] | str | PathLike[str]) -> Path | None:
    """Return the path of a file or export, if it is one; a path in an object store is no PathLike."""
    is_path = isinstance(categories, str | PathLike) or hasattr(categories, "read_bytes")
    return path_of(cast("str | PathLike[str]", categories)) if is_path else None


def _given(file: Path | None, names: object) -> Pairs:
    """Return the names of a file or export, or else of a list, with their numbers, unchecked."""
    try:
        return _read(file) if file else _listed(names)
    except UnicodeDecodeError:
        reason = "text that is not UTF-8"
    except (OSError, ValueError, RuntimeError, ElementTree.ParseError, *_DAMAGES) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
    given = f"'{file}'" if file else f"{names!r:.80}"
    raise ValueError(
        f"categories must be a list of names, a file of them or an earlier export, got {given} ({reason}); choose "
        "an export, or a list or UTF-8 text file with a name on each line, without the background"
    )


_DAMAGES: Final = (zipfile.BadZipFile, zlib.error, yaml.YAMLError)


def _numbered(names: Sequence[Any]) -> Pairs:
    """Return the names with numbers from 1."""
    return [(name, number) for number, name in enumerate(names, 1)]


def _listed(names: Any) -> Pairs:
    """Return the names with numbers from 1; refuse a list that begins with the background, which would shift them."""
    if not isinstance(names, Sequence):
        raise ValueError("not a list")
    if names and str(names[0]).strip("_").lower() == BACKGROUND:
        raise ValueError(f"{names[0]} as the first name")
    return _numbered(names)


def _check(pairs: Pairs, source: str) -> None:
    """Raise ValueError unless every name is a text with a number, and both are unique."""
    for name, number in pairs:
        if not isinstance(name, str) or not name.strip() or type(number) is not int or number < 0:
            raise ValueError(
                f"categories must be names with whole numbers, got {name!r} with {number!r}{source}; correct the list"
            )
    for each in zip(*pairs, strict=True):
        for value, count in Counter(each).items():
            if count > 1:
                raise ValueError(f"categories must be distinct, got {value!r} {count} times{source}; correct the list")
    if not pairs:
        raise ValueError(f"categories must have at least one name, got none{source}; correct the list")


def _read(file: Path) -> Pairs:
    with store_of(file).answering(file):
        if file.is_dir():
            file = _list_in(file)
        return _READERS.get(file.suffix.lower(), _of_text)(file.read_bytes())


def _list_in(folder: Path) -> Path:
    for name in LISTS:
        if (folder / name).is_file():
            return folder / name
    raise ValueError(f"a folder without {', '.join(LISTS)}")


def _of_text(data: bytes) -> Pairs:
    """Return the names of VOC's label map, or of a list with one on each line; lines that start with # are comments."""
    lines = [line.strip() for line in data.decode("utf-8-sig").rstrip().splitlines()]
    lines = [line for line in lines if not line.startswith("#")]
    if "" in lines:
        raise ValueError("an empty line between the names")
    if lines and all(map(_LABEL.fullmatch, lines)):
        return _of_label_map([line.split(":")[0] for line in lines])
    return _listed(lines[len(RESERVED) :] if lines[: len(RESERVED)] == list(RESERVED) else lines)


_LABEL: Final = re.compile(r"[^:]+:(\d+,\d+,\d+)?:[^:]*:[^:]*")
"""A line of a label map: name, color, parts, actions."""


def _of_label_map(names: list[str]) -> Pairs:
    if names[0] != BACKGROUND:
        raise ValueError(f"a label map whose first label is {names[0]!r}, not {BACKGROUND!r}")
    return _numbered(names[1:])


def _of_json(data: bytes) -> Pairs:
    """Return the names and ids of a COCO file, or the names of a list."""
    content = json.loads(data)
    if isinstance(content, list):
        return _listed(content)
    categories = content.get("categories") if isinstance(content, dict) else None
    if not isinstance(categories, list) or not all(isinstance(each, dict) for each in categories):
        raise ValueError("JSON without categories as in COCO")
    return [(each.get("name"), each.get("id")) for each in categories]


def _of_yaml(data: bytes) -> Pairs:
    """Return the `names` of YOLO's data file, which count from 0."""
    content = yaml.safe_load(data)
    names = content.get("names") if isinstance(content, dict) else content
    if isinstance(names, dict):
        return [(name, key + 1 if type(key) is int else key) for key, name in names.items()]
    if not isinstance(names, list):
        raise ValueError("YAML without names")
    return _numbered(names)


def _of_xml(data: bytes) -> Pairs:
    """Return the labels of Label Studio's labeling interface, whose `category` counts from 0."""
    labels = list(ElementTree.fromstring(data).iter("Label"))
    places = [label.get("category", str(place)) for place, label in enumerate(labels)]
    numbers = [int(place) + 1 if place.isdecimal() else place for place in places]
    return [(label.get("value"), number) for label, number in zip(labels, numbers, strict=True)]


def _of_zip(data: bytes) -> Pairs:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        if LABEL_MAP not in archive.namelist():
            raise ValueError(f"an archive without {LABEL_MAP}")
        return _of_text(archive.read(LABEL_MAP))


_READERS: Final[Mapping[str, Callable[[bytes], Pairs]]] = MappingProxyType(
    {".json": _of_json, ".yaml": _of_yaml, ".yml": _of_yaml, ".xml": _of_xml, ".zip": _of_zip}
)
"""Readers by suffix; any other file is text."""
