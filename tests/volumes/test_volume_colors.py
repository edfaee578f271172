"""Costs of levels and of distances, and where mixtures are learned."""

from typing import Any

import numpy as np
import pytest

from wsseg.graphcut.mixture import Mixture
from wsseg.recipe import VolumeRecipe
from wsseg.volumes.colors import (
    LevelCosts,
    distance_costs,
    interpolated,
    mixtures_at,
    places_near,
    without_shared,
)


def seeds_with(shape: tuple[int, ...], **places: Any) -> Any:
    seeds = np.zeros(shape, np.uint8)
    for name, place in places.items():
        seeds[place] = {"one": 1, "two": 2, "three": 3}[name]
    return seeds


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.5, 1.0)])
def test_places_near_are_those_within_the_radius(spacing: Any) -> None:
    seeds = seeds_with((7, 8, 9), one=(0, 0, 0), two=(4, 4, 5))
    near = places_near(seeds, (1, 2), spacing, radius=2.5, random_state=0)
    grid = np.indices(seeds.shape).reshape(3, -1).T
    for label, place in {1: (0, 0, 0), 2: (4, 4, 5)}.items():
        distances = np.linalg.norm((grid - place) * np.array(spacing), axis=1)
        np.testing.assert_array_equal(near[label], np.flatnonzero(distances <= 2.5 * min(spacing)))


def test_voxels_near_two_labels_teach_neither_but_seeds_do() -> None:
    seeds = seeds_with((1, 1, 6), one=(0, 0, 1), two=(0, 0, 2))
    near = places_near(seeds, (1, 2), (1, 1, 1), radius=1, random_state=0)
    kept = without_shared(near, seeds)
    assert (kept[1].tolist(), kept[2].tolist()) == ([0, 1], [2, 3])


def test_mixtures_are_those_of_the_places() -> None:
    levels = np.zeros((2, 2, 4, 1), np.uint8)
    levels[..., 2:, 0] = 200
    dark, bright = mixtures_at(levels, {1: np.array([0, 1]), 2: np.array([2, 3, 6])}, VolumeRecipe(components=1))
    assert (dark.means.item(), bright.means.item()) == (0, 200)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_level_costs_what_its_likelihood_lacks_to_the_best_up_to_the_limit(channels: int) -> None:
    rng = np.random.default_rng(0)
    mixtures = [
        Mixture(np.ones(1), np.full((1, channels), mean), 400 * np.eye(channels)[None]) for mean in (50.0, 90.0, 200.0)
    ]
    levels = rng.integers(0, 256, (2, 3, 4, channels), np.uint8)
    costs = LevelCosts(mixtures, limit=6.0).of(levels)
    squares = np.stack([((levels - mean) ** 2).sum(axis=-1) / 800 for mean in (50.0, 90.0, 200.0)], axis=-1)
    expected = (squares - squares.min(axis=-1, keepdims=True)).clip(max=6)
    np.testing.assert_allclose(costs, expected, atol=1e-4)
    assert costs.dtype == np.float32


def test_distance_costs_follow_the_formula_with_spacing() -> None:
    seeds = seeds_with((1, 1, 5), one=(0, 0, 0), two=(0, 0, 4))
    costs = distance_costs(seeds, (1, 2), (1, 1, 1), (1, 1, 3), nearness=8)
    np.testing.assert_allclose(costs[0, 0, :, 0], [0, 2, 4, 6, 8])
    np.testing.assert_allclose(costs[0, 0, :, 1], [8, 6, 4, 2, 0])


def test_the_nearest_other_label_counts() -> None:
    seeds = seeds_with((1, 1, 5), one=(0, 0, 0), two=(0, 0, 4), three=(0, 0, 3))
    costs = distance_costs(seeds, (1, 2, 3), (1, 1, 1), (1, 1, 1), nearness=1)
    np.testing.assert_allclose(costs[0, 0, 1], [1 / 3, 3 / 4, 2 / 3], rtol=1e-6)


def test_a_block_with_seeds_of_all_labels_is_neutral() -> None:
    seeds = seeds_with((2, 2, 2), one=(0, 0, 0), two=(1, 1, 1))
    np.testing.assert_array_equal(distance_costs(seeds, (1, 2), (2, 2, 2), (1, 1, 1), nearness=4), 2)


def test_interpolation_is_exact_on_ramps_between_centers_and_equal_in_any_window() -> None:
    z, y, x = np.meshgrid(np.arange(3.0), np.arange(4.0), np.arange(5.0), indexing="ij")
    blocks = np.stack([z + 2 * y, x], axis=-1).astype(np.float32)
    whole = interpolated(blocks, (2, 1, 4), (slice(0, 6), slice(0, 4), slice(0, 20)))
    assert whole.shape == (6, 4, 20, 2)
    np.testing.assert_allclose(whole[3, 2, 2:18, 0], 1.25 + 4)
    np.testing.assert_allclose(whole[0, 0, 2:18, 1], (np.arange(2, 18) + 0.5) / 4 - 0.5)
    window = (slice(1, 5), slice(2, 3), slice(7, 13))
    np.testing.assert_array_equal(interpolated(blocks, (2, 1, 4), window), whole[window])
