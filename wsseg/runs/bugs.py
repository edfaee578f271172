"""Bugs in a run: the first is reported, and a run ends if every photo meets one."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from wsseg.runs.task import Outcome

MOST: Final = 10
"""Photos in a row that meet a bug before the run ends."""

_WHERE: Final = "a bug in wsseg, or in the classifier if it is your own"


class InternalError(RuntimeError):
    """Photo after photo failed because of a bug in wsseg, or in the user's own classifier, so the run ended."""


def with_bugs_reported(outcomes: Iterable[Outcome], notice: Callable[[str], None]) -> Iterator[Outcome]:
    """Yield the outcomes; the traceback of the first bug goes to `notice`, and `MOST` photos in a row with one raise.

    Raises
    ------
    InternalError
        After `MOST` photos in a row that failed because of a bug.
    """
    reported, in_a_row = False, 0
    for outcome in outcomes:
        yield outcome
        if not outcome.fresh:
            continue
        record = outcome.record
        in_a_row = in_a_row + 1 if record.traceback else 0
        if record.traceback and not reported:
            reported = True
            notice(
                f"{record.traceback}{record.input}: this is {_WHERE}, not a bad photo; "
                "please fix or report it with the traceback above"
            )
        if in_a_row == MOST:
            raise InternalError(
                f"{MOST} photos in a row failed because of {_WHERE}, the last with {record.error}; "
                "please fix or report it with its traceback, which is in run.jsonl"
            )
