"""A folder at a time: one bad photo never stops the rest, and is never hidden.

What is done with a photo is a `Task`, the same in every engine: read, see, write. It writes the photo's pictures and
returns its `Record`, which the run writes down; record.py says what becomes of a run that is killed.
"""

import errno
import hashlib
import os
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import cv2

from wsseg.arrays import Box
from wsseg.categories import Categories, Target
from wsseg.engines import POLL, Lost, Stream
from wsseg.files import UNKNOWN_LEVEL, Photo, Source, is_local, read_file, read_photo, read_truth, replacing
from wsseg.hints import Hints
from wsseg.overlap import overlapped
from wsseg.pictures import PLAIN, Style
from wsseg.record import REPORTED, WORKING, Finding, Journal, Record, is_run
from wsseg.segmentation import PICTURES, LabelMap, Segmenter, Sighting, encode, pictures_of, suffix_of

Given = TypeVar("Given")
Made = TypeVar("Made")
Results: TypeAlias = Sequence[Sighting | LabelMap]
See: TypeAlias = Callable[[Photo, Hints | None], Results]
"""What a run sees in a photo: one result for each target, or one for all of them."""

STILL: Final = 2.0
"""Seconds that a file must have stood still before it counts, where photos arrive."""

_OF_THE_NAME: Final = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
"""Why one photo's pictures cannot be written where others can."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A photo, and what is known of it."""

    source: Source
    hints: Path | None = None
    """Its file of hints."""
    earlier: Record | None = None
    """What an earlier run made of it."""
    complete: bool = False
    """Whether that is all that is wanted, as long as the photo has not changed."""


class Outcome(NamedTuple):
    """What became of a photo."""

    record: Record
    fresh: bool
    """Whether it is of this run, not of an earlier one."""


class Engine(Protocol):
    """Where a run runs; see engines.py."""

    def __call__(
        self, stream: Stream[Job, Outcome], items: Iterable[Job | None], *, lost: Lost[Job, Outcome]
    ) -> Iterator[Outcome]: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class _Case:
    """A photo on its way through the stages."""

    job: Job
    record: Record
    content: Any = None
    """The photo's bytes, then the photo and its hints, then what is seen in it."""
    kept: bool = False
    """Whether the earlier record holds."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """What a run does with every photo: a value, so that it can go to other processes and machines."""

    see: See
    out: Path
    pictures: Sequence[str]
    """Some of `PICTURES`; those that an earlier run wrote are renewed beside them."""
    settings: str
    """The digest of all that decides the pictures but the photo."""
    style: Style = PLAIN
    labels: Callable[[Target], str] | None = None
    """What files call a target where a photo has several: `sub/a.LABEL.png`. Labels have no dot, so that no photo's own
    name can be mistaken for one."""
    max_pixels: int

    def stream(self, jobs: Iterable[Job | None]) -> Iterator[Outcome]:
        """The outcome of each job, in their order."""
        return overlapped(jobs, self._read, self._seen, self._written)

    def lost(self, job: Job, error: str) -> Outcome:
        """The outcome of a job that no process outlived."""
        return Outcome(replace(self._blank(job), error=error), fresh=True)

    def is_complete(self, earlier: Record) -> bool:
        """Whether a record says all that this task would, of a photo that has not changed."""
        return not earlier.error and earlier.settings == self.settings and set(self.pictures) <= earlier.pictures

    def _blank(self, job: Job) -> Record:
        path = job.source.path
        base = str(Path.cwd()) if is_local(path) and not path.is_absolute() else ""
        return Record(input=str(path), base=base, name=name_of(job.source), settings=self.settings)

    def _read(self, job: Job) -> _Case:
        case = _tried("read", self._fetched, _Case(job=job, record=self._blank(job)))
        return _tried("read", self._decoded, case)

    def _seen(self, case: _Case) -> _Case:
        return _tried("segment", self._looked_at, case)

    def _written(self, case: _Case) -> Outcome:
        case = _tried("write", self._drawn, case)
        return Outcome(case.record, fresh=not case.kept)

    def _fetched(self, case: _Case) -> _Case:
        """The photo's bytes, unless the earlier record holds for them."""
        job, data = case.job, read_file(case.job.source.path, max_pixels=self.max_pixels)
        hints = _sha256(read_file(job.hints, max_pixels=self.max_pixels)) if job.hints else ""
        record = replace(case.record, hash=_sha256(data), hints=hints)
        earlier = job.earlier if job.complete else None
        if earlier and (earlier.hash, earlier.hints) == (record.hash, record.hints):
            return replace(case, record=replace(earlier, input=record.input, base=record.base), kept=True)
        return replace(case, record=record, content=data)

    def _decoded(self, case: _Case) -> _Case:
        file = case.job.hints
        photo = read_photo(case.content, max_pixels=self.max_pixels, name=case.record.input)
        hints = Hints(seeds=read_truth(file, void=UNKNOWN_LEVEL, max_pixels=self.max_pixels)) if file else None
        return replace(case, content=(photo, hints))

    def _looked_at(self, case: _Case) -> _Case:
        return replace(case, content=self.see(*case.content))

    def _drawn(self, case: _Case) -> _Case:
        """The record of what was seen, once its pictures are written."""
        earlier = case.job.earlier.pictures if case.job.earlier else frozenset()
        wanted, files = {*self.pictures, *earlier}, dict[str, bytes]()
        findings, outputs = list[Finding](), dict[str, str]()
        for result in case.content:
            drawn = self._encoded(result, case.record.name, wanted)
            files.update(drawn.values())
            paths = {picture: path for picture, (path, _) in drawn.items()}
            if isinstance(result, LabelMap):
                outputs, findings = paths, [_finding(part) for part in result.parts]
            else:
                findings.append(replace(_finding(result), outputs=paths))
        self._write(files)
        return replace(case, content=None, record=replace(case.record, findings=tuple(findings), outputs=outputs))

    def _encoded(self, result: Sighting | LabelMap, name: str, wanted: Collection[str]) -> dict[str, tuple[str, bytes]]:
        """Those of the pictures that there are of such a result: where each goes, and its bytes."""
        if self.labels and isinstance(result, Sighting):
            name = f"{name}.{self.labels(result.target)}"
        return {
            each: (f"{PICTURES[each].folder}/{name}{suffix_of(each, self.style)}", encode(result, each, self.style))
            for each in pictures_of(type(result))
            if each in wanted
        }

    def _write(self, files: Mapping[str, bytes]) -> None:
        """Writes all of them, or none where the names are at fault."""
        written: list[Path] = []
        for path, data in files.items():
            try:
                with replacing(self.out / path, by=self.out / WORKING) as file:
                    file.write(data)
            except OSError as error:
                if error.errno not in _OF_THE_NAME:
                    raise
                for earlier in written:
                    earlier.unlink()
                raise ValueError(str(error)) from error
            written.append(self.out / path)


def run(
    task: Task,
    sources: Iterable[Source | None],
    journal: Journal,
    engine: Engine,
    *,
    hints: Mapping[Path, Path] = MappingProxyType({}),
    again: bool = False,
) -> Generator[Outcome, None, None]:
    """What becomes of each photo, as it is written down in the journal.

    Only what is missing or changed is done, unless all is to be done `again`; `hints` are the files of those photos
    that have one. A source that is None says that there is none as yet. What ends a run, as a full disk does, is
    raised.
    """

    def job_of(source: Source) -> Job:
        job = Job(source=source, hints=hints.get(source.path))
        earlier = journal.earlier(name_of(source))
        complete = not again and earlier is not None and task.is_complete(earlier) and journal.holds(earlier)
        if not complete:
            rivals = journal.rivals(name_of(source), task.settings, labelled=task.labels is not None)
            for record in [*rivals, *([earlier] if earlier and earlier.files else [])]:
                journal.doubt(record)
        return replace(job, earlier=earlier, complete=complete)

    under_way = set[str]()
    jobs = (None if source is None else job_of(source) for source in _one_at_a_time(sources, under_way))
    for outcome in engine(task.stream, jobs, lost=task.lost):
        if outcome.fresh or outcome.record != journal.earlier(outcome.record.name):  # Of a photo that was moved.
            journal.append(outcome.record)
        else:
            journal.keep(outcome.record)
        under_way.discard(outcome.record.name)
        yield outcome


def _one_at_a_time(sources: Iterable[Source | None], under_way: set[str]) -> Iterator[Source | None]:
    """The sources, of which one waits while another of its name is under way, lest the older one ends last."""
    waiting: dict[str, Source] = {}

    def first() -> Source | None:
        free = next((name for name in waiting if name not in under_way), None)
        if free is None:
            return None
        under_way.add(free)
        return waiting.pop(free)

    for source in sources:
        if source is not None:
            waiting[name_of(source)] = source
        yield first()
    while waiting:
        yield first()


def _tried(stage: str, step: Callable[[_Case], _Case], case: _Case) -> _Case:
    """The case one step on, or with what failed; and with the seconds that it took."""
    if case.kept or case.record.error:
        return case
    start = perf_counter()
    after, error = attempt(step, case)
    after = after or replace(case, content=None, record=replace(case.record, error=error))
    if after.kept:
        return after
    spent = {**after.record.seconds, stage: after.record.seconds.get(stage, 0.0) + perf_counter() - start}
    return replace(after, record=replace(after.record, seconds=spent))


def attempt(act: Callable[[Given], Made], given: Given) -> tuple[Made | None, str]:
    """What `act` makes of a photo, or what failed."""
    try:
        return act(given), ""
    except (ValueError, MemoryError, RuntimeError, cv2.error) as error:
        # ReadError is a ValueError; torch says RuntimeError, OpenCV its own, when one photo is more than they can take.
        return None, str(error) or type(error).__name__


def _finding(result: Sighting) -> Finding:
    return Finding(
        category=result.category,
        probability=result.probability,
        status=getattr(result, "status", None),  # A map of saliency has none.
        confidence=getattr(result, "confidence", None),
        reasons=result.reasons,
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ------------------------------------------------------------------------------------------------------ what is seen


def see_saliency(
    photo: Photo, hints: Hints | None, *, segmenter: Segmenter, targets: Sequence[Target] | None, top: int | None
) -> Results:
    """Where the classifier looks for each target."""
    return segmenter.sight_each(photo, targets, top=top)


def see_masks(
    photo: Photo,
    hints: Hints | None,
    *,
    segmenter: Segmenter,
    targets: Sequence[Target] | None,
    top: int | None,
    box: Box | None = None,
) -> Results:
    """The mask of each target; under hints, or the box, that of the first."""
    if hints is None and box is None:
        return segmenter.segment_each(photo, targets, top=top)
    return (segmenter.segment(photo, targets[0] if targets else None, hints=hints or Hints(box=box)),)


def see_labels(
    photo: Photo, hints: Hints | None, *, segmenter: Segmenter, targets: Sequence[Target], instances: bool
) -> Results:
    """One map of all the targets."""
    return (segmenter.segment_categories(photo, targets, instances=instances),)


# ------------------------------------------------------------------------------------------------------------- photos


def name_of(source: Source) -> str:
    """What a record calls a photo: as its outputs are called, without suffix."""
    return source.name.with_suffix("").as_posix()


def shard_of(sources: Iterable[Source], index: int, count: int) -> list[Source]:
    """The photos of one of `count` shards, from 1: which one a photo is of depends on its name alone."""
    if not 1 <= index <= count:
        raise ValueError(f"shard must be I/N with I from 1 to N, got {index}/{count}; count from 1")
    return [source for source in sources if zlib.crc32(os.fsencode(name_of(source))) % count == index - 1]


def arriving(
    find: Callable[[Mapping[str, str]], Iterable[Source]],
    *,
    complain: Callable[[str], None],
    still: float = STILL,
) -> Iterator[Source | None]:
    """Each photo as it arrives or changes, once it has stood still for so many seconds, and None in between; for ever.

    `find` tells the photos that there are, given the names that some have already, by their paths; of what it raises
    once there were some, as where names clash or a folder is away, `complain` is told once, until that is over.
    """
    find = _patient(find, complain)
    names: dict[str, str] = {}
    seen: dict[Path, tuple[object, float]] = {}
    done: dict[Path, object] = {}
    while True:
        for source in find(names):
            stamp, now = _stamp(source.path), time.monotonic()
            if stamp is None or done.get(source.path) == stamp:
                continue
            first, since = seen.get(source.path, (None, now))
            if first != stamp:
                seen[source.path] = stamp, now
            elif now - since >= still:
                done[source.path] = stamp
                names[str(source.path)] = name_of(source)
                yield source
        time.sleep(POLL)
        yield None


def _patient(
    find: Callable[[Mapping[str, str]], Iterable[Source]], complain: Callable[[str], None]
) -> Callable[[Mapping[str, str]], Iterable[Source]]:
    """`find`, which finds nothing while it fails, unless it never did otherwise."""
    said: list[str | None] = []

    def found(names: Mapping[str, str]) -> Iterable[Source]:
        trouble, sources = None, list[Source]()
        try:
            sources = list(find(names))
        except (ValueError, OSError) as error:
            if not said:
                raise
            trouble = str(error)
        if trouble and trouble != said[-1]:
            complain(f"{trouble}; until then no photos are taken")
        said[:] = [trouble]
        return sources

    return found


def _stamp(path: Path) -> object:
    """What changes when a file does; None for one that is gone. In an object store, files are there whole or not.

    That one is replaced there is not noticed, since to ask for each again and again would cost a request each.
    """
    if not is_local(path):
        return True
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime


def labels_of(categories: Categories) -> Callable[[Target], str]:
    """What files call a target: its category, with `_` for all but letters and digits.

    A class that files would call like another, in a file system without case, adds its index: `cardigan-474`.
    """
    plain = [_plain(name) for name in categories.names]
    uses = Counter(map(str.casefold, plain))
    alike = {index for index, name in enumerate(plain) if uses[name.casefold()] > 1}
    return partial(_label, frozenset(alike))


def _label(alike: Collection[int], target: Target) -> str:
    return "-".join([_plain(target.category), *(str(index) for index in target.indices if index in alike)])


def check_labels(targets: Iterable[Target], labels: Callable[[Target], str]) -> None:
    """ValueError names two targets whose pictures would have one name."""
    owners: dict[str, Target] = {}
    for target in targets:
        owner = owners.setdefault(labels(target).casefold(), target)
        if owner is not target:
            raise ValueError(
                f"targets must have different names, got {owner.category!r} and {target.category!r} for files called "
                f"{labels(target)}; leave out one"
            )


def beside_outputs(sources: Iterable[Source], out: Path) -> list[Source]:
    """The sources that are not themselves pictures of a run or of its report, into `out` or elsewhere among them.

    ValueError names one that lies where pictures go in `out` before any run does: its like could not be told from them.
    """
    folders = {picture.folder for picture in PICTURES.values()}
    run_of = cache(is_run)

    def is_output(here: Path) -> bool:
        return (here.name in folders and run_of(here.parent)) or bool(REPORTED.fullmatch(here.name))

    found = [source for source in sources if not any(map(is_output, _real(source.path).parents))]
    taken = {_real(out) / folder for folder in folders}
    for source in found:
        if not taken.isdisjoint(_real(source.path).parents):
            raise ValueError(
                f"out must not put pictures among photos, got {out} with {source.path}; name another folder"
            )
    return found


def _plain(category: str) -> str:
    return re.sub(r"\W", "_", category)


def _real(path: Path) -> Path:
    """The path without links; unlike `resolve` it takes a link to itself, which is a bad photo and no more."""
    return Path(os.path.realpath(path)) if is_local(path) else path
