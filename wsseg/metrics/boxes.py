"""Whether a box finds an object: CorLoc, localization with a known class, and ILSVRC's top-5 localization.

A box is right when its IoU with a true one is at least 0.5: Everingham et al., "The PASCAL Visual Object Classes (VOC)
Challenge" (2010), equation 3.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from wsseg.arrays import Box

MIN_IOU: Final = 0.5
"""IoU from which a box is right: Everingham et al. 2010, section 4.2, and Russakovsky et al. 2015, section 4.2."""

TOP: Final = 5
"""Detections that ILSVRC allows for each photo: Russakovsky et al. 2015, section 4.2."""

Detection: TypeAlias = tuple[str, Box | None]
"""Class of an object, and its box; None where no box was found."""


def box_iou(first: Box, second: Box) -> float:
    """Return the intersection over union of two boxes; 0 when both are empty.

    Parameters
    ----------
    first, second : Box
        Boxes of the same photo, in pixels.

    Returns
    -------
    float
        IoU in [0, 1].
    """
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    shared = max(width, 0) * max(height, 0)
    union = _area(first) + _area(second) - shared
    return shared / union if union else 0.0


def best_iou(found: Box | None, truths: Iterable[Box]) -> float:
    """Return the IoU of a box with the true box that fits it best.

    Parameters
    ----------
    found : Box or None
        Box that was found, if any.
    truths : iterable of Box
        True boxes.

    Returns
    -------
    float
        IoU in [0, 1]: 1 where there is neither a box nor a true one, and 0 where there is only one of both.
    """
    boxes = list(truths)
    if found is None or not boxes:
        return float(found is None and not boxes)
    return max(box_iou(found, box) for box in boxes)


def localized(found: Box | None, truths: Iterable[Box]) -> float:
    """Return 1 when the box is right, else 0.

    The mean over photos is CorLoc where the true boxes are those of all objects (Deselaers, Alexe, Ferrari 2010,
    section 4.1), and GT-known localization where they belong to the class that the box was made for (Choe et al. 2020).

    Parameters
    ----------
    found : Box or None
        Box that was found, if any.
    truths : iterable of Box
        True boxes.

    Returns
    -------
    float
        0 or 1.
    """
    return float(best_iou(found, truths) >= MIN_IOU)


def top_localized(detections: Sequence[Detection], truths: Iterable[tuple[str, Box]], *, most: int = TOP) -> float:
    """Return 1 when any of the first detections has the class and the box of a true object, else 0.

    1 minus the mean over photos is the localization error of ILSVRC (Russakovsky et al., "ImageNet Large Scale Visual
    Recognition Challenge" (2015), section 4.2). Simonyan, Vedaldi, Zisserman 2013 report 46.4 % on the test photos of
    2013.

    Parameters
    ----------
    detections : sequence of (str, Box or None)
        Class and box of each detection, most probable first.
    truths : iterable of (str, Box)
        Class and box of each true object.
    most : int
        Number of detections that count.

    Returns
    -------
    float
        0 or 1.
    """
    known = list(truths)
    right = (
        localized(box, [true for name, true in known if name == category])
        for category, box in detections[:most]
        if box is not None
    )
    return max(right, default=0.0)


def _area(box: Box) -> int:
    return max(box.x1 - box.x0, 0) * max(box.y1 - box.y0, 0)
