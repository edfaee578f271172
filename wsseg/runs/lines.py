"""The records of a run on its way into the folder, as lines: at once on a disk, in chunks in an object store."""

from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

from wsseg.files.store import is_local, replacing, store_of
from wsseg.runs.record import LINES, WORKING, chunk_files

SPAN: Final = 30.0
"""Seconds between two chunks of records, at least, in an object store, where nothing can be appended."""


class Lines(Protocol):
    """The written lines of a run."""

    def append(self, line: bytes) -> None:
        """Write a line, or keep it until it is time for the next chunk."""
        ...

    def replace(self, lines: Iterable[bytes]) -> None:
        """Write these lines in place of all others."""
        ...


class DiskLines:
    """Lines on a disk."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def append(self, line: bytes) -> None:
        with (self._out / LINES).open("ab") as file:
            file.write(line)

    def replace(self, lines: Iterable[bytes]) -> None:
        with replacing(self._out / LINES, by=self._out / WORKING) as file:
            file.writelines(lines)
        store_of(self._out).remove(chunk_files(self._out))


class ChunkedLines:
    """Lines in an object store: a chunk of them every `SPAN` seconds, each a file of its own in the working folder."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._waiting: list[bytes] = []
        self._chunks, self._last = 0, monotonic()
        """How many chunks were written, and when the last was."""

    def append(self, line: bytes) -> None:
        self._waiting.append(line)
        if monotonic() - self._last < SPAN:
            return
        with replacing(self._out / WORKING / f"{self._chunks:08}.jsonl") as chunk:
            chunk.writelines(self._waiting)
        self._waiting = []
        self._chunks, self._last = self._chunks + 1, monotonic()

    def replace(self, lines: Iterable[bytes]) -> None:
        with replacing(self._out / LINES) as file:
            file.writelines(lines)
        if chunks := chunk_files(self._out):
            store_of(self._out).remove(chunks)
        self._waiting = []


def lines_in(out: Path) -> Lines:
    """Return the lines of the run in that folder."""
    return DiskLines(out) if is_local(out) else ChunkedLines(out)
