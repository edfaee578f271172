"""LabelMe: a JSON for each photo, in which a shape of type `mask` holds an object's box and a PNG of its mask.

The format is that of `labelme/_label_file.py` in LabelMe 6, which reads masks since 5.3. Both corners of the box are
pixels of the object: the crop is `mask[y1 : y2 + 1, x1 : x2 + 1]`. `score` is wsseg's confidence; LabelMe ignores and
keeps it. `labels.txt` is for `labelme --labels` and for LabelMe's converters.
"""

import base64
import json
import os
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto, Entries, File, Plan, photo_copy
from wsseg.export.checks import check_gapless, check_lines
from wsseg.files.encode import encoded_picture
from wsseg.files.store import is_local, path_of

VERSION: Final = "5.3.0"
"""The first version with masks."""


RESERVED: Final = ("__ignore__", "_background_")
"""The first lines of a list of labels, whose numbers are -1 and 0 to LabelMe's own converters."""


def labelme(plan: Plan) -> Entries:
    """Yield `labels.txt` and a file for each photo, under its name; with copies, also the photo beside it."""
    check_gapless(plan.categories)
    check_lines(plan.categories, "categories")
    yield File("labels.txt", ["".join(f"{line}\n" for line in [*RESERVED, *plan.categories]).encode()])
    for photo in plan.photos:
        folder = (plan.out / photo.name).parent
        image = PurePosixPath(photo.copy).name if plan.copies else _image_path(photo, folder)
        yield File(f"{photo.name}.json", [json.dumps(_content(photo, image), indent=2).encode()])
        if plan.copies:
            yield photo_copy(photo, photo.copy)


def _image_path(photo: AnnotatedPhoto, folder: Path) -> str:
    """Return the photo's path relative to the folder, or its file name alone if it is not on this machine."""
    path = path_of(photo.input)
    if is_local(path) and path.is_file():
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    return PurePosixPath(photo.file).name


def _content(photo: AnnotatedPhoto, image: str) -> dict[str, Any]:
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
