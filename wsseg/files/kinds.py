"""Kinds of what lies at a path on a disk, and writing into a pipe or a device."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType
from typing import BinaryIO, Final

FILE, FOLDER, STREAM = "a file", "a folder", "a pipe or a device"
"""Kinds that may be written to, or hold what is written; all others are refused."""

KINDS: Final = MappingProxyType(
    {
        stat.S_IFREG: FILE,
        stat.S_IFDIR: FOLDER,
        stat.S_IFIFO: STREAM,
        stat.S_IFCHR: STREAM,
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a disk",
    }
)
"""Names of the kinds that `stat` tells apart."""

WAIT: Final = 10.0
"""Seconds to wait for the reader of a pipe."""


def kind_of(path: Path) -> str:
    """Return what lies at the path, with links followed; empty for nothing."""
    try:
        return KINDS.get(stat.S_IFMT(path.stat().st_mode), "something else")
    except OSError:
        return "a link that leads to no file" if path.is_symlink() else ""


@contextmanager
def poured(path: Path) -> Iterator[BinaryIO]:
    """Yield a buffer, which goes into the pipe or device when the body ends, but not if it fails."""
    whole = BytesIO()
    yield whole
    with suppress(BrokenPipeError), _opened(path) as stream:  # A reader that has seen enough is no failure.
        stream.write(whole.getvalue())


def _opened(path: Path) -> BinaryIO:
    """Open a pipe or a device; wait for the reader of a pipe, but not forever."""
    if not hasattr(os, "mkfifo"):
        return path.open("wb")
    end = monotonic() + WAIT
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if monotonic() > end:
                raise OSError(errno.ENXIO, f"a pipe without a reader for {WAIT:.0f} s") from error
            sleep(0.05)
        else:
            os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, "wb")
