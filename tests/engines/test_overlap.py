"""Reading, working and writing at once: the order stays, errors are raised, and nothing runs far ahead."""

import threading
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest

from wsseg.engines.overlap import read_work_write


def same(item: int) -> int:
    return item


def test_each_item_goes_through_all_three_in_its_order() -> None:
    items = [1, None, 2, 3, None]
    found = list(read_work_write(items, lambda item: item * 10, lambda item: item + 1, str))
    assert found == ["11", "21", "31"]


def test_no_items_give_no_results() -> None:
    assert list(read_work_write([], same, same, same)) == []
    assert list(read_work_write([None, None], same, same, same)) == []


def test_reading_and_writing_overlap_with_work() -> None:
    """Work on 2 waits until 3 is read and 1 is being written; writing 1 waits until 2 is in work."""
    read, writing, worked = threading.Event(), threading.Event(), threading.Event()

    def reading(item: int) -> int:
        if item == 3:
            read.set()
        return item

    def working(item: int) -> int:
        if item == 2:
            assert read.wait(10) and writing.wait(10)
            worked.set()
        return item

    def write(item: int) -> int:
        if item == 1:
            writing.set()
            assert worked.wait(10)
        return item

    assert list(read_work_write([1, 2, 3], reading, working, write)) == [1, 2, 3]


def test_a_result_does_not_wait_for_the_next_item() -> None:
    was_read = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert was_read.wait(10)
        yield 2

    found = read_work_write(items(), same, same, same)
    assert next(found) == 1
    was_read.set()
    assert list(found) == [2]


def test_it_reads_only_one_item_ahead() -> None:
    read: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def work(item: int) -> int:
        entered.set()
        assert go_on.wait(10)
        return item

    found = read_work_write(range(100), lambda item: read.append(item) or item, work, same)  # type: ignore[func-returns-value]
    waiting = threading.Thread(target=lambda: next(found))
    waiting.start()
    assert entered.wait(10)
    assert threading.Event().wait(0.2) is False  # Time enough to read far ahead.
    assert read == [0, 1]
    go_on.set()
    waiting.join(10)
    found.close()  # type: ignore[attr-defined]  # It is a generator.


def fail(item: int) -> NoReturn:
    raise LookupError(item)


def failing() -> Iterator[int]:
    yield 1
    raise LookupError


@pytest.mark.parametrize(
    ("items", "stages"),
    [([1], (fail, same, same)), ([1], (same, fail, same)), ([1], (same, same, fail)), (failing(), (same, same, same))],
)
def test_an_error_in_any_stage_is_raised_here(items: object, stages: tuple[object, ...]) -> None:
    with pytest.raises(LookupError):
        list(read_work_write(items, *stages))  # type: ignore[arg-type]  # Each as it should be.


def test_a_write_in_progress_is_completed() -> None:
    entered, written = threading.Event(), []

    def write(item: int) -> None:
        entered.set()
        threading.Event().wait(0.2)
        written.append(item)

    def work(item: int) -> int:
        if item == 2:
            assert entered.wait(10)
            raise KeyboardInterrupt
        return item

    with pytest.raises(KeyboardInterrupt):
        list(read_work_write([1, 2], same, work, write))
    assert written == [1]


def test_a_read_in_progress_is_awaited_when_the_run_stops() -> None:
    begun, ended = threading.Event(), list[int]()

    def read(item: int) -> int:
        if item:
            begun.set()
            time.sleep(0.2)
        ended.append(item)
        return item

    outcomes = read_work_write(iter([0, 1]), read, lambda item: item, lambda item: item)
    assert next(outcomes) == 0
    assert begun.wait(10)
    outcomes.close()
    assert ended == [0, 1]
