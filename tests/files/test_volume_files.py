"""Volumes from TIFF, NIfTI, NumPy and folders, and back."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image as pillow

from wsseg.files.levels import ReadError
from wsseg.files.volumes import Volume, read_volume, write_volume

VALUES = np.arange(2 * 3 * 4).reshape(2, 3, 4)

OBLIQUE = np.array([[0, -0.7, 0.1, 12], [0.8, 0, 0.2, -30], [0.1, 0.2, -2.5, 7.5], [0, 0, 0, 1.0]])
"""Turned axes, a mirrored one, and an origin."""


@pytest.mark.parametrize("name", ["v.tif", "v.tiff", "v.nii", "v.nii.gz", "v.npy", "new/folder/v.npy"])
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    write_volume(tmp_path / name, Volume(VALUES.astype(np.uint8), (2.0, 0.5, 0.5)))
    found = read_volume(tmp_path / name)
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.values.dtype == np.uint8
    if "npy" not in name:
        assert found.spacing == pytest.approx((2, 0.5, 0.5))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_keeps_affine_spacing_and_orientation(suffix: str, tmp_path: Path) -> None:
    """Written and read back by nibabel itself."""
    original = np.random.default_rng(0).integers(-900, 900, (4, 3, 2)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(original, OBLIQUE), tmp_path / f"scan{suffix}")
    scan = read_volume(tmp_path / f"scan{suffix}")
    assert scan.values.shape == (2, 3, 4)
    assert scan.values[1, 2, 3] == original[3, 2, 1]
    write_volume(tmp_path / f"mask{suffix}", scan._replace(values=(scan.values > 0).astype(np.uint8)))
    before, after = (nibabel.load(tmp_path / f"{name}{suffix}") for name in ("scan", "mask"))
    np.testing.assert_allclose(after.affine, before.affine, atol=1e-6)
    np.testing.assert_allclose(after.header.get_zooms(), before.header.get_zooms(), rtol=1e-6)
    assert nibabel.aff2axcodes(after.affine) == nibabel.aff2axcodes(OBLIQUE)
    np.testing.assert_array_equal(np.asarray(after.dataobj) > 0, original > 0)
    assert scan.spacing == pytest.approx(before.header.get_zooms()[::-1])


def test_a_nifti_of_several_channels_has_them_last(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 3, 2, 5), np.float32), np.eye(4)), tmp_path / "v.nii")
    assert read_volume(tmp_path / "v.nii").values.shape == (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("axes", "shape", "wanted"),
    [
        ("ZYX", (2, 3, 4), (2, 3, 4)),
        ("ZCYX", (2, 5, 3, 4), (2, 3, 4, 5)),
        ("TZYX", (1, 2, 3, 4), (2, 3, 4)),
        ("YX", (3, 4), (1, 3, 4)),
    ],
)
def test_axes_of_a_tiff_are_followed(axes: str, shape: Any, wanted: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros(shape, np.uint16), imagej=True, metadata={"axes": axes})
    assert read_volume(tmp_path / "v.tif").values.shape == wanted


def test_slices_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        pillow.fromarray(np.full((3, 4), number, np.uint8)).save(tmp_path / f"slice{number}.png")
    assert read_volume(tmp_path).values[:, 0, 0].tolist() == [1, 9, 10]


def test_sixteen_bits_of_slices_are_kept(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "1.tif", np.full((3, 4), 40000, np.uint16))
    pillow.fromarray(np.full((3, 4), 300, np.uint16)).save(tmp_path / "2.png")
    assert read_volume(tmp_path).values[:, 0, 0].tolist() == [40000, 300]


def test_a_slice_of_another_size_is_named(tmp_path: Path) -> None:
    for number, width in enumerate((4, 4, 5)):
        pillow.fromarray(np.zeros((3, width), np.uint8)).save(tmp_path / f"{number}.png")
    with pytest.raises(ReadError, match=r"'.*2\.png' must be like '0\.png', uint8 \(3, 4\), got uint8 \(3, 5\)"):
        read_volume(tmp_path)


@pytest.mark.parametrize("name", ["v.tif", "v.nii", "v.nii.gz", "v.npy"])
def test_a_damaged_file_is_named_with_a_remedy(name: str, tmp_path: Path) -> None:
    write_volume(tmp_path / name, Volume(np.random.default_rng(0).integers(0, 255, (8, 9, 10), np.uint8)))
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ReadError, match=rf"'.*{name}' must "):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["v.tif", "v.nii", "v.npy"])
def test_garbage_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no volume at all " * 40)
    with pytest.raises(ReadError, match="must be a readable volume, got"):
        read_volume(tmp_path / name)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ReadError, match="must be a readable volume"):
        read_volume(tmp_path / "v.npy")


@pytest.mark.parametrize("name", ["v.tif", "v.nii", "v.npy"])
def test_a_volume_above_the_limit_is_refused(name: str, tmp_path: Path) -> None:
    write_volume(tmp_path / name, Volume(VALUES.astype(np.uint8)))
    with pytest.raises(ReadError, match=r"must hold at most 23 values, got \d+ x 3 x \d+; allow more"):
        read_volume(tmp_path / name, max_voxels=23)


@pytest.mark.parametrize(
    ("values", "got"), [(np.zeros((3, 4)), "float64"), (np.zeros((2, 2, 2), complex), "complex128")]
)
def test_what_is_no_volume_is_refused(values: Any, got: str, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", values)
    with pytest.raises(ReadError, match=f"must hold real numbers .*got {got}"):
        read_volume(tmp_path / "v.npy")


def test_another_suffix_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"must be a folder of slices or end in \.tif, .*got '\.dcm'; convert it"):
        read_volume(tmp_path / "v.dcm")
    with pytest.raises(ReadError, match="must exist, got nothing at this path"):
        read_volume(tmp_path / "v.tif")


def test_equal_volumes_give_equal_files(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_volume(tmp_path / name, Volume(VALUES.astype(np.uint8)))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
