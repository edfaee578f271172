"""The threshold against brute force, its promise over many draws, and the bound against a known table."""

import numpy as np
import pytest
from scipy.stats import beta

from wsseg.metrics.risk import accepting_confidence, fewest_photos, upper_bound


def brute_force(confidences: list[float], bad: list[bool], error: float) -> set[int] | None:
    """Return the photos that the least sufficient confidence accepts, by trying each."""
    for level in sorted(set(confidences)):
        accepted = {i for i, one in enumerate(confidences) if one >= level}
        loss, count = sum(bad[i] for i in accepted) / len(bad), len(bad)
        if count / (count + 1) * loss + 1 / (count + 1) <= error + 1e-12:
            return accepted
    return None


@pytest.mark.parametrize("seed", range(100))
def test_it_accepts_what_brute_force_accepts_ties_included(seed: int) -> None:
    random = np.random.default_rng(seed)
    confidences = random.integers(0, 12, 30) / 13
    bad, error = random.random(30) < 0.3, float(random.choice([0.05, 0.1, 0.3]))
    least = accepting_confidence(confidences, bad, error)
    expected = brute_force(confidences.tolist(), bad.tolist(), error)
    assert (None if least is None else set(np.flatnonzero(confidences >= least).tolist())) == expected


def test_the_expected_loss_of_a_new_photo_is_at_most_the_error() -> None:
    random, draws, count, error = np.random.default_rng(0), 4000, 40, 0.1
    confidences = random.random((draws, count + 1))
    bad = random.random((draws, count + 1)) > confidences
    lost = 0
    for own, wrong in zip(confidences, bad, strict=True):
        least = accepting_confidence(own[:-1], wrong[:-1], error)
        lost += bool(least is not None and wrong[-1] and own[-1] >= least)
    deviation = np.sqrt(error * (1 - error) / draws)
    assert error - 2 / (count + 1) - 3 * deviation <= lost / draws <= error + 3 * deviation


def test_degenerate_photos() -> None:
    confidences = np.linspace(0.1, 0.9, 20)
    every = np.ones(20, np.bool_)
    assert accepting_confidence(confidences, every, 0.04) is None
    assert accepting_confidence(confidences, ~every, 0.05) == 0.1
    assert accepting_confidence(np.full(20, -np.inf), every, 0.5) is None
    assert accepting_confidence(np.full(20, 0.5), every, 0.1) is None
    with pytest.raises(ValueError, match="got NaN"):
        accepting_confidence(np.array([np.nan]), np.array([False]), 0.9)


@pytest.mark.parametrize(("events", "trials", "bound"), [(0, 10, 0.2589), (1, 20, 0.2161), (5, 5, 1.0), (0, 0, 1.0)])
def test_the_bound_is_that_of_tables(events: int, trials: int, bound: float) -> None:
    assert upper_bound(events, trials) == pytest.approx(bound, abs=1e-4)


@pytest.mark.parametrize(("events", "trials"), [(3, 40), (300, 3000), (4999, 5000)])
def test_the_bound_is_a_quantile_of_the_beta_distribution(events: int, trials: int) -> None:
    assert upper_bound(events, trials) == pytest.approx(beta.ppf(0.95, events + 1, trials - events), rel=1e-6)


@pytest.mark.parametrize("error", [0.1, 0.05, 0.5, 0.9, 0.03, 1 / 3, 1 / 49, 1e-5])
def test_one_photo_fewer_is_too_few(error: float) -> None:
    least = fewest_photos(error)
    assert accepting_confidence(np.full(least, 0.5), np.zeros(least, np.bool_), error) == 0.5
    assert 1 / least > error


def test_an_error_of_almost_nothing_needs_more_photos_than_there_are() -> None:
    assert fewest_photos(5e-324) > 10**300
