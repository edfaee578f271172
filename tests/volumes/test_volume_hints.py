"""Seeds of a volume from voxels, boxes and arrays; contradictions and wrong places are refused."""

from typing import Any

import numpy as np
import pytest

from wsseg.arrays import PhotoError
from wsseg.volumes.hints import VolumeBox, VolumeHints, labels_from_hints

SHAPE = (3, 4, 5)
BOTH: dict[str, Any] = {"foreground": [(1, 2, 3)], "background": [(0, 0, 0)]}


def test_voxels_are_marked_and_nothing_else() -> None:
    seeds = labels_from_hints(VolumeHints(**BOTH), SHAPE)
    assert seeds.dtype == np.uint8
    assert (seeds[1, 2, 3], seeds[0, 0, 0], np.count_nonzero(seeds)) == (2, 1, 2)


def test_outside_of_a_box_is_background() -> None:
    seeds = labels_from_hints(VolumeHints(box=VolumeBox(1, 1, 1, 3, 3, 4), foreground=[(1, 1, 1)]), SHAPE)
    assert (seeds == 1).sum() == 60 - 12
    assert (seeds[1:3, 1:3, 1:4] != 1).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_pictures_of_seeds_hold_0_128_and_255(dtype: Any) -> None:
    picture = np.full(SHAPE, 128, dtype)
    picture[0, 0, 0], picture[2, 3, 4] = 0, 255
    seeds = labels_from_hints(picture, SHAPE)
    assert (seeds[0, 0, 0], seeds[2, 3, 4], np.count_nonzero(seeds)) == (1, 2, 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint32])
def test_integers_are_labels(dtype: Any) -> None:
    labels = np.zeros(SHAPE, dtype)
    labels[0, 0, :3] = 1, 2, 7
    np.testing.assert_array_equal(labels_from_hints(labels, SHAPE), labels)


def test_integers_that_are_all_0_say_nothing_yet() -> None:
    seeds = labels_from_hints(VolumeHints(seeds=np.zeros(SHAPE, int), **BOTH), SHAPE)
    np.testing.assert_array_equal(seeds, labels_from_hints(VolumeHints(**BOTH), SHAPE))


def test_voxels_of_an_iterator_are_kept() -> None:
    hints = VolumeHints(foreground=(place for place in [(1, 2, 3)]), background=np.array([[0, 0, 0]]))  # type: ignore[arg-type]
    for _ in range(2):
        assert np.count_nonzero(labels_from_hints(hints, SHAPE)) == 2


@pytest.mark.parametrize("places", [None, 3])
def test_what_holds_no_voxels_is_a_type_error(places: Any) -> None:
    with pytest.raises(TypeError, match=rf"foreground must be voxels .* got {places}; write voxels as"):
        VolumeHints(foreground=places)


def test_an_array_is_not_changed() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 0, 0] = 1
    labels_from_hints(VolumeHints(seeds=labels, foreground=[(1, 1, 1)]), SHAPE)
    assert np.count_nonzero(labels) == 1


@pytest.mark.parametrize(
    ("hints", "wanted"),
    [
        ({"foreground": [(1, 2, 3)]}, "no background; mark a voxel of background"),
        ({"background": [(1, 2, 3)]}, "no object; mark a voxel of object"),
        ({}, "no background and no object; mark a voxel of each"),
        ({**BOTH, "foreground": [(0, 0, 0)]}, r"two labels at voxel \(0, 0, 0\); remove one"),
        ({**BOTH, "box": (0, 0, 0, 1, 1, 1)}, r"two labels at voxel \(1, 2, 3\)"),
        ({**BOTH, "box": (0, 0, 0, 1, 9, 1)}, r"box must lie within the volume \(3, 4, 5\)"),
        ({**BOTH, "foreground": [(3, 0, 0)]}, r"voxels \(z, y, x\) of the volume \(3, 4, 5\), got \(3, 0, 0\)"),
        ({**BOTH, "foreground": [(0.5, 0, 0)]}, r"got \(0.5, 0, 0\); use whole numbers"),
        ({"seeds": np.zeros((3, 4, 4), np.uint8)}, r"shape of the volume, \(3, 4, 5\), got \(3, 4, 4\); resample"),
        ({"seeds": np.full(SHAPE, -1)}, "seeds must hold 0 to 255, got -1 to -1"),
    ],
)
def test_what_cannot_be_is_named_with_a_remedy(hints: dict[str, Any], wanted: str) -> None:
    with pytest.raises(PhotoError, match=wanted):
        labels_from_hints(VolumeHints(**hints), SHAPE)


@pytest.mark.parametrize(
    ("hints", "wanted"),
    [
        ([(1, 2, 3)], "hints must be wsseg.VolumeHints or an array of seeds, got list"),
        (np.zeros(SHAPE), "array of integers, got float64 ndarray; use 0 for unknown, 1 for background and 2"),
        (VolumeHints(foreground=[(1, 2)]), r"write voxels as \[\(4, 120, 80\)\]"),  # type: ignore[list-item]
        (np.ma.masked_array(np.ones(SHAPE, int)), "array of integers, got int64 MaskedArray"),
        (VolumeHints(foreground=np.zeros(SHAPE, bool)), "got array.*False.*, or give an array as seeds"),  # type: ignore[arg-type]
        (VolumeHints(box=(1, 2, 3)), "write six numbers"),  # type: ignore[arg-type]
    ],
)
def test_another_kind_of_hint_is_a_type_error(hints: Any, wanted: str) -> None:
    with pytest.raises(TypeError, match=wanted):
        labels_from_hints(hints, SHAPE)
