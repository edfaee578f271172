"""Progress of a long task, as shown to a terminal, a log and a program."""

import io
import json
from time import monotonic, sleep

import pytest
from rich.console import Console

from wsseg.runs import progress as module
from wsseg.runs.progress import Kind, progress


def shown_progress(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, *, total: int | None = 4, terminal: bool = False
) -> str:
    """Return the progress of four items, three seconds each; the second one fails."""
    clock = iter(range(0, 100, 3))
    monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100)
    with progress("photos", total, kind, console) as advance:
        for number in range(4):
            advance(failed=number == 1)
    return file.getvalue()


def test_a_log_gets_a_line_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown_progress("lines", monkeypatch) == "photos: 4 of 4, 1 failed, 0.33/s\n"
    assert shown_progress("auto", monkeypatch) == shown_progress("lines", monkeypatch)
    monkeypatch.setitem(module.EVERY, "lines", 6.0)
    assert shown_progress("lines", monkeypatch).splitlines() == [
        "photos: 2 of 4, 1 failed, 0.33/s, 0:00:06 left",
        "photos: 4 of 4, 1 failed, 0.33/s",
    ]


def test_json_progress_continues_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [json.loads(line) for line in shown_progress("json", monkeypatch).splitlines()]
    assert [report["done"] for report in reports] == [1, 2, 3, 4]
    assert reports[0] == {"what": "photos", "done": 1, "total": 4, "failed": 0, "rate": 0.0, "left": None}
    assert reports[-1] == {
        "what": "photos",
        "done": 4,
        "total": 4,
        "failed": 1,
        "rate": pytest.approx(1 / 3),
        "left": 0,
    }


@pytest.mark.parametrize(("kind", "beginning"), [("json", '{"what": "photos", "done": 3, '), ("lines", "photos: 3")])
def test_the_last_photo_of_a_burst_is_reported_without_a_next(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, beginning: str
) -> None:
    monkeypatch.setitem(module.EVERY, kind, 0.2)
    with progress("photos", None, kind, Console(file=(file := io.StringIO()), width=200)) as advance:
        for _ in range(3):
            advance()
        deadline = monotonic() + 30
        while not file.getvalue().endswith("\n") and monotonic() < deadline:
            sleep(0.01)
        assert file.getvalue().startswith(beginning)
        text = file.getvalue()
    assert file.getvalue() == text


def test_an_early_end_is_reported_only_in_json() -> None:
    for kind, count in (("json", 1), ("lines", 0), ("none", 0)):
        with progress("photos", None, kind, Console(file=(file := io.StringIO()), width=200)) as advance:
            advance(failed=True)
            advance()
        assert [json.loads(line)["done"] for line in file.getvalue().splitlines()] == [2] * count


def test_an_endless_run_has_no_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown_progress("lines", monkeypatch, total=None) == "photos: 4, 1 failed, 0.33/s\n"


def test_an_item_that_is_repaired_is_no_longer_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.EVERY, "json", 0.0)
    with progress("photos", None, "json", Console(file=(file := io.StringIO()), width=200)) as advance:
        advance(failed=1)
        advance()
        advance(items=0, failed=-1)
    reports = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [(report["done"], report["failed"]) for report in reports] == [(1, 1), (2, 1), (2, 0)]


def test_silence_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown_progress("none", monkeypatch) == ""


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_progress("auto", monkeypatch, terminal=True)
    assert "photos, 1 failed" in shown and "4/4" in shown
    assert shown_progress("bar", monkeypatch)  # A bar is shown anywhere on request.


def test_the_rate_covers_the_last_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [*range(100), *range(100, 400, 10)]
    clock = iter([0, *times])
    monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    console = Console(file=(file := io.StringIO()), width=200)
    with progress("photos", 1000, "json", console) as advance:
        for _ in times:
            advance()
    last = json.loads(file.getvalue().splitlines()[-1])
    assert last["done"] == 130
    assert last["rate"] == pytest.approx(0.1, rel=0.2)
    assert last["left"] == pytest.approx((1000 - 130) / 0.1, rel=0.2)
