"""COCO: one JSON of images, categories and annotations, whose masks are run-length encoded or polygons.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. A mask is an
RLE as pycocotools writes it, `{"size": [height, width], "counts": "..."}`: column-major, counts as a string. `iscrowd`
is 0, because training and evaluation skip crowds; `annToMask` reads an RLE with either value. `score` is wsseg's
confidence, under the name that COCO uses for results.

With polygons, an object has one for each of its components, see outlines.py. pycocotools finds the same pixels in them.
COCO has no holes, so a cut of no width joins each hole to the outline, and the loss is reported.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from wsseg.arrays import Mask
from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto, Entries, File, Loss, Plan
from wsseg.export.checks import check_distinct_files
from wsseg.export.outlines import holes_of, outlines
from wsseg.files.coco import pycocotools

DECIMALS: Final = 4
"""Decimals of a polygon's coordinates: finer than the outlines' inset."""


def coco(plan: Plan) -> Entries:
    """Yield one file, then its losses. Images have their paths below the segmented folder; their ids count from 1."""
    check_distinct_files(plan)
    if not plan.polygons:
        pycocotools()  # An error before any work if it is missing.
    losses = list[Loss]()
    yield File("", _content(plan, losses))
    yield from losses


def _content(plan: Plan, losses: list[Loss]) -> Iterator[bytes]:
    """Yield the categories, the annotations, and last the images, which are known once all photos are read."""
    images = list[dict[str, Any]]()
    yield _head(plan.categories)
    yield from _joined(_annotations(plan, images, losses))
    yield b'\n],\n"images": [\n'
    yield from _joined(images)
    yield b"\n]\n}\n"


def _head(categories: Mapping[str, int]) -> bytes:
    listed = [{"id": number, "name": category} for category, number in categories.items()]
    head = json.dumps({"info": {"description": "Masks by wsseg"}, "licenses": [], "categories": listed})
    return f'{head[:-1]},\n"annotations": [\n'.encode()


def _joined(items: Iterable[object]) -> Iterator[bytes]:
    for number, item in enumerate(items):
        yield (",\n" if number else "").encode() + json.dumps(item).encode()


def _annotations(plan: Plan, images: list[dict[str, Any]], losses: list[Loss]) -> Iterator[dict[str, Any]]:
    """Yield the annotations of each photo, and append the photo to the images and its losses to the losses."""
    number = 0
    for photo in plan.photos:
        height, width = photo.size
        images.append({"id": len(images) + 1, "file_name": photo.file, "height": height, "width": width})
        for each in photo.objects:
            number += 1
            keys = {"id": number, "image_id": len(images), "category_id": plan.categories[each.category]}
            yield {**keys, **_annotation(each, polygons=plan.polygons)}
        if plan.polygons:
            losses += _lost_holes(photo)


def _annotation(each: AnnotatedObject, *, polygons: bool) -> dict[str, Any]:
    score = {} if each.confidence is None else {"score": each.confidence}
    return {
        "segmentation": polygons_of(each.mask) if polygons else _rle(each.mask),
        "area": int(each.mask.sum()),
        "bbox": _box(each.mask),
        "iscrowd": 0,
        **score,
    }


def _rle(mask: Mask) -> dict[str, Any]:
    """Return the run lengths, down the columns."""
    rle = pycocotools().encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": rle["counts"].decode()}


def polygons_of(mask: Mask) -> list[list[float]]:
    """Return x, y, x, y ... of each polygon."""
    return [polygon.round(DECIMALS).ravel().tolist() for polygon in outlines(mask)]


def _box(mask: Mask) -> list[float]:
    """Return x, y, width and height."""
    columns, rows = (np.flatnonzero(mask.any(axis)) for axis in (0, 1))
    return [float(value) for value in (columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1)]


def _lost_holes(photo: AnnotatedPhoto) -> Iterator[Loss]:
    holes = Counter[str]()
    for each in photo.objects:
        holes[each.category] += holes_of(each.mask)
    for category, count in (+holes).items():
        holes_there = f"{count} holes" if count > 1 else "a hole"
        yield Loss(photo.name, f"{holes_there} of {category}, which a cut of no width joins to the outline")
