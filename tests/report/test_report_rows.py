"""The rows of a report, their pictures, and the reasons for missing pictures."""

from pathlib import Path

import numpy as np
import pytest
from report_runs import SIZE, Made, data_in, mask_of, picture

from wsseg.files.encode import write_labels, write_mask, write_picture
from wsseg.report.page import write_report
from wsseg.report.pictures import picture_side
from wsseg.runs.record import Finding, Record


def test_a_row_has_the_finding_and_its_score(three: Made) -> None:
    rows = three.written(truths=three.truths)["rows"]
    assert [(row["name"], row["category"], row["confidence"], row["scores"]["iou"]) for row in rows] == [
        ("a", "cat", 0.2, 0.25),
        ("b", "dog", 0.9, 0.5),
        ("sub/c", "cat", 0.6, 1),
    ]
    assert rows[0]["input"] == str(three.photos / "photo0.png")
    assert rows[0]["seconds"] == 0.5


def test_the_pictures_are_those_of_photo_run_and_truth(three: Made) -> None:
    data = three.written(truths=three.truths)
    assert data["base"] == "data:image/webp;base64,"
    row = data["rows"][1]
    assert set(row["made"]) == {"photo", "mask", "veil", "truth", "errors"}
    assert picture(data, row, "photo").shape == (*SIZE, 3)
    np.testing.assert_array_equal(picture(data, row, "mask")[..., 0], mask_of(0.25) * np.uint8(255))
    np.testing.assert_array_equal(picture(data, row, "truth")[..., 0], mask_of(0.5) * np.uint8(255))
    errors = picture(data, row, "errors")[30]
    hit, miss = errors[10], errors[30]
    assert hit[:3].tolist() == [0, 114, 178]
    assert miss[:3].tolist() == [240, 228, 66]
    assert errors[60, 3] == 0


def test_large_photos_are_reduced(made: Made) -> None:
    write_picture(made.photos / "large.png", np.zeros((500, 2000, 3), np.uint8))
    made.add("a", made.found("a"), input=str(made.photos / "large.png"), hash="")
    data = made.written()
    assert picture(data, data["rows"][0], "photo").shape == (240, 960, 3)


def test_more_photos_are_smaller() -> None:
    sides = [picture_side(rows) for rows in (0, 1, 100, 200, 250, 10**6)]
    assert sides == [960, 960, 800, 565, 505, 448]


def test_a_missing_picture_has_its_flag(made: Made) -> None:
    made.add("a", made.found("a"))
    flags = made.written()["flags"]
    assert flags["saliency"] == "--write saliency"
    assert flags["seeds"] == "--write seeds"
    assert flags["truth"] == "report --truth FOLDER"


def test_a_failed_photo_is_a_row_with_its_error(made: Made) -> None:
    made.add("a", error="it is too large")
    (row,) = made.written()["rows"]
    assert (row["status"], row["error"]) == ("failed", "it is too large")
    assert set(row["made"]) == {"photo"}


def test_every_row_of_a_photo_to_review_is_marked(made: Made) -> None:
    made.add("a", made.found("a.cat"), made.found("a.dog"), review=True)
    made.add("b", made.found("b"))
    assert [row.get("review", False) for row in made.written()["rows"]] == [True, True, False]


def test_several_targets_have_a_row_each_and_share_the_photo(made: Made) -> None:
    made.add("a", made.found("a.cat", 0.25), made.found("a.dog", 0.5, category="dog"))
    made.truth("a.cat", 0.25)
    made.truth("a.dog", 1)
    one, other = made.written(truths=made.truths)["rows"]
    assert (one["category"], other["category"]) == ("cat", "dog")
    assert one["made"]["photo"] == other["made"]["photo"]
    assert one["made"]["mask"] != other["made"]["mask"]
    assert (one["scores"]["iou"], other["scores"]["iou"]) == (1, 0.5)


def test_a_map_of_labels_is_tinted_in_its_colors(made: Made) -> None:
    made.made_by["what"] = "labels"
    labels = np.where(mask_of(0.5), 2, 0).astype(np.uint8)
    write_labels(made.folder / "labels" / "a.png", labels)
    found = [Finding(category=name, probability=0.5, status="ok", confidence=0.5) for name in ("cat", "dog")]
    made.add("a", *found, outputs={"labels": "labels/a.png"})
    data = made.written()
    one, other = data["rows"]
    assert one["made"] == other["made"]
    assert set(one["made"]) == {"photo", "labels", "tint"}
    assert (one["color"], other["color"]) == ("#800000", "#008000")
    tint = picture(data, other, "tint")
    assert tint[30, 10].tolist() == [0, 128, 0, 140]
    assert tint[30, 60, 3] == 153
    assert list(data["flags"]) == ["overlay", "labels", "instances"]


def test_a_run_of_saliency_shows_saliency(made: Made) -> None:
    del made.made_by["what"]
    write_picture(made.folder / "saliency" / "a.png", np.full((*SIZE, 3), 200, np.uint8))
    made.add("a", Finding(category="cat", probability=0.5, outputs={"saliency": "saliency/a.png"}))
    data = made.written()
    assert data["kinds"] == ["photo", "saliency"]
    assert set(data["rows"][0]["made"]) == {"photo", "saliency"}
    assert "status" not in data["rows"][0]


def test_an_overlay_stands_in_for_a_mask_that_was_not_written(made: Made) -> None:
    write_picture(made.folder / "overlays" / "a.png", np.full((*SIZE, 3), 200, np.uint8))
    made.add("a", made.found("a", outputs={"overlay": "overlays/a.png"}))
    assert set(made.written()["rows"][0]["made"]) == {"photo", "overlay"}


def test_numbers_outside_json_are_left_out(made: Made) -> None:
    given = {"probability": float("nan"), "confidence": float("-inf")}
    made.add("a", made.found("a", **given), seconds={"read": float("nan"), "write": 1.0})
    row = made.written()["rows"][0]
    assert not {"probability", "confidence"} & set(row)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"input": "/nowhere/a.png"}, "must be readable"),
        ({"hash": "0" * 64}, "photo must be unchanged since the run, got another"),
        ({"input": "s3://bucket/a.png"}, "photo must be on a disk"),
        ({"input": "http://127.0.0.1:9/a.png"}, "photo must be on a disk"),
        ({"input": "/dev/zero"}, "must be a regular file"),
        ({"input": __file__, "hash": ""}, "must be a picture"),
    ],
)
def test_a_photo_that_is_missing_or_changed_is_reported(made: Made, given: dict[str, str], reason: str) -> None:
    made.add("a", made.found("a"), **given)
    made.save()
    written = write_report(made.folder, made.page)
    (problem,) = written.problems
    assert problem.startswith("a: no photo: ")
    assert reason in problem
    row = data_in(made.page)["rows"][0]
    assert reason in row["lacking"]["photo"]
    assert set(row["made"]) == {"mask", "veil"}


def test_a_photo_may_be_too_large_to_be_shown(made: Made) -> None:
    made.add("a", made.found("a"))
    assert "made" not in made.written(max_pixels=SIZE[0] * SIZE[1] - 1)["rows"][0]
    assert "photo" in made.written(max_pixels=SIZE[0] * SIZE[1])["rows"][0]["made"]


def test_a_picture_that_is_missing_or_broken_is_reported(made: Made) -> None:
    made.add("a", made.found("a"))
    made.add("b", made.found("b"))
    (made.folder / "masks" / "a.png").unlink()
    (made.folder / "masks" / "b.png").write_text("no picture")
    made.save()
    assert [problem[:10] for problem in write_report(made.folder, made.page).problems] == ["a: no mask", "b: no mask"]


def test_a_mask_without_a_truth_is_no_problem_but_one_of_another_size_is(three: Made) -> None:
    (three.truths / "a.png").unlink()
    write_mask(three.truths / "b.png", mask_of(0.5).T)
    three.truth("stranger")
    three.save()
    written = write_report(three.folder, three.page, truths=three.truths)
    assert len(written.problems) == 1
    assert written.problems[0].startswith("b: no truth: mask and truth must have one height and width")
    missing, other, scored = data_in(three.page)["rows"]
    assert missing["lacking"]["truth"].startswith("no truth found")
    assert "errors" not in other["made"] and "scores" not in other
    assert scored["scores"]["iou"] == 1


def test_a_void_value_is_void_in_the_errors(made: Made) -> None:
    made.add("a", made.found("a", 0.5))
    write_picture(made.truths / "a.png", np.where(mask_of(0.25), 255, np.where(mask_of(0.5), 7, 0)).astype(np.uint8))
    data = made.written(truths=made.truths, void=7)
    row = data["rows"][0]
    assert row["scores"]["iou"] == 1
    assert picture(data, row, "errors")[30, 30, :3].tolist() == [153, 153, 153]
    assert picture(data, row, "truth")[30, 30, 0] == 128


def test_truths_are_read_as_evaluate_reads_them(made: Made) -> None:
    made.add("a", made.found("a", 0.5))
    labels = np.where(mask_of(0.25), 12, np.where(mask_of(0.5), 255, 0)).astype(np.uint8)  # A dog, and void.
    write_picture(made.truths / "SegmentationClass" / "a.png", labels)
    (made.truths / "ImageSets" / "Segmentation").mkdir(parents=True)
    (made.truths / "ImageSets" / "Segmentation" / "val.txt").write_text("a\n")
    row = made.written(truths=made.truths, layout="voc", category="dog")["rows"][0]
    assert row["scores"]["iou"] == 1
    row = made.written(truths=made.truths / "SegmentationClass", coding="voc", category="cat")["rows"][0]
    assert row["scores"]["iou"] == 0
    with pytest.raises(ValueError, match="^coding must be one of binary, "):
        made.written(truths=made.truths, coding="morse")


def test_truths_need_masks(made: Made) -> None:
    made.add("a", Finding(category="cat", probability=0.5))
    made.truth("a")
    with pytest.raises(ValueError, match=r"^run must hold masks on a disk, got '.*'; segment to a disk with --write"):
        made.written(truths=made.truths)


def test_a_relative_photo_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / "here/a.png", np.zeros((4, 5, 3), np.uint8))
    record = Record(input="a.png", base=str(tmp_path / "here"), name="a", settings="")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.jsonl").write_bytes(record.as_line())
    monkeypatch.chdir(tmp_path)
    assert write_report(tmp_path / "run", tmp_path / "page.html").problems == ()
