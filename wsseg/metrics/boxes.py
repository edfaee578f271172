"""Whether a box finds an object: CorLoc, localization with a known class, and ILSVRC's top-5 localization.

A box is right when its IoU with a true one is at least 0.5: Everingham et al., "The PASCAL Visual Object Classes (VOC)
Challenge" (2010), equation 3.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from wsseg.arrays import Box

RIGHT: Final = 0.5
"""IoU from which a box is right: Everingham et al. 2010, section 4.2, and Russakovsky et al. 2015, section 4.2."""

GUESSES: Final = 5
"""Guesses of class and box that ILSVRC allows: Russakovsky et al. 2015, section 4.2."""


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes; 0 when both are empty."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    shared = max(width, 0) * max(height, 0)
    union = _area(first) + _area(second) - shared
    return shared / union if union else 0.0


def best_iou(found: Box | None, truths: Iterable[Box]) -> float:
    """The IoU with the true box that fits best.

    It is 0 where nothing was found or nothing is true, but 1 where neither was.
    """
    boxes = list(truths)
    if found is None or not boxes:
        return float(found is None and not boxes)
    return max(box_iou(found, box) for box in boxes)


def localized(found: Box | None, truths: Iterable[Box]) -> float:
    """1 when the box is right, else 0.

    Its mean over photos is CorLoc where the true boxes are of all objects (Deselaers, Alexe, Ferrari 2010, section
    4.1), and GT-known localization where they are those of the class that the box was made for (Choe et al. 2020).
    """
    return float(best_iou(found, truths) >= RIGHT)


def top_localized(
    guesses: Sequence[tuple[str, Box | None]], truths: Iterable[tuple[str, Box]], *, most: int = GUESSES
) -> float:
    """1 when any of the first guesses, a class and a box, is right in both with any true one; else 0.

    One less its mean over photos is the localization error of ILSVRC (Russakovsky et al., "ImageNet Large Scale Visual
    Recognition Challenge" (2015), section 4.2), of which Simonyan, Vedaldi, Zisserman 2013 report 46.4 % on the test
    photos of 2013.
    """
    known = list(truths)
    right = (localized(box, [true for name, true in known if name == category]) for category, box in guesses[:most])
    return max((score for score, (_, box) in zip(right, guesses, strict=False) if box is not None), default=0.0)


def _area(box: Box) -> int:
    return max(box.x1 - box.x0, 0) * max(box.y1 - box.y0, 0)
