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
"""Seconds that a file must stay unchanged before it is processed."""


def arriving(
    find: Callable[[Mapping[str, str]], Iterable[Source]],
    *,
    notice: Callable[[str], None],
    still: float = STILL,
) -> Iterator[Source | None]:
    """Yield photos forever as they arrive or change, once they stay unchanged for `still` seconds, and None in between.

    `find` returns the existing photos, given the names that some have already, by their paths. If it fails after it
    once succeeded, for example because names clash or a folder is not mounted, `notice` gets one sentence on that, and
    no photos are taken until `find` succeeds again.
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
    """Return `find`, changed to return nothing while it fails, unless it never succeeded."""
    troubles: list[str | None] = []

    def found(names: Mapping[str, str]) -> Iterable[Source]:
        trouble, sources = None, list[Source]()
        try:
            sources = list(find(names))
        except (ValueError, OSError) as error:
            if not troubles:
                raise
            trouble = str(error)
        if trouble and trouble != troubles[-1]:
            notice(f"{trouble}; until this is fixed, no photos are processed")
        troubles[:] = [trouble]
        return sources

    return found
