"""Everything that the command line prints: answers on stdout, messages on stderr.

Names of files and classes may hold any text, so all of it goes through `show`, which escapes what a terminal would
obey, and `table` and `add_row`, which do the same in tables. Tests hold that nothing else prints.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from wsseg.files.text import escape_unprintable
from wsseg.runs.progress import progress

SOME_FAILED, CANNOT_RUN, INTERRUPTED = 1, 2, 130
"""Exit codes, besides 0."""

Item = TypeVar("Item")


@dataclass
class Manner:
    """How messages are written."""

    as_json: bool = False
    """Each message is one line with a JSON object, for a program that reads the progress."""


manner = Manner()

answers, messages = (Console(stderr=stderr, highlight=False, emoji=False, markup=False) for stderr in (False, True))


def show(console: Console, what: str | Table, style: str = "") -> None:
    """Print a line as it is, with unprintable characters escaped, or a table made by `table`."""
    console.print(_plain(what, style) if isinstance(what, str) else what, soft_wrap=isinstance(what, str))


def answer(what: str | Table, style: str = "") -> None:
    """Print what the command was asked for."""
    show(answers, what, style)


def answer_json(value: object) -> None:
    """Print a value as JSON, one line an element."""
    for line in json.dumps(value, indent=1).splitlines():
        answer(line)


def say(text: str) -> None:
    """Print a message about the work."""
    _message(text, "message")


def warn(text: str) -> None:
    """Print a message about something that a person may want to change."""
    _message(text, "warning", "yellow")


def complain(text: str, *, lead: str = "") -> None:
    """Print what failed; `lead` opens the line, but not the JSON."""
    _message(text, "error", "red", lead=lead)


def _message(text: str, kind: str, style: str = "", *, lead: str = "") -> None:
    if manner.as_json:
        show(messages, json.dumps({kind: text}))
        return
    for line in text.splitlines() if text.startswith("Traceback ") else [lead + text]:
        show(messages, line, style)


def _plain(text: str, style: str = "") -> Text:
    return Text(escape_unprintable(text), style)


def table(*columns: str | Column, title: str | Sequence[str] = "", caption: str = "") -> Table:
    """Return an empty table; a title of several lines starts at the left."""
    lines = [title] if isinstance(title, str) else title
    made = Table(*columns)
    if title:
        made.title = Text("\n").join(map(_plain, lines))
        made.title_justify = "center" if isinstance(title, str) else "left"
    if caption:
        made.caption, made.caption_justify = _plain(caption), "left"
    return made


def add_row(to: Table, *cells: str | tuple[str, str], style: str = "") -> None:
    """Add a row of texts, or of (text, style)."""
    to.add_row(*(_plain(*cell) if isinstance(cell, tuple) else _plain(cell) for cell in cells), style=style)


@contextmanager
def tracking(verb: str) -> Iterator[Callable[[Sequence[Item]], Iterator[Item]]]:
    """Yield a function that iterates over a sequence and shows the progress on stderr."""

    def track(items: Sequence[Item]) -> Iterator[Item]:
        with progress(verb, len(items), "auto", messages) as advance:
            for item in items:
                yield item
                advance()

    yield track
