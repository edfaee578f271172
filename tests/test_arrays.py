"""Each array kind at the public edge: valid arrays are returned, others are refused with a remedy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wsseg import arrays
from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    NEIGHBORS,
    UNKNOWN,
    Box,
    Point,
    check_image,
    check_labels,
    check_mask,
    check_pairwise,
    check_saliency,
    check_same_size,
    check_seeds,
    check_unary,
    neighbors_at,
)


def check_small_pairwise(pairwise: object, argument: str = "pairwise") -> Any:
    return check_pairwise(pairwise, (2, 5), argument)


DOORS: dict[str, tuple[Callable[..., Any], type, tuple[int, ...]]] = {
    "image": (check_image, np.uint8, (2, 5, 3)),
    "saliency": (check_saliency, np.float32, (2, 5)),
    "seeds": (check_seeds, np.uint8, (2, 5)),
    "mask": (check_mask, np.bool_, (2, 5)),
    "labels": (check_labels, np.uint8, (2, 5)),
    "unary": (check_unary, np.float64, (2, 5, 2)),
    "pairwise": (check_small_pairwise, np.float64, (4, 2, 5)),
}

every_door = pytest.mark.parametrize("name", DOORS)


@every_door
def test_the_array_itself_comes_back(name: str) -> None:
    check, dtype, shape = DOORS[name]
    array = np.ones(shape, dtype)
    assert check(array) is array
    view = np.ones(shape[::-1], dtype).T
    assert check(view) is view


@every_door
@pytest.mark.parametrize("strange", [None, [[0, 1]], 3.0, "chelsea.png"], ids=repr)
def test_other_types_are_a_type_error(name: str, strange: object) -> None:
    check, dtype, _ = DOORS[name]
    wanted = rf"^{name} must be a {np.dtype(dtype).name} array of shape \(.*\), got {type(strange).__name__}; \w"
    with pytest.raises(TypeError, match=wanted):
        check(strange)


@every_door
@pytest.mark.parametrize("strange", ["int8", "int64", "float16", ">f8", "complex128", "object", "<U1"])
def test_another_dtype_is_refused(name: str, strange: str) -> None:
    check, _, shape = DOORS[name]
    with pytest.raises(ValueError, match=rf"^{name} must be a non-empty .* array .*, got {np.dtype(strange)} .*; \w"):
        check(np.zeros(shape, strange))


@every_door
def test_another_number_of_axes_is_refused(name: str) -> None:
    check, dtype, shape = DOORS[name]
    # A unary of four axes is that of a volume.
    for wrong in (shape[1:], (1, *shape), (*shape, 1), ()) if name != "unary" else (shape[1:], (1, 1, *shape), ()):
        with pytest.raises(ValueError, match=rf"^{name} must .*, got {np.dtype(dtype)} \("):
            check(np.zeros(wrong, dtype))


@every_door
def test_an_empty_array_is_refused(name: str) -> None:
    check, dtype, shape = DOORS[name]
    for axis in range(len(shape)):
        with pytest.raises(ValueError, match=f"^{name} must be a non-empty"):
            check(np.zeros([0 if axis == place else side for place, side in enumerate(shape)], dtype))


@every_door
def test_the_error_uses_the_callers_name(name: str) -> None:
    check, *_ = DOORS[name]
    with pytest.raises(TypeError, match="^truth must "):
        check(None, "truth")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("image", (2, 5, 4)),
        ("image", (2, 5, 1)),
        ("unary", (2, 5, 3)),
        ("pairwise", (8, 2, 5)),
        ("pairwise", (4, 5, 2)),
    ],
)
def test_another_length_of_a_fixed_axis_is_refused(name: str, shape: tuple[int, ...]) -> None:
    check, dtype, _ = DOORS[name]
    with pytest.raises(ValueError, match=f"^{name} must be a non-empty"):
        check(np.zeros(shape, dtype))


@pytest.mark.parametrize("value", [-1e-6, 1 + 1e-6, np.nan, np.inf, -np.inf])
def test_saliency_lies_in_the_unit_interval(value: float) -> None:
    saliency = np.array([[0, 1, 0.5]], np.float32)
    assert check_saliency(saliency) is saliency
    saliency[0, 2] = value
    with pytest.raises(ValueError, match=r"^saliency must lie in \[0, 1\], got \[.*\]; divide"):
        check_saliency(saliency)


def test_seeds_hold_three_values() -> None:
    seeds = np.array([[BACKGROUND, FOREGROUND, UNKNOWN]], np.uint8)
    assert check_seeds(seeds) is seeds
    with pytest.raises(ValueError, match=r"^seeds must hold 0, 1 and 255 only, got \[2, 128\]; map"):
        check_seeds(np.array([[128, 2, 2, 1, 255]], np.uint8))


@pytest.mark.parametrize("value", [-1e-300, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["unary", "pairwise"])
def test_costs_are_finite_and_not_negative(name: str, value: float) -> None:
    check, dtype, shape = DOORS[name]
    costs = np.full(shape, 1e300, dtype)
    costs.flat[3] = 0
    assert check(costs) is costs
    costs.flat[7] = value
    with pytest.raises(ValueError, match=rf"^{name} must be finite and not negative, got \[.*\]; subtract"):
        check(costs)


@pytest.mark.parametrize("labels", [1, 2, 3, 300])
def test_a_unary_may_have_any_number_of_labels(labels: int) -> None:
    unary = np.ones((2, 5, labels))
    assert check_unary(unary, labels=None) is unary
    assert check_unary(unary, labels=labels) is unary
    with pytest.raises(
        ValueError, match=rf"^costs must be .* \(any, any, {labels + 1}\), got float64 \(2, 5, {labels}\)"
    ):
        check_unary(unary, "costs", labels=labels + 1)


@pytest.mark.parametrize("offset", NEIGHBORS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 4)])
def test_neighbors_are_paired_in_order(offset: tuple[int, int], shape: tuple[int, int]) -> None:
    places = np.dstack(np.indices(shape))
    here, there = neighbors_at(offset)
    steps = places[there] - places[here]
    assert (steps == offset).all()
    assert steps[..., 0].size == max(shape[0] - offset[0], 0) * max(shape[1] - abs(offset[1]), 0)


def test_sizes_are_compared_by_height_and_width_alone() -> None:
    check_same_size(np.zeros((2, 5, 3)), np.zeros((2, 5)), "image and seeds")
    for other in ((5, 2), (2, 4), (3, 5)):
        with pytest.raises(ValueError, match=r"^image and seeds must have one .*, got \(2, 5\) and \(\d, \d\); resize"):
            check_same_size(np.zeros((2, 5, 3)), np.zeros(other), "image and seeds")


def test_values_that_files_and_callers_rely_on() -> None:
    assert (BACKGROUND, FOREGROUND, UNKNOWN) == (0, 1, 255)
    assert NEIGHBORS == ((0, 1), (1, 0), (1, 1), (1, -1))
    assert Box(1, 2, 3, 4)._asdict() == {"x0": 1, "y0": 2, "x1": 3, "y1": 4}
    assert Point(5, 6)._asdict() == {"x": 5, "y": 6}


def test_the_vocabulary_is_described_where_it_is_defined() -> None:
    for kind in ("Image", "Saliency", "Seeds", "Unary", "Pairwise", "Mask", "Labels"):
        assert f"| {kind} " in str(arrays.__doc__)
        assert hasattr(arrays, kind)
