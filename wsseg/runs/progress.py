"""Progress of a long task: a bar on a terminal, lines in a log, JSON for a program."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock, Timer
from time import monotonic
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Kind: TypeAlias = Literal["auto", "bar", "lines", "json", "none"]
"""How progress is shown."""

EVERY: Final = {"lines": 10.0, "json": 1.0}
"""Seconds between two reports, at least."""

WINDOW: Final = 60.0
"""Seconds over which rich averages the rate."""


class Advance(Protocol):
    """A function to call for each finished item, with how many more are finished now, and how many more failed.

    An item that is done again is not one more, and if it failed before and does no longer, `failed` is -1.
    """

    def __call__(self, *, items: int = 1, failed: int = 0) -> None: ...


@contextmanager
def progress(verb: str, total: int | None, kind: Kind, console: Console) -> Iterator[Advance]:
    """Show the progress of a task, and give the function to call for each finished item.

    `total` is None if it is unknown. `auto` shows a bar on a terminal, and lines elsewhere.
    """
    if kind == "bar" or (kind == "auto" and console.is_terminal):
        with _bar(verb, total, console) as advance:
            yield advance
    else:
        reports = _Reports(verb, total, "lines" if kind == "auto" else kind, console)
        try:
            yield reports.advance
        finally:
            reports.end()


@contextmanager
def _bar(verb: str, total: int | None, console: Console) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    # What goes to a file must not pass through the terminal's live display.
    with Progress(*columns, console=console, redirect_stdout=sys.stdout.isatty()) as bar:
        task, failures = bar.add_task(verb, total=total), 0

        def advance(*, items: int = 1, failed: int = 0) -> None:
            nonlocal failures
            failures += failed
            bar.update(task, advance=items, description=f"{verb}, {failures} failed" if failures else verb)

        yield advance


class _Reports:
    """Prints the state of a task from time to time; a report that is not due yet follows when it is."""

    def __init__(self, verb: str, total: int | None, kind: Kind, console: Console) -> None:
        self._kind, self._console = kind, console
        # Never shown: rich counts, and estimates the rate and the time left.
        self._progress = Progress(console=console, speed_estimate_period=WINDOW, get_time=lambda: self._now)
        self._now = self._last = monotonic()
        self._id = self._progress.add_task(verb, total=total)
        self._failed = 0
        self._reporting = Lock()
        self._later: Timer | None = None
        """Runs while a report is due later."""

    def advance(self, *, items: int = 1, failed: int = 0) -> None:
        with self._reporting:
            self._now = monotonic()
            self._failed += failed
            self._progress.advance(self._id, items)
            if self._kind == "none":
                return
            if (wait := self._last + EVERY[self._kind] - self._now) <= 0:
                self._report()
            elif self._later is None:
                self._later = Timer(wait, self._report_late)
                self._later.daemon = True
                self._later.start()

    def end(self) -> None:
        """Print the last report for a program; a person sees the end otherwise."""
        with self._reporting:
            if self._later and self._kind == "json":
                self._report()
            self._cancel()

    def _report_late(self) -> None:
        with self._reporting:
            if self._later:
                self._now = monotonic()
                self._report()

    def _report(self) -> None:
        self._cancel()
        self._last = self._now
        self._console.print(FORMS[self._kind](self._progress.tasks[0], self._failed), soft_wrap=True, markup=False)

    def _cancel(self) -> None:
        if self._later:
            self._later.cancel()
            self._later = None


def _as_line(task: Task, failed: int) -> str:
    """Return a line such as `photos: 2 of 4, 1 failed, 0.33/s, 0:00:06 left`."""
    words = [f"{task.description}: {task.completed:.0f}" + (f" of {task.total:.0f}" if task.total is not None else "")]
    words += [f"{failed} failed"] if failed else []
    words += [f"{task.speed:.2g}/s"] if task.speed else []
    words += [f"{timedelta(seconds=round(task.time_remaining))} left"] if task.time_remaining else []
    return ", ".join(words)


def _as_json(task: Task, failed: int) -> str:
    """Return counts, items per second, and seconds left, null while unknown."""
    counts = {"done": int(task.completed), "total": task.total, "failed": failed}
    return json.dumps({"what": task.description, **counts, "rate": task.speed or 0.0, "left": task.time_remaining})


FORMS: Final[Mapping[Kind, Callable[[Task, int], str]]] = MappingProxyType({"lines": _as_line, "json": _as_json})
"""The text of a report, by its kind."""


class _Rate(ProgressColumn):
    """Items per second, as rich estimates them."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")
