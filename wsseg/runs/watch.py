"""Photos that arrive in folders."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from wsseg.engines.stream import POLL
from wsseg.files.names import Source
from wsseg.files.store import store_of
from wsseg.runs.task import name_of

STILL: Final = 2.0
"""Seconds that a file must have stood still before it counts, where photos arrive."""


def arriving(
    find: Callable[[Mapping[str, str]], Iterable[Source]],
    *,
    notice: Callable[[str], None],
    still: float = STILL,
) -> Iterator[Source | None]:
    """Each photo as it arrives or changes, once it has stood still for so many seconds, and None in between; for ever.

    `find` tells the photos that there are, given the names that some have already, by their paths; of what it raises
    once there were some, as where names clash or a folder is away, `notice` is told once, until that is over.
    """
    find = _patient(find, notice)
    names: dict[str, str] = {}
    seen: dict[Path, tuple[object, float]] = {}
    done: dict[Path, object] = {}
    while True:
        for source in find(names):
            stamp, now = store_of(source.path).stamp(source.path), time.monotonic()
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
    find: Callable[[Mapping[str, str]], Iterable[Source]], notice: Callable[[str], None]
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
            notice(f"{trouble}; until then no photos are taken")
        said[:] = [trouble]
        return sources

    return found
