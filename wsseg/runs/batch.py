"""The loop over the photos of a run: one bad photo never stops the rest, and is never hidden.

A `Task` does the work on a photo, the same in every engine: read, see, write. It writes the photo's pictures and
returns its `Record`, which the loop adds to the journal; record.py describes how a killed run resumes.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from wsseg.engines.stream import Lost, Stream
from wsseg.files.names import Source
from wsseg.runs.journal import Journal
from wsseg.runs.review import needs_review
from wsseg.runs.task import Outcome, PhotoInput, Task, name_of


class Engine(Protocol):
    """An engine, with what it must do for a run; see `wsseg.engines`."""

    def __call__(
        self,
        stream: Stream[PhotoInput, Outcome],
        items: Iterable[PhotoInput | None],
        *,
        lost: Lost[PhotoInput, Outcome],
    ) -> Iterator[Outcome]: ...


def run(
    task: Task,
    sources: Iterable[Source | None],
    journal: Journal,
    engine: Engine,
    *,
    hints: Mapping[Path, Path] = MappingProxyType({}),
    again: bool = False,
    min_confidence: float | None = None,
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each photo, once the journal has it.

    Only photos that are new, changed or incomplete are done, unless `again` is set; those that a person has reviewed
    are kept. `hints` are the files of photos
    that have one. Photos with less than `min_confidence` are marked for review; their masks stay as they are. A source
    that is `None` means that no photo is available yet; the list of photos to review is then brought up to date.
    Errors that end a run, such as a full disk, are raised.
    """

    def input_of(source: Source | None) -> PhotoInput | None:
        if source is None:
            journal.list_reviews()
            return None
        journal.start(name_of(source))
        job = PhotoInput(source=source, hints=hints.get(source.path))
        earlier = journal.earlier(name_of(source))
        complete = not again and earlier is not None and task.is_complete(earlier) and journal.holds(earlier)
        if not complete:
            rivals = journal.name_conflicts(name_of(source), task.settings, labelled=task.target_name is not None)
            for record in [*rivals, *([earlier] if earlier and earlier.files else [])]:
                journal.mark_dirty(record)
        return replace(job, earlier=earlier, complete=complete)

    under_way = set[str]()
    photos = map(input_of, _one_at_a_time(sources, under_way))
    for outcome in engine(task.stream, photos, lost=task.lost):
        record = replace(outcome.record, review=needs_review(outcome.record, min_confidence))
        outcome = outcome._replace(record=record)
        if outcome.fresh or outcome.record != journal.earlier(outcome.record.name):  # A photo may have moved.
            journal.append(outcome.record)
        else:
            journal.keep(outcome.record)
        under_way.discard(outcome.record.name)
        yield outcome


def _one_at_a_time(sources: Iterable[Source | None], under_way: set[str]) -> Iterator[Source | None]:
    """Yield the sources; never two of one name at once, so that the newer is written last."""
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
