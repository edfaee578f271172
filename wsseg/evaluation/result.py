"""The scores of a folder of masks."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.evaluation.bootstrap import Interval
from wsseg.evaluation.protocols import LOWER_IS_BETTER, MEANINGS, PROTOCOLS
from wsseg.evaluation.saving import SavedScores
from wsseg.evaluation.tables import csv_of, html_of
from wsseg.files.text import counted

MAX_PROBLEMS: Final = 5
"""Number of problems that a notebook shows at most."""

MAX_NAMES: Final = 5
"""Number of photos that a message names at most."""


class Statistic(NamedTuple):
    """A score of a folder, and its 95 % confidence interval by the bootstrap over photos (or sequences of them)."""

    name: str
    value: float
    interval: Interval

    @property
    def meaning(self) -> str:
        """A short description of the score."""
        return MEANINGS[self.name]

    def as_json(self) -> dict[str, object]:
        """Return `{"value": ..., "interval": [low, high], "meaning": ...}`; too few photos have a null interval."""
        return {"value": self.value, "interval": self.interval.as_json(), "meaning": self.meaning}


@dataclass(frozen=True, kw_only=True, repr=False)
class Evaluation(SavedScores):
    """Scores of each photo that could be scored, scores of the folder, and the reason for each photo without scores.

    Examples
    --------
    >>> from pathlib import Path
    >>> evaluation = wsseg.Evaluation(masks=Path("found"), photos={"cat": {"iou": 0.5}, "dog": {"iou": 0.25}})
    >>> evaluation.worst(1)
    [('dog', {'iou': 0.25})]
    """

    masks: Path
    """Folder that the masks were read from."""
    protocol: str = "default"
    """Name of the protocol, one of `wsseg.evaluation.protocols.PROTOCOLS`."""
    photos: dict[str, dict[str, float]]
    """Scores by name, by the photo's path below the folder without suffix, `sub/a`."""
    statistics: tuple[Statistic, ...] = ()
    """Means over the photos, and pooled scores; empty when there are problems."""
    classes: dict[str, float] = field(default_factory=dict)
    """IoU of each class that is present, by its name or number; empty unless classes are compared."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """Reasons why photos could not be scored, by the photo's name."""
    notes: tuple[str, ...] = ()
    """Sentences on how files were read, where that had to be guessed."""
    random_state: int = 0
    """Seed of the bootstrap resamples."""
    draws: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)
    """Value of each statistic in each resample, (N,)."""

    def __repr__(self) -> str:
        parts = [repr(str(self.masks)), counted(len(self.photos), "photo")]
        parts += [f"{one.name} {one.value:.4f}" for one in self.statistics if one.name == self.headline]
        parts += [counted(len(self.failures), "problem")] if self.failures else []
        return f"Evaluation({', '.join(parts)})"

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence on each fault, with the photos that have it: a fault that photos share is listed once.

        `failures` has the reason for each photo.
        """
        total = len(self.photos) + len(self.failures)
        names = defaultdict[tuple[str, str], list[str]](list)
        for name, reason in self.failures.items():
            names[_fault_of(reason)].append(name)
        return tuple(f"{_photos_shown(each, total)}: {self.failures[each[0]]}" for each in names.values())

    @property
    def convention(self) -> str:
        """Sentences on what the protocol does, and on how files were read where that had to be guessed."""
        return " ".join([PROTOCOLS[self.protocol].convention, *self.notes])

    @property
    def headline(self) -> str:
        """The score by which papers that use the protocol compare methods."""
        return PROTOCOLS[self.protocol].headline

    @property
    def mean(self) -> dict[str, float] | None:
        """The mean of each score over all photos; None when there are problems."""
        if self.problems:
            return None
        names = PROTOCOLS[self.protocol].scores
        return {name: fmean(photo[name] for photo in self.photos.values()) for name in names}

    def worst(self, most: int) -> list[tuple[str, dict[str, float]]]:
        """Rank the photos by the protocol's first score.

        Parameters
        ----------
        most : int
            Number of photos to return at most.

        Returns
        -------
        list of (str, dict of str to float)
            Name and scores of each photo, the worst first.
        """
        first = next(iter(PROTOCOLS[self.protocol].scores))
        ranked = sorted(self.photos.items(), key=lambda photo: photo[1][first], reverse=first in LOWER_IS_BETTER)
        return ranked[:most]

    def as_json(self) -> dict[str, object]:
        """Return everything as JSON: `{"mean": {"iou": ...}, "photos": {name: {"iou": ...}}, ...}`.

        `"statistics"` has the scores of the folder, see `Statistic.as_json`. There is `"classes"` only where classes
        are compared, and `"problems"` and `"failures"` (the reason for each photo) only where there are some; then
        `"mean"` is null.
        """
        content: dict[str, object] = {
            "protocol": self.protocol,
            "convention": self.convention,
            "count": len(self.photos),
            "mean": self.mean,
            "statistics": {one.name: one.as_json() for one in self.statistics},
        }
        content |= {"classes": self.classes} if self.classes else {}
        content |= {"photos": self.photos}
        return content | ({"problems": list(self.problems), "failures": dict(self.failures)} if self.failures else {})

    def as_csv(self) -> str:
        """Return a line for each photo: its name as it is, even if a spreadsheet would run it, and its scores."""
        return csv_of(list(PROTOCOLS[self.protocol].scores), self.photos)

    def _repr_html_(self) -> str:
        """Return the statistics as a table, for notebooks."""
        rows = [(one.name, f"{one.value:.4f}", f"{one.interval:.4f}", one.meaning) for one in self.statistics]
        title = f"{self.masks}: {len(self.photos)} photos, protocol {self.protocol}"
        return html_of(
            title, ("score", "value", "95 % interval", "meaning"), rows, [self.convention, *shown(self.problems)]
        )


def some_of(names: Collection[str]) -> str:
    """Return the first names, sorted, and the number of the others."""
    first = ", ".join(f"'{name}'" for name in sorted(names)[:MAX_NAMES]) or "none"
    return f"{first} and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else first


def _fault_of(reason: str) -> tuple[str, str]:
    """Return the requirement and the remedy of a reason, without its file and value."""
    requirement, _, got = reason.partition(", got ")
    return requirement.rpartition(" must ")[2], got.partition("; ")[2]


def _photos_shown(names: Sequence[str], total: int) -> str:
    if len(names) == 1:
        return names[0]
    if len(names) == total:
        return f"all {total} photos, such as '{names[0]}'"
    return f"{len(names)} of {total} photos, {some_of(names)}"


def shown(problems: Sequence[str]) -> list[str]:
    """Return the first problems, and the number of the others."""
    more = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], *([f"and {counted(more, 'more problem')}"] if more > 0 else [])]
