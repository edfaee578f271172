"""The public calls: one cut, and a session that cuts again."""

from typing import Any

import numpy as np
import pytest
from balls import ball

import wsseg
from wsseg.arrays import PhotoError

HINTS = wsseg.VolumeHints(foreground=[(8, 9, 10)], background=[(1, 1, 1)])


def test_a_session_gives_the_mask_of_one_call_and_cuts_again() -> None:
    volume, truth = ball(noise=0.3)
    more = wsseg.VolumeHints(foreground=[(8, 9, 10)], background=[(1, 1, 1), (8, 9, 17), (2, 9, 10)])
    with wsseg.open_volume(volume) as session:
        first, second = session.segment(HINTS), session.segment(more, refit=True)
    once = wsseg.segment_volume(volume, HINTS)
    np.testing.assert_array_equal(first.mask, once.mask)
    assert first.energy == once.energy
    np.testing.assert_array_equal(second.mask, wsseg.segment_volume(volume, more).mask)
    assert (second.mask == truth).mean() > 0.98
    assert (second.exact, second.flow) == (True, pytest.approx(second.energy, rel=1e-6))


def test_equal_calls_give_equal_masks() -> None:
    volume, _ = ball(noise=0.8)
    first, second = (wsseg.segment_volume(volume, HINTS) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.energy == second.energy


def test_only_the_order_of_values_and_their_scale_are_lost() -> None:
    volume, _ = ball(noise=0.3)
    np.testing.assert_array_equal(
        wsseg.segment_volume(volume, HINTS).labels, wsseg.segment_volume(volume * 64 - 1024, HINTS).labels
    )


def test_the_spacing_is_taken_and_kept() -> None:
    volume, _ = ball(noise=0.3)
    given = wsseg.Volume(volume, (2.0, 1.0, 1.0))
    found = wsseg.segment_volume(given, HINTS)
    assert found.spacing == (2, 1, 1)
    np.testing.assert_array_equal(found.labels, wsseg.segment_volume(volume, HINTS, spacing=(2, 1, 1)).labels)
    assert wsseg.segment_volume(given, HINTS, spacing=(1, 1, 1)).spacing == (1, 1, 1)


def test_the_volume_is_not_changed() -> None:
    volume, _ = ball(noise=0.3)
    kept = volume.copy()
    wsseg.segment_volume(volume, HINTS)
    np.testing.assert_array_equal(volume, kept)


@pytest.mark.parametrize("spacing", [(1, 1), "abc", 3, (1, 1, None), (1, 1, 10**400)])
def test_a_spacing_that_is_no_three_numbers_is_a_type_error(spacing: Any) -> None:
    with pytest.raises(TypeError, match="spacing must be three numbers z, y, x, got"):
        wsseg.open_volume(np.zeros((2, 2, 2)), spacing=spacing)


@pytest.mark.parametrize("spacing", [(0, 1, 1), (1, -1, 1), (1, 1, float("inf")), (float("nan"), 1, 1), (1, 1, 1e-7)])
def test_a_spacing_must_be_positive_and_moderate(spacing: Any) -> None:
    for given in (np.zeros((2, 2, 2)), wsseg.Volume(np.zeros((2, 2, 2)), spacing)):
        with pytest.raises(ValueError, match="spacing must be positive, and differ by at most 1,000,000 times, got"):
            wsseg.open_volume(given, spacing=None if isinstance(given, wsseg.Volume) else spacing)


@pytest.mark.parametrize(("name", "value"), [("recipe", "default"), ("recipe", {}), ("memory", "4")])
def test_another_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} must be .*, got {value!r}; use "):
        wsseg.open_volume(np.zeros((2, 2, 2)), **{name: value})


@pytest.mark.parametrize("memory", [0, 1e-9, float("nan")])
def test_too_little_memory_is_refused_before_any_work(memory: float) -> None:
    with pytest.raises(PhotoError, match="memory must be at least"):
        wsseg.open_volume(np.zeros((64, 64, 64)), memory=memory)


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ({"neighbors": 8}, "neighbors must be one of 6, 18, 26, got 8"),
        ({"low": 99.9, "high": 1.0}, "low must be less than high"),
        ({"smoothness": -1.0}, "smoothness must lie in"),
    ],
)
def test_a_number_out_of_its_range_is_refused(numbers: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        wsseg.open_volume(np.zeros((2, 2, 2)), recipe=wsseg.VolumeRecipe(**numbers))
