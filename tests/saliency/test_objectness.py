"""Learning a head: least squares as in scikit-learn, and its share of a map."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from wsseg.classifier.head import Head, Provenance
from wsseg.saliency.objectness import RIDGE, HeadFit, blended

PROVENANCE = Provenance(classifier="small", sha256=None, photos=3, recipe="{}", wsseg="0.1")


def photos(count: int, channels: int = 5) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Features and covers of several sizes; the first channel is higher on the object."""
    random, result = np.random.default_rng(3), []
    for index in range(count):
        cover = random.random((4, 5 + index), np.float32)
        features = random.normal(2, 1, (channels, *cover.shape)).astype(np.float32)
        features[0] += 3 * cover
        result.append((features, cover))
    return result


def fitted(several: list[tuple[NDArray[np.float32], NDArray[np.float32]]], weights: list[float]) -> Head:
    fit = HeadFit()
    for (features, cover), weight in zip(several, weights, strict=True):
        fit.add(features, cover, weight=weight)
    assert fit.photos == len(several)
    return Head(*fit.solved(), PROVENANCE)


def test_the_fit_is_the_ridge_regression_of_another_library_with_each_photo_counting_by_its_weight() -> None:
    several, weights = photos(4), [1.0, 0.5, 2.0, 0.25]
    head = fitted(several, weights)
    places = np.concatenate([features.reshape(5, -1).T for features, _ in several]).astype(float)
    labels = np.concatenate([2 * cover.ravel() - 1 for _, cover in several])
    each = np.concatenate(
        [np.full(cover.size, weight / cover.size) for (_, cover), weight in zip(several, weights, strict=True)]
    )
    scale = np.sqrt(RIDGE * (each[:, None] * places**2).sum(axis=0))
    oracle = Ridge(alpha=1.0).fit(places / scale, labels, sample_weight=each)
    np.testing.assert_allclose(head.weights, oracle.coef_ / scale, rtol=1e-4, atol=1e-6)
    assert head.bias == pytest.approx(oracle.intercept_, rel=1e-4)


def test_the_head_finds_what_it_learned() -> None:
    head = fitted(photos(6), [1.0] * 6)
    for features, cover in photos(8)[6:]:
        assert np.corrcoef(head.objectness(features).ravel(), cover.ravel())[0, 1] > 0.5


def test_a_channel_that_is_always_zero_has_weight_zero() -> None:
    several = photos(3)
    for features, _ in several:
        features[2] = 0
    head = fitted(several, [1.0] * 3)
    assert head.weights[2] == 0 and np.isfinite(head.weights).all()


def test_no_photos_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one photo must give a mask"):
        HeadFit().solved()


def test_blending_is_a_mean_by_shares_of_the_map_divided_by_its_maximum() -> None:
    coarse, objectness = np.array([[0, 2], [4, 1]], np.float32), np.full((2, 2), 0.5, np.float32)
    np.testing.assert_allclose(blended(coarse, objectness, 0.25), [[0.125, 0.5], [0.875, 0.3125]], rtol=1e-6)
    np.testing.assert_array_equal(blended(coarse, objectness, 0.0), coarse / 4)
    assert blended(np.zeros((6, 8), np.float32), objectness, 0.5) == pytest.approx(0.25)


def test_features_that_overflow_are_refused() -> None:
    fit = HeadFit()
    fit.add(np.full((2, 1, 1), np.nan, np.float32), np.ones((1, 1), np.float32))
    with pytest.raises(ValueError, match="features must be finite"):
        fit.solved()
