"""COCO, read by pycocotools."""

import sys
from pathlib import Path

import numpy as np
import pytest
from export_runs import OLD_NUMPY, Seen, check_equal, exported
from pycocotools.coco import COCO

from wsseg.arrays import Mask
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


def test_coco_says_what_to_install(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ValueError, match=r"^coco must have pycocotools, got .*; pip install 'wsseg\[export\]'"):
        export_run(small, "coco", tmp_path / "o.json")
    export_run(small, "voc", tmp_path / "voc")
