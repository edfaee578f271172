"""COCO, read by pycocotools."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from export_runs import MASKS, OLD_NUMPY, Seen, check_equal, components_of, disk, exported, made
from hypothesis import assume, given
from pycocotools import mask as cocomask
from pycocotools.coco import COCO

from wsseg.arrays import Mask
from wsseg.export.coco import polygons_of
from wsseg.export.export import export_run


@OLD_NUMPY
def test_coco_is_read_by_pycocotools(run: Path, wanted: list[Seen], masks: dict[str, Mask], tmp_path: Path) -> None:
    coco = COCO(str(exported(run, "coco", tmp_path)))
    names = {each["id"]: each["name"] for each in coco.loadCats(coco.getCatIds())}
    assert list(names) == [1, 2]
    images = coco.loadImgs(coco.getImgIds())
    assert {each["file_name"]: (each["height"], each["width"]) for each in images} == {
        f"{name}.png": mask.shape for name, mask in masks.items()
    }
    seen = []
    for image in images:
        for each in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
            mask = coco.annToMask(each) > 0
            seen.append(Seen(image["file_name"][:-4], names[each["category_id"]], mask))
            ys, xs = np.nonzero(mask)
            assert each["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            assert (each["area"], each["iscrowd"], each["score"]) == (mask.sum(), 0, 0.75)
    check_equal(seen, wanted)


@OLD_NUMPY
def test_pycocotools_finds_the_masks_in_polygons(run: Path, wanted: list[Seen], tmp_path: Path) -> None:
    coco = COCO(str(exported(run, "coco", tmp_path, polygons=True)))
    runs = json.loads(exported(run, "coco", tmp_path / "rle").read_text())
    names = {each["id"]: each["name"] for each in coco.loadCats(coco.getCatIds())}
    seen = []
    for each in coco.loadAnns(coco.getAnnIds()):
        assert len(each["segmentation"]) == len(components_of(coco.annToMask(each) > 0))
        assert all(len(ring) >= 8 and len(ring) % 2 == 0 for ring in each["segmentation"])
        (image,) = coco.loadImgs(each["image_id"])
        seen.append(Seen(image["file_name"][:-4], names[each["category_id"]], coco.annToMask(each) > 0))
    check_equal(seen, wanted)
    for one, other in zip(coco.dataset["annotations"], runs["annotations"], strict=True):
        del one["segmentation"], other["segmentation"]
        assert one == other
    assert coco.dataset["images"] == runs["images"]


@OLD_NUMPY
@given(MASKS)
def test_polygons_of_any_mask_are_exact(mask: Mask) -> None:
    assume(mask.any())
    rles = cocomask.frPyObjects(polygons_of(mask), *mask.shape)
    np.testing.assert_array_equal(cocomask.decode(cocomask.merge(rles)) > 0, mask)


def test_polygons_of_a_rectangle_are_its_corners(tmp_path: Path) -> None:
    mask = np.zeros((8, 12), np.bool_)
    mask[2:5, 3:9] = True
    export = exported(made(tmp_path, {"a": [("cat", mask)]}), "coco", tmp_path, polygons=True)
    (annotation,) = json.loads(export.read_text())["annotations"]
    (ring,) = annotation["segmentation"]
    assert sorted(zip(*[iter(np.round(ring, 1).tolist())] * 2, strict=True)) == [(3, 2), (3, 5), (9, 2), (9, 5)]
    assert (annotation["area"], annotation["bbox"]) == (18, [3, 2, 6, 3])


def test_holes_are_reported_as_losses_of_polygons_alone(tmp_path: Path) -> None:
    ring = disk(40, 50, 20, 15, 12) & ~disk(40, 50, 20, 15, 6)
    two = ring | (disk(40, 50, 20, 38, 8) & ~disk(40, 50, 20, 38, 3))
    open_ring = ring.copy()
    open_ring[20, 15:] = False
    run = made(tmp_path, {"a": [("cat", ring), ("dog", two)], "b": [("cat", open_ring)], "c": [("cat", ~ring)]})
    assert export_run(run, "coco", tmp_path / "rle.json").losses == ()
    assert [str(each) for each in export_run(run, "coco", tmp_path / "o.json", polygons=True).losses] == [
        "a: a hole of cat, which a cut of no width joins to the outline",
        "a: 2 holes of dog, which a cut of no width joins to the outline",
        "c: a hole of cat, which a cut of no width joins to the outline",
    ]


@pytest.mark.parametrize("to", ["voc", "cvat", "labelme", "labelstudio"])
def test_other_formats_have_no_polygons(small: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(ValueError, match=f"^{to} cannot hold polygons, unlike coco; leave out polygons"):
        exported(small, to, tmp_path, polygons=True)


def test_yolo_has_polygons_anyway(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^yolo always has polygons; leave out polygons"):
        exported(small, "yolo", tmp_path, polygons=True)


def test_polygons_need_no_pycocotools(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    assert exported(small, "coco", tmp_path, polygons=True).is_file()


def test_coco_says_what_to_install(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ValueError, match=r"^coco must have pycocotools, got .*; pip install 'wsseg\[export\]'"):
        export_run(small, "coco", tmp_path / "o.json")
    export_run(small, "voc", tmp_path / "voc")
