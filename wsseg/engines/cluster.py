"""Actors of a Ray cluster."""

import logging
import os
import pickle
import traceback
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, TypeVar

from wsseg.engines.stream import DEATHS, Lost, Stream, single_threaded

Result = TypeVar("Result")

Item = TypeVar("Item")

BLOCK: Final = 8
"""Items that an actor of Ray is given at once."""

WINDOW: Final = 64
"""Blocks for each actor that Ray is given at once: few enough to be held, enough to be worth the actors' start."""


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
