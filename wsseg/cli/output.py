"""Everything that the command line prints: answers on stdout, messages on stderr.

Names of files and classes may hold any text, so all of it goes through `show`, which escapes what a terminal would
obey, and `table` and `add_row`, which do the same in tables. Only `answer_data` writes text as it is, and not on a
terminal. Tests hold that nothing else prints.

A reader may stop before the end, as `| head` does. The command then finishes its work in silence, and its exit code is
that of the work.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from wsseg.files.text import escape_unprintable
from wsseg.runs.progress import progress

SOME_FAILED, CANNOT_RUN, INTERRUPTED = 1, 2, 130
"""Exit codes, besides 0."""

RESUME = "rerun the command to resume"

Item = TypeVar("Item")


@dataclass
class Manner:
    """How messages are written."""

    as_json: bool = False
    """Each message is one line with a JSON object, for a program that reads the progress."""
    quiet: bool = False
    """Only errors are printed."""


manner = Manner()

STDOUT: Final = Path("-")
"""The file that stands for standard output."""


class Output(Console):
    """A stream that nobody has to read."""

    def on_broken_pipe(self) -> None:
        """Print nothing more; rich would end the program."""
        self.quiet = True
        with suppress(OSError), Path(os.devnull).open("wb") as nowhere:  # Python itself writes what is left at its end.
            os.dup2(nowhere.fileno(), self.file.fileno())


answers, messages = (Output(stderr=stderr, highlight=False, emoji=False, markup=False) for stderr in (False, True))


def show(console: Output, what: str | Table, style: str = "") -> None:
    """Print a line as it is, with unprintable characters escaped, or a table made by `table`."""
    with _printing(console):
        console.print(_plain(what, style) if isinstance(what, str) else what, soft_wrap=isinstance(what, str))


@contextmanager
def _printing(console: Output) -> Iterator[None]:
    """Stop printing if the stream is closed; an OSError says why standard output cannot be written otherwise."""
    try:
        yield
    except OSError as error:
        console.on_broken_pipe()
        if console is answers and error.errno not in (errno.EPIPE, errno.EINVAL):  # EINVAL is a closed pipe of Windows.
            refusal = OSError(f"standard output must be writable, got '{error.strerror}'; make room or write to a file")
            raise refusal from error


def answer(what: str | Table, style: str = "") -> None:
    """Print what the command was asked for."""
    if not manner.quiet:
        show(answers, what, style)


def answer_json(value: object) -> None:
    """Print a value as JSON, one line an element."""
    answer_data(json.dumps(value, indent=1).encode() + b"\n")


def answer_data(data: bytes) -> None:
    """Print the content of a text file: its bytes, or on a terminal its lines with unprintable characters escaped."""
    stream = getattr(answers.file, "buffer", None)
    if answers.is_terminal or stream is None:
        for line in data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n"):
            answer(line)
    elif not answers.quiet:
        with _printing(answers):
            answers.file.flush()
            stream.write(data)
            stream.flush()


def is_stdout(file: Path | None) -> bool:
    """Return whether the file is standard output: `-`, or whatever else leads there, such as /dev/stdout."""
    if file is None or file == STDOUT:
        return file == STDOUT
    try:
        return os.path.samestat(file.stat(), os.fstat(answers.file.fileno()))
    except (OSError, ValueError):  # One of both is missing.
        return False


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
    if manner.quiet and kind != "error":
        return
    if manner.as_json:
        show(messages, json.dumps({kind: text}))
        return
    for line in text.splitlines() if text.startswith("Traceback ") else [lead + text]:
        show(messages, line, style)


@contextmanager
def silenced(quiet: bool) -> Iterator[None]:
    """Print nothing but errors inside, if `quiet`."""
    before, manner.quiet = manner.quiet, quiet
    try:
        yield
    finally:
        manner.quiet = before


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
def tracking(verb: str, *, after: str = "nothing was written") -> Iterator[Callable[[Sequence[Item]], Iterator[Item]]]:
    """Yield a function that iterates over a sequence and shows the progress; say what holds `after` an interrupt."""

    def track(items: Sequence[Item]) -> Iterator[Item]:
        with progress(verb, len(items), "auto", messages) as advance:
            for item in items:
                yield item
                advance()

    try:
        yield track
    except (KeyboardInterrupt, SystemExit):
        say(f"interrupted; {after}")
        raise
