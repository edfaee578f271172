"""Strokes that a person makes on the page, and the hints that they amount to.

A later stroke wins over an earlier one, so hints never contradict each other.
"""

from collections.abc import Sequence
from typing import Final, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, Mask, PhotoError, Seeds
from wsseg.graphcut.hints import Hints

MOST_STROKES: Final = 5_000

MOST_POINTS: Final = 200_000
"""Most points of all strokes together: an hour of drawing."""

WIDEST: Final = 32_767
"""The widest line that OpenCV draws, in pixels."""


class Stroke(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A click, a line of the brush or the eraser, or a box, in pixels of the upright photo."""

    kind: Literal["point", "brush", "eraser", "box"]
    points: list[tuple[float, float]]
    """(x, y): one of a point, the corners of a box, and all of a line."""
    label: Literal[0, 1] = 1
    """BACKGROUND or FOREGROUND, of a point or the brush."""
    radius: float = 0.0
    """Half the width of a line."""


def check_strokes(strokes: Sequence[Stroke], shape: tuple[int, int]) -> None:
    """Raise PhotoError if strokes are too many, or no drawing in a photo of (height, width)."""
    if len(strokes) > MOST_STROKES or sum(len(stroke.points) for stroke in strokes) > MOST_POINTS:
        raise PhotoError(f"strokes must be at most {MOST_STROKES:,}, got {len(strokes):,}; undo some")
    reach = 2.0 * max(shape)
    for stroke in strokes:
        wanted = {"point": 1, "box": 2}.get(stroke.kind)
        if not stroke.points or (wanted and len(stroke.points) != wanted):
            raise PhotoError(
                f"a {stroke.kind} must have {wanted or 'some'} points, got {len(stroke.points)}; redraw it"
            )
        if not all(abs(x) <= reach and abs(y) <= reach for x, y in stroke.points) or not 0 <= stroke.radius <= reach:
            raise PhotoError(f"a {stroke.kind} must lie near the photo, got a number beyond {reach:g}; redraw it")


def hints_from_strokes(
    strokes: Sequence[Stroke], shape: tuple[int, int], *, scale: float = 1.0, saved: Seeds | None = None
) -> Hints | None:
    """Return what strokes say about a photo of (height, width), or None if they say nothing.

    Parameters
    ----------
    strokes : sequence of Stroke
        In the order in which they were made.
    shape : (int, int)
        Height and width of the photo that the hints are for.
    scale : float
        Size of that photo as a share of the one that was drawn on.
    saved : (H, W) uint8 array, optional
        Hints from an earlier review, of the size `shape`: strokes may overwrite and erase them.

    Returns
    -------
    Hints or None
        Clicks are points and the brush makes seeds.
    """
    sheet = _Sheet(shape, saved)
    for stroke in strokes:
        sheet.add(stroke, scale)
    return sheet.hints


class _Sheet:
    """The hints while strokes are added."""

    def __init__(self, shape: tuple[int, int], saved: Seeds | None) -> None:
        self._shape = shape
        self._seeds = np.full(shape, UNKNOWN, np.uint8) if saved is None else saved.copy()
        self._points: dict[tuple[int, int], int] = {}
        """Labels of clicked pixels, in the order of the clicks."""
        self._box: Box | None = None

    def add(self, stroke: Stroke, scale: float) -> None:
        places = np.array(stroke.points, np.float64) * scale
        if stroke.kind == "box":
            self._box = self._box_of(places)
        elif stroke.kind == "point":
            x, y = (
                int(np.clip(np.floor(each), 0, side - 1))
                for each, side in zip(places[0], self._shape[::-1], strict=True)
            )
            self._points.pop((x, y), None)
            self._points[x, y] = stroke.label
            self._seeds[y, x] = UNKNOWN
        else:
            line = _line(places, stroke.radius * scale, self._shape)
            self._points = {place: label for place, label in self._points.items() if not line[place[::-1]]}
            self._seeds[line] = UNKNOWN if stroke.kind == "eraser" else stroke.label
            if stroke.kind == "eraser" and self._box and line[_edge_of(self._box, self._shape)].any():
                self._box = None

    def _box_of(self, places: NDArray[np.float64]) -> Box | None:
        """Return the box of two corners within the photo; None if it holds no pixel."""
        height, width = self._shape
        x0, y0 = np.floor(places.min(axis=0)).clip(0).astype(int).tolist()
        x1, y1 = np.minimum(np.ceil(places.max(axis=0)), (width, height)).astype(int).tolist()
        return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    @property
    def hints(self) -> Hints | None:
        drawn = (self._seeds != UNKNOWN).any()
        if not drawn and not self._points and self._box is None:
            return None
        sides = {side: [place for place, label in self._points.items() if label == side] for side in (0, 1)}
        return Hints(
            box=self._box,
            foreground=sides[FOREGROUND],
            background=sides[BACKGROUND],
            seeds=self._seeds if drawn else None,
        )


def _line(places: NDArray[np.float64], radius: float, shape: tuple[int, int]) -> Mask:
    """Return the pixels of a line of round ends."""
    canvas = np.zeros(shape, np.uint8)
    dots = np.floor(places).astype(np.int32)
    width = min(max(1, round(2 * radius)), WIDEST)
    cv2.polylines(canvas, [dots.reshape(-1, 1, 2)], False, 1, thickness=width)
    for x, y in (dots[0], dots[-1]):
        cv2.circle(canvas, (int(x), int(y)), int(radius), 1, thickness=-1)
    return canvas.astype(np.bool_)


def _edge_of(box: Box, shape: tuple[int, int]) -> Mask:
    edge = np.zeros(shape, np.bool_)
    edge[box.y0 : box.y1, box.x0 : box.x1] = True
    edge[box.y0 + 1 : box.y1 - 1, box.x0 + 1 : box.x1 - 1] = False
    return edge
