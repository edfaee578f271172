"""Exports read by the other tools' own code: the masks that went in come out."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from export_runs import (
    Seen,
    check_equal,
    components_of,
    exported,
)

from wsseg.arrays import Mask

READERS = Path(__file__).parents[2] / ".venv-readers/bin/python"

SCRIPT = Path(__file__).parents[1] / "readers.py"


def iou(first: Mask, second: Mask) -> float:
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


@pytest.fixture(scope="module")
def read_by(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Reads an export with its own tool."""
    if not READERS.exists():
        assert not os.environ.get("CI"), "CI must have the readers, got none; .ci/run calls scripts/readers"
        pytest.skip("the tools' own readers are not installed; scripts/readers does it")
    folder = tmp_path_factory.mktemp("readers")

    def read(to: str, export: Path) -> list[Seen]:
        out = folder / f"{to}.npz"
        done = subprocess.run(
            [READERS, SCRIPT, to, export, out],
            env={**os.environ, "YOLO_CONFIG_DIR": str(folder), "YOLO_OFFLINE": "true", "MPLCONFIGDIR": str(folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        with np.load(out) as found:
            index = json.loads(str(found["index"]))
            return [Seen(*names, found[str(number)]) for number, names in enumerate(index)]

    return read


class TestReaders:
    def test_yolo_converters_find_the_masks_in_coco_s_polygons(
        self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path
    ) -> None:
        seen = read_by("coco", exported(run, "coco", tmp_path, polygons=True))
        whole = {each[:2] for each in wanted if len(components_of(each.mask)) == 1}
        check_equal(*([each for each in masks if each[:2] in whole] for masks in (seen, wanted)))
        assert len(whole) > 20 and {each[:2] for each in seen} == {each[:2] for each in wanted}

    @pytest.mark.parametrize("to", ["voc", "cvat", "yolo"])
    def test_numbers_of_a_list_are_the_tools_numbers(
        self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path, to: str
    ) -> None:
        names = ["zebra", "naïve \\ dog", "cat", 'the "tiger" cat, 100 %']
        seen = read_by(to, exported(run, to, tmp_path, categories=names, photos=to == "yolo"))
        assert {each.category.removesuffix(" exact").removesuffix(" trained") for each in seen} == set(names[1::2])
        if to != "yolo":
            check_equal(seen, wanted)

    @pytest.mark.parametrize("to", ["voc", "cvat"])
    def test_datumaro(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path, to: str) -> None:
        check_equal(read_by(to, exported(run, to, tmp_path)), wanted)

    @pytest.mark.parametrize("photos", [False, True])
    def test_labelme(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path, photos: bool) -> None:
        check_equal(read_by("labelme", exported(run, "labelme", tmp_path, photos=photos)), wanted)

    def test_labelstudio(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path) -> None:
        prefix = "/data/local-files/?d="
        seen = read_by("labelstudio", exported(run, "labelstudio", tmp_path))
        assert all(each.photo.startswith(prefix) for each in seen)
        check_equal([each._replace(photo=unquote(each.photo.removeprefix(prefix))[:-4]) for each in seen], wanted)

    def test_yolo(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path) -> None:
        seen = read_by("yolo", exported(run, "yolo", tmp_path, photos=True))
        parts = [each._replace(mask=part) for each in wanted for part in components_of(each.mask)]
        exact = [each._replace(category=each.category[:-6]) for each in seen if each.category.endswith(" exact")]
        check_equal(exact, parts)
        trained = [each for each in seen if each.category.endswith(" trained")]
        for one, other in zip(trained, [each for each in seen if each.category.endswith(" exact")], strict=True):
            assert one.photo == other.photo
            # Training adds vertices, and one may fall into a corner where two pixels touch: that changes specks.
            if not one.photo.startswith("noise/"):
                assert iou(one.mask, other.mask) >= 0.98, one.photo
