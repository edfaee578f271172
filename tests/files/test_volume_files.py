"""Volumes from TIFF, NIfTI, NumPy and folders, and back."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image as pillow

from wsseg.files.levels import ReadError
from wsseg.files.volume import Volume
from wsseg.files.volumes import TYPES, read_volume, write_volume

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


def test_a_nifti_of_one_slice_or_one_channel_has_three_axes(tmp_path: Path) -> None:
    for shape, wanted in (((4, 3), (1, 3, 4)), ((4, 3, 2, 1), (2, 3, 4)), ((4, 3, 2, 1, 1), (2, 3, 4))):
        nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.float32), np.eye(4)), tmp_path / "v.nii")
        assert read_volume(tmp_path / "v.nii").values.shape == wanted


def test_a_nifti_with_a_damaged_affine_has_none(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 3, 2), np.uint8), np.diag([2, 2, 2, 1])), tmp_path / "v.nii")
    data = bytearray((tmp_path / "v.nii").read_bytes())
    for place in (80, 280):  # The size of a voxel along x, and the affine's first number.
        data[place : place + 4] = np.float32(np.nan).tobytes()
    (tmp_path / "v.nii").write_bytes(data)
    found = read_volume(tmp_path / "v.nii")
    assert (found.spacing, found.affine) == ((1, 1, 1), None)


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


@pytest.mark.parametrize(("axes", "shape"), [("TZYX", (2, 3, 4, 5)), ("TYX", (2, 4, 5)), ("TZCYX", (2, 3, 2, 4, 5))])
def test_several_times_are_refused(axes: str, shape: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros(shape, np.uint16), imagej=True, metadata={"axes": axes})
    with pytest.raises(ReadError, match="must hold one volume, got the axes T.*; save one of the volumes alone"):
        read_volume(tmp_path / "v.tif")


def test_pages_of_several_sizes_are_refused(tmp_path: Path) -> None:
    for place, side in enumerate((4, 5)):
        tifffile.imwrite(tmp_path / "v.tif", np.zeros((side, side), np.uint8), append=bool(place))
    with pytest.raises(ReadError, match="must hold one stack, got 2; save one of them alone"):
        read_volume(tmp_path / "v.tif")


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        ({"PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25}, (2, 0.5, 0.25)),
        ({"PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}, (1, 1, 1)),
        ({"PhysicalSizeZ": 2.0, "PhysicalSizeZUnit": "nm", "PhysicalSizeY": 1.0, "PhysicalSizeX": 1.0}, (1, 1, 1)),
    ],
)
def test_the_spacing_of_ome_is_read(stated: Any, wanted: Any, tmp_path: Path) -> None:
    values = np.zeros((6, 16, 20), np.uint16)
    tifffile.imwrite(tmp_path / "v.ome.tif", values, photometric="minisblack", metadata={"axes": "ZYX", **stated})
    assert read_volume(tmp_path / "v.ome.tif").spacing == wanted


def test_a_tiff_that_ends_early_is_refused_and_no_slice_left_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.zeros((4, 60, 80), np.uint16), imagej=True, metadata={"axes": "ZYX"})
    data = (tmp_path / "v.tif").read_bytes()
    for share in range(1, 8):
        (tmp_path / "v.tif").write_bytes(data[: len(data) * share // 8])
        with pytest.raises(ReadError):
            read_volume(tmp_path / "v.tif")


@pytest.mark.parametrize("numbers", [(10, 8, 9), (100, 90, 80), (5,)])
def test_slices_are_in_the_order_of_their_numbers(numbers: Any, tmp_path: Path) -> None:
    for number in numbers:
        pillow.fromarray(np.full((3, 4), number, np.uint8)).save(tmp_path / f"run7-slice{number}.png")
    assert read_volume(tmp_path).values[:, 0, 0].tolist() == sorted(numbers)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("s1", "s2", "s4"), "evenly growing numbers, got 's2.png' before 's4.png'; add what is missing"),
        (("s1", "s01"), "evenly growing numbers"),
        (("a", "b"), "evenly growing numbers"),
        (("z1c1", "z1c2", "z2c1", "z2c2"), "evenly growing numbers, got 'z1c2.png' before 'z2c1.png'"),
        (("s1", "s2-old"), None),
        (("s1", "s2-3"), "names that differ in their numbers alone, got 's1.png' and 's2-3.png'; rename"),
    ],
)
def test_slices_that_are_missing_or_mixed_are_refused(names: Any, wanted: str | None, tmp_path: Path) -> None:
    for name in names:
        pillow.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / f"{name}.png")
    if wanted is None:
        assert len(read_volume(tmp_path).values) == len(names)
    else:
        with pytest.raises(ReadError, match=wanted):
            read_volume(tmp_path)


def test_a_folder_without_slices_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    pillow.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / "deeper" / "1.png")
    with pytest.raises(ReadError, match="must hold slices, got no picture; links and folders in it are not followed"):
        read_volume(tmp_path)


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


@pytest.mark.parametrize(
    ("volume", "wanted"),
    [
        (Volume(np.zeros((2, 3, 4, 3), np.uint8)), r"values must be a non-empty array \(Z, Y, X\)"),
        (Volume(np.zeros((0, 3, 4), np.uint8)), "values must be a non-empty array"),
        (Volume(np.zeros((2, 3, 4), np.uint8), (0, 1, 1)), "spacing must be positive"),
        (Volume(np.zeros((2, 3, 4), np.uint8), affine=np.eye(3)), r"affine must be an invertible \(4, 4\) array"),
        (Volume(np.zeros((2, 3, 4), np.uint8), affine=np.full((4, 4), np.nan)), "affine must be an invertible"),
        (Volume(np.zeros((2, 3, 4), np.uint8), affine=np.zeros((4, 4))), "affine must be an invertible"),
    ],
)
@pytest.mark.parametrize("name", ["v.tif", "v.nii", "v.npy"])
def test_what_cannot_be_written_is_refused(volume: Volume, wanted: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=wanted):
        write_volume(tmp_path / name, volume)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("dtype", ["bool", *np.typecodes["AllInteger"], *np.typecodes["AllFloat"]])
def test_a_file_holds_a_type_as_it_is_or_says_which_it_holds(suffix: str, dtype: str, tmp_path: Path) -> None:
    values, path = VALUES.astype(dtype), tmp_path / f"v{suffix}"
    if values.dtype.name in TYPES[suffix]:
        write_volume(path, Volume(values))
        found = read_volume(path).values
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype
    else:
        with pytest.raises(TypeError, match=rf"values must be .* in a file '{suffix}', got .*; use values.astype"):
            write_volume(path, Volume(values))


def test_only_a_volume_is_written(tmp_path: Path) -> None:
    for given in (VALUES, Volume(VALUES.tolist())):
        with pytest.raises(TypeError, match="volume must be a wsseg.Volume of an array, got"):
            write_volume(tmp_path / "v.npy", given)  # type: ignore[arg-type]


def test_equal_volumes_give_equal_files(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_volume(tmp_path / name, Volume(VALUES.astype(np.uint8)))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
