"""The records of a run while it is written."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, Final, Literal, TypeAlias

from filelock import FileLock, Timeout

from wsseg.files.store import is_local, replacing, store_of
from wsseg.files.text import folded
from wsseg.runs.lines import lines_in
from wsseg.runs.record import DIRTY, RUN, WORKING, Record, is_run, lines_by_name, record_of, record_order
from wsseg.runs.review import check_no_own_list, remove_review, write_review
from wsseg.runs.reviews import Reviews, absorbing

Ending: TypeAlias = Literal["done", "interrupted"]
"""How a run ended; `state` in `run.json`."""


class Journal:
    """The records of a run while it writes them; `opened` makes one."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._store = store_of(out)
        self._latest: dict[str, bytes] = {}
        """The last line of each photo, as this version writes it."""
        self._reviews = Reviews(out)
        self._sizes = self._store.sizes(out)
        self._names_by_stem: dict[str, set[str]] = {}
        """Names of photos by the stems of their files, with and without the target's name; some files may be gone."""
        self._met: set[str] = set()
        """Names of this run's photos."""
        self._under_way: set[str] = set()
        """Names of the photos that were handed out and have no outcome yet."""
        self._stale: set[str] = set()
        """Files to remove, unless a photo that is under way turns out to have written them."""
        self._marked: dict[str, Record] = {}
        """Records of photos to review, by their names."""
        self._is_listed = True
        """Whether the list of photos to review holds all of these and no others."""
        self._lines = lines_in(out)
        self._writing: Final = Lock()
        """Photos are handed out in one thread and recorded in another."""
        with absorbing(out):
            self._latest = {name: record_of(line).as_line() for name, line in lines_by_name(out).items()}
            for record in map(record_of, self._latest.values()):
                self._index(record)
                self._mark(record)
            self._rewrite()

    def earlier(self, name: str) -> Record | None:
        """Return the earlier record of the photo of that name, with what a person decided while the run is at work."""
        line = self._reviews.lines.get(name) or self._latest.get(name)
        return record_of(line) if line else None

    def holds(self, record: Record) -> bool:
        """Return whether all files of the record exist and none is empty."""
        return all(self._sizes.of(file) for file in record.files)

    def name_conflicts(self, name: str, settings: str, *, labelled: bool) -> list[Record]:
        """Return records of other photos, with other settings, whose files this photo may replace or remove.

        `a.TARGET.png` belongs to `a` if that has several targets, and to `a.TARGET.jpg` if that has one.
        """
        others = (self.earlier(other) for other in sorted(self._names_by_stem.get(folded(name), ())) if other != name)
        return [
            other
            for other in others
            if other and other.settings not in (settings, DIRTY) and folded(name) in _stems(other, labelled)
        ]

    def start(self, name: str) -> None:
        """Note that the photo of that name is under way, until `append` or `keep`."""
        self._under_way.add(name)

    def append(self, record: Record) -> None:
        """Write a photo's record in place of an earlier one.

        Pictures of the earlier record that are not among the new ones are removed because they are stale, unless
        another photo's record lists them too.
        """
        self._end(record)
        earlier = self.earlier(record.name)
        self._stale.update(earlier.files if earlier else ())
        self._stale.difference_update(record.files)
        self._remove_stale(record.name)
        self._sizes.add(record.files)
        self._write(record)

    def keep(self, record: Record) -> None:
        """Count a photo whose earlier record holds."""
        self._end(record)

    def mark_dirty(self, record: Record) -> None:
        """Record that the photo's pictures are about to be replaced, before the new ones are known."""
        self._write(replace(record, settings=DIRTY))

    def close(self, made_by: Mapping[str, Any], ending: Ending) -> None:
        """Write a line for each photo, in the order of their inputs, and then `run.json`.

        Its counts are of this run's photos. The `others` have lines of earlier runs: their photos were not in this
        run's input, and their pictures stay.
        """
        self._under_way.clear()
        self._remove_stale()
        with absorbing(self._out):
            self._take_reviews()
            self._rewrite()
        if self.lists_photos(made_by):
            write_review(self._out, self._marked.values())
        else:
            remove_review(self._out)
        records = [record_of(line) for line in self._latest.values()]
        counts = Counter(
            "others" if record.name not in self._met else "failed" if record.error else "done" for record in records
        )
        summary = {**made_by, "state": ending, "counts": {"photos": len(self._met), **counts}}
        with replacing(self._out / RUN, by=self._out / WORKING) as file:
            file.write(json.dumps(summary, indent=2).encode())

    def lists_photos(self, made_by: Mapping[str, Any]) -> bool:
        """Return whether the run lists photos to review, perhaps none."""
        return bool(self._marked) or made_by.get("min_confidence") is not None

    def list_reviews(self) -> None:
        """Bring the list of photos to review up to date, for those who read it while the run goes on."""
        with self._writing:
            if not self._is_listed:
                write_review(self._out, self._marked.values())
                self._is_listed = True

    def _take_reviews(self) -> None:
        """Take the records that a person decided on while the run was at work; they need no review."""
        for name, line in self._reviews.lines.items():
            self._latest[name] = line
            self._marked.pop(name, None)

    def _index(self, record: Record) -> None:
        for labelled in (False, True):
            for stem in _stems(record, labelled):
                self._names_by_stem.setdefault(stem, set()).add(record.name)

    def _mark(self, record: Record) -> None:
        if record.review or record.name in self._marked:
            self._is_listed = False
            self._marked.pop(record.name, None)
        if record.review:
            self._marked[record.name] = record

    def _end(self, record: Record) -> None:
        self._met.add(record.name)
        self._under_way.discard(record.name)

    def _remove_stale(self, name: str = "") -> None:
        """Remove the stale files, but for those that a photo other than `name` has, or may be writing."""
        with self._store.answering(self._out):
            for file in [file for file in self._stale if not self._may_be_written(file)]:
                self._stale.remove(file)
                if not self._belongs_to_another(file, name):
                    (self._out / file).unlink(missing_ok=True)
                    self._sizes.discard(file)

    def _may_be_written(self, file: str) -> bool:
        """Return whether a photo that is under way may write the file, with or without a target's name."""
        stem = _stem(file)
        return any(folded(name) in (stem, stem.rpartition(".")[0]) for name in tuple(self._under_way))

    def _belongs_to_another(self, file: str, name: str) -> bool:
        """Return whether the record of a photo other than `name` lists the file."""
        others = (self.earlier(other) for other in self._names_by_stem.get(_stem(file), set()) - {name})
        return any(other and folded(file) in map(folded, other.files) for other in others)

    def _write(self, record: Record) -> None:
        self._index(record)
        with self._writing:
            self._latest[record.name] = record.as_line()
            self._mark(record)
            self._lines.append(self._latest[record.name])

    def _rewrite(self) -> None:
        with self._writing:
            self._lines.replace(sorted(self._latest.values(), key=lambda line: record_order(record_of(line))))


def _stem(file: str) -> str:
    """Return a file's path below its folder, without suffix, case and Unicode form."""
    return folded(PurePosixPath(*PurePosixPath(file).parts[1:]).with_suffix("").as_posix())


def _stems(record: Record, labelled: bool) -> set[str]:
    """Return the stems of a record's files; `labelled` ones without the target's name, for those that may have one."""
    stems = set(map(_stem, record.files))
    return {stem.rpartition(".")[0] for stem in stems} - {""} if labelled else stems


@contextmanager
def opened(out: Path, made_by: Mapping[str, Any], *, force: bool = False) -> Iterator[Journal]:
    """Open the journal of the run in `out`, new or resumed, which no other run can open until the body ends.

    However the body ends, `run.json` says so. Nothing is deleted but half-written files of earlier runs.

    Raises
    ------
    FileExistsError
        If `out` holds files of another origin and `force` is not set, or a list of photos that a person wrote where
        the run would write its own, or if another run is at work there.
    """
    store = store_of(out)
    check_claimable(out, force=force)
    with _locked(out) if is_local(out) else nullcontext():  # An object store has no locks.
        journal = Journal(out)
        if journal.lists_photos(made_by):
            check_no_own_list(out)
        with store.answering(out):
            (out / RUN).unlink(missing_ok=True)
        ending: Ending = "interrupted"
        try:
            yield journal
            ending = "done"
        finally:
            journal.close(made_by, ending)


def check_claimable(out: Path, *, force: bool) -> None:
    """Raise FileExistsError if a run may not write into `out`."""
    with store_of(out).answering(out):
        if out.exists() and not out.is_dir():
            raise FileExistsError(f"out must be a folder, got the file '{out}'; choose another folder")
        if not force and out.is_dir() and any(out.iterdir()) and not is_run(out):
            raise FileExistsError(
                f"out must be a new or empty folder, or an earlier run, got '{out}'; "
                "choose another or use force (--force)"
            )


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Lock the working folder, and empty it of half-written files."""
    working = out / WORKING
    if working.is_symlink():
        raise FileExistsError(f"out must hold no link called {WORKING}, got '{working}'; remove it")
    try:
        working.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"'{out}' must be writable, got '{error.strerror or error}'; change its permissions or choose another"
        ) from error
    try:
        with FileLock(working / "lock", timeout=0):
            for path in working.glob(".wsseg-*"):
                path.unlink()
            try:
                yield
            finally:
                shutil.rmtree(working)
    except Timeout as error:
        raise FileExistsError(
            f"out must not be in use, got '{out}', where another run is at work; wait until it ends"
        ) from error
