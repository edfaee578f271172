"""COCO: one JSON of images, categories and annotations, whose masks are run-length encoded.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. A mask is an
RLE as pycocotools writes it, `{"size": [height, width], "counts": "..."}`: column-major, counts as a string. Polygons
could not hold its holes. `iscrowd` is 0, since training and evaluation pass over a crowd; `annToMask` reads an RLE
with either. `score` is wsseg's confidence, under the name that COCO's results use.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto, File, Pieces, Plan, check_files
from wsseg.files.coco import pycocotools


def coco(plan: Plan) -> Pieces:
    """One file. Images are named as they lie below the folder that was segmented; ids count from 1."""
    check_files(plan)
    pycocotools()
    yield File("", _content(plan))


def _content(plan: Plan) -> Iterator[bytes]:
    """As it grows: the annotations, and last the images."""
    ids = {category: number for number, category in enumerate(plan.categories, 1)}
    yield _head(ids)
    images = list[dict[str, Any]]()
    yield from _joined(_annotations(plan.photos, ids, images))
    yield b'\n],\n"images": [\n'
    yield from _joined(images)
    yield b"\n]\n}\n"


def _head(ids: dict[str, int]) -> bytes:
    categories = [{"id": number, "name": category} for category, number in ids.items()]
    head = json.dumps({"info": {"description": "Masks by wsseg"}, "licenses": [], "categories": categories})
    return f'{head[:-1]},\n"annotations": [\n'.encode()


def _joined(items: Iterable[object]) -> Iterator[bytes]:
    for number, item in enumerate(items):
        yield (",\n" if number else "").encode() + json.dumps(item).encode()


def _annotations(
    photos: Iterable[AnnotatedPhoto], ids: dict[str, int], images: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The annotations of each photo, which is added to the images."""
    number = 0
    for photo in photos:
        height, width = photo.size
        images.append({"id": len(images) + 1, "file_name": photo.file, "height": height, "width": width})
        for each in photo.objects:
            number += 1
            owners = {"id": number, "image_id": len(images), "category_id": ids[each.category]}
            yield {**owners, **_annotation(each)}


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
