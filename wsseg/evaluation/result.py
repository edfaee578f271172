"""The scores of a folder of masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.evaluation.bootstrap import Interval
from wsseg.evaluation.protocols import LOWER_IS_BETTER, MEANINGS, PROTOCOLS
from wsseg.evaluation.tables import csv_of, html_of, json_of, save_new

MAX_PROBLEMS: Final = 5
"""Number of problems that a notebook shows at most."""


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
class Evaluation:
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
        """A sentence on each photo that could not be scored."""
        return tuple(f"{name}: {why}" for name, why in self.failures.items())

    @property
    def convention(self) -> str:
        """A sentence on what the protocol does."""
        return PROTOCOLS[self.protocol].convention

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
        are compared, and `"problems"` only where there are some; then `"mean"` is null.
        """
        content: dict[str, object] = {
            "protocol": self.protocol,
            "convention": self.convention,
            "count": len(self.photos),
            "mean": self.mean,
            "statistics": {one.name: one.as_json() for one in self.statistics},
        }
        content |= {"classes": self.classes} if self.classes else {}
        return {**content, "photos": self.photos, **({"problems": list(self.problems)} if self.problems else {})}

    def as_csv(self) -> str:
        """Return a line for each photo: its name as it is, even if a spreadsheet would run it, and its scores."""
        return csv_of(list(PROTOCOLS[self.protocol].scores), self.photos)

    def save_json(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write `as_json` to a file, whole or not at all.

        Parameters
        ----------
        path : path
            File to write.
        force : bool
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the path is a folder, or an existing file and `force` is not set.
        """
        save_new(path, json_of(self.as_json()), force=force)

    def save_csv(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write `as_csv` to a file, whole or not at all.

        Parameters
        ----------
        path : path
            File to write.
        force : bool
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the path is a folder, or an existing file and `force` is not set.
        """
        save_new(path, self.as_csv(), force=force)

    def _repr_html_(self) -> str:
        """Return the statistics as a table, for notebooks."""
        rows = [(one.name, f"{one.value:.4f}", f"{one.interval:.4f}", one.meaning) for one in self.statistics]
        title = f"{self.masks}: {len(self.photos)} photos, protocol {self.protocol}"
        return html_of(
            title, ("score", "value", "95 % interval", "meaning"), rows, [self.convention, *shown(self.problems)]
        )


def counted(count: int, noun: str) -> str:
    """Return the count with the noun in singular or plural."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shown(problems: Sequence[str]) -> list[str]:
    """Return the first problems, and the number of the others."""
    more = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], *([f"and {counted(more, 'more problem')}"] if more > 0 else [])]
