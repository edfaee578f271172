"""The photos of a run that a person should look at: marked in their records, and listed in `review.txt`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from wsseg.files.store import replacing, store_of
from wsseg.files.text import escape_unprintable
from wsseg.runs.record import WORKING, Record

REVIEW: Final = "review.txt"
"""The list in the run's folder; `wsseg segment` reads it like any other list of photos."""

HEADER: Final = "# Photos to review, least confidence first."


def needs_review(record: Record, min_confidence: float | None) -> bool:
    """Return whether a mask of the photo has less than this confidence, or no object was found.

    A photo that failed has no mask to review: the run reports it, and does it again. Nor has one that a person has
    reviewed.
    """
    if record.error or record.is_reviewed:
        return False
    return min_confidence is not None and (record.trust < min_confidence or _is_empty(record))


def _is_empty(record: Record) -> bool:
    return all(one.status == "no object" for one in record.findings)


def write_review(out: Path, records: Iterable[Record]) -> None:
    """Write the paths of these photos, one a line, least confidence first; see `check_no_own_list`."""
    check_no_own_list(out)
    ordered = sorted(records, key=lambda record: (record.trust, record.place))
    text = "\n".join([HEADER, *(_line_of(record.place) for record in ordered), ""])
    with replacing(out / REVIEW, by=out / WORKING) as file:
        file.write(text.encode())


def check_no_own_list(out: Path) -> None:
    """Raise FileExistsError if the list would replace a file that a person wrote."""
    if _whose(out) == "a person's":
        raise FileExistsError(f"out must hold no {REVIEW} of your own, got '{out / REVIEW}'; rename it")


def remove_review(out: Path) -> None:
    """Remove the list of an earlier run; a file of that name that a person wrote stays."""
    if _whose(out) == "a run's":
        with store_of(out).answering(out):
            (out / REVIEW).unlink()


def _whose(out: Path) -> str:
    """Return who wrote the list; empty if there is none."""
    file = out / REVIEW
    with store_of(out).answering(out):
        if not file.is_file():
            return ""
        return "a run's" if file.read_bytes().startswith(HEADER.encode()) else "a person's"


def _line_of(place: str) -> str:
    """Return the line of a photo; a comment if a list cannot hold its path."""
    if place == place.strip() and place.isprintable():
        return place
    return f"# a list cannot hold this path: {escape_unprintable(place)}"
