"""The energy, term by term, against the formulas of the papers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import contrast, energy, hard_cost, neighboring_pairs, potts_energies
from scenes import locked, noise, seeds_of

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image
from wsseg.graphcut.cut import min_cut
from wsseg.graphcut.energy import (
    CLEAREST_ODDS,
    border_seeds,
    clamp_to_seeds,
    energy_of,
    log_odds,
    pairwise_from_contrast,
    ties_within,
    unary_from_log_odds,
    unary_from_saliency,
)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)
IMAGES = SHAPES.flatmap(lambda shape: hnp.arrays(np.uint8, (*shape, 3)))
WHOLE = st.integers(0, 1000)
TINY = [(1, 1), (1, 6), (6, 1), (2, 2)]

tiny = pytest.mark.parametrize("shape", TINY)


def costs(shape: tuple[int, ...], elements: Any = WHOLE) -> Any:
    return hnp.arrays(np.float64, shape, elements=elements)


class TestContrast:
    @given(IMAGES, st.floats(0, 100))
    def test_it_equals_the_paper_s_formula(self, image: Image, smoothness: float) -> None:
        found = pairwise_from_contrast(locked(image), smoothness=smoothness)
        assert found.shape == (4, *image.shape[:2])
        np.testing.assert_allclose(found, contrast(image, smoothness), rtol=1e-12)

    def test_black_beside_white_is_the_strongest_contrast(self) -> None:
        row = np.array([[0, 255, 255]], np.uint8)[..., None].repeat(3, axis=2)
        found = pairwise_from_contrast(row, smoothness=50)[0]
        np.testing.assert_allclose(found, [[50 * np.exp(-1), 50, 0]])

    @tiny
    def test_a_flat_photo_has_equal_contrast_everywhere(self, shape: tuple[int, int]) -> None:
        found = pairwise_from_contrast(np.full((*shape, 3), 200, np.uint8), smoothness=10)
        inside = contrast(np.zeros((*shape, 3)), 1) > 0
        np.testing.assert_allclose(found, inside * np.array([10, 10, 10 / 2**0.5, 10 / 2**0.5])[:, None, None])

    def test_a_single_pixel_has_no_neighbor(self) -> None:
        np.testing.assert_array_equal(pairwise_from_contrast(noise(1, 1, 3), smoothness=50), np.zeros((4, 1, 1)))

    @given(IMAGES)
    def test_the_mirror_image_has_the_mirrored_contrast(self, image: Image) -> None:
        right, down, down_right, down_left = pairwise_from_contrast(image, smoothness=50)[:, :, ::-1]
        mirrored = pairwise_from_contrast(image[:, ::-1], smoothness=50)
        np.testing.assert_allclose(mirrored, [np.roll(right, -1, axis=1), down, down_left, down_right], rtol=1e-12)

    @given(IMAGES)
    def test_the_transposed_image_has_the_transposed_contrast(self, image: Image) -> None:
        right, down, down_right, down_left = pairwise_from_contrast(image, smoothness=50).swapaxes(1, 2)
        turned = pairwise_from_contrast(image.swapaxes(0, 1), smoothness=50)
        np.testing.assert_allclose(turned[:3], [down, right, down_right], rtol=1e-12)
        np.testing.assert_allclose(turned[3, :-1, 1:], down_left[1:, :-1], rtol=1e-12)

    def test_a_photo_s_contrast_lies_between_nothing_and_the_smoothness(self, photo: Image) -> None:
        planes = pairwise_from_contrast(photo, smoothness=50)
        assert planes.min() >= 0
        assert planes.max(axis=(1, 2)).tolist() == pytest.approx([50, 50, 50 / 2**0.5, 50 / 2**0.5])

    def test_only_an_image_is_accepted(self) -> None:
        with pytest.raises(ValueError, match="^image must be a non-empty uint8"):
            pairwise_from_contrast(noise(3, 4), smoothness=50)


class TestSaliency:
    @tiny
    @pytest.mark.parametrize(("prior", "balance"), [(0.0, 0.5), (1.0, 0.5), (4.0, 0.5), (2.0, 0.7), (2.0, 0.1)])
    def test_saliency_costs_its_log_odds(self, shape: tuple[int, int], prior: float, balance: float) -> None:
        saliency = locked(np.random.default_rng(0).random(shape, np.float32))
        found = unary_from_saliency(saliency, prior=prior, balance=balance)
        assert found.shape == (*shape, 2)
        for place, value in np.ndenumerate(saliency):
            bounded = min(max(float(value), 1 - CLEAREST_ODDS), CLEAREST_ODDS)
            price = [-prior * np.log((1 - bounded) / (1 - balance)), -prior * np.log(bounded / balance)]
            np.testing.assert_allclose(found[place], [cost - min(price) for cost in price], atol=1e-12)

    def test_saliency_is_never_certain(self) -> None:
        found = unary_from_saliency(np.array([[0, 0.01, 0.5, 0.99, 1]], np.float32), prior=2, balance=0.5)
        most = 2 * np.log(CLEAREST_ODDS / (1 - CLEAREST_ODDS))
        np.testing.assert_allclose(found, [[[0, most], [0, most], [0, 0], [most, 0], [most, 0]]], atol=1e-12)
        assert CLEAREST_ODDS == 0.97

    def test_more_salient_means_cheaper_as_object(self) -> None:
        found = unary_from_saliency(np.linspace(0, 1, 50, dtype=np.float32)[None], prior=4, balance=0.6)
        leaning = found[0, :, BACKGROUND] - found[0, :, FOREGROUND]
        assert np.all(np.diff(leaning) >= 0)
        assert leaning[0] < 0 < leaning[-1]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Unary, pairwise and seeds of one size; the unary often contradicts the seeds."""
    shape = draw(SHAPES)
    huge = st.sampled_from([0.0, 1.0, 1e3, 1e9])
    seeds = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([BACKGROUND, FOREGROUND, UNKNOWN])))
    return draw(costs((*shape, 2), huge)), draw(costs((4, *shape))), seeds


class TestClamp:
    @given(problems())
    def test_no_seed_is_ever_contradicted(self, problem: tuple[Any, Any, Any]) -> None:
        unary, pairwise, seeds = problem
        mask = min_cut(clamp_to_seeds(locked(unary), locked(pairwise), locked(seeds)), pairwise).mask
        assert mask[seeds == FOREGROUND].all()
        assert not mask[seeds == BACKGROUND].any()

    @given(problems())
    def test_a_seed_costs_k_and_the_rest_keeps_its_unary(self, problem: tuple[Any, Any, Any]) -> None:
        unary, _, seeds = problem
        pairwise = pairwise_from_contrast(noise(*seeds.shape, 3), smoothness=50)
        clamped, impossible = clamp_to_seeds(unary, pairwise, seeds), hard_cost(pairwise)
        np.testing.assert_array_equal(clamped[seeds == UNKNOWN], unary[seeds == UNKNOWN])
        np.testing.assert_allclose(clamped[seeds == FOREGROUND].reshape(-1, 2) - [impossible, 0], 0, atol=1e-9)
        np.testing.assert_allclose(clamped[seeds == BACKGROUND].reshape(-1, 2) - [0, impossible], 0, atol=1e-9)

    def test_a_seed_outweighs_all_its_neighbors(self) -> None:
        seeds = seeds_of("...", ".#.", "...")
        pairwise = np.full((4, 3, 3), 1e6)
        clamped = clamp_to_seeds(np.zeros((3, 3, 2)), pairwise, seeds)
        assert clamped[1, 1].tolist() == [1 + 8e6, 0]
        np.testing.assert_array_equal(min_cut(clamped, pairwise).mask, seeds == FOREGROUND)


class TestBorder:
    def test_all_four_sides_are_background(self) -> None:
        found = border_seeds(locked(np.full((10, 20), UNKNOWN, np.uint8)), border=0.1)
        expected = np.full((10, 20), UNKNOWN)
        expected[[0, -1]] = BACKGROUND
        expected[:, [0, 1, -2, -1]] = BACKGROUND
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)

    def test_object_seeds_are_exempt_and_seeds_inside_are_dropped(self) -> None:
        found = border_seeds(seeds_of("#.?.", ".#..", "..?#", "?..#"), border=0.25)
        np.testing.assert_array_equal(found, seeds_of("?...", ".??.", ".???", "...?"))

    @pytest.mark.parametrize("shape", [*TINY, (8, 9)])
    def test_no_border_seeds_nothing(self, shape: tuple[int, int]) -> None:
        found = border_seeds(np.zeros(shape, np.uint8), border=0.0)
        np.testing.assert_array_equal(found, np.full(shape, UNKNOWN))

    @pytest.mark.parametrize("shape", [(2, 2), (4, 6), (3, 3), (7, 11)])
    def test_half_a_side_leaves_nothing(self, shape: tuple[int, int]) -> None:
        found = border_seeds(np.full(shape, UNKNOWN, np.uint8), border=0.5)
        np.testing.assert_array_equal(found, np.full(shape, BACKGROUND))

    @pytest.mark.parametrize(("side", "width"), [(1, 0), (24, 0), (26, 1), (74, 1), (76, 2), (640, 13)])
    def test_its_width_is_rounded(self, side: int, width: int) -> None:
        for line in (border_seeds(np.full(shape, 255, np.uint8), border=0.02) for shape in ((side, 1), (1, side))):
            expected = [BACKGROUND] * width + [UNKNOWN] * (side - 2 * width) + [BACKGROUND] * width
            assert line.ravel().tolist() == expected


@given(SHAPES.flatmap(lambda shape: st.tuples(costs((*shape, 2)), costs((4, *shape)), hnp.arrays(np.bool_, shape))))
def test_energy_is_the_sum_of_its_terms(problem: tuple[Any, Any, Any]) -> None:
    unary, pairwise, mask = (locked(array) for array in problem)
    assert energy_of(mask, unary, pairwise) == energy(mask, unary, pairwise)


@st.composite
def bands(draw: st.DrawFn, count: int) -> tuple[Any, Any, Any, Any]:
    """A photo, labels, the free pixels, and other labels for these."""
    shape = draw(SHAPES)
    labels, others = (draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, count - 1))) for _ in range(2))
    free = draw(hnp.arrays(np.bool_, shape))
    image = draw(hnp.arrays(np.uint8, (*shape, 3)))
    return locked(image), locked(labels), locked(free), locked(np.where(free, others, labels))


def outline(labels: Any, pairwise: Any) -> float:
    """Return the pairwise cost of a labeling with any number of labels."""
    return float(potts_energies(labels[None], np.zeros((*labels.shape, 256)), pairwise)[0])


class TestTies:
    @pytest.mark.parametrize("count", [2, 4])
    @given(data=st.data())
    def test_labelings_of_free_pixels_cost_the_same_as_in_the_whole_photo(self, count: int, data: Any) -> None:
        """They differ by a constant: the ties among the pixels that are not free."""
        image, labels, free, others = data.draw(bands(count))
        ties = ties_within(image, labels, free, smoothness=7.0, count=count)
        pairwise = contrast(image, 7.0)
        cost = []
        for labeling in (labels, others):
            (first, second), chosen = ties.pairs, labeling[free]
            inward = ties.weights[chosen[first] != chosen[second]].sum()
            outward = ties.outward[np.arange(len(chosen)), chosen].sum()
            cost.append((inward + outward, outline(labeling, pairwise)))
        fixed = [whole - part for part, whole in cost]
        assert fixed[0] == pytest.approx(fixed[1], abs=1e-9)
        rest = [pair for pair in neighboring_pairs(*free.shape) if not (free[pair[1]] or free[pair[2]])]
        expected = sum(pairwise[plane, *p] for plane, p, q in rest if labels[p] != labels[q])
        assert fixed[0] == pytest.approx(expected, abs=1e-9)

    @given(bands(3))
    def test_every_pair_occurs_once_and_no_cost_is_negative(self, band: Any) -> None:
        image, labels, free, _ = band
        ties = ties_within(image, labels, free, smoothness=7.0, count=3)
        assert ties.outward.shape == (free.sum(), 3)
        assert ties.outward.min(initial=0) >= 0
        places = {tuple(place): number for number, place in enumerate(np.argwhere(free).tolist())}
        expected = {
            frozenset((places[p], places[q])) for _, p, q in neighboring_pairs(*free.shape) if free[p] and free[q]
        }
        found = [frozenset(pair) for pair in zip(*(side.tolist() for side in ties.pairs), strict=True)]
        assert len(found) == len(set(found)) == len(ties.weights)
        assert set(found) == expected

    def test_free_pixels_alone_have_no_outside_neighbors(self) -> None:
        image = noise(4, 5, 3)
        ties = ties_within(image, np.zeros((4, 5), np.uint8), np.ones((4, 5), np.bool_), smoothness=3.0)
        assert not ties.outward.any()
        assert ties.weights.sum() == pytest.approx(pairwise_from_contrast(image, smoothness=3.0).sum())

    def test_other_sizes_are_refused(self) -> None:
        image, labels, free = noise(3, 4, 3), np.zeros((3, 4), np.uint8), np.ones((3, 4), np.bool_)
        with pytest.raises(ValueError, match="^image and labels must have one height and width"):
            ties_within(image, labels.T, free, smoothness=1.0)
        with pytest.raises(ValueError, match="^image and free must have one height and width"):
            ties_within(image, labels, free.T, smoothness=1.0)


class TestLogOdds:
    @given(hnp.arrays(np.float32, (7,), elements=st.floats(0, 1, width=32)))
    def test_log_odds_follow_the_probabilities_within_limits(self, probabilities: Any) -> None:
        for found, value in zip(log_odds(locked(probabilities)), probabilities.tolist(), strict=True):
            bounded = min(max(value, 1 - CLEAREST_ODDS), CLEAREST_ODDS)
            assert found == pytest.approx(np.log(bounded / (1 - bounded)), abs=1e-9)

    def test_the_opposite_has_the_opposite_odds(self) -> None:
        levels = np.linspace(0, 1, 101)
        np.testing.assert_allclose(log_odds(levels), -log_odds(1 - levels), atol=1e-9)
        assert log_odds(np.array(0.5)) == 0

    @given(costs((4,), st.floats(-50, 50)))
    def test_costs_differ_by_the_log_odds_and_one_is_zero(self, odds: Any) -> None:
        found = unary_from_log_odds(locked(odds))
        assert found.shape == (4, 2)
        np.testing.assert_array_equal(found[:, BACKGROUND] - found[:, FOREGROUND], odds)
        assert not found.min(axis=1).any()
