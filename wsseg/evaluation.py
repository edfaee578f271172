"""Masks against truths, paired by their paths below their folders, suffixes aside, and scored by a named protocol."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from os import PathLike
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Box
from wsseg.bootstrap import Resamples, interval_of
from wsseg.datasets import CODINGS, Coding, Truth, Truths, files_by_name, truths_in
from wsseg.engines import here, in_order, in_processes, workers_for
from wsseg.files import read_mask, read_soft_levels
from wsseg.metrics import Pair, class_ious
from wsseg.names import composed
from wsseg.protocols import LOWER, MEANINGS, PROTOCOLS, Boxed, Classes, Guessed, Protocol, Row, sequence_scores
from wsseg.record import is_run, read_run
from wsseg.regions import box_of, largest_component

Missing: TypeAlias = Literal["error", "zero"]
"""What a truth without a mask is: a problem, or scored as an empty mask."""

WORTH: Final = 200
"""Photos that are worth another process, which takes as long to start as these to score: about a second."""

SCORED: Final = "scores"
"""What the resamples call the scores of photos, beside their tallies."""

SHOWN: Final = 5
"""How many problems a notebook shows at most."""

Guesses: TypeAlias = tuple[tuple[str, Path | None], ...]
"""The WordNet id and the mask, if any, of each class that was found in a photo, the surest first."""

Drawn: TypeAlias = tuple[float, NDArray[np.float64]]
"""A statistic's value, and those in the resamples."""


class Statistic(NamedTuple):
    """A score of a folder, and the 95 % interval that the bootstrap over its photos gives it.

    The interval is NaN where there are fewer than `wsseg.bootstrap.FEWEST` photos, or sequences of them.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def meaning(self) -> str:
        """What it is, in a few words."""
        return MEANINGS[self.name]

    @property
    def interval(self) -> str:
        """The interval, as tables have it."""
        return interval_shown(self.low, self.high)


def interval_shown(low: float, high: float, sign: str = "") -> str:
    """An interval as tables have it, with a `sign` of "+" if wanted; it is not known where it is NaN."""
    return "too few photos" if math.isnan(low) else f"{low:{sign}.4f} to {high:{sign}.4f}"


def interval_in_json(low: float, high: float) -> list[float] | None:
    """An interval as JSON can have it: null where it is NaN."""
    return None if math.isnan(low) else [low, high]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of each photo that could be scored, and a sentence on each that could not."""

    masks: Path
    """The folder that the masks were read from."""
    protocol: str = "default"
    """What is scored, one of `wsseg.protocols.PROTOCOLS`."""
    photos: dict[str, dict[str, float]]
    """By the photo's path below the folder without suffix, `sub/a`, then by the score's name."""
    statistics: tuple[Statistic, ...] = ()
    """Means over the photos and scores of all of them together; none when there are problems."""
    classes: dict[str, float] = field(default_factory=dict)
    """The IoU of each class that is not absent, by its name or number, where classes are compared."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """By the name of each photo that could not be scored, why."""
    random_state: int = 0
    """What decided the resamples."""
    draws: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)
    """The value of each statistic in each resample, (N,)."""

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence on each photo that could not be scored."""
        return tuple(f"{name}: {why}" for name, why in self.failures.items())

    @property
    def convention(self) -> str:
        """What the protocol does, in a sentence."""
        return PROTOCOLS[self.protocol].convention

    @property
    def mean(self) -> dict[str, float] | None:
        """The mean over the photos of each score; None when there are problems, for it would not be over all photos."""
        if self.problems:
            return None
        names = PROTOCOLS[self.protocol].scores
        return {name: fmean(photo[name] for photo in self.photos.values()) for name in names}

    def worst(self, most: int) -> list[tuple[str, dict[str, float]]]:
        """Some photos with their scores, those that are worst by the first score first."""
        first = next(iter(PROTOCOLS[self.protocol].scores))
        ranked = sorted(self.photos.items(), key=lambda photo: photo[1][first], reverse=first in LOWER)
        return ranked[:most]

    def as_json(self) -> dict[str, Any]:
        """`{"mean": {"iou": ...}, "photos": {name: {"iou": ...}}}`, what they are, and intervals.

        `"statistics"` has each score of the folder as `{"value": ..., "interval": [low, high], "meaning": ...}`, of too
        few photos with null for the interval. Only where there are problems also `"problems"`, and `"mean"` is null;
        only where classes are compared `"classes"`.
        """
        told: dict[str, Any] = {"protocol": self.protocol, "convention": self.convention, "count": len(self.photos)}
        told |= {"mean": self.mean, "statistics": {one.name: _as_json(one) for one in self.statistics}}
        told |= {"classes": self.classes} if self.classes else {}
        return {**told, "photos": self.photos, **({"problems": list(self.problems)} if self.problems else {})}

    def as_csv(self) -> str:
        """A line a photo: its name as it is, of which a spreadsheet may make a formula, and its scores in 8 digits."""
        return csv_of(list(PROTOCOLS[self.protocol].scores), self.photos)

    def _repr_html_(self) -> str:
        """The statistics as a table, for notebooks."""
        rows = [(one.name, f"{one.value:.4f}", one.interval, one.meaning) for one in self.statistics]
        title = f"{self.masks}: {len(self.photos)} photos, protocol {self.protocol}"
        notes = [self.convention, *self.problems[:SHOWN]]
        notes += [f"and {len(self.problems) - SHOWN} more problems"] if len(self.problems) > SHOWN else []
        return html_of(title, ("score", "value", "95 % interval", "what it is"), rows, notes)


def _as_json(one: Statistic) -> dict[str, Any]:
    return {"value": one.value, "interval": interval_in_json(one.low, one.high), "meaning": one.meaning}


def csv_of(columns: Sequence[str], rows: Mapping[str, Mapping[str, float]]) -> str:
    """A table of numbers by row and column, with a name that holds commas, quotes or ends of lines in quotes."""
    # Not by csv.writer, which before Python 3.13 puts a lone \r into no quotes, so that csv.reader ends the line there.
    lines = [",".join(["photo", *columns])]
    for name, values in rows.items():
        quoted = '"{}"'.format(name.replace('"', '""')) if set(name) & set(',"\r\n') else name
        lines.append(",".join([quoted, *(f"{values[column]:.8f}" for column in columns)]))
    return "\n".join(lines) + "\n"


def html_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """A table with a caption and notes, all that is text in them escaped."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>{}</tr>".format("".join(f"<td>{escape(cell)}</td>" for cell in row)) for row in rows)
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    caption = f"<caption>{escape(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def evaluate(
    masks: str | PathLike[str],
    truths: str | PathLike[str],
    *,
    protocol: str = "default",
    layout: str | None = None,
    split: str | None = None,
    coding: str | None = None,
    category: str | None = None,
    void: int | None = None,
    missing: Missing = "error",
    workers: int | None = 1,
    random_state: int = 0,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Evaluation:
    """The scores of every mask, and a problem for each photo with a missing, extra, doubled, wrong-sized or bad file.

    `truths` is a folder, a COCO file of annotations, or the folder of a benchmark that has one of the layouts of
    `wsseg.datasets.LAYOUTS`, of which a `split` may be named. `protocol` says what is scored; see
    `wsseg.protocols.PROTOCOLS`. `coding` says what the values in the truths mean, if they are not those of the layout
    or of binary masks, and `category` which class is the object, where they have several. `void` is the value in the
    truths' files that never counts, if they have one of their own.

    Where `masks` is the folder of a run, its subfolder `masks` is read, unless `truths` has such a subfolder as well.
    `workers` are processes, None as many as are worth it; scores do not depend on them. `random_state` decides the
    resamples behind the intervals. `track` goes through the photos' names, and may show how far it is. ValueError when
    a folder is none or holds no pictures; hidden files and links out of the folder are passed over.
    """
    _check_word("missing", missing, get_args(Missing))
    _check_word("protocol", protocol, PROTOCOLS)
    found = truths_in(
        Path(truths), protocol=protocol, layout=layout, coding=coding, category=category, split=split, void=void
    )
    folder, tasks = _tasks(Path(masks), Path(truths), found, protocol)
    workers = workers_for(len(tasks), WORTH) if workers is None else workers
    engine = here if workers == 1 else partial(in_processes, workers=workers)
    stream = partial(_outcomes, protocol=protocol, coding=found.coding, missing=missing)
    outcomes = in_order(engine(stream, enumerate(tasks), lost=_lost))
    names = track([task.name for task in tasks])
    return _gathered(folder, protocol, found.coding, zip(names, outcomes, strict=True), random_state)


def _check_word(argument: str, word: str, known: Iterable[str]) -> None:
    if word not in known:
        raise ValueError(f"{argument} must be one of {', '.join(known)}, got {word!r}; choose one of these")


# ---------------------------------------------------------------------------------------------------------- pairing


class _Task(NamedTuple):
    """A photo to score."""

    name: str
    masks: list[Path]
    truths: list[Truth]
    targets: list[str]
    """Masks that are each of one target of the photo, by name."""
    guesses: Guesses | None


def _tasks(masks: Path, truths: Path, found: Truths, protocol: str) -> tuple[Path, list[_Task]]:
    """The folder of masks, and the photos by name."""
    if PROTOCOLS[protocol].kind == "guesses":
        guesses = _guesses_of(masks)
        names = found.wanted.keys() | (guesses.keys() - found.others)
        return masks, [_Task(name, [], found.wanted.get(name, []), [], guesses.get(name)) for name in sorted(names)]
    folder = _folder_of_masks(masks, truths)
    files = files_by_name(folder, "masks")
    files = {name: paths for name, paths in files.items() if name not in found.others}
    of_targets = _masks_of_targets(files, found.wanted)
    names = (files.keys() | found.wanted.keys()) - {name for names in of_targets.values() for name in names}
    tasks = [
        _Task(name, files.get(name, []), found.wanted.get(name, []), of_targets.get(name, []), None)
        for name in sorted(names)
    ]
    return folder, tasks


def _folder_of_masks(masks: Path, truths: Path) -> Path:
    inner = masks / "masks"
    return inner if inner.is_dir() and not (truths / "masks").is_dir() else masks


def _masks_of_targets(masks: Mapping[str, object], truths: Mapping[str, object]) -> dict[str, list[str]]:
    """The masks that pair with no truth because each is of one target, `a.tabby`, by the truth they are all of, `a`."""
    alone, found = truths.keys() - masks.keys(), defaultdict(list)
    for name in sorted(masks.keys() - truths.keys()):
        photo = PurePosixPath(name).with_suffix("").as_posix()
        if photo in alone:
            found[photo].append(name)
    return found


def _guesses_of(run: Path) -> dict[str, Guesses]:
    """What a run with `--top 5` found in each photo."""
    from wsseg.classifier import imagenet_categories

    if not is_run(run):
        raise ValueError(f"masks must be the folder of a run, got {run}; segment with --top 5, and name its --out")
    names = imagenet_categories()
    wnids = dict(zip(names.names, names.wnids or (), strict=True))
    return {
        composed(record.name): tuple(
            (wnids.get(one.category, one.category), run / one.outputs["mask"] if "mask" in one.outputs else None)
            for one in record.findings
        )
        for record in read_run(run).records
    }


# ---------------------------------------------------------------------------------------------------------- scoring


def _outcomes(
    numbered: Iterable[tuple[int, _Task] | None], *, protocol: str, coding: str, missing: Missing
) -> Iterator[tuple[int, Row | str]]:
    """What each photo scores, or why it could not be scored."""
    rules, meaning = PROTOCOLS[protocol], CODINGS.get(coding)
    for one in numbered:
        if one is not None:
            yield one[0], _outcome(one[1], rules, meaning, missing)


def _outcome(task: _Task, protocol: Protocol, coding: Coding | None, missing: Missing) -> Row | str:
    try:
        _refuse_targets(task.targets)
        truth = _only([one.file for one in task.truths], task.truths, "truth").read()
        if task.guesses is not None or protocol.kind == "guesses":
            return protocol.row(Guessed(_boxes_of(task.guesses, missing), truth))
        if not task.masks and missing == "zero":
            return protocol.row(_nothing(truth, protocol, coding))
        mask = _only([path.name for path in task.masks], task.masks, "mask")
        return protocol.row(_subject(mask, truth, protocol, coding))
    except ValueError as error:
        return str(error)


def _lost(numbered: tuple[int, _Task], error: str) -> tuple[int, str]:
    return numbered[0], error


def _subject(mask: Path, truth: Any, protocol: Protocol, coding: Coding | None) -> Any:
    """What the protocol compares."""
    if protocol.kind == "classes" and coding is not None:
        return Classes(coding.labels(mask), truth, coding.count, _void(coding))
    return Boxed(_box_in(mask), truth) if protocol.kind == "boxes" else Pair(read_soft_levels(mask), truth)


def _nothing(truth: Any, protocol: Protocol, coding: Coding | None) -> Any:
    """The same for a mask that finds nothing."""
    if protocol.kind == "classes" and coding is not None:
        return Classes(np.zeros_like(truth), truth, coding.count, _void(coding))
    return Boxed(None, truth) if protocol.kind == "boxes" else Pair(np.zeros(truth.shape, np.bool_), truth)


def _void(coding: Coding) -> int:
    return -1 if coding.void is None else coding.void


def _boxes_of(guesses: Guesses | None, missing: Missing) -> tuple[tuple[str, Box | None], ...]:
    if guesses is None and missing == "error":
        raise ValueError("mask must be in the run, got none; segment it, or leave the photo out")
    return tuple((category, _box_in(mask) if mask else None) for category, mask in guesses or ())


def _box_in(mask: Path) -> Box | None:
    return box_of(largest_component(read_mask(mask)))


def _refuse_targets(names: list[str]) -> None:
    if names:
        raise ValueError(
            f"mask must be one file, got one of a target each, {' and '.join(names)}; "
            "name a truth like each of them, or segment with one --target"
        )


def _only(names: list[str], found: list[Any], kind: str) -> Any:
    match found:
        case [one]:
            return one
        case []:
            raise ValueError(f"{kind} must be one file, got none; add it, or leave the photo out")
    raise ValueError(f"{kind} must be one file, got {' and '.join(names)}; keep one of them")


# -------------------------------------------------------------------------------------------------------- gathering


def _gathered(
    folder: Path, protocol: str, coding: str, outcomes: Iterable[tuple[str, Row | str]], random_state: int
) -> Evaluation:
    """The evaluation, of outcomes in the order of their names; of the tallies only sums are kept."""
    rules, resamples = PROTOCOLS[protocol], Resamples(random_state)
    photos, failures = dict[str, dict[str, float]](), dict[str, str]()
    for name, outcome in outcomes:
        if isinstance(outcome, str):
            failures[name] = outcome
            continue
        photos[name] = outcome.scores
        resamples.add({SCORED: list(outcome.scores.values()), **outcome.tallies})
    if failures or not photos:
        return Evaluation(masks=folder, protocol=protocol, photos=photos, failures=failures)
    found = _of_sequences(photos, random_state) if rules.sequences else _of_scores(rules.scores, resamples)
    for name, (tally, formula) in rules.wholes.items():
        found[name] = float(formula(resamples.mean(tally))), resamples.draws(tally, formula)
    return Evaluation(
        masks=folder,
        protocol=protocol,
        photos=photos,
        statistics=tuple(Statistic(name, value, *interval_of(draws)) for name, (value, draws) in found.items()),
        classes=_ious(resamples.mean("classes"), coding) if "classes" in rules.tallies else {},
        random_state=random_state,
        draws={name: draws for name, (_, draws) in found.items()},
    )


def _of_scores(names: Iterable[str], resamples: Resamples) -> dict[str, Drawn]:
    return dict(zip(names, zip(resamples.mean(SCORED).tolist(), resamples.draws(SCORED).T, strict=True), strict=True))


def _of_sequences(photos: Mapping[str, Mapping[str, float]], random_state: int) -> dict[str, Drawn]:
    """Means over the folders of the scores of their photos."""
    frames: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, scores in photos.items():
        for score, value in scores.items():
            frames[name.rpartition("/")[0]][score].append(value)
    found = [sequence_scores(sequence) for sequence in frames.values()]
    resamples = Resamples(random_state)
    for one in found:
        resamples.add({SCORED: list(one.values())})
    return _of_scores(found[0], resamples)


def _ious(tally: NDArray[np.float64], coding: str) -> dict[str, float]:
    meaning = CODINGS[coding]
    names = meaning.classes if meaning else ()
    ious = class_ious(tally).tolist()
    present = ((number, iou) for number, iou in enumerate(ious) if iou == iou)
    return {(names[number] if names else str(number)): iou for number, iou in present}
