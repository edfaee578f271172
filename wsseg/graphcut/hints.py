"""Hints from a person: a box, points, scribbles.

Marked pixels are hard constraints of the cut (Boykov, Jolly 2001, section 2). They also change other pixels' odds.
"""

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    Box,
    Mask,
    PhotoError,
    Point,
    Seeds,
    check_mask,
    check_seeds,
)
from wsseg.graphcut.regions import distances_from
from wsseg.graphcut.windows import box_in, slices_of

Places: TypeAlias = Sequence[tuple[int, int]] | Mask
"""Points (x, y), or a scribble: a mask of the size of the photo."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hints:
    """Pixels whose label is certain; every part is optional.

    Arrays are copied, so a scribble may grow in place and earlier hints stay as they were.

    Raises
    ------
    TypeError
        If a hint is no box, point, mask or seeds, or a number is not whole.
    ValueError
        If a box is empty, or an array has another type or shape.

    Examples
    --------
    A box around the object, a point on it and a point beside it, all in pixels of the upright photo:

    >>> hints = wsseg.Hints(box=wsseg.Box(10, 20, 200, 150), foreground=[(90, 60)], background=[(15, 140)])
    >>> hints.box.x1
    200
    """

    box: Box | None = None
    """The object lies inside the box; all pixels outside are background."""
    foreground: Places = ()
    """Pixels of the object."""
    background: Places = ()
    """Pixels of the background."""
    seeds: Seeds | None = None
    """(H, W): FOREGROUND, BACKGROUND or UNKNOWN for each pixel."""

    def __post_init__(self) -> None:
        if self.box is not None:
            object.__setattr__(self, "box", _box_of(self.box))
        for name, places in (("foreground", self.foreground), ("background", self.background)):
            if isinstance(places, np.ndarray) and not _are_points(places):
                object.__setattr__(self, name, check_mask(places, name).copy())
            else:
                object.__setattr__(self, name, _points_of(places, name))
        if self.seeds is not None:
            object.__setattr__(self, "seeds", check_seeds(self.seeds).copy())


def seeds_from_hints(hints: Hints, shape: tuple[int, ...], *, click_radius: float) -> Seeds:
    """Return the hints as seeds.

    A point seeds a disc, except for pixels that are at least as near to a point of the other label, and pixels that
    another hint marks.

    Parameters
    ----------
    hints : Hints
        Box, points, scribbles or seeds, in pixels of the photo.
    shape : (int, int)
        Height and width of the photo.
    click_radius : float
        Radius of the disc of a point, as a share of the long side.

    Returns
    -------
    (H, W) uint8 array
        FOREGROUND, BACKGROUND or UNKNOWN.

    Raises
    ------
    PhotoError
        If a hint lies outside the photo, or hints contradict each other or the box.

    Examples
    --------
    >>> hints = wsseg.Hints(box=wsseg.Box(1, 0, 4, 2), foreground=[(2, 1)])
    >>> wsseg.seeds_from_hints(hints, (2, 5), click_radius=0)
    array([[  0, 255, 255, 255,   0],
           [  0, 255,   1, 255,   0]], dtype=uint8)
    """
    sides = {BACKGROUND: hints.background, FOREGROUND: hints.foreground}
    names = {BACKGROUND: "background", FOREGROUND: "foreground"}
    marked = {side: _marks(places, shape, names[side]) for side, places in sides.items()}
    outside = _outside_of(hints.box, shape) == BACKGROUND
    known = np.full(shape, UNKNOWN, np.uint8) if hints.seeds is None else _of_size(hints.seeds, shape, "seeds")
    certain = {side: marked[side] | (known == side) for side in marked}
    if (clash := certain[FOREGROUND] & certain[BACKGROUND]).any():
        raise PhotoError(
            f"hints must not contradict each other, got both labels at {_first_of(clash)}; remove one of them"
        )
    if (clash := certain[FOREGROUND] & outside).any():
        raise PhotoError(
            f"hints must not contradict the box, got the object at {_first_of(clash)} beyond it; enlarge the box or "
            "remove the hint"
        )
    seeds = _discs(sides, shape, click_radius * max(shape))
    for side in certain:
        seeds[certain[side]] = side
    seeds[outside] = BACKGROUND
    return seeds


def hints_in(window: Box, hints: Hints) -> Hints:
    """Return the hints in a window of a photo, in pixels of the window; they must be valid in the photo."""
    return Hints(
        box=None if hints.box is None else box_in(window, hints.box),
        foreground=_places_in(window, hints.foreground),
        background=_places_in(window, hints.background),
        seeds=None if hints.seeds is None else hints.seeds[slices_of(window)],
    )


def _places_in(window: Box, places: Places) -> Places:
    if isinstance(places, np.ndarray):
        return places[slices_of(window)]
    x0, y0, x1, y1 = window
    return [Point(x - x0, y - y0) for x, y in places if x0 <= x < x1 and y0 <= y < y1]


def _box_of(box: Any) -> Box:
    """Return a box as a person gives it: four whole numbers of any type."""
    try:
        x0, y0, x1, y1 = box
        whole = all(int(side) == side for side in (x0, y0, x1, y1))
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise TypeError(f"box must be x0, y0, x1, y1 in whole pixels, got {_shown(box)}; write four whole numbers")
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise PhotoError(
            f"box must be 0 <= x0 < x1 and 0 <= y0 < y1, got {_shown(box)}; write the upper left corner first"
        )
    return Box(int(x0), int(y0), int(x1), int(y1))


def _are_points(array: NDArray[Any]) -> bool:
    return array.dtype != np.bool_ and array.ndim == 2 and array.shape[1] == 2


def _points_of(points: Any, name: str) -> tuple[Point, ...]:
    """Return points as a person gives them: in a list, an array (N, 2) or any iterable."""
    found, refused = [], points
    try:
        for refused in points:
            x, y = refused
            if int(x) != x or int(y) != y:
                break
            found.append(Point(int(x), int(y)))
        else:
            return tuple(found)
    except (TypeError, ValueError, OverflowError):
        pass  # Told below, as are numbers that are not whole.
    raise TypeError(
        f"{name} must be points (x, y) in whole pixels, or a mask, got {_shown(refused)}; write points as [(120, 80)]"
    )


def _shown(value: object) -> str:
    """Return a short text of any value; Python refuses to write the longest numbers."""
    try:
        return reprlib.repr(value)
    except ValueError:
        return "a number of thousands of digits"


def _marks(places: Places, shape: tuple[int, ...], name: str) -> Mask:
    """Return the marked pixels themselves."""
    if isinstance(places, np.ndarray):
        return _of_size(places, shape, name)
    marked = np.zeros(shape, np.bool_)
    for x, y in places:
        if not (0 <= x < shape[1] and 0 <= y < shape[0]):
            raise PhotoError(
                f"{name} must be points (x, y), pixels of the {shape[1]} x {shape[0]} photo, got {_shown((x, y))}; "
                f"use whole numbers with 0 <= x < {shape[1]} and 0 <= y < {shape[0]}"
            )
        marked[y, x] = True
    return marked


def _first_of(pixels: Mask) -> str:
    """Return the place of the first pixel, as errors tell it."""
    y, x = np.argwhere(pixels)[0].tolist()
    return f"x {x}, y {y}"


def _outside_of(box: Box | None, shape: tuple[int, ...]) -> Seeds:
    """Return `seeds_outside` of a person's box."""
    if box is None:
        return np.full(shape, UNKNOWN, np.uint8)
    if not (box.x1 <= shape[1] and box.y1 <= shape[0]):
        raise PhotoError(
            f"box must lie within the {shape[1]} x {shape[0]} photo, got {_shown(tuple(box))}; "
            f"use whole numbers with x1 <= {shape[1]} and y1 <= {shape[0]}"
        )
    return seeds_outside(box, shape)


def seeds_outside(box: Box, shape: tuple[int, ...]) -> Seeds:
    """Return seeds of the background outside of a box, in a photo of (height, width)."""
    seeds = np.full(shape, BACKGROUND, np.uint8)
    seeds[slices_of(box)] = UNKNOWN
    return seeds


def _discs(sides: dict[int, Places], shape: tuple[int, ...], radius: float) -> Seeds:
    """Return the discs of all points; where discs of both labels overlap, the nearer point decides."""
    seeds, nearest = np.full(shape, UNKNOWN, np.uint8), np.full(shape, np.inf)
    for side, places in sides.items():
        for x, y in () if isinstance(places, np.ndarray) else places:
            rows = slice(max(0, int(y - radius)), int(y + radius) + 2)
            columns = slice(max(0, int(x - radius)), int(x + radius) + 2)
            squares = _squares(rows, columns, shape, x, y)
            near = (squares <= radius**2) & (squares <= nearest[rows, columns])
            tied = near & (squares == nearest[rows, columns]) & (seeds[rows, columns] != side)
            nearest[rows, columns][near] = squares[near]
            seeds[rows, columns][near] = side
            seeds[rows, columns][tied] = UNKNOWN
    return seeds


def _squares(rows: slice, columns: slice, shape: tuple[int, ...], x: int, y: int) -> NDArray[np.int64]:
    """Return squared distances to a point."""
    down, right = np.arange(shape[0])[rows] - y, np.arange(shape[1])[columns] - x
    return np.asarray(down[:, None] ** 2 + right**2)


def _of_size(array: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    if array.shape != shape:
        raise PhotoError(f"{name} must have the size of the photo, {shape}, got {array.shape}; resize it")
    return array


def odds_from_hints(
    seeds: Seeds, features: NDArray[np.float32] | None, *, hint_reach: float, hint_near: float, hint_alike: float
) -> NDArray[np.float32]:
    """Return the odds that hinted pixels give to all others, (H, W) of the seeds, in nats for the object.

    For each label it is `hint_near` exp(-d^2 / 2 (`hint_reach` long side)^2) at distance d from the nearest pixel with
    that label, plus `hint_alike` times the largest cosine, if positive, to the (channels, h, w) features at its pixels.
    Each channel is first scaled to mean 0 and deviation 1. The background's value is subtracted from the object's.
    """
    odds = np.zeros(seeds.shape, np.float32)
    for side, sign in ((FOREGROUND, 1), (BACKGROUND, -1)):
        hinted = seeds == side
        if hinted.any():
            odds += sign * hint_near * _nearness(hinted, hint_reach * max(seeds.shape))
            if features is not None:
                odds += sign * hint_alike * _likeness(hinted, features)
    return odds


def odds_raised(odds: NDArray[np.float32], inside: Mask, *, box_filled: float) -> NDArray[np.float32]:
    """Return the odds, raised by the least number that gives a mean probability of `box_filled` inside a box.

    Odds that already reach that mean stay as they are. A box is drawn around an object that fills part of it, even if
    the network does not know the object.
    """
    low, high = 0.0, float(np.abs(odds).max()) + 4.0
    if not inside.any() or _mean_probability(odds[inside]) >= box_filled:
        return odds
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if _mean_probability(odds[inside] + middle) < box_filled else (low, middle)
    return np.asarray(odds + np.float32(high))


def _mean_probability(odds: NDArray[np.float32]) -> float:
    return float(np.mean(1 / (1 + np.exp(-odds.astype(np.float64)))))


def _nearness(hinted: Mask, sigma: float) -> NDArray[np.float32]:
    """Return exp(-d^2 / 2 sigma^2) at distance d from the nearest hinted pixel."""
    return np.asarray(np.exp(-np.square(distances_from(hinted) / sigma) / 2), np.float32)


def _likeness(hinted: Mask, features: NDArray[np.float32]) -> NDArray[np.float32]:
    channels, rows, columns = features.shape
    places = features.reshape(channels, -1).astype(np.float64)  # The mean of equal values is then exact.
    places = places - places.mean(axis=1, keepdims=True)
    places = places / np.maximum(places.std(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    places = (places / np.maximum(np.linalg.norm(places, axis=0), np.finfo(np.float32).tiny)).astype(np.float32)
    y, x = (np.nonzero(hinted)[axis] * count // hinted.shape[axis] for axis, count in enumerate((rows, columns)))
    cosines = places[:, np.unique(y * columns + x)].T @ places
    likeness = cosines.max(axis=0).clip(min=0).reshape(rows, columns)
    return np.asarray(cv2.resize(likeness, hinted.shape[::-1], interpolation=cv2.INTER_LINEAR))
