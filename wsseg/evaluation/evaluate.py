"""wsseg.evaluation.evaluate.evaluate"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Box
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here, in_order, workers_for
from wsseg.evaluation.bootstrap import Resamples, interval_of
from wsseg.evaluation.codings import CODINGS, Coding
from wsseg.evaluation.layouts import Truth
from wsseg.evaluation.protocols import PROTOCOLS, Boxed, Classes, Guessed, Protocol, Row, sequence_scores
from wsseg.evaluation.result import Evaluation, Statistic
from wsseg.evaluation.truths import Truths, files_by_name, truths_in
from wsseg.files.masks import read_mask, read_soft_levels
from wsseg.files.text import nfc
from wsseg.graphcut.regions import box_of, largest_component
from wsseg.metrics import Pair, class_ious
from wsseg.runs.record import is_run, read_run

Missing: TypeAlias = Literal["error", "zero"]
"""What a truth without a mask is: a problem, or scored as an empty mask."""

WORTH: Final = 200
"""Photos that are worth another process, which takes as long to start as these to score: about a second."""

SCORED: Final = "scores"
"""What the resamples call the scores of photos, beside their tallies."""

Guesses: TypeAlias = tuple[tuple[str, Path | None], ...]
"""The WordNet id and the mask, if any, of each class that was found in a photo, the surest first."""

Drawn: TypeAlias = tuple[float, NDArray[np.float64]]
"""A statistic's value, and those in the resamples."""


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
    `wsseg.evaluation.layouts.LAYOUTS`, of which a `split` may be named. `protocol` says what is scored; see
    `wsseg.evaluation.protocols.PROTOCOLS`. `coding` says what the values in the truths mean, if they are not those of
    the layout or of binary masks, and `category` which class is the object, where they have several. `void` is the
    value in the truths' files that never counts, if they have one of their own.

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
    from wsseg.classifier.load import imagenet_categories

    if not is_run(run):
        raise ValueError(f"masks must be the folder of a run, got {run}; segment with --top 5, and name its --out")
    names = imagenet_categories()
    wnids = dict(zip(names.names, names.wnids or (), strict=True))
    return {
        nfc(record.name): tuple(
            (wnids.get(one.category, one.category), run / one.outputs["mask"] if "mask" in one.outputs else None)
            for one in record.findings
        )
        for record in read_run(run).records
    }


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
