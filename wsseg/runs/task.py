"""What a run does with one photo: read, segment, write."""

import errno
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from wsseg.arrays import Box
from wsseg.classifier.categories import Target
from wsseg.engines.overlap import read_work_write
from wsseg.files.decode import read_file
from wsseg.files.masks import UNKNOWN_LEVEL, read_truth
from wsseg.files.names import Source
from wsseg.files.photos import Photo, read_photo
from wsseg.files.store import is_local, replacing
from wsseg.graphcut.hints import Hints
from wsseg.pictures.style import PLAIN, Style
from wsseg.runs.attempt import attempt
from wsseg.runs.record import WORKING, Finding, Record
from wsseg.segmenting.outputs import PICTURES, encode, pictures_of, suffix_of
from wsseg.segmenting.results import LabelMap, SaliencyResult

if TYPE_CHECKING:
    from wsseg.segmenting.segmenter import Segmenter

Results: TypeAlias = Sequence[SaliencyResult | LabelMap]

See: TypeAlias = Callable[[Photo, Hints | None], Results]
"""What a run sees in a photo: one result for each target, or one for all of them."""

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
        return read_work_write(jobs, self._read, self._seen, self._written)

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
                outputs, findings = paths, [_finding(part) for part in result.results]
            else:
                findings.append(replace(_finding(result), outputs=paths))
        self._write(files)
        return replace(case, content=None, record=replace(case.record, findings=tuple(findings), outputs=outputs))

    def _encoded(
        self, result: SaliencyResult | LabelMap, name: str, wanted: Collection[str]
    ) -> dict[str, tuple[str, bytes]]:
        """Those of the pictures that there are of such a result: where each goes, and its bytes."""
        if self.labels and isinstance(result, SaliencyResult):
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


def _finding(result: SaliencyResult) -> Finding:
    return Finding(
        category=result.category,
        probability=result.probability,
        status=getattr(result, "status", None),  # A map of saliency has none.
        confidence=getattr(result, "confidence", None),
        reasons=result.reasons,
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def see_saliency(
    photo: Photo, hints: Hints | None, *, segmenter: "Segmenter", targets: Sequence[Target] | None, top: int | None
) -> Results:
    """Where the classifier looks for each target."""
    return segmenter.saliency_each(photo, targets, top=top)


def see_masks(
    photo: Photo,
    hints: Hints | None,
    *,
    segmenter: "Segmenter",
    targets: Sequence[Target] | None,
    top: int | None,
    box: Box | None = None,
) -> Results:
    """The mask of each target; under hints, or the box, that of the first."""
    if hints is None and box is None:
        return segmenter.segment_each(photo, targets, top=top)
    return (segmenter.segment(photo, targets[0] if targets else None, hints=hints or Hints(box=box)),)


def see_labels(
    photo: Photo, hints: Hints | None, *, segmenter: "Segmenter", targets: Sequence[Target], instances: bool
) -> Results:
    """One map of all the targets."""
    return (segmenter.segment_categories(photo, targets, instances=instances),)


def name_of(source: Source) -> str:
    """What a record calls a photo: as its outputs are called, without suffix."""
    return source.name.with_suffix("").as_posix()
