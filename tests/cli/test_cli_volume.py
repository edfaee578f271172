"""`wsseg volume`: files in, a mask out, and mistakes named."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from commands import Run
from PIL import Image as pillow

import wsseg


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume of a bright block, and its seeds, as TIFF, NIfTI, NumPy and slices."""
    monkeypatch.chdir(tmp_path)
    cells = np.full((4, 10, 12), 100, np.uint16)
    cells[1:3, 3:7, 4:9] = 900
    seeds = np.full(cells.shape, 128, np.uint8)
    seeds[2, 5, 6], seeds[0, 0, 0] = 255, 0
    tifffile.imwrite("cells.tif", cells, imagej=True, metadata={"axes": "ZYX", "spacing": 2.0})
    tifffile.imwrite("seeds.tif", seeds, imagej=True, metadata={"axes": "ZYX"})
    nibabel.save(nibabel.Nifti1Image(cells.T.astype(np.int16), np.diag([-0.5, 0.5, 2, 1])), "cells.nii.gz")
    labels = np.select([seeds == 255, seeds == 0], [2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(labels.T.astype(np.float32), np.eye(4)), "seeds.nii")
    np.save("cells.npy", cells)
    Path("slices").mkdir()
    for place, plane in enumerate(seeds):
        pillow.fromarray(plane).save(f"slices/{place}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("volume", "seeds", "out"),
    [
        ("cells.tif", "seeds.tif", "mask.tif"),
        ("cells.nii.gz", "seeds.nii", "mask.nii.gz"),
        ("cells.npy", "slices", "new/mask.npy"),
    ],
)
def test_a_mask_is_written(run: Run, folder: Path, volume: str, seeds: str, out: str) -> None:
    ended = run("volume", volume, "--seeds", seeds, "-o", out)
    assert ended.code == 0, ended.err
    found = wsseg.read_volume(out)
    assert np.unique(found.values).tolist() == [0, 255]
    np.testing.assert_array_equal(found.values == 255, np.load("cells.npy") == 900)
    assert "values 100 to 900 are scaled; the volume is cut as a whole, in about 0.0 GB" in ended.err
    assert "8.3% object, energy" in ended.err
    if out == "mask.nii.gz":
        np.testing.assert_array_equal(found.affine, nibabel.load(volume).affine)
        assert found.spacing == (2, 0.5, 0.5)


def test_several_objects_are_written_as_labels(run: Run, folder: Path) -> None:
    cells = np.load("cells.npy")
    cells[1:3, 3:7, 10:] = 500
    np.save("two.npy", cells)
    seeds = np.zeros(cells.shape, np.int16)
    seeds[0, 0, 0], seeds[2, 5, 6], seeds[2, 5, 11] = 1, 2, 3
    np.save("seeds.npy", seeds)
    assert run("volume", "two.npy", "--seeds", "seeds.npy", "-o", "labels.tif", "--neighbors", "26").code == 0
    np.testing.assert_array_equal(
        wsseg.read_volume("labels.tif").values, np.select([cells == 900, cells == 500], [2, 3], 1)
    )


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["cells.npy", "--seeds", "small.npy", "-o", "m.tif"], "'small.npy' must have the shape of 'cells.npy'"),
        (["cells.npy", "--seeds", "empty.npy", "-o", "m.tif"], "got no background and no object; mark a voxel of each"),
        (["cells.npy", "--seeds", "one.npy", "-o", "m.tif"], "got no background; mark a voxel of background"),
        (["cells.npy", "--seeds", "half.npy", "-o", "m.tif"], "'half.npy' must hold whole numbers"),
        (["cells.npy", "--seeds", "seeds.tif", "-o", "m.png"], "must end in .tif"),
        (["cells.npy", "--seeds", "seeds.tif", "-o", "cells.tif"], "use force (--force)"),
        (["nothing.npy", "--seeds", "seeds.tif", "-o", "m.tif"], "'nothing.npy' must exist"),
        (["cells.npy", "--seeds", "seeds.tif", "-o", "m.tif", "--spacing", "1,2"], "an example is --spacing 2,0.5,0.5"),
        (["cells.npy", "--seeds", "seeds.tif", "-o", "m.tif", "--neighbors", "8"], "must be one of 6, 18, 26"),
        (["cells.npy", "--seeds", "seeds.tif", "-o", "m.tif", "--memory", "0"], "memory must be at least"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    run: Run, folder: Path, words: list[str], wanted: str
) -> None:
    np.save("small.npy", np.zeros((4, 10, 11), np.int16))
    np.save("empty.npy", np.zeros((4, 10, 12), np.int16))
    np.save("one.npy", 2 * np.ones((4, 10, 12), np.int16))
    np.save("half.npy", np.full((4, 10, 12), 0.5))
    before = Path("cells.tif").read_bytes()
    ended = run("volume", *words)
    assert ended.code == 2
    assert wanted in ended.err
    assert "Traceback" not in ended.err
    assert not Path("m.tif").exists()
    assert Path("cells.tif").read_bytes() == before
