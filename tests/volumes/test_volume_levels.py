"""Scaling to 8 bits, and smaller copies."""

from typing import Any

import numpy as np
import pytest

from wsseg.volumes.levels import Range, enlarged_labels, halves_of, levels_of, shrunk_levels, shrunk_seeds


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", ">u2", "int64", "float16", "float32", "float64"])
def test_any_real_type_spans_all_levels(dtype: str) -> None:
    volume = np.indices((4, 5, 6)).sum(axis=0).astype(dtype)
    levels, [found] = levels_of(volume, low=0, high=100)
    assert levels.shape == (4, 5, 6, 1)
    assert (levels.min(), levels.max()) == (0, 255)
    assert found == Range(float(volume.min()), float(volume.max()))


def test_percentiles_are_said_and_values_beyond_them_clipped() -> None:
    volume = np.arange(1000.0).reshape(10, 10, 10)
    levels, [found] = levels_of(volume, low=10, high=90)
    assert found == pytest.approx((99.9, 899.1))
    assert (levels.ravel()[:100] == 0).all()
    assert (levels.ravel()[900:] == 255).all()


def test_each_channel_has_its_own_scale() -> None:
    volume = np.stack([np.arange(24.0).reshape(2, 3, 4), 1e6 * np.arange(24.0).reshape(2, 3, 4)], axis=-1)
    levels, ranges = levels_of(volume, low=0, high=100)
    np.testing.assert_array_equal(levels[..., 0], levels[..., 1])
    assert ranges == (Range(0, 23), Range(0, 23e6))


def test_a_volume_of_one_value_and_one_of_few_bright_voxels_are_scaled() -> None:
    assert (levels_of(np.full((2, 2, 2), 7), low=0.5, high=99.5)[0] == 0).all()
    rare = np.zeros((20, 20, 20))
    rare[3, 3, 3] = 9
    assert levels_of(rare, low=0.5, high=99.5)[0].max() == 255


@pytest.mark.parametrize("volume", [[[[1]]], np.zeros((2, 2, 2), complex), np.full((2, 2, 2), "a")])
def test_what_is_no_array_of_numbers_is_a_type_error(volume: Any) -> None:
    with pytest.raises(TypeError, match="volume must be an array of real numbers, got .*; see wsseg.read_volume"):
        levels_of(volume, low=0, high=100)


@pytest.mark.parametrize("shape", [(4, 4), (0, 2, 2), (1, 1, 1, 1, 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="volume must be a non-empty array"):
        levels_of(np.zeros(shape), low=0, high=100)


@pytest.mark.parametrize(("low", "high"), [(-1.7e308, 1.7e308), (0, 1e-320)])
def test_values_that_cannot_be_scaled_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"volume must span 1e-300 to 1e\+300, got values from .*; rescale them"):
        levels_of(np.linspace(low / 2, high / 2, 60).reshape(3, 4, 5) * 2, low=0, high=100)


def test_a_masked_array_is_refused_since_its_mask_would_be_ignored() -> None:
    with pytest.raises(TypeError, match="got a masked array; use volume.filled"):
        levels_of(np.ma.masked_array(np.ones((2, 2, 2)), True), low=0, high=100)


def test_nan_is_refused() -> None:
    volume = np.zeros((2, 2, 2))
    volume[1, 1, 1] = np.nan
    with pytest.raises(ValueError, match="volume must be finite, got NaN or infinity; use numpy.nan_to_num"):
        levels_of(volume, low=0, high=100)


def test_smaller_levels_are_means_also_at_odd_ends() -> None:
    levels = np.zeros((3, 2, 2, 1), np.uint8)
    levels[0], levels[1], levels[2] = 10, 20, 90
    np.testing.assert_array_equal(shrunk_levels(levels, (2, 2, 2))[:, 0, 0, 0], [15, 90])


def test_a_block_of_seeds_has_their_label_only_if_it_is_one() -> None:
    seeds = np.zeros((1, 2, 8), np.uint8)
    seeds[0, 0, 2], seeds[0, 1, 4:6], seeds[0, 0, 6] = 3, (1, 2), 1
    np.testing.assert_array_equal(shrunk_seeds(seeds, (1, 2, 2)), [[[0, 3, 0, 1]]])


def test_enlarged_labels_undo_a_shrunk_size() -> None:
    labels = np.arange(1, 9, dtype=np.uint8).reshape(2, 2, 2)
    larger = enlarged_labels(labels, (2, 1, 2), (3, 2, 3))
    assert larger.shape == (3, 2, 3)
    np.testing.assert_array_equal(larger[::2, :, ::2], labels)


def test_the_finest_axes_are_halved() -> None:
    assert halves_of((1, 1, 1), (8, 8, 8)) == (2, 2, 2)
    assert halves_of((3, 1, 1), (8, 8, 8)) == (1, 2, 2)
    assert halves_of((1, 1, 1), (1, 8, 8)) == (1, 2, 2)
    assert halves_of((1, 1, 1), (1, 1, 1)) == (1, 1, 1)
