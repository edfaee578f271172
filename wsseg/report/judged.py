"""The scores and truths that a report shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from wsseg.arrays import Seeds
from wsseg.evaluation.evaluate import evaluate_truths
from wsseg.evaluation.truth import Truth, TruthValue
from wsseg.evaluation.truths import Reading, truths_in
from wsseg.files.store import is_local
from wsseg.files.text import nfc
from wsseg.runs.record import Finding, Record, Run

Track: TypeAlias = Callable[[Sequence[Any]], Iterable[Any]]

Scored: TypeAlias = Mapping[str, Mapping[str, float]]
"""Scores by their names, by what the mask is called."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the truths say of a run's masks."""

    scores: Scored
    problems: Mapping[str, str]
    """Why a mask has no scores."""
    truths: Mapping[str, Sequence[Truth[TruthValue]]]
    """The truth of a mask, of those that have one."""

    def truth(self, name: str) -> Seeds:
        """The truth of that mask; ValueError if it cannot be compared with it."""
        if name in self.problems:
            raise ValueError(self.problems[name])
        return cast(Seeds, self.truths[name][0].read())


def judged_run(run: Run, truths: Path, reading: Reading, track: Track) -> Judged:
    masks = run.folder / "masks"
    if not is_local(run.folder) or not masks.is_dir():
        raise ValueError(f"truths must be of a run with masks on a disk, got {run.folder}; segment with --write mask")
    found = truths_in(truths, reading)
    evaluation = evaluate_truths(masks, found, track=track)
    return Judged(scores=evaluation.photos, problems=evaluation.failures, truths=found.by_photo)


def mask_name(finding: Finding, record: Record) -> str:
    """What `evaluate` calls it."""
    _, _, file = finding.outputs.get("mask", "").partition("/")
    return nfc(file.rpartition(".")[0] or record.name)
