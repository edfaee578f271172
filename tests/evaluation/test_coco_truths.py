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
from wsseg.evaluation.coco_truths import CocoAnnotation, CocoTruth
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


def test_a_file_that_is_not_coco_is_refused(tmp_path: Path) -> None:
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
    """Return the error of the truth of `sub/a` after its image or its annotations are changed."""
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
def test_incomplete_segmentations_are_refused(annotations: Path, segmentation: object) -> None:
    assert "truth must have a segmentation in each annotation" in broken(
        annotations, annotation={"segmentation": segmentation}
    )


@pytest.mark.parametrize("height", [0, -6, "6", 6.5, float("nan"), True, None, 10**9])
def test_an_invalid_size_is_refused_before_memory_is_allocated(annotations: Path, height: object) -> None:
    assert "truth must have a positive height and width" in broken(annotations, image={"height": height})


def test_run_lengths_are_read_as_pycocotools_writes_them(annotations: Path) -> None:
    rng = np.random.default_rng(0)
    for scale in (1, 3, 20):
        mask = cv2.resize(rng.integers(0, 2, (90 // scale + 1, 70 // scale + 1), np.uint8), (70, 90), interpolation=0)
        counts = coco.encode(np.asfortranarray(mask))["counts"].decode()
        truth = CocoTruth("a.jpg", (90, 70), [CocoAnnotation("1", {"size": [90, 70], "counts": counts})])
        assert (truth.read() == mask).all()


def test_photos_with_the_same_name_or_id_are_refused(annotations: Path, tmp_path: Path) -> None:
    content = json.loads(annotations.read_text())
    content["images"][1]["file_name"] = "sub/a.png"
    write(annotations, json.dumps(content))
    put(tmp_path / "found/sub/a.png", np.zeros((6, 8)))
    (problem,) = evaluate(tmp_path / "found", annotations).problems
    assert problem == "sub/a: truth must be one file, got 'sub/a.jpg' and 'sub/a.png'; keep one of them"
    content["images"][1]["id"] = 3
    write(annotations, json.dumps(content))
    with pytest.raises(ValueError, match="^images of '.*' must have unique ids, got 1 repeatedly"):
        truths_in(annotations, Reading())


NAMELESS = '{"images": [{"id": 1, "file_name": ""}], "categories": [], "annotations": []}'


@pytest.mark.parametrize("text", ["[" * 200_000, NAMELESS], ids=["deep", "nameless"])
def test_a_file_that_only_looks_like_coco_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.json", text)
    with pytest.raises(ValueError, match="^truths must be a COCO file"):
        truths_in(tmp_path / "a.json", Reading())


def test_names_pair_in_any_unicode_form(tmp_path: Path) -> None:
    put(tmp_path / "found/caf\u00e9.png", OBJECT * 255)
    put(tmp_path / "truths/cafe\u0301.PNG", OBJECT * 255)
    assert list(evaluate(tmp_path / "found", tmp_path / "truths").photos) == ["caf\u00e9"]


def test_an_unknown_category_of_a_coco_file_is_refused(annotations: Path) -> None:
    with pytest.raises(
        ValueError, match="^category must be a category of the COCO file, got 'cow'; choose one of cat, dog$"
    ):
        truths_in(annotations, Reading(category="cow"))


SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0, 1.0, 4.0]
SQUARE_RUNS = {"size": [6, 8], "counts": [7, 3, 3, 3, 3, 3, 3, 3, 20]}


def coco_file(folder: Path, *annotations: Any, **content: Any) -> Path:
    """Write a file with the photos a and b, of 6 x 8 pixels, and the categories 1 (cat) and 2 (dog)."""
    images = [
        {"id": place, "file_name": f"{name}.jpg", "height": 6, "width": 8} for place, name in ((1, "a"), (2, "b"))
    ]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    whole = {"images": images, "categories": categories, "annotations": annotations, **content}
    write(folder / "coco.json", json.dumps(whole))
    return folder / "coco.json"


def one(segmentation: Any, **changes: Any) -> dict[str, Any]:
    return {"id": 7, "image_id": 1, "category_id": 1, "segmentation": segmentation, **changes}


def truth_of(file: Path, name: str = "a", category: str | None = None) -> Any:
    (truth,) = truths_in(file, Reading(category=category)).by_photo[name]
    return truth.read()


def square() -> Any:
    expected = np.zeros((6, 8), np.uint8)
    expected[1:4, 1:5] = 1
    return expected


def text_of(mask: Any) -> dict[str, Any]:
    return {"size": [6, 8], "counts": coco.encode(np.asfortranarray(mask))["counts"].decode()}


@pytest.mark.parametrize(
    "segmentation",
    [
        [SQUARE],
        SQUARE,
        [int(number) for number in SQUARE],
        [[1, 1, 3, 1, 3, 4, 1, 4], [3, 1, 5, 1, 5, 4, 3, 4]],
        SQUARE_RUNS,
        {"size": [6.0, 8.0], "counts": [float(run) for run in SQUARE_RUNS["counts"]]},
        text_of(square()),
        [SQUARE_RUNS],
        [text_of(square()), {"size": [6, 8], "counts": [48]}],
    ],
)
def test_an_outline_in_any_notation_is_read(segmentation: Any, tmp_path: Path) -> None:
    assert (truth_of(coco_file(tmp_path, one(segmentation))) == square()).all()


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([], "no segmentation"),
        ([[]], "no segmentation"),
        (None, "no segmentation"),
        ({}, "no segmentation"),
        ([[1, 1, 4, 3]], r"a polygon of 4 numbers \(it needs x and y of at least 3 points\)"),
        ([1, 1, 4, 3], "a polygon of 4 numbers .*"),
        ([SQUARE, [1, 1, 2, 2]], "a polygon of 4 numbers .*"),
        ([SQUARE[:7]], "a polygon of 7 numbers .*"),
        ([[1, 1], [5, 1], [5, 4]], "a polygon of 2 numbers .*"),
        ([[[1, 1], [5, 1], [5, 4]]], "a polygon that is not a list of numbers .*"),
        ([["1", "1", "5", "1", "5", "4"]], "a polygon that is not a list of numbers .*"),
        ([[1, 1, 5, 1, 5, True]], "a polygon that is not a list of numbers .*"),
        ([SQUARE, SQUARE_RUNS], "a polygon that is not a list of numbers .*"),
        ([[1, 1, 5, 1, 5, 10**400]], "a polygon that extends beyond the photo by more than its size"),
        ("square", '"square" as a segmentation'),
        (True, "true as a segmentation"),
        ({"counts": [48]}, r"run lengths of the size null in a photo of \[6, 8\]"),
        ({"size": [8, 6], "counts": [48]}, r"run lengths of the size \[8, 6\] in a photo of \[6, 8\]"),
        ({"size": [6, 8], "counts": [47]}, "run lengths of 47 pixels in a photo of 48"),
        ({"size": [6, 8], "counts": [47.5, 0.5]}, "run lengths with counts that are neither .*"),
        ({"size": [6, 8], "counts": {"0": 48}}, "run lengths with counts that are neither .*"),
        ({"size": [6, 8], "counts": [49, -1]}, "a negative run length"),
        ({"size": [6, 8], "counts": "`1\u00e9"}, 'run lengths with the character ".*"'),
        ({"size": [6, 8], "counts": "`1P"}, "a run length without an end"),
    ],
)
def test_an_outline_that_cannot_be_read_is_named_with_the_reason(
    segmentation: Any, reason: str, tmp_path: Path
) -> None:
    file = coco_file(tmp_path, one(SQUARE, id=1), one(segmentation, id=31), one(SQUARE, image_id=2))
    with pytest.raises(ValueError, match=f"^truth must .*, got {reason} in annotation 31; correct or remove"):
        truth_of(file)
    assert (truth_of(file, "b") == square()).all()


def test_all_annotations_without_an_outline_are_named(tmp_path: Path) -> None:
    box = one(None, id="x", bbox=[1, 1, 4, 3])
    nameless = {"image_id": 1, "category_id": 1}
    file = coco_file(tmp_path, one(SQUARE), box, nameless, one([1, 2], id=9))
    named = 'got no segmentation in annotations "x", number 3 of the file, and a polygon of 2 numbers .* annotation 9; '
    with pytest.raises(ValueError, match=named):
        truth_of(file)


@pytest.mark.parametrize("given", [1, 1.0, "1", " 1"])
@pytest.mark.parametrize("own", [1, 1.0, "1"])
def test_ids_may_be_numbers_or_text(given: Any, own: Any, tmp_path: Path) -> None:
    image = {"id": own, "file_name": "a.jpg", "height": 6.0, "width": 8}
    categories = [{"id": own, "name": "cat"}, {"id": 2, "name": "dog"}]
    file = coco_file(tmp_path, one(SQUARE, image_id=given, category_id=given), images=[image], categories=categories)
    for category in (None, "cat", "1"):
        assert (truth_of(file, category=category) == square()).all()
    assert not truth_of(file, category="dog").any()


def test_an_id_shared_by_two_images_is_refused_in_any_form(tmp_path: Path) -> None:
    images = [{"id": each, "file_name": "a.jpg", "height": 6, "width": 8} for each in (1, "1")]
    with pytest.raises(ValueError, match="^images of '.*' must have unique ids, got 1 repeatedly"):
        truth_of(coco_file(tmp_path, images=images))


@pytest.mark.parametrize("image", [77, "77", "01", 1.5, None, True, [1]])
def test_an_annotation_without_an_image_is_refused_by_name(image: Any, tmp_path: Path) -> None:
    file = coco_file(tmp_path, one(SQUARE), one(SQUARE, id=8, image_id=image))
    with pytest.raises(ValueError, match="^annotations must each belong to an image .* in annotation 8; "):
        truth_of(file)
    assert (truth_of(coco_file(tmp_path, one(SQUARE), one(SQUARE, image_id=77, category_id=2)), category="cat")).any()


def test_many_annotations_without_an_image_are_counted(tmp_path: Path) -> None:
    file = coco_file(tmp_path, *(one(SQUARE, id=each, image_id=77) for each in range(12)))
    with pytest.raises(ValueError, match="image_id 77 in annotation 9 and 2 more; "):
        truth_of(file)


def test_an_unknown_category_counts_unless_one_is_chosen(tmp_path: Path) -> None:
    file = coco_file(tmp_path, one(SQUARE, category_id=9))
    assert (truth_of(file) == square()).all()
    with pytest.raises(ValueError, match="got the unknown category_id 9 in annotation 7; "):
        truth_of(file, category="cat")


def test_categories_with_the_same_name_count_together(tmp_path: Path) -> None:
    categories = [{"id": each, "name": "cat"} for each in (1, 2)]
    file = coco_file(tmp_path, one([SQUARE]), one([5, 1, 7, 1, 7, 4, 5, 4], category_id=2), categories=categories)
    assert truth_of(file, category="cat").sum() == 18
    assert truth_of(file, category="2").sum() == 6


@pytest.mark.parametrize(
    ("value", "is_crowd"),
    [(0, False), (False, False), (None, False), ("0", False), (1, True), (True, True), ("1", True)],
)
def test_a_crowd_is_void_and_nothing_else_is(value: Any, is_crowd: bool, tmp_path: Path) -> None:
    file = coco_file(tmp_path, one(SQUARE, iscrowd=value))
    assert (truth_of(file) == square() * (UNKNOWN if is_crowd else 1)).all()
    both = coco_file(tmp_path, one(SQUARE), one(SQUARE_RUNS, iscrowd=1))
    assert (truth_of(both) == square()).all()  # An object in a crowd is an object.


@pytest.mark.parametrize("value", [2, "yes", [], -1])
def test_an_invalid_crowd_flag_is_named(value: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got iscrowd .* in annotation 7; "):
        truth_of(coco_file(tmp_path, one(SQUARE, iscrowd=value)))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"annotations": [7]}, "no object as number 1 of its annotations"),
        ({"annotations": {}}, "no list of annotations"),
        ({"categories": None}, "no list of categories"),
        ({"images": [{"id": 1}]}, "an image with the id 1 and the file_name null"),
        ({"images": [{"file_name": "a.jpg"}]}, 'an image with the id null and the file_name "a.jpg"'),
    ],
)
def test_a_file_of_another_form_is_refused_in_plain_words(content: Any, named: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^truths must be a COCO file with .*, got {named} in '.*coco.json'; "):
        truth_of(coco_file(tmp_path, **content))


def test_a_photo_without_a_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got height null and width 8; correct the image's entry"):
        truth_of(coco_file(tmp_path, images=[{"id": 1, "file_name": "a.jpg", "width": 8}]))
