"""The files that a review adds to a run's folder: the decisions of a person, and what belongs to them.

A decision is a line in `reviews.jsonl`, the photo's whole record, which replaces its line in `run.jsonl`. The next run
into the folder moves these lines there. One review at a time may be at work in a folder; a run may be at work beside
it.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from filelock import FileLock, Timeout

from wsseg.files.store import is_local, replacing
from wsseg.files.text import counted
from wsseg.runs.record import REVIEWS, Record, is_run, lines_of, read_run

REVIEWING: Final = ".reviews"
"""The folder that exists while a review is at work, for its lock and for half-written files."""

REVIEW_FOLDERS: Final[Mapping[str, str]] = MappingProxyType({"hints": "hints", "automatic": "automatic"})
"""The folders of what a review writes beside the pictures: the person's hints as seeds, and masks that it replaced."""


class Reviews:
    """The records that a review has written into a folder, read again when they have changed."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._is_local = is_local(out)
        self._seen: tuple[int, int] | None = None
        self._lines: Mapping[str, bytes] = {}

    @property
    def lines(self) -> Mapping[str, bytes]:
        """The last line of each photo, by its name."""
        if self._is_local and (stamp := stamp_of(self._out / REVIEWS)) != self._seen:
            self._lines, self._seen = lines_of(self._out / REVIEWS), stamp
        return self._lines

    def write(self, record: Record, files: Mapping[str, bytes]) -> None:
        """Write files of a record, each whole or not at all, and last the record.

        A review that is killed in between leaves the person's mask without a decision. A record that cannot be
        written, as on a full disk, leaves no part of its line.

        Raises
        ------
        FileExistsError
            If a link in the run's folder leads elsewhere: nothing is written outside of it.
        OSError
            If a file cannot be written.
        """
        check_no_links(self._out, [*files, REVIEWS])
        for path, data in files.items():
            with replacing(self._out / path, by=self._out / REVIEWING) as file:
                file.write(data)
        append_whole(self._out / REVIEWS, record.as_line())


def check_no_links(out: Path, paths: Iterable[str]) -> None:
    """Raise FileExistsError if a link leads from a path below a folder to a place outside of it."""
    for path in paths:
        folder = out / path if path == REVIEWS else (out / path).parent
        if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(out)):
            raise FileExistsError(f"run must hold no links out of its folder, got '{folder}'; replace it by a copy")


def append_whole(file: Path, line: bytes) -> None:
    """Append a line to a file, or leave the file as it was if that fails."""
    with file.open("ab", buffering=0) as lines:
        before = lines.tell()
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[lines.write(rest) :]
        except OSError:
            lines.truncate(before)
            raise


def stamp_of(file: Path) -> tuple[int, int] | None:
    """Return size and time of a file, which change when it is written; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@contextmanager
def reviewing(out: Path) -> Iterator[Reviews]:
    """Yield the reviews of a run's folder, which no other review can open until the body ends.

    Raises
    ------
    FileExistsError
        If another review is at work there, or the file of reviews is a link out of the folder.
    """
    working = out / REVIEWING
    if working.is_symlink():
        raise FileExistsError(f"run must hold no link called {REVIEWING}, got '{working}'; remove it")
    working.mkdir(exist_ok=True)
    lock = FileLock(working / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise FileExistsError(
            f"run must not be under review already, got '{out}', where another wsseg review is at work; use its page "
            "or end it"
        ) from error
    try:
        check_no_links(out, [REVIEWS])  # It is cut and removed, too.
        for half in working.glob(".wsseg-*"):
            half.unlink()
        _mend(out / REVIEWS)
        yield Reviews(out)
    finally:
        shutil.rmtree(working)  # Before the lock is released, so that no other review's is removed.
        lock.release()


def _mend(file: Path) -> None:
    """Cut off a last line that is not whole, as a killed review may leave it."""
    if file.is_file() and not (text := file.read_bytes()).endswith(b"\n"):
        os.truncate(file, text.rfind(b"\n") + 1)


@contextmanager
def absorbing(out: Path) -> Iterator[None]:
    """Remove the file of reviews when the body has moved its lines elsewhere, unless a review is at work there."""
    if not is_local(out) or not (out / REVIEWS).is_file():
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(reviewing(out))
            is_free = True
        except FileExistsError:
            is_free = False
        yield
        if is_free:
            (out / REVIEWS).unlink()


def check_reviews_kept(out: Path, *, force: bool, discard: bool) -> None:
    """Raise FileExistsError if a run would throw away what a person decided, without being told to."""
    if not force or not is_local(out) or not out.is_dir():
        return
    decided = [record for record in read_run(out).records if record.has_decision] if is_run(out) else []
    if decided and not discard:
        raise FileExistsError(
            f"force would discard the reviews of {counted(len(decided), 'photo')} in '{out}'; leave out force "
            "(--force), or add discard_reviews (--discard-reviews)"
        )
    if decided:
        with reviewing(out):
            pass  # A review at work would go on with masks that are being replaced.
