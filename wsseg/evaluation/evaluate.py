"""Scores of a folder of masks against truths: the public call."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Final, get_args

from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here, in_order, workers_for
from wsseg.evaluation.pairing import PhotoFiles, pair_by_photo
from wsseg.evaluation.photo import Failure, Missing, Rules, scores_of_photos
from wsseg.evaluation.result import Evaluation
from wsseg.evaluation.summary import evaluation_of
from wsseg.evaluation.truths import Reading, TruthSet, check_word, palette_notes, truths_in
from wsseg.files.text import counted
from wsseg.runs.record import is_run, read_run

PHOTOS_PER_WORKER: Final = 200
"""Number of photos worth another process: it takes about a second to start, as long as scoring these."""


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
    """Score a folder of masks against truths of the same names.

    A photo whose mask or truth is missing, duplicated, unreadable or of the wrong size is listed as a problem.

    Palettes hold indices where the coding has numbers (voc, trimap), and greys where it is grey. Where the coding does
    not tell, all palettes of a folder are read in one way, which `Evaluation.notes` names.

    Parameters
    ----------
    masks : path
        Folder of masks, or of a run: then its subfolder `masks` is read, unless `truths` has such a subfolder too.
        Hidden files and links that leave the folder are skipped.
    truths : path
        Folder of truths, folder of a benchmark that has one of `wsseg.evaluation.layouts.LAYOUTS`, COCO file of
        annotations (.json), or a run with reviews: then those of its masks that a person accepted (`serve_review`).
    protocol : str
        Scores to compute, one of `wsseg.evaluation.protocols.PROTOCOLS`.
    layout : str, optional
        Layout of the benchmark's folder (default: the one that the folder has, if the protocol is not "default").
    split : str, optional
        Split of the benchmark (default: the usual one).
    coding : str, optional
        Meaning of the values in the truths, one of `wsseg.evaluation.codings.CODINGS` (default: that of the layout, or
        binary masks).
    category : str, optional
        Class that is the object, by name or number, where the truths hold several (default: all).
    void : int, optional
        Value in the truths that never counts, beside that of the coding: 0 to 255, or to 65535 in files of 16 bits.
    missing : {"error", "zero"}
        Whether a truth without a mask is a problem, or is scored against an empty mask.
    workers : int or None
        Number of processes; None starts as many as are worth it. The scores do not depend on it.
    random_state : int
        Seed of the bootstrap resamples behind the intervals.
    track : callable
        Called with the names of all photos; its result is iterated while they are scored, so it can show progress.

    Returns
    -------
    Evaluation
        Scores of each photo, means and pooled scores with 95 % intervals, and problems.

    Raises
    ------
    ValueError
        If a folder does not exist or holds no pictures, no mask has the name of a truth, or an option is unknown or
        does not fit the truths.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> truth = np.zeros((4, 6), bool)
    >>> truth[1:3, 1:5] = True
    >>> for folder in ("truths", "found"):
    ...     Path(folder).mkdir()
    >>> wsseg.write_mask("truths/cat.png", truth)
    >>> wsseg.write_mask("found/cat.png", truth & (np.arange(6) < 4))
    >>> evaluation = wsseg.evaluate("found", "truths")
    >>> evaluation.photos["cat"]["iou"]
    0.75
    >>> evaluation
    Evaluation('found', 1 photo, iou 0.7500)
    """
    reading = Reading(protocol=protocol, layout=layout, split=split, coding=coding, category=category, void=void)
    found = truths_in(Path(truths), reading)
    return evaluate_truths(masks, found, missing=missing, workers=workers, random_state=random_state, track=track)


def evaluate_truths(
    masks: str | PathLike[str],
    truths: TruthSet,
    *,
    missing: Missing = "error",
    workers: int | None = 1,
    random_state: int = 0,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Evaluation:
    """Score a folder of masks against truths from `truths_in`; see `evaluate`."""
    check_word("missing", missing, get_args(Missing))
    folder, photos, palettes = pair_by_photo(Path(masks), truths)
    workers = workers_for(len(photos), PHOTOS_PER_WORKER) if workers is None else workers
    engine = here if workers == 1 else partial(in_processes, workers=workers)
    stream = partial(scores_of_photos, rules=Rules(truths.protocol, truths.coding, missing, palettes))
    outcomes = in_order(engine(stream, enumerate(photos), lost=_failed))
    names = track([photo.name for photo in photos])
    evaluation = evaluation_of(folder, truths, zip(names, outcomes, strict=True), random_state)
    notes = truths.notes + palette_notes("masks", palettes) + _review_notes(Path(masks))
    return replace(evaluation, notes=notes)


def _review_notes(masks: Path) -> tuple[str, ...]:
    """Return a note if a person corrected masks of the run, whose scores are then not those of the method alone."""
    run = masks.parent if masks.name == "masks" else masks
    if not is_run(run):
        return ()
    corrected = sum(any("automatic" in one.outputs for one in record.findings) for record in read_run(run).records)
    return (f"The masks of {counted(corrected, 'photo')} were corrected by a person.",) if corrected else ()


def _failed(numbered: tuple[int, PhotoFiles], error: str) -> tuple[int, Failure]:
    """Return the outcome of a photo that killed its process."""
    return numbered[0], Failure(error)
