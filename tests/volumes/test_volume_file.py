"""A volume in a file, cut by seeds in another."""

from pathlib import Path

import numpy as np
import pytest
from balls import marked

import wsseg
from wsseg.arrays import PhotoError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A block in the dark, and two seeds."""
    monkeypatch.chdir(tmp_path)
    block = np.zeros((4, 8, 8), np.float32)
    block[1:3, 2:6, 3:7] = 5
    np.save("block.npy", block)
    np.save("seeds.npy", marked(block.shape, one=[(0, 0, 0)], two=[(2, 4, 4)]))
    return tmp_path


def test_the_mask_is_written_and_the_plan_said_before(folder: Path) -> None:
    said: list[str] = []

    def notice(text: str) -> None:
        assert not Path("mask.tif").exists()
        said.append(text)

    found = wsseg.segment_volume_file("block.npy", "seeds.npy", "mask.tif", notice=notice)
    assert said == ["values 0 to 5 are scaled; the volume is cut as a whole, in about 0.0 GB"]
    np.testing.assert_array_equal(wsseg.read_volume("mask.tif").values == 255, found.mask)
    assert found.mask.sum() == 2 * 4 * 4


def test_an_existing_file_is_kept_unless_forced(folder: Path) -> None:
    Path("mask.npy").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"use force \(--force\)"):
        wsseg.segment_volume_file("block.npy", "seeds.npy", "mask.npy")
    assert Path("mask.npy").read_bytes() == b"mine"
    wsseg.segment_volume_file("block.npy", "seeds.npy", "mask.npy", force=True)
    assert np.load("mask.npy").max() == 255


@pytest.mark.parametrize("out", ["block.npy", "seeds.npy", "./block.npy", "link.npy"])
def test_what_is_read_is_never_replaced(out: str, folder: Path) -> None:
    Path("link.npy").symlink_to("block.npy")
    before = Path("block.npy").read_bytes(), Path("seeds.npy").read_bytes()
    with pytest.raises(ValueError, match=r"out must be apart from '.*', which is read, got '.*'; choose another name"):
        wsseg.segment_volume_file("block.npy", "seeds.npy", out, force=True)
    assert before == (Path("block.npy").read_bytes(), Path("seeds.npy").read_bytes())


def test_a_mask_is_not_written_between_the_slices(folder: Path) -> None:
    Path("slices").mkdir()
    with pytest.raises(ValueError, match=r"out must be apart from 'slices'"):
        wsseg.segment_volume_file("slices", "seeds.npy", "slices/mask.tif")


def test_bands_are_said(folder: Path) -> None:
    said: list[str] = []
    rng = np.random.default_rng(0)
    np.save("noise.npy", rng.random((20, 20, 20)))
    np.save("marks.npy", marked((20, 20, 20), one=[(0, 0, 0)], two=[(10, 10, 10)]))
    found = wsseg.segment_volume_file("noise.npy", "marks.npy", "mask.npy", memory=0.0028, notice=said.append)
    assert "the volume is cut at 10 x 10 x 10, then in bands up to its own size" in said[0]
    assert not found.exact


def test_seeds_of_another_shape_are_refused_by_name(folder: Path) -> None:
    np.save("other.npy", np.zeros((4, 8, 9), np.uint8))
    with pytest.raises(PhotoError, match=r"'other.npy' must have the shape of 'block.npy', \(4, 8, 8\), got"):
        wsseg.segment_volume_file("block.npy", "other.npy", "mask.npy")


@pytest.mark.parametrize("value", [65538.0, -3.0, 1e18])
def test_large_numbers_of_seeds_are_refused_as_they_are(value: float, folder: Path) -> None:
    np.save("large.npy", np.where(np.load("seeds.npy") == 2, value, np.load("seeds.npy")))
    with pytest.raises(PhotoError, match=f"seeds must hold 0 to 255, got .*{value:.0f}"):
        wsseg.segment_volume_file("block.npy", "large.npy", "mask.npy")


def test_a_picture_of_seeds_may_be_saved_as_floats(folder: Path) -> None:
    np.save("floats.npy", np.choose(np.load("seeds.npy"), [128.0, 0.0, 255.0]))
    found = wsseg.segment_volume_file("block.npy", "floats.npy", "mask.npy")
    assert found.mask.sum() == 2 * 4 * 4
