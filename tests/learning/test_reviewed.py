"""Learning from the masks of a run that a person accepted."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import Run

from wsseg.arrays import PhotoError
from wsseg.files.encode import write_mask, write_picture
from wsseg.learning import reviewed
from wsseg.learning.adapt import adapt
from wsseg.learning.reviewed import example_of_review, is_taught_by
from wsseg.runs.journal import opened
from wsseg.runs.record import Decision, Finding, Record, Verdict, read_run
from wsseg.saliency.objectness.fit import Plan
from wsseg.saliency.objectness.objectness import Objectness, load_objectness, read_objectness


def finding(mask: str, verdict: Verdict | None) -> Finding:
    decision = Decision(verdict=verdict, when="now") if verdict else None
    return Finding(category="disc", probability=0.5, outputs={"mask": mask} if mask else {}, decision=decision)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run of four photos: two accepted, one rejected, and one that nobody decided on."""
    random = np.random.default_rng(0)
    verdicts: list[Verdict | None] = ["accepted", "corrected", "rejected", None]
    with opened(tmp_path / "run", {"wsseg": "0"}, force=True) as journal:
        for number, verdict in enumerate(verdicts):
            y, x = np.mgrid[:60, :80]
            inside = (y - 30) ** 2 + (x - 20 - 10 * number) ** 2 < 200
            photo = tmp_path / f"photos/{number}.png"
            write_picture(photo, (random.integers(0, 90, (60, 80, 3)) + 150 * inside[..., None]).astype(np.uint8))
            write_mask(tmp_path / f"run/masks/{number}.png", inside)
            journal.append(
                Record(
                    input=str(photo),
                    name=str(number),
                    settings="s",
                    hash=hashlib.sha256(photo.read_bytes()).hexdigest(),
                    findings=(finding(f"masks/{number}.png", verdict),),
                )
            )
    return tmp_path / "run"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewed, "PLAN", Plan(steps=3, decoder_rate=1e-3, layer_rate=1e-4))
    monkeypatch.setattr("wsseg.learning.rounds.SIDE", 64)
    monkeypatch.setattr("wsseg.learning.rounds.KEPT_EVERY", 1)


@pytest.mark.parametrize(
    ("verdicts", "taught"),
    [
        (["accepted"], True),
        (["accepted", "corrected"], True),
        (["accepted", "rejected"], False),
        (["accepted", None], False),
        (["no object"], False),
        ([], False),
    ],
)
def test_a_photo_teaches_if_none_of_its_masks_is_in_doubt(verdicts: list[Verdict | None], taught: bool) -> None:
    found = tuple(finding(f"masks/a.{number}.png", verdict) for number, verdict in enumerate(verdicts))
    assert is_taught_by(Record(input="a.png", name="a", settings="s", findings=found)) is taught


def test_the_label_is_the_union_of_the_masks(run_folder: Path) -> None:
    record = read_run(run_folder).records[0]
    both = replace(record, findings=tuple(finding(f"masks/{number}.png", "accepted") for number in (0, 1)))
    example = example_of_review(run_folder, both, max_pixels=10**6)
    assert example.image.shape == (60, 80, 3) and example.weight == 1
    y, x = np.mgrid[:60, :80]
    np.testing.assert_array_equal(example.label == 255, (y - 30) ** 2 + np.minimum((x - 20) ** 2, (x - 30) ** 2) < 200)


def test_a_photo_that_changed_teaches_nothing_and_is_named(run_folder: Path) -> None:
    record = read_run(run_folder).records[0]
    write_picture(Path(record.input), np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(PhotoError, match="must be unchanged since its review"):
        example_of_review(run_folder, record, max_pixels=10**6)


def learned(run: Path, checkpoint: Path | None = None, stop: str = "") -> Objectness:
    def track(names: Sequence[str]) -> Iterable[str]:
        for name in names:
            if name == stop:
                raise KeyboardInterrupt
            yield name

    return adapt(run, reviewed=True, checkpoint=checkpoint, track=track)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_an_interrupted_learning_ends_with_the_same_network(run_folder: Path, tmp_path: Path) -> None:
    whole = learned(run_folder)
    assert whole.provenance.photos == 2
    assert whole.provenance.start_sha256 == load_objectness().digest
    checkpoint = tmp_path / "half"
    with pytest.raises(KeyboardInterrupt):
        learned(run_folder, checkpoint, stop="2")
    assert checkpoint.exists()
    again = learned(run_folder, checkpoint)
    assert not checkpoint.exists()
    before = load_objectness().network.state_dict()
    states = whole.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], before[name]) for name in before)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_the_command_takes_a_reviewed_run(run: Run, run_folder: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "photos/1.png", np.zeros((60, 80, 3), np.uint8))
    file = tmp_path / "mine.safetensors"
    ended = run("adapt", run_folder, "--reviewed", "-o", file)
    assert ended.code == 1, ended.err
    assert "1.png: must be unchanged since its review" in ended.err
    assert "1 of 2 photos learned" in ended.err
    assert read_objectness(file).provenance.photos == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rounds": 2}, "reviewed must go without classifier and rounds"),
        ({"classifier": "timm:tf_efficientnet_lite2"}, "reviewed must go without classifier and rounds"),
    ],
)
def test_what_does_not_go_together_is_refused(run_folder: Path, given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adapt(run_folder, reviewed=True, **given)  # type: ignore[arg-type]


def test_a_folder_without_accepted_masks_is_refused(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="photos must be the folder of one run with reviews, got"):
        adapt(tmp_path / "photos", reviewed=True)
    with opened(run_folder, {"wsseg": "0"}) as journal:
        for record in read_run(run_folder).records:
            journal.append(replace(record, findings=(replace(record.findings[0], decision=None),)))
    with pytest.raises(ValueError, match="photos must be a run with accepted masks, got none"):
        adapt(run_folder, reviewed=True)
