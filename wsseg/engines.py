"""Where a batch runs: here, in processes of this machine, or on a cluster by Ray.

Each engine takes a stream, which makes results of items in their order, and the items; and yields the results, in
whatever order they come. What the stream does is the same everywhere, so results do not depend on the engine. An item
that is None says that nothing is to be done as yet.
"""

import logging
import os
import pickle
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final, Generic, TypeAlias, TypeVar

import cv2
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

Stream: TypeAlias = Callable[[Iterable[Item | None]], Iterator[Result]]
Lost: TypeAlias = Callable[[Item, str], Result]
"""The result of an item whose processes died, and a sentence on that."""

AHEAD: Final = 3
"""Items that a process holds at once: one is being read, one worked on, one written."""

DEATHS: Final = 3
"""Processes that may die of an item that they hold alone before it is given up."""

POLL: Final = 0.2
"""Seconds until it is asked again whether an item has come."""

WORTH: Final = 8
"""Items that are worth another process, which takes as long to start as some of them to segment."""

BLOCK: Final = 8
"""Items that an actor of Ray is given at once."""

WINDOW: Final = 64
"""Blocks for each actor that Ray is given at once: few enough to be held, enough to be worth the actors' start."""

_READY: Final = "ready"


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


def on_ray(
    stream: Stream[Item, Result],
    items: Iterable[Item | None],
    *,
    lost: Lost[Item, Result],
    workers: int | None = None,
) -> Iterator[Result]:
    """The results, by so many actors of Ray Data at most, each with a copy of the stream and a CPU; by default by all.

    The cluster is the one that this program is in already, that of RAY_ADDRESS or of this machine; where there is none,
    one is started on this machine until the end. `WINDOW` blocks an actor are taken from the items at once, and an item
    that is None is passed over. The items of an actor that dies are done again one at a time; of one that takes its
    actor along `DEATHS` times the result is what `lost` makes of it. What the stream raises is raised here. ValueError
    when Ray is not installed, OSError when it does not start; ChildProcessError when actors die before they have begun.
    """
    with _ray() as ray:
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        ledger = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Ledger).remote()
        given = ray.put(pickle.dumps((stream, lost))), ledger, count
        coming = (item for item in items if item is not None)
        blocks = enumerate(iter(lambda: tuple(islice(coming, BLOCK)), ()))
        while window := [{"block": pickle.dumps(block)} for block in islice(blocks, WINDOW * count)]:
            rows = ray.data.from_items(window, override_num_blocks=len(window))
            size = min(count, len(window))
            pool = ray.data.ActorPoolStrategy(size=size)
            for row in rows.map(_Actor, fn_constructor_args=given, compute=pool, num_cpus=1).iter_rows():
                results = pickle.loads(row["results"])
                if isinstance(results, Exception):
                    raise results
                yield from results


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


# --------------------------------------------------------------------------------------------------------------- Ray


class _Ledger:
    """What actors have begun and not ended, however many of them died of it."""

    def __init__(self) -> None:
        self._begun = Counter[Hashable]()

    def begin(self, what: Hashable) -> int:
        """How often that has been begun before, and not ended."""
        self._begun[what] += 1
        return self._begun[what] - 1

    def end(self, what: Hashable) -> None:
        self._begun.pop(what, None)


class _Actor:
    """What an actor does all its life: the results of a block of items after the other."""

    def __init__(self, given: Any, ledger: Any, workers: int) -> None:
        import ray

        self._ask, self._ledger = ray.get, ledger
        if (begun := self._begin("start")) >= workers + DEATHS:
            raise ChildProcessError(f"workers must be able to start, got {begun} deaths; give them more memory")
        self._stream, self._lost = pickle.loads(ray.get(given))
        self._end("start")

    def __call__(self, row: dict[str, bytes]) -> dict[str, bytes]:
        number, block = pickle.loads(row["block"])
        try:
            with single_threaded():
                results: Any = self._results(number, block)
        except Exception as error:
            error.add_note(traceback.format_exc())
            results = error
        return {"results": pickle.dumps(results)}

    def _results(self, number: int, block: tuple[Any, ...]) -> list[Any]:
        if self._begin(number):
            return [self._alone((number, index), item) for index, item in enumerate(block)]
        results = list(self._stream(block))
        self._end(number)
        return results

    def _alone(self, key: Hashable, item: Any) -> Any:
        """The result of an item whose block an actor died of."""
        if self._begin(key) == DEATHS:
            result = self._lost(
                item, f"no process outlived it ({DEATHS} died); give it more memory, or make it smaller"
            )
        else:
            (result,) = self._stream([item])
        self._end(key)
        return result

    def _begin(self, what: Hashable) -> int:
        return int(self._ask(self._ledger.begin.remote(what)))

    def _end(self, what: Hashable) -> None:
        self._ask(self._ledger.end.remote(what))


@contextmanager
def _ray() -> Iterator[Any]:
    """Ray, silent; joined to its cluster or, where there is none, started on this machine until the body ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ValueError(f"engine must be installed, got '{error}'; pip install 'wsseg[ray]'") from error
    mine = not ray.is_initialized()
    if mine:
        _start(ray)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    try:
        with ray.data.DataContext.current(context), _blamed(ray):
            yield ray
    finally:
        if mine:
            ray.shutdown()


def _start(ray: Any) -> None:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Of a start that takes too long Ray raises no more than that.
        raise OSError(f"Ray must start, or join RAY_ADDRESS, got '{_last_line(error)}'; mend that") from error


@contextmanager
def _blamed(ray: Any) -> Iterator[None]:
    """Without the pages that Ray says of an actor that cannot start."""
    try:
        yield
    except ray.exceptions.RayError as error:
        got = _last_line(error)
        raise ChildProcessError(
            f"workers must be able to start, got '{got}'; install wsseg wherever Ray runs"
        ) from error


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2] or type(error).__name__
