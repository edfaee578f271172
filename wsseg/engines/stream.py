"""The contract of the engines, and the one that works in this process.

An engine takes items and a stream, a function that turns an iterable of items into their results, in order. The engine
yields the results in any order. The stream is the same everywhere, so results do not depend on the engine. An item that
is `None` means that no item is available yet.
"""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias, TypeVar

import cv2
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")

Result = TypeVar("Result")

Stream: TypeAlias = Callable[[Iterable[Item | None]], Iterator[Result]]

Lost: TypeAlias = Callable[[Item, str], Result]
"""Makes the result of an item that crashed its worker each time, from the item and the reason."""

CRASHES: Final = 3
"""Crashes of a worker that holds one item alone, after which the item is given up."""

POLL: Final = 0.2
"""Polling interval for new items, in seconds."""

WORTH: Final = 8
"""Items for which another process pays off: starting it takes as long as segmenting some of them."""


def check_workers(workers: object) -> None:
    """Raise ValueError unless this is a number of processes, or None for as many as are worth it."""
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers must be a number from 1, or None (auto), got {workers!r}; use 1 for one process")


def workers_for(items: int | None, worth: int = WORTH) -> int:
    """Return the number of processes: one for each core, if there are items enough; None is items without end."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if items is None else max(1, min(cores, items // worth))


def here(stream: Stream[Item, Result], items: Iterable[Item | None], *, lost: Lost[Item, Result]) -> Iterator[Result]:
    """Yield the results, computed in this process; no item is ever `lost`."""
    with single_threaded():
        yield from stream(items)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit arithmetic to one thread: sums depend on the number of threads, and processes would compete for cores.

    Measured on two cores: two processes were 1.5 times as fast as one with two threads each, and 1.9 times with one.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(threads)


@contextmanager
def deferred(*signals: signal.Signals) -> Iterator[None]:
    """Delay signals until the body ends, where the system can; a process started meanwhile blocks them for good."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def in_order(results: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """Yield results in the order of the numbers, from 0, that they come with."""
    early: dict[int, Result] = {}
    due = 0
    for number, result in results:
        early[number] = result
        while due in early:
            yield early.pop(due)
            due += 1


def lost_reason(reason: str, remedy: str) -> str:
    """Return why an item was given up."""
    return f"killed its worker {CRASHES} times ({reason}), probably out of memory; {remedy} or make it smaller"
