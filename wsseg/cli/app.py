"""The program: which command is called, and how it ends."""

import os
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from types import FrameType

from cyclopts import App, Group
from cyclopts.exceptions import (
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

import wsseg
from wsseg.cli.help import Help
from wsseg.cli.learn import adapt, tune
from wsseg.cli.output import CANNOT_RUN, INTERRUPTED, answers, complain, manner
from wsseg.cli.review import review, serve
from wsseg.cli.run import demo, merge, saliency, segment
from wsseg.cli.score import calibrate, compare, evaluate
from wsseg.cli.show import doctor, export, models, report, visualize
from wsseg.cli.volume import volume

COMMANDS = {
    command.__name__: command
    for command in (
        segment,
        saliency,
        visualize,
        evaluate,
        compare,
        calibrate,
        tune,
        adapt,
        merge,
        demo,
        volume,
        export,
        report,
        review,
        serve,
        models,
        doctor,
    )
}

HELP_RECIPE = "--help-recipe"

FIRST_OPTIONS = ("--help", "-h", "--version", "--install-completion", "__complete")
"""The first words that are neither a command nor a photo."""

PRINTABLE = ("--csv", "--json")
"""The options whose file may be `-`, which is standard output."""

PRINTED = ("models", "doctor")
"""The commands whose `--json` takes no file."""

WITH_RECIPE = ("segment", "saliency", "tune")
"""The commands with a flag for each of the recipe's numbers."""

THREADS = {"GOMP_SPINCOUNT": "1000", "OPENBLAS_NUM_THREADS": "1"}
"""Environment variables that torch and NumPy read when they are loaded: how long a waiting thread of torch keeps its
core, and how many threads NumPy's linear algebra has.

By default a waiting thread keeps its core busy. If another program is busy, a fit then takes 9 times as long; with this
number it takes twice as long. The matrices of a hint are small: two threads take twice the processor time of one, and
no less time.
"""


def main() -> None:
    """Run the program; what a person can fix is one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A name that the terminal cannot show is no reason to stop.
    signal.signal(signal.SIGTERM, _terminate)
    os.environ.update({name: number for name, number in THREADS.items() if name not in os.environ})
    words = sys.argv[1:]
    manner.as_json = "--progress=json" in words or ("--progress", "json") in pairwise(words)
    try:
        sys.exit(_run(words))
    except CycloptsError as error:
        complain(_sentence(error), lead="error: ")
    except (ValueError, TypeError, OSError) as error:
        complain(str(error), lead="error: ")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(CANNOT_RUN)


def program(*, numbers: bool = False) -> App:
    """Return the program, whose help shows the recipe's numbers if `numbers`, and everything else if not."""
    app = App(
        name="wsseg",
        help="Object masks from nothing but an image classifier.\n\nwsseg PHOTO... is short for wsseg segment PHOTO...",
        help_format="plaintext",
        version=wsseg.__version__,
        version_flags=("--version",),
        help_formatter=Help(numbers=numbers),
        console=answers,
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    group = Group("Options", sort_key=len(COMMANDS))
    app.register_install_completion_command(help="Install completion for the current shell.", group=group)
    app["--help"].group = app["--version"].group = (group,)
    for place, (name, command) in enumerate(COMMANDS.items()):
        epilogue = f"For the recipe's numbers see wsseg {name} {HELP_RECIPE}." if name in WITH_RECIPE else ""
        app.command(command, name=name, sort_key=place, help_epilogue="" if numbers else epilogue)
    return app


def _terminate(number: int, frame: FrameType | None) -> None:
    """End the program as Ctrl-C does, so that whatever is open is closed."""
    sys.exit(128 + number)


def _run(words: Sequence[str]) -> int:
    """Return the exit code of a command line."""
    if not words:
        program()(["--help"])
        return CANNOT_RUN
    words = _with_files_joined(_with_command(words))
    numbers = HELP_RECIPE in words and words[0] in WITH_RECIPE
    return program(numbers=numbers)([words[0], "--help"] if numbers else words) or 0


def _with_command(words: Sequence[str]) -> Sequence[str]:
    """Return the words, with `segment` in front if they start with a photo; ValueError names the nearest commands."""
    first = words[0]
    if first in (*COMMANDS, *FIRST_OPTIONS):
        return words
    if first == "help":
        return [*words[1:2], "--help"]
    if first == HELP_RECIPE or any(sign in first for sign in "./\\*?[") or Path(first).exists():
        return ["segment", *words]
    nearest = get_close_matches(first, COMMANDS)
    remedy = f"did you mean {' or '.join(nearest)}?" if nearest else "see wsseg --help"
    raise ValueError(f"the first word must be a command or a photo, got '{first}'; {remedy}")


def _with_files_joined(words: Sequence[str]) -> list[str]:
    """Return the words with `--csv -` as `--csv=-`, because cyclopts takes a `-` alone for an option.

    After a `--json` that takes no file the `-` is left out, because it is printed anyway.
    """
    joined = list[str]()
    for word in words:
        if word == "-" and joined and joined[-1] in PRINTABLE:
            joined[-1] += "" if words[0] in PRINTED else "=-"
        else:
            joined.append(word)
    return joined


def _sentence(error: CycloptsError) -> str:
    """Return what is wrong with a command line."""
    if isinstance(error.__cause__, ValueError):  # By one of this package's converters, which says all.
        return str(error.__cause__)
    command = " ".join(("wsseg", *(error.command_chain or ())))
    page = f"see {command} --help"
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} was given twice; keep one"
    if isinstance(error, MissingArgumentError) and error.argument:
        return (
            f"{error.keyword} needs a value; {page}" if error.keyword else f"{error.argument.name} is required; {page}"
        )
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"unexpected argument '{error.unused_tokens[0]}'; {page}"
    if isinstance(error, UnknownOptionError) and (word := error.token.keyword or error.token.value).startswith("--no-"):
        flag = word.replace("--no-", "--", 1)
        if any(flag in argument.names for argument in error.argument_collection):
            return f"{word} does not exist, because {flag} is off by default; leave out {flag}"
    sentence = " ".join(str(error).split())
    return sentence if sentence.endswith("?") else f"{sentence.rstrip('.')}; {page}"
