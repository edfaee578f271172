"""Gaussian mixtures against their definition, against scikit-learn, and the law of expectation-maximization."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import em_round, log_mixture
from sklearn.mixture import GaussianMixture

from wsseg.graphcut.mixture import COLOR_VARIANCE, GAIN, ROUNDS, Floats, Mixture, fit_mixture

LEVELS = hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 3)), elements=st.integers(0, 255))


def parts_of(mixture: Mixture) -> tuple[Any, Any, Any]:
    return mixture.weights, mixture.means, mixture.covariances


def assert_same(found: Mixture, expected: tuple[Any, Any, Any], rtol: float = 1e-9) -> None:
    for part, wanted in zip(parts_of(found), expected, strict=True):
        np.testing.assert_allclose(part, wanted, rtol=rtol, atol=1e-9)


def clouds(random_state: int, *, count: int = 60, spread: float = 30.0) -> Any:
    """Samples of three overlapping clouds of colors."""
    rng = np.random.default_rng(random_state)
    centers = rng.uniform(0, 255, (3, 3))
    return centers[rng.integers(3, size=count)] + rng.normal(size=(count, 3)) @ rng.normal(size=(3, 3)) * spread


def a_mixture(dimensions: int, components: int, random_state: int = 0) -> Mixture:
    rng = np.random.default_rng(random_state)
    roots = rng.normal(size=(components, dimensions, dimensions))
    weights = rng.uniform(0.2, 1, components)
    covariances = roots @ roots.transpose(0, 2, 1) + np.eye(dimensions) / 2
    return Mixture(weights / weights.sum(), rng.normal(size=(components, dimensions)) * 3, covariances)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("components", [1, 4])
def test_log_likelihood_is_the_definition(dimensions: int, components: int) -> None:
    mixture = a_mixture(dimensions, components)
    samples = np.random.default_rng(1).normal(size=(20, dimensions)) * 4
    found = mixture.log_likelihood(samples)
    assert found.shape == (20,)
    np.testing.assert_allclose(found, [log_mixture(sample, *parts_of(mixture)) for sample in samples])


def test_log_likelihood_is_that_of_scikit_learn() -> None:
    mixture = a_mixture(3, 5)
    oracle = GaussianMixture(5)
    oracle.weights_, oracle.means_, oracle.covariances_ = parts_of(mixture)
    oracle.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(mixture.covariances))
    samples = np.random.default_rng(1).normal(size=(200, 3)) * 10
    np.testing.assert_allclose(mixture.log_likelihood(samples), oracle.score_samples(samples))


def test_the_density_integrates_to_one() -> None:
    line, step = np.linspace(-40, 40, 801, retstep=True)
    for dimensions in (1, 2):
        grid = np.stack(np.meshgrid(*[line] * dimensions), axis=-1).reshape(-1, dimensions)
        density = np.exp(a_mixture(dimensions, 3).log_likelihood(grid))
        assert density.sum() * step**dimensions == pytest.approx(1, abs=1e-6)


def test_a_sample_far_from_all_gaussians_keeps_a_finite_likelihood() -> None:
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), np.ones((2, 1, 1)))
    expected = -0.5 * (1e6 - 1) ** 2 - np.log(2) - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(mixture.log_likelihood(np.array([[1e6]])), expected, rtol=1e-12)


@given(LEVELS, st.integers(0, 9))
def test_one_component_is_the_sample_mean_and_covariance(samples: Any, random_state: int) -> None:
    found = fit_mixture(samples, components=1, random_state=random_state)
    covariance = np.atleast_2d(np.cov(samples.T, ddof=0)) + COLOR_VARIANCE * np.eye(samples.shape[1])
    assert_same(found, (np.ones(1), samples.mean(axis=0)[None], covariance[None]))


@given(LEVELS, st.data())
def test_one_component_is_the_weighted_mean_and_covariance(samples: Any, data: st.DataObject) -> None:
    weights = data.draw(hnp.arrays(np.float64, len(samples), elements=st.integers(0, 5)).filter(np.any))
    found = fit_mixture(samples, components=1, random_state=0, sample_weights=weights, variance=3.0)
    covariance = np.atleast_2d(np.cov(samples.T, ddof=0, aweights=weights)) + 3 * np.eye(samples.shape[1])
    assert_same(found, (np.ones(1), np.average(samples, axis=0, weights=weights)[None], covariance[None]))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("random_state", range(4))
def test_a_round_is_one_expectation_and_one_maximization(random_state: int, weighted: bool) -> None:
    samples = clouds(random_state)
    weights = np.random.default_rng(random_state).uniform(0, 2, len(samples)) if weighted else np.ones(len(samples))
    start, end = (
        fit_mixture(samples, components=4, random_state=random_state, sample_weights=weights, rounds=rounds)
        for rounds in (0, 1)
    )
    assert_same(end, em_round(samples, weights, parts_of(start), COLOR_VARIANCE), rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("components", [2, 3, 4])
@pytest.mark.parametrize("random_state", range(5))
def test_without_added_variance_no_round_lowers_the_likelihood(
    random_state: int, components: int, weighted: bool
) -> None:
    rng = np.random.default_rng(random_state)
    samples = 255 * rng.uniform(size=(150, 2)) ** 2  # Skew, without clumps: no covariance gets singular.
    weights = rng.uniform(0.5, 2, len(samples)) if weighted else None
    numbers = {"components": components, "random_state": random_state, "variance": 0.0}
    fits = [fit_mixture(samples, sample_weights=weights, rounds=rounds, **numbers) for rounds in range(ROUNDS + 1)]
    likelihoods = [np.average(fit.log_likelihood(samples), weights=weights) for fit in fits]
    assert np.diff(likelihoods).min() >= -1e-9


def test_the_fit_ends_where_a_round_gains_little() -> None:
    samples = clouds(3, count=200, spread=60.0)
    ended = fit_mixture(samples, components=3, random_state=0, rounds=1000)
    longer = em_round(samples, np.ones(len(samples)), parts_of(ended), COLOR_VARIANCE)
    gain = Mixture(*longer).log_likelihood(samples).mean() - ended.log_likelihood(samples).mean()
    assert 0 < gain < GAIN
    started = fit_mixture(samples, components=3, random_state=0, rounds=0)
    assert ended.log_likelihood(samples).mean() - started.log_likelihood(samples).mean() > 2 * GAIN


def test_the_number_of_rounds_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsseg.graphcut.mixture.GAIN", GAIN / 100)
    samples = clouds(3, count=200, spread=60.0)
    few, default, many = (
        fit_mixture(samples, components=3, random_state=0, **rounds)
        for rounds in ({"rounds": ROUNDS - 1}, {}, {"rounds": ROUNDS + 1})
    )
    assert not np.array_equal(few.means, default.means)
    assert not np.array_equal(many.means, default.means)


def test_the_default_is_more_than_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsseg.graphcut.mixture.GAIN", GAIN / 20)
    samples = clouds(3, count=200, spread=60.0)
    one, default = (fit_mixture(samples, components=3, random_state=0, **rounds) for rounds in ({"rounds": 1}, {}))
    assert default.log_likelihood(samples).mean() > one.log_likelihood(samples).mean() + GAIN / 20


def test_a_fit_may_start_from_another() -> None:
    samples = clouds(3, count=200, spread=60.0)
    start = fit_mixture(samples[:300], components=3, random_state=1, rounds=0)
    same = fit_mixture(samples, components=3, random_state=0, start=start, rounds=0)
    assert_same(same, parts_of(start))
    once = fit_mixture(samples, components=3, random_state=0, start=start, rounds=1)
    assert_same(once, em_round(samples, np.ones(len(samples)), parts_of(start), COLOR_VARIANCE), rtol=1e-6)


@pytest.mark.parametrize("random_state", range(20))
def test_clouds_far_apart_are_each_found(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    centers = np.array([[0.0, 0.0, 0.0], [200.0, 0.0, 100.0], [20.0, 250.0, 50.0]])
    labels = rng.permutation(np.repeat([0, 1, 2], [2, 28, 70]))
    samples = centers[labels] + rng.normal(size=(100, 3))
    found = fit_mixture(samples, components=3, random_state=random_state)
    order = np.argsort(found.weights)
    np.testing.assert_allclose(found.weights[order], [0.02, 0.28, 0.7])
    for component, label in zip(order, range(3), strict=True):
        cloud = samples[labels == label]
        np.testing.assert_allclose(found.means[component], cloud.mean(axis=0))
        expected = np.cov(cloud.T, ddof=0) + COLOR_VARIANCE * np.eye(3)
        np.testing.assert_allclose(found.covariances[component], expected, atol=1e-9)


@given(LEVELS, st.integers(1, 8), st.integers(0, 9))
def test_gaussians_are_at_most_the_distinct_samples(samples: Any, components: int, random_state: int) -> None:
    found = fit_mixture(samples, components=components, random_state=random_state)
    dimensions = samples.shape[1]
    count = len(found.weights)
    assert 1 <= count <= min(components, len(np.unique(samples, axis=0)))
    assert found.means.shape == (count, dimensions)
    assert found.covariances.shape == (count, dimensions, dimensions)
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights.min() > 0
    assert np.linalg.eigvalsh(found.covariances).min() >= COLOR_VARIANCE * (1 - 1e-9)
    assert np.isfinite(found.log_likelihood(samples)).all()


def test_fewer_distinct_samples_than_components_get_a_gaussian_each() -> None:
    samples = np.repeat([[0.0, 0.0], [100.0, 0.0], [0.0, 200.0]], [1, 2, 5], axis=0)
    found = fit_mixture(samples, components=5, random_state=0)
    order = np.argsort(found.weights)
    np.testing.assert_allclose(found.weights[order], [1 / 8, 2 / 8, 5 / 8])
    np.testing.assert_allclose(found.means[order], [[0, 0], [100, 0], [0, 200]], atol=1e-6)


@pytest.mark.parametrize("variance", [0.5, 4.0])
def test_one_color_is_one_gaussian_of_the_given_variance(variance: float) -> None:
    found = fit_mixture(np.full((9, 3), 77.0), components=5, random_state=0, variance=variance)
    assert_same(found, (np.ones(1), np.full((1, 3), 77.0), variance * np.eye(3)[None]))


def test_a_component_that_loses_its_samples_is_dropped() -> None:
    samples = np.array([[0.0], [1.0], [1000.0]])
    weights = np.array([1.0, 1.0, 1e-15])
    found = fit_mixture(samples, components=3, random_state=0, sample_weights=weights)
    assert found.means.max() < 2
    assert np.isfinite(found.log_likelihood(samples)).all()


def test_samples_without_weight_do_not_matter() -> None:
    samples, junk = clouds(0), np.random.default_rng(0).uniform(-500, 500, (20, 3))
    weights = np.r_[np.ones(len(samples)), np.zeros(len(junk))]
    numbers = {"components": 3, "random_state": 0, "rounds": 100}  # Enough to end by themselves.
    found = fit_mixture(np.vstack([samples, junk]), sample_weights=weights, **numbers)
    assert_same(found, parts_of(fit_mixture(samples, **numbers)))


@pytest.mark.parametrize("scale", [2.0**-60, 2.0**60])
def test_only_the_ratios_of_weights_matter(scale: float) -> None:
    samples = clouds(0)
    weights = np.random.default_rng(0).uniform(0.1, 1, len(samples))
    found, scaled = (
        fit_mixture(samples, components=3, random_state=0, sample_weights=given_weights)
        for given_weights in (weights, weights * scale)
    )
    assert_same(scaled, parts_of(found))


def test_the_same_random_state_gives_the_same_mixture() -> None:
    samples = clouds(5)
    first, again, other = (fit_mixture(samples, components=5, random_state=seed) for seed in (1, 1, 2))
    for part, same in zip(parts_of(first), parts_of(again), strict=True):
        np.testing.assert_array_equal(part, same)
    assert not np.array_equal(first.means, other.means)


def test_arguments_are_not_changed() -> None:
    samples, weights = clouds(0), np.ones(60)
    samples.setflags(write=False)
    weights.setflags(write=False)
    fit_mixture(samples, components=3, random_state=0, sample_weights=weights).log_likelihood(samples)


@pytest.mark.parametrize("count", [0, 3])
def test_nothing_to_fit_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"^samples must include one with a positive weight, got none in {count}; "):
        fit_mixture(np.zeros((count, 3)), components=2, random_state=0, sample_weights=np.zeros(count))


@pytest.mark.parametrize("samples", [np.zeros(3), np.full((3, 3), np.nan), np.full((3, 3), np.inf)])
def test_samples_must_be_a_finite_table(samples: Floats) -> None:
    with pytest.raises(ValueError, match="^samples must be finite numbers"):
        fit_mixture(samples, components=2, random_state=0)


@pytest.mark.parametrize("weights", [np.ones(2), np.full(3, np.nan), np.array([1.0, 1.0, -1e-9])])
def test_weights_that_sum_to_zero_are_refused(weights: Floats) -> None:
    with pytest.raises(ValueError, match="^sample_weights must be 3 numbers"):
        fit_mixture(np.zeros((3, 3)), components=2, random_state=0, sample_weights=weights)
