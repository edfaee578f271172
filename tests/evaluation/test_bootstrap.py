"""Intervals of means and of formulas of means."""

from typing import Any

import numpy as np
import pytest

from wsseg.evaluation.bootstrap import BLOCK, MIN_PHOTOS, RESAMPLES, Interval, Resamples, interval_of


def resamples_of(values: Any, random_state: int = 0) -> Resamples:
    resamples = Resamples(random_state)
    for one in values:
        resamples.add({"curve": one, "rest": one[0]})
    return resamples


@pytest.mark.parametrize("photos", [30, BLOCK, 500])
def test_the_interval_is_as_wide_as_one_from_resampled_photos(photos: int) -> None:
    rng = np.random.default_rng(photos)
    values = rng.random((photos, 3))
    found = resamples_of(values)
    drawn = values[rng.integers(0, photos, (RESAMPLES, photos))].mean(axis=1)
    expected = np.quantile(drawn, (0.025, 0.975), axis=0)
    assert found.mean("curve") == pytest.approx(values.mean(axis=0))
    bounds = np.transpose([interval_of(draws) for draws in found.draws("curve").T])
    assert bounds == pytest.approx(expected, abs=0.15 * float(np.diff(expected, axis=0).max()))


def test_the_mean_lies_in_the_interval_of_most_means() -> None:
    rng = np.random.default_rng(1)
    bounds = [interval_of(resamples_of(rng.normal(size=(60, 1)), seed).draws("rest")) for seed in range(200)]
    covered = np.mean([low <= 0 <= high for low, high in bounds])
    assert 0.90 <= covered <= 0.98


def test_a_formula_sees_the_axes_of_the_values() -> None:
    values = np.random.default_rng(2).random((80, 2, 5))
    resamples = Resamples(0)
    for one in values:
        resamples.add({"first": one[0], "all": one})
    low, high = interval_of(resamples.draws("all", lambda means: means.max(axis=-1).sum(axis=-1)))
    assert low < values.mean(axis=0).max(axis=-1).sum() < high
    assert resamples.mean("all").shape == (2, 5)


def test_all_scores_share_their_resamples() -> None:
    found = resamples_of(np.random.default_rng(3).random((20, 4)))
    assert (found.draws("rest") == found.draws("curve")[:, 0]).all()


def test_a_query_between_blocks_changes_no_draw() -> None:
    values = np.random.default_rng(4).random((3 * BLOCK, 2))
    asked = resamples_of(values[:BLOCK])
    asked.mean("curve")
    for one in values[BLOCK:]:
        asked.add({"curve": one, "rest": one[0]})
    assert (asked.draws("curve") == resamples_of(values).draws("curve")).all()


def test_equal_states_give_equal_draws() -> None:
    values = np.random.default_rng(5).random((50, 1))
    first, same, other = (resamples_of(values, state).draws("curve").tolist() for state in (0, 0, 1))
    assert first == same != other


def test_few_photos_have_no_interval() -> None:
    few = resamples_of(np.full((MIN_PHOTOS - 1, 1), 0.25))
    assert few.mean("rest") == 0.25
    assert np.isnan(interval_of(few.draws("rest"))).all()
    assert interval_of(few.draws("curve", lambda means: means.max(axis=-1)))[0] != 0.25
    assert interval_of(resamples_of(np.full((MIN_PHOTOS, 1), 0.25)).draws("rest")) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("interval", "text", "excludes_zero"),
    [
        (Interval(0.125, 0.25), "+0.12 to +0.25", True),
        (Interval(-0.25, -0.125), "-0.25 to -0.12", True),
        (Interval(-0.25, 0.0), "-0.25 to +0.00", False),
        (Interval(0.0, 0.0), "+0.00 to +0.00", False),
    ],
)
def test_an_interval_is_formatted_by_both_ends(interval: Interval, text: str, excludes_zero: bool) -> None:
    assert f"{interval:+.2f}" == text
    assert interval.excludes_zero == excludes_zero
    assert interval.as_json() == list(interval)


def test_an_unknown_interval_is_null_and_excludes_nothing() -> None:
    unknown = interval_of(np.empty(0))
    assert (f"{unknown:.4f}", unknown.as_json(), unknown.excludes_zero) == ("too few photos", None, False)


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        resamples_of(np.ones((2, 1))).mean("nothing")
