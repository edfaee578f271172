"""Which size of a volume is cut as a whole."""

import re

import pytest

from wsseg.arrays import PhotoError
from wsseg.volumes.sizes import Plan, plan_of, small_factors


def plan(shape: tuple[int, int, int], memory: float, labels: int = 2, neighbors: int = 6) -> Plan:
    return plan_of(shape, (1, 1, 1), channels=1, labels=labels, neighbors=neighbors, band=3, memory=memory)


def test_a_volume_that_fits_is_cut_as_a_whole() -> None:
    found = plan((128, 256, 256), 4)
    assert found.exact
    assert found.shape == (128, 256, 256)
    assert 2 < found.gigabytes < 4


def test_a_larger_one_is_halved_until_it_fits() -> None:
    found = plan((128, 256, 257), 1)
    assert found.halvings == ((2, 2, 2),)
    assert found.shape == (64, 128, 129)
    assert not found.exact
    assert found.gigabytes <= 1
    assert len(plan((512, 512, 512), 4).halvings) == 2


@pytest.mark.parametrize(
    ("shape", "memory", "neighbors", "measured"),
    [((96, 160, 160), 0.3, 6, 0.22), ((160, 256, 256), 0.5, 6, 0.39), ((96, 128, 128), 0.6, 26, 0.48)],
)
def test_bands_take_memory_too(shape: tuple[int, int, int], memory: float, neighbors: int, measured: float) -> None:
    """The memory was measured on balls."""
    found = plan(shape, memory, neighbors=neighbors)
    assert not found.exact
    assert found.gigabytes == pytest.approx(measured, rel=0.15)


def test_the_memory_that_is_asked_for_is_enough() -> None:
    with pytest.raises(PhotoError, match="memory must be at least ") as refusal:
        plan((256, 300, 400), 0.1)
    [least] = re.findall(r"at least ([\d.]+) GB", str(refusal.value))
    assert plan((256, 300, 400), float(least)).gigabytes <= float(least)
    with pytest.raises(PhotoError):
        plan((256, 300, 400), float(least) - 0.1)


def test_more_neighbors_and_labels_take_more() -> None:
    sizes = [plan((64, 64, 64), 9, labels, neighbors).gigabytes for labels, neighbors in ((2, 6), (2, 26), (3, 26))]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize("memory", [0, 1e-4])
def test_too_little_memory_is_refused_with_what_is_needed(memory: float) -> None:
    with pytest.raises(PhotoError, match=r"memory must be at least [\d.]+ GB for a volume of 64 x 64 x 64, got"):
        plan((64, 64, 64), memory)


def test_anisotropic_volumes_are_halved_along_their_finest_axes() -> None:
    assert small_factors((64, 64, 64), (4, 1, 1), voxels=70_000) == (1, 2, 2)
    assert small_factors((64, 64, 64), (1, 1, 1), voxels=300_000) == (1, 1, 1)
    assert small_factors((300, 300, 300), (1, 1, 1), voxels=300_000) == (8, 8, 8)
