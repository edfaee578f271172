"""Two folders of masks against the same truths, photo by photo: is the one better, or may that be chance?

The interval is of the difference between both in the same resamples of the photos (paired bootstrap; Efron, Tibshirani
1993, chapter 13), so that what makes a photo hard for both does not count.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.evaluation.bootstrap import FEWEST, interval_of
from wsseg.evaluation.evaluate import Missing, evaluate
from wsseg.evaluation.protocols import LOWER, MEANINGS, PROTOCOLS
from wsseg.evaluation.result import SHOWN, Evaluation, Statistic
from wsseg.evaluation.tables import csv_of, html_of, interval_in_json, interval_shown


class Difference(NamedTuple):
    """A statistic of both folders, and the 95 % interval of the second's less the first's."""

    name: str
    first: float
    second: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The second's less the first's."""
        return self.second - self.first

    @property
    def is_real(self) -> bool:
        """Whether the interval excludes 0, which that of too few photos does not."""
        return self.low > 0 or self.high < 0

    @property
    def interval(self) -> str:
        """The interval, as tables have it."""
        return interval_shown(self.low, self.high, "+")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two evaluations of the same photos, and what differs."""

    first: Evaluation
    second: Evaluation
    differences: tuple[Difference, ...]
    """Of each statistic of the protocol, in its order; none when there are problems."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Those of both, each with its folder where there are two."""
        both = (self.first, self.second)
        return tuple(f"{one.masks}: {problem}" for one in both for problem in one.problems)

    @property
    def score(self) -> str:
        """The score by which photos are compared, the protocol's first."""
        return next(iter(PROTOCOLS[self.first.protocol].scores))

    def changes(self) -> dict[str, float]:
        """By how much each photo's score got better from the first to the second, the largest change first."""
        name = self.score
        sign = -1 if name in LOWER else 1
        after = self.second.photos
        gains = {photo: sign * (after[photo][name] - scores[name]) for photo, scores in self.first.photos.items()}
        return dict(sorted(gains.items(), key=lambda gain: -abs(gain[1])))

    @property
    def verdict(self) -> str:
        """Whether the difference is real, in a sentence: that of the protocol's headline."""
        if not self.differences:
            return "no verdict, since some photos could not be scored"
        headline = PROTOCOLS[self.first.protocol].headline
        one = next(one for one in self.differences if one.name == headline)
        changes = self.changes().values()
        better, worse = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
        counts = f"by {self.score} {better} of {len(changes)} photos got better, {worse} worse"
        if math.isnan(one.low):
            return f"too few to tell, for which it takes {FEWEST}: {one.name} {one.value:+.4f}; {counts}"
        told = f"{one.name} {one.value:+.4f} (95 % interval {one.interval})"
        if not one.is_real:
            return f"no real difference: {told}; {counts}"
        return f"the second is {'better' if (one.value > 0) != (one.name in LOWER) else 'worse'}: {told}; {counts}"

    def as_json(self) -> dict[str, Any]:
        """The verdict, each statistic of both and its interval, and each photo's scores in both."""
        told = {
            one.name: {
                "first": one.first,
                "second": one.second,
                "difference": one.value,
                "interval": interval_in_json(one.low, one.high),
            }
            for one in self.differences
        }
        sides = {"first": self.first.photos, "second": self.second.photos}
        photos = {
            photo: {side: scores[photo] for side, scores in sides.items() if photo in scores}
            for photo in sorted(self.first.photos.keys() | self.second.photos.keys())
        }
        content = {
            "first": str(self.first.masks),
            "second": str(self.second.masks),
            "protocol": self.first.protocol,
            "convention": self.first.convention,
            "verdict": self.verdict,
            "differences": told,
            "photos": photos,
        }
        return content | ({"problems": list(self.problems)} if self.problems else {})

    def as_csv(self) -> str:
        """A line for each photo that both could score: each score in the first and in the second."""
        names = list(next(iter(self.first.photos.values()), {}))
        columns = [f"{name}_{side}" for name in names for side in ("first", "second")]
        rows = {}
        for photo in self.first.photos.keys() & self.second.photos.keys():
            both = self.first.photos[photo], self.second.photos[photo]
            rows[photo] = dict(zip(columns, (one[name] for name in names for one in both), strict=True))
        return csv_of(columns, {photo: rows[photo] for photo in sorted(rows)})

    def _repr_html_(self) -> str:
        """The differences as a table, for notebooks."""
        rows = [
            (
                one.name,
                f"{one.first:.4f}",
                f"{one.second:.4f}",
                f"{one.value:+.4f}",
                one.interval,
                MEANINGS[one.name],
            )
            for one in self.differences
        ]
        columns = ("score", str(self.first.masks), str(self.second.masks), "difference", "95 % interval", "what it is")
        title = f"{len(self.first.photos)} photos, protocol {self.first.protocol}"
        return html_of(title, columns, rows, [self.verdict, self.first.convention, *self.problems[:SHOWN]])


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
    """Two folders of masks, or runs, side by side; what they are scored against and how is as in `evaluate`.

    `track` goes through the photos' names twice.
    """
    both = [
        evaluate(
            masks,
            truths,
            protocol=protocol,
            layout=layout,
            split=split,
            coding=coding,
            category=category,
            void=void,
            missing=missing,
            workers=workers,
            random_state=random_state,
            track=track,
        )
        for masks in (first, second)
    ]
    return comparison_of(*both)


def comparison_of(first: Evaluation, second: Evaluation) -> Comparison:
    """What differs between two evaluations.

    ValueError unless they are of the same photos, by the same protocol and `random_state`.
    """
    for argument in ("protocol", "random_state"):
        one, other = getattr(first, argument), getattr(second, argument)
        if one != other:
            raise ValueError(f"evaluations must be of one {argument}, got {one} and {other}; score one anew")
    if first.problems or second.problems:
        return Comparison(first=first, second=second, differences=())
    if strange := sorted(first.photos.keys() ^ second.photos.keys()):
        raise ValueError(f"evaluations must be of the same photos, got {strange[0]} in one only; score one anew")
    pairs = zip(first.statistics, second.statistics, strict=True)
    differences = (_difference(one, other, first.draws, second.draws) for one, other in pairs)
    return Comparison(first=first, second=second, differences=tuple(differences))


def _difference(first: Statistic, second: Statistic, *draws: Mapping[str, NDArray[np.float64]]) -> Difference:
    before, after = (drawn[first.name] for drawn in draws)
    return Difference(first.name, first.value, second.value, *interval_of(after - before))
