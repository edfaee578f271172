"""The expansion against all labelings, all moves, the cut of two labels and PyMaxflow's own."""

from typing import Any

import maxflow
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import energy, expansion_moves, hard_cost, labelings_of_several, potts_energies

from wsseg.arrays import Image, Mask
from wsseg.graphcut import expansion
from wsseg.graphcut.cut import min_cut, ties_of_grid
from wsseg.graphcut.energy import pairwise_from_contrast
from wsseg.graphcut.expansion import Expansion, expand, expand_nodes

SMALL = labelings_of_several(3, 3, 3)
"""All 19683 labelings of 3x3 pixels with three labels."""

FEW_PRICES = st.integers(0, 4)
"""Whole numbers, so that sums are exact and ties are many."""


def problems(max_side: int, labels: Any, elements: Any) -> Any:
    """Unary and pairwise of one size; the pairwise also where the neighbor would lie outside."""
    return st.tuples(hnp.array_shapes(min_dims=2, max_dims=2, max_side=max_side), labels).flatmap(
        lambda drawn: st.tuples(
            hnp.arrays(np.float64, (*drawn[0], drawn[1]), elements=elements),
            hnp.arrays(np.float64, (4, *drawn[0]), elements=elements),
        )
    )


def random_problem(height: int, width: int, labels: int, random_state: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(random_state)
    return rng.exponential(2, (height, width, labels)), rng.exponential(1, (4, height, width))


def energy_of_labels(labels: Any, unary: Any, pairwise: Any) -> float:
    return float(potts_energies(labels[None], unary, pairwise)[0])


def test_most_small_pictures_get_the_best_of_all_labelings() -> None:
    best = 0
    for random_state in range(40):
        problem = random_problem(3, 3, 3, random_state)
        least = potts_energies(SMALL, *problem).min()
        found = expand(*problem)
        assert found.energy >= least - 1e-9
        best += found.energy == pytest.approx(least)
    assert best >= 36


@settings(max_examples=30)
@given(problems(3, st.just(3), FEW_PRICES))
def test_the_energy_is_within_the_bound_of_every_labeling(problem: tuple[Any, Any]) -> None:
    unary, pairwise = problem
    stack = labelings_of_several(*unary.shape)
    costs = potts_energies(stack, unary, 0 * pairwise)
    doubled = potts_energies(stack, unary, 2 * pairwise)
    found = expand(unary, pairwise)
    assert found.energy <= doubled.min()
    assert found.energy <= 2 * potts_energies(stack, unary, pairwise).min()
    assert found.energy >= costs.min()


@given(problems(3, st.integers(1, 5), FEW_PRICES))
def test_no_move_makes_it_cheaper(problem: tuple[Any, Any]) -> None:
    found = expand(*problem)
    assert found.energy == potts_energies(expansion_moves(found.labels, problem[0].shape[2]), *problem).min()


@pytest.mark.parametrize("random_state", range(20))
def test_no_move_makes_a_random_problem_s_labels_cheaper(random_state: int) -> None:
    unary, pairwise = random_problem(3, 4, 4, random_state)
    found = expand(unary, pairwise / 2)
    moves = expansion_moves(found.labels, 4)
    assert found.energy == pytest.approx(potts_energies(moves, unary, pairwise / 2).min(), rel=1e-12)


@pytest.mark.parametrize("random_state", range(20))
def test_each_move_is_the_best_of_its_512(random_state: int) -> None:
    unary, pairwise = random_problem(3, 3, 4, random_state)
    labels = np.random.default_rng(random_state).integers(0, 4, (3, 3), dtype=np.uint8)
    for target in range(4):
        takers = expansion._takers(labels.ravel(), target, unary.reshape(9, 4), *ties_of_grid(pairwise / 2))
        moved = np.where(takers.reshape(3, 3), target, labels)
        moves = np.where(labelings_of_several(3, 3, 2) == 1, target, labels)
        costs = potts_energies(moves, unary, pairwise / 2)
        np.testing.assert_array_equal(moved, moves[costs.argmin()])


@pytest.mark.parametrize("weight", [0.3, 0.8])
def test_with_one_weight_for_all_it_is_the_expansion_of_pymaxflow(weight: float) -> None:
    unary, _ = random_problem(30, 40, 5)
    pairwise = np.zeros((4, 30, 40))
    pairwise[:2] = weight
    theirs = maxflow.fastmin.aexpansion_grid(unary, weight * (1 - np.eye(5)))
    np.testing.assert_array_equal(expand(unary, pairwise).labels, theirs)


@given(problems(6, st.integers(1, 6), st.floats(0, 1e6)))
def test_the_energy_is_that_of_the_labels(problem: tuple[Any, Any]) -> None:
    labels, cost, exact, bound = expand(*problem)
    assert labels.dtype == np.uint8
    assert labels.shape == problem[0].shape[:2]
    assert exact == (problem[0].shape[2] <= 2)
    # Costs are rounded to steps of a millionth of a nat.
    assert bound <= cost + 1e-3
    assert not exact or bound == pytest.approx(cost, abs=1e-3)
    assert cost == pytest.approx(energy_of_labels(labels, *problem), rel=1e-9, abs=1e-9)


@given(problems(6, st.integers(1, 5), FEW_PRICES))
def test_it_costs_no_more_than_its_start_or_any_one_label(problem: tuple[Any, Any]) -> None:
    unary, pairwise = problem
    found = expand(unary, pairwise)
    assert found.energy <= energy_of_labels(unary.argmin(axis=2), unary, pairwise)
    assert found.energy <= unary.sum(axis=(0, 1)).min()


def test_the_energy_never_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = random_problem(12, 15, 5)
    kept: list[Any] = []
    takers = expansion._takers

    def recorded(labels: Any, *rest: Any) -> Mask:
        kept.append(labels)
        return takers(labels, *rest)

    monkeypatch.setattr(expansion, "_takers", recorded)
    found = expand(*problem)
    energies = [energy_of_labels(labels.reshape(12, 15), *problem) for labels in [*kept, found.labels]]
    falls = np.diff(energies)[np.diff(energies) != 0]
    assert len(falls) >= 5
    assert (falls < 0).all()
    np.testing.assert_array_equal(kept[0], problem[0].argmin(axis=2).ravel())


def test_a_move_that_rounding_makes_costlier_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    unary, pairwise = random_problem(4, 5, 3)
    monkeypatch.setattr(expansion, "_takers", lambda labels, *rest: np.ones(labels.shape, np.bool_))
    found = expand(unary, 0 * pairwise)
    np.testing.assert_array_equal(found.labels, unary.argmin(axis=2))


@given(problems(5, st.just(2), FEW_PRICES))
def test_two_labels_are_one_cut(problem: tuple[Any, Any]) -> None:
    mask, least, flow = min_cut(*problem)
    labels, cost, exact, bound = expand(*problem)
    np.testing.assert_array_equal(labels, mask)
    assert cost == least == energy(mask, *problem)
    assert exact and bound == flow


def test_two_labels_tie_as_in_the_cut() -> None:
    unary, pairwise = np.array([[[1.0, 0.0], [0.0, 4.0]]]), np.ones((4, 1, 2))
    assert unary.argmin(axis=2).tolist() == [[1, 0]]
    assert expand(unary, pairwise).labels.tolist() == [[0, 0]]


def test_the_order_of_two_labels_does_not_matter() -> None:
    unary, pairwise = random_problem(9, 7, 2)
    found, swapped = expand(unary, pairwise), expand(unary[..., ::-1], pairwise)
    np.testing.assert_array_equal(swapped.labels, 1 - found.labels)
    assert swapped.energy == pytest.approx(found.energy)


def test_two_labels_among_impossible_ones_are_one_cut() -> None:
    unary, pairwise = random_problem(6, 7, 2)
    dear = np.full((6, 7, 1), 1e6)
    labels, cost, exact, bound = expand(np.concatenate([dear, unary[..., :1], dear, unary[..., 1:]], axis=2), pairwise)
    mask, least, _ = min_cut(unary, pairwise)
    assert set(np.unique(labels)) == {1, 3}
    assert cost == pytest.approx(least, rel=0.02)
    assert ((labels == 3) == mask).mean() > 0.9
    assert not exact
    assert bound <= cost


@pytest.mark.parametrize("labels", [1, 2, 4])
def test_the_pixels_in_any_order_are_nodes(labels: int) -> None:
    unary, pairwise = random_problem(7, 6, labels)
    order = np.random.default_rng(0).permutation(42)
    (first, second), weights = ties_of_grid(pairwise)
    place = np.argsort(order)
    nodes = expand_nodes(unary.reshape(42, labels)[order], (place[second], place[first]), weights)
    grid = expand(unary, pairwise)
    np.testing.assert_array_equal(nodes.labels, grid.labels.ravel()[order])
    assert nodes.energy == pytest.approx(grid.energy)
    assert nodes.exact == grid.exact


@pytest.mark.parametrize("labels", [2, 3])
def test_unconnected_nodes_take_their_cheapest_label(labels: int) -> None:
    unary, no_nodes = random_problem(5, 4, labels)[0].reshape(20, labels), np.zeros(0, np.intp)
    found = expand_nodes(unary, (no_nodes, no_nodes), np.zeros(0))
    np.testing.assert_array_equal(found.labels, unary.argmin(axis=1))
    assert found.energy == pytest.approx(unary.min(axis=1).sum())


def test_a_ring_of_nodes_gets_the_best_of_all_labelings() -> None:
    unary, weights = random_problem(1, 6, 3)[0][0], np.full(6, 0.4)
    pairs = np.arange(6), (np.arange(6) + 1) % 6
    stack = labelings_of_several(1, 6, 3)[:, 0]
    costs = np.take_along_axis(unary[None], stack[..., None], axis=2).sum(axis=(1, 2))
    costs += (weights * (stack[:, pairs[0]] != stack[:, pairs[1]])).sum(axis=1)
    found = expand_nodes(unary, pairs, weights)
    np.testing.assert_array_equal(found.labels, stack[costs.argmin()])
    assert found.energy == pytest.approx(costs.min())


def test_one_label_is_everywhere() -> None:
    unary, pairwise = random_problem(4, 5, 1)
    labels, cost, exact, bound = expand(unary, pairwise)
    assert not labels.any()
    assert cost == bound == pytest.approx(unary.sum())
    assert exact


@pytest.mark.parametrize("labels", [3, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 5)])
def test_without_contrast_each_pixel_takes_its_cheapest_label(shape: tuple[int, int], labels: int) -> None:
    unary, _ = random_problem(*shape, labels)
    unary[0, 0] = 3  # A tie.
    found = expand(unary, np.zeros((4, *shape)))
    np.testing.assert_array_equal(found.labels, unary.argmin(axis=2))
    assert found.energy == pytest.approx(unary.min(axis=2).sum())


def test_equal_costs_give_the_first_label() -> None:
    found = expand(np.ones((4, 5, 3)), np.ones((4, 4, 5)))
    assert not found.labels.any()
    assert found.energy == 20


def test_a_clear_picture_of_three_regions_is_found() -> None:
    truth = np.zeros((40, 50), np.uint8)
    truth[:, 25:] = 1
    truth[12:28, 15:35] = 2
    rng = np.random.default_rng(0)
    colors = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])
    image = (colors[truth] + rng.normal(0, 25, (40, 50, 3))).clip(0, 255).astype(np.uint8)
    unary = np.square((image[:, :, None] - colors) / 60.0).sum(axis=3) + rng.exponential(2, (40, 50, 3))
    assert (unary.argmin(axis=2) != truth).any()
    labels, *_ = expand(unary, pairwise_from_contrast(image, smoothness=10))
    np.testing.assert_array_equal(labels, truth)


def test_the_moves_lower_a_photo_s_energy(photo: Image) -> None:
    levels = np.quantile(photo.mean(axis=2), [0.1, 0.4, 0.6, 0.9])
    unary = np.abs(photo.mean(axis=2)[..., None] - levels) / 10
    pairwise = pairwise_from_contrast(photo, smoothness=20)
    found = expand(unary, pairwise)
    assert found.energy < 0.9 * energy_of_labels(unary.argmin(axis=2), unary, pairwise)
    assert found.energy == pytest.approx(energy_of_labels(found.labels, unary, pairwise))


@pytest.mark.parametrize("random_state", range(5))
def test_hard_costs_are_never_contradicted(random_state: int) -> None:
    unary, pairwise = random_problem(8, 9, 4, random_state)
    rng = np.random.default_rng(random_state)
    hard, own = rng.random((8, 9)) < 0.5, rng.integers(0, 4, (8, 9))
    clamped = np.where(own[..., None] == np.arange(4), 0, hard_cost(3 * pairwise))
    found = expand(np.where(hard[..., None], clamped, unary), 3 * pairwise)
    np.testing.assert_array_equal(found.labels[hard], own[hard])


def test_costs_are_not_changed_and_give_the_same_labels_again() -> None:
    unary, pairwise = (np.round(costs) for costs in random_problem(9, 8, 4))
    before = unary.copy(), pairwise.copy()
    unary.setflags(write=False)
    pairwise.setflags(write=False)
    first, again = expand(unary, pairwise), expand(np.asfortranarray(unary), np.asfortranarray(pairwise))
    np.testing.assert_array_equal(unary, before[0])
    np.testing.assert_array_equal(pairwise, before[1])
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.energy == again.energy


def test_an_expansion_has_named_fields() -> None:
    assert Expansion._fields == ("labels", "energy", "exact", "bound")


@pytest.mark.parametrize("value", [np.nan, -1e-9, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["unary", "pairwise"])
@pytest.mark.parametrize("labels", [1, 2, 3])
def test_costs_that_the_solver_would_silently_accept_are_refused(labels: int, name: str, value: float) -> None:
    problem = dict(zip(("unary", "pairwise"), random_problem(3, 4, labels), strict=True))
    problem[name].flat[5] = value
    with pytest.raises(ValueError, match=f"^{name} must be finite and not negative"):
        expand(**problem)


@pytest.mark.parametrize(
    ("name", "shape"), [("unary", (3, 4)), ("unary", (3, 4, 0)), ("pairwise", (4, 4, 3)), ("pairwise", (8, 3, 4))]
)
def test_costs_of_another_shape_are_refused(name: str, shape: tuple[int, ...]) -> None:
    problem = dict(zip(("unary", "pairwise"), random_problem(3, 4, 3), strict=True))
    with pytest.raises(ValueError, match=f"^{name} must be a non-empty float64"):
        expand(**problem | {name: np.ones(shape)})


def test_costs_of_another_type_are_refused() -> None:
    unary, pairwise = random_problem(3, 4, 3)
    with pytest.raises(ValueError, match="^unary must be .*, got float32"):
        expand(unary.astype(np.float32), pairwise)
    with pytest.raises(TypeError, match="^pairwise must be .*, got list"):
        expand(unary, pairwise.tolist())


def test_254_labels_are_accepted() -> None:
    with pytest.raises(ValueError, match="^unary must have at most 255 labels, got 256; "):
        expand(np.ones((2, 2, 256)), np.ones((4, 2, 2)))
