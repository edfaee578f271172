"""Hugging Face: an image folder with `metadata.jsonl`, which `datasets.load_dataset(FOLDER)` reads.

https://huggingface.co/docs/datasets/image_dataset: a line for each object names its photo, `file_name`, and its mask,
`mask_file_name`; both become images. `README.md` lists the files as one split, because the library would otherwise look
for splits such as `test` in the names of the photos. `label` is the category's number from 0, its line in `labels.txt`
after the two lines that LabelMe's lists begin with.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from wsseg.arrays import Mask
from wsseg.export.annotations import AnnotatedPhoto, Entries, File, Plan, photo_copy
from wsseg.export.checks import check_gapless, check_lines, check_printable
from wsseg.export.labelme import RESERVED
from wsseg.files.encode import encoded_picture

CARD: Final = b"""---
configs:
- config_name: default
  default: true
  data_files:
  - split: train
    path:
    - metadata.jsonl
    - images/**
    - masks/**
---

Object masks made by wsseg: a photo, the mask of one object (255), its category and its confidence a row. A photo
without an object has one row, with an empty mask and no category.
"""


def huggingface(plan: Plan) -> Entries:
    """Yield the photos, a mask for each object, and the lines about them."""
    check_gapless(plan.categories)
    check_lines(plan.categories, "categories")
    check_printable((name.copy for name in plan.names), "names of photos")
    yield File("README.md", [CARD])
    yield File("labels.txt", ["".join(f"{line}\n" for line in [*RESERVED, *plan.categories]).encode()])
    numbers, lines = plan.categories, list[bytes]()
    for photo in plan.photos:
        yield photo_copy(photo, _image_of(photo))
        for row, mask in _rows(photo):
            row["label"] = numbers[row["category"]] - 1 if row["category"] else None
            lines.append(json.dumps(row).encode() + b"\n")
            yield File(row["mask_file_name"], [encoded_picture(mask * np.uint8(255))])
    yield File("metadata.jsonl", lines)


def _rows(photo: AnnotatedPhoto) -> Iterator[tuple[dict[str, Any], Mask]]:
    """Yield what is said of each object, and its mask."""
    for number, each in enumerate(photo.objects):
        yield _row(photo, number, each.category, each.confidence), each.mask
    if not photo.objects:
        yield _row(photo, 0, None, None), np.zeros(photo.size, np.bool_)


def _row(photo: AnnotatedPhoto, number: int, category: str | None, confidence: float | None) -> dict[str, Any]:
    return {
        "file_name": _image_of(photo),
        "mask_file_name": f"masks/{photo.name}.{number}.png",
        "name": photo.name,
        "category": category,
        "confidence": confidence,
    }


def _image_of(photo: AnnotatedPhoto) -> str:
    return f"images/{photo.copy}"
