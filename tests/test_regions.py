"""The largest component against scikit-image's labels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from wsseg.regions import largest_component

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


def test_of_equals_the_first_in_reading_order_is_kept() -> None:
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
def test_an_even_mask_comes_back_as_a_copy(shape: tuple[int, int], value: bool) -> None:
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
