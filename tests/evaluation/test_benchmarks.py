"""Known benchmarks as small trees: each is scored by one call, against the truths that its own code would read."""

from pathlib import Path

import numpy as np
import pytest
from benchmark_trees import OBJECT, SHIFTED, put, put_labels, scored, values_of, write
from PIL import Image

from wsseg.arrays import Box
from wsseg.evaluation.codings import CODINGS
from wsseg.evaluation.evaluate import evaluate
from wsseg.evaluation.layouts import LAYOUTS, LAYOUTS_OF_KIND
from wsseg.evaluation.protocols import LOWER_IS_BETTER, MEANINGS, PROTOCOLS, sequence_scores
from wsseg.evaluation.truths import Reading, truths_in
from wsseg.runs.record import Finding, Record


def test_every_layout_has_a_coding_or_boxes_and_a_kind() -> None:
    for name, layout in LAYOUTS.items():
        assert (layout.coding in CODINGS) != (layout.boxes is not None)
        assert "https://" in layout.source or "http://" in layout.source
        assert any(name in names for names in LAYOUTS_OF_KIND.values())


def test_every_score_has_a_meaning() -> None:
    frames = sequence_scores({"j": [1.0] * 5, "f": [0.5] * 5})
    names = {name for rules in PROTOCOLS.values() for name in (*rules.scores, *rules.pooled)} | frames.keys()
    assert names <= MEANINGS.keys()
    assert names >= LOWER_IS_BETTER


@pytest.mark.parametrize("folder", ["ground_truth_mask", "DUTS-TE-Mask", "DUTS-TE/DUTS-TE-Mask", "pixelwiseGT-new-PNG"])
@pytest.mark.parametrize("protocol", ["saliency", "unsupervised"])
def test_saliency_sets_are_scored_by_both_communities(tmp_path: Path, folder: str, protocol: str) -> None:
    put(tmp_path / "data" / folder / "a.png", OBJECT * 200)
    put(tmp_path / "found/a.png", SHIFTED * 180 + 20)
    values = values_of(scored(tmp_path, protocol))
    half = 1.3 * 2 / (0.3 * 4 + 4)
    assert values["f_max"] == pytest.approx(half)
    if protocol == "saliency":
        assert list(values) == [*("mae", "f_adaptive", "e_adaptive", "s_measure", "f_max", "f_mean", "e_max", "e_mean")]
        assert values["mae"] == pytest.approx(4 / 16)  # These are scores of the stretched map.
    else:
        assert values["iou"] == pytest.approx(2 / 6)


def test_a_plain_folder_may_be_scored_by_a_protocol(tmp_path: Path) -> None:
    put(tmp_path / "data/a.png", OBJECT * 255)
    put(tmp_path / "found/a.png", OBJECT * 255)
    assert values_of(scored(tmp_path, "saliency"))["f_max"] == pytest.approx(1)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Two photos of `val` and one of `train`: cats, and a person."""
    base = tmp_path / "data/VOCdevkit/VOC2012"
    for name, label in {"a": 8, "b": 15, "c": 1}.items():
        truth = OBJECT * label
        truth[0] = 255
        put_labels(base / f"SegmentationClass/{name}.png", truth)
        objects = "<object><name>cat</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>"
        write(base / f"Annotations/{name}.xml", f"<annotation>{objects}</object></annotation>")
    write(base / "ImageSets/Segmentation/val.txt", "a", "b")
    write(base / "ImageSets/Segmentation/train.txt", "c")
    write(base / "ImageSets/Main/trainval.txt", "a", "b", "c")
    return tmp_path


def test_voc_pools_the_classes_of_the_split(voc: Path) -> None:
    put_labels(voc / "found/a.png", OBJECT * 8)
    put_labels(voc / "found/b.png", OBJECT * 8)
    put_labels(voc / "found/c.png", OBJECT * 3)  # It belongs to another split.
    evaluation = scored(voc, "voc")
    assert list(evaluation.photos) == ["a", "b"]
    assert evaluation.classes == {"background": 1, "cat": 0.5, "person": 0}
    assert values_of(evaluation) == pytest.approx({"accuracy": 20 / 24, "miou": 0.5, "pixel_accuracy": 20 / 24})
    assert evaluation.as_json()["classes"]["cat"] == 0.5


def test_another_split_is_named(voc: Path) -> None:
    put_labels(voc / "found/c.png", OBJECT)
    assert values_of(scored(voc, "voc", split="train"))["miou"] == 1
    with pytest.raises(ValueError, match="^split must be one of val, train, trainval, got 'test'; "):
        scored(voc, "voc", split="test")
    with pytest.raises(ValueError, match="^split must be listed in '.*trainval.txt', got 'No such file or directory'"):
        scored(voc, "voc", split="trainval")


def test_a_photo_of_the_split_without_truth_or_mask_is_a_problem(voc: Path) -> None:
    write(voc / "data/VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", "a", "b", "nowhere")
    put_labels(voc / "found/b.png", OBJECT)
    problems = scored(voc, "voc").problems
    assert problems[0].startswith("a: no mask found")
    assert problems[1].startswith("nowhere: no truth found")


def test_masks_of_another_split_are_refused_with_the_option_to_choose_it(voc: Path) -> None:
    put_labels(voc / "found/c.png", OBJECT)
    with pytest.raises(ValueError, match=r"got no match: .* has 'c', .* has 'a', 'b'; choose .* \(--split\)$"):
        scored(voc, "voc")


def test_a_mask_of_no_class_is_a_problem(voc: Path) -> None:
    put(voc / "found/a.png", OBJECT * 255)
    put_labels(voc / "found/b.png", OBJECT)
    (problem,) = scored(voc, "voc").problems
    assert (
        problem == "a: labels must hold class numbers below 21, got 255; number the classes as the truths' coding does"
    )


def test_a_missing_mask_of_classes_may_count_as_background(voc: Path) -> None:
    put_labels(voc / "found/a.png", OBJECT * 8)
    evaluation = scored(voc, "voc", missing="zero")
    assert evaluation.classes == {"background": 16 / 20, "cat": 1, "person": 0}


def test_voc_truths_may_be_limited_to_one_class(voc: Path) -> None:
    put(voc / "found/a.png", OBJECT * 255)
    put(voc / "found/b.png", OBJECT * 0)
    evaluation = scored(voc, "default", layout="voc", category="cat")
    assert [photo["iou"] for photo in evaluation.photos.values()] == [1, 1]


def test_corloc_of_voc_needs_one_true_box(voc: Path) -> None:
    spotted = np.pad(OBJECT, (0, 3)) * 255
    spotted[6, 6] = 255  # The largest component counts.
    for name, mask in {"a": OBJECT * 255, "b": spotted, "c": SHIFTED * 255}.items():
        put(voc / f"found/{name}.png", mask)
    evaluation = scored(voc, "corloc")
    assert [photo["corloc"] for photo in evaluation.photos.values()] == [1, 1, 0]
    assert values_of(evaluation)["corloc"] == pytest.approx(2 / 3)
    assert scored(voc, "corloc", category="dog").photos["a"]["corloc"] == 0


CORNERS = "<a><object><bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></a>"


@pytest.mark.parametrize(
    "text",
    [
        "<annotation><object>",
        CORNERS.format("inf"),
        CORNERS.format("nan"),
        CORNERS.format("9"),
        '<?xml version="1.0" encoding="morse"?><a/>',
    ],
)
def test_a_broken_annotation_is_a_problem(voc: Path, text: str) -> None:
    write(voc / "data/VOCdevkit/VOC2012/Annotations/a.xml", text)
    for name in "abc":
        put(voc / f"found/{name}.png", OBJECT * 255)
    (problem,) = scored(voc, "corloc").problems
    assert problem.startswith("a: ")
    assert "a.xml' must hold objects with boxes" in problem


@pytest.fixture
def imagenet_s(tmp_path: Path) -> Path:
    colors = np.zeros((4, 4, 3), np.uint8)
    colors[OBJECT == 1] = (300 % 256, 300 // 256, 0)
    colors[0] = (1000 % 256, 1000 // 256, 0)
    put(tmp_path / "data/validation-segmentation/n01443537/one.png", colors)
    return tmp_path


def test_imagenet_segmentation_pools_object_and_background(imagenet_s: Path) -> None:
    put(imagenet_s / "found/n01443537/one.png", SHIFTED * 255)
    values = values_of(scored(imagenet_s, "imagenet-segmentation"))
    assert values["pooled_accuracy"] == pytest.approx(8 / 12)
    assert values["pooled_miou"] == pytest.approx((2 / 6 + 6 / 10) / 2)


def test_imagenet_s_compares_classes_of_its_coding(imagenet_s: Path) -> None:
    truth = imagenet_s / "data/validation-segmentation/n01443537/one.png"
    found = imagenet_s / "found/n01443537/one.png"
    colors = np.array(Image.open(truth))
    colors[0] = 0
    put(found, colors)
    evaluation = scored(imagenet_s, "imagenet-s")
    assert evaluation.classes == {"0": 1, "300": 1}


def test_pets_have_trimaps_and_lists(tmp_path: Path) -> None:
    for name in ("Abyssinian_1", "beagle_2"):
        truth = np.where(OBJECT == 1, 1, 2)
        truth[0] = 3
        put(tmp_path / f"data/annotations/trimaps/{name}.png", truth)
        put(tmp_path / f"data/annotations/trimaps/._{name}.png", truth)
        put(tmp_path / f"found/{name}.png", OBJECT * 255)
    write(tmp_path / "data/annotations/test.txt", "Abyssinian_1 1 1 1")
    evaluation = scored(tmp_path, "unsupervised")
    assert list(evaluation.photos) == ["Abyssinian_1"]
    assert values_of(evaluation)["iou"] == 1


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    base = tmp_path / "data/CUB_200_2011"
    for number, name in enumerate(("001.Auk/one", "001.Auk/two"), 1):
        put(base / f"segmentations/{name}.png", OBJECT * 204 + 51 * SHIFTED)
        put(tmp_path / f"found/{name}.png", OBJECT * 255)
        with (base / "images.txt").open("a") as file:
            file.write(f"{number} {name}.jpg\n")
    write(base / "train_test_split.txt", "1 1", "2 0")
    write(base / "bounding_boxes.txt", "1 0.0 0.0 1.0 1.0", "2 1.0 1.0 2.0 2.0")
    return tmp_path


def test_birds_are_where_most_annotators_saw_them(birds: Path) -> None:
    evaluation = scored(birds, "unsupervised")
    assert list(evaluation.photos) == ["001.Auk/two"]
    assert values_of(evaluation)["iou"] == 1


def test_birds_have_boxes(birds: Path) -> None:
    evaluation = scored(birds, "corloc")
    assert list(evaluation.photos) == ["001.Auk/two"]
    assert values_of(evaluation) == {"box_iou": 1, "corloc": 1}


@pytest.mark.parametrize("line", ["7 1 2 3 4", "1 inf 2 3 4", "1 a 2 3 4", "1 2 3", "1 1 1 0 5"])
def test_a_line_that_is_not_a_box_is_named(birds: Path, line: str) -> None:
    file = next(birds.rglob("bounding_boxes.txt"))
    write(file, f"{line}\n\n")
    number, _, rest = line.partition(" ")
    with pytest.raises(ValueError, match=rf"bounding_boxes.txt' must hold a number.*got {number} '{rest}'; correct"):
        truths_in(birds / "data", Reading(protocol="corloc", layout="cub-boxes"))


def test_a_missing_list_of_the_split_is_named(birds: Path) -> None:
    next(birds.rglob("train_test_split.txt")).unlink()
    with pytest.raises(ValueError, match="^split must be listed in .*train_test_split.txt"):
        truths_in(birds / "data", Reading(layout="cub"))


def test_one_of_several_layouts_must_be_chosen(birds: Path) -> None:
    put(birds / "data/ground_truth_mask/001.Auk/two.png", OBJECT * 255)
    with pytest.raises(ValueError, match=r"^'.*' must have only one layout, got ecssd and cub; .*\(--layout\)$"):
        scored(birds, "unsupervised")
    assert scored(birds, "unsupervised", layout="cub").problems == ()
    with pytest.raises(ValueError, match="^layout must be one of .* must have it, got 'pets'; "):
        scored(birds, "unsupervised", layout="pets")


def test_davis_leaves_out_the_first_and_last_frame(tmp_path: Path) -> None:
    blank = np.zeros((20, 20), np.uint8)
    blank[5:15, 5:15] = 255
    lines = []
    for sequence, frames in {"cow": 7, "goat": 6, "train": 5}.items():
        for frame in range(frames):
            put(tmp_path / f"data/Annotations/480p/{sequence}/{frame:05}.png", blank)
            if 0 < frame < frames - 1 or sequence == "cow":
                shift = 10 if sequence == "goat" and frame == 4 else 0
                put(tmp_path / f"found/{sequence}/{frame:05}.png", np.roll(blank, shift, axis=0))
            name = f"{sequence}/{frame:05}"
            lines += [f"/JPEGImages/480p/{name}.jpg /Annotations/480p/{name}.png"] * (sequence != "train")
    write(tmp_path / "data/ImageSets/480p/val.txt", *lines)
    evaluation = scored(tmp_path, "davis")
    assert len(evaluation.photos) == 5 + 4
    values = values_of(evaluation)
    assert values["j_recall"] == pytest.approx((1 + 3 / 4) / 2)
    assert values["j_mean"] == pytest.approx((1 + 3 / 4) / 2)
    assert values["jf_mean"] == pytest.approx((values["j_mean"] + values["f_mean"]) / 2)
    assert list(values) == ["j_mean", "j_recall", "j_decay", "f_mean", "f_recall", "f_decay", "jf_mean"]


def test_plain_folders_of_frames_leave_out_both_ends_too(tmp_path: Path) -> None:
    for number in range(4):
        for folder in ("found", "truths"):
            put(tmp_path / folder / f"bear/{number}.png", OBJECT * 255)
    evaluation = evaluate(tmp_path / "found", tmp_path / "truths", protocol="davis")
    assert list(evaluation.photos) == ["bear/1", "bear/2"]
    put(tmp_path / "truths/cow/1.png", OBJECT * 255)
    with pytest.raises(ValueError, match="^each sequence must have at least 3 frames, got fewer in 'cow'"):
        evaluate(tmp_path / "found", tmp_path / "truths", protocol="davis")


def test_each_folder_of_frames_is_a_sequence_at_any_depth(tmp_path: Path) -> None:
    for name, frames, found in (("bear", 3, OBJECT), ("cow", 5, 0 * OBJECT)):
        for number in range(frames):
            put(tmp_path / f"truths/val/{name}/{number}.png", OBJECT * 255)
            put(tmp_path / f"found/val/{name}/{number}.png", found * 255)
    evaluation = evaluate(tmp_path / "found", tmp_path / "truths", protocol="davis")
    assert len(evaluation.photos) == 4
    assert values_of(evaluation)["j_mean"] == 0.5


def test_the_decay_compares_quarters() -> None:
    values = [1.0] * 4 + [0.5] * 4 + [0.25] * 4 + [0.125] * 4
    found = sequence_scores({"j": values, "f": [1.0] * 16})
    # Ends of the parts, from 0: 0, 4, 8, 11 and 15, each of them in both.
    assert found["j_decay"] == pytest.approx(np.mean(values[:5]) - np.mean(values[11:]))
    assert (found["j_mean"], found["j_recall"]) == (pytest.approx(np.mean(values)), 0.25)
    assert found["f_decay"] == 0


def box_xml(name: str, box: Box) -> str:
    corners = zip(("xmin", "ymin", "xmax", "ymax"), (box.x0, box.y0, box.x1 - 1, box.y1 - 1), strict=True)
    inner = "".join(f"<{corner}>{value}</{corner}>" for corner, value in corners)
    return f"<annotation><object><name>{name}</name><bndbox>{inner}</bndbox></object></annotation>"


@pytest.mark.slow
def test_ilsvrc_takes_the_detections_of_a_run(tmp_path: Path) -> None:
    run, truths = tmp_path / "found", tmp_path / "data/ILSVRC/Annotations/CLS-LOC/val"
    records = []
    for name, wnid in {"one": "n02123045", "two": "n02123045", "six": "n01440764"}.items():
        write(truths / f"{name}.xml", box_xml(wnid, Box(1, 1, 3, 3)))
        findings = []
        for number, category in enumerate(("tench", "tabby")):
            mask = f"masks/{name}.{category}.png"
            put(run / mask, (SHIFTED if name == "two" else OBJECT) * 255)
            findings.append(Finding(category=category, probability=0.5 - number / 4, outputs={"mask": mask}))
        records.append(Record(input=f"{name}.jpg", name=name, settings="", findings=tuple(findings)))
    write(run / "run.jsonl", *(record.as_line().decode().strip() for record in records))
    evaluation = scored(tmp_path, "ilsvrc-loc")
    assert evaluation.photos == {
        "one": {"top5_error": 0, "top1_error": 1},
        "six": {"top5_error": 0, "top1_error": 0},
        "two": {"top5_error": 1, "top1_error": 1},
    }
    assert values_of(evaluation) == pytest.approx({"top5_error": 1 / 3, "top1_error": 2 / 3})
    assert evaluation.worst(1)[0][0] == "two"
    with pytest.raises(ValueError, match="^'.*' must be the folder of a run, got no run.jsonl in it; segment with"):
        evaluate(run / "masks", tmp_path / "data", protocol="ilsvrc-loc")


@pytest.mark.parametrize("protocol", ["corloc", "ilsvrc-loc"])
def test_a_plain_folder_has_no_boxes(tmp_path: Path, protocol: str) -> None:
    put(tmp_path / "data/a.png", OBJECT)
    with pytest.raises(ValueError, match="^truths must be a benchmark's folder with boxes, got .*; use .*ilsvrc"):
        truths_in(tmp_path / "data", Reading(protocol=protocol))
