"""A request executed: the photos found, the network loaded, each photo done and recorded."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from wsseg.files.names import Source
from wsseg.runs.batch import Engine, run
from wsseg.runs.bugs import with_bugs_reported
from wsseg.runs.journal import check_claimable, opened
from wsseg.runs.load import check_names, library_versions, segmenter_of, settings_of, task_of
from wsseg.runs.photos import arriving_photos, hint_files, photos_of, photos_of_shard, some_of
from wsseg.runs.record import Record, digest_of
from wsseg.runs.request import Request
from wsseg.runs.result import FolderRun, PhotoDone
from wsseg.runs.reviews import check_reviews_kept
from wsseg.runs.task import name_of


class Tally:
    """The latest outcome of each photo, by its name: a watched photo may change and be done again."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.kept: set[str] = set()
        """Photos among `done` whose result comes from an earlier run."""
        self.review: set[str] = set()
        self.failures: dict[str, tuple[str, str]] = {}
        """The path of each photo that failed, and why."""

    def add(self, record: Record, fresh: bool) -> None:
        name = record.name
        self.done.discard(name)
        self.kept.discard(name)
        self.review.discard(name)
        self.failures.pop(name, None)
        if record.error:
            self.failures[name] = record.input, record.error
            return
        self.done.add(name)
        if record.review:
            self.review.add(name)
        if not fresh:
            self.kept.add(name)


def execute(request: Request) -> FolderRun:
    """Do the photos of the request, after all checks that need no network, and return the result."""
    sources, total, hints, engine = _photos(request)
    check_claimable(request.out, force=request.force)
    check_reviews_kept(request.out, force=request.force, discard=request.discard_reviews)
    if request.dry_run:
        return _planned(request, tuple(filter(None, sources)))
    check_names(request)
    request.warm_up(total)
    segmenter = segmenter_of(request)
    targets = segmenter.resolve(request.targets, top=request.top)
    settings = settings_of(request, segmenter, targets)
    task = task_of(request, segmenter, targets, digest_of(settings))
    hints_folder = str(request.hints) if request.hints else None
    made_by = {
        **settings,
        "hints": hints_folder,
        "min_confidence": request.min_confidence,
        "settings": task.settings,
        "versions": library_versions(),
    }
    tally = Tally()
    with (
        opened(request.out, made_by, force=request.force) as journal,
        closing(
            run(task, sources, journal, engine, hints=hints, again=request.force, min_confidence=request.min_confidence)
        ) as outcomes,
    ):
        for record, fresh in with_bugs_reported(outcomes, request.notice):
            tally.add(record, fresh)
            if request.progress:
                request.progress(PhotoDone(record, fresh, len(tally.done), len(tally.failures), total))
    return FolderRun(
        out=request.out,
        pictures=request.pictures,
        done=len(tally.done),
        kept=len(tally.kept),
        review=None if request.min_confidence is None else len(tally.review),
        failures=dict(tally.failures.values()),
        names=frozenset(tally.done | tally.failures.keys()),
    )


def _planned(request: Request, sources: tuple[Source, ...]) -> FolderRun:
    """Return the result of a dry run."""
    return FolderRun(
        out=request.out,
        pictures=request.pictures,
        done=0,
        kept=0,
        failures={},
        names=frozenset(map(name_of, sources)),
        planned=sources,
    )


def _photos(request: Request) -> tuple[Iterable[Source | None], int | None, Mapping[Path, Path], Engine]:
    """Return the photos, their number if it is known, their files of hints, and the engine for so many."""
    given, out, notice = request.sources, request.out, request.notice
    if request.watch:
        return arriving_photos(given, out, notice, request.shard), None, {}, request.engine_for(None)
    every = photos_of(given, out, notice)
    hints = hint_files(every, request.hints) if request.hints else {}
    if request.hints:
        notice(f"found hints for {len(hints)} of {len(every)} photos")
    found = some_of(photos_of_shard(every, request.shard), limit=request.limit, sample=request.sample)
    if request.box is not None and len(found) > 1:
        raise ValueError(f"box needs exactly one photo, got {len(found)}; put hints into a folder (--hints)")
    return found, len(found), hints, request.engine_for(len(found))
