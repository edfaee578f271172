"""Processes of this machine."""

import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final, Generic, TypeVar

from wsseg.engines.stream import DEATHS, POLL, Lost, Stream, deferred, single_threaded

Result = TypeVar("Result")

Item = TypeVar("Item")

AHEAD: Final = 3
"""Items that a process holds at once: one is being read, one worked on, one written."""

_READY: Final = "ready"


def in_processes(
    stream: Stream[Item, Result], items: Iterable[Item | None], *, lost: Lost[Item, Result], workers: int
) -> Iterator[Result]:
    """The results, by so many processes, each with a copy of the stream and one thread for arithmetic.

    The items of a process that dies, as for want of memory, are tried again one at a time; of one that takes its
    process along `DEATHS` times the result is what `lost` makes of it. What the stream raises is raised here.
    ChildProcessError when processes die before they have begun. None outlives this one, however it ends.
    """
    crew = _Crew(pickle.dumps(stream), workers, lost)
    try:
        yield from crew.results(iter(items))
    finally:
        crew.dismiss()


@dataclass(eq=False)
class _Worker(Generic[Item]):
    process: SpawnProcess
    connection: Connection
    ready: bool = False
    held: deque[Item] = field(default_factory=deque)
    """The oldest first, which is the one whose result comes next."""

    @property
    def fate(self) -> str:
        self.process.join()
        code = self.process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class _Crew(Generic[Item, Result]):
    """The processes, and what each has been given."""

    def __init__(self, stream: bytes, workers: int, lost: Lost[Item, Result]) -> None:
        self._stream, self._lost = stream, lost
        self._suspects: deque[Item] = deque()
        """Held by a process that died; each is given alone."""
        self._deaths: dict[int, int] = {}
        """How many processes died of a suspect, by its identity."""
        self._stillborn = 0
        self._coming = True
        self._workers: list[_Worker[Item]] = [self._hired() for _ in range(workers)]

    def results(self, items: Iterator[Item | None]) -> Iterator[Result]:
        while True:
            self._hand_out(items)
            if not (self._coming or self._suspects or any(worker.held for worker in self._workers)):
                return
            ready = wait([worker.connection for worker in self._workers], POLL if self._coming else None)
            for worker in [worker for worker in self._workers if worker.connection in ready]:
                yield from self._heard(worker)

    def dismiss(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def _hired(self) -> _Worker[Item]:
        context = get_context("spawn")
        mine, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        if os.name == "posix":
            resource_tracker.ensure_running()  # It would start with the first process, and let signals through again.
        with deferred(signal.SIGINT):  # Which would break off its imports with a traceback.
            process.start()
        theirs.close()  # So that the process's death is the end of what can be heard, and told.
        with suppress(OSError):  # Of one that is dead. As an argument of the process it would be waited for for ever.
            mine.send_bytes(self._stream)
        return _Worker(process, mine)

    def _hand_out(self, items: Iterator[Item | None]) -> None:
        """Fills up every worker that is ready, those that hold the least first."""
        for count in range(AHEAD):
            for worker in self._workers:
                if worker.ready and len(worker.held) == count and not self._is_alone(worker):
                    item = self._suspects.popleft() if self._suspects and not count else self._next(items)
                    if item is None:  # There is none as yet, and to ask again would only take time.
                        return
                    worker.held.append(item)
                    _tell(worker, item)

    def _is_alone(self, worker: _Worker[Item]) -> bool:
        return any(id(item) in self._deaths for item in worker.held)

    def _next(self, items: Iterator[Item | None]) -> Item | None:
        if not self._coming:
            return None
        try:
            return next(items)
        except StopIteration:
            self._coming = False
            return None

    def _heard(self, worker: _Worker[Item]) -> Iterator[Result]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        if isinstance(message, Exception):
            raise message
        if not worker.ready:
            worker.ready, self._stillborn = True, 0
            return
        self._deaths.pop(id(worker.held.popleft()), None)
        yield message

    def _bury(self, worker: _Worker[Item]) -> Iterator[Result]:
        """Puts another in its place, and its items among the suspects."""
        fate = worker.fate
        self._stillborn += not worker.ready
        if self._stillborn == DEATHS:
            raise ChildProcessError(
                f"workers must be able to start, got {fate}; give them more memory, or take fewer workers"
            )
        worker.connection.close()
        self._workers[self._workers.index(worker)] = self._hired()
        if self._is_alone(worker):
            (item,) = worker.held
            self._deaths[id(item)] += 1
            if self._deaths[id(item)] == DEATHS:
                del self._deaths[id(item)]
                yield self._lost(item, f"no process outlived it ({fate}); use fewer workers, or make it smaller")
                return
        for item in worker.held:
            self._deaths.setdefault(id(item), 0)
            self._suspects.append(item)


def _tell(worker: _Worker[Item], item: Item) -> None:
    with suppress(OSError):  # Of one that is dead, which is heard of next.
        worker.connection.send(item)


def _serve(connection: Connection) -> None:
    """What a process does all its life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to heed.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work: Stream[object, object] = pickle.loads(connection.recv_bytes())  # Loads what is to have one thread.
        connection.send(_READY)
        with single_threaded():
            for result in work(iter(connection.recv, None)):
                connection.send(result)
    except Exception as error:
        error.add_note(traceback.format_exc())
        with suppress(OSError):  # When the first process is gone, nobody is to be told.
            connection.send(error)


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, even by SIGKILL."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
