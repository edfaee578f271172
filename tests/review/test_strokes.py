"""Strokes and the hints that they amount to."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, PhotoError
from wsseg.graphcut.hints import seeds_from_hints
from wsseg.review.strokes import MOST_STROKES, Stroke, check_strokes, hints_from_strokes

SHAPE = (30, 40)

PLACES = st.tuples(st.floats(-5, 45), st.floats(-5, 35))
STROKES = st.lists(
    st.builds(
        Stroke, kind=st.just("point"), points=st.lists(PLACES, min_size=1, max_size=1), label=st.sampled_from((0, 1))
    )
    | st.builds(
        Stroke,
        kind=st.sampled_from(("brush", "eraser")),
        points=st.lists(PLACES, min_size=1, max_size=4),
        label=st.sampled_from((0, 1)),
        radius=st.floats(0, 8),
    ),
    max_size=8,
)


def stroke(kind: str, *points: tuple[float, float], label: int = 1, radius: float = 0.0) -> Stroke:
    return Stroke(kind=kind, points=list(points), label=label, radius=radius)  # type: ignore[arg-type]


def test_no_strokes_are_no_hints() -> None:
    assert hints_from_strokes([], SHAPE) is None
    assert hints_from_strokes([stroke("eraser", (3, 3), radius=4)], SHAPE) is None


def test_clicks_are_points_in_their_order() -> None:
    found = hints_from_strokes(
        [stroke("point", (9.7, 2.2)), stroke("point", (3, 4)), stroke("point", (1, 1), label=0)], SHAPE
    )
    assert found is not None
    assert (found.foreground, found.background) == (((9, 2), (3, 4)), ((1, 1),))
    assert found.seeds is None


def test_of_two_clicks_on_one_pixel_the_later_holds() -> None:
    found = hints_from_strokes([Stroke("point", [(5.2, 6.9)], 1), Stroke("point", [(5.8, 6.1)], 0)], (20, 30))
    assert found is not None
    assert (list(found.foreground), [tuple(place) for place in found.background]) == ([], [(5, 6)])


def test_the_brush_marks_a_line_of_its_width() -> None:
    found = hints_from_strokes([stroke("brush", (5, 10), (25, 10), radius=2)], SHAPE)
    assert found is not None and found.seeds is not None
    rows, columns = np.nonzero(found.seeds == FOREGROUND)
    assert rows.min() in (8, 9) and rows.max() in (11, 12)
    assert columns.min() in (3, 4) and columns.max() in (26, 27)


def test_the_widest_brush_covers_the_longest_photo() -> None:
    shape = 4, 9000
    widest = Stroke("brush", [(1, 1), (5, 2)], 1, 2 * max(shape))
    check_strokes([widest], shape)
    hints = hints_from_strokes([widest], shape)
    assert hints is not None and hints.seeds is not None and (hints.seeds == FOREGROUND).all()


def test_the_eraser_removes_hints_of_either_kind_and_the_box() -> None:
    strokes = [
        stroke("point", (5, 5)),
        stroke("brush", (20, 5), (30, 5), label=0, radius=1),
        stroke("box", (2, 2), (38, 28)),
    ]
    found = hints_from_strokes([*strokes, stroke("eraser", (5, 5), radius=2)], SHAPE)
    assert found is not None and found.foreground == () and found.box == Box(2, 2, 38, 28)
    found = hints_from_strokes([*strokes, stroke("eraser", (15, 5), (35, 5), radius=3)], SHAPE)
    assert found is not None and found.seeds is None and found.foreground == ((5, 5),)
    found = hints_from_strokes([*strokes, stroke("eraser", (2, 15), radius=1)], SHAPE)
    assert found is not None and found.box is None


def test_a_box_ends_at_the_photo_and_may_be_drawn_from_any_corner() -> None:
    found = hints_from_strokes([stroke("box", (50, 20), (10.5, -4))], SHAPE)
    assert found is not None and found.box == Box(10, 0, 40, 20)


def test_hints_are_smaller_in_a_smaller_view() -> None:
    found = hints_from_strokes([stroke("point", (30, 20)), stroke("box", (4, 4), (39, 29))], (15, 20), scale=0.5)
    assert found is not None
    assert found.foreground == ((15, 10),) and found.box == Box(2, 2, 20, 15)


def test_saved_hints_lie_below_the_strokes() -> None:
    saved = np.full(SHAPE, UNKNOWN, np.uint8)
    saved[:, :10] = BACKGROUND
    found = hints_from_strokes([stroke("brush", (5, 15), radius=3), stroke("point", (2, 2))], SHAPE, saved=saved)
    assert found is not None and found.seeds is not None
    assert found.seeds[15, 5] == FOREGROUND and found.seeds[0, 0] == BACKGROUND and found.seeds[2, 2] == UNKNOWN
    assert saved[15, 5] == BACKGROUND  # It is not changed in place.


@given(STROKES)
def test_hints_never_contradict_each_other_and_the_last_stroke_holds(strokes: list[Stroke]) -> None:
    check_strokes(strokes, SHAPE)
    found = hints_from_strokes(strokes, SHAPE)
    if found is None:
        return
    seeds = seeds_from_hints(found, SHAPE, click_radius=0.0)
    last = strokes[-1]
    x, y = (math.floor(each) for each in last.points[-1])
    if 0 <= x < SHAPE[1] and 0 <= y < SHAPE[0]:
        assert seeds[y, x] == (UNKNOWN if last.kind == "eraser" else last.label)


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        ([stroke("point")], "must have 1 points"),
        ([stroke("box", (1, 1))], "must have 2 points"),
        ([stroke("brush")], "some points"),
        ([stroke("point", (math.nan, 1))], "near the photo"),
        ([stroke("brush", (1, math.inf))], "near the photo"),
        ([stroke("brush", (1, 1), radius=1e9)], "near the photo"),
        ([stroke("brush", (1, 1), radius=math.nan)], "near the photo"),
        ([stroke("point", (1, 1))] * (MOST_STROKES + 1), "at most"),
    ],
)
def test_what_is_no_drawing_is_refused(strokes: list[Stroke], message: str) -> None:
    with pytest.raises(PhotoError, match=message):
        check_strokes(strokes, SHAPE)
