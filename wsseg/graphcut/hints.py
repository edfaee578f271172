"""What a person says of a photo: a box, points, scribbles.

What is said is a hard constraint of the cut (Boykov, Jolly 2001, section 2), and tells something of other pixels too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, Mask, Seeds, check_mask, check_seeds

Places: TypeAlias = Sequence[tuple[int, int]] | Mask
"""Points (x, y), or a scribble: a mask of the photo's size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hints:
    """What is known for certain; anything may be left out."""

    box: Box | None = None
    """The object lies within: all outside is background."""
    foreground: Places = ()
    """Of the object."""
    background: Places = ()
    seeds: Seeds | None = None
    """What is known of each pixel, as in arrays.py."""


def seeds_from_hints(hints: Hints, shape: tuple[int, ...], *, click_radius: float) -> Seeds:
    """The hints as seeds of a photo of that (height, width).

    A point is a disc of `click_radius` long sides, less what lies as near to a point of the other side or is otherwise
    known. ValueError for hints outside the photo, and for two that contradict each other; TypeError for what is none.
    """
    sides = {BACKGROUND: hints.background, FOREGROUND: hints.foreground}
    names = {BACKGROUND: "background", FOREGROUND: "foreground"}
    marked = {side: _marks(places, shape, names[side]) for side, places in sides.items()}
    outside = _outside(hints.box, shape)
    known = (
        np.full(shape, UNKNOWN, np.uint8) if hints.seeds is None else _of_size(check_seeds(hints.seeds), shape, "seeds")
    )
    said = {side: marked[side] | (known == side) for side in marked}
    if (clash := said[FOREGROUND] & (said[BACKGROUND] | outside)).any():
        y, x = np.argwhere(clash)[0].tolist()
        raise ValueError(f"hints must not contradict each other, got both sides at x {x}, y {y}; take one of them back")
    seeds = _discs(sides, shape, click_radius * max(shape))
    for side in said:
        seeds[said[side]] = side
    seeds[outside] = BACKGROUND
    return seeds


def _marks(places: Places, shape: tuple[int, ...], name: str) -> Mask:
    """The pixels that are named themselves."""
    if isinstance(places, np.ndarray):
        return _of_size(check_mask(places, name), shape, name)
    marked = np.zeros(shape, np.bool_)
    for place in places:
        x, y = _point(place, shape, name)
        marked[y, x] = True
    return marked


def _point(place: Any, shape: tuple[int, ...], name: str) -> tuple[int, int]:
    try:
        x, y = place
        inside = int(x) == x and int(y) == y and 0 <= x < shape[1] and 0 <= y < shape[0]
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be points (x, y) in whole pixels, or a mask, got {place!r}; mend it") from error
    if not inside:
        size = f"{shape[1]} x {shape[0]}"
        raise ValueError(f"{name} must be points (x, y), pixels of the {size} photo, got {place!r}; mend it")
    return int(x), int(y)


def _outside(box: Box | None, shape: tuple[int, ...]) -> Mask:
    if box is None:
        return np.zeros(shape, np.bool_)
    try:
        x0, y0, x1, y1 = map(int, box)
        whole = (x0, y0, x1, y1) == tuple(box)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"box must be x0, y0, x1, y1 in whole pixels, got {box!r}; mend it") from error
    if not (whole and 0 <= x0 < x1 <= shape[1] and 0 <= y0 < y1 <= shape[0]):
        size = f"{shape[1]} x {shape[0]}"
        raise ValueError(f"box must be x0 < x1 and y0 < y1 within the {size} photo, got {tuple(box)}; mend it")
    outside = np.ones(shape, np.bool_)
    outside[y0:y1, x0:x1] = False
    return outside


def _discs(sides: dict[int, Places], shape: tuple[int, ...], radius: float) -> Seeds:
    """Each point's disc; where two sides' discs meet, the nearer point's."""
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
    """Squared distances to a point."""
    down, right = np.arange(shape[0])[rows] - y, np.arange(shape[1])[columns] - x
    return np.asarray(down[:, None] ** 2 + right**2)


def _of_size(array: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    if array.shape != shape:
        raise ValueError(f"{name} must be of the photo's size {shape}, got {array.shape}; resize it")
    return array


def odds_from_hints(
    seeds: Seeds, features: NDArray[np.float32] | None, *, hint_reach: float, hint_near: float, hint_alike: float
) -> NDArray[np.float32]:
    """What hinted pixels tell of the others, (H, W) of the seeds, in nats for the object.

    `hint_near` exp(-d^2 / 2 (`hint_reach` long side)^2) at distance d from a side's nearest pixel, and `hint_alike`
    times the largest cosine, where it is positive, to the (channels, h, w) features at its pixels, each channel brought
    to mean 0 and deviation 1; the object's less the background's.
    """
    odds = np.zeros(seeds.shape, np.float32)
    for side, sign in ((FOREGROUND, 1), (BACKGROUND, -1)):
        hinted = seeds == side
        if hinted.any():
            odds += sign * hint_near * _nearness(hinted, hint_reach * max(seeds.shape))
            if features is not None:
                odds += sign * hint_alike * _likeness(hinted, features)
    return odds


def box_grown(box: Box, shape: tuple[int, ...], *, box_margin: float) -> Box:
    """The box, each side moved outward by `box_margin` of its length, within the photo."""
    across, down = round(box_margin * (box.x1 - box.x0)), round(box_margin * (box.y1 - box.y0))
    return Box(
        max(0, box.x0 - across), max(0, box.y0 - down), min(shape[1], box.x1 + across), min(shape[0], box.y1 + down)
    )


def odds_in_window(
    odds: NDArray[np.float32], window: Box, shape: tuple[int, ...], size: tuple[int, int]
) -> NDArray[np.float32]:
    """A window of a photo of that shape in a map of any size over it, as (height, width) of `size`."""
    (x0, y0, x1, y1), (height, width) = window, size
    across, down = odds.shape[1] / shape[1], odds.shape[0] / shape[0]
    x = (x0 + (np.arange(width) + 0.5) * (x1 - x0) / width) * across - 0.5
    y = (y0 + (np.arange(height) + 0.5) * (y1 - y0) / height) * down - 0.5
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return np.asarray(cv2.remap(odds, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def odds_raised(odds: NDArray[np.float32], inside: Mask, *, box_filled: float) -> NDArray[np.float32]:
    """The odds and the least that must be added for a mean probability of `box_filled` inside a box, where it is less.

    Who draws a box means something that fills it in part, whether or not the network knows the thing.
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
    distances = cv2.distanceTransform((~hinted).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.exp(-np.square(distances / sigma) / 2), np.float32)


def _likeness(hinted: Mask, features: NDArray[np.float32]) -> NDArray[np.float32]:
    channels, rows, columns = features.shape
    places = features.reshape(channels, -1).astype(np.float64)  # So that the mean of equal values is theirs.
    places = places - places.mean(axis=1, keepdims=True)
    places = places / np.maximum(places.std(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    places = (places / np.maximum(np.linalg.norm(places, axis=0), np.finfo(np.float32).tiny)).astype(np.float32)
    y, x = (np.nonzero(hinted)[axis] * count // hinted.shape[axis] for axis, count in enumerate((rows, columns)))
    cosines = places[:, np.unique(y * columns + x)].T @ places
    likeness = cosines.max(axis=0).clip(min=0).reshape(rows, columns)
    return np.asarray(cv2.resize(likeness, hinted.shape[::-1], interpolation=cv2.INTER_LINEAR))
