"""YOLO segmentation: a text file of polygons for each photo, as Ultralytics trains on.

https://docs.ultralytics.com/datasets/segment/: a line is an object, its category's index from 0 and the x and y of its
polygon's vertices as shares of the photo's width and height. A hole is joined to the outline, see outlines.py. Of an
object of several parts each is a line, and so an object to the reader: the lines that could join them would be drawn.

`data.yaml` names the photos in `images` for training and for validation, for a run is of no such halves.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.export.annotations import AnnotatedPhoto, File, Loss, Pieces, Plan, check_unicode, copied
from wsseg.export.outlines import outlines

SUFFIXES: Final = frozenset(
    f".{kind}"
    for kind in ("avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp")
)
"""Of photos that Ultralytics finds (`IMG_FORMATS` in `ultralytics/data/utils.py`, 8.4)."""


def yolo(plan: Plan) -> Pieces:
    """A photo in which nothing was found has an empty file, which Ultralytics takes for background."""
    check_unicode(plan.categories, "categories")
    _check_names([name.name for name in plan.names])
    yield File("data.yaml", [_data(plan.categories).encode()])
    numbers = {category: number for number, category in enumerate(plan.categories)}
    for photo in plan.photos:
        yield from _lines(photo, numbers)
        if plan.copies:
            yield copied(photo, f"images/{photo.copy}")


def _check_names(names: list[str]) -> None:
    for name in names:
        # The reader swaps the last `images` of a path for `labels`.
        if "images" in PurePosixPath(name).parts[:-1]:
            raise ValueError(f"names of photos must have no folder called images, got {name!r}; rename that folder")


def _data(categories: tuple[str, ...]) -> str:
    names = "".join(f"  {number}: {_quoted(category)}\n" for number, category in enumerate(categories))
    return f"train: images\nval: images\nnames:\n{names}"


def _quoted(text: str) -> str:
    """A string of YAML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _lines(photo: AnnotatedPhoto, numbers: dict[str, int]) -> Iterator[File | Loss]:
    height, width = photo.size
    lines, parts = list[str](), Counter[str]()
    for each in photo.objects:
        polygons = outlines(each.mask)
        lines += [_line(numbers[each.category], polygon / (width, height)) for polygon in polygons]
        parts[each.category] += len(polygons) if len(polygons) > 1 else 0
    yield File(f"labels/{photo.name}.txt", ["".join(lines).encode()])
    for category, count in (+parts).items():
        yield Loss(photo.name, f"that {count} parts of {category} belong together")
    suffix = PurePosixPath(photo.copy).suffix
    if suffix.lower() not in SUFFIXES:
        yield Loss(photo.name, f"all, since YOLO passes over photos called {suffix or 'nothing'}")


def _line(number: int, polygon: NDArray[np.float64]) -> str:
    return f"{number} {' '.join(f'{share:.8f}' for share in polygon.ravel())}\n"
