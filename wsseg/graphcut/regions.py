"""The components of masks and labels, the box around a mask, and distances from it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, UNKNOWN, Box, Labels, Mask, check_labels, check_mask, check_same_size
from wsseg.graphcut.windows import slices_of


def box_of(mask: Mask) -> Box | None:
    """Return the tightest box around the mask; None if the mask is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def distances_from(mask: Mask) -> NDArray[np.float32]:
    """Return each pixel's distance from the nearest pixel of the mask, in pixels; the mask must not be empty.

    The last bit of OpenCV's distances depends on where in memory they lie. Their squares are whole numbers.
    """
    distances = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.sqrt(np.rint(np.square(distances))))


def largest_component(mask: Mask) -> Mask:
    """Return the largest 8-connected component of a mask.

    Parameters
    ----------
    mask : (H, W) bool array

    Returns
    -------
    (H, W) bool array
        Of equally large components the first in reading order; empty if the mask is empty.

    Raises
    ------
    TypeError, ValueError
        If the mask has another type or shape.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.largest_component(np.array([[True, False, True, True]]))
    array([[False, False,  True,  True]])
    """
    window, largest = box_of(check_mask(mask)), np.zeros_like(mask)
    if window is None:
        return largest
    inside = slices_of(window)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask[inside].astype(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    largest[inside] = labels == 1 + areas.argmax()
    if (areas == areas.max()).sum() > 1:
        largest[inside] = labels == labels.flat[np.isin(labels, 1 + np.flatnonzero(areas == areas.max())).argmax()]
    return largest


def large_components(mask: Mask, *, least: float) -> Mask:
    """Return the 8-connected components of at least `least` times the area of the largest."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    return np.asarray(mask & (areas >= least * areas.max())[labels])


def without_specks(mask: Mask, changed: Mask, hinted: Mask, *, least: float) -> Mask:
    """Return the mask without small components beside changed pixels, if they hold no hinted pixel.

    A component is small if its area is less than `least` times that of the largest.
    """
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    goes = areas < least * areas.max()
    if goes.sum() == 1:  # The rest of the photo alone.
        return mask
    goes &= np.isin(np.arange(len(areas)), labels[cv2.dilate(changed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0])
    goes[labels[hinted & mask]] = False
    return np.asarray(mask & ~goes[labels])


def components_of(mask: Mask, pixels: Mask) -> Mask:
    """Return the 8-connected components of the mask that hold any of the pixels."""
    check_same_size(check_mask(mask), check_mask(pixels, "pixels"), "mask and pixels")
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(mask & np.isin(labels, np.unique(labels[pixels & mask])))


def largest_components(labels: Labels) -> Labels:
    """Return the `largest_component` of each label; the rest is background."""
    kept = np.zeros_like(check_labels(labels))
    for label in np.unique(labels):
        kept[largest_component(labels == label)] = label
    return kept


def instances_of(labels: Labels) -> Labels:
    """Return a number for each 8-connected component of each label, from 1 for the largest.

    Parameters
    ----------
    labels : (H, W) uint8 array
        0 is background, 255 is void.

    Returns
    -------
    (H, W) uint8 array
        0 on the background, 1 to 254 on the components, 255 on void pixels and on smaller components. Of equally large
        components the one with the higher box comes first, then the one with the box further left.

    Raises
    ------
    TypeError, ValueError
        If the labels have another type or shape.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.instances_of(np.array([[1, 0, 1, 1, 2, 255]], np.uint8))
    array([[  2,   0,   1,   1,   3, 255]], dtype=uint8)
    """
    check_labels(labels)
    parts, boxes = np.zeros(labels.shape, np.int32), [np.zeros((0, 5), np.int32)]
    for label in np.setdiff1d(labels, [BACKGROUND, UNKNOWN]):
        count = sum(map(len, boxes))
        _, own, statistics, _ = cv2.connectedComponentsWithStats((labels == label).astype(np.uint8), connectivity=8)
        parts[own > 0] = own[own > 0] + count
        boxes.append(statistics[1:])
    left, top, _, _, area = np.concatenate(boxes).T
    numbers = np.zeros(len(area) + 1, np.uint8)
    numbers[1 + np.lexsort((left, top, -area))] = np.arange(1, len(area) + 1).clip(max=UNKNOWN)
    return np.where(labels == UNKNOWN, UNKNOWN, numbers[parts]).astype(np.uint8)
