"""Several targets in one map: a single one gives its own cut, more give labels of low energy."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from oracles import labelings_of_several, potts_energies

from wsseg.arrays import FOREGROUND, Image, Labels, Saliency
from wsseg.graphcut.energy import pairwise_from_contrast, unary_from_saliency
from wsseg.graphcut.labels import CROWDED_OUT, MOST, LabelResult, costs_together, labels_from_saliencies
from wsseg.graphcut.masks import UNSALIENT, mask_from_saliency, solver_and_mask
from wsseg.graphcut.regions import largest_component
from wsseg.metrics import scores
from wsseg.recipe import RECIPES, Recipe

EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)

COLORS = ((60, 130, 60), (220, 120, 40), (60, 80, 190))
"""The colors of the background and of two objects."""


def peak(height: int, width: int, y: float, x: float, spread: float = 0.15) -> Saliency:
    """A map with its peak at that share of height and width."""
    rows, columns = np.mgrid[:height, :width]
    squares = ((rows + 0.5) / height - y) ** 2 + ((columns + 0.5) / width - x) ** 2
    return np.exp(-squares / (2 * spread**2)).astype(np.float32)


def scene(height: int = 72, width: int = 96) -> tuple[Image, Labels, list[Saliency]]:
    """A noisy disc and a noisy square that touch, on noisy green; their labels; and a map of each."""
    rows, columns = (np.mgrid[:height, :width] + 0.5) / np.array([height, width])[:, None, None]
    truth = np.zeros((height, width), np.uint8)
    truth[np.hypot(rows - 0.5, (columns - 0.3) * width / height) < 0.25] = 1
    truth[(np.abs(rows - 0.5) < 0.22) & (np.abs(columns - 0.63) < 0.15)] = 2
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    image = (np.array(COLORS)[truth] + noise).clip(0, 255).astype(np.uint8)
    return image, truth, [peak(height, width, 0.5, 0.3), peak(height, width, 0.5, 0.63)]


def agreement(labels: Labels, truth: Labels) -> float:
    """The least IoU of all labels."""
    return min(
        scores(labels == number, (truth == number).astype(np.uint8))["iou"] for number in np.unique(truth).tolist()
    )


@EVERY_RECIPE
def test_one_target_is_its_own_cut(recipe: Recipe, photo: Image) -> None:
    for exact_side in (48, 80, 320):
        changed = replace(recipe, exact_side=exact_side)
        saliency = peak(*photo.shape[:2], 0.4, 0.5)
        alone, found = mask_from_saliency(photo, saliency, changed), labels_from_saliencies(photo, [saliency], changed)
        np.testing.assert_array_equal(found.labels, alone.mask)
        assert found.energy == alone.energy
        assert found.exact == alone.exact == (exact_side == 320)
        assert found.signs == (alone.signs,)
        assert found.doubts == (alone.doubts,)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (1, 300), (300, 1), (3, 500)])
@pytest.mark.parametrize("flat", [True, False])
def test_one_target_is_its_own_cut_in_a_very_small_photo(shape: tuple[int, int], flat: bool) -> None:
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), 90, np.uint8) if flat else rng.integers(0, 256, (*shape, 3), np.uint8)
    saliency = rng.random(shape, np.float32)
    saliency /= saliency.max()
    alone, found = mask_from_saliency(image, saliency, Recipe()), labels_from_saliencies(image, [saliency], Recipe())
    np.testing.assert_array_equal(found.labels, alone.mask)
    assert found.energy == pytest.approx(alone.energy)
    two = labels_from_saliencies(image, [saliency, saliency[::-1, ::-1].copy()], Recipe())
    assert two.labels.shape == shape


def test_a_target_without_a_map_gets_no_pixels() -> None:
    image, _, (first, second, *_) = scene()
    found, two = (labels_from_saliencies(image, maps, Recipe()) for maps in ([first, None, second], [first, second]))
    np.testing.assert_array_equal(found.labels, np.array([0, 1, 3], np.uint8)[two.labels])
    assert (found.energy, found.signs[1], found.doubts[1]) == (two.energy, {}, ())
    assert not labels_from_saliencies(image, [None], Recipe()).labels.any()


@EVERY_RECIPE
@pytest.mark.parametrize("exact_side", [40, 96])
def test_two_touching_objects_are_separated(recipe: Recipe, exact_side: int) -> None:
    image, truth, saliencies = scene()
    found = labels_from_saliencies(image, saliencies, replace(recipe, exact_side=exact_side))
    assert found.labels.dtype == np.uint8
    assert agreement(found.labels, truth) > 0.95
    assert found.energy > 0
    assert not found.exact
    assert all(found.signs)
    assert found.doubts == ((), ())


def test_the_order_of_the_targets_does_not_matter() -> None:
    image, _, saliencies = scene()
    found, swapped = (labels_from_saliencies(image, maps, Recipe()) for maps in (saliencies, saliencies[::-1]))
    np.testing.assert_array_equal(np.array([0, 2, 1], np.uint8)[swapped.labels], found.labels)
    assert swapped.energy == pytest.approx(found.energy)
    assert swapped.signs == found.signs[::-1]


def test_the_labels_are_the_cheapest_under_the_sum_of_all_costs() -> None:
    """This compares all labelings of 3x3 pixels, where each target has the costs of its own problem."""
    image, _, _ = scene()
    image = cv2.resize(image, (3, 3), interpolation=cv2.INTER_NEAREST)
    maps = [peak(3, 3, 0.5, 0.2, 0.35), peak(3, 3, 0.3, 0.9, 0.35)]
    recipe = replace(Recipe(), border=0.0, color_limit=0.0, smoothness=30.0, largest=False)
    found = labels_from_saliencies(image, maps, recipe)
    each = [unary_from_saliency(saliency, prior=recipe.prior, balance=recipe.balance) for saliency in maps]
    stack = labelings_of_several(3, 3, 3)
    pairwise = pairwise_from_contrast(image, smoothness=recipe.smoothness_at(3))
    costs = potts_energies(stack, np.zeros((3, 3, 3)), pairwise)
    for number, own in enumerate(each, 1):
        costs += np.where(stack == number, own[..., FOREGROUND], own[..., 1 - FOREGROUND]).sum(axis=(1, 2))
    np.testing.assert_array_equal(found.labels, stack[costs.argmin()])
    assert found.energy == pytest.approx(costs.min())
    assert set(np.unique(found.labels)) == {0, 1, 2}


def test_the_more_certain_target_gets_a_disputed_pixel() -> None:
    costs = costs_together(
        [np.array([[0.0, 5.0], [3.0, 0.0], [4.0, 0.0]]), np.array([[0.0, 2.0], [0.0, 9.0], [6.0, 0.0]])]
    )
    assert costs.tolist() == [[0.0, 5.0, 2.0], [3.0, 0.0, 12.0], [10.0, 6.0, 4.0]]
    assert costs.argmin(axis=1).tolist() == [0, 1, 2]


def test_costs_that_cancel_are_never_negative() -> None:
    rng = np.random.default_rng(0)
    costs = costs_together([rng.random((50, 2)) * [scale, 0] for scale in (1e-9, 1, 1e9)])
    assert costs.min() >= 0


def test_the_border_belongs_to_no_target(photo: Image) -> None:
    maps = [peak(*photo.shape[:2], 0.4, 0.3), peak(*photo.shape[:2], 0.6, 0.7)]
    found = labels_from_saliencies(photo, maps, replace(Recipe(), border=0.1, largest=False))
    assert found.labels.any()
    assert not found.labels[:3].any() and not found.labels[-3:].any()


def test_each_target_keeps_one_component_unless_all_components_is_set() -> None:
    image, _, saliencies = scene()
    image[4:12, 60:70], saliencies[1][4:12, 60:70] = COLORS[2], 0.9
    image[60:68, 20:30], saliencies[0][60:68, 20:30] = COLORS[1], 0.9
    one, every = (
        labels_from_saliencies(image, saliencies, replace(Recipe(), largest=largest)) for largest in (True, False)
    )
    assert (every.labels[8, 65], every.labels[64, 25]) == (2, 1)
    assert (one.labels[8, 65], one.labels[64, 25]) == (0, 0)
    assert one.energy == every.energy
    for number in (1, 2):
        np.testing.assert_array_equal(one.labels == number, largest_component(every.labels == number))


@pytest.mark.parametrize("shape", [(72, 96), (96, 72), (81, 100)])
def test_a_band_of_the_whole_photo_gives_the_exact_labeling(shape: tuple[int, int]) -> None:
    image, _, saliencies = scene(*shape)
    recipe = replace(Recipe(), border=0.0, smoothness=5.0, color_limit=0.0, largest=False, refit_side=16)
    exact = labels_from_saliencies(image, saliencies, replace(recipe, exact_side=100))
    banded = labels_from_saliencies(image, saliencies, replace(recipe, exact_side=max(shape) // 2 + 1, band=100))
    np.testing.assert_array_equal(banded.labels, exact.labels)
    assert banded.energy == pytest.approx(exact.energy)


def test_a_larger_photo_has_sharp_outlines_too() -> None:
    image, truth, saliencies = scene(288, 384)
    found = labels_from_saliencies(image, saliencies, replace(Recipe(), exact_side=48))
    assert agreement(found.labels, truth) > 0.98


class TestDoubts:
    def test_a_target_that_is_not_found_gets_no_pixel(self) -> None:
        image, truth, saliencies = scene()
        even = np.full(truth.shape, 0.5, np.float32)
        found = labels_from_saliencies(image, [saliencies[0], even, saliencies[1]], Recipe())
        alone = labels_from_saliencies(image, saliencies, Recipe())
        np.testing.assert_array_equal(found.labels, np.array([0, 1, 3], np.uint8)[alone.labels])
        assert found.doubts == ((), (UNSALIENT,), ())
        assert found.signs == (alone.signs[0], {}, alone.signs[1])

    def test_without_any_target_all_is_background(self) -> None:
        image, truth, _ = scene()
        even = np.ones(truth.shape, np.float32)
        found = labels_from_saliencies(image, [even, even], Recipe())
        assert found == LabelResult(found.labels, 0.0, True, ({}, {}), ((UNSALIENT,), (UNSALIENT,)))
        assert not found.labels.any()

    def test_the_second_of_two_equal_maps_gets_no_pixel(self) -> None:
        image, _, saliencies = scene()
        found = labels_from_saliencies(image, [saliencies[0], saliencies[0]], Recipe())
        assert set(np.unique(found.labels)) == {0, 1}
        assert found.doubts == ((), (CROWDED_OUT,))
        assert found.signs[1] == {}

    def test_each_fallback_is_reported(self) -> None:
        image, _, saliencies = scene()
        faint = (0.05 * saliencies[0] + 0.02).astype(np.float32)
        recipe = replace(Recipe(), smoothness=400.0)
        doubts = solver_and_mask(image, faint, recipe)[1].doubts
        assert labels_from_saliencies(image, [faint, saliencies[1]], recipe).doubts[0][-len(doubts) :] == doubts


def test_no_argument_is_changed() -> None:
    image, _, saliencies = scene()
    for array in (image, *saliencies):
        array.setflags(write=False)
    first, again = (labels_from_saliencies(image, saliencies, replace(Recipe(), exact_side=50)) for _ in range(2))
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.energy == again.energy


@pytest.mark.parametrize("count", [0, 255])
def test_254_targets_fit_in_a_byte(count: int) -> None:
    image, _, saliencies = scene()
    with pytest.raises(ValueError, match=f"^saliencies must hold 1 to {MOST} maps, got {count}; "):
        labels_from_saliencies(image, [saliencies[0]] * count, Recipe())


def test_a_map_of_another_size_is_refused() -> None:
    image, _, saliencies = scene()
    with pytest.raises(ValueError, match="^image and saliency must have one height and width"):
        labels_from_saliencies(image, [saliencies[0], peak(9, 9, 0.5, 0.5)], Recipe())
