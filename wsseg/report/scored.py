"""The scores and truths that a report shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from wsseg.arrays import Seeds
from wsseg.evaluation.evaluate import evaluate_truths
from wsseg.evaluation.truth import Truth, TruthValue
from wsseg.evaluation.truths import Reading, truths_in
from wsseg.files.store import is_local
from wsseg.files.text import nfc
from wsseg.runs.record import Finding, Record, Run

Track: TypeAlias = Callable[[Sequence[str]], Iterable[str]]
"""Iterates over the names of photos; it may show progress."""


@dataclass(frozen=True, kw_only=True)
class ScoredRun:
    """The masks of a run compared with truths; masks are named as `mask_name` names them."""

    scores: Mapping[str, Mapping[str, float]]
    """Scores by name, of each mask."""
    problems: Mapping[str, str]
    """The reason why a mask has no scores."""
    truths: Mapping[str, Sequence[Truth[TruthValue]]]

    def missing_truth(self, name: str) -> str:
        """Return why the mask has no truth; empty if it has one."""
        return "" if self.truths.get(name) else self.problems.get(name, "no truth has its name")

    def truth(self, name: str) -> Seeds:
        """Return the truth of the mask; ValueError if they cannot be compared."""
        if name in self.problems:
            raise ValueError(self.problems[name])
        return cast(Seeds, self.truths[name][0].read())


def scored_run(run: Run, truths: Path, reading: Reading, track: Track) -> ScoredRun:
    """Return the run's masks compared with the truths; ValueError if it has no masks on a disk."""
    masks = run.folder / "masks"
    if not is_local(run.folder) or not masks.is_dir():
        raise ValueError(f"run must hold masks on a disk, got '{run.folder}'; segment to a disk with --write mask")
    found = truths_in(truths, reading)
    evaluation = evaluate_truths(masks, found, track=track)
    return ScoredRun(scores=evaluation.photos, problems=evaluation.failures, truths=found.by_photo)


def mask_name(finding: Finding, record: Record) -> str:
    """Return the name of a finding's mask in `evaluate`."""
    _, _, file = finding.outputs.get("mask", "").partition("/")
    return nfc(file.rpartition(".")[0] or record.name)
