"""The scores of a folder of masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.evaluation.protocols import LOWER, MEANINGS, PROTOCOLS
from wsseg.evaluation.tables import csv_of, html_of, interval_in_json, interval_shown

SHOWN: Final = 5
"""How many problems a notebook shows at most."""


class Statistic(NamedTuple):
    """A score of a folder, and the 95 % interval that the bootstrap over its photos gives it.

    The interval is NaN where there are fewer than `wsseg.evaluation.bootstrap.FEWEST` photos, or sequences of them.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def meaning(self) -> str:
        """What it is, in a few words."""
        return MEANINGS[self.name]

    @property
    def interval(self) -> str:
        """The interval, as tables have it."""
        return interval_shown(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of each photo that could be scored, and a sentence on each that could not."""

    masks: Path
    """The folder that the masks were read from."""
    protocol: str = "default"
    """What is scored, one of `wsseg.evaluation.protocols.PROTOCOLS`."""
    photos: dict[str, dict[str, float]]
    """By the photo's path below the folder without suffix, `sub/a`, then by the score's name."""
    statistics: tuple[Statistic, ...] = ()
    """Means over the photos and scores of all of them together; none when there are problems."""
    classes: dict[str, float] = field(default_factory=dict)
    """The IoU of each class that is not absent, by its name or number, where classes are compared."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """By the name of each photo that could not be scored, why."""
    random_state: int = 0
    """What decided the resamples."""
    draws: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)
    """The value of each statistic in each resample, (N,)."""

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence on each photo that could not be scored."""
        return tuple(f"{name}: {why}" for name, why in self.failures.items())

    @property
    def convention(self) -> str:
        """What the protocol does, in a sentence."""
        return PROTOCOLS[self.protocol].convention

    @property
    def mean(self) -> dict[str, float] | None:
        """The mean over the photos of each score; None when there are problems, for it would not be over all photos."""
        if self.problems:
            return None
        names = PROTOCOLS[self.protocol].scores
        return {name: fmean(photo[name] for photo in self.photos.values()) for name in names}

    def worst(self, most: int) -> list[tuple[str, dict[str, float]]]:
        """Some photos with their scores, those that are worst by the first score first."""
        first = next(iter(PROTOCOLS[self.protocol].scores))
        ranked = sorted(self.photos.items(), key=lambda photo: photo[1][first], reverse=first in LOWER)
        return ranked[:most]

    def as_json(self) -> dict[str, Any]:
        """`{"mean": {"iou": ...}, "photos": {name: {"iou": ...}}}`, what they are, and intervals.

        `"statistics"` has each score of the folder as `{"value": ..., "interval": [low, high], "meaning": ...}`, of too
        few photos with null for the interval. Only where there are problems also `"problems"`, and `"mean"` is null;
        only where classes are compared `"classes"`.
        """
        told: dict[str, Any] = {"protocol": self.protocol, "convention": self.convention, "count": len(self.photos)}
        told |= {"mean": self.mean, "statistics": {one.name: _as_json(one) for one in self.statistics}}
        told |= {"classes": self.classes} if self.classes else {}
        return {**told, "photos": self.photos, **({"problems": list(self.problems)} if self.problems else {})}

    def as_csv(self) -> str:
        """A line a photo: its name as it is, of which a spreadsheet may make a formula, and its scores in 8 digits."""
        return csv_of(list(PROTOCOLS[self.protocol].scores), self.photos)

    def _repr_html_(self) -> str:
        """The statistics as a table, for notebooks."""
        rows = [(one.name, f"{one.value:.4f}", one.interval, one.meaning) for one in self.statistics]
        title = f"{self.masks}: {len(self.photos)} photos, protocol {self.protocol}"
        notes = [self.convention, *self.problems[:SHOWN]]
        notes += [f"and {len(self.problems) - SHOWN} more problems"] if len(self.problems) > SHOWN else []
        return html_of(title, ("score", "value", "95 % interval", "what it is"), rows, notes)


def _as_json(one: Statistic) -> dict[str, Any]:
    return {"value": one.value, "interval": interval_in_json(one.low, one.high), "meaning": one.meaning}
