"""The commands that score masks: evaluate, compare and calibrate."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.table import Column, Table

import wsseg
from wsseg.cli import convert
from wsseg.cli.options import FILES, SCORING, ForceFile, TruthOptions, Workers, option
from wsseg.cli.output import (
    SOME_FAILED,
    add_row,
    answer,
    answer_data,
    answer_json,
    complain,
    is_stdout,
    table,
    tracking,
)
from wsseg.files.text import counted

if TYPE_CHECKING:
    from wsseg.evaluation.compare import Comparison
    from wsseg.evaluation.result import Evaluation

ROWS, WORST, COLUMNS = 50, 10, 6
"""How many photos a table has at most, how many it has if there are more, and how many scores, for 80 characters."""


def _protocols() -> Sequence[str]:
    from wsseg.evaluation.protocols import PROTOCOLS

    return tuple(PROTOCOLS)


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class ScoreOptions(TruthOptions):
    """How masks are scored, and where the scores go."""

    protocol: Annotated[
        str,
        option(
            "default, saliency, unsupervised, voc, imagenet-s, imagenet-segmentation, davis, corloc or ilsvrc-loc.",
            group=SCORING,
            metavar="NAME",
            complete=_protocols,
        ),
    ] = "default"
    missing: Annotated[
        Literal["error", "zero"],
        option("A missing mask is an error (default), or empty.", group=SCORING, metavar="error|zero"),
    ] = "error"
    workers: Workers = None
    csv: Annotated[
        Path | None, option("File for the scores of each photo; - prints them.", group=FILES, metavar="FILE")
    ] = None
    json: Annotated[Path | None, option("File for all scores; - prints them.", group=FILES, metavar="FILE")] = None
    force: ForceFile = False

    def check_files(self) -> None:
        """Raise if a file may not be written, before it takes time to score masks."""
        from wsseg.files.store import check_new_file

        for file in filter(None, (self.csv, self.json)):
            if not is_stdout(file):
                check_new_file(file, force=self.force)
        if self.csv and self.json and (self.csv.resolve() == self.json.resolve() or self._printed == 2):
            raise ValueError(f"csv must be another file than json, got '{self.csv}' for both; rename one of them")

    @property
    def _printed(self) -> int:
        """The number of files that are standard output."""
        return is_stdout(self.csv) + is_stdout(self.json)

    def show(self, scored: "Evaluation | Comparison", *parts: str | Table) -> None:
        """Write the files that were asked for, and print the parts unless a file is printed."""
        from wsseg.evaluation.tables import encoded

        for part in () if self._printed else parts:
            answer(part)
        if is_stdout(self.json):
            answer_json(scored.as_json())
        elif self.json:
            scored.save_json(self.json, force=self.force)
        if is_stdout(self.csv):
            answer_data(encoded(scored.as_csv()))
        elif self.csv:
            scored.save_csv(self.csv, force=self.force)


def evaluate(
    masks: Annotated[Path, option("Folder of masks, or of a run.", "MASKS", group=FILES)],
    truths: Annotated[
        Path,
        option(
            "Folder of truths of the same names, benchmark folder, COCO .json or reviewed run.", "TRUTHS", group=FILES
        ),
    ],
    /,
    *,
    options: ScoreOptions = ScoreOptions(),
) -> int:
    """Score masks against truths by IoU, Dice, boundaries and more."""
    options.check_files()
    with tracking("evaluating") as track:
        evaluation = wsseg.evaluate(
            masks,
            truths,
            protocol=options.protocol,
            layout=options.layout,
            split=options.split,
            coding=options.coding,
            category=options.category,
            void=options.void,
            missing=options.missing,
            workers=options.workers,
            track=track,
        )
    if not evaluation.problems:
        options.show(evaluation, _photos_of(evaluation), _statistics_of(evaluation))
    return _code_of(evaluation.problems, len(evaluation.failures))


def compare(
    first: Annotated[Path, option("Folder of masks, or of a run.", "A", group=FILES)],
    second: Annotated[Path, option("The same for other masks of the same photos.", "B", group=FILES)],
    /,
    *,
    truth: Annotated[Path, option("Truths, as in wsseg evaluate.", group=FILES, metavar="FOLDER")],
    options: ScoreOptions = ScoreOptions(),
) -> int:
    """Test whether B's masks are better than A's, beyond chance."""
    options.check_files()
    with tracking("comparing") as track:
        comparison = wsseg.compare(
            first,
            second,
            truth,
            protocol=options.protocol,
            layout=options.layout,
            split=options.split,
            coding=options.coding,
            category=options.category,
            void=options.void,
            missing=options.missing,
            workers=options.workers,
            track=track,
        )
    if not comparison.problems:
        options.show(comparison, _changes_of(comparison), _differences_of(comparison), comparison.verdict)
    return _code_of(comparison.problems, len(comparison.first.failures) + len(comparison.second.failures))


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class CalibrateOptions(TruthOptions):
    """The error that is allowed, and where the answer goes."""

    error: Annotated[
        float,
        option(
            "Share of all photos that may be accepted and bad (default: 0.1).",
            group=SCORING,
            metavar="E",
            converter=convert.real,
        ),
    ] = 0.1
    iou: Annotated[
        float,
        option("A mask with less IoU is bad (default: 0.5).", group=SCORING, metavar="T", converter=convert.real),
    ] = 0.5
    json: Annotated[Path | None, option("File for the answer; - prints it.", group=FILES, metavar="FILE")] = None
    force: ForceFile = False


def calibrate(
    run: Annotated[Path, option("Folder of a run with one mask a photo.", "RUN", group=FILES)],
    truths: Annotated[
        Path | None,
        option("Truths of 30 to 50 photos of it, drawn at random (default: its reviews).", "TRUTHS", group=FILES),
    ] = None,
    /,
    *,
    options: CalibrateOptions = CalibrateOptions(),
) -> int:
    """Find the confidence above which masks may be accepted unseen."""
    from wsseg.evaluation.calibrate import ASSUMPTION
    from wsseg.evaluation.saving import save_new
    from wsseg.files.store import check_new_file

    if options.json and not is_stdout(options.json):
        check_new_file(options.json, force=options.force)
    found = wsseg.calibrate(
        run,
        truths,
        error=options.error,
        iou=options.iou,
        layout=options.layout,
        split=options.split,
        coding=options.coding,
        category=options.category,
        void=options.void,
    )
    if is_stdout(options.json):
        answer_json(found.as_json())
        return 0
    if options.json:
        save_new(options.json, json.dumps(found.as_json(), indent=1), force=options.force)
    answer(found.guarantee)
    if found.min_confidence is not None:
        answer(f"{found.accepted} of {counted(found.photos, 'photo')} with truths accepted, {found.bad} of them bad")
        answer(
            f"at most {found.bound:.1%} of the accepted are bad (95 % bound, as if the confidence were fixed before)"
        )
        answer(f"next: rerun the command that made '{run}' with --min-confidence {found.min_confidence!r}")
    answer(ASSUMPTION)
    return 0


def _code_of(problems: Sequence[str], failed: int) -> int:
    """Print each problem, and return the exit code; `failed` masks could not be scored."""
    for problem in problems:
        complain(problem)
    if problems:
        complain(f"no scores, because {counted(failed, 'mask')} could not be scored")
    return SOME_FAILED if problems else 0


def _photos_of(evaluation: "Evaluation") -> Table:
    """Return a table of the photos, or of the worst if there are many."""
    photos, title = evaluation.photos, str(evaluation.masks)
    if len(photos) > ROWS:
        photos = dict(evaluation.worst(WORST))
        title = f"{title}: the {WORST} worst of {len(evaluation.photos)}; --csv lists all"
    columns = list(next(iter(photos.values()), {}))[:COLUMNS]
    made = table(Column("photo", overflow="fold"), title=title)
    for score in columns:
        made.add_column(score, no_wrap=True, min_width=len("0.0000"))
    for name, scores in photos.items():
        add_row(made, name, *(f"{scores[score]:.4f}" for score in columns))
    return made


def _statistics_of(evaluation: "Evaluation") -> Table:
    title = f"{counted(len(evaluation.photos), 'photo')}, protocol {evaluation.protocol}"
    made = table(title=title, caption=evaluation.convention)
    for column in ("score", "value", "95 % interval"):
        made.add_column(column, no_wrap=True)
    made.add_column("what it is")
    for one in evaluation.statistics:
        add_row(made, one.name, f"{one.value:.4f}", f"{one.interval:.4f}", one.meaning)
    return made


def _changes_of(comparison: "Comparison") -> Table:
    """Return a table of the photos that changed most."""
    first, second, name = comparison.first.photos, comparison.second.photos, comparison.score
    made = table(Column("photo", overflow="fold"), "A", "B", "change", title=f"the largest changes of {name}")
    for photo in list(comparison.changes())[:WORST]:
        before, after = first[photo][name], second[photo][name]
        add_row(made, photo, f"{before:.4f}", f"{after:.4f}", f"{after - before:+.4f}")
    return made


def _differences_of(comparison: "Comparison") -> Table:
    """Return a table of the folders' scores; those that may be chance are dim."""
    first, second = comparison.first, comparison.second
    title = (
        f"{counted(len(first.photos), 'photo')}, protocol {first.protocol}",
        f"A {first.masks}",
        f"B {second.masks}",
    )
    made = table("score", "A", "B", "B - A", "95 % interval", title=title, caption=first.convention)
    for one in comparison.differences:
        values = f"{one.first:.4f}", f"{one.second:.4f}", f"{one.value:+.4f}"
        add_row(made, one.name, *values, f"{one.interval:+.4f}", style="" if one.is_real else "dim")
    return made
