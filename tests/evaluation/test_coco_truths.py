"""COCO files of annotations as truths: objects, crowds, and what is refused."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from benchmark_trees import OBJECT, put, values_of, write
from pycocotools import mask as coco

from wsseg.arrays import UNKNOWN
from wsseg.evaluation.coco_truths import CocoTruth
from wsseg.evaluation.evaluate import evaluate
from wsseg.evaluation.truths import Reading, truths_in


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """A photo with a cat as RLE, a dog as a polygon and a crowd of cats, and one with nothing."""
    crowd = np.zeros((6, 8), np.uint8)
    crowd[:, 7] = 1
    cat = np.zeros((6, 8), np.uint8)
    cat[1:3, 1:4] = 1
    rle = coco.encode(np.asfortranarray(cat))
    runs = {"size": [6, 8], "counts": [42, 6]}
    square = [1.0, 3.0, 4.0, 3.0, 4.0, 5.0, 1.0, 5.0]
    content = {
        "images": [
            {"id": 3, "file_name": "sub/a.jpg", "height": 6, "width": 8},
            {"id": 4, "file_name": "b.jpg", "height": 6, "width": 8},
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"image_id": 3, "category_id": 17, "segmentation": {"size": [6, 8], "counts": rle["counts"].decode()}},
            {"image_id": 3, "category_id": 18, "segmentation": [square]},
            {"image_id": 3, "category_id": 17, "segmentation": runs, "iscrowd": 1},
        ],
    }
    file = tmp_path / "data" / "instances.json"
    write(file, json.dumps(content))
    return file


def test_coco_truths_are_the_union_of_objects_and_crowds_are_void(annotations: Path) -> None:
    (truth,) = truths_in(annotations, Reading()).by_photo["sub/a"]
    expected = np.zeros((6, 8), np.uint8)
    expected[1:5, 1:4] = 1
    expected[:, 7] = UNKNOWN
    assert (truth.read() == expected).all()
    assert not truths_in(annotations, Reading()).by_photo["b"][0].read().any()


@pytest.mark.parametrize("category", ["dog", "18"])
def test_coco_truths_of_one_category(annotations: Path, category: str) -> None:
    (truth,) = truths_in(annotations, Reading(category=category)).by_photo["sub/a"]
    assert truth.read().sum() == 6
    assert truth.read()[3:5, 1:4].all()


def test_masks_are_scored_against_a_coco_file(annotations: Path, tmp_path: Path) -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[1:5, 1:4], mask[:, 7] = 255, 255
    put(tmp_path / "found/sub/a.png", mask)
    put(tmp_path / "found/b.png", 0 * mask)
    assert values_of(evaluate(tmp_path / "found", annotations))["iou"] == 1


def test_a_file_that_is_not_coco_s_is_refused(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"images": []}'):
        write(tmp_path / "a.json", text)
        with pytest.raises(ValueError, match="^truths must be a COCO file"):
            truths_in(tmp_path / "a.json", Reading())


def test_a_broken_segmentation_is_a_problem(annotations: Path, tmp_path: Path) -> None:
    content = json.loads(annotations.read_text())
    content["annotations"][1]["segmentation"] = [[1.0]]
    content["annotations"][2]["segmentation"]["size"] = [3, 3]
    write(annotations, json.dumps(content))
    put(tmp_path / "found/sub/a.png", np.zeros((6, 8)))
    put(tmp_path / "found/b.png", np.zeros((6, 8)))
    (problem,) = evaluate(tmp_path / "found", annotations).problems
    assert problem.startswith("sub/a: truth must have")


def broken(annotations: Path, **changes: Any) -> str:
    """What reading the truth of `sub/a` complains of, once its image or its annotations are changed."""
    content = json.loads(annotations.read_text())
    for where, change in changes.items():
        one = content["images"][0] if where == "image" else content["annotations"][0]
        one.update(change)
    write(annotations, json.dumps(content))
    with pytest.raises(ValueError) as raised:
        truths_in(annotations, Reading()).by_photo["sub/a"][0].read()
    return str(raised.value)


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [6, 8], "counts": [10, 5]},
        {"size": [6, 8], "counts": [50, -2]},
        {"size": [6, 8], "counts": [10**30]},
        {"size": [6, 8], "counts": "zzzzzzzzz"},
        {"size": [6, 8], "counts": "o" * 100_000},
        {"size": [6, 8]},
        [[float("nan"), 3.0, 4.0, 3.0, 4.0, 5.0]],
        [[float("inf"), 3.0, 4.0, 3.0, 4.0, 5.0]],
        [[1e9, 3.0, 4.0, 3.0, 4.0, 5.0]],
        ["square"],
        [],
        7,
    ],
)
def test_segmentations_that_are_not_whole_are_refused(annotations: Path, segmentation: object) -> None:
    assert "truth must have valid segmentations" in broken(annotations, annotation={"segmentation": segmentation})


@pytest.mark.parametrize("height", [0, -6, "6", 6.0, None, 10**9])
def test_a_size_that_is_none_is_refused_before_memory_is_taken(annotations: Path, height: object) -> None:
    assert "truth must have a positive height and width" in broken(annotations, image={"height": height})


def test_the_runs_of_any_mask_are_read_as_pycocotools_writes_them(annotations: Path) -> None:
    rng = np.random.default_rng(0)
    for scale in (1, 3, 20):
        mask = cv2.resize(rng.integers(0, 2, (90 // scale + 1, 70 // scale + 1), np.uint8), (70, 90), interpolation=0)
        counts = coco.encode(np.asfortranarray(mask))["counts"].decode()
        truth = CocoTruth("a.jpg", (90, 70), [{"size": [90, 70], "counts": counts}], [])
        assert (truth.read() == mask).all()


def test_photos_of_one_name_or_id_are_refused(annotations: Path, tmp_path: Path) -> None:
    content = json.loads(annotations.read_text())
    content["images"][1]["file_name"] = "sub/a.png"
    write(annotations, json.dumps(content))
    put(tmp_path / "found/sub/a.png", np.zeros((6, 8)))
    (problem,) = evaluate(tmp_path / "found", annotations).problems
    assert problem == "sub/a: truth must be one file, got 'sub/a.jpg' and 'sub/a.png'; keep one of them"
    content["images"][1]["id"] = 3
    write(annotations, json.dumps(content))
    with pytest.raises(ValueError, match="^truths must give each image an id of its own, got 1 repeated"):
        truths_in(annotations, Reading())


NAMELESS = '{"images": [{"id": 1, "file_name": ""}], "categories": [], "annotations": []}'


@pytest.mark.parametrize("text", ["[" * 200_000, NAMELESS], ids=["deep", "nameless"])
def test_what_only_looks_like_a_coco_file_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.json", text)
    with pytest.raises(ValueError, match="^truths must be a COCO file"):
        truths_in(tmp_path / "a.json", Reading())


def test_names_pair_however_their_letters_are_composed(tmp_path: Path) -> None:
    put(tmp_path / "found/caf\u00e9.png", OBJECT * 255)
    put(tmp_path / "truths/cafe\u0301.PNG", OBJECT * 255)
    assert list(evaluate(tmp_path / "found", tmp_path / "truths").photos) == ["caf\u00e9"]


def test_an_unknown_category_of_a_coco_file_is_refused(annotations: Path) -> None:
    with pytest.raises(
        ValueError, match="^category must be a category of the COCO file, got 'cow'; choose one of cat, dog$"
    ):
        truths_in(annotations, Reading(category="cow"))
