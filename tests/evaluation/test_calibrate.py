"""Calibration from confidences, and from a run and truths in files."""

import json
from pathlib import Path

import numpy as np
import pytest

import wsseg
from wsseg.evaluation.calibrate import NEVER, calibration_of
from wsseg.runs.record import Finding, Record


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 30 photos, the ten least confident ones bad; 20 photos have truths, one of them without an object."""
    truth = np.zeros((6, 8), np.bool_)
    truth[2:4, 2:6] = True
    lines = []
    for number in range(30):
        name, sure = f"p{number:02}", number / 30
        empty = number == 29
        finding = Finding(
            category="cat",
            probability=1.0,
            status="no object" if empty else "ok",
            confidence=sure,
            outputs={"mask": f"masks/{name}.png"},
        )
        lines.append(Record(input=f"{name}.png", name=name, settings="s", findings=(finding,)).as_line())
        wsseg.write_mask(tmp_path / "out/masks" / f"{name}.png", truth[::-1] & ~truth if number < 10 else truth)
        if number % 3:
            wsseg.write_mask(tmp_path / "truths" / f"{name}.png", truth)
    (tmp_path / "out/run.jsonl").write_bytes(b"".join(lines))
    return tmp_path / "out"


def test_masks_of_a_run_are_calibrated_by_some_truths(run: Path, tmp_path: Path) -> None:
    found = wsseg.calibrate(run, tmp_path / "truths", error=0.05)
    assert (found.photos, found.bad, found.accepted) == (20, 0, 13)
    assert found.min_confidence is not None
    assert 8 / 30 < found.min_confidence <= 10 / 30
    assert "at most 5.0%" in found.guarantee.lower()
    assert json.loads(json.dumps(found.as_json()))["bound"] == found.bound


def test_too_few_truths_and_a_truth_of_another_photo_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be of 99 photos or more"):
        wsseg.calibrate(run, tmp_path / "truths", error=0.01)
    wsseg.write_mask(tmp_path / "truths/z.png", np.ones((6, 8), np.bool_))
    with pytest.raises(ValueError, match="got 'z', which it lacks"):
        wsseg.calibrate(run, tmp_path / "truths")


@pytest.mark.parametrize("share", [{"error": 0.0}, {"error": float("nan")}, {"error": 1.0}, {"iou": 1.1}, {"iou": 0.0}])
def test_shares_out_of_range_are_refused(run: Path, tmp_path: Path, share: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        wsseg.calibrate(run, tmp_path / "truths", **share)


def test_a_photo_without_an_object_is_never_accepted() -> None:
    confidences = {f"{number}": NEVER if number < 5 else 0.5 for number in range(20)}
    found = calibration_of(confidences, dict.fromkeys(confidences, 1.0), error=0.1, iou=0.5)
    assert (found.min_confidence, found.accepted) == (0.5, 15)
