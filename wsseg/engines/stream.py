"""Where a batch runs: here, in processes of this machine, or on a cluster by Ray.

Each engine takes a stream, which makes results of items in their order, and the items; and yields the results, in
whatever order they come. What the stream does is the same everywhere, so results do not depend on the engine. An item
that is None says that nothing is to be done as yet.
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
"""The result of an item whose processes died, and a sentence on that."""

DEATHS: Final = 3
"""Processes that may die of an item that they hold alone before it is given up."""

POLL: Final = 0.2
"""Seconds until it is asked again whether an item has come."""

WORTH: Final = 8
"""Items that are worth another process, which takes as long to start as some of them to segment."""


def workers_for(items: int | None, worth: int = WORTH) -> int:
    """As many processes as there are cores for this one, and items enough for; None is items without end."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if items is None else max(1, min(cores, items // worth))


def here(stream: Stream[Item, Result], items: Iterable[Item | None], *, lost: Lost[Item, Result]) -> Iterator[Result]:
    """The results, by this process; none is ever `lost`."""
    with single_threaded():
        yield from stream(items)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Arithmetic by one thread: sums over several depend on their number, and processes would be in each other's way.

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
    """While signals wait, where the system can do that; a process started meanwhile never heeds them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def in_order(results: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """Results that come with their numbers, from 0, in the order of these."""
    early: dict[int, Result] = {}
    due = 0
    for number, result in results:
        early[number] = result
        while due in early:
            yield early.pop(due)
            due += 1
