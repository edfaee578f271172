"""The outlines of a mask: polygons along the edges of its pixels, which give the mask however they are filled.

The walk follows the edges between the mask and the rest with the mask on its right: clockwise around the mask,
counterclockwise around a hole. Where two pixels of the mask touch only in a corner, the walk crosses over to the other
pixel, so a polygon outlines an 8-connected component.

A cut of no width joins each hole to the outline on its left, as in Eberly, "Triangulation by Ear Clipping" (2002),
section 3. The polygon then has the hole by the even-odd rule and by the nonzero rule.

The vertices lie `INSET` inside the pixels' corners. A reader that measures areas then finds the mask. A reader that
drops the decimals, fills the polygon's pixels and draws its outline, as OpenCV's fillPoly does, finds the mask too. The
corners themselves would make it a pixel too wide for the second reader, and the pixels' centers would make it half a
pixel too narrow on each side for the first.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Mask, check_mask

INSET: Final = 1 / 256
"""In pixels: the area of a single pixel is right to 1.6 %, and float32 can hold it at 30,000 pixels."""

EAST, SOUTH, WEST, NORTH = range(4)
"""Headings along the upper, right, lower and left edge of a pixel; each is a right turn from the one before."""

_STEPS: Final = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
"""(dy, dx) of an edge, by heading."""

_INWARD: Final = np.array([1, -1, -1, 1])
"""The side of the pixel, by heading: in y for edges that head east or west, in x for edges that head south or north."""


@dataclass(frozen=True, eq=False)
class _Walk:
    """Edges, and which edge follows which."""

    starts: NDArray[np.int64]
    """(y, x) of the corner where each edge begins."""
    headings: NDArray[np.int64]
    lines: NDArray[np.float64]
    """The y of edges that head east or west, the x of the others."""
    after: NDArray[np.int64]
    """The number of the next edge."""
    through: Mask
    """Whether the edge ends where two pixels touch only in a corner."""


def outlines(mask: Mask) -> list[NDArray[np.float64]]:
    """Return a closed polygon, (N, 2) of x and y, of each 8-connected component, in the order of their first pixels."""
    padded = np.pad(check_mask(mask), 1)
    if not mask.any():
        return []
    walk = _without_holes(_around(padded), padded)
    return [_vertices(walk, edges) for edges in _rounds(walk.after.tolist())]


def holes_of(mask: Mask) -> int:
    """Return the number of holes: 4-connected components of the rest that do not reach the mask's border."""
    return cv2.connectedComponents((~np.pad(mask, 1)).astype(np.uint8), connectivity=4)[0] - 2


def _around(padded: Mask) -> _Walk:
    """Return every edge of the mask."""
    inside, size = padded[1:-1, 1:-1], padded.shape
    beyond = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    corners = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
    found = [np.argwhere(inside & ~other) + corner for other, corner in zip(beyond, corners, strict=True)]
    starts, headings = np.concatenate(found), np.repeat(np.arange(4), [len(each) for each in found])
    keys = _keys(starts, headings, size)
    order = np.argsort(keys)  # Reading order within a heading, so that the result is always the same.
    starts, headings, keys = starts[order], headings[order], keys[order]
    ends = starts + _STEPS[headings]
    left, right = (_among(keys, _keys(ends, (headings + turn) % 4, size)) for turn in (3, 1))
    straight = _among(keys, _keys(ends, headings, size))
    after = np.where(left >= 0, left, np.where(straight >= 0, straight, right))
    lines = np.where(headings % 2, starts[:, 1], starts[:, 0]) + _INWARD[headings] * INSET
    return _Walk(starts, headings, lines, after, (left >= 0) & (right >= 0))


def _keys(starts: NDArray[np.int64], headings: NDArray[np.int64], size: tuple[int, ...]) -> NDArray[np.int64]:
    height, width = size
    return (headings * height + starts[:, 0]) * width + starts[:, 1]


def _among(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each wanted key in the sorted keys, or -1."""
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _without_holes(walk: _Walk, padded: Mask) -> _Walk:
    """Return a walk that goes from the edge on the left of each hole straight to the hole, around it and back."""
    right = _leftmost(walk, padded)
    left = _facing(walk, right)
    edges, count = len(walk.after), len(right)
    rest_left, rest_right, there, back = np.arange(edges, edges + 4 * count).reshape(4, count)
    halves = np.concatenate([left, right])
    rows = np.tile(walk.starts[right, 0] + 0.5, 2)
    after = np.concatenate([walk.after, walk.after[halves], rest_right, rest_left])
    after[left], after[right] = there, back
    through = np.concatenate([walk.through, walk.through[halves], np.zeros(2 * count, np.bool_)])
    through[halves] = False
    return _Walk(
        starts=np.concatenate([walk.starts, walk.starts[halves], walk.starts[halves]]),
        headings=np.concatenate([walk.headings, walk.headings[halves], np.repeat([EAST, WEST], count)]),
        lines=np.concatenate([walk.lines, walk.lines[halves], rows]),
        after=after,
        through=through,
    )


def _leftmost(walk: _Walk, padded: Mask) -> NDArray[np.int64]:
    """Return the edge on the left of each hole's leftmost pixel, the uppermost if there are several."""
    _, components = cv2.connectedComponents((~padded).astype(np.uint8), connectivity=4)
    south = np.flatnonzero(walk.headings == SOUTH)
    ys, xs = walk.starts[south].T
    component = components[ys + 1, xs + 1]
    order = np.lexsort((ys, xs))
    _, first = np.unique(component[order], return_index=True)
    holes = order[first]
    return np.asarray(south[holes[component[holes] != components[0, 0]]])


def _facing(walk: _Walk, right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the edges at the left ends of the rows of pixels that end at these edges."""
    north = np.flatnonzero(walk.headings == NORTH)
    width = walk.starts[:, 1].max() + 1
    places = (walk.starts[north, 0] - 1) * width + walk.starts[north, 1]
    return np.asarray(north[np.searchsorted(places, walk.starts[right] @ [width, 1]) - 1])


def _rounds(after: list[int]) -> list[list[int]]:
    """Return the edges of each closed walk."""
    seen, rounds = bytearray(len(after)), list[list[int]]()
    for first in range(len(after)):
        edges, edge = list[int](), first
        while not seen[edge]:
            seen[edge] = True
            edges.append(edge)
            edge = after[edge]
        if edges:
            rounds.append(edges)
    return rounds


def _vertices(walk: _Walk, edges: list[int]) -> NDArray[np.float64]:
    """Return the points (x, y) where the walk turns; a corner that it crosses has a vertex on either side."""
    before = np.array(edges)
    turns = before[walk.headings[before] != walk.headings[walk.after[before]]]
    after = walk.after[turns]
    across = walk.headings[turns] % 2 == 1
    lines = np.stack([walk.lines[turns], walk.lines[after]], axis=1)
    points = np.where(across[:, None], lines, lines[:, ::-1])
    through = walk.through[turns]
    both = np.stack([points, points], axis=1)
    for side, edges_there, sign in ((0, turns, -1), (1, after, 1)):
        headings, corners = walk.headings[edges_there[through]], walk.starts[after[through]]
        axis = 1 - headings % 2  # Along the edge, in (y, x): the vertex lies before or behind the corner.
        along = np.take_along_axis(corners + sign * INSET * _STEPS[headings], axis[:, None], axis=1)[:, 0]
        both[np.flatnonzero(through), side, 1 - axis] = along
    return np.asarray(both[np.stack([np.ones_like(through), through], axis=1)])
