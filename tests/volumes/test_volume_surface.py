"""The cost of a surface is its area, in any direction; it is less where levels differ."""

from typing import Any

import numpy as np
import pytest

from wsseg.arrays import neighbors_at, offsets_of
from wsseg.volumes.surface import contrast_of, noise_of, pairwise_of, surface_weights

COUNTS = pytest.mark.parametrize("neighbors", [6, 18, 26])
SPACINGS = pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (0.4, 1.1, 0.7)])


def area_of(normal: Any, neighbors: int, spacing: Any) -> float:
    """Area that a plane has by the weights, as a multiple of its true area, in the limit of many voxels."""
    offsets = offsets_of(3, neighbors)
    weights = surface_weights(offsets, spacing)
    # A step e crosses the plane as often as |e n| / V, for each unit of area; a weight of 1 is V ** (2 / 3).
    steps = np.array(offsets) * np.array(spacing)
    return float((weights * np.abs(steps @ normal)).sum() / np.prod(spacing) ** (1 / 3))


@COUNTS
@SPACINGS
def test_the_mean_over_all_directions_is_the_area(neighbors: int, spacing: Any) -> None:
    normals = np.random.default_rng(0).normal(size=(4000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert np.mean([area_of(one, neighbors, spacing) for one in normals]) == pytest.approx(1, abs=0.02)


def test_more_neighbors_measure_an_area_better() -> None:
    normals = np.random.default_rng(1).normal(size=(500, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    errors = [max(abs(area_of(one, count, (1, 1, 1)) - 1) for one in normals) for count in (6, 18, 26)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.15


def test_six_neighbors_share_the_area_by_their_faces() -> None:
    np.testing.assert_allclose(surface_weights(offsets_of(3, 6), (1, 1, 1)), 2 / 3)
    assert offsets_of(3, 6) == ((0, 0, 1), (0, 1, 0), (1, 0, 0))
    flat = surface_weights(offsets_of(3, 6), (4, 1, 1))
    np.testing.assert_allclose(flat, 2 / 3 * 4 ** (1 / 3) / np.array([1, 1, 4]))


@COUNTS
def test_the_unit_of_spacing_does_not_matter(neighbors: int) -> None:
    offsets = offsets_of(3, neighbors)
    np.testing.assert_allclose(surface_weights(offsets, (3, 1, 2)), surface_weights(offsets, (30, 10, 20)))


@pytest.mark.parametrize("sigma", [5.0, 20.0])
def test_noise_is_found_beside_edges(sigma: float) -> None:
    levels = np.full((20, 20, 20, 1), 60.0)
    levels[:, :, 10:] = 180
    noisy = np.rint(levels + np.random.default_rng(0).normal(0, sigma, levels.shape)).clip(0, 255).astype(np.uint8)
    assert noise_of(noisy) == pytest.approx(sigma, rel=0.1)


def test_a_volume_without_noise_has_that_of_rounding() -> None:
    assert noise_of(np.zeros((1, 4, 4, 1), np.uint8)) == 1
    assert noise_of(np.zeros((4, 4, 4, 4), np.uint8)) == 2


@COUNTS
def test_each_pair_costs_its_formula(neighbors: int) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 2), np.uint8)
    offsets = offsets_of(3, neighbors)
    areas = surface_weights(offsets, (2, 1, 1))
    weights_of = contrast_of(offsets, areas, smoothness=3, sigma=50)
    pairwise = pairwise_of(levels, offsets, weights_of)
    for plane, offset, area in zip(pairwise, offsets, areas, strict=True):
        here, there = neighbors_at(offset)
        squares = ((levels[here].astype(float) - levels[there]) ** 2).sum(axis=-1)
        np.testing.assert_allclose(plane[here], 3 * area * np.exp(-squares / 5000))
        assert plane.sum() == pytest.approx(plane[here].sum())
        back = tuple(-step for step in offset)
        np.testing.assert_array_equal(
            weights_of(np.ones((2, 1), np.int32), back), weights_of(np.ones((2, 1), np.int32), offset)
        )
