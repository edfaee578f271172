"""Components, the largest, all, and those of each label, against scikit-image's labels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from wsseg.arrays import Box
from wsseg.graphcut.regions import (
    box_of,
    components_of,
    distances_from,
    instances_of,
    large_components,
    largest_component,
    largest_components,
    without_specks,
)

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))


def mask_of(*rows: str) -> Any:
    return np.array([list(row) for row in rows]) == "#"


@given(MASKS)
def test_the_component_is_the_first_largest_of_scikit_image(mask: Any) -> None:
    components = label(mask, connectivity=2)  # Numbered as their first pixels are read.
    areas = np.bincount(components.ravel())[1:]
    expected = components == 1 + areas.argmax() if len(areas) else mask
    found = largest_component(mask)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, expected)


def test_corners_connect() -> None:
    found = largest_component(mask_of("#...", ".#..", "..#.", "...."))
    np.testing.assert_array_equal(found, mask_of("#...", ".#..", "..#.", "...."))


def test_holes_stay_open() -> None:
    ring = mask_of("###", "#.#", "###")
    np.testing.assert_array_equal(largest_component(ring), ring)


def test_the_first_of_equal_components_in_reading_order_is_kept() -> None:
    found = largest_component(mask_of("...#", "#..#", "#..."))
    np.testing.assert_array_equal(found, mask_of("...#", "...#", "...."))


def test_the_largest_is_kept_wherever_it_lies() -> None:
    tall, expected = mask_of("##.#", "...#", ".#.#"), mask_of("...#", "...#", "...#")
    np.testing.assert_array_equal(largest_component(tall), expected)
    np.testing.assert_array_equal(largest_component(tall.T), expected.T)
    block = mask_of("#.##", "#...", "#.##", "#.##", "#.##")
    np.testing.assert_array_equal(largest_component(block), mask_of("....", "....", "..##", "..##", "..##"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (4, 5)])
@pytest.mark.parametrize("value", [False, True])
def test_a_uniform_mask_comes_back_as_a_copy(shape: tuple[int, int], value: bool) -> None:
    mask = np.full(shape, value)
    found = largest_component(mask)
    np.testing.assert_array_equal(found, mask)
    assert not np.shares_memory(found, mask)


def test_the_mask_is_not_changed() -> None:
    mask = mask_of("#.#", "#..")
    mask.setflags(write=False)
    largest_component(mask)


def test_only_a_mask_is_accepted() -> None:
    with pytest.raises(ValueError, match="^mask must be a non-empty bool"):
        largest_component(np.ones((2, 2), np.uint8))


LABELS = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 2, 255])
)


def labels_of(*rows: str) -> Any:
    return np.array([list(row) for row in rows]).astype(np.uint8)


@given(LABELS)
def test_the_largest_component_of_each_label_is_kept(labels: Any) -> None:
    kept = largest_components(labels)
    for value in (1, 2, 255):
        np.testing.assert_array_equal(kept == value, largest_component(labels == value))


@given(LABELS)
def test_instances_are_the_components_of_scikit_image_by_area(labels: Any) -> None:
    found, expected = instances_of(labels), label(np.where(labels == 255, 0, labels), background=0, connectivity=2)
    np.testing.assert_array_equal(found == 255, labels == 255)
    pairs = np.unique(np.stack([found, expected])[:, labels != 255], axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    areas = np.bincount(found[(found > 0) & (found < 255)])[1:]
    assert (areas > 0).all()
    assert (np.diff(areas) <= 0).all()


def test_instances_are_separate_within_and_across_labels() -> None:
    found = instances_of(labels_of("1102", "0022", "1002", "1000"))
    np.testing.assert_array_equal(found, labels_of("2201", "0011", "3001", "3000"))


def test_equal_instances_are_ordered_from_top_left() -> None:
    np.testing.assert_array_equal(instances_of(labels_of("0002", "1010")), labels_of("0001", "2030"))


def test_instances_beyond_254_are_void() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[::2, ::2] = 1
    labels[39, 38] = 2
    labels[0, 1] = 1
    found = instances_of(labels)
    assert found[0, :4].tolist() == [1, 1, 1, 0]
    assert np.bincount(found.ravel())[[1, 2, 254, 255]].tolist() == [3, 1, 1, 400 - 2 + 1 - 253]
    assert found[39, 38] == 255
    np.testing.assert_array_equal(found == 0, labels == 0)


def test_only_labels_have_instances() -> None:
    for of_labels in (instances_of, largest_components):
        with pytest.raises(ValueError, match="^labels must be a non-empty uint8"):
            of_labels(np.ones((2, 2), np.bool_))


@given(hnp.arrays(np.bool_, (2, 7, 8)))
def test_components_are_those_of_scikit_image_that_hold_a_pixel(pair: Any) -> None:
    pair.setflags(write=False)
    mask, pixels = pair
    components = label(mask, connectivity=2)
    held = {components[place] for place in np.ndindex(*mask.shape) if pixels[place] and mask[place]}
    found = components_of(mask, pixels)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, mask & np.isin(components, list(held)))


def test_a_pixel_outside_the_mask_selects_no_component() -> None:
    mask, none = mask_of("##..#", "....#"), mask_of(".....", ".....")
    np.testing.assert_array_equal(components_of(mask, mask_of("..#..", "###..")), none)
    np.testing.assert_array_equal(components_of(mask, none), none)
    np.testing.assert_array_equal(components_of(none, mask), none)
    np.testing.assert_array_equal(components_of(mask, mask_of("#.#..", ".....")), mask_of("##...", "....."))


def test_all_components_are_the_mask_and_a_copy() -> None:
    mask = mask_of("##.#", "...#", ".#.#")
    found = components_of(mask, np.ones_like(mask))
    np.testing.assert_array_equal(found, mask)
    assert not np.shares_memory(found, mask)


def test_corners_connect_components_too() -> None:
    mask = mask_of("#...", ".#..", "..#.", "#...")
    np.testing.assert_array_equal(
        components_of(mask, mask_of("#...", "....", "....", "....")), mask_of("#...", ".#..", "..#.", "....")
    )


def test_only_masks_of_one_size_are_accepted() -> None:
    mask = np.ones((2, 2), np.bool_)
    for pair, name in (((mask, mask.astype(np.uint8)), "pixels"), ((mask.astype(np.uint8), mask), "mask")):
        with pytest.raises(ValueError, match=f"^{name} must be a non-empty bool"):
            components_of(*pair)
    with pytest.raises(ValueError, match="^mask and pixels must have one height and width"):
        components_of(mask, np.ones((2, 3), np.bool_))


def test_the_box_of_a_mask_is_the_tightest_around_it() -> None:
    mask = np.zeros((9, 12), bool)
    assert box_of(mask) is None
    mask[2:4, 5], mask[6, 3] = True, True
    assert box_of(mask) == Box(3, 2, 6, 7)


def test_specks_beside_a_change_go_unless_they_are_hinted() -> None:
    mask = np.zeros((20, 40), np.bool_)
    mask[2:18, 2:18] = True
    specks = [(5, 25), (5, 30), (5, 35)]
    for y, x in specks:
        mask[y, x] = True
    changed, hinted = np.zeros_like(mask), np.zeros_like(mask)
    changed[6, 24:32] = True
    hinted[5, 30] = True
    found = without_specks(mask, changed, hinted, least=0.02)
    assert [bool(found[place]) for place in specks] == [False, True, True]
    assert found[2:18, 2:18].all()


def test_large_components_are_a_share_of_the_largest() -> None:
    mask = np.zeros((10, 30), np.bool_)
    mask[:, :10] = mask[:2, 12:22] = mask[:1, 24:29] = True
    assert np.flatnonzero(large_components(mask, least=0.1).any(axis=0)).tolist() == [*range(10), *range(12, 22)]
    assert not large_components(np.zeros_like(mask), least=0.1).any()


class TestDistances:
    def test_they_are_distances_from_the_nearest_pixel(self) -> None:
        mask = np.random.default_rng(0).random((31, 47)) < 0.01
        y, x = np.mgrid[:31, :47]
        squares = np.min([(y - b) ** 2 + (x - a) ** 2 for b, a in np.argwhere(mask)], axis=0)
        np.testing.assert_array_equal(distances_from(mask), np.sqrt(squares.astype(np.float32)))

    def test_they_are_the_same_wherever_in_memory_they_lie(self) -> None:
        y, x = np.mgrid[:52, :72]
        mask = (y - 20) ** 2 + (x - 50) ** 2 > 19**2
        held, found = [], set()
        for size in range(200):
            held.append(np.empty(997 * size % 5000, np.uint8))  # Moves the next array.
            found.add(distances_from(mask).tobytes())
        assert len(found) == 1
