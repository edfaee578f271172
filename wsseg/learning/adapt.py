"""A network for objectness from photos that nobody labeled, by the method's own cuts."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wsseg import __version__
from wsseg.engines.stream import check_workers, workers_for
from wsseg.files.find import find_photos
from wsseg.files.store import paths_of
from wsseg.recipe import EMBEDDED, MAX_PIXELS, ROUNDS
from wsseg.runs.notices import warnings_at_caller
from wsseg.runs.record import is_run

if TYPE_CHECKING:
    from wsseg.classifier.classifier import Classifier
    from wsseg.saliency.objectness.objectness import Objectness, Provenance


def adapt(
    photos: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    reviewed: bool = False,
    classifier: "Classifier | str | Path | None" = None,
    rounds: int = ROUNDS,
    checkpoint: str | PathLike[str] | None = None,
    workers: int | None = None,
    max_pixels: int = MAX_PIXELS,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
    notice: Callable[[str], None] | None = None,
) -> "Objectness":
    """Learn from photos without masks what objects look like, or from masks that a person accepted.

    Without masks, the method's own cuts are the labels, see `wsseg/learning/rounds.py`. The network does not depend on
    the number of workers, nor on whether the learning was interrupted.

    The fit has two threads. If other programs need the cores, set the environment variable `GOMP_SPINCOUNT` to 1000
    before torch is imported, as `wsseg adapt` does: threads that wait then leave their core to others.

    Parameters
    ----------
    photos : str, path, or iterable of them
        Photos, folders, glob patterns or .txt lists, as in `find_photos`; with `reviewed`, the folder of a run.
    reviewed : bool
        Learn from the photos of a run all of whose masks a person accepted or corrected (`serve_review`), in one fit of
        the network that wsseg ships.
    classifier : Classifier, str or Path, optional
        A classifier, or a name for `load_classifier`, whose layers a new network gets. By default the network that
        wsseg ships goes on learning.
    rounds : int
        How often photos are labeled and the network is fitted to them. Each round has a part of the photos.
    checkpoint : path, optional
        A file that keeps the state. If the learning is interrupted, the same call goes on from there; only the
        labels of the round that was being labeled are made again. At the end the file is removed.
    workers : int or None
        Processes that label photos; None means as many as are worth it.
    max_pixels : int
        Larger photos fail.
    track : callable
        Iterates over the paths of the photos and over the steps of each round; it may show progress.
    notice : callable or None
        Gets one sentence about each photo that fails; None means a warning.

    Returns
    -------
    Objectness
        The network; `provenance.photos` is the number of photos that it was learned from. Save it with
        `Objectness.save`, and use it with `objectness=` or `--adapt`.

    Raises
    ------
    ValueError
        If there are no photos, if no photo shows an object, if an argument is out of range, or if the checkpoint is of
        other photos. Everything that needs no network is checked first.
    RecipeError
        If no layer of the classifier lies on a grid over the photo.
    """
    notice = _once(notice or warnings_at_caller())
    _check_counts(rounds, workers)
    if reviewed:
        run = _run_of(photos, is_new=classifier is not None or rounds != ROUNDS)

        from wsseg.learning.reviewed import learned_from_reviews

        kept = Path(checkpoint) if checkpoint is not None else None
        return learned_from_reviews(run, checkpoint=kept, max_pixels=max_pixels, track=track, notice=notice)
    paths = [source.path for source in find_photos(paths_of(photos, "photos"))]
    kept = Path(checkpoint) if checkpoint is not None else None

    from wsseg.classifier.load import load_classifier
    from wsseg.learning.checkpoint import Checkpoint
    from wsseg.learning.rounds import Setting, learned, parts_of
    from wsseg.saliency.objectness.objectness import load_objectness, new_objectness

    new, source = classifier is not None, EMBEDDED if classifier is None else classifier
    teacher = load_classifier(source) if isinstance(source, str | Path) else source
    start = new_objectness(teacher) if new else load_objectness().copied()
    sums = list(map(_sum_of, paths))
    made = _provenance(teacher, sums, rounds, start=None if new else start)
    settings = {"start": start.digest, "order": sums, "max_pixels": max_pixels, **msgspec.structs.asdict(made)}
    setting = Setting(
        classifier=teacher,
        checkpoint=Checkpoint(kept, settings),
        workers=workers_for(len(paths)) if workers is None else workers,
        max_pixels=max_pixels,
        track=track,
        notice=notice,
    )
    found, count = learned(start, parts_of(paths, rounds=rounds, new=new), setting, new=new)
    setting.checkpoint.remove()
    return replace(found, provenance=msgspec.structs.replace(made, photos=count))


def _run_of(photos: str | PathLike[str] | Iterable[str | PathLike[str]], *, is_new: bool) -> Path:
    """Return the folder of the reviewed run; ValueError if there is none, or it cannot be learned from as asked."""
    paths = paths_of(photos, "photos")
    if len(paths) != 1 or not is_run(Path(paths[0])):
        raise ValueError(
            f"photos must be the folder of one run with reviews, got {', '.join(map(str, paths))}; leave out reviewed "
            "(--reviewed) to learn without masks"
        )
    if is_new:
        raise ValueError(
            "reviewed must go without classifier and rounds, got one of them; the bundled network is fitted once"
        )
    return Path(paths[0])


def _once(notice: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that gives each sentence to `notice` once, since several rounds may have the same photos."""
    said: set[str] = set()

    def say(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            notice(sentence)

    return say


def _check_counts(rounds: int, workers: int | None) -> None:
    if isinstance(rounds, bool) or not isinstance(rounds, int):
        raise TypeError(f"rounds must be a whole number, got {rounds!r}; use {ROUNDS}, which was measured")
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}; use {ROUNDS}, which was measured")
    check_workers(workers)


def _provenance(teacher: "Classifier", sums: Sequence[str], rounds: int, *, start: "Objectness | None") -> "Provenance":
    """How the network will have been learned; the number of photos is not known yet."""
    from wsseg.learning.labels import LATER
    from wsseg.saliency.objectness.objectness import Provenance

    layers = start.provenance if start else None
    return Provenance(
        classifier=layers.classifier if layers else teacher.name,
        sha256=layers.sha256 if layers else teacher.digest,
        photos=0,
        photos_sha256=hashlib.sha256("".join(sorted(sums)).encode()).hexdigest(),
        rounds=rounds,
        recipe=json.dumps(LATER.as_dict()),
        wsseg=__version__,
        start_sha256=start.digest if start else None,
    )


def _sum_of(path: Path) -> str:
    """The SHA-256 of a file; empty if it cannot be read, in which case it fails later with its name."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
