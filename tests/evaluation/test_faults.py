"""Faults that photos share, each reported once, with the option that helps."""

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmark_trees import OBJECT, put, write
from PIL import Image

from wsseg.arrays import UNKNOWN
from wsseg.evaluation.codings import object_truth, remedy_for
from wsseg.evaluation.compare import compare
from wsseg.evaluation.evaluate import evaluate
from wsseg.evaluation.result import Evaluation
from wsseg.files.masks import read_truth

VOID = np.where(np.roll(OBJECT, 1, axis=0) > OBJECT, 128, OBJECT * 255)


def scored(root: Path, truths: dict[str, Any], **options: Any) -> Evaluation:
    for name, levels in truths.items():
        put(root / f"found/{name}.png", OBJECT * 255)
        put(root / f"truths/{name}.png", levels)
    return evaluate(root / "found", root / "truths", **options)


def test_a_void_value_in_all_truths_is_reported_once(tmp_path: Path) -> None:
    truths = {f"{number:02}": VOID for number in range(33)} | {"32": VOID - VOID % 128}
    evaluation = scored(tmp_path, truths)
    (problem,) = evaluation.problems
    assert problem.startswith("all 33 photos, such as '00': ")
    assert "must hold 0 with 1 or with 255, got also 128, 255; set void=128 (--void 128) if 128 marks" in problem
    assert len(evaluation.failures) == 33
    assert scored(tmp_path, truths, void=128).problems == ()


def test_a_void_value_beyond_the_bits_of_the_truths_is_reported_once(tmp_path: Path) -> None:
    truths = dict.fromkeys("abc", OBJECT * 255)
    for coding in ("binary", "any"):
        (problem,) = scored(tmp_path, truths, void=300, coding=coding).problems
        assert "must have 16 bits for the void value 300, got 8 bits; use one from 0 to 255 (--void)" in problem
    deep = np.where(VOID == 128, 300, VOID.astype(int) * 257)
    Image.fromarray(deep.astype(np.uint16)).save(tmp_path / "deep.png")
    assert (
        object_truth(tmp_path / "deep.png", "binary", void=300).tolist()
        == np.where(VOID == 128, UNKNOWN, VOID > 0).tolist()
    )


@pytest.mark.parametrize("void", [-1, 65536, 1.5])
def test_a_void_value_that_no_file_can_hold_is_refused(tmp_path: Path, void: Any) -> None:
    with pytest.raises(ValueError, match=f"^void must be a whole number from 0 to 65535, got {void}; "):
        evaluate(tmp_path, tmp_path, void=void)


def test_photos_without_the_fault_are_not_counted(tmp_path: Path) -> None:
    (problem,) = scored(tmp_path, {"a": OBJECT, "b": VOID, "c": VOID}).problems
    assert problem.startswith("2 of 3 photos, 'b', 'c': ")


def test_the_remedy_fits_the_values_of_all_photos(tmp_path: Path) -> None:
    truths = {"a": [[0, 7]], "b": [[0, 15]], "c": [[0, 1, 255]]}
    (problem,) = scored(tmp_path, truths).problems
    assert '; set coding="voc" (--coding voc) if they are classes, ' in problem


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({0, 128, 255}, ["--void 128"]),
        ({0, 1, 255}, ["--void 255"]),
        ({0, 2, 255}, ["--void 2", "--coding voc"]),
        ({0, 128}, ["--void 128", "--coding any"]),
        ({1, 2, 3}, ["--coding trimap"]),
        ({1, 2}, ["--coding trimap"]),
        ({0, 3, 7, 255}, ["--coding voc"]),
        ({0, 30, 70}, ["--coding any"]),
        (set(range(256)), ["--coding grey"]),
        ({0, 65534.0, 65535.0}, ["--void 65534"]),
    ],
)
def test_the_remedy_has_the_exact_options(values: set[float], options: list[str]) -> None:
    remedy = remedy_for(values)
    assert [option for option in remedy.replace(")", "(").split("(") if option.startswith("--")] == options
    assert "; " not in remedy


def test_one_truth_s_error_keeps_its_remedy_across_processes(tmp_path: Path) -> None:
    put(tmp_path / "a.png", VOID)
    for read in (partial(object_truth, coding="binary"), partial(read_truth, void=None)):
        with pytest.raises(ValueError, match=r"; .*--void") as caught:
            read(tmp_path / "a.png")
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_sizes_that_differ_are_reported_once(tmp_path: Path) -> None:
    truths = {name: np.ones((height, 5)) for height, name in enumerate("abc", 5)}
    (problem,) = scored(tmp_path, truths).problems
    assert problem.startswith("all 3 photos, such as 'a': mask and truth must have one height and width, got (4, 4)")


def test_a_fault_of_the_truths_is_reported_once_for_both_folders(tmp_path: Path) -> None:
    scored(tmp_path, {"a": VOID, "b": VOID})
    (problem,) = compare(tmp_path / "found", tmp_path / "found", tmp_path / "truths").problems
    assert problem.startswith("all 2 photos, such as 'a': ")


def test_names_that_all_differ_are_refused_with_some_of_both(tmp_path: Path) -> None:
    for number in range(40):
        put(tmp_path / f"found/{number:02}.png", OBJECT * 255)
        put(tmp_path / f"truths/{number:02}_gt.png", OBJECT * 255)
    with pytest.raises(ValueError) as caught:
        evaluate(tmp_path / "found", tmp_path / "truths")
    assert str(caught.value) == (
        f"masks must be named like their truths, got no match: '{tmp_path / 'found'}' has "
        f"'00', '01', '02', '03', '04' and 35 more, '{tmp_path / 'truths'}' has "
        "'00_gt', '01_gt', '02_gt', '03_gt', '04_gt' and 35 more; rename the files of one folder"
    )
    with pytest.raises(ValueError, match="got no match: "):
        evaluate(tmp_path / "found", tmp_path / "truths", missing="zero")
    put(tmp_path / "found/07_gt.png", OBJECT * 255)
    problems = evaluate(tmp_path / "found", tmp_path / "truths").problems
    assert [problem[:15] for problem in problems] == ["40 of 80 photos", "39 of 80 photos"]


def test_names_that_differ_by_a_folder_have_their_own_remedy(tmp_path: Path) -> None:
    put(tmp_path / "found/a.png", OBJECT * 255)
    put(tmp_path / "truths/val/a.png", OBJECT * 255)
    with pytest.raises(ValueError, match="'val/a'; give the folders below which they have the same paths$"):
        evaluate(tmp_path / "found", tmp_path / "truths")


def test_a_coco_file_for_other_photos_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "found/a.png", OBJECT * 255)
    image = '{"id": 1, "file_name": "b.jpg", "height": 4, "width": 4}'
    for images, named in (("", "got no match: .* has 'a', .* has none; "), (image, "got no match: ")):
        write(tmp_path / "coco.json", f'{{"images": [{images}], "categories": [], "annotations": []}}')
        with pytest.raises(ValueError, match=named):
            evaluate(tmp_path / "found", tmp_path / "coco.json")
