"""Corrections: a hint changes the component that it lies in the middle of, and nothing else."""

from collections.abc import Callable

import numpy as np

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Mask, Seeds
from wsseg.graphcut.corrections import ATTEMPTS, FARTHEST, FIRST, correction_of, depth_in, parts_of_change
from wsseg.graphcut.cut import Cut

SHAPE = (60, 90)
NOTHING = np.zeros(SHAPE, np.bool_)


def rectangle(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = NOTHING.copy()
    mask[y0:y1, x0:x1] = True
    return mask


def marked(side: int, *points: tuple[int, int]) -> Seeds:
    seeds = np.full(SHAPE, UNKNOWN, np.uint8)
    for x, y in points:
        seeds[y, x] = side
    return seeds


def cut_of(mask: Mask) -> Cut:
    return Cut(mask, float(mask.sum()), float(mask.sum()))


def always(after: Mask) -> Callable[[Seeds, float], Cut]:
    """Return a cut that heeds only the pixels that keep their labels."""

    def cut(kept: Seeds, emphasis: float) -> Cut:
        return cut_of(np.where(kept == UNKNOWN, after, kept == FOREGROUND))

    return cut


class TestParts:
    def test_only_components_with_a_hint_of_their_label_count(self) -> None:
        first, second = rectangle(5, 5, 15, 15), rectangle(30, 5, 40, 15)
        (part,) = parts_of_change(NOTHING, first | second, marked(FOREGROUND, (10, 10)))
        assert part.inside == (slice(5, 15), slice(5, 15)) and part.pixels.all()
        assert np.argwhere(part.hinted).tolist() == [[5, 5]]
        assert list(parts_of_change(first, NOTHING, marked(FOREGROUND, (10, 10)))) == []

    def test_a_hinted_pixel_always_changes(self) -> None:
        (part,) = parts_of_change(NOTHING, NOTHING, marked(FOREGROUND, (7, 9)))
        assert part.inside == (slice(9, 10), slice(7, 8)) and part.pixels.all()
        assert part.depth == part.deepest == 1

    def test_depths_are_distances_from_the_outside(self) -> None:
        (part,) = parts_of_change(NOTHING, rectangle(10, 10, 31, 31), marked(FOREGROUND, (12, 20)))
        assert (part.depth, part.deepest, part.place) == (3, 11, (20, 20))

    def test_the_photo_ends_at_its_border(self) -> None:
        assert depth_in(np.ones((3, 5), np.bool_)).tolist() == [[1] * 5, [1, 2, 2, 2, 1], [1] * 5]

    def test_many_parts_need_no_array_of_the_photo_s_size_each(self) -> None:
        dots = np.zeros((120, 120), np.bool_)
        dots[::2, ::2] = True
        marks = np.where(dots, FOREGROUND, UNKNOWN).astype(np.uint8)
        parts = list(parts_of_change(np.zeros_like(dots), dots, marks))
        assert len(parts) == 60**2
        assert all(part.pixels.base is None or part.pixels.base.size == 1 for part in parts)
        found = correction_of(np.zeros_like(dots), marks, lambda *_: cut_of(dots), middle=0.85)
        np.testing.assert_array_equal(found.change, dots)


class TestCorrection:
    def test_a_hint_in_the_middle_takes_its_component(self) -> None:
        before, wrong = rectangle(0, 0, 20, 60), rectangle(20, 20, 41, 41)
        found = correction_of(before, marked(FOREGROUND, (30, 30)), always(before | wrong), middle=0.85)
        np.testing.assert_array_equal(found.change, wrong)
        assert (found.kept == UNKNOWN).all()

    def test_a_background_hint_takes_pixels_away_only(self) -> None:
        before, after = rectangle(10, 10, 31, 31) | rectangle(50, 10, 71, 31), rectangle(50, 10, 80, 31)
        found = correction_of(before, marked(BACKGROUND, (20, 20)), always(after), middle=0.85)
        np.testing.assert_array_equal(found.change, rectangle(10, 10, 31, 31))

    def test_where_a_change_goes_deeper_it_keeps_its_label(self) -> None:
        near, far = rectangle(5, 25, 16, 36), rectangle(40, 5, 85, 55)
        leak = near | far | rectangle(16, 29, 40, 32)
        found = correction_of(NOTHING, marked(FOREGROUND, (10, 30)), always(leak), middle=0.85)
        assert (found.change & near).sum() == near.sum()
        assert (found.change & far).sum() < far.sum() / 3
        assert found.kept[30, 62] == BACKGROUND

    def test_an_object_hint_reaches_no_further_than_some_depths(self) -> None:
        found = correction_of(NOTHING, marked(FOREGROUND, (10, 30)), always(rectangle(5, 25, 90, 36)), middle=0.85)
        columns = np.flatnonzero(found.change.any(axis=0))
        assert columns[-1] == 10 + FARTHEST * 6

    def test_a_background_hint_takes_a_long_thing_away(self) -> None:
        thing = rectangle(5, 25, 90, 36)
        found = correction_of(thing, marked(BACKGROUND, (10, 30)), always(NOTHING), middle=0.85)
        np.testing.assert_array_equal(found.change, thing)

    def test_a_hint_that_changes_little_is_emphasized(self) -> None:
        before = NOTHING.copy()
        weak, strong = rectangle(29, 29, 32, 32), rectangle(20, 20, 41, 41)
        asked: list[float] = []

        def cut(kept: Seeds, emphasis: float) -> Cut:
            asked.append(emphasis)
            return cut_of(strong if emphasis > 1 else weak)

        found = correction_of(before, marked(FOREGROUND, (30, 30)), cut, middle=0.85)
        np.testing.assert_array_equal(found.change, strong)
        assert asked == [1, found.emphasis] and found.cut.mask is strong

    def test_it_ends_even_if_the_cut_heeds_nothing(self) -> None:
        calls: list[float] = []

        def deaf(kept: Seeds, emphasis: float) -> Cut:
            calls.append(emphasis)
            return cut_of(np.ones(SHAPE, np.bool_))

        found = correction_of(NOTHING, marked(FOREGROUND, (5, 30)), deaf, middle=0.85)
        assert len(calls) <= 2 * ATTEMPTS
        assert found.change[30, 5] and found.change.mean() < 0.1

    def test_a_hint_off_the_middle_takes_at_least_a_disc_around_it(self) -> None:
        def fickle(kept: Seeds, emphasis: float) -> Cut:
            return cut_of(NOTHING if (kept == BACKGROUND).any() else rectangle(10, 5, 60, 55))

        found = correction_of(NOTHING, marked(FOREGROUND, (20, 30)), fickle, middle=0.85)
        columns = np.flatnonzero(found.change[30])
        assert columns[0] == 10 and columns[-1] == 20 + int(FIRST * 11)

    def test_hints_of_both_labels_change_each_its_own_place(self) -> None:
        left, right = rectangle(5, 20, 26, 41), rectangle(60, 20, 81, 41)
        marks = marked(FOREGROUND, (15, 30))
        marks[30, 70] = BACKGROUND
        found = correction_of(right, marks, always(left), middle=0.85)
        np.testing.assert_array_equal(found.change, left | right)
