"""Tidying a mask: components."""

import cv2
import numpy as np

from wsseg.arrays import Mask, check_mask


def largest_component(mask: Mask) -> Mask:
    """The largest 8-connected component of the mask, of equals the first in reading order; empty for an empty mask."""
    check_mask(mask)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = np.where(mask, statistics[labels, cv2.CC_STAT_AREA], 0)
    return np.asarray(mask & (labels == labels.flat[areas.argmax()]))
