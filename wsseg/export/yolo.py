"""YOLO segmentation: a text file of polygons for each photo, for training with Ultralytics.

https://docs.ultralytics.com/datasets/segment/: a line is an object. It has the category's index from 0, and the x and y
of the polygon's vertices as shares of the photo's width and height. A hole is joined to the outline, see outlines.py.
An object of several components becomes several lines, and so several objects: lines that join them would be drawn.

`data.yaml` names `images` for training and for validation, because a run has no such split.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.export.annotations import AnnotatedPhoto, Entries, File, Loss, Plan, photo_copy
from wsseg.export.checks import check_gapless, check_printable
from wsseg.export.outlines import outlines

SUFFIXES: Final = frozenset(
    f".{kind}"
    for kind in ("avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp")
)
"""Suffixes of the photos that Ultralytics finds (`IMG_FORMATS` in `ultralytics/data/utils.py`, 8.4)."""


def yolo(plan: Plan) -> Entries:
    """Yield `data.yaml` and a file for each photo; an empty file means background to Ultralytics."""
    check_gapless(plan.categories)
    check_printable(plan.categories, "categories")
    _check_names([name.name for name in plan.names])
    yield File("data.yaml", [_data_yaml(plan.categories).encode()])
    numbers = {category: number - 1 for category, number in plan.categories.items()}
    for photo in plan.photos:
        yield from _lines(photo, numbers)
        if plan.copies:
            yield photo_copy(photo, f"images/{photo.copy}")


def _check_names(names: list[str]) -> None:
    for name in names:
        # Ultralytics replaces the last `images` of a path by `labels`.
        if "images" in PurePosixPath(name).parts[:-1]:
            raise ValueError(f"names of photos must not contain a folder 'images', got {name!r}; rename that folder")


def _data_yaml(categories: Iterable[str]) -> str:
    """Return the text of `data.yaml`."""
    names = "".join(f"  {number}: {_quoted(category)}\n" for number, category in enumerate(categories))
    return f"train: images\nval: images\nnames:\n{names}"


def _quoted(text: str) -> str:
    """Return the text as a YAML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _lines(photo: AnnotatedPhoto, numbers: dict[str, int]) -> Iterator[File | Loss]:
    height, width = photo.size
    lines, split = list[str](), Counter[str]()
    for each in photo.objects:
        polygons = outlines(each.mask)
        lines += [_line(numbers[each.category], polygon / (width, height)) for polygon in polygons]
        split[each.category] += len(polygons) if len(polygons) > 1 else 0
    yield File(f"labels/{photo.name}.txt", ["".join(lines).encode()])
    for category, count in (+split).items():
        yield Loss(photo.name, f"the link between {count} components of {category}")
    suffix = PurePosixPath(photo.copy).suffix
    if suffix.lower() not in SUFFIXES:
        ending = f"that end in {suffix}" if suffix else "without a suffix"
        yield Loss(photo.name, f"the whole photo, because YOLO skips files {ending}")


def _line(number: int, polygon: NDArray[np.float64]) -> str:
    """Return a line of a label file."""
    return f"{number} {' '.join(f'{share:.8f}' for share in polygon.ravel())}\n"
