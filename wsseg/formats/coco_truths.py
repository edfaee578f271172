"""Truths from a COCO file of annotations: what the objects of a category, or of all, cover in each photo.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. A crowd
(`iscrowd`) is void, as COCO's own evaluation passes over what is found in it.
"""

import json
import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wsseg.arrays import FOREGROUND, UNKNOWN, Seeds
from wsseg.formats.coco import pycocotools


@dataclass(frozen=True)
class CocoTruth:
    """The objects of a photo, undecoded."""

    height: int
    width: int
    objects: tuple[Any, ...]
    crowds: tuple[Any, ...]

    def read(self) -> Seeds:
        """The truth."""
        truth = np.zeros((self.height, self.width), np.uint8)
        for segmentations, value in ((self.crowds, UNKNOWN), (self.objects, FOREGROUND)):
            for segmentation in segmentations:
                truth[self._mask(segmentation)] = value
        return truth

    def _mask(self, segmentation: Any) -> Any:
        size = self.height, self.width
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # That pycocotools' arrays give to numpy.
                decoded = _decoded(segmentation, size)
        except Exception as error:  # Of which pycocotools raises the most general.
            raise ValueError(f"truth must have sound segmentations, got '{error}'; mend the annotation") from error
        if decoded.shape != size:
            raise ValueError(f"truth must have the photo's size {size}, got {decoded.shape}; mend the annotation")
        return decoded == 1


def _decoded(segmentation: Any, size: tuple[int, int]) -> Any:
    """The mask of polygons, of an RLE, or of one whose counts are numbers."""
    masks = pycocotools()
    if isinstance(segmentation, list):
        segmentation = masks.merge(masks.frPyObjects(segmentation, *size))
    elif isinstance(segmentation["counts"], list):
        segmentation = masks.frPyObjects(segmentation, *size)
    return masks.decode(segmentation)


def coco_truths(file: Path, category: str | None = None) -> dict[str, CocoTruth]:
    """The truths of every photo in the file by its name without suffix; of one category, a name or an id, if given.

    A photo without objects has an empty truth. ValueError when the file is not COCO's, or has no such category.
    """
    pycocotools()
    try:
        content = json.loads(file.read_bytes())
        wanted = _category(content["categories"], category)
        segmentations = _by_image(content["annotations"], wanted)
        return {_name(image): _truth(image, segmentations) for image in content["images"]}
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"truths must be a COCO file of images, categories and annotations, got '{error}' in {file}; export it anew"
        ) from error


def _category(categories: list[dict[str, Any]], wanted: str | None) -> int | None:
    if wanted is None:
        return None
    found = [one["id"] for one in categories if wanted in (one["name"], str(one["id"]))]
    if len(found) != 1:
        known = ", ".join(one["name"] for one in categories[:8])
        raise ValueError(f"category must be one of the file's, got {wanted!r}; they are {known}, ...")
    return int(found[0])


def _by_image(annotations: list[dict[str, Any]], wanted: int | None) -> Mapping[Any, dict[bool, list[Any]]]:
    """The segmentations of each image, crowds apart."""
    found: defaultdict[Any, dict[bool, list[Any]]] = defaultdict(lambda: {False: [], True: []})
    for one in annotations:
        if wanted is None or one["category_id"] == wanted:
            found[one["image_id"]][bool(one.get("iscrowd"))].append(one["segmentation"])
    return found


def _name(image: dict[str, Any]) -> str:
    return PurePosixPath(image["file_name"]).with_suffix("").as_posix()


def _truth(image: dict[str, Any], found: Mapping[Any, dict[bool, list[Any]]]) -> CocoTruth:
    own = found[image["id"]]
    return CocoTruth(image["height"], image["width"], tuple(own[False]), tuple(own[True]))
