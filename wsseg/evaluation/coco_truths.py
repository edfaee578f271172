"""Truths from a COCO file of annotations: the pixels of the objects of one category, or of all, in each photo.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. A crowd
(`iscrowd`) is void, because COCO's own evaluation ignores what is found in it. Each annotation is read, or named with
the reason why not.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np

from wsseg.arrays import FOREGROUND, UNKNOWN, Seeds
from wsseg.evaluation.segmentations import is_whole, mask_of_segmentation
from wsseg.files.coco import pycocotools
from wsseg.recipe import MAX_PIXELS

MAX_STRAYS: Final = 10
"""Number of annotations of no image that a message names at most."""


class CocoAnnotation(NamedTuple):
    """The outline of one object, not decoded yet."""

    id: str
    """Its id, or its place in the file if it has none."""
    segmentation: object
    is_crowd: bool = False
    fault: str = ""
    """Reason why it cannot be read, besides its segmentation."""


@dataclass(frozen=True)
class CocoTruth:
    """Annotations of one photo, not decoded yet."""

    file: str
    """Path of the photo in the COCO file."""
    size: tuple[object, object]
    """Height and width in the COCO file, unchecked."""
    annotations: Sequence[CocoAnnotation]

    def read(self) -> Seeds:
        """Decode the truth, uint8 (H, W); raise ValueError that names each annotation that cannot be read."""
        size = self._checked_size()
        truth = np.zeros(size, np.uint8)
        faults = defaultdict[str, list[str]](list)
        for one in sorted(self.annotations, key=lambda one: not one.is_crowd):  # Objects count in crowds too.
            try:
                if one.fault:
                    raise ValueError(one.fault)
                truth[mask_of_segmentation(one.segmentation, size)] = UNKNOWN if one.is_crowd else FOREGROUND
            except ValueError as error:
                faults[str(error)].append(one.id)
        if faults:
            places = {
                fault: f"annotation{'s' if len(ids) > 1 else ''} {', '.join(ids)}" for fault, ids in faults.items()
            }
            shown = ", and ".join(f"{fault} in {place}" for fault, place in places.items())
            raise ValueError(
                f"truth must have a segmentation in each annotation, got {shown}; "
                "correct or remove these annotations in the COCO file"
            )
        return truth

    def _checked_size(self) -> tuple[int, int]:
        height, width = self.size
        if is_whole(height) and is_whole(width) and min(height, width) > 0 and height * width <= MAX_PIXELS:
            return int(height), int(width)
        raise ValueError(
            f"truth must have a positive height and width and at most {MAX_PIXELS} pixels, "
            f"got height {json.dumps(height):.40} and width {json.dumps(width):.40}; "
            "correct the image's entry in the COCO file"
        )


def coco_truths(file: Path, category: str | None = None) -> dict[str, list[CocoTruth]]:
    """Read the annotations of every photo in a COCO file.

    Ids may be numbers or text: image 1 is that of the `image_id` "1".

    Parameters
    ----------
    file : Path
        COCO file (.json).
    category : str, optional
        Name or id of the category that is the object (default: all).

    Returns
    -------
    dict of str to list of CocoTruth
        Truths by the photo's path without suffix. A photo without objects has an empty truth; photos with the same
        path are all listed.

    Raises
    ------
    ValueError
        If the file is no COCO file, gives two images one id, has annotations of no image, or does not have the
        category.
    """
    pycocotools()
    content = _content_of(file)
    images, categories = _entries(content, "images", file), _entries(content, "categories", file)
    names = {_id_of(image, "id"): _file_of(image, file) for image in images}
    if repeated := len(images) - len(names):
        raise ValueError(f"images of '{file}' must have unique ids, got {repeated} repeatedly; number the images again")
    annotations = _by_image(_entries(content, "annotations", file), names.keys(), categories, category, file)
    found = defaultdict[str, list[CocoTruth]](list)
    for image, (key, name) in zip(images, names.items(), strict=True):
        truth = CocoTruth(name, (image.get("height"), image.get("width")), annotations.get(key, ()))
        found[PurePosixPath(name).with_suffix("").as_posix()].append(truth)
    return dict(found)


def _file_of(image: dict[str, Any], file: Path) -> str:
    name = image.get("file_name")
    if not _id_of(image, "id") or not isinstance(name, str) or not PurePosixPath(name).name:
        _refuse(file, f"an image with the id {_shown(image.get('id'))} and the file_name {_shown(name)}")
    return name


def _content_of(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        _refuse(file, f"no JSON ({error})")
    if not isinstance(content, dict):
        _refuse(file, "JSON without them")
    return content


def _entries(content: dict[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    entries = content.get(key)
    if not isinstance(entries, list):
        _refuse(file, f"no list of {key}")
    if wrong := [place for place, entry in enumerate(entries, 1) if not isinstance(entry, dict)]:
        _refuse(file, f"no object as number {wrong[0]} of its {key}")
    return entries


def _refuse(file: Path, got: str) -> NoReturn:
    raise ValueError(
        f"truths must be a COCO file with images, categories and annotations, got {got} in '{file}'; "
        "export the file again"
    )


def _by_image(
    entries: Sequence[dict[str, Any]],
    images: Collection[str],
    categories: Sequence[dict[str, Any]],
    category: str | None,
    file: Path,
) -> dict[str, list[CocoAnnotation]]:
    """Group the annotations of the category by the id of their image."""
    others = _other_ids(categories, category)
    known = {_id_of(one, "id") for one in categories}
    found, strays = defaultdict[str, list[CocoAnnotation]](list), list[str]()
    for place, entry in enumerate(entries, 1):
        image, own = _id_of(entry, "image_id"), _id_of(entry, "category_id")
        if own in others:
            continue
        name = _shown(entry["id"]) if "id" in entry else f"number {place} of the file"
        if image not in images:
            strays.append(f"image_id {_shown(entry.get('image_id'))} in annotation {name}")
            continue
        is_crowd = _crowd_of(entry)
        fault = f"iscrowd {_shown(entry['iscrowd'])}" if is_crowd is None else ""
        if category is not None and own not in known:
            fault = f"the unknown category_id {_shown(entry.get('category_id'))}"
        found[image].append(CocoAnnotation(name, entry.get("segmentation"), bool(is_crowd), fault))
    if strays:
        more = f" and {len(strays) - MAX_STRAYS} more" if len(strays) > MAX_STRAYS else ""
        raise ValueError(
            f"annotations must each belong to an image of '{file}', got {', '.join(strays[:MAX_STRAYS])}{more}; "
            "correct or remove these annotations, or add their images"
        )
    return found


def _other_ids(categories: Sequence[dict[str, Any]], category: str | None) -> set[str]:
    """Return the ids of all categories but the one, which is given by name or id; of none if it is None."""
    ids = {_id_of(one, "id") for one in categories}
    if category is None:
        return set()
    chosen = {_id_of(one, "id") for one in categories if one.get("name") == category} or ids & {category}
    if not chosen:
        known = ", ".join(str(one.get("name")) for one in categories[:8]) + (", ..." if len(categories) > 8 else "")
        raise ValueError(f"category must be a category of the COCO file, got '{category}'; choose one of {known}")
    return ids - chosen


def _id_of(entry: dict[str, Any], key: str) -> str:
    """Return an id in one form, since files mix 1, 1.0 and "1"; empty if there is none."""
    value = entry.get(key)
    if is_whole(value):
        return str(int(value))
    return value.strip() if isinstance(value, str) else ""


def _crowd_of(entry: dict[str, Any]) -> bool | None:
    """Return whether an annotation is a crowd, which most files leave out, or write 0 or 1; None if it is neither."""
    value = entry.get("iscrowd")
    if value is None or isinstance(value, bool):
        return bool(value)
    return {"0": False, "1": True}.get(_id_of(entry, "iscrowd"))


def _shown(value: object) -> str:
    return f"{json.dumps(value, ensure_ascii=False):.40}"
