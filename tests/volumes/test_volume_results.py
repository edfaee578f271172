"""The segmentation of a volume: its text, and the files that it writes."""

from pathlib import Path

import numpy as np
import pytest
from balls import marked

import wsseg


def segmentation() -> wsseg.VolumeSegmentation:
    volume = np.zeros((4, 8, 8))
    volume[1:3, 2:6, 3:7] = 5
    seeds = marked(volume.shape, one=[(0, 0, 0)], two=[(2, 4, 4)])
    return wsseg.segment_volume(wsseg.Volume(volume, (2.0, 1.0, 1.0)), seeds)


def test_it_tells_box_mask_and_scale() -> None:
    found = segmentation()
    assert found.box == wsseg.VolumeBox(1, 2, 3, 3, 6, 7)
    assert found.mask.sum() == 2 * 4 * 4
    assert found.ranges == ((0, 5),)
    assert repr(found) == "<VolumeSegmentation 4 x 8 x 8, 12.5% object, exact>"


@pytest.mark.parametrize("name", ["mask.tif", "mask.npy", "new/mask.nii.gz"])
def test_saved_masks_hold_0_and_255_and_labels_their_numbers(name: str, tmp_path: Path) -> None:
    found = segmentation()
    found.save(tmp_path / name)
    np.testing.assert_array_equal(wsseg.read_volume(tmp_path / name).values, found.mask * np.uint8(255))
    found.save(tmp_path / name, labels=True)
    np.testing.assert_array_equal(wsseg.read_volume(tmp_path / name).values, found.labels)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.tif, .*got '.*mask.png'; use mask.tif"):
        segmentation().save(tmp_path / "mask.png")
