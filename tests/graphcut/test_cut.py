"""The cut against all labelings, against networkx, and against the flow that proves it."""

from typing import Any

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import cheapest_labelings, energy, neighboring_pairs

from wsseg.arrays import BACKGROUND, FOREGROUND, Image
from wsseg.graphcut.cut import LARGEST_SUM, STEPS, Cut, CutGraph, min_cut
from wsseg.graphcut.energy import energy_of, pairwise_from_contrast

FEW_PRICES = st.integers(0, 4)
"""Whole numbers, so that sums are exact and ties are many."""


def problems(max_side: int, elements: Any) -> Any:
    """Unary and pairwise of one size; the pairwise also where the neighbor would lie outside."""
    return hnp.array_shapes(min_dims=2, max_dims=2, max_side=max_side).flatmap(
        lambda shape: st.tuples(
            hnp.arrays(np.float64, (*shape, 2), elements=elements),
            hnp.arrays(np.float64, (4, *shape), elements=elements),
        )
    )


def random_problem(height: int, width: int, random_state: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(random_state)
    return rng.exponential(2, (height, width, 2)), rng.exponential(1, (4, height, width))


def photo_problem(photo: Image) -> tuple[Any, Any]:
    """Warm colors against cool ones, with the photo's own contrast."""
    warmth = photo[..., 0].astype(float) - photo[..., 2]
    warmth -= np.median(warmth)
    return np.stack([warmth.clip(min=0), (-warmth).clip(min=0)], axis=-1), pairwise_from_contrast(photo, smoothness=50)


@settings(max_examples=60)
@given(problems(3, FEW_PRICES))
def test_the_cut_is_the_cheapest_of_all_labelings_and_ties_are_background(problem: tuple[Any, Any]) -> None:
    least, cheapest = cheapest_labelings(*problem)
    mask, _, flow = min_cut(*problem)
    assert flow == least
    np.testing.assert_array_equal(mask, np.all(cheapest, axis=0))


@pytest.mark.parametrize("random_state", range(8))
def test_the_cut_is_the_best_of_512_labelings(random_state: int) -> None:
    problem = random_problem(3, 3, random_state)
    least, [best] = cheapest_labelings(*problem)
    mask, _, flow = min_cut(*problem)
    np.testing.assert_array_equal(mask, best)
    assert flow == pytest.approx(least)


@given(problems(8, st.floats(0, 1e6)))
def test_energy_is_the_flow(problem: tuple[Any, Any]) -> None:
    mask, least, flow = min_cut(*problem)
    assert mask.dtype == np.bool_
    assert mask.shape == problem[0].shape[:2]
    rounding = sum(costs.size for costs in problem) / STEPS / 2
    assert least == pytest.approx(flow, abs=rounding)
    assert energy_of(mask, *problem) == pytest.approx(least, rel=1e-12)
    assert energy(mask, *problem) == pytest.approx(least, rel=1e-12)


def test_energy_is_the_flow_on_a_photo(photo: Image) -> None:
    problem = photo_problem(photo)
    mask, least, flow = min_cut(*problem)
    assert least == pytest.approx(flow, rel=1e-6)
    assert energy_of(mask, *problem) == pytest.approx(least, rel=1e-12)
    assert 0.1 < mask.mean() < 0.9
    thresholded = problem[0][..., BACKGROUND] > problem[0][..., FOREGROUND]
    assert flow < energy_of(thresholded, *problem)


def test_the_mirror_image_has_the_mirrored_cut(photo: Image) -> None:
    unary, _ = photo_problem(photo)
    mask, _, flow = min_cut(unary, pairwise_from_contrast(photo, smoothness=50))
    mirrored = min_cut(unary[:, ::-1], pairwise_from_contrast(photo[:, ::-1], smoothness=50))
    np.testing.assert_array_equal(mirrored.mask, mask[:, ::-1])
    assert mirrored.flow == pytest.approx(flow)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 6)])
def test_the_cut_is_that_of_networkx(shape: tuple[int, int]) -> None:
    unary, pairwise = random_problem(*shape, random_state=7)
    graph = networkx.DiGraph()
    for place in np.ndindex(*shape):
        graph.add_edge("object", place, capacity=unary[(*place, BACKGROUND)])
        graph.add_edge(place, "background", capacity=unary[(*place, FOREGROUND)])
    for plane, p, q in neighboring_pairs(*shape):
        graph.add_edge(p, q, capacity=pairwise[plane, *p])
        graph.add_edge(q, p, capacity=pairwise[plane, *p])
    least, (on_object, _) = networkx.minimum_cut(graph, "object", "background")
    mask, _, flow = min_cut(unary, pairwise)
    assert flow == pytest.approx(least)
    assert {(int(y), int(x)) for y, x in np.argwhere(mask)} == on_object - {"object"}


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 5)])
def test_without_contrast_each_pixel_takes_its_cheaper_label(shape: tuple[int, int]) -> None:
    unary, _ = random_problem(*shape)
    unary.flat[:2] = 3  # A tie.
    mask, _, flow = min_cut(unary, np.zeros((4, *shape)))
    np.testing.assert_array_equal(mask, unary[..., FOREGROUND] < unary[..., BACKGROUND])
    assert flow == pytest.approx(unary.min(axis=2).sum())


def test_equal_costs_give_background() -> None:
    mask, _, flow = min_cut(np.ones((4, 5, 2)), np.ones((4, 4, 5)))
    assert not mask.any()
    assert flow == 20


def test_fractions_of_a_nat_count() -> None:
    mask, _, flow = min_cut(np.array([[[0.9, 0.8], [0.1, 0.3]]]), np.full((4, 1, 2), 0.05))
    assert mask.tolist() == [[True, False]]
    assert flow == pytest.approx(0.95)


def test_costs_are_not_changed() -> None:
    unary, pairwise = random_problem(4, 5)
    before = unary.copy(), pairwise.copy()
    unary.setflags(write=False)
    pairwise.setflags(write=False)
    first = min_cut(unary, pairwise)
    again = min_cut(unary, pairwise)
    np.testing.assert_array_equal(unary, before[0])
    np.testing.assert_array_equal(pairwise, before[1])
    np.testing.assert_array_equal(first.mask, again.mask)
    assert first.flow == again.flow


def test_costs_may_lie_anywhere_in_memory() -> None:
    unary, pairwise = random_problem(4, 5)
    found = min_cut(np.asfortranarray(unary), np.asfortranarray(pairwise))
    np.testing.assert_array_equal(found.mask, min_cut(unary, pairwise).mask)


def test_a_cut_has_named_fields() -> None:
    assert Cut._fields == ("mask", "energy", "flow")


@pytest.mark.parametrize("value", [np.nan, -1e-9, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["unary", "pairwise"])
def test_costs_that_the_solver_would_silently_accept_are_refused(name: str, value: float) -> None:
    problem = dict(zip(("unary", "pairwise"), random_problem(3, 4), strict=True))
    problem[name].flat[5] = value
    with pytest.raises(ValueError, match=f"^{name} must be finite and not negative"):
        min_cut(**problem)


@pytest.mark.parametrize(
    ("name", "shape"), [("unary", (3, 4)), ("unary", (3, 4, 3)), ("pairwise", (4, 4, 3)), ("pairwise", (8, 3, 4))]
)
def test_costs_of_another_shape_are_refused(name: str, shape: tuple[int, ...]) -> None:
    problem = dict(zip(("unary", "pairwise"), random_problem(3, 4), strict=True))
    with pytest.raises(ValueError, match=f"^{name} must be a non-empty float64"):
        min_cut(**problem | {name: np.ones(shape)})


def test_costs_of_another_type_are_refused() -> None:
    unary, pairwise = random_problem(3, 4)
    with pytest.raises(ValueError, match="^unary must be .*, got float32"):
        min_cut(unary.astype(np.float32), pairwise)
    with pytest.raises(TypeError, match="^pairwise must be .*, got list"):
        min_cut(unary, pairwise.tolist())


def test_costs_too_large_to_be_summed_are_refused() -> None:
    unary, pairwise = random_problem(3, 4)
    for problem in ((unary * LARGEST_SUM, pairwise), (unary, pairwise * LARGEST_SUM)):
        with pytest.raises(
            ValueError, match=r"^costs must sum to at most 2e\+12 nats, got \de\+1\d; divide all costs by one"
        ):
            min_cut(*problem)
    mask, least, flow = min_cut(np.full((2, 2, 2), LARGEST_SUM / 8), np.full((4, 2, 2), LARGEST_SUM / 16))
    assert not mask.any()
    assert least == flow == LARGEST_SUM / 2


class TestNetwork:
    @settings(max_examples=60)
    @given(problems(6, FEW_PRICES), st.integers(0, 2**32 - 1))
    def test_a_repeated_cut_equals_a_first_cut(self, problem: tuple[Any, Any], random_state: int) -> None:
        unary, pairwise = problem
        rng, network = np.random.default_rng(random_state), CutGraph.of_grid(pairwise)
        for _ in range(5):
            again, fresh = network.cut(unary), min_cut(unary, pairwise)
            np.testing.assert_array_equal(again.mask, fresh.mask)
            assert (again.energy, again.flow) == (fresh.energy, fresh.flow)
            changed = rng.random(unary.shape) < 0.3
            unary = np.where(changed, rng.integers(0, 5, unary.shape), unary).astype(np.float64)

    def test_a_repeated_cut_of_a_photo_equals_a_first_cut(self, photo: Image) -> None:
        unary, pairwise = photo_problem(photo)
        network = CutGraph.of_grid(pairwise)
        for change in (1, 0.7, 1.6, 1):
            again, fresh = network.cut(unary * change), min_cut(unary * change, pairwise)
            np.testing.assert_array_equal(again.mask, fresh.mask)
            assert again.flow == fresh.flow

    def test_nodes_may_be_connected_in_any_way(self) -> None:
        """A ring of five, one of them held on each side."""
        pairs = np.arange(5), np.array([1, 2, 3, 4, 0])
        unary = np.zeros((5, 2))
        unary[0, BACKGROUND] = unary[3, FOREGROUND] = 100
        mask, least, flow = CutGraph(5, pairs, np.array([4.0, 1, 4, 2, 3])).cut(unary)
        assert mask.tolist() == [True, True, False, False, True]
        assert least == flow == 3

    def test_the_mask_has_the_shape_of_the_costs(self) -> None:
        unary, pairwise = random_problem(3, 4)
        network = CutGraph.of_grid(pairwise)
        np.testing.assert_array_equal(network.cut(unary.reshape(12, 2)).mask, network.cut(unary).mask.ravel())


class TestVolumes:
    """The same cut in three dimensions."""

    @pytest.mark.parametrize("planes", [3, 9, 13])
    @pytest.mark.parametrize("random_state", range(3))
    def test_the_cut_is_the_best_of_all_labelings_of_18_voxels(self, planes: int, random_state: int) -> None:
        rng = np.random.default_rng(random_state)
        unary, pairwise = rng.exponential(2, (3, 3, 2, 2)), rng.exponential(0.5, (planes, 3, 3, 2))
        labelings = (np.arange(2**18)[:, None] >> np.arange(18) & 1).astype(np.bool_)
        grid = labelings.reshape(-1, 3, 3, 2)
        energies = np.where(labelings, unary[..., 1].ravel(), unary[..., 0].ravel()).sum(axis=1)
        for weights, step in zip(pairwise, _half_of_neighbors(planes), strict=True):
            for place in np.ndindex(3, 3, 2):
                other = tuple(np.add(place, step))
                if all(0 <= at < side for at, side in zip(other, (3, 3, 2), strict=True)):
                    energies += weights[place] * (grid[:, *place] != grid[:, *other])
        found = min_cut(unary, pairwise)
        np.testing.assert_array_equal(found.mask, grid[energies.argmin()])
        assert found.energy == pytest.approx(energies.min())
        assert found.flow == pytest.approx(found.energy, abs=1e-3)
        assert energy_of(found.mask, unary, pairwise) == pytest.approx(found.energy)

    @pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
    def test_odds_give_the_cut_of_their_costs_also_again(self, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        pairwise = rng.exponential(0.5, ({2: 4, 3: 13}[len(shape)], *shape))
        odds = rng.normal(0, 2, shape)
        graph = CutGraph.of_grid(pairwise)
        for changed in (None, np.array([0, 5, 7]), np.array([5]), np.zeros(0, np.intp)):
            if changed is not None:
                odds.ravel()[changed] = rng.normal(0, 4, len(changed))
            found = graph.cut_odds(odds, changed)
            expected = min_cut(np.stack([odds.clip(min=0), (-odds).clip(min=0)], axis=-1), pairwise)
            np.testing.assert_array_equal(found.mask, expected.mask)
            assert found.energy == pytest.approx(expected.energy)
            assert found.flow == pytest.approx(expected.flow)

    def test_a_volume_of_one_slice_is_a_photo(self) -> None:
        unary, pairwise = random_problem(5, 6)
        flat = min_cut(unary, pairwise[:2])
        thin = min_cut(unary[None], np.stack([pairwise[0][None], pairwise[1][None], pairwise[2][None]]))
        np.testing.assert_array_equal(thin.mask[0], flat.mask)
        assert thin.energy == pytest.approx(flat.energy)

    def test_other_numbers_of_planes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="pairwise must be a non-empty float64 array of shape"):
            min_cut(np.ones((2, 2, 2, 2)), np.ones((4, 2, 2, 2)))


def _half_of_neighbors(planes: int) -> list[tuple[int, ...]]:
    """Half of the 6, 18 or 26 neighbors, along the axes first, written out."""
    straight = [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    faces = [(0, 1, 1), (0, 1, -1), (1, 0, 1), (1, 0, -1), (1, 1, 0), (1, -1, 0)]
    corners = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1)]
    return [*straight, *faces, *corners][:planes]
