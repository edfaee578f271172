"""LabelMe: boxes, masks and the path of the photo."""

import base64
import json
from pathlib import Path

import numpy as np
from export_runs import (
    CAT,
    png,
)

from wsseg.export.export import export_run


def test_labelme_s_box_ends_at_pixels_of_the_mask(small: Path, tmp_path: Path) -> None:
    export_run(small, "labelme", tmp_path / "out")
    content = json.loads((tmp_path / "out/sub/b c.json").read_text())
    (shape,) = content["shapes"]
    assert shape["points"] == [[3, 3], [15, 15]] and shape["score"] == 0.75
    np.testing.assert_array_equal(png(base64.b64decode(shape["mask"])) > 0, CAT[3:16, 3:16])
    assert (content["imageHeight"], content["imageWidth"]) == (20, 30)


def test_labelme_has_the_path_of_the_photo_or_its_name_alone(small: Path, tmp_path: Path) -> None:
    export_run(small, "labelme", tmp_path / "near")
    assert json.loads((tmp_path / "near/sub/b c.json").read_text())["imagePath"] == "../../small/photos/sub/b c.jpg"
    export_run(small, "labelme", small.parent / "photos", force=True)
    assert json.loads((small.parent / "photos/sub/b c.json").read_text())["imagePath"] == "b c.jpg"
    (small.parent / "photos/sub/b c.jpg").unlink()
    export_run(small, "labelme", tmp_path / "gone")
    assert json.loads((tmp_path / "gone/sub/b c.json").read_text())["imagePath"] == "b c.jpg"
