"""The records of a run while it is written."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock
from time import monotonic
from typing import Any, Final, Literal, TypeAlias

from filelock import FileLock, Timeout

from wsseg.files.store import answering, is_local, remove, replacing, sizes_below
from wsseg.runs.record import (
    DIRTY,
    LINES,
    RUN,
    WORKING,
    Record,
    is_run,
    lines_by_name,
    record_of,
    record_order,
    record_parts,
    size_of,
)

SPAN: Final = 30.0
"""Seconds between two parts of the records, at least, in an object store, where nothing can be appended."""

State: TypeAlias = Literal["done", "interrupted"]


class Journal:
    """The records of a run while it writes them; by `opened`."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._lines = lines_by_name(out)
        self._sizes = sizes_below(out) if self._lines and not is_local(out) else {}
        """Of files in an object store, where to ask for each would cost a request."""
        self._near: dict[str, set[str]] = {}
        """Names of photos by what their files are called, without suffix and without label too; some may have gone."""
        self._met: set[str] = set()
        """Names of the photos that this run came to."""
        self._waiting: list[bytes] = []
        self._writing = Lock()
        """Photos are handed out in one thread, and what became of them is written down in another."""
        self._parts, self._last = 0, monotonic()
        """How many parts were written, and when the last was."""
        for line in self._lines.values():
            self._notice(record_of(line))
        self._write_whole()

    def earlier(self, name: str) -> Record | None:
        """What an earlier run made of the photo of that name."""
        return record_of(self._lines[name]) if name in self._lines else None

    def holds(self, record: Record) -> bool:
        """Whether all its files are there, and none is empty."""
        return all(self._size(file) for file in record.files)

    def name_conflicts(self, name: str, settings: str, *, labelled: bool) -> list[Record]:
        """Records by other settings of other photos whose files this photo's pictures may take, or take away.

        `a.LABEL.png` is of `a` where that has several targets, and of `a.LABEL.jpg` where that has one.
        """
        others = (self.earlier(other) for other in sorted(self._near.get(name.casefold(), ())) if other != name)
        return [
            other
            for other in others
            if other and other.settings not in (settings, DIRTY) and name.casefold() in _called(other, labelled)
        ]

    def append(self, record: Record) -> None:
        """Writes down what became of a photo, in place of what an earlier run made of it.

        That one's pictures are removed if they are none of these: they would lie about what it was, or of settings.
        What another photo's record says is its own stays.
        """
        self._met.add(record.name)
        earlier = self.earlier(record.name)
        with answering(self._out):
            for file in set(earlier.files if earlier else ()) - set(record.files):
                if not self._is_another_s(file, record.name):
                    (self._out / file).unlink(missing_ok=True)
                    self._sizes.pop(file, None)
        if not is_local(self._out):
            self._sizes.update(dict.fromkeys(record.files, 1))  # There whole, or not at all.
        self._write_down(record)

    def keep(self, record: Record) -> None:
        """Counts a photo of which nothing new is to be written down."""
        self._met.add(record.name)

    def mark_dirty(self, record: Record) -> None:
        """Writes down that the photo's pictures are about to be replaced, before anything else is known of them."""
        self._write_down(replace(record, settings=DIRTY))

    def close(self, made_by: Mapping[str, Any], state: State) -> None:
        """Writes a line a photo, in the order of their inputs, and last what made the run.

        Its counts are of the photos that this run came to. The `others` have lines of earlier runs: they are of
        elsewhere, or gone, and their pictures stay.
        """
        self._write_whole()
        records = [record_of(line) for line in self._lines.values()]
        counts = Counter(
            "others" if record.name not in self._met else "failed" if record.error else "done" for record in records
        )
        told = {**made_by, "state": state, "counts": {"photos": len(self._met), **counts}}
        with replacing(self._out / RUN, by=self._out / WORKING) as file:
            file.write(json.dumps(told, indent=2).encode())

    def _size(self, file: str) -> int:
        if not is_local(self._out):
            return self._sizes.get(file, 0)
        return size_of(self._out / file)

    def _notice(self, record: Record) -> None:
        for labelled in (False, True):
            for stem in _called(record, labelled):
                self._near.setdefault(stem, set()).add(record.name)

    def _is_another_s(self, file: str, name: str) -> bool:
        others = (self.earlier(other) for other in self._near.get(_stem(file), set()) - {name})
        return any(other and file.casefold() in map(str.casefold, other.files) for other in others)

    def _write_down(self, record: Record) -> None:
        self._notice(record)
        line = record.as_line()
        with self._writing:
            self._lines[record.name] = line
            self._waiting.append(line)
            if is_local(self._out) or monotonic() - self._last >= SPAN:
                self._flush()

    def _flush(self) -> None:
        text, self._waiting = b"".join(self._waiting), []
        if not is_local(self._out):
            with replacing(self._out / WORKING / f"{self._parts:08}.jsonl") as part:
                part.write(text)
            self._parts, self._last = self._parts + 1, monotonic()
            return
        with (self._out / LINES).open("ab") as file:
            file.write(text)

    def _write_whole(self) -> None:
        with self._writing:
            lines = sorted(self._lines.values(), key=lambda line: record_order(record_of(line)))
            with replacing(self._out / LINES, by=self._out / WORKING) as file:
                file.writelines(lines)
            remove(record_parts(self._out))
            self._waiting = []


def _stem(file: str) -> str:
    """What a file is called below its folder, without suffix and case."""
    return PurePosixPath(*PurePosixPath(file).parts[1:]).with_suffix("").as_posix().casefold()


def _called(record: Record, labelled: bool) -> set[str]:
    """What its files are called, or those of them that may have a label without it."""
    stems = set(map(_stem, record.files))
    return {stem.rpartition(".")[0] for stem in stems} - {""} if labelled else stems


@contextmanager
def opened(out: Path, made_by: Mapping[str, Any], *, force: bool = False) -> Iterator[Journal]:
    """The journal of the run in `out`, new or gone on with, which is this one's alone until the body ends.

    However it ends, `run.json` says so. FileExistsError when `out` holds anything that no run made, unless `force`,
    and when another run is at work there; nothing is deleted but what runs left half written.
    """
    with answering(out):
        check_claimable(out, force=force)
    with _alone(out):
        with answering(out):
            (out / RUN).unlink(missing_ok=True)
        journal = Journal(out)
        state: State = "interrupted"
        try:
            yield journal
            state = "done"
        finally:
            journal.close(made_by, state)


def check_claimable(out: Path, *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"out must be a folder, got the file {out}; name another")
    if not force and out.is_dir() and any(out.iterdir()) and not is_run(out):
        raise FileExistsError(f"out must be new, empty or of an earlier run, got {out}; name another or use --force")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """The working folder, emptied of what was half written; in an object store nobody sees to it that one is alone."""
    working = out / WORKING
    if not is_local(out):
        yield
        return
    if working.is_symlink():
        raise FileExistsError(f"out must hold no link called {WORKING}, got {working}; remove it")
    try:
        working.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{out} must be writable, got '{error.strerror or error}'; name another folder") from error
    try:
        with FileLock(working / "lock", timeout=0):
            for path in working.glob(".wsseg-*"):
                path.unlink()
            try:
                yield
            finally:
                shutil.rmtree(working)
    except Timeout as error:
        raise FileExistsError(f"out must not be in use, got {out}, where a run is at work; wait for it") from error
