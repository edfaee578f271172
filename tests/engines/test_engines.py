"""Engines: the results are the same everywhere, and a process that dies loses no item."""

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wsseg.engines.processes import in_processes
from wsseg.engines.stream import CRASHES, WORTH, here, in_order, workers_for


def squares(items: Iterable[int | None]) -> Iterator[tuple[int, int]]:
    return ((item, item**2) for item in items if item is not None)


def deadly(item: int, fatal: int, marker: Path | None = None) -> tuple[int, int]:
    """Kills its process at one item: always, or until there is a marker."""
    if item == fatal and not (marker and marker.exists()):
        if marker:
            marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item, item**2


def by(act: Any, items: Iterable[int | None]) -> Iterator[tuple[int, int]]:
    return (act(item) for item in items if item is not None)


def surroundings(_: int) -> tuple[str | None, str]:
    return os.environ.get("CALLED_FROM"), str(Path.cwd())


def lost(item: int, fate: str) -> tuple[int, str]:
    return item, fate


class KillsOnArrival:
    """An object that ends the process that unpickles it."""

    def __call__(self, items: Iterable[object]) -> Iterator[object]:
        return iter(items)

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_do_not_depend_on_the_number_of_processes(workers: int) -> None:
    items = [*range(10), None, *range(10, 20)]
    found = in_processes(squares, items, lost=lost, workers=workers)
    assert sorted(found) == list(here(squares, items, lost=lost)) == [(item, item**2) for item in range(20)]


def test_one_process_keeps_the_order() -> None:
    assert [item for item, _ in in_processes(squares, range(20), lost=lost, workers=1)] == list(range(20))


def test_without_items_there_are_no_results() -> None:
    assert list(in_processes(squares, [], lost=lost, workers=2)) == []


def test_workers_have_the_variables_and_the_folder_of_their_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also if the process that they are forked from is older."""
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setenv("CALLED_FROM", name)
        monkeypatch.chdir(folder)
        found = in_processes(partial(by, surroundings), [0], lost=lost, workers=2)
        assert list(found) == [(name, str(folder))]


def test_another_process_does_the_items_of_one_that_died(tmp_path: Path) -> None:
    act = partial(deadly, fatal=4, marker=tmp_path / "marker")
    assert sorted(in_processes(partial(by, act), range(9), lost=lost, workers=2)) == [(n, n**2) for n in range(9)]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_an_item_that_kills_every_process_is_lost_alone(workers: int) -> None:
    found = dict(in_processes(partial(by, partial(deadly, fatal=4)), range(9), lost=lost, workers=workers))
    assert found == {n: n**2 for n in range(9)} | {
        4: "killed its worker 3 times (SIGKILL), probably out of memory; use fewer workers or make it smaller"
    }


def wrong(items: Iterable[int | None]) -> Iterator[int]:
    for item in items:
        if item == 2:
            raise OSError("no space")
        yield item or 0


def test_errors_of_the_item_stream_are_raised_here() -> None:
    with pytest.raises(OSError, match="^no space") as raised:
        list(in_processes(wrong, [1, 2, 3], lost=lost, workers=2))
    assert "in wrong" in raised.value.__notes__[0]


def test_processes_that_cannot_start_are_not_retried_forever() -> None:
    with pytest.raises(
        ChildProcessError, match="^workers must be able to start, got exit code 3; give them more memory"
    ):
        list(in_processes(KillsOnArrival(), range(CRASHES), lost=lost, workers=1))


def test_no_process_is_left_behind() -> None:
    results = in_processes(squares, range(1000), lost=lost, workers=2)
    next(results)
    assert len(multiprocessing.active_children()) == 2
    results.close()  # type: ignore[attr-defined]  # It is a generator.
    assert not multiprocessing.active_children()


def test_items_are_taken_on_demand() -> None:
    taken: list[int] = []
    results = in_processes(squares, (taken.append(item) or item for item in range(1000)), lost=lost, workers=1)  # type: ignore[func-returns-value]  # It returns None on purpose.
    next(results)
    assert len(taken) < 20
    results.close()  # type: ignore[attr-defined]  # It is a generator.


def test_early_results_wait_for_their_turn() -> None:
    numbered = [(2, "c"), (0, "a"), (1, "b"), (4, "e"), (3, "d")]
    assert list(in_order(iter(numbered))) == list("abcde")
    assert list(in_order([])) == []


def test_processes_are_limited_by_cores_and_items() -> None:
    cores = workers_for(None)
    assert cores >= 1
    assert [workers_for(items) for items in (0, 1, 2 * WORTH - 1, 10_000)] == [1, 1, 1, cores]
