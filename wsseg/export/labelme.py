"""LabelMe: a JSON for each photo, in which a shape of type `mask` holds an object's box and a PNG of what is in it.

As `labelme/_label_file.py` of LabelMe 6 reads it, and any since 5.3. Both corners of the box are pixels of the object:
the crop is `mask[y1 : y2 + 1, x1 : x2 + 1]`. `score`, which LabelMe passes over and keeps, is wsseg's confidence.
"""

import base64
import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto, File, Pieces, Plan, copied
from wsseg.files.encode import encoded_picture
from wsseg.files.store import is_local, path_of

VERSION = "5.3.0"
"""The first that knew masks."""


def labelme(plan: Plan) -> Pieces:
    """A file for each photo, under its name; with copies, the photo beside it."""
    for photo in plan.photos:
        beside = (plan.out / photo.name).parent
        image = PurePosixPath(photo.copy).name if plan.copies else _image(photo, beside)
        yield File(f"{photo.name}.json", [json.dumps(_told(photo, image), indent=2).encode()])
        if plan.copies:
            yield copied(photo, photo.copy)


def _image(photo: AnnotatedPhoto, beside: Path) -> str:
    """The way to the photo, where it is still to be found; else its own name, for files that are to lie beside it."""
    path = path_of(photo.input)
    if is_local(path) and path.is_file():
        return Path(os.path.relpath(path.absolute(), beside.absolute())).as_posix()
    return PurePosixPath(photo.file).name


def _told(photo: AnnotatedPhoto, image: str) -> dict[str, Any]:
    height, width = photo.size
    return {
        "version": VERSION,
        "flags": {},
        "shapes": [_shape(each) for each in photo.objects],
        "imagePath": image,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _shape(each: AnnotatedObject) -> dict[str, Any]:
    rows, columns = (np.flatnonzero(each.mask.any(axis)) for axis in (1, 0))
    y1, y2, x1, x2 = (int(end) for ends in (rows, columns) for end in (ends[0], ends[-1]))
    crop = each.mask[y1 : y2 + 1, x1 : x2 + 1].astype(np.uint8)
    score = {} if each.confidence is None else {"score": each.confidence}
    return {
        "label": each.category,
        "points": [[float(x1), float(y1)], [float(x2), float(y2)]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(encoded_picture(crop)).decode(),
        **score,
    }
