"""Corrections: how a new hint changes a mask, and why the rest stays.

A person who sees a mistake marks the middle of it, not its rim. So a hint changes only the component that it lies in,
to its own label, and only if it lies about as deep in this change as any pixel does: where the change goes deeper, the
person would have marked that place. The deepest pixel then keeps its label, and the photo is cut again.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Mask, Seeds
from wsseg.graphcut.cut import Cut
from wsseg.graphcut.regions import distances_from

ATTEMPTS: Final = 5
"""Cuts until a change that still goes too deep is trimmed to a disc around the hint."""

KEPT: Final = 0.5
"""Radius of the disc that keeps its label around the deepest pixel of a change, as a share of its depth."""

EMPHASIS: Final = 2.0
"""Factor of the hints' weight if they change little at first."""

COLLAPSED: Final = 0.1
"""Area of a change, as a share of its first disc, below which the disc takes its place: not everyone marks the very
middle, and a hint should change more than its own pixels."""

FIRST: Final = 1.5
"""Radius of that disc, as a multiple of the depth at the hint in the first cut."""

ROOM: Final = 0.3
"""Depth that a change should have at its hint, as a share of the hint's distance from pixels that have its label."""

TRIMMED: Final = 2.0
"""Radius of the disc that a change which goes too deep is trimmed to, as a multiple of its depth at the hint."""

FARTHEST: Final = 4.0
"""Radius of the disc that the change of an object hint is trimmed to: what leaks out of it is long and thin. A
background hint takes a whole false object away, so its change may have any length."""

CutUnder: TypeAlias = Callable[[Seeds, float], Cut]
"""Function from seeds that keep their labels, and the factor of the hints' weight, to the cut of the photo."""


class Correction(NamedTuple):
    """The change that hints make to a mask."""

    change: Mask
    """(H, W): the pixels that take another label."""
    kept: Seeds
    """(H, W): pixels that kept their labels so that the change goes no deeper; UNKNOWN elsewhere."""
    emphasis: float
    """Factor of the hints' weight."""
    cut: Cut
    """The cut that the change was taken from."""


class Part(NamedTuple):
    """A component of a change, and the hints in it, in the rectangle around it: there may be thousands."""

    inside: tuple[slice, slice]
    """Rows and columns of the rectangle in the photo."""
    pixels: Mask
    """(h, w) of the rectangle."""
    hinted: Mask
    """(h, w): its pixels that are hinted."""
    depth: float
    """Largest distance of a hinted pixel from the outside, in pixels."""
    deepest: float
    """Largest distance of any pixel from the outside, in pixels."""
    place: tuple[int, int]
    """(x, y) of the deepest pixel in the photo."""


def correction_of(before: Mask, marks: Seeds, cut: CutUnder, *, middle: float) -> Correction:
    """Return the change that new hints make to a mask.

    Parameters
    ----------
    before : (H, W) bool array
        The mask before the hints.
    marks : (H, W) uint8 array
        The new hints: FOREGROUND, BACKGROUND or UNKNOWN.
    cut : callable
        Function that cuts the photo under all hints.
    middle : float
        Least depth of a hint in its change, as a share of the depth of the deepest pixel.

    Returns
    -------
    Correction
    """
    found, depths = _attempt(before, marks, cut, 1.0, middle)
    if all(depth >= ROOM * room for depth, room in depths):
        return found
    bolder, _ = _attempt(before, marks, cut, EMPHASIS, middle)
    return bolder if bolder.change.sum() > found.change.sum() else found


def parts_of_change(before: Mask, after: Mask, marks: Seeds) -> Iterator[Part]:
    """Yield the components of the change from one mask to another that hold hints of the label they change to.

    The hinted pixels themselves always belong to the change.

    Parameters
    ----------
    before, after : (H, W) bool array
        The masks.
    marks : (H, W) uint8 array
        The hints: FOREGROUND, BACKGROUND or UNKNOWN.

    Yields
    ------
    Part
    """
    for side in (BACKGROUND, FOREGROUND):
        hinted = (marks == side) & (before != (side == FOREGROUND))
        change = hinted | ((after != before) & (after == (side == FOREGROUND)))
        _, labels, statistics, _ = cv2.connectedComponentsWithStats(change.astype(np.uint8), connectivity=8)
        for label in np.unique(labels[hinted]):
            x, y, width, height, _ = statistics[label].tolist()
            inside = slice(y, y + height), slice(x, x + width)
            yield _part_of(inside, labels[inside] == label, hinted[inside])


def depth_in(region: Mask) -> NDArray[np.float32]:
    """Return each pixel's distance from the outside of a region, in pixels; the photo ends at its border."""
    return distances_from(~np.pad(region, 1))[1:-1, 1:-1]


def _part_of(inside: tuple[slice, slice], pixels: Mask, hinted: Mask) -> Part:
    depths, own = depth_in(pixels), hinted & pixels
    y, x = np.unravel_index(depths.argmax(), depths.shape)
    place = int(x) + inside[1].start, int(y) + inside[0].start
    return Part(inside, pixels, own, float(depths[own].max()), float(depths[y, x]), place)


def _attempt(
    before: Mask, marks: Seeds, cut: CutUnder, emphasis: float, middle: float
) -> tuple[Correction, list[tuple[float, float]]]:
    """Return what hints of this weight change, and for each part its depth at the hints and the room there was."""
    kept = np.full(before.shape, UNKNOWN, np.uint8)
    found = cut(kept, emphasis)
    first = parts = list(parts_of_change(before, found.mask, marks))
    for _ in range(ATTEMPTS - 1):
        deep = [part for part in parts if part.depth < middle * part.deepest]
        if not deep:
            break
        for part in deep:
            label = FOREGROUND if before[part.place[::-1]] else BACKGROUND
            cv2.circle(kept, part.place, max(1, int(KEPT * part.deepest)), label, cv2.FILLED)
        found = cut(kept, emphasis)
        parts = list(parts_of_change(before, found.mask, marks))
    change = np.zeros(before.shape, np.bool_)
    for part in parts:
        change[part.inside] |= _within(part, _reach(part, before, middle))
    for part in first:
        disc = _within(part, FIRST)
        if (change[part.inside] & part.pixels).sum() < COLLAPSED * disc.sum():
            change[part.inside] |= disc
    rooms = [depth_in(before == label) for label in (False, True)]
    return Correction(change, kept, emphasis, found), [(part.depth, _room(part, before, rooms)) for part in parts]


def _reach(part: Part, before: Mask, middle: float) -> float:
    """Return how far from its hints a part may reach, as a multiple of its depth there."""
    if part.depth < middle * part.deepest:
        return TRIMMED
    return np.inf if _label_of(part, before) else FARTHEST


def _within(part: Part, reach: float) -> Mask:
    """Return the part's pixels within that many depths of its hints."""
    return np.asarray(part.pixels & (distances_from(part.hinted) <= reach * part.depth))


def _room(part: Part, before: Mask, rooms: Sequence[NDArray[np.float32]]) -> float:
    """Return the distance of the hints from pixels that have their label already, given that of all pixels by label."""
    return float(rooms[_label_of(part, before)][part.inside][part.hinted].max())


def _label_of(part: Part, before: Mask) -> int:
    """Return the label that all pixels of the part had before."""
    return int(before[part.inside][part.hinted][0])
