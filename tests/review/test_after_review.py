"""A reviewed run is segmented again, exported, evaluated, calibrated and tuned."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Run
from served import PLAIN, Served, point, serving

import wsseg
from wsseg.evaluation.calibrate import calibration_of_reviews
from wsseg.files.encode import write_picture
from wsseg.files.masks import read_mask
from wsseg.files.photos import read_image
from wsseg.review.items import Items
from wsseg.review.summary import summary_of
from wsseg.runs.record import REVIEWS, Decision, Finding, Record, read_run
from wsseg.segmenting.segmenter import Segmenter


@pytest.fixture
def reviewed(made: Path, run_folder: Path, segmenter: Segmenter) -> Path:
    """The run after a review: a corrected, b rejected, c accepted, d without an object, sub/e left."""
    with serving(run_folder, segmenter) as served:
        assert served.decide(0, "accepted", strokes=[point(5, 5), point(140, 100, 0)]).status == 200
        for number, verdict in ((1, "rejected"), (2, "accepted"), (3, "no object")):
            assert served.decide(number, verdict).status == 200
    return run_folder


def bytes_of(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "masks").rglob("*.png")}


def verdicts(run: Path) -> list[str]:
    return [one.decision.verdict if one.decision else "" for record in read_run(run).records for one in record.findings]


class TestSegmentedAgain:
    @pytest.mark.parametrize("smoothness", [PLAIN.smoothness, 1.0])
    def test_decisions_are_kept_whatever_the_settings(
        self, reviewed: Path, made: Path, segmenter: Segmenter, smoothness: float
    ) -> None:
        before, said = bytes_of(reviewed), verdicts(reviewed)
        recipe = replace(PLAIN, smoothness=smoothness)
        run = wsseg.segment_folder(made / "photos", reviewed, classifier=segmenter.classifier, recipe=recipe)
        assert run.kept == (5 if smoothness == PLAIN.smoothness else 4)
        after = bytes_of(reviewed)
        assert {name for name in before if before[name] != after[name]} <= {"e.png"}
        assert verdicts(reviewed) == said
        assert not (reviewed / REVIEWS).exists()
        assert (reviewed / "hints/a.png").is_file() and (reviewed / "automatic/a.png").is_file()

    def test_force_asks(self, reviewed: Path, made: Path, segmenter: Segmenter) -> None:
        before = bytes_of(reviewed)
        given = {"classifier": segmenter.classifier, "recipe": PLAIN, "force": True}
        with pytest.raises(FileExistsError, match=r"reviews of 4 photos .*--discard-reviews"):
            wsseg.segment_folder(made / "photos", reviewed, **given)
        assert bytes_of(reviewed) == before
        wsseg.segment_folder(made / "photos", reviewed, discard_reviews=True, **given)
        assert verdicts(reviewed) == [""] * 5
        assert bytes_of(reviewed)["a.png"] != before["a.png"]
        assert not (reviewed / "hints/a.png").exists() and not (reviewed / "automatic/a.png").exists()

    def test_another_photo_in_its_place_fails_and_loses_nothing(
        self, reviewed: Path, made: Path, segmenter: Segmenter
    ) -> None:
        photo = made / "photos/a.png"
        data, before, said = photo.read_bytes(), bytes_of(reviewed), verdicts(reviewed)
        given = {"classifier": segmenter.classifier, "recipe": PLAIN}
        try:
            write_picture(photo, read_image(photo)[::-1])
            run = wsseg.segment_folder(made / "photos", reviewed, **given)
        finally:
            photo.write_bytes(data)
        (reason,) = run.failures.values()
        assert "unchanged since its review" in reason and "--discard-reviews" in reason
        assert (bytes_of(reviewed), verdicts(reviewed)) == (before, said)
        assert not wsseg.segment_folder(made / "photos", reviewed, **given).failures
        assert (bytes_of(reviewed), verdicts(reviewed)) == (before, said)

    def test_the_hints_are_read_by_segment(
        self, reviewed: Path, made: Path, segmenter: Segmenter, tmp_path: Path
    ) -> None:
        hints, notices = tmp_path / "hints", list[str]()
        hints.mkdir()
        shutil.copy(reviewed / "hints/a.png", hints)
        wsseg.segment_folder(
            made / "photos",
            tmp_path / "again",
            classifier=segmenter.classifier,
            recipe=PLAIN,
            hints=hints,
            notice=notices.append,
        )
        mask = read_mask(tmp_path / "again/masks/a.png")
        assert mask[5, 5] and not mask[100, 140]


class TestExported:
    def test_what_was_accepted(self, reviewed: Path, tmp_path: Path) -> None:
        exported = wsseg.export_run(reviewed, "coco", tmp_path / "a.json", only="accepted")
        assert exported.photos == 3
        found = json.loads((tmp_path / "a.json").read_text())
        assert len(found["annotations"]) == 2  # One photo has no object.
        assert all("score" not in annotation for annotation in found["annotations"])
        assert wsseg.export_run(reviewed, "coco", tmp_path / "r.json", only="reviewed").photos == 4
        assert wsseg.export_run(reviewed, "coco", tmp_path / "all.json").photos == 5

    def test_without_a_review_there_is_nothing(self, run_folder: Path, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="wsseg review"):
            wsseg.export_run(run_folder, "coco", tmp_path / "a.json", only="accepted")
        with pytest.raises(ValueError, match="only must be"):
            wsseg.export_run(run_folder, "coco", tmp_path / "a.json", only="all")  # type: ignore[arg-type]

    def test_the_command(self, run: Run, reviewed: Path, tmp_path: Path) -> None:
        ended = run("export", reviewed, "--accepted", "--to", "coco", "-o", tmp_path / "a.json")
        assert (ended.code, ended.err) == (0, f"3 photos exported: {tmp_path / 'a.json'}\n")
        ended = run("export", reviewed, "--accepted", "--reviewed", "--to", "coco", "-o", tmp_path / "b.json")
        assert ended.code == 2 and "cannot be combined" in ended.err


def test_scores_say_that_a_person_corrected_masks(reviewed: Path, run_folder: Path) -> None:
    evaluation = wsseg.evaluate(reviewed, reviewed / "automatic")
    assert "The masks of 2 photos were corrected by a person." in evaluation.notes


def test_accepted_masks_are_truths(made: Path, reviewed: Path, run: Run) -> None:
    evaluation = wsseg.evaluate(made / "run", reviewed)
    assert len(evaluation.photos) == 3
    decided = {record.name: record.findings[0].decision for record in read_run(reviewed).records}
    assert evaluation.photos["a"]["iou"] == pytest.approx(decided["a"].iou)
    assert next(scores["iou"] for name, scores in evaluation.photos.items() if name.startswith("c")) == 1
    assert "The truths are 3 masks that a person accepted, of 5." in evaluation.notes
    ended = run("evaluate", made / "run", reviewed)
    assert ended.code == 0 and "The truths are 3 masks that a person accepted" in ended.out + ended.err


def test_a_run_without_accepted_masks_is_no_truth(made: Path, run_folder: Path, segmenter: Segmenter) -> None:
    with serving(run_folder, segmenter) as served:
        served.decide(1, "rejected")
    with pytest.raises(ValueError, match="truths must hold masks that a person accepted, got a run with none"):
        wsseg.evaluate(made / "run", run_folder)


def test_the_report_shows_the_verdicts(reviewed: Path, tmp_path: Path) -> None:
    wsseg.write_report(reviewed, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert '"decision": "rejected"' in text and "<dt>reviewed</dt><dd>4</dd>" in text


class TestCalibrated:
    def records(self, count: int, at_random: bool = True) -> list[Record]:
        """Photos of rising confidence; the less confident half is bad."""
        found = []
        for number in range(count):
            iou = 0.9 if number >= count / 2 else 0.2
            decision = Decision(verdict="corrected", when="", iou=iou, at_random=at_random)
            finding = Finding(
                category="cat", probability=1.0, status="ok", confidence=number / count, decision=decision
            )
            found.append(Record(input=f"{number}.png", name=f"{number}", settings="s", findings=(finding,)))
        return found

    def test_decisions_drawn_at_random_are_truths(self) -> None:
        found = calibration_of_reviews(self.records(40), error=0.1, iou=0.5)
        assert found.photos == 40
        assert found.min_confidence is not None and 0.3 < found.min_confidence <= 0.5

    def test_a_rejected_mask_is_bad(self) -> None:
        rejected = Decision(verdict="rejected", when="", at_random=True)
        records = [replace(one, findings=(replace(one.findings[0], decision=rejected),)) for one in self.records(40)]
        assert calibration_of_reviews(records, error=0.1, iou=0.5).bad <= 3
        assert calibration_of_reviews(records, error=0.1, iou=0.5).accepted <= 3

    def test_decisions_in_another_order_are_none(self) -> None:
        with pytest.raises(ValueError, match="at random"):
            calibration_of_reviews(self.records(40, at_random=False), error=0.1, iou=0.5)

    def test_the_command_takes_the_reviews_and_refuses_corrected_masks(self, run: Run, reviewed: Path) -> None:
        ended = run("calibrate", reviewed)
        assert ended.code == 2 and "drawn at random" in ended.err
        ended = run("calibrate", reviewed, reviewed / "automatic")
        assert ended.code == 2 and "a person corrected" in ended.err


class TestUnseen:
    def items(self, tmp_path: Path, decided: int, left: int) -> list:
        from wsseg.review.items import Item

        records = TestCalibrated().records(decided)
        rest = [
            replace(one, name=f"rest{one.name}", findings=(replace(one.findings[0], decision=None),))
            for one in TestCalibrated().records(left)
        ]
        return [Item(record=record, number=0) for record in (*records, *rest)]

    def test_the_page_says_how_many_need_no_look(self, tmp_path: Path) -> None:
        items = self.items(tmp_path, 40, 100)
        found = summary_of(items, error=0.1, iou=0.5)
        assert found["counts"]["left"] == 100
        assert found["unseen"].startswith(f"{len(found['numbers'])} of the 100 left may be accepted unseen")
        least = calibration_of_reviews([item.record for item in items[:40]], error=0.1, iou=0.5).min_confidence
        assert found["numbers"] == [number for number in range(40, 140) if items[number].finding.confidence >= least]

    def test_it_asks_for_more_in_random_order_first(self, tmp_path: Path) -> None:
        found = summary_of(self.items(tmp_path, 20, 100), error=0.1, iou=0.5)
        assert "Review 10 more in the order 'at random'" in found["unseen"]
        assert found["calibrates"]
        assert not summary_of(self.items(tmp_path, 8, 100), error=0.1, iou=0.5)["calibrates"]


def test_tune_takes_the_reviewed_masks(
    run: Run, reviewed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wsseg.learning import tune

    pairs = tune._reviewed(reviewed)
    assert sorted(pairs) == sorted(
        f"masks/{record.name}.png"
        for record in read_run(reviewed).records
        if record.findings[0].decision and record.findings[0].decision.verdict in ("accepted", "corrected")
    )
    assert all(photo.is_file() and mask.is_file() for photo, mask in pairs.values())
    ended = run("tune", reviewed, "-o", tmp_path / "r.toml")
    assert ended.code == 2 and "photos must be at least 4, got 2" in ended.err


def test_numbers_stay_while_a_run_grows(run_folder: Path, served: Served) -> None:
    items = Items(run_folder)
    names = [item.record.name for item in items.all()]
    record = replace(items.get(0).record, name="A", input="A.png")
    with (run_folder / "run.jsonl").open("ab") as lines:
        lines.write(record.as_line())
    assert [item.record.name for item in items.all()] == [*names, "A"]
    assert np.isfinite(served.desk.sizes()).all()
