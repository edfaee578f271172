"""Seeds and odds from hints, against slow versions of their docstrings."""

import math
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scenes import locked

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box
from wsseg.graphcut.hints import Hints, odds_from_hints, odds_raised, seeds_from_hints

SHAPE = (12, 20)
SWAPPED = np.array([FOREGROUND, BACKGROUND] + [UNKNOWN] * 254, np.uint8)
"""Each seed's opposite."""

POINTS = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 11)), max_size=4)
SEEDS = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 255, 255])
)


def seeds_of(hints: Hints, click_radius: float = 0.0, shape: tuple[int, int] = SHAPE) -> Any:
    return seeds_from_hints(hints, shape, click_radius=click_radius)


def scribble(*pixels: tuple[int, int], shape: tuple[int, int] = SHAPE) -> Any:
    """Return a mask of these pixels (x, y)."""
    mask = np.zeros(shape, np.bool_)
    for x, y in pixels:
        mask[y, x] = True
    return locked(mask)


def discs(foreground: Any, background: Any, radius: float) -> Any:
    """Return the label of the nearest point within the radius, unless two points of different labels are as near."""
    seeds = np.full(SHAPE, UNKNOWN)
    for y, x in np.ndindex(*SHAPE):
        squares = [
            min(((x - u) ** 2 + (y - v) ** 2 for u, v in points), default=math.inf)
            for points in (background, foreground)
        ]
        if min(squares) <= radius**2 and squares[0] != squares[1]:
            seeds[y, x] = int(squares[1] < squares[0])
    return seeds


class TestSeeds:
    def test_no_hints_leave_all_seeds_unknown(self) -> None:
        found = seeds_of(Hints(), 0.5)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.full(SHAPE, UNKNOWN))

    def test_hints_are_frozen_and_named(self) -> None:
        with pytest.raises(FrozenInstanceError):
            Hints().box = Box(0, 0, 1, 1)  # type: ignore[misc]  # This must fail.
        with pytest.raises(TypeError, match="positional"):
            Hints(Box(0, 0, 1, 1))  # type: ignore[misc]  # This must fail.

    @pytest.mark.parametrize("box", [Box(3, 2, 9, 11), (3, 2, 9, 11), (3.0, 2.0, 9.0, 11.0), np.array([3, 2, 9, 11])])
    def test_outside_a_box_is_background_and_inside_unknown(self, box: Any) -> None:
        expected = np.zeros(SHAPE)
        expected[2:11, 3:9] = UNKNOWN
        np.testing.assert_array_equal(seeds_of(Hints(box=box)), expected)

    def test_a_box_around_the_whole_photo_adds_nothing(self) -> None:
        np.testing.assert_array_equal(seeds_of(Hints(box=Box(0, 0, 20, 12))), np.full(SHAPE, UNKNOWN))

    @given(POINTS, POINTS, st.sampled_from([0.0, 0.05, 0.1, 0.15, 0.2, 1.0]))
    def test_a_point_is_a_disc_and_the_nearer_one_wins(self, foreground: Any, background: Any, radius: float) -> None:
        background = [point for point in background if point not in foreground]
        found = seeds_of(Hints(foreground=foreground, background=background), radius)
        np.testing.assert_array_equal(found, discs(foreground, background, radius * 20))
        assert all(found[y, x] == FOREGROUND for x, y in foreground)
        assert all(found[y, x] == BACKGROUND for x, y in background)

    def test_pixels_equally_near_to_both_sides_are_unknown(self) -> None:
        found = seeds_of(Hints(foreground=[(4, 6)], background=[(8, 6)]), 0.15)
        assert found[6, 3:10].tolist() == [1, 1, 1, UNKNOWN, 0, 0, 0]

    def test_the_radius_scales_with_the_long_side(self) -> None:
        for shape in (SHAPE, SHAPE[::-1]):
            found = seeds_of(Hints(foreground=[(6, 6)]), 0.1, shape)
            assert (found == FOREGROUND).sum() == 13
            assert found[4, 6] == found[6, 8] == FOREGROUND

    def test_a_disc_stops_at_known_pixels(self) -> None:
        seeds = np.full(SHAPE, UNKNOWN, np.uint8)
        seeds[6, 9] = BACKGROUND
        found = seeds_of(
            Hints(box=Box(0, 0, 20, 8), foreground=[(8, 6)], background=scribble((7, 6)), seeds=locked(seeds)), 0.2
        )
        assert (found[6, 7], found[6, 8], found[6, 9]) == (BACKGROUND, FOREGROUND, BACKGROUND)
        assert (found[8:] == BACKGROUND).all()
        assert found[7, 8] == FOREGROUND

    def test_a_scribble_is_its_own_pixels_and_no_disc(self) -> None:
        found = seeds_of(Hints(foreground=scribble((3, 4), (5, 4)), background=scribble((4, 4))), 0.5)
        assert found[4, 3:6].tolist() == [1, 0, 1]
        assert (found != UNKNOWN).sum() == 3

    @given(hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 255])))
    def test_a_seed_image_is_used_as_given(self, seeds: Any) -> None:
        found = seeds_of(Hints(seeds=locked(seeds)), 0.5)
        np.testing.assert_array_equal(found, seeds)
        assert not np.shares_memory(found, seeds)

    @given(POINTS, POINTS, st.sampled_from([0.0, 0.1, 0.3]))
    def test_swapping_the_sides_swaps_the_seeds(self, foreground: Any, background: Any, radius: float) -> None:
        background = [point for point in background if point not in foreground]
        one = seeds_of(Hints(foreground=foreground, background=background), radius)
        other = seeds_of(Hints(foreground=background, background=foreground), radius)
        np.testing.assert_array_equal(one, SWAPPED[other])

    @pytest.mark.parametrize(
        "hints",
        [
            Hints(foreground=[(1, 1), (7, 5)], background=[(7, 5)]),
            Hints(foreground=scribble((7, 5)), background=[(7, 5)]),
            Hints(foreground=[(7, 5)], seeds=np.where(scribble((7, 5)), 0, 255).astype(np.uint8)),
            Hints(background=[(7, 5)], seeds=np.where(scribble((7, 5)), 1, 255).astype(np.uint8)),
        ],
    )
    def test_a_contradiction_is_named_by_its_pixel(self, hints: Hints) -> None:
        with pytest.raises(ValueError, match="^hints must not contradict .*, got both labels at x 7, y 5; remove one"):
            seeds_of(hints)

    @pytest.mark.parametrize(
        "hints",
        [
            Hints(foreground=[(7, 5)], box=Box(8, 0, 20, 12)),
            Hints(foreground=[(7, 5)], box=Box(0, 0, 7, 12)),
            Hints(foreground=[(7, 5)], box=Box(0, 6, 20, 12)),
            Hints(foreground=scribble((7, 5)), box=Box(0, 0, 20, 5)),
            Hints(box=Box(0, 0, 7, 12), seeds=np.where(scribble((7, 5)), 1, 255).astype(np.uint8)),
        ],
    )
    def test_an_object_hint_beyond_the_box_is_named_by_its_pixel(self, hints: Hints) -> None:
        with pytest.raises(
            ValueError, match="^hints must not contradict the box, got the object at x 7, y 5 .*; enlarge the box"
        ):
            seeds_of(hints)

    def test_the_remedy_for_a_lone_point_is_a_list(self) -> None:
        with pytest.raises(TypeError, match=r"got 120; write points as \[\(120, 80\)\]$"):
            Hints(foreground=(120, 80))  # type: ignore[arg-type]  # The usual slip.

    def test_hints_stay_as_they_were_when_an_array_grows(self) -> None:
        drawn, seeds = scribble((7, 5)).copy(), np.full(SHAPE, UNKNOWN, np.uint8)
        hints = Hints(foreground=drawn, seeds=seeds)
        drawn[0, 0], seeds[1, 1] = True, FOREGROUND
        assert np.argwhere(seeds_of(hints) == FOREGROUND).tolist() == [[5, 7]]

    def test_hints_that_agree_may_meet(self) -> None:
        seeds = np.where(scribble((3, 4)), FOREGROUND, UNKNOWN).astype(np.uint8)
        hints = Hints(box=Box(3, 4, 9, 9), foreground=[(3, 4), (3, 4)], background=[(0, 0)], seeds=seeds)
        assert seeds_of(hints)[4, 3] == FOREGROUND

    @pytest.mark.parametrize("side", ["foreground", "background"])
    @pytest.mark.parametrize("point", [(20, 0), (0, 12), (-1, 0), (0, -1), (10**30, 0), (0, 10**5000)])
    def test_a_point_must_be_a_pixel_of_the_photo(self, side: str, point: Any) -> None:
        with pytest.raises(ValueError, match=f"^{side} must be points .*, pixels of the 20 x 12 photo, got "):
            seeds_of(Hints(**{side: [(1, 1), point]}))

    @pytest.mark.parametrize("point", [3, (1, 2, 3), (1,), "a", (None, 1), (math.nan, 1), (1, math.inf), (1.5, 2)])
    def test_an_invalid_point_is_refused(self, point: Any) -> None:
        with pytest.raises(TypeError, match=r"^foreground must be points \(x, y\) in whole pixels, or a mask, got "):
            Hints(foreground=[point])

    def test_points_may_come_in_any_way_and_are_kept(self) -> None:
        points = [(3, 4), (5, 6)]
        for way in (iter(points), np.array(points), (point for point in points), [(3.0, 4.0), (5.0, 6.0)]):
            hints = Hints(foreground=way)  # type: ignore[arg-type]  # As people write it.
            assert hints.foreground == ((3, 4), (5, 6))
            assert (seeds_of(hints) == FOREGROUND).sum() == 2
        assert Hints(background=np.zeros((0, 2), int)).background == ()

    @pytest.mark.parametrize("points", [7, None, "here", (3, 4)])
    def test_points_must_be_a_sequence_of_points(self, points: Any) -> None:
        with pytest.raises(TypeError, match=r"^background must be points \(x, y\) in whole pixels, or a mask, got "):
            Hints(background=points)

    @pytest.mark.parametrize("box", [(0, 0, 21, 5), (0, 0, 5, 13), (0, 0, 10**5000, 5)])
    def test_a_box_must_lie_in_the_photo(self, box: Any) -> None:
        with pytest.raises(ValueError, match="^box must lie within the 20 x 12 photo, got "):
            seeds_of(Hints(box=box))

    @pytest.mark.parametrize("box", [(5, 2, 5, 9), (9, 2, 5, 9), (3, 9, 5, 2), (-1, 0, 5, 5)])
    def test_a_box_must_hold_pixels(self, box: Any) -> None:
        with pytest.raises(ValueError, match="^box must be 0 <= x0 < x1 and 0 <= y0 < y1, got "):
            Hints(box=box)

    @pytest.mark.parametrize("box", [(1, 2, 3), (0, 0, math.nan, 5), (0, 0, math.inf, 5), "here", 7, (0.5, 0, 5, 5)])
    def test_an_invalid_box_is_refused(self, box: Any) -> None:
        with pytest.raises(TypeError, match="^box must be x0, y0, x1, y1 in whole pixels, got "):
            Hints(box=box)

    @pytest.mark.parametrize("name", ["foreground", "background", "seeds"])
    @pytest.mark.parametrize(
        "array", [np.zeros(SHAPE[::-1]), np.zeros((*SHAPE, 1)), np.zeros(SHAPE, np.float32), np.full(SHAPE, 7, np.int8)]
    )
    def test_an_array_of_another_shape_is_refused(self, name: str, array: Any) -> None:
        with pytest.raises(ValueError, match=f"^{name} must be"):
            seeds_of(Hints(**{name: array}))

    @pytest.mark.parametrize("name", ["foreground", "background", "seeds"])
    def test_an_array_of_another_size_is_refused(self, name: str) -> None:
        array = np.zeros(SHAPE[::-1], np.uint8 if name == "seeds" else np.bool_)
        with pytest.raises(ValueError, match=rf"^{name} must have the size of the photo, \(12, 20\), got \(20, 12\); "):
            seeds_of(Hints(**{name: array}))


NUMBERS = {"hint_reach": 0.15, "hint_near": 6.0, "hint_alike": 5.0}


def cosine(first: Any, second: Any) -> float:
    return float(first @ second / max(np.linalg.norm(first) * np.linalg.norm(second), 1e-30))


def odds_slowly(seeds: Any, features: Any, *, hint_reach: float, hint_near: float, hint_alike: float) -> Any:
    """Compute the odds by the docstring, for features of the seeds' own size."""
    odds = np.zeros(seeds.shape)
    places = [] if features is None else [features[:, y, x].astype(float) for y, x in np.ndindex(*seeds.shape)]
    whitened = (np.array(places) - np.mean(places, 0)) / np.maximum(np.std(places, 0), 1e-30) if places else None
    for side, sign in ((FOREGROUND, 1), (BACKGROUND, -1)):
        hinted = np.argwhere(seeds == side)
        for number, place in enumerate(np.ndindex(*seeds.shape) if len(hinted) else ()):
            distance = min(math.dist(place, other) for other in hinted)
            odds[place] += sign * hint_near * math.exp(-(distance**2) / 2 / (hint_reach * max(seeds.shape)) ** 2)
            if whitened is not None:
                rows = [whitened[y * seeds.shape[1] + x] for y, x in hinted]
                odds[place] += sign * hint_alike * max(0, *(cosine(whitened[number], row) for row in rows), 0)
    return odds


class TestOdds:
    @given(SEEDS)
    def test_place_alone_is_the_formula(self, seeds: Any) -> None:
        found = odds_from_hints(locked(seeds), None, **NUMBERS)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, odds_slowly(seeds, None, **NUMBERS), atol=1e-4)

    @given(SEEDS, st.integers(0, 9))
    def test_place_and_features_are_the_formula(self, seeds: Any, random_state: int) -> None:
        features = np.random.default_rng(random_state).normal(3, 2, (4, *seeds.shape)).astype(np.float32)
        if seeds.size == 1:  # Its one channel has no deviation to divide by.
            features[:] = 0
        found = odds_from_hints(seeds, locked(features), **NUMBERS)
        np.testing.assert_allclose(found, odds_slowly(seeds, features, **NUMBERS), atol=2e-3)

    @given(SEEDS)
    def test_swapping_the_sides_negates(self, seeds: Any) -> None:
        features = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)
        one, other = (odds_from_hints(side, features, **NUMBERS) for side in (seeds, SWAPPED[seeds]))
        np.testing.assert_allclose(one, -other, atol=1e-5)

    def test_no_hints_give_no_odds(self) -> None:
        features = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)
        assert not odds_from_hints(np.full(SHAPE, UNKNOWN, np.uint8), features, **NUMBERS).any()

    def test_features_of_any_size_are_sampled_at_their_place(self) -> None:
        """In a coarse grid of two halves, a hint changes only its own half."""
        features = np.zeros((2, 4, 8), np.float32)
        features[0, :, :4], features[1, :, 4:] = 1, 1
        seeds = np.full((40, 80), UNKNOWN, np.uint8)
        seeds[0, 39] = FOREGROUND
        found = odds_from_hints(seeds, features, hint_reach=0.01, hint_near=0.0, hint_alike=5.0)
        np.testing.assert_allclose(found[:, :35], 5, atol=1e-4)
        np.testing.assert_allclose(found[:, 45:], 0, atol=1e-4)
        seeds[0, 39], seeds[39, 40] = UNKNOWN, BACKGROUND
        found = odds_from_hints(seeds, features, hint_reach=0.01, hint_near=0.0, hint_alike=5.0)
        np.testing.assert_allclose(found[:, 45:], -5, atol=1e-4)
        np.testing.assert_allclose(found[:, :35], 0, atol=1e-4)

    def test_a_channel_s_scale_and_offset_do_not_matter(self) -> None:
        rng = np.random.default_rng(0)
        features, seeds = (
            rng.normal(size=(4, 6, 5)).astype(np.float32),
            rng.choice([0, 1, 255], (6, 5)).astype(np.uint8),
        )
        other = features * np.array([1, 50, 0.1, 7])[:, None, None] + np.array([0, 9, -3, 1])[:, None, None]
        one, again = (odds_from_hints(seeds, array.astype(np.float32), **NUMBERS) for array in (features, other))
        np.testing.assert_allclose(one, again, atol=1e-3)

    def test_flat_features_give_no_odds(self) -> None:
        seeds = np.array([[FOREGROUND, UNKNOWN, BACKGROUND]], np.uint8)
        for level in (0, 0.1, 0.3, 123.456):
            features = np.full((3, 7, 11), level, np.float32)
            np.testing.assert_array_equal(
                odds_from_hints(seeds, features, **NUMBERS), odds_from_hints(seeds, None, **NUMBERS)
            )


class TestBox:
    @given(
        hnp.arrays(np.float32, (6, 7), elements=st.floats(-30, 30, width=32)),
        hnp.arrays(np.bool_, (6, 7)),
        st.floats(0, 0.97),
    )
    def test_the_box_is_filled_by_the_least_that_must_be_added(self, odds: Any, inside: Any, filled: float) -> None:
        found = odds_raised(locked(odds), inside, box_filled=filled)
        mean = (1 / (1 + np.exp(-odds[inside].astype(float)))).mean() if inside.any() else 1.0
        if mean >= filled:
            np.testing.assert_array_equal(found, odds)
            return
        added = (found.astype(float) - odds).ravel()
        assert added.min() > 0
        np.testing.assert_allclose(added, added[0], atol=1e-4)
        assert (1 / (1 + np.exp(-found[inside].astype(float)))).mean() == pytest.approx(filled, abs=1e-3)


def test_the_numbers_mean_what_the_help_says() -> None:
    """At one sigma the weight of a hint is 1 / sqrt(e) of its full weight."""
    seeds = np.full((1, 101), UNKNOWN, np.uint8)
    seeds[0, 50] = FOREGROUND
    found = odds_from_hints(seeds, None, hint_reach=10 / 101, hint_near=6.0, hint_alike=0.0)
    assert found[0, [50, 60, 40]].tolist() == pytest.approx([6, 6 * math.exp(-0.5), 6 * math.exp(-0.5)], rel=1e-5)
