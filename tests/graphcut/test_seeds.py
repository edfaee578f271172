"""Quantile seeds: rank alone decides, and ties go to the background."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import quantile_labels

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Saliency
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.recipe import RECIPES

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=7)
RANKS = hnp.arrays(np.intp, SHAPES, elements=st.integers(0, 7))
QUANTILES = st.lists(st.integers(0, 16), min_size=2, max_size=2).map(lambda pair: [n / 16 for n in sorted(pair)])


def seeds_of(saliency: Any, background_quantile: float, foreground_quantile: float) -> Any:
    return seeds_from_saliency(
        saliency, foreground_quantile=foreground_quantile, background_quantile=background_quantile
    )


def map_of(ranks: Any, levels: Any) -> Saliency:
    return np.asarray(levels, np.float32)[ranks]


@given(RANKS, QUANTILES)
def test_seeds_are_those_of_the_definition(ranks: Any, quantiles: list[float]) -> None:
    saliency = map_of(ranks, np.linspace(0, 1, 8))
    seeds = seeds_of(saliency, *quantiles)
    assert seeds.dtype == np.uint8
    np.testing.assert_array_equal(seeds, quantile_labels(saliency, *quantiles[::-1]))


@given(RANKS, QUANTILES, st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8, unique=True).map(sorted))
def test_seeds_depend_only_on_rank(ranks: Any, quantiles: list[float], levels: list[float]) -> None:
    even = seeds_of(map_of(ranks, np.linspace(0, 1, 8)), *quantiles)
    np.testing.assert_array_equal(seeds_of(map_of(ranks, levels), *quantiles), even)


@given(SHAPES, st.floats(0, 1, width=32), QUANTILES)
def test_a_constant_map_seeds_background_alone(shape: Any, value: float, quantiles: list[float]) -> None:
    seeds = seeds_of(np.full(shape, value, np.float32), *quantiles)
    np.testing.assert_array_equal(seeds, np.full(shape, BACKGROUND))


def test_the_many_zeros_of_a_rectified_map_are_background() -> None:
    saliency = np.array([[0, 0, 0, 0, 0, 0, 0, 0, 0.2, 0.9]], np.float32)
    np.testing.assert_array_equal(seeds_of(saliency, 0.3, 0.8), [[BACKGROUND] * 8 + [FOREGROUND] * 2])
    np.testing.assert_array_equal(seeds_of(saliency, 0.3, 0.9), [[BACKGROUND] * 8 + [UNKNOWN, FOREGROUND]])


def test_the_paper_s_quantiles_seed_their_shares_of_a_map_without_ties() -> None:
    recipe = RECIPES["simonyan2013"]
    saliency = np.random.default_rng(0).permutation(np.linspace(0, 1, 400, dtype=np.float32)).reshape(20, 20)
    seeds = seeds_of(saliency, recipe.background_quantile, recipe.foreground_quantile)
    assert np.bincount(seeds.ravel(), minlength=256)[[BACKGROUND, FOREGROUND, UNKNOWN]].tolist() == [120, 20, 260]


def test_the_map_is_not_changed() -> None:
    saliency = np.random.default_rng(0).random((4, 5), np.float32)
    saliency.setflags(write=False)
    seeds_of(saliency, 0.3, 0.9)


def test_a_map_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="^saliency must lie in"):
        seeds_of(np.full((2, 2), 2, np.float32), 0.3, 0.9)
    with pytest.raises(ValueError, match="^saliency must be a non-empty"):
        seeds_of(np.zeros((2, 2)), 0.3, 0.9)
