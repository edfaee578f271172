"""Truths from a COCO file of annotations: the pixels of the objects of one category, or of all, in each photo.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. A crowd
(`iscrowd`) is void, because COCO's own evaluation ignores what is found in it.
"""

import json
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wsseg.arrays import FOREGROUND, UNKNOWN, Mask, Seeds
from wsseg.files.coco import pycocotools
from wsseg.recipe import MAX_PIXELS


@dataclass(frozen=True)
class CocoTruth:
    """Annotations of one photo, not decoded yet."""

    file: str
    """Path of the photo in the COCO file."""
    size: tuple[object, object]
    """Height and width in the COCO file, unchecked."""
    objects: Sequence[object]
    """Segmentations of the objects."""
    crowds: Sequence[object]
    """Segmentations of the crowds."""

    def read(self) -> Seeds:
        """Decode the truth, uint8 (H, W); raise ValueError for an invalid size or segmentation."""
        size = self._checked_size()
        truth = np.zeros(size, np.uint8)
        for segmentations, value in ((self.crowds, UNKNOWN), (self.objects, FOREGROUND)):
            for segmentation in segmentations:
                truth[_mask_of(segmentation, size)] = value
        return truth

    def _checked_size(self) -> tuple[int, int]:
        height, width = self.size
        if type(height) is int and type(width) is int and min(height, width) > 0 and height * width <= MAX_PIXELS:
            return height, width
        raise ValueError(
            f"truth must have a positive height and width and at most {MAX_PIXELS} pixels, got {self.size!r:.80}; "
            "correct the image's entry in the COCO file"
        )


def _mask_of(segmentation: object, size: tuple[int, int]) -> Mask:
    try:
        is_polygons = isinstance(segmentation, list)
        return _mask_of_polygons(segmentation, size) if is_polygons else _mask_of_runs(segmentation, size)
    except (ValueError, TypeError, KeyError, OverflowError, IndexError) as error:
        raise ValueError(
            f"truth must have valid segmentations, got '{error}'; correct the annotation in the COCO file"
        ) from error


def _mask_of_polygons(polygons: Any, size: tuple[int, int]) -> Mask:
    reach = max(size)
    for polygon in polygons:
        # NaN fails this comparison too.
        if not (np.abs(np.asarray(polygon, np.float64) - reach / 2) <= 1.5 * reach).all():
            raise ValueError(f"a polygon that leaves the photo of {size} by more than its size")
    masks = pycocotools()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # The arrays of pycocotools make numpy warn.
        try:
            found = masks.decode(masks.merge(masks.frPyObjects(polygons, *size)))
        except Exception as error:  # pycocotools raises plain Exception.
            raise ValueError(error) from error
    return np.asarray(found == 1)


def _mask_of_runs(segmentation: Any, size: tuple[int, int]) -> Mask:
    """Decode runs of pixels down the columns; pycocotools would not notice that runs are missing."""
    if tuple(segmentation["size"]) != size:
        raise ValueError(f"runs of {segmentation['size']!r:.80} in a photo of {size}")
    counts = segmentation["counts"]
    runs = np.asarray(counts if isinstance(counts, list) else _uncompressed(counts.encode()), np.int64)
    if (runs < 0).any() or sum(runs.tolist()) != size[0] * size[1]:
        raise ValueError(f"runs of {sum(runs.tolist())} pixels in a photo of {size}")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[::-1]).T


def _uncompressed(counts: bytes) -> list[int]:
    """Decode the runs in COCO's text: digits of five bits, lowest first, as the difference to the run two before."""
    runs: list[int] = []
    run, shift = 0, 0
    for character in counts:
        digit = character - 48
        if shift > 60:
            raise ValueError("a run without end")
        run |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            run -= (digit & 16) << (shift - 4)
            runs.append(run + (runs[-2] if len(runs) > 2 else 0))
            run, shift = 0, 0
    return runs


def coco_truths(file: Path, category: str | None = None) -> dict[str, list[CocoTruth]]:
    """Read the annotations of every photo in a COCO file.

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
        If the file is no COCO file, gives two images one id, or does not have the category.
    """
    pycocotools()
    found = defaultdict(list)
    try:
        content = json.loads(file.read_bytes())
        segmentations = _by_image(content["annotations"], _category_id(content["categories"], category))
        for image in content["images"]:
            truth = _truth_of(image, segmentations)
            found[PurePosixPath(truth.file).with_suffix("").as_posix()].append(truth)
        repeated = len(content["images"]) - len({image["id"] for image in content["images"]})
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"truths must be a COCO file with images, categories and annotations, got '{error}' in '{file}'; "
            "export the file again"
        ) from error
    if repeated:
        raise ValueError(
            f"truths must give each image an id of its own, got {repeated} repeated in '{file}'; "
            "number the images again"
        )
    return dict(found)


def _category_id(categories: list[dict[str, Any]], category: str | None) -> Any:
    if category is None:
        return None
    found = [one["id"] for one in categories if category in (one["name"], str(one["id"]))]
    if len(found) != 1:
        known = ", ".join(str(one["name"]) for one in categories[:8]) + (", ..." if len(categories) > 8 else "")
        raise ValueError(f"category must be a category of the COCO file, got '{category}'; choose one of {known}")
    return found[0]


def _by_image(annotations: list[dict[str, Any]], category_id: Any) -> Mapping[Any, dict[bool, list[Any]]]:
    """Group segmentations by image and by whether they are crowds."""
    found: defaultdict[Any, dict[bool, list[Any]]] = defaultdict(lambda: {False: [], True: []})
    for one in annotations:
        if category_id is None or one["category_id"] == category_id:
            found[one["image_id"]][bool(one.get("iscrowd"))].append(one["segmentation"])
    return found


def _truth_of(image: dict[str, Any], segmentations: Mapping[Any, dict[bool, list[Any]]]) -> CocoTruth:
    own, name = segmentations[image["id"]], image["file_name"]
    if not isinstance(name, str) or not PurePosixPath(name).name:
        raise TypeError(f"the file_name {name!r:.80}")
    return CocoTruth(name, (image["height"], image["width"]), own[False], own[True])
