"""COCO: one JSON of images, categories and annotations, whose masks are run-length encoded.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. A mask is an
RLE as pycocotools writes it, `{"size": [height, width], "counts": "..."}`: column-major, counts as a string. Polygons
cannot hold its holes. `iscrowd` is 0, because training and evaluation skip crowds; `annToMask` reads an RLE with either
value. `score` is wsseg's confidence, under the name that COCO uses for results.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto, Entries, File, Plan
from wsseg.export.checks import check_distinct_files
from wsseg.files.coco import pycocotools


def coco(plan: Plan) -> Entries:
    """Yield one file. Images have their paths below the segmented folder; ids count from 1."""
    check_distinct_files(plan)
    pycocotools()  # An error before any work if it is missing.
    yield File("", _content(plan))


def _content(plan: Plan) -> Iterator[bytes]:
    """Yield the categories, the annotations, and last the images, which are known once all photos are read."""
    yield _head(plan.categories)
    images = list[dict[str, Any]]()
    yield from _joined(_annotations(plan.photos, plan.categories, images))
    yield b'\n],\n"images": [\n'
    yield from _joined(images)
    yield b"\n]\n}\n"


def _head(ids: Mapping[str, int]) -> bytes:
    categories = [{"id": number, "name": category} for category, number in ids.items()]
    head = json.dumps({"info": {"description": "Masks by wsseg"}, "licenses": [], "categories": categories})
    return f'{head[:-1]},\n"annotations": [\n'.encode()


def _joined(items: Iterable[object]) -> Iterator[bytes]:
    for number, item in enumerate(items):
        yield (",\n" if number else "").encode() + json.dumps(item).encode()


def _annotations(
    photos: Iterable[AnnotatedPhoto], ids: Mapping[str, int], images: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the annotations of each photo, and append the photo to the images."""
    number = 0
    for photo in photos:
        height, width = photo.size
        images.append({"id": len(images) + 1, "file_name": photo.file, "height": height, "width": width})
        for each in photo.objects:
            number += 1
            keys = {"id": number, "image_id": len(images), "category_id": ids[each.category]}
            yield {**keys, **_annotation(each)}


def _annotation(each: AnnotatedObject) -> dict[str, Any]:
    masks = pycocotools()
    rle = masks.encode(np.asfortranarray(each.mask.astype(np.uint8)))
    score = {} if each.confidence is None else {"score": each.confidence}
    return {
        "segmentation": {"size": list(each.mask.shape), "counts": rle["counts"].decode()},
        "area": int(each.mask.sum()),
        "bbox": masks.toBbox(rle).tolist(),
        "iscrowd": 0,
        **score,
    }
