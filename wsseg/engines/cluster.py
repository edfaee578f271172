"""Workers on a Ray cluster: actors, restarted by Ray when they crash."""

import logging
import os
import pickle
import traceback
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, TypeVar

from wsseg.engines.stream import CRASHES, Lost, Stream, lost_reason, single_threaded

Result = TypeVar("Result")

Item = TypeVar("Item")

BLOCK: Final = 8
"""Items that an actor gets at once."""

WINDOW: Final = 64
"""Blocks for each actor that Ray gets at once: few enough to hold in memory, enough to justify starting actors."""


def on_ray(
    stream: Stream[Item, Result],
    items: Iterable[Item | None],
    *,
    lost: Lost[Item, Result],
    workers: int | None = None,
) -> Iterator[Result]:
    """Yield the results, computed by actors of Ray Data, each with a copy of the stream and a CPU.

    `workers` is the largest number of actors, by default one for each CPU. The cluster is the one that this program has
    joined, that of RAY_ADDRESS, or that of this machine; if there is none, one is started here until the end. Items are
    taken `WINDOW` blocks an actor at once; items that are None are skipped. If an actor crashes, its items are tried
    again one at a time. An item that crashes its actor `CRASHES` times gets the result of `lost`. Exceptions of the
    stream are raised here.

    Raises
    ------
    ValueError
        If Ray is not installed.
    OSError
        If Ray does not start.
    ChildProcessError
        If actors crash before they have started.
    """
    with _ray() as ray:
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        ledger = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Ledger).remote()
        given = ray.put(pickle.dumps((stream, lost))), ledger, count
        available = (item for item in items if item is not None)
        blocks = enumerate(iter(lambda: tuple(islice(available, BLOCK)), ()))
        while window := [{"block": pickle.dumps(block)} for block in islice(blocks, WINDOW * count)]:
            rows = ray.data.from_items(window, override_num_blocks=len(window))
            size = min(count, len(window))
            pool = ray.data.ActorPoolStrategy(size=size)
            for row in rows.map(_Actor, fn_constructor_args=given, compute=pool, num_cpus=1).iter_rows():
                results = pickle.loads(row["results"])
                if isinstance(results, Exception):
                    raise results
                yield from results


class _Ledger:
    """Counts of blocks and items that actors have begun and not ended; they survive crashes of actors."""

    def __init__(self) -> None:
        self._begun = Counter[Hashable]()

    def begin(self, what: Hashable) -> int:
        """Return how often this was begun before and not ended."""
        self._begun[what] += 1
        return self._begun[what] - 1

    def end(self, what: Hashable) -> None:
        self._begun.pop(what, None)


class _Actor:
    """An actor, which computes the results of one block of items after the other."""

    def __init__(self, pickled: Any, ledger: Any, workers: int) -> None:
        import ray

        self._ask, self._ledger = ray.get, ledger
        if (begun := self._begin("start")) >= workers + CRASHES:
            raise ChildProcessError(f"workers must be able to start, got {begun} crashes; give them more memory")
        self._stream, self._lost = pickle.loads(ray.get(pickled))
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
        """Return the result of an item whose block crashed an actor."""
        if self._begin(key) == CRASHES:
            result = self._lost(item, lost_reason("by Ray", "give workers more memory"))
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
    """Give Ray, silenced, joined to its cluster or, if there is none, started on this machine until the body ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ValueError(f"engine must be installed, got '{error}'; pip install 'wsseg[ray]'") from error
    own = not ray.is_initialized()
    if own:
        _start(ray)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    try:
        with ray.data.DataContext.current(context), _in_one_sentence(ray):
            yield ray
    finally:
        if own:
            ray.shutdown()


def _start(ray: Any) -> None:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises a plain Exception when its start takes too long.
        raise OSError(
            f"Ray must start, or join RAY_ADDRESS, got '{_last_line(error)}'; check that address, or unset it"
        ) from error


@contextmanager
def _in_one_sentence(ray: Any) -> Iterator[None]:
    """Raise one sentence in place of the pages that Ray prints for an actor that cannot start."""
    try:
        yield
    except ray.exceptions.RayError as error:
        got = _last_line(error)
        raise ChildProcessError(
            f"workers must be able to start, got '{got}'; install wsseg on every machine of the cluster"
        ) from error


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2] or type(error).__name__
