"""YOLO: shares of the photo's sides, and losses."""

from pathlib import Path

import numpy as np
import pytest
from export_runs import CAT, disk, made

from wsseg.export.export import export_run


def test_yolo_coordinates_are_fractions_of_width_and_height(tmp_path: Path) -> None:
    mask = np.zeros((40, 100), np.bool_)
    mask[10:30, 20:60] = True
    export_run(made(tmp_path, {"a": [("cat", mask)]}), "yolo", tmp_path / "out")
    shares = np.array((tmp_path / "out/labels/a.txt").read_text().split()[1:], np.float64).reshape(-1, 2)
    assert shares.min(axis=0) == pytest.approx((0.2, 0.25), abs=0.03)  # A pixel is .01 or .025.
    assert shares.max(axis=0) == pytest.approx((0.6, 0.75), abs=0.03)


def test_yolo_reports_split_objects_and_photos_that_it_skips(tmp_path: Path) -> None:
    two = CAT | disk(20, 30, 9, 25, 3)
    run = made(tmp_path, {"a": [("cat", two)], "b": [("cat", CAT)]}, suffix=".gif")
    losses = export_run(run, "yolo", tmp_path / "out").losses
    assert [str(loss) for loss in losses] == [
        "a: the link between 2 components of cat",
        "a: the whole photo, because YOLO skips files that end in .gif",
        "b: the whole photo, because YOLO skips files that end in .gif",
    ]
