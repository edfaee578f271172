"""Truths and masks with palettes: the coding decides, or one guess for the whole folder, which is shown."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmark_trees import OBJECT, put, values_of
from PIL import Image

from wsseg.arrays import UNKNOWN
from wsseg.evaluation.codings import object_truth
from wsseg.evaluation.compare import compare
from wsseg.evaluation.evaluate import evaluate
from wsseg.files.encode import VOC_COLORS

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (128, 128, 128)

CITYSCAPES = [*[BLACK] * 5, (111, 74, 0), (81, 0, 81), (128, 64, 128), (70, 70, 70)]


def save(path: Path, indices: Any, colors: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(indices, np.uint8))
    picture.putpalette(np.asarray(colors, np.uint8).tobytes())
    picture.save(path)


@pytest.mark.parametrize("count", [256, 255, 22, 21, 16, 8])
def test_classes_in_a_folder_are_indices_with_any_palette(count: int, tmp_path: Path) -> None:
    for name, labels in {"car": OBJECT * 7, "plane": OBJECT, "empty": OBJECT * 0}.items():
        save(tmp_path / f"truths/{name}.png", labels, VOC_COLORS[:count])
        put(tmp_path / f"found/{name}.png", 255 * (labels == 7))
    evaluation = evaluate(tmp_path / "found", tmp_path / "truths", coding="voc", category="car")
    assert [photo["iou"] for photo in evaluation.photos.values()] == [1, 1, 1]
    assert evaluation.notes == ()  # Nothing was guessed.


def test_labels_that_are_detected_are_indices_too(tmp_path: Path) -> None:
    for folder, count in (("found", 22), ("truths", 256)):
        save(tmp_path / folder / "a.png", OBJECT * 7, VOC_COLORS[:count])
    evaluation = evaluate(tmp_path / "found", tmp_path / "truths", protocol="voc")
    assert evaluation.classes == {"background": 1, "car": 1}


@pytest.mark.parametrize(
    "colors", [[BLACK, WHITE, BLACK, GREY], CITYSCAPES, [BLACK] * 4, [WHITE, BLACK, WHITE, (9, 8, 7)]]
)
def test_a_trimap_holds_indices_with_any_palette(colors: Any, tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[1, 2, 3]], colors)
    assert object_truth(tmp_path / "a.png", "trimap").tolist() == [[1, 0, UNKNOWN]]


@pytest.mark.parametrize("levels", [[0, 128, 255], [0, 1, 2], [1, 2, 4]])
def test_a_trimap_with_other_values_is_refused(levels: list[int], tmp_path: Path) -> None:
    put(tmp_path / "a.png", [levels])
    with pytest.raises(ValueError, match="must hold the values of the coding 'trimap' .*, got also "):
        object_truth(tmp_path / "a.png", "trimap")


def test_a_class_that_the_coding_lacks_is_refused_where_a_class_is_named(tmp_path: Path) -> None:
    put(tmp_path / "a.png", [[0, 7, 128]])
    with pytest.raises(
        ValueError, match=r"a.png' must hold the values of the coding 'voc' .*, got also 128; .*--coding"
    ):
        object_truth(tmp_path / "a.png", "voc", category="car")
    assert object_truth(tmp_path / "a.png", "voc", category="car", void=128).tolist() == [[0, 1, UNKNOWN]]
    assert object_truth(tmp_path / "a.png", "voc", category="7").tolist() == [[0, 1, 0]]
    assert object_truth(tmp_path / "a.png", "voc").tolist() == [[0, 1, 1]]


def test_a_grey_truth_has_greys(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[0, 1]], [WHITE, BLACK])
    assert object_truth(tmp_path / "a.png", "grey").tolist() == [[1, 0]]
    save(tmp_path / "a.png", [[0, 1]], VOC_COLORS)
    with pytest.raises(ValueError, match="must have a palette of greys, got colors; "):
        object_truth(tmp_path / "a.png", "grey")


@pytest.mark.parametrize("coding", ["binary", "any"])
def test_the_way_a_folder_of_truths_is_read_is_shown(coding: str, tmp_path: Path) -> None:
    truths = {"a": OBJECT, "b": np.ones_like(OBJECT), "c": np.zeros_like(OBJECT)}
    for name, labels in truths.items():
        save(tmp_path / f"truths/{name}.png", labels, CITYSCAPES)  # The labels 0 and 1 are both black.
        put(tmp_path / f"found/{name}.png", labels * 255)
    evaluation = evaluate(tmp_path / "found", tmp_path / "truths", coding=coding)
    assert values_of(evaluation)["iou"] == 1
    assert evaluation.notes == ("Some truths have a palette; its indices are read, not its colors.",)
    assert evaluation.convention.endswith(f". {evaluation.notes[0]}")
    assert evaluation.as_json()["convention"] == evaluation.convention
    assert evaluation.notes[0] in evaluation._repr_html_()
    comparison = compare(tmp_path / "found", tmp_path / "found", tmp_path / "truths", coding=coding)
    assert evaluation.notes[0] in str(comparison.as_json()["convention"])


def test_a_folder_of_greys_is_shown_as_greys(tmp_path: Path) -> None:
    save(tmp_path / "truths/a.png", OBJECT, [BLACK, WHITE])
    save(tmp_path / "truths/b.png", 1 - OBJECT, [WHITE, BLACK])
    for name in "ab":
        put(tmp_path / f"found/{name}.png", OBJECT * 255)
    evaluation = evaluate(tmp_path / "found", tmp_path / "truths")
    assert values_of(evaluation)["iou"] == 1
    assert evaluation.notes == ("Some truths have a palette; its greys are read, not its indices.",)


def test_the_way_a_folder_of_masks_is_read_is_shown(tmp_path: Path) -> None:
    for name, labels in {"a": OBJECT, "b": np.ones_like(OBJECT)}.items():
        save(tmp_path / f"found/{name}.png", labels, CITYSCAPES)
        put(tmp_path / f"truths/{name}.png", labels)
    evaluation = evaluate(tmp_path / "found", tmp_path / "truths")
    assert values_of(evaluation)["iou"] == 1
    assert evaluation.notes == ("Some masks have a palette; its indices are read, not its colors.",)


def test_a_truth_that_contradicts_its_folder_is_a_problem(tmp_path: Path) -> None:
    save(tmp_path / "truths/a.png", OBJECT, VOC_COLORS[:21])
    save(tmp_path / "truths/b.png", 1 - OBJECT, [WHITE, BLACK])
    for name in "ab":
        put(tmp_path / f"found/{name}.png", OBJECT * 255)
    (problem,) = evaluate(tmp_path / "found", tmp_path / "truths").problems
    assert problem.startswith("b: ")
    assert "must have a palette of labels like the other files of its folder, got one of greys" in problem
