"""Codings: the meaning of the values in a truth file."""

from pathlib import Path

import pytest
from benchmark_trees import OBJECT, put, put_labels

from wsseg.arrays import UNKNOWN
from wsseg.evaluation.codings import VOC_CLASSES, object_truth
from wsseg.evaluation.truths import Reading, truths_in


def test_codings_say_what_is_object_and_what_is_void(tmp_path: Path) -> None:
    path = tmp_path / "truth.png"
    put(path, [[0, 128, 129, 255]])
    assert object_truth(path, "grey").tolist() == [[0, 0, 1, 1]]
    assert object_truth(path, "any").tolist() == [[0, 1, 1, 1]]
    put(path, [[1, 2, 3, 2]])
    assert object_truth(path, "trimap").tolist() == [[1, 0, UNKNOWN, 0]]
    put_labels(path, [[0, 8, 15, 255]])
    assert object_truth(path, "voc").tolist() == [[0, 1, 1, UNKNOWN]]
    assert object_truth(path, "voc", category="cat").tolist() == [[0, 1, 0, UNKNOWN]]
    assert object_truth(path, "voc", category="15").tolist() == [[0, 0, 1, UNKNOWN]]
    put(path, [[[0, 0, 0], [44, 1, 0], [1000 % 256, 1000 // 256, 0]]])
    assert object_truth(path, "imagenet-s").tolist() == [[0, 1, UNKNOWN]]
    assert object_truth(path, "imagenet-s", category="300").tolist() == [[0, 1, UNKNOWN]]
    assert object_truth(path, "imagenet-s", category="44").tolist() == [[0, 0, UNKNOWN]]


def test_classes_have_the_numbers_of_the_development_kit() -> None:
    assert (VOC_CLASSES[8], VOC_CLASSES[15], VOC_CLASSES[20], len(VOC_CLASSES)) == ("cat", "person", "tvmonitor", 21)


@pytest.mark.parametrize(("coding", "category"), [("grey", "cat"), ("voc", "unicorn"), ("voc", "21"), ("binary", "1")])
def test_a_category_must_belong_to_the_coding(tmp_path: Path, coding: str, category: str) -> None:
    put(tmp_path / "data/a.png", OBJECT)
    with pytest.raises(ValueError, match=f"^category (needs|must be) .* got '{category}'"):
        truths_in(tmp_path / "data", Reading(coding=coding, category=category))


def test_blue_is_not_a_class_of_imagenet_s(tmp_path: Path) -> None:
    put(tmp_path / "truth.png", [[[1, 0, 9]]])
    with pytest.raises(ValueError, match=r"truth\.png'? must hold classes in red and green, got blue; "):
        object_truth(tmp_path / "truth.png", "imagenet-s")
