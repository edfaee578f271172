"""Tidying a mask, or labels: components, and the box around it."""

import cv2
import numpy as np

from wsseg.arrays import BACKGROUND, UNKNOWN, Box, Labels, Mask, check_labels, check_mask, check_same_size


def box_of(mask: Mask) -> Box | None:
    """The tightest box around the mask; None when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def largest_component(mask: Mask) -> Mask:
    """The largest 8-connected component of the mask, of equals the first in reading order; empty for an empty mask."""
    check_mask(mask)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if not len(areas):
        return mask.copy()
    equals = labels == 1 + areas.argmax()
    if (areas == areas.max()).sum() > 1:
        equals = labels == labels.flat[np.isin(labels, 1 + np.flatnonzero(areas == areas.max())).argmax()]
    return np.asarray(equals)


def components_of(mask: Mask, pixels: Mask) -> Mask:
    """The 8-connected components of the mask that hold any of the pixels."""
    check_same_size(check_mask(mask), check_mask(pixels, "pixels"), "mask and pixels")
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(mask & np.isin(labels, np.unique(labels[pixels & mask])))


def largest_components(labels: Labels) -> Labels:
    """The labels, of each its `largest_component` only; the rest is background."""
    kept = np.zeros_like(check_labels(labels))
    for label in np.unique(labels):
        kept[largest_component(labels == label)] = label
    return kept


def instances_of(labels: Labels) -> Labels:
    """Each 8-connected component of each label with a number of its own, from 1 for the largest to 254.

    Of equals the one whose box is higher is first, then the one whose box is more to the left. Components beyond the
    254 largest are void, 255, as are void pixels; background is 0.
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
