"""The vocabulary: the arrays of the method, defined once and checked by the public functions.

| name     | dtype   | shape     | holds                                                                  |
|----------|---------|-----------|------------------------------------------------------------------------|
| Image    | uint8   | (H, W, 3) | sRGB                                                                   |
| Saliency | float32 | (H, W)    | [0, 1], over the whole image                                           |
| Seeds    | uint8   | (H, W)    | BACKGROUND, FOREGROUND or UNKNOWN; also truth, where UNKNOWN is void    |
| Unary    | float64 | (H, W, 2) | nats; the last axis is the label, background first                     |
| Pairwise | float64 | (4, H, W) | nats; planes are the neighbors right, down, down-right, down-left      |
| Mask     | bool    | (H, W)    | True on the object                                                     |
| Labels   | uint8   | (H, W)    | each pixel's label, counted from 0; 255 is void                        |
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
Saliency: TypeAlias = NDArray[np.float32]
Seeds: TypeAlias = NDArray[np.uint8]
Unary: TypeAlias = NDArray[np.float64]
Pairwise: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.uint8]

BACKGROUND = 0
"""The label of the background."""

FOREGROUND = 1
"""The label of the object."""

UNKNOWN = 255
"""The value of a pixel without a seed, and of a void pixel of a truth."""

NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""(dy, dx) of each plane of a Pairwise: half of the 8 neighbors, so each pair of pixels comes once."""


def neighbors_at(offset: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return slices of all pixels with a neighbor at (dy, dx), and of those neighbors; dx may be negative."""
    dy, dx = offset
    left, right = slice(None, -abs(dx) or None), slice(abs(dx), None)
    here, there = (left, right) if dx >= 0 else (right, left)
    return (slice(None, -dy or None), here), (slice(dy, None), there)


class PhotoError(ValueError):
    """One photo, or its hints, cannot be used; others can. The message says why and what to do."""


class Maps(NamedTuple):
    """The maps of one photo and target that become its saliency."""

    own: Saliency | None
    """The classifier's, (h, w) of any size, not negative; None if the recipe does not need it."""
    objects: Saliency | None
    """The probability of an object by the self-taught network, (h, w); None if the recipe does not need it."""


class Box(NamedTuple):
    """A rectangle in pixels of the upright photo; x1 and y1 are exclusive.

    Examples
    --------
    >>> box = wsseg.Box(10, 20, 110, 220)
    >>> box.x1 - box.x0, box.y1 - box.y0
    (100, 200)
    """

    x0: int
    y0: int
    x1: int
    y1: int


class Point(NamedTuple):
    """A pixel of the upright photo."""

    x: int
    y: int


def check_image(image: object, argument: str = "image") -> Image:
    """Return the image; TypeError or ValueError unless it is a non-empty uint8 (H, W, 3) array."""
    return _check(image, np.uint8, (None, None, 3), argument, "wsseg.read_image gives such an array")


def check_saliency(saliency: object, argument: str = "saliency") -> Saliency:
    """Return the map; TypeError or ValueError unless it is float32 (H, W) in [0, 1]."""
    array = _check(saliency, np.float32, (None, None), argument, "divide the map by its maximum")
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(
            f"{argument} must lie in [0, 1], got [{array.min()}, {array.max()}]; divide the map by its maximum"
        )
    return array


def check_seeds(seeds: object, argument: str = "seeds") -> Seeds:
    """Return the seeds; TypeError or ValueError unless they are uint8 (H, W) of BACKGROUND, FOREGROUND, UNKNOWN."""
    array = _check(seeds, np.uint8, (None, None), argument, "start from numpy.full(shape, UNKNOWN, numpy.uint8)")
    known = (array == BACKGROUND) | (array == FOREGROUND) | (array == UNKNOWN)
    if not known.all():
        strange = np.unique(array[~known]).tolist()
        raise ValueError(f"{argument} must hold 0, 1 and 255 only, got {strange}; map other values to these")
    return array


def check_mask(mask: object, argument: str = "mask") -> Mask:
    """Return the mask; TypeError or ValueError unless it is bool (H, W)."""
    return _check(mask, np.bool_, (None, None), argument, "compare with a threshold, as in `soft >= 0.5`")


def check_labels(labels: object, argument: str = "labels") -> Labels:
    """Return the labels; TypeError or ValueError unless they are uint8 (H, W)."""
    return _check(labels, np.uint8, (None, None), argument, "number the labels from 0, with 255 for void")


def check_unary(unary: object, argument: str = "unary", *, labels: int | None = 2) -> Unary:
    """Return the costs; TypeError or ValueError unless they are float64 (H, W, labels), finite and not negative.

    With `labels` None any number of labels will do.
    """
    array = _check(
        unary, np.float64, (None, None, labels), argument, "stack the costs of all labels along the last axis"
    )
    return _check_costs(array, argument)


def check_pairwise(pairwise: object, shape: tuple[int, ...], argument: str = "pairwise") -> Pairwise:
    """Return the costs; TypeError or ValueError unless they are float64 (4, *shape), finite and not negative."""
    array = _check(pairwise, np.float64, (4, *shape), argument, "make both from the same image")
    return _check_costs(array, argument)


def check_same_size(first: NDArray[Any], second: NDArray[Any], arguments: str) -> None:
    """Raise ValueError unless both arrays have the same height and width."""
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(
            f"{arguments} must have one height and width, got {first.shape[:2]} and {second.shape[:2]}; resize one"
        )


def _check(array: object, dtype: type, shape: tuple[int | None, ...], argument: str, remedy: str) -> NDArray[Any]:
    wanted = f"{np.dtype(dtype).name} array of shape ({', '.join('any' if n is None else str(n) for n in shape)})"
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{argument} must be a {wanted}, got {type(array).__name__}; {remedy}")
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype != dtype or not fits or array.size == 0:
        raise ValueError(f"{argument} must be a non-empty {wanted}, got {array.dtype} {array.shape}; {remedy}")
    return array


def _check_costs(costs: NDArray[np.float64], argument: str) -> NDArray[np.float64]:
    if not (costs.min() >= 0 and costs.max() < np.inf):
        raise ValueError(
            f"{argument} must be finite and not negative, got [{costs.min()}, {costs.max()}]; "
            "subtract the minimum of each pixel from its costs and clip infinite costs"
        )
    return costs
