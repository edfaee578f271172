"""The masks of a run that a page shows: numbered, so that no page ever names a path."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import Any

from wsseg.arrays import PhotoError
from wsseg.runs.record import DIRTY, LINES, REVIEWS, RUN, Finding, Record, read_run
from wsseg.runs.reviews import stamp_of


@dataclass(frozen=True, kw_only=True)
class Item:
    """A mask to decide on: one finding of one photo."""

    record: Record
    number: int
    """Its place among the findings."""

    @property
    def finding(self) -> Finding:
        """The finding of the run, or what a person made of it."""
        return self.record.findings[self.number]

    def as_json(self, number: int) -> dict[str, Any]:
        """Return what the page shows of it in the queue, under its number on the page."""
        finding = self.finding
        return {
            "number": number,
            "name": self.record.name,
            "category": finding.category,
            "status": finding.status or "",
            "confidence": finding.confidence if isfinite(finding.confidence or 0.0) else None,
            "reasons": list(finding.reasons),
            "verdict": finding.decision.verdict if finding.decision else "",
            "at_random": bool(finding.decision and finding.decision.at_random),
        }


class Items:
    """The masks of a run, finished or at work; a mask keeps its number while the page is open."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._stamp: object = None
        self._lock = Lock()
        self._found: list[Item] = []
        self._numbers: dict[tuple[str, int], int] = {}
        self._replaced: set[str] = set()
        self.made_by: Mapping[str, Any] = {}
        """The content of `run.json`; empty while the run is at work."""

    def all(self) -> list[Item]:
        """Return all masks, by their numbers; read anew if the run has changed."""
        stamp = [stamp_of(self.out / name) for name in (LINES, REVIEWS, RUN)]
        with self._lock:
            if stamp != self._stamp:
                self._read()
                self._stamp = stamp
            return list(self._found)

    def get(self, number: int) -> Item:
        """Return the mask of that number; KeyError if there is none."""
        found = self.all()
        if not 0 <= number < len(found):
            raise KeyError(number)
        return found[number]

    def check_still(self, item: Item) -> None:
        """Raise PhotoError if a run at work is replacing the mask."""
        if item.record.name in self._replaced:
            raise PhotoError(f"'{item.record.name}' is being segmented again; decide on it when that is done")

    def _read(self) -> None:
        """Add new masks, and replace those that changed."""
        run = read_run(self.out)
        self._replaced = {record.name for record in run.records if record.settings == DIRTY}
        self.made_by = run.made_by
        for record in run.records:
            if record.error or record.settings == DIRTY:
                continue
            for place, finding in enumerate(record.findings):
                if "mask" in finding.outputs:
                    item = Item(record=record, number=place)
                    number = self._numbers.setdefault((record.name, place), len(self._found))
                    self._found[number : number + 1] = [item]
