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

In volumes (D, H, W) stands for (H, W), and a Pairwise has one plane for each of 3, 9 or 13 neighbors.
"""

from itertools import product
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

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

Offset: TypeAlias = tuple[int, ...]
"""Steps along each axis from a pixel or voxel to a neighbor."""

NEIGHBOR_COUNTS: Final = MappingProxyType({2: (4, 8), 3: (6, 18, 26)})
"""The numbers of neighbors that a pixel or a voxel can have, by the number of axes."""


def _half_of_all(axes: int) -> tuple[Offset, ...]:
    """Return half of all neighbors, so that each pair comes once: those along an axis first, then diagonals."""
    positive = [offset for offset in product((-1, 0, 1), repeat=axes) if offset > (0,) * axes]
    return tuple(sorted(positive, key=lambda one: (sum(map(abs, one)), [*map(abs, one)], [-step for step in one])))


_HALVES: Final = MappingProxyType({axes: _half_of_all(axes) for axes in NEIGHBOR_COUNTS})

NEIGHBORS: Final = _HALVES[2]
"""(dy, dx) of each plane of a photo's Pairwise: half of the 8 neighbors, so each pair of pixels comes once."""


def offsets_of(axes: int, neighbors: int) -> tuple[Offset, ...]:
    """Return half of the 4 or 8 neighbors in two axes, or of the 6, 18 or 26 in three; ValueError for other numbers."""
    if neighbors not in NEIGHBOR_COUNTS[axes]:
        raise ValueError(
            f"neighbors must be one of {', '.join(map(str, NEIGHBOR_COUNTS[axes]))}, got {neighbors}; "
            "more of them make a smoother surface and a larger graph"
        )
    return _HALVES[axes][: neighbors // 2]


def offsets_in(pairwise: "Pairwise") -> tuple[Offset, ...]:
    """Return the neighbor of each plane of a Pairwise, of a photo or a volume."""
    return offsets_of(pairwise.ndim - 1, 2 * len(pairwise))


def neighbors_at(offset: Offset) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return slices of all pixels with a neighbor at the offset, and of those neighbors; steps may be negative."""
    here = tuple(slice(-min(step, 0) or None, -max(step, 0) or None) for step in offset)
    there = tuple(slice(max(step, 0) or None, min(step, 0) or None) for step in offset)
    return here, there


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


def check_seeds(seeds: object, argument: str = "seeds", *, axes: int = 2) -> Seeds:
    """Return the seeds; TypeError or ValueError unless they are uint8 (H, W) of BACKGROUND, FOREGROUND, UNKNOWN."""
    array = _check(seeds, np.uint8, (None,) * axes, argument, "start from numpy.full(shape, UNKNOWN, numpy.uint8)")
    known = (array == BACKGROUND) | (array == FOREGROUND) | (array == UNKNOWN)
    if not known.all():
        strange = np.unique(array[~known]).tolist()
        raise ValueError(f"{argument} must hold 0, 1 and 255 only, got {strange}; map other values to these")
    return array


def check_mask(mask: object, argument: str = "mask", *, axes: int = 2) -> Mask:
    """Return the mask; TypeError or ValueError unless it is bool (H, W), or has another number of axes."""
    return _check(mask, np.bool_, (None,) * axes, argument, "compare with a threshold, as in `soft >= 0.5`")


def check_labels(labels: object, argument: str = "labels") -> Labels:
    """Return the labels; TypeError or ValueError unless they are uint8 (H, W)."""
    return _check(labels, np.uint8, (None, None), argument, "number the labels from 0, with 255 for void")


def check_unary(unary: object, argument: str = "unary", *, labels: int | None = 2) -> Unary:
    """Return the costs; TypeError or ValueError unless they are float64 (H, W, labels), finite and not negative.

    Those of a volume are (D, H, W, labels). With `labels` None any number of labels will do.
    """
    axes = 3 if isinstance(unary, np.ndarray) and unary.ndim == 4 else 2
    array = _check(
        unary, np.float64, (*(None,) * axes, labels), argument, "stack the costs of all labels along the last axis"
    )
    return _check_costs(array, argument)


def check_pairwise(pairwise: object, shape: tuple[int, ...], argument: str = "pairwise") -> Pairwise:
    """Return the costs; TypeError or ValueError unless they are float64 (4, *shape), finite and not negative.

    The first axis may have any length that half of `NEIGHBOR_COUNTS` has, so 3, 9 or 13 in a volume.
    """
    planes = [count // 2 for count in NEIGHBOR_COUNTS[len(shape)]]
    given = len(pairwise) if isinstance(pairwise, np.ndarray) and pairwise.ndim else planes[-1]
    wanted = (given if given in planes else planes[-1], *shape)
    array = _check(pairwise, np.float64, wanted, argument, "make both from the same image")
    return _check_costs(array, argument)


def check_same_size(first: NDArray[Any], second: NDArray[Any], arguments: str, *, axes: int = 2) -> None:
    """Raise ValueError unless both arrays have the same height and width, and depth if they are volumes."""
    if first.shape[:axes] != second.shape[:axes]:
        raise ValueError(
            f"{arguments} must have one {'height and width' if axes == 2 else 'shape'}, "
            f"got {first.shape[:axes]} and {second.shape[:axes]}; resize one"
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
