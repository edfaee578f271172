"""The work on one photo: read, segment, write."""

import errno
import hashlib
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

from wsseg.arrays import Box, PhotoError
from wsseg.classifier.categories import Target
from wsseg.engines.overlap import read_work_write
from wsseg.files.decode import read_file
from wsseg.files.masks import UNKNOWN_LEVEL, read_truth
from wsseg.files.names import Source
from wsseg.files.photos import Photo, read_photo
from wsseg.files.store import replacing, store_of
from wsseg.graphcut.hints import Hints
from wsseg.pictures.style import PLAIN, Style
from wsseg.runs.failures import ends_run, is_bug, reason_of
from wsseg.runs.record import WORKING, Finding, Record
from wsseg.segmenting.outputs import PICTURES, encode, pictures_of, suffix_of
from wsseg.segmenting.results import LabelMap, SaliencyResult

if TYPE_CHECKING:
    from wsseg.segmenting.segmenter import Segmenter

Results: TypeAlias = Sequence[SaliencyResult | LabelMap]

See: TypeAlias = Callable[[Photo, Hints | None], Results]
"""Makes the results of a photo: one for each target, or one for all of them."""

_OF_THE_NAME: Final = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
"""Errors about a file's name: other photos' pictures can still be written."""


@dataclass(frozen=True, kw_only=True)
class PhotoInput:
    """A photo to do, and what is known of it."""

    source: Source
    hints: Path | None = None
    """Its file of hints."""
    earlier: Record | None = None
    """Its record from an earlier run."""
    complete: bool = False
    """Whether that record suffices as long as the photo has not changed."""


class Outcome(NamedTuple):
    """The result for one photo."""

    record: Record
    fresh: bool
    """Whether this run made it; an earlier run's result was kept otherwise."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Step:
    """A photo on its way through the stages."""

    given: PhotoInput
    record: Record


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fetched(_Step):
    data: bytes
    """The photo's file."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Decoded(_Step):
    photo: Photo
    hints: Hints | None


@dataclass(frozen=True, eq=False, kw_only=True)
class _Seen(_Step):
    results: Results


@dataclass(frozen=True, eq=False, kw_only=True)
class _Ended(_Step):
    kept: bool = False
    """Whether the earlier record holds."""


Before = TypeVar("Before", bound=_Step)

After = TypeVar("After", bound=_Step)


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """The work that a run does on every photo: a value, so that it can go to other processes and machines."""

    see: See
    out: Path
    pictures: Sequence[str]
    """Some of `PICTURES`; those that an earlier run wrote are renewed beside them."""
    settings: str
    """The digest of all that decides the pictures, beside the photo."""
    style: Style = PLAIN
    target_name: Callable[[Target], str] | None = None
    """Names a target in files where a photo has several: `sub/a.NAME.png`. Such names have no dot, so that they cannot
    be mistaken for a photo's own name."""
    wnids: Sequence[str] = ()
    """The WordNet id of each class; empty where classes have none."""
    max_pixels: int

    def stream(self, photos: Iterable[PhotoInput | None]) -> Iterator[Outcome]:
        """Yield the outcome of each photo, in their order."""
        return read_work_write(photos, self._read, self._see, self._write)

    def lost(self, photo: PhotoInput, error: str) -> Outcome:
        """Return the outcome of a photo whose worker crashed each time."""
        return Outcome(replace(self._blank(photo), error=error), fresh=True)

    def is_complete(self, earlier: Record) -> bool:
        """Whether a record says all that this task would, if the photo has not changed; or what a person decided."""
        if earlier.has_decision:
            return True
        return not earlier.error and earlier.settings == self.settings and set(self.pictures) <= earlier.pictures

    def _blank(self, photo: PhotoInput) -> Record:
        """Return the record to begin with: a blank one, or the earlier one if a person decided on its masks."""
        path = photo.source.path
        base = store_of(path).base_of(path)
        if photo.complete and photo.earlier and photo.earlier.has_decision:
            return replace(photo.earlier, input=str(path), base=base, error="", traceback="")
        return Record(input=str(path), base=base, name=name_of(photo.source), settings=self.settings)

    def _read(self, photo: PhotoInput) -> _Decoded | _Ended:
        """Return the decoded photo, or the end if it failed or its earlier record holds."""
        fetched = _tried("read", self._fetched, _Step(given=photo, record=self._blank(photo)))
        return _tried("read", self._decoded, fetched)

    def _see(self, read: _Decoded | _Ended) -> _Seen | _Ended:
        """Return what is seen in the photo, or the end."""
        return _tried("segment", self._seen, read)

    def _write(self, seen: _Seen | _Ended) -> Outcome:
        """Return the outcome, once the pictures are written."""
        ended = _tried("write", self._written, seen)
        return Outcome(ended.record, fresh=not ended.kept)

    def _fetched(self, step: _Step) -> _Fetched | _Ended:
        """Return the photo's bytes, unless the earlier record holds for them."""
        given, data = step.given, read_file(step.given.source.path, max_pixels=self.max_pixels)
        hints = _sha256(read_file(given.hints, max_pixels=self.max_pixels)) if given.hints else ""
        record = replace(step.record, hash=_sha256(data), hints=hints)
        earlier = given.earlier if given.complete else None
        if earlier and earlier.has_decision:
            return _reviewed(step, record.hash)
        if earlier and (earlier.hash, earlier.hints) == (record.hash, record.hints):
            kept = replace(earlier, input=record.input, base=record.base)
            return _Ended(given=given, record=kept, kept=True)
        return _Fetched(given=given, record=record, data=data)

    def _decoded(self, step: _Fetched) -> _Decoded:
        file = step.given.hints
        photo = read_photo(step.data, max_pixels=self.max_pixels, name=step.record.input)
        hints = Hints(seeds=read_truth(file, void=UNKNOWN_LEVEL, max_pixels=self.max_pixels)) if file else None
        return _Decoded(given=step.given, record=step.record, photo=photo, hints=hints)

    def _seen(self, step: _Decoded) -> _Seen:
        """Return the results of the photo."""
        return _Seen(given=step.given, record=step.record, results=self.see(step.photo, step.hints))

    def _written(self, step: _Seen) -> _Ended:
        """Write the pictures and return the record of what was seen."""
        earlier = step.given.earlier.pictures if step.given.earlier else frozenset()
        wanted, files = {*self.pictures, *earlier}, dict[str, bytes]()
        findings, outputs = list[Finding](), dict[str, str]()
        for result in step.results:
            drawn = self._encoded(result, step.record.name, wanted)
            files.update(drawn.values())
            paths = {picture: path for picture, (path, _) in drawn.items()}
            if isinstance(result, LabelMap):
                outputs, findings = paths, [self._finding(one) for one in result.results]
            else:
                findings.append(replace(self._finding(result), outputs=paths))
        self._replace_files(files)
        return _Ended(given=step.given, record=replace(step.record, findings=tuple(findings), outputs=outputs))

    def _finding(self, result: SaliencyResult) -> Finding:
        indices = result.target.indices
        return Finding(
            category=result.category,
            indices=indices,
            wnids=tuple(self.wnids[index] for index in indices) if self.wnids else (),
            probability=result.probability,
            status=getattr(result, "status", None),  # A map of saliency has none.
            confidence=getattr(result, "confidence", None),
            reasons=result.reasons,
        )

    def _encoded(
        self, result: SaliencyResult | LabelMap, name: str, wanted: Collection[str]
    ) -> dict[str, tuple[str, bytes]]:
        """Return the path and the bytes of each wanted picture that such a result has."""
        if self.target_name and isinstance(result, SaliencyResult):
            name = f"{name}.{self.target_name(result.target)}"
        return {
            each: (f"{PICTURES[each].folder}/{name}{suffix_of(each, self.style)}", encode(result, each, self.style))
            for each in pictures_of(type(result))
            if each in wanted
        }

    def _replace_files(self, files: Mapping[str, bytes]) -> None:
        """Write all the files, or none if the file system refuses a name."""
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
                raise PhotoError(str(error)) from error
            written.append(self.out / path)


def _tried(stage: str, act: Callable[[Before], After], step: Before | _Ended) -> After | _Ended:
    """Return the next step with the seconds that it took, or the end with what failed."""
    if isinstance(step, _Ended):
        return step
    start = perf_counter()
    after = _attempted(stage, act, step)
    if isinstance(after, _Ended) and after.kept:
        return after
    spent = after.record.seconds.get(stage, 0.0) + perf_counter() - start
    return replace(after, record=replace(after.record, seconds={**after.record.seconds, stage: spent}))


def _attempted(stage: str, act: Callable[[Before], After], step: Before) -> After | _Ended:
    try:
        return act(step)
    except Exception as error:
        if ends_run(error, reading=stage == "read"):
            raise
        trace = "".join(traceback.format_exception(error)) if is_bug(error) else ""
        return _Ended(given=step.given, record=replace(step.record, error=reason_of(error), traceback=trace))


def _reviewed(step: _Step, digest: str) -> _Ended:
    """Return the end of a photo whose masks a person decided on; PhotoError if it is another photo now."""
    if step.record.hash != digest:
        raise PhotoError(
            f"photo must be unchanged since its review, got another file at '{step.record.place}'; restore it, or redo "
            "all photos with --force --discard-reviews"
        )
    return _Ended(given=step.given, record=step.record, kept=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def see_saliency(
    photo: Photo, hints: Hints | None, *, segmenter: "Segmenter", targets: Sequence[Target] | None, top: int | None
) -> Results:
    """Return where the classifier looks for each target."""
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
    """Return the mask of each target; with hints or a box, that of the first."""
    if hints is None and box is None:
        return segmenter.segment_each(photo, targets, top=top)
    return (segmenter.segment(photo, targets[0] if targets else None, hints=hints or Hints(box=box)),)


def see_labels(
    photo: Photo, hints: Hints | None, *, segmenter: "Segmenter", targets: Sequence[Target], instances: bool
) -> Results:
    """Return one map of all the targets."""
    return (segmenter.segment_categories(photo, targets, instances=instances),)


def name_of(source: Source) -> str:
    """Return a photo's name in records: that of its outputs, without suffix."""
    return source.name.with_suffix("").as_posix()
