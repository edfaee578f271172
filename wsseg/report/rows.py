"""The rows of a report."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What there is to see of a photo or of a finding."""

    made: dict[str, int] = field(default_factory=dict)
    """Which of the page's pictures it is, by kind. A veil, a tint and errors are laid on the photo."""
    lacking: dict[str, str] = field(default_factory=dict)
    """Why there is none of a kind, where the run does not lack it as a whole."""


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
    reasons: Sequence[str] = ()
    color: str = ""
    """That of its label in a map of several."""
    scores: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What of it there is, for the page's script."""
        told = asdict(self)
        told |= told.pop("shown")
        return {name: value for name, value in told.items() if value not in ("", None, (), [], {})}


def finite_number(value: object) -> float | None:
    """What a record says, which JSON may not be able to; None for no number."""
    if not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        return None
    return round(value, 6)


def known_scores(scores: Mapping[str, float]) -> dict[str, float]:
    numbers = {name: finite_number(value) for name, value in scores.items()}
    return {name: value for name, value in numbers.items() if value is not None}
