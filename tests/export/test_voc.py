"""PASCAL VOC, read by torchvision, and its limits."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from export_runs import (
    CAT,
    DOG,
    LINES,
    SUFFIXES,
    Seen,
    check_equal,
    exported,
    files_in,
    made,
    one_run,
    png,
    record,
    run_of,
)
from PIL import Image as pillow
from torchvision.datasets import VOCSegmentation

from wsseg.export.annotations import Loss
from wsseg.export.export import export_run
from wsseg.files.encode import VOC_COLORS


def test_voc_is_read_by_torchvision(run: Path, wanted: list[Seen], tmp_path: Path) -> None:
    exported(run, "voc", tmp_path)
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "out").rename(tmp_path / "VOCdevkit/VOC2012")
    names = (tmp_path / "VOCdevkit/VOC2012/labelmap.txt").read_text().splitlines()[2:]
    seen = []
    data = VOCSegmentation(str(tmp_path), image_set="trainval")
    for path in data.masks:
        labels = png(Path(path).read_bytes())
        name = Path(path).relative_to(tmp_path / "VOCdevkit/VOC2012/SegmentationClass").with_suffix("").as_posix()
        seen += [Seen(name, names[value - 1].split(":")[0], labels == value) for value in np.unique(labels) if value]
    check_equal(seen, wanted)


def test_voc_keeps_the_smaller_of_overlapping_objects_and_reports_the_loss(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "voc"
    shared = int((CAT & DOG).sum())
    assert export_run(small, "voc", out).losses == (
        Loss("a", f"{shared} pixels where a smaller object covers another"),
    )
    files = files_in(out)
    expected = np.where(DOG, 2, np.where(CAT, 1, 0))
    for folder in ("SegmentationClass", "SegmentationObject"):
        np.testing.assert_array_equal(png(files[f"{folder}/a.png"]), expected)
        with pillow.open(BytesIO(files[f"{folder}/a.png"])) as picture:
            assert picture.mode == "P" and picture.getpalette() == VOC_COLORS.ravel().tolist()


@pytest.mark.slow
@pytest.mark.parametrize("to", LINES)
def test_voc_refuses_more_categories_than_values(tmp_path: Path, to: str) -> None:
    records = [record(f"a{number}", "a.jpg", f"c{number}") for number in range(255)]
    out = tmp_path / f"out{SUFFIXES.get(to, '')}"
    with pytest.raises(ValueError, match="^categories must be at most 254, got 255; export to coco$"):
        export_run(one_run(tmp_path, *records), to, out)
    export_run(run_of(tmp_path / "less", *records[:0]) and one_run(tmp_path / "less", *records[:254]), to, out)


def test_voc_refuses_more_objects_than_values(tmp_path: Path) -> None:
    mask = np.zeros((1, 300), np.bool_)
    many = []
    for number in range(255):
        mask[:] = False
        mask[0, number] = True
        many.append(("cat", mask.copy()))
    with pytest.raises(ValueError, match="^photos must have at most 254 objects, got 255 in 'a'; export to coco$"):
        export_run(made(tmp_path, {"a": many}), "voc", tmp_path / "out")
