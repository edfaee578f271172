"""The cut of a volume: against a graph made anew, in bands, for several labels."""

from dataclasses import replace

import numpy as np
import pytest
from balls import ball, marked, two_cells

from wsseg.arrays import offsets_of
from wsseg.graphcut.cut import min_cut
from wsseg.graphcut.energy import clamp_to_seeds, energy_of
from wsseg.recipe import VolumeRecipe
from wsseg.volumes.hints import VolumeLabels
from wsseg.volumes.levels import levels_of
from wsseg.volumes.solver import Solved, VolumeSolver
from wsseg.volumes.surface import contrast_of, noise_of, pairwise_of, surface_weights

SPACING = (1.0, 1.0, 1.0)
RECIPE = VolumeRecipe()
BALL_SEEDS = marked((16, 18, 20), one=[(1, 1, 1), (8, 9, 1)], two=[(8, 9, 10), (6, 9, 8)]).astype(np.uint8)


def solver_of(volume: np.ndarray, recipe: VolumeRecipe = RECIPE, memory: float = 4.0) -> VolumeSolver:
    levels, _ = levels_of(volume, low=recipe.low, high=recipe.high)
    return VolumeSolver(levels, SPACING, recipe, memory)


def solved_anew(volume: np.ndarray, seeds: VolumeLabels, like: VolumeSolver) -> Solved:
    """Solve with the mixtures of another solver, but without its graph."""
    fresh = solver_of(volume, like.recipe)
    fresh.costs, fresh._values = like.costs, like._values
    return fresh.solve(seeds)


@pytest.mark.parametrize("neighbors", [6, 18, 26])
def test_it_is_the_minimum_cut_of_the_written_energy(neighbors: int) -> None:
    """The same energy by the public stages, in float64 and from nothing."""
    recipe = replace(RECIPE, neighbors=neighbors, seeded=False)
    solver = solver_of(ball(noise=0.5)[0], recipe)
    found = solver.solve(BALL_SEEDS)
    offsets = offsets_of(3, neighbors)
    weights_of = contrast_of(
        offsets,
        surface_weights(offsets, SPACING),
        smoothness=recipe.smoothness,
        sigma=recipe.noises * noise_of(solver.levels),
    )
    pairwise = pairwise_of(solver.levels, offsets, weights_of)
    costs = solver._costs_of_blocks(BALL_SEEDS, (1, 1, 1)).astype(np.float64)
    unary = costs - costs.min(axis=-1, keepdims=True)
    known = np.array([255, 0, 1], np.uint8)[BALL_SEEDS]
    clamped = clamp_to_seeds(unary, pairwise, known)
    expected = min_cut(clamped, pairwise)
    np.testing.assert_array_equal(found.labels == 2, expected.mask)
    assert found.exact
    assert found.flow == pytest.approx(found.energy, rel=1e-6)
    assert found.energy == pytest.approx(energy_of(expected.mask, clamped, pairwise), rel=1e-5)


def test_a_noisy_ball_is_found() -> None:
    volume, truth = ball(noise=0.4)
    mask = solver_of(volume).solve(BALL_SEEDS).labels == 2
    assert (mask & truth).sum() / (mask | truth).sum() > 0.93


@pytest.mark.parametrize(("noise", "small"), [(0.3, 9999), (0.8, 9999), (0.8, 300)])
def test_each_recut_is_that_of_a_new_graph(noise: float, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where distances are measured in blocks of voxels."""
    monkeypatch.setattr("wsseg.volumes.solver.SMALL_VOXELS", small)
    volume = ball(noise=noise)[0]
    solver, seeds = solver_of(volume), BALL_SEEDS.copy()
    rng = np.random.default_rng(0)
    solver.solve(seeds)
    for label in (1, 2, 2, 1, 1, 2):
        place = tuple(rng.integers(0, volume.shape))
        if not seeds[place]:
            seeds = seeds.copy()
            seeds[place] = label
        again, anew = solver.solve(seeds), solved_anew(volume, seeds, solver)
        np.testing.assert_array_equal(again.labels, anew.labels)
        assert again.energy == pytest.approx(anew.energy, rel=1e-12)
        assert again.flow == pytest.approx(anew.flow, rel=1e-12)
    fewer = solver.solve(BALL_SEEDS)
    np.testing.assert_array_equal(fewer.labels, solved_anew(volume, BALL_SEEDS, solver).labels)


def test_a_larger_voxel_s_face_costs_as_much_as_the_faces_it_covers() -> None:
    solver, same = solver_of(ball()[0]), np.zeros((1, 1, 1, 1), np.int32)
    for factors in ((2, 2, 2), (1, 2, 2)):
        for offset in offsets_of(3, 6):
            covered = np.prod(factors) / factors[int(np.flatnonzero(offset)[0])]
            fine, coarse = (solver._scene(size).weights_of(same, offset).item() for size in ((1, 1, 1), factors))
            assert coarse == pytest.approx(covered * fine), (factors, offset)


def test_seeds_are_never_contradicted_however_wrong() -> None:
    volume, truth = ball(noise=0.3)
    rng = np.random.default_rng(0)
    seeds = np.where(rng.random(truth.shape) < 0.02, np.where(truth, 1, 2), 0).astype(np.uint8)
    labels = solver_of(volume).solve(seeds).labels
    np.testing.assert_array_equal(labels[seeds > 0], seeds[seeds > 0])


def test_refit_depends_on_the_seeds_alone() -> None:
    volume = ball(noise=0.5)[0]
    solver, more = solver_of(volume), BALL_SEEDS.copy()
    more[8, 9, 4] = 1
    solver.solve(BALL_SEEDS)
    again, anew = solver.solve(more, refit=True), solver_of(volume).solve(more)
    np.testing.assert_array_equal(again.labels, anew.labels)
    assert again.energy == anew.energy


def test_a_volume_above_the_memory_is_cut_in_bands() -> None:
    volume, truth = ball((24, 26, 28), radius=8, noise=0.3)
    seeds = marked(truth.shape, one=[(1, 1, 1), (12, 13, 1)], two=[(12, 13, 14), (10, 13, 12)]).astype(np.uint8)
    banded = solver_of(volume, memory=0.006)
    assert len(banded.plan().halvings) == 1
    found, whole = banded.solve(seeds), solver_of(volume).solve(seeds)
    assert (found.exact, whole.exact) == (False, True)
    both = (found.labels == 2) & (whole.labels == 2)
    assert both.sum() / ((found.labels == 2) | (whole.labels == 2)).sum() > 0.97
    np.testing.assert_array_equal(found.labels[seeds > 0], seeds[seeds > 0])


@pytest.mark.parametrize("memory", [4.0, 0.004])
def test_several_objects_share_a_volume(memory: float) -> None:
    volume, truth = two_cells()
    seeds = marked(truth.shape, one=[(1, 1, 1), (8, 2, 16)], two=[(8, 9, 9), (8, 9, 7)], three=[(8, 9, 22), (7, 8, 24)])
    solver = solver_of(volume, memory=memory)
    assert solver.plan(3).exact is (memory > 1)
    found = solver.solve(seeds.astype(np.uint8))
    assert not found.exact
    assert found.flow <= found.energy
    assert (found.labels == truth).mean() > 0.97
    np.testing.assert_array_equal(found.labels[seeds > 0], seeds[seeds > 0])


def test_parts_without_a_seed_are_left_out() -> None:
    volume, truth = two_cells(noise=0.1)
    volume[:, :, 15:17] = 0
    seeds = marked(truth.shape, one=[(1, 1, 1)], two=[(8, 9, 9)]).astype(np.uint8)
    kept = solver_of(volume).solve(seeds).labels
    everything = solver_of(volume, replace(RECIPE, seeded=False, nearness=0.0)).solve(seeds).labels
    assert not (kept[:, :, 16:] == 2).any()
    assert (everything[:, :, 17:] == 2).any()


def test_a_single_slice_is_a_volume() -> None:
    volume = np.zeros((1, 12, 12))
    volume[0, 3:9, 3:9] = 1
    seeds = marked(volume.shape, one=[(0, 0, 0)], two=[(0, 5, 5)]).astype(np.uint8)
    np.testing.assert_array_equal(solver_of(volume).solve(seeds).labels == 2, volume == 1)


def test_channels_count_together() -> None:
    """Neither channel alone tells the object from both kinds of background."""
    volume = np.zeros((4, 12, 12, 2))
    volume[:, :, :8, 0] = 1
    volume[:, :, 4:, 1] = 1
    seeds = marked(volume.shape[:3], one=[(2, 6, 1), (2, 6, 10)], two=[(2, 6, 6)]).astype(np.uint8)
    np.testing.assert_array_equal(solver_of(volume).solve(seeds).labels == 2, volume.all(axis=-1))


def test_stages_are_tracked_in_their_order() -> None:
    seen: list[int] = []
    volume, truth = ball((24, 26, 28), radius=8)
    seeds = marked(truth.shape, one=[(1, 1, 1)], two=[(12, 13, 14)]).astype(np.uint8)

    def track(stages: object) -> object:
        seen.append(len(stages))  # type: ignore[arg-type]
        return stages

    solver = solver_of(volume, memory=0.006)
    for _ in range(2):
        solver.solve(seeds, track=track)  # type: ignore[arg-type]
    assert seen == [3, 2]  # Mixtures, the small size and a band; mixtures are kept.
