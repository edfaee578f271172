"""A pipeline of three threads: while one item is worked on, the next is read and the previous one is written."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

Item = TypeVar("Item")

Read = TypeVar("Read")

Worked = TypeVar("Worked")

Written = TypeVar("Written")

_Inbox: TypeAlias = SimpleQueue[tuple[str, Any]]
"""Messages of the threads: `read` or `written` with a value, `failed` with an exception, or `end`."""

SETTLING: Final = 2.0
"""Seconds that the reader has to finish: the interpreter aborts if it exits while a thread runs C++ code."""


def read_work_write(
    items: Iterable[Item | None],
    read: Callable[[Item], Read],
    work: Callable[[Read], Worked],
    write: Callable[[Worked], Written],
) -> Iterator[Written]:
    """Yield `write(work(read(item)))` for each item, in their order; items that are None are skipped.

    `items` and `read` run in one thread, `write` in another, `work` in the caller's. One item is read ahead, and one is
    written behind. An exception of any of them is raised here, after the current write has finished.
    """
    inbox: _Inbox = SimpleQueue()
    slots, stopped = threading.Semaphore(1), threading.Event()
    # A daemon, since it may wait for an item that never comes.
    reader = threading.Thread(target=_read_ahead, args=(items, read, inbox, slots, stopped), daemon=True)
    reader.start()
    with ThreadPoolExecutor(1) as writer:
        try:
            yield from _worked(work, write, inbox, slots, writer)
        finally:
            stopped.set()
            slots.release()
            reader.join(SETTLING)


def _worked(
    work: Callable[[Read], Worked],
    write: Callable[[Worked], Written],
    inbox: _Inbox,
    slots: threading.Semaphore,
    writer: ThreadPoolExecutor,
) -> Iterator[Written]:
    reading, unwritten = True, 0
    last: Future[None] | None = None
    while reading or unwritten:
        kind, value = inbox.get()
        if kind == "failed":
            raise value
        if kind == "end":
            reading = False
        elif kind == "written":
            unwritten -= 1
            yield value
        else:
            slots.release()
            done = work(value)
            if last is not None:
                last.result()  # At most one result waits to be written.
            last = writer.submit(_write_behind, write, done, inbox)
            unwritten += 1


def _read_ahead(
    items: Iterable[Item | None],
    read: Callable[[Item], Read],
    inbox: _Inbox,
    slots: threading.Semaphore,
    stopped: threading.Event,
) -> None:
    try:
        for item in items:
            if item is not None:
                slots.acquire()
            if stopped.is_set():
                return
            if item is not None:
                inbox.put(("read", read(item)))
        inbox.put(("end", None))
    except BaseException as error:
        inbox.put(("failed", error))


def _write_behind(write: Callable[[Worked], Written], worked: Worked, inbox: _Inbox) -> None:
    try:
        inbox.put(("written", write(worked)))
    except BaseException as error:
        inbox.put(("failed", error))
