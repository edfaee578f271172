"""Reading, working and writing at once: while one item is worked on, the next is read and the last one written."""

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
"""What the threads tell: that something is `read` or `written`, that one `failed`, that it is the `end`."""

SETTLING: Final = 2.0
"""Seconds that a reading under way has to end: the interpreter aborts if it ends while a thread is in C++."""


def read_work_write(
    items: Iterable[Item | None],
    read: Callable[[Item], Read],
    work: Callable[[Read], Worked],
    write: Callable[[Worked], Written],
) -> Iterator[Written]:
    """`write(work(read(item)))` of each item, in their order; an item that is None is passed over.

    `items` and `read` run in one thread, `write` in another, `work` in the caller's. One item is read ahead, and one
    written behind. What any of them raises is raised here; what is being written then is written to its end.
    """
    inbox: _Inbox = SimpleQueue()
    room, over = threading.Semaphore(1), threading.Event()
    # A daemon, since it may be waiting for an item that never comes.
    reader = threading.Thread(target=_read_ahead, args=(items, read, inbox, room, over), daemon=True)
    reader.start()
    with ThreadPoolExecutor(1) as writer:
        try:
            yield from _worked(work, write, inbox, room, writer)
        finally:
            over.set()
            room.release()
            reader.join(SETTLING)


def _worked(
    work: Callable[[Read], Worked],
    write: Callable[[Worked], Written],
    inbox: _Inbox,
    room: threading.Semaphore,
    writer: ThreadPoolExecutor,
) -> Iterator[Written]:
    reading, unwritten = True, 0
    last: Future[None] | None = None
    while reading or unwritten:
        news, value = inbox.get()
        if news == "failed":
            raise value
        if news == "end":
            reading = False
        elif news == "written":
            unwritten -= 1
            yield value
        else:
            room.release()
            done = work(value)
            if last is not None:
                last.result()  # However slow writing is, no more than one waits for it.
            last = writer.submit(_write_behind, write, done, inbox)
            unwritten += 1


def _read_ahead(
    items: Iterable[Item | None],
    read: Callable[[Item], Read],
    inbox: _Inbox,
    room: threading.Semaphore,
    over: threading.Event,
) -> None:
    try:
        for item in items:
            if item is not None:
                room.acquire()
            if over.is_set():
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
