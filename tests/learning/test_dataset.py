"""A run as a data set of torch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import wsseg
from wsseg.arrays import Mask
from wsseg.files.encode import write_labels, write_mask, write_picture
from wsseg.runs.journal import opened
from wsseg.runs.record import Decision, Finding, Record, Verdict, read_run


def circle(x: float) -> Mask:
    ys, xs = np.mgrid[:20, :30]
    return np.asarray((ys - 9) ** 2 + (xs - x) ** 2 < 40)


def finding(category: str, confidence: float, mask: str = "", status: str = "ok") -> Finding:
    outputs = {"mask": mask} if mask else {}
    return Finding(category=category, probability=0.5, status=status, confidence=confidence, outputs=outputs)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a cat and a doubtful dog in a photo, a photo to review, a failed one, and one without an object."""
    names = {"a": [("dog", 0.4), ("cat", 0.8)], "sub/b": [("cat", 0.6)], "c": [("cat", 0.0)]}
    records = [Record(input="bad.jpg", name="bad", settings="s", error="broken")]
    for name, found in names.items():
        photo = tmp_path / f"photos/{name}.png"
        write_picture(photo, np.full((20, 30, 3), (10, 20, 30), np.uint8))
        findings = []
        for number, (category, confidence) in enumerate(found):
            write_mask(tmp_path / f"run/masks/{name}.{number}.png", circle(8 + 10 * number))
            status = "ok" if confidence else "no object"
            findings.append(finding(category, confidence, f"masks/{name}.{number}.png", status))
        records.append(
            Record(input=str(photo), name=name, settings="s", findings=tuple(findings), review=name == "sub/b")
        )
    with opened(tmp_path / "run", {"wsseg": "0"}, force=True) as journal:
        for record in records:
            journal.append(record)
    return tmp_path / "run"


def test_what_a_person_decided_counts_more_than_the_run(run: Path) -> None:
    """The verdicts of a person on: dog and cat of a, the cat of sub/b and the one that was not found in c."""

    def decide(**verdicts: list[Verdict | None]) -> None:
        with opened(run, {"wsseg": "0"}) as journal:
            for record in read_run(run).records:
                decisions = [one and Decision(verdict=one, when="now") for one in verdicts.get(record.name[-1], [])]
                found = [replace(one, decision=each) for one, each in zip(record.findings, decisions, strict=False)]
                journal.append(replace(record, findings=tuple(found)))

    def items(accepted: bool, least: float = 0.0) -> list[tuple[str, str, float]]:
        data = wsseg.MaskDataset(run, accepted=accepted, min_confidence=least)
        return [(item.name, item.category, item.confidence) for item in data]

    decide(a=["rejected", None], b=["corrected"], c=["accepted"])
    assert items(True) == [("a", "cat", 0.8), ("c", "cat", 1.0), ("sub/b", "cat", 1.0)]
    assert items(False) == [("a", "dog", 0.0), *items(True)]
    assert items(False, 0.9) == [("c", "cat", 1.0), ("sub/b", "cat", 1.0)]
    decide(a=["no object", None], b=[None], c=[None])
    assert items(False) == [("a", "cat", 0.8), ("sub/b", "cat", 0.6)]


def test_every_object_is_an_item(run: Path) -> None:
    data = wsseg.MaskDataset(run)
    assert [(item.name, item.category, item.label, item.confidence) for item in data] == [
        ("a", "dog", 1, 0.4),
        ("a", "cat", 0, 0.8),
        ("sub/b", "cat", 0, 0.6),
    ]
    assert data.categories == ("cat", "dog")
    assert data[1].image.dtype == torch.uint8 and data[1].image[:, 3, 4].tolist() == [10, 20, 30]
    np.testing.assert_array_equal(data[1].mask.numpy(), circle(18))
    with pytest.raises(IndexError):
        data[3]


def test_doubtful_objects_may_be_left_out(run: Path) -> None:
    assert [item.category for item in wsseg.MaskDataset(run, min_confidence=0.6)] == ["cat", "cat"]
    assert [item.name for item in wsseg.MaskDataset(run, accepted=True)] == ["a", "a"]
    assert len(wsseg.MaskDataset(run, min_confidence=1)) == 0
    with pytest.raises(ValueError, match="^min_confidence must be from 0 to 1, got 2; "):
        wsseg.MaskDataset(run, min_confidence=2)


@pytest.mark.parametrize("strange", [True, "0.5", None])
def test_a_confidence_is_a_number(run: Path, strange: Any) -> None:
    with pytest.raises(TypeError, match="^min_confidence must be a number, got .*; convert it with float"):
        wsseg.MaskDataset(run, min_confidence=strange)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_loader_makes_batches(run: Path, workers: int) -> None:
    data = wsseg.MaskDataset(run, transform=half)
    (batch,) = DataLoader(data, batch_size=3, num_workers=workers)
    assert batch.image.shape == (3, 3, 10, 15) and batch.mask.shape == (3, 10, 15)
    assert batch.label.tolist() == [1, 0, 0] and list(batch.category) == ["dog", "cat", "cat"]


def half(image: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return image[:, ::2, ::2], mask[::2, ::2]


def test_the_labels_of_a_map_are_masks(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.zeros((20, 30, 3), np.uint8))
    labels = np.where(circle(8), 2, circle(20) * 1).astype(np.uint8)
    write_labels(tmp_path / "run/labels/a.png", labels)
    found = (finding("cat", 0.5), finding("dog", 0.7))
    record = Record(input=str(tmp_path / "a.png"), name="a", settings="s", findings=found)
    with opened(tmp_path / "run", {"wsseg": "0"}, force=True) as journal:
        journal.append(replace(record, outputs={"labels": "labels/a.png"}))
    cat, dog = wsseg.MaskDataset(tmp_path / "run")
    np.testing.assert_array_equal(dog.mask.numpy(), circle(8))
    np.testing.assert_array_equal(cat.mask.numpy(), circle(20) & ~circle(8))


def test_a_run_without_masks_is_refused(tmp_path: Path) -> None:
    record = Record(input="a.png", name="a", settings="s", findings=(finding("cat", 0.5),))
    with opened(tmp_path / "run", {"wsseg": "0"}, force=True) as journal:
        journal.append(record)
    with pytest.raises(ValueError, match="^run must hold a mask of each photo, got none of 'a'; segment with"):
        wsseg.MaskDataset(tmp_path / "run")
    with pytest.raises(ValueError, match="^run must be a folder that wsseg segment wrote"):
        wsseg.MaskDataset(tmp_path / "none")


def test_a_photo_of_another_size_is_named(run: Path) -> None:
    write_picture(run.parent / "photos/sub/b.png", np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(ValueError, match="photo and mask of 'sub/b'"):
        wsseg.MaskDataset(run)[2]
