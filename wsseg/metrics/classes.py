"""Labels of several classes against labels: the IoU of each class, pooled over all photos, and its mean.

Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective" (2015), section 4.2: one confusion
matrix of all pixels of all photos; the IoU of a class is its diagonal over its row and column, TP / (TP + FP + FN).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import check_same_size


def confusion(labels: NDArray[Any], truth: NDArray[Any], *, classes: int, void: int) -> NDArray[np.int64]:
    """Pixels by their true class and the one in `labels`, (classes, classes); true ones of `void` never count.

    ValueError where there is a label that is no class.
    """
    check_same_size(labels, truth, "labels and truth")
    counted = truth != void
    for argument, values in (("labels", labels), ("truth", truth[counted])):
        if values.max(initial=0) >= classes:
            raise ValueError(f"{argument} must hold classes below {classes}, got {values.max()}; number them likewise")
    keys = truth[counted].astype(np.int64) * classes + labels[counted]
    return np.bincount(keys, minlength=classes**2).reshape(classes, classes)


def class_tally(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """All that scores need of a confusion matrix, and what can be summed over photos: TP, found and true, (3, C)."""
    return np.stack([np.diagonal(matrix), matrix.sum(axis=0), matrix.sum(axis=1)])


def class_ious(tally: NDArray[Any]) -> NDArray[np.float64]:
    """The IoU of each class from sums or means over photos of tallies, (..., 3, C); NaN where a class is absent.

    Absent is what neither the labels nor the truths hold.
    """
    right, found, true = np.moveaxis(np.asarray(tally, np.float64), -2, 0)
    union = found + true - right
    return np.asarray(np.divide(right, union, out=np.full(union.shape, np.nan), where=union > 0))


def miou(tally: NDArray[Any]) -> NDArray[np.float64]:
    """The mean IoU over the classes that are not absent, background included, (...); 1 when all are."""
    ious = class_ious(tally)
    present = ~np.isnan(ious)
    count = present.sum(axis=-1)
    return np.where(count, np.where(present, ious, 0).sum(axis=-1) / np.maximum(count, 1), 1.0)


def pixel_accuracy(tally: NDArray[Any]) -> NDArray[np.float64]:
    """The share of pixels with the right class, (...); 1 when there are none."""
    right, _, true = np.moveaxis(np.asarray(tally, np.float64), -2, 0).sum(axis=-1)
    return np.where(true > 0, right / np.maximum(true, 1e-300), 1.0)
