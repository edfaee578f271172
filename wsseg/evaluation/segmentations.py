"""Segmentations of a COCO file as masks: polygons, and run lengths in both of COCO's notations.

Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and https://cocodataset.org/#format-data. The errors are
short reasons, because only the caller knows which annotation it is.
"""

import json
import warnings
from collections.abc import Sequence
from typing import Final, TypeGuard

import numpy as np

from wsseg.arrays import Mask
from wsseg.files.coco import pycocotools

FEWEST: Final = 6
"""Fewest numbers of a polygon, x and y of three points; pycocotools would take four for a box."""


def mask_of_segmentation(segmentation: object, size: tuple[int, int]) -> Mask:
    """Decode one segmentation.

    Parameters
    ----------
    segmentation : object
        As in the file: polygons [[x, y, x, y, ...], ...], one polygon [x, y, x, y, ...], runs {"size", "counts"} with
        counts as a list or as COCO's text, or a list of such runs. Several parts are joined.
    size : tuple of int
        Height and width of the photo.

    Returns
    -------
    ndarray of bool, (H, W)
        The mask.

    Raises
    ------
    ValueError
        If it is none of these, or does not fit the photo.
    """
    if segmentation is None or segmentation in ([], [[]], {}, ""):
        raise ValueError("no segmentation")
    if isinstance(segmentation, dict):
        return _mask_of_runs(segmentation, size)
    if not isinstance(segmentation, list):
        raise ValueError(f"{_shown(segmentation)} as a segmentation")
    if all(isinstance(part, dict) for part in segmentation):
        return np.asarray(np.any([_mask_of_runs(part, size) for part in segmentation], axis=0))
    polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
    return _mask_of_polygons([_checked_polygon(polygon, size) for polygon in polygons], size)


def is_whole(value: object) -> TypeGuard[int | float]:
    """Return whether a value of a JSON file is a whole number; some writers make 40 to 40.0."""
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked_polygon(polygon: object, size: tuple[int, int]) -> list[float]:
    if not isinstance(polygon, list) or not all(map(_is_number, polygon)):
        raise ValueError("a polygon that is not a list of numbers x, y, x, y, ...")
    if len(polygon) < FEWEST or len(polygon) % 2:
        raise ValueError(f"a polygon of {len(polygon)} numbers (it needs x and y of at least 3 points)")
    reach = max(size)
    if not all(-reach <= number <= 2 * reach for number in polygon):  # NaN fails this comparison too.
        raise ValueError("a polygon that extends beyond the photo by more than its size")
    return [float(number) for number in polygon]


def _mask_of_polygons(polygons: list[list[float]], size: tuple[int, int]) -> Mask:
    masks = pycocotools()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # The arrays of pycocotools make numpy warn.
        return np.asarray(masks.decode(masks.merge(masks.frPyObjects(polygons, *size))) == 1)


def _mask_of_runs(segmentation: dict[str, object], size: tuple[int, int]) -> Mask:
    """Decode runs of pixels down the columns; pycocotools would not notice that runs are missing."""
    if segmentation.get("size") != list(size):
        raise ValueError(f"run lengths of the size {_shown(segmentation.get('size'))} in a photo of {list(size)}")
    runs = _runs_of(segmentation.get("counts"))
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"run lengths of {sum(runs)} pixels in a photo of {size[0] * size[1]}")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[::-1]).T


def _runs_of(counts: object) -> Sequence[int]:
    if isinstance(counts, str):
        runs = _uncompressed(counts)
    elif isinstance(counts, list) and all(map(is_whole, counts)):
        runs = [int(count) for count in counts]
    else:
        raise ValueError("run lengths with counts that are neither a list of whole numbers nor text")
    if min(runs, default=0) < 0:
        raise ValueError("a negative run length")
    return runs


def _uncompressed(counts: str) -> list[int]:
    """Decode the runs in COCO's text: digits of five bits, lowest first, as the difference to the run two before."""
    runs: list[int] = []
    run, shift = 0, 0
    for character in counts:
        digit = ord(character) - 48
        if not 0 <= digit < 64:
            raise ValueError(f"run lengths with the character {_shown(character)}")
        if shift > 60:
            raise ValueError("a run length without an end")
        run |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            run -= (digit & 16) << (shift - 4)
            runs.append(run + (runs[-2] if len(runs) > 2 else 0))
            run, shift = 0, 0
    if shift:
        raise ValueError("a run length without an end")
    return runs


def _shown(value: object) -> str:
    return f"{json.dumps(value):.40}"
