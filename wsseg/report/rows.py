"""The rows of a report: one for each finding, or for a photo without any."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from wsseg.files.encode import VOC_COLORS
from wsseg.files.text import escape_unprintable
from wsseg.report.pictures import PictureMaker, Shown
from wsseg.report.scored import ScoredRun, mask_name
from wsseg.runs.record import Record


@dataclass(frozen=True, kw_only=True)
class Row:
    """A finding, or a photo without any."""

    name: str
    input: str
    error: str
    seconds: float
    shown: Shown
    status: str
    category: str = ""
    probability: float | None = None
    confidence: float | None = None
    review: bool = False
    """Whether the run marked the photo for review."""
    link: str = ""
    """Address of the photo on this machine."""
    decision: str = ""
    """The verdict of a person."""
    reasons: Sequence[str] = ()
    color: str = ""
    """The color of its label in a map of several labels."""
    scores: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the values that are not empty, for the page's script."""
        values = asdict(self)
        values |= values.pop("shown")
        return {
            name: value for name, value in values.items() if value not in ("", None, (), [], {}) and value is not False
        }


def rows_of(record: Record, scored: ScoredRun | None, pictures: PictureMaker) -> list[Row]:
    """Return a row for each finding of a photo, or one row for a photo without findings."""
    photo = Row(
        name=escape_unprintable(record.name),
        input=escape_unprintable(record.input),
        link=_link(record),
        error=escape_unprintable(record.error),
        seconds=sum(_finite(spent) or 0 for spent in record.seconds.values()),
        shown=pictures.of_photo(record),
        status="failed" if record.error else "",
        review=record.review and not record.is_reviewed,
    )
    rows = [_finding_row(photo, record, number, scored, pictures) for number in range(len(record.findings))]
    return rows or [photo]


def _finding_row(photo: Row, record: Record, number: int, scored: ScoredRun | None, pictures: PictureMaker) -> Row:
    finding = record.findings[number]
    name = mask_name(finding, record)
    scores = scored.scores.get(name, {}) if scored else {}
    return replace(
        photo,
        category=escape_unprintable(finding.category),
        probability=_finite(finding.probability),
        confidence=_finite(finding.confidence),
        status=escape_unprintable(finding.status or ""),
        decision=finding.decision.verdict if finding.decision else "",
        reasons=[escape_unprintable(str(reason)) for reason in finding.reasons],
        color=_label_color(number + 1) if record.outputs else "",
        scores={score: value for score, each in scores.items() if (value := _finite(each)) is not None},
        shown=photo.shown if record.outputs else pictures.of_finding(finding, name, photo.shown),
    )


def _link(record: Record) -> str:
    """Return the address of a photo on a disk; empty if it is elsewhere."""
    place = Path(record.place)
    return place.as_uri() if place.is_absolute() and "://" not in record.input else ""


def _label_color(label: int) -> str:
    """Return the color of a label in a map of labels, `#rrggbb`."""
    return "#" + bytes(VOC_COLORS[label % len(VOC_COLORS)]).hex()


def _finite(value: object) -> float | None:
    """Return the number, rounded, or None if the record has no number that JSON can hold."""
    if not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        return None
    return round(value, 6)
