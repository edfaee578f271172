"""Faults of wsseg in a run: reported once, and the end of the run if every photo meets one."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from wsseg.runs.task import Outcome

MOST: Final = 10
"""Photos in a row that fail by a fault of wsseg before the run ends."""


class InternalError(RuntimeError):
    """A fault of wsseg made one photo after the other fail, so the run ended."""


def with_faults_reported(outcomes: Iterable[Outcome], notice: Callable[[str], None]) -> Iterator[Outcome]:
    """Yield the outcomes; the traceback of the first fault goes to `notice`, and `MOST` faults in a row raise.

    Raises
    ------
    InternalError
        After `MOST` photos in a row that failed by a fault of wsseg.
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
                f"{record.traceback}{record.input}: this is a fault of wsseg, not of the photo; "
                "please report it with the traceback above"
            )
        if in_a_row == MOST:
            raise InternalError(
                f"photos must not fail by a fault of wsseg, got {MOST} in a row, the last with {record.error}; "
                "please report it with its traceback, which run.jsonl has"
            )
