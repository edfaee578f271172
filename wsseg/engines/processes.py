"""Worker processes on this machine, restarted when they crash.

On Linux they are forked from a process of their own, which has imported what they need (`warm_up`) and nothing else:
the imports are done once, and their memory is shared. Elsewhere each worker starts afresh.
"""

import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, current_process, forkserver, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, Generic, TypeVar

from wsseg.engines.stream import CRASHES, POLL, Lost, Stream, deferred, lost_reason, single_threaded

Result = TypeVar("Result")

Item = TypeVar("Item")

AHEAD: Final = 3
"""Items that a worker holds at once: one is being read, one worked on, one written."""

FORKS: Final = sys.platform == "linux"
"""Whether workers are forked. Libraries of macOS may not be used after a fork."""

_READY: Final = "ready"

_GUARD: Final = 'put the calls of the script below `if __name__ == "__main__":`'
"""The remedy for a script whose calls also run in its workers, each of which imports the script first."""

_UNGUARDED: Final = 74
"""Exit code of a worker that would start workers while it imports the script: an arbitrary number."""

_IMPORT_FAILED: Final = 1
"""Exit code of a worker that fails to import the script; Python prints the error."""


def in_processes(
    stream: Stream[Item, Result], items: Iterable[Item | None], *, lost: Lost[Item, Result], workers: int
) -> Iterator[Result]:
    """Yield the results, computed by worker processes, each with a copy of the stream and one thread for arithmetic.

    If a worker crashes, for example out of memory, it is restarted and its items are tried again one at a time. An item
    that crashes its worker `CRASHES` times gets the result of `lost`. Exceptions of the stream are raised here. All
    workers end with this process, however it ends.

    Raises
    ------
    ChildProcessError
        If workers crash before they have started, which those of a script without a main guard do.
    ValueError
        If the script is standard input, which workers cannot import, or if this process may not have children.
    """
    _check_may_have_workers(workers)
    pool = _Pool(pickle.dumps(stream), workers, lost)
    try:
        yield from pool.results(iter(items))
    finally:
        pool.close()


def warm_up(modules: Sequence[str]) -> None:
    """Start importing the modules that workers will need, in the process that they are forked from, and return at once.

    Nothing happens if that process runs already, or where workers are not forked.
    """
    if FORKS and not current_process().daemon:
        _started_safely(forkserver.ensure_running, modules)


def _check_may_have_workers(workers: int) -> None:
    if current_process().daemon:
        raise ValueError(
            f"workers must be 1 in a daemonic process, which Python lets start no other, got {workers}; use 1, or "
            "start that process with daemon=False"
        )
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    if script and getattr(main, "__spec__", None) is None and not Path(script).exists():
        raise ValueError(
            f"workers must be 1 in a script that is no file, since workers import it, got {workers} in '{script}'; "
            f"save the script as a file and {_GUARD}, or use 1 worker"
        )


@dataclass(eq=False)
class _Worker(Generic[Item]):
    process: BaseProcess
    connection: Connection
    ready: bool = False
    items: deque[Item] = field(default_factory=deque)
    """Items that the worker holds, the oldest first; that is the one whose result comes next."""

    @property
    def exit_code(self) -> int:
        self.process.join()
        return self.process.exitcode or 0


class _Pool(Generic[Item, Result]):
    """The workers, and the items that each holds."""

    def __init__(self, stream: bytes, workers: int, lost: Lost[Item, Result]) -> None:
        self._stream, self._lost = stream, lost
        self._suspects: deque[Item] = deque()
        """Items of a worker that crashed; each is given to a worker alone."""
        self._crashes: dict[int, int] = {}
        """How often a suspect crashed its worker, by its identity."""
        self._failed_starts = 0
        self._has_more = True
        self._workers: list[_Worker[Item]] = [self._started() for _ in range(workers)]

    def results(self, items: Iterator[Item | None]) -> Iterator[Result]:
        while True:
            self._hand_out(items)
            if not (self._has_more or self._suspects or any(worker.items for worker in self._workers)):
                return
            ready = wait([worker.connection for worker in self._workers], POLL if self._has_more else None)
            for worker in [worker for worker in self._workers if worker.connection in ready]:
                yield from self._received(worker)

    def close(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def _started(self) -> _Worker[Item]:
        mine, theirs = Pipe()
        make = get_context("forkserver").Process if FORKS else get_context("spawn").Process
        process = make(target=_serve, args=(theirs,), daemon=True)
        _started_safely(process.start)
        theirs.close()  # So that the connection ends when the worker does.
        with suppress(OSError):  # The worker has crashed. (An argument of the process would block forever.)
            mine.send(_surroundings())
            mine.send_bytes(self._stream)
        return _Worker(process, mine)

    def _hand_out(self, items: Iterator[Item | None]) -> None:
        """Fill up every worker that is ready, those with the fewest items first."""
        for count in range(AHEAD):
            for worker in self._workers:
                if worker.ready and len(worker.items) == count and not self._holds_suspect(worker):
                    item = self._suspects.popleft() if self._suspects and not count else self._next(items)
                    if item is None:  # No item is available yet; asking again would only take time.
                        return
                    worker.items.append(item)
                    with suppress(OSError):  # The worker has crashed, which is noticed next.
                        worker.connection.send(item)

    def _holds_suspect(self, worker: _Worker[Item]) -> bool:
        return any(id(item) in self._crashes for item in worker.items)

    def _next(self, items: Iterator[Item | None]) -> Item | None:
        if not self._has_more:
            return None
        try:
            return next(items)
        except StopIteration:
            self._has_more = False
            return None

    def _received(self, worker: _Worker[Item]) -> Iterator[Result]:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._restarted(worker)
            return
        if isinstance(message, Exception):
            raise message
        if not worker.ready:
            worker.ready, self._failed_starts = True, 0
            return
        self._crashes.pop(id(worker.items.popleft()), None)
        yield message

    def _restarted(self, worker: _Worker[Item]) -> Iterator[Result]:
        """Start another worker in place of a crashed one, whose items become suspects, or are lost."""
        code = worker.exit_code
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if not worker.ready:
            self._failed_starts += 1
            _check_can_start(code, reason, self._failed_starts)
        worker.connection.close()
        self._workers[self._workers.index(worker)] = self._started()
        if self._holds_suspect(worker):
            (item,) = worker.items
            self._crashes[id(item)] += 1
            if self._crashes[id(item)] == CRASHES:
                del self._crashes[id(item)]
                yield self._lost(item, lost_reason(reason, "use fewer workers"))
                return
        for item in worker.items:
            self._crashes.setdefault(id(item), 0)
            self._suspects.append(item)


def _started_safely(start: Callable[[], None], modules: Sequence[str] = ()) -> None:
    """Start a worker, or the process that workers are forked from, which then imports the modules.

    A worker that is still importing the script, and would start workers of its own, ends here.
    """
    if os.name == "posix":
        resource_tracker.ensure_running()  # Started along with a worker, it would let signals through again.
    try:
        forkserver.set_forkserver_preload(list(modules))
        with deferred(signal.SIGINT):  # An interrupt during the worker's imports would print a traceback.
            start()
    except RuntimeError as error:
        if "bootstrapping phase" in str(error):
            os._exit(_UNGUARDED)  # Python's traceback would hide the sentence of the first process.
        raise
    finally:
        forkserver.set_forkserver_preload(["__main__"])  # Python's own default, for others in this program.


def _check_can_start(code: int, reason: str, failed_starts: int) -> None:
    """Raise ChildProcessError if another try would fail too."""
    if code == _UNGUARDED:
        raise ChildProcessError(
            f"workers must be able to import the script, got its calls once more in each worker; {_GUARD}"
        )
    if code == _IMPORT_FAILED:
        raise ChildProcessError(
            "workers must be able to import the script, got the error printed above; fix it, or, if the script has no "
            f"main guard, {_GUARD}"
        )
    if failed_starts == CRASHES:
        raise ChildProcessError(
            f"workers must be able to start, got {reason}; give them more memory, or use fewer workers"
        )


def _serve(connection: Connection) -> None:
    """Run a worker: receive the stream, then items, and send the results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The first process handles Ctrl-C.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _take_over(*connection.recv())
        work: Stream[object, object] = pickle.loads(connection.recv_bytes())  # Imports what is limited next.
        connection.send(_READY)
        with single_threaded():
            for result in work(iter(connection.recv, None)):
                connection.send(result)
    except Exception as error:
        error.add_note(traceback.format_exc())
        with suppress(OSError):  # The first process is gone.
            connection.send(error)


def _surroundings() -> tuple[dict[str, str], str]:
    """Return the environment variables and the working folder, which a fork would have as they were at first."""
    try:
        return dict(os.environ), str(Path.cwd())
    except OSError:  # The folder has been removed.
        return dict(os.environ), os.curdir


def _take_over(variables: dict[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(variables)
    with suppress(OSError):
        os.chdir(folder)


def _end_with_parent() -> None:
    """End this process when its parent is gone, even by SIGKILL."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
