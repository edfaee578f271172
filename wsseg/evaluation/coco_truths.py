"""Truths from a COCO file of annotations: what the objects of a category, or of all, cover in each photo.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. A crowd
(`iscrowd`) is void, as COCO's own evaluation passes over what is found in it.
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
    """The objects of a photo, undecoded."""

    file: str
    """The photo's path, as the file has it."""
    size: tuple[Any, Any]
    """Its height and width, as the file has them."""
    objects: Sequence[Any]
    crowds: Sequence[Any]

    def read(self) -> Seeds:
        """The truth; ValueError when a size or a segmentation is none."""
        self._check_size()
        truth = np.zeros(self.size, np.uint8)
        for segmentations, value in ((self.crowds, UNKNOWN), (self.objects, FOREGROUND)):
            for segmentation in segmentations:
                truth[self._mask(segmentation)] = value
        return truth

    def _check_size(self) -> None:
        if not all(type(side) is int and side > 0 for side in self.size) or self.size[0] * self.size[1] > MAX_PIXELS:
            raise ValueError(
                f"truth must have a height and a width of 1 to {MAX_PIXELS} pixels in all, got {self.size!r:.80}; "
                "mend the image's entry"
            )

    def _mask(self, segmentation: Any) -> Mask:
        try:
            polygons = isinstance(segmentation, list)
            return _of_polygons(segmentation, self.size) if polygons else _of_runs(segmentation, self.size)
        except (ValueError, TypeError, KeyError, OverflowError, IndexError) as error:
            raise ValueError(f"truth must have sound segmentations, got '{error}'; mend the annotation") from error


def _of_polygons(polygons: list[Any], size: tuple[int, int]) -> Mask:
    reach = max(size)
    for polygon in polygons:
        if not (np.abs(np.asarray(polygon, np.float64) - reach / 2) <= 1.5 * reach).all():  # Neither is NaN.
            raise ValueError(f"a polygon that leaves the photo of {size} by more than its size")
    masks = pycocotools()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # That pycocotools' arrays give to numpy.
        try:
            found = masks.decode(masks.merge(masks.frPyObjects(polygons, *size)))
        except Exception as error:  # Of which pycocotools raises the most general.
            raise ValueError(error) from error
    return np.asarray(found == 1)


def _of_runs(segmentation: Any, size: tuple[int, int]) -> Mask:
    """That of runs of pixels, down the columns; pycocotools' own reading makes up what they lack."""
    if tuple(segmentation["size"]) != size:
        raise ValueError(f"runs of {segmentation['size']!r:.80} in a photo of {size}")
    counts = segmentation["counts"]
    runs = np.asarray(counts if isinstance(counts, list) else _uncompressed(counts.encode()), np.int64)
    if (runs < 0).any() or sum(runs.tolist()) != size[0] * size[1]:
        raise ValueError(f"runs of {sum(runs.tolist())} pixels in a photo of {size}")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[::-1]).T


def _uncompressed(counts: bytes) -> list[int]:
    """The runs in COCO's text: digits of five bits, the least first, of each run less the one two before it."""
    runs: list[int] = []
    run, shift = 0, 0
    for sign in counts:
        digit = sign - 48
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
    """The truths of every photo in the file by its name without suffix; of one category, a name or an id, if given.

    A photo without objects has an empty truth; photos of one name are all listed. ValueError when the file is not
    COCO's, or has no such category.
    """
    pycocotools()
    found = defaultdict(list)
    try:
        content = json.loads(file.read_bytes())
        segmentations = _by_image(content["annotations"], _category(content["categories"], category))
        for image in content["images"]:
            truth = _truth(image, segmentations)
            found[PurePosixPath(truth.file).with_suffix("").as_posix()].append(truth)
        doubled = len(content["images"]) - len({image["id"] for image in content["images"]})
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"truths must be a COCO file of images, categories and annotations, got '{error}' in {file}; export it anew"
        ) from error
    if doubled:
        raise ValueError(f"truths must have an id for each image, got {doubled} twice in {file}; number them anew")
    return dict(found)


def _category(categories: list[dict[str, Any]], wanted: str | None) -> Any:
    if wanted is None:
        return None
    found = [one["id"] for one in categories if wanted in (one["name"], str(one["id"]))]
    if len(found) != 1:
        known = ", ".join(str(one["name"]) for one in categories[:8])
        raise ValueError(f"category must be one of the file's, got {wanted!r}; they are {known}, ...")
    return found[0]


def _by_image(annotations: list[dict[str, Any]], wanted: Any) -> Mapping[Any, dict[bool, list[Any]]]:
    """The segmentations of each image, crowds apart."""
    found: defaultdict[Any, dict[bool, list[Any]]] = defaultdict(lambda: {False: [], True: []})
    for one in annotations:
        if wanted is None or one["category_id"] == wanted:
            found[one["image_id"]][bool(one.get("iscrowd"))].append(one["segmentation"])
    return found


def _truth(image: dict[str, Any], found: Mapping[Any, dict[bool, list[Any]]]) -> CocoTruth:
    own, name = found[image["id"]], image["file_name"]
    if not isinstance(name, str) or not PurePosixPath(name).name:
        raise TypeError(f"the file_name {name!r:.80}")
    return CocoTruth(name, (image["height"], image["width"]), own[False], own[True])
