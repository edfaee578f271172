"""How far a long work is: a bar on a terminal, lines in a log, JSON for a program."""

import json
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock, Timer
from time import monotonic
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeAlias

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

EVERY: Final = {"lines": 10.0, "json": 1.0}
"""Seconds between two reports, at least."""

WINDOW: Final = 60.0
"""Seconds that the rate is taken over."""


class Advance(Protocol):
    """To be called for each thing done."""

    def __call__(self, *, failed: bool = False) -> None: ...


@dataclass
class Count:
    """How many things are done of how many, and how fast they go."""

    verb: str
    total: int | None
    done: int = 0
    failed: int = 0
    times: deque[tuple[float, int]] = field(default_factory=deque)
    """When so many were done, of the last `WINDOW`."""

    def add(self, now: float, *, failed: bool) -> None:
        self.done += 1
        self.failed += failed
        self.times.append((now, self.done))
        while now - self.times[0][0] > WINDOW:
            self.times.popleft()

    @property
    def rate(self) -> float:
        """Things a second; 0 as long as that is unknown."""
        (since, before), (now, done) = self.times[0], self.times[-1]
        return (done - before) / (now - since) if now > since else 0.0

    @property
    def left(self) -> float | None:
        """Seconds left, if that is known."""
        return (self.total - self.done) / self.rate if self.total is not None and self.rate else None

    def as_line(self) -> str:
        words = [f"{self.verb}: {self.done}" + (f" of {self.total}" if self.total is not None else "")]
        words += [f"{self.failed} failed"] if self.failed else []
        words += [f"{self.rate:.2g}/s"] if self.rate else []
        words += [f"{timedelta(seconds=round(self.left))} left"] if self.left else []
        return ", ".join(words)

    def as_json(self) -> dict[str, Any]:
        """What a program may read: counts, things a second, seconds left (null while unknown)."""
        counts = {"done": self.done, "total": self.total, "failed": self.failed}
        return {"what": self.verb, **counts, "rate": self.rate, "left": self.left}


SPELLED: Final[Mapping[Kind, Callable[[Count], str]]] = MappingProxyType(
    {
        "lines": Count.as_line,
        "json": lambda count: json.dumps(count.as_json()),
    }
)


@contextmanager
def progress(verb: str, total: int | None, kind: Kind, console: Console) -> Iterator[Advance]:
    """What to call for each thing done; meanwhile it is shown how far the work is.

    `total` is None when nobody knows. `auto` is a bar on a terminal, and lines elsewhere.
    """
    if kind == "bar" or (kind == "auto" and console.is_terminal):
        with _bar(verb, total, console) as advance:
            yield advance
    else:
        reports = _Reports(Count(verb, total), "lines" if kind == "auto" else kind, console)
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

        def advance(*, failed: bool = False) -> None:
            nonlocal failures
            failures += failed
            bar.update(task, advance=1, description=f"{verb}, {failures} failed" if failures else verb)

        yield advance


class _Reports:
    """Spells the count from time to time; what comes too soon after a report is told once it is time."""

    def __init__(self, count: Count, kind: Kind, console: Console) -> None:
        self._count, self._kind, self._console = count, kind, console
        self._reporting = Lock()
        self._last = monotonic()
        self._later: Timer | None = None
        """Runs while something is yet to be told."""

    def advance(self, *, failed: bool = False) -> None:
        with self._reporting:
            now = monotonic()
            self._count.add(now, failed=failed)
            if self._kind == "none":
                return
            if (left := self._last + EVERY[self._kind] - now) <= 0:
                self._tell(now)
            elif self._later is None:
                self._later = Timer(left, self._tell_late)
                self._later.daemon = True
                self._later.start()

    def end(self) -> None:
        """Tells a program the last of it; a person is told otherwise."""
        with self._reporting:
            if self._later and self._kind == "json":
                self._tell(monotonic())
            self._forget()

    def _tell_late(self) -> None:
        with self._reporting:
            if self._later:
                self._tell(monotonic())

    def _tell(self, now: float) -> None:
        self._forget()
        self._last = now
        self._console.print(SPELLED[self._kind](self._count), soft_wrap=True, markup=False)

    def _forget(self) -> None:
        if self._later:
            self._later.cancel()
            self._later = None


class _Rate(ProgressColumn):
    """Things a second, as rich estimates it."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")
