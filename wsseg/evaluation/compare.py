"""Two folders of masks against the same truths, photo by photo, and a test whether one is better beyond chance.

The interval belongs to the difference between both in the same resamples of the photos (paired bootstrap; Efron,
Tibshirani 1993, chapter 13), so that photos that are hard for both folders do not widen it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from wsseg.evaluation.bootstrap import MIN_PHOTOS, Interval, interval_of
from wsseg.evaluation.evaluate import evaluate_truths
from wsseg.evaluation.photo import Missing
from wsseg.evaluation.protocols import LOWER_IS_BETTER, MEANINGS, PROTOCOLS
from wsseg.evaluation.result import Evaluation, shown
from wsseg.evaluation.saving import SavedScores
from wsseg.evaluation.tables import csv_of, html_of
from wsseg.evaluation.truths import Reading, truths_in
from wsseg.files.text import counted


class Difference(NamedTuple):
    """A score of both folders, and the 95 % interval of the second minus the first."""

    name: str
    first: float
    second: float
    interval: Interval

    @property
    def value(self) -> float:
        """The second minus the first."""
        return self.second - self.first

    @property
    def is_real(self) -> bool:
        """Whether the interval excludes zero; False with too few photos for an interval."""
        return self.interval.excludes_zero

    def as_json(self) -> dict[str, object]:
        """Return both values, their difference, and its interval or null."""
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.value,
            "interval": self.interval.as_json(),
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(SavedScores):
    """Two evaluations of the same photos, and their differences."""

    first: Evaluation
    second: Evaluation
    differences: tuple[Difference, ...]
    """Difference in each statistic of the protocol, in its order; empty when there are problems."""

    def __repr__(self) -> str:
        photos = counted(len(self.first.photos), "photo")
        return f"Comparison({str(self.first.masks)!r}, {str(self.second.masks)!r}, {photos}: {self.verdict})"

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence on each fault, after its folder unless both folders have it; see `Evaluation.problems`."""
        shared = [problem for problem in self.first.problems if problem in self.second.problems]
        both = (self.first, self.second)
        own = [f"{one.masks}: {problem}" for one in both for problem in one.problems if problem not in shared]
        return (*shared, *own)

    @property
    def score(self) -> str:
        """The score by which single photos are compared: the protocol's first."""
        return next(iter(PROTOCOLS[self.first.protocol].scores))

    def changes(self) -> dict[str, float]:
        """Return by how much the score of each photo improved from the first to the second, largest change first."""
        name = self.score
        sign = -1 if name in LOWER_IS_BETTER else 1
        after = self.second.photos
        gains = {photo: sign * (after[photo][name] - scores[name]) for photo, scores in self.first.photos.items()}
        return dict(sorted(gains.items(), key=lambda gain: -abs(gain[1])))

    @property
    def verdict(self) -> str:
        """A sentence that says whether the difference in the protocol's headline score is real."""
        if not self.differences:
            return "no verdict, since some photos could not be scored"
        headline = next(one for one in self.differences if one.name == self.first.headline)
        changes = self.changes().values()
        better, worse = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        photos = f"by {self.score} {better} of {len(changes)} photos got better, {worse} worse"
        difference = f"{headline.name} {headline.value:+.4f}"
        if not headline.interval.is_known:
            return f"too few photos to tell, {MIN_PHOTOS} are needed: {difference}; {photos}"
        difference = f"{difference} (95 % interval {headline.interval:+.4f})"
        if not headline.is_real:
            return f"no real difference: {difference}; {photos}"
        is_better = (headline.value > 0) != (headline.name in LOWER_IS_BETTER)
        return f"the second is {'better' if is_better else 'worse'}: {difference}; {photos}"

    def as_json(self) -> dict[str, object]:
        """Return the verdict, each statistic of both with the interval of the difference, and each photo's scores."""
        sides = {"first": self.first.photos, "second": self.second.photos}
        photos = {
            photo: {side: scores[photo] for side, scores in sides.items() if photo in scores}
            for photo in sorted(self.first.photos.keys() | self.second.photos.keys())
        }
        content: dict[str, object] = {
            "first": str(self.first.masks),
            "second": str(self.second.masks),
            "protocol": self.first.protocol,
            "convention": self.first.convention,
            "verdict": self.verdict,
            "differences": {one.name: one.as_json() for one in self.differences},
            "photos": photos,
        }
        return content | ({"problems": list(self.problems)} if self.problems else {})

    def as_csv(self) -> str:
        """Return a line for each photo that has scores in both, with each score in the first and in the second."""
        names = list(next(iter(self.first.photos.values()), {}))
        columns = [f"{name}_{side}" for name in names for side in ("first", "second")]
        rows = {}
        for photo in sorted(self.first.photos.keys() & self.second.photos.keys()):
            both = self.first.photos[photo], self.second.photos[photo]
            rows[photo] = dict(zip(columns, (one[name] for name in names for one in both), strict=True))
        return csv_of(columns, rows)

    def _repr_html_(self) -> str:
        """Return the differences as a table, for notebooks."""
        rows = [
            (
                one.name,
                f"{one.first:.4f}",
                f"{one.second:.4f}",
                f"{one.value:+.4f}",
                f"{one.interval:+.4f}",
                MEANINGS[one.name],
            )
            for one in self.differences
        ]
        columns = ("score", str(self.first.masks), str(self.second.masks), "difference", "95 % interval", "meaning")
        title = f"{len(self.first.photos)} photos, protocol {self.first.protocol}"
        return html_of(title, columns, rows, [self.verdict, self.first.convention, *shown(self.problems)])


def compare(
    first: str | PathLike[str],
    second: str | PathLike[str],
    truths: str | PathLike[str],
    *,
    protocol: str = "default",
    layout: str | None = None,
    split: str | None = None,
    coding: str | None = None,
    category: str | None = None,
    void: int | None = None,
    missing: Missing = "error",
    workers: int | None = 1,
    random_state: int = 0,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Comparison:
    """Score two folders of masks against the same truths, and test whether the second is better, beyond chance.

    Parameters
    ----------
    first, second : path
        Folders of masks, or of runs.
    truths : path
        Folder of truths, folder of a benchmark, or COCO file, as in `evaluate`.
    protocol : str
        Scores to compute, as in `evaluate`.
    layout : str, optional
        Layout of the benchmark's folder, as in `evaluate`.
    split : str, optional
        Split of the benchmark, as in `evaluate`.
    coding : str, optional
        Meaning of the values in the truths, as in `evaluate`.
    category : str, optional
        Class that is the object, as in `evaluate`.
    void : int, optional
        Value in the truths that never counts, as in `evaluate`.
    missing : {"error", "zero"}
        Whether a truth without a mask is a problem, or is scored against an empty mask.
    workers : int or None
        Number of processes; None starts as many as are worth it. The scores do not depend on it.
    random_state : int
        Seed of the bootstrap resamples behind the intervals.
    track : callable
        Called with the names of all photos, once for each folder; its result is iterated while they are scored.

    Returns
    -------
    Comparison
        Both evaluations, and the difference in each score with its 95 % interval.

    Raises
    ------
    ValueError
        As in `evaluate`, or if the folders hold different photos.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> truth = np.zeros((4, 6), bool)
    >>> truth[1:3, 1:5] = True
    >>> masks = {"truths": truth, "old": truth & (np.arange(6) < 3), "new": truth & (np.arange(6) < 4)}
    >>> for folder, mask in masks.items():
    ...     Path(folder).mkdir()
    ...     for photo in range(6):
    ...         wsseg.write_mask(f"{folder}/{photo}.png", mask)
    >>> comparison = wsseg.compare("old", "new", "truths")
    >>> print(comparison.verdict)
    the second is better: iou +0.2500 (95 % interval +0.2500 to +0.2500); by iou 6 of 6 photos got better, 0 worse
    """
    reading = Reading(protocol=protocol, layout=layout, split=split, coding=coding, category=category, void=void)
    score = partial(
        evaluate_truths,
        truths=truths_in(Path(truths), reading),
        missing=missing,
        workers=workers,
        random_state=random_state,
        track=track,
    )
    return comparison_of(score(first), score(second))


def comparison_of(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two evaluations.

    Parameters
    ----------
    first, second : Evaluation
        Scores of the same photos, by the same protocol and with the same `random_state`.

    Returns
    -------
    Comparison
        The difference in each score; without differences if either has problems.

    Raises
    ------
    ValueError
        If the photos, the protocol or the `random_state` differ.
    """
    for argument in ("protocol", "random_state"):
        one, other = getattr(first, argument), getattr(second, argument)
        if one != other:
            raise ValueError(
                f"evaluations must have the same {argument}, got {one!r} and {other!r}; evaluate both in the same way"
            )
    if first.problems or second.problems:
        return Comparison(first=first, second=second, differences=())
    if unshared := sorted(first.photos.keys() ^ second.photos.keys()):
        raise ValueError(
            f"evaluations must have the same photos, got '{unshared[0]}' in only one; evaluate both on the same photos"
        )
    differences = []
    for one, other in zip(first.statistics, second.statistics, strict=True):
        before, after = first.draws[one.name], second.draws[one.name]
        differences.append(Difference(one.name, one.value, other.value, interval_of(after - before)))
    return Comparison(first=first, second=second, differences=tuple(differences))
