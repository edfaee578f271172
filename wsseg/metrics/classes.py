"""Class labels against true ones: the IoU of each class, pooled over all photos, and its mean.

Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective" (2015), section 4.2: one confusion
matrix of all pixels of all photos; the IoU of a class is TP / (TP + FP + FN), from its diagonal, column and row.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import check_same_size

ClassIds: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Number of the class of each pixel, (H, W)."""

Tally: TypeAlias = NDArray[np.int64] | NDArray[np.float64]
"""Pixels of each class, summed or averaged over photos: correct, found and true ones, (..., 3, classes)."""


def confusion(labels: ClassIds, truth: ClassIds, *, classes: int, void: int) -> NDArray[np.int64]:
    """Count pixels by their true class and their label.

    Parameters
    ----------
    labels : ndarray of uint8 or uint16, (H, W)
        Class of each pixel.
    truth : ndarray of uint8 or uint16, (H, W)
        True class of each pixel.
    classes : int
        Number of classes.
    void : int
        True label of pixels that never count.

    Returns
    -------
    ndarray of int64, (classes, classes)
        Number of pixels; rows are true classes, columns labels.

    Raises
    ------
    ValueError
        If the sizes differ, or a label is not below `classes`.
    """
    check_same_size(labels, truth, "labels and truth")
    counted = truth != void
    for argument, values in (("labels", labels), ("truth", truth[counted])):
        if values.max(initial=0) >= classes:
            raise ValueError(
                f"{argument} must hold class numbers below {classes}, got {values.max()}; "
                "number the classes as the truths' coding does"
            )
    keys = truth[counted].astype(np.int64) * classes + labels[counted]
    return np.bincount(keys, minlength=classes**2).reshape(classes, classes)


def class_tally(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what the scores need of a confusion matrix; it can be summed over photos.

    Parameters
    ----------
    matrix : ndarray of int64, (classes, classes)
        Pixels by true class and label.

    Returns
    -------
    ndarray of int64, (3, classes)
        Pixels of each class: correct, found and true ones.
    """
    return np.stack([np.diagonal(matrix), matrix.sum(axis=0), matrix.sum(axis=1)])


def class_ious(tally: Tally) -> NDArray[np.float64]:
    """Compute the IoU of each class.

    Parameters
    ----------
    tally : ndarray, (..., 3, classes)
        Sum or mean over photos of `class_tally`.

    Returns
    -------
    ndarray of float64, (..., classes)
        IoU in [0, 1]; NaN where a class is absent from labels and truths.
    """
    right, found, true = np.moveaxis(np.asarray(tally, np.float64), -2, 0)
    union = found + true - right
    return np.asarray(np.divide(right, union, out=np.full(union.shape, np.nan), where=union > 0))


def miou(tally: Tally) -> NDArray[np.float64]:
    """Compute the mean IoU over the classes that are present, background included.

    Parameters
    ----------
    tally : ndarray, (..., 3, classes)
        Sum or mean over photos of `class_tally`.

    Returns
    -------
    ndarray of float64, (...)
        Mean IoU in [0, 1]; 1 where no class is present.
    """
    ious = class_ious(tally)
    present = ~np.isnan(ious)
    count = present.sum(axis=-1)
    return np.where(count, np.where(present, ious, 0).sum(axis=-1) / np.maximum(count, 1), 1.0)


def pixel_accuracy(tally: Tally) -> NDArray[np.float64]:
    """Compute the share of pixels with the right class.

    Parameters
    ----------
    tally : ndarray, (..., 3, classes)
        Sum or mean over photos of `class_tally`.

    Returns
    -------
    ndarray of float64, (...)
        Share in [0, 1]; 1 where there are no pixels.
    """
    right, _, true = np.moveaxis(np.asarray(tally, np.float64), -2, 0).sum(axis=-1)
    return np.where(true > 0, right / np.maximum(true, 1e-300), 1.0)
