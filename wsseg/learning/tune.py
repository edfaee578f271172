"""Recipe numbers from a user's own photos with truths, and what they bring on photos that they were not found on.

Random search (Bergstra, Bengio 2012, section 2) near the recipe that one has, over the numbers that come after the
saliency; the gain is cross-validated (Stone 1974): each photo is scored with the numbers found on others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Image, Saliency, Seeds, check_same_size
from wsseg.classifier.categories import Target
from wsseg.evaluation.bootstrap import RESAMPLES, Interval, interval_of
from wsseg.evaluation.truths import files_by_name
from wsseg.files.masks import read_truth
from wsseg.files.photos import read_image
from wsseg.graphcut.labeling import mask_from_saliency, shrunk
from wsseg.metrics import count, iou
from wsseg.recipe import FOLDS, TRIALS, Recipe
from wsseg.segmenting.segmenter import Segmenter

SEARCHED: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "foreground_quantile": (0.75, 0.80, 0.85, 0.90, 0.95),
        "background_quantile": (0.30, 0.40, 0.50, 0.60, 0.70),
        "hard_seeds": (True, False),
        "border": (0.0, 0.02, 0.05),
        "components": (3, 5, 8),
        "refits": (1, 2, 3),
        "color_limit": (4.0, 8.0, 12.0, 20.0),
        "prior": (1.0, 1.5, 2.0, 3.0, 4.0),
        "prior_given": (1.0, 1.5, 2.0, 3.0, 4.0),
        "balance": (0.35, 0.45, 0.55, 0.65, 0.75),
        "smoothness": (10.0, 20.0, 40.0, 70.0, 100.0),
        "largest": (True, False),
    }
)
"""The values that the search tries for a number; all other numbers stay as they are."""

CHANGED: Final = 0.35
"""The chance that a candidate has a number from the table; the others are the base recipe's. Measured near the default
on 50 photos of three sets: candidates are .01 to .04 better on the mean than with 1, and the best of 50 is no worse."""

CAUTION: Final = 2.0
"""Standard errors by which a recipe's mean gain must exceed 0 to be chosen. Measured likewise, on photos left out: with
0 a good recipe loses .026 to .065, with 2 at most .004; a poor one gains .061, .084 and -.007 in the three sets with 0,
.058, .050 and -.005 with 2, and half of that or less with 3."""

SIDE: Final = 320
"""Long side, in pixels, of the photos that candidates are compared on; what they gain is scored at `SCORED_SIDE`.
Measured: over recipes, the mean IoUs at 320 and at 640 correlate by .999, .93 and .81."""

SCORED_SIDE: Final = 640
"""Long side, in pixels, at which larger photos are kept."""

FEWEST: Final = 4
"""Fewer photos than this tell nothing about others."""

MOST_TRIALS: Final = 10_000
"""More recipes than these would not be done in days."""

SHOWN: Final = 5
"""How many names an error message lists at most."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Numbers found on photos with truths, and the IoU of each photo before and after."""

    base: Recipe
    recipe: Recipe
    """What is chosen on all the photos."""
    before: Mapping[str, float]
    """By the photo's name, with the base recipe."""
    after: Mapping[str, float]
    """With what is chosen on the photos of the other folds, so that no photo has a say in its own score."""
    interval: Interval
    """Of the gain, 95 %, by bootstrap over the photos."""

    @property
    def gain(self) -> float:
        """Of the mean IoU, on photos that the numbers were not found on."""
        return fmean(self.after.values()) - fmean(self.before.values())

    @property
    def changes(self) -> dict[str, Any]:
        """The numbers in which the recipe differs from its base."""
        numbers = self.recipe.as_dict()
        return {name: numbers[name] for name, value in self.base.as_dict().items() if numbers[name] != value}

    @property
    def verdict(self) -> str:
        """What the gain is worth, in a sentence."""
        gained = f"{self.gain:+.3f} IoU on photos left out of the tuning (95 % interval {self.interval:+.3f})"
        if self.gain <= 0:
            return f"no gain: {gained}; keep the base recipe"
        if not self.interval.excludes_zero:
            return f"gain that may be chance: {gained}; tune on more photos"
        return f"gain: {gained}"

    def as_toml(self) -> str:
        """The recipe file, which says at its head where the numbers come from."""
        means = f"mean IoU {fmean(self.before.values()):.3f} before, {fmean(self.after.values()):.3f} after"
        return f"# Tuned on {len(self.before)} photos: {means}.\n# {self.verdict}.\n{self.recipe.as_toml()}"


class Example(NamedTuple):
    """A photo with its saliency and its truth, of one size."""

    image: Image
    saliency: Saliency
    truth: Seeds
    given: bool = False
    """Whether the map is of a target that was given."""


def tune(
    photos: str | PathLike[str],
    truths: str | PathLike[str],
    segmenter: Segmenter,
    *,
    target: int | str | Target | None = None,
    void: int | None = None,
    folds: int = FOLDS,
    trials: int = TRIALS,
    track: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Tuning:
    """The segmenter's recipe with the numbers of SEARCHED that suit a folder of photos, and the gain.

    Photos and truths pair by their paths below the folders, suffixes aside. `void` is the value in the truths' files
    that never counts, if they have one. `track` goes through the photos, and may show how far it is. The rest is as
    in `tuned`. ValueError names, before any work, photos without partners and files that cannot be used.
    """
    pairs = _paired(Path(photos), Path(truths))
    _check(len(pairs), folds, trials)
    wanted = None if target is None else segmenter.classifier.categories.resolve(target)
    for photo, truth in pairs.values():
        _check_pair(photo, truth, void)
    examples = {
        name: _shrunk(_looked(segmenter, photo, wanted, truth, void), SCORED_SIDE)
        for name, (photo, truth) in track(list(pairs.items()))
    }
    return tuning_from_examples(examples, segmenter.recipe, folds=folds, trials=trials, track=track)


def tuning_from_examples(
    examples: Mapping[str, Example],
    base: Recipe,
    *,
    folds: int = FOLDS,
    trials: int = TRIALS,
    track: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Tuning:
    """The base recipe with the numbers that suit the examples, and the gain.

    The base recipe and `trials` drawn near it are compared by IoU on the examples at `SIDE` pixels; the one whose gain
    is surest is chosen, the base itself if none is sure. What that brings is scored at the examples' own size: each
    under the recipe chosen on the other folds. With fewer examples than `folds` each is left out alone. The base's
    `random_state` decides what is drawn.
    """
    _check(len(examples), folds, trials)
    rng = np.random.default_rng(base.random_state)
    recipes = _candidates(base, trials, rng)
    table = np.array([_ious(_shrunk(example, SIDE), recipes) for example in track(list(examples.values()))])
    fold = rng.permutation(len(examples)) % min(folds, len(examples))
    choices = [_best(table[fold != own]) for own in fold]
    held_out = list(zip(examples.values(), choices, strict=True))
    both = np.array([_ious(example, [base, recipes[choice]]) for example, choice in track(held_out)])
    gains = rng.choice(both[:, 1] - both[:, 0], (RESAMPLES, len(both))).mean(axis=1)
    before, after = (dict(zip(examples, column, strict=True)) for column in both.T.tolist())
    return Tuning(base=base, recipe=recipes[_best(table)], before=before, after=after, interval=interval_of(gains))


def _check(photos: int, folds: int, trials: int) -> None:
    if photos < FEWEST:
        raise ValueError(f"photos must be at least {FEWEST}, got {photos}; fewer tell nothing about others")
    if folds < 2:
        raise ValueError(f"folds must be at least 2, got {folds}; one is left out at a time")
    if not 1 <= trials <= MOST_TRIALS:
        raise ValueError(f"trials must lie in [1, {MOST_TRIALS}], got {trials}; each takes time on each photo")


def _paired(photos: Path, truths: Path) -> dict[str, tuple[Path, Path]]:
    """The one photo and the one truth of each name."""
    sides = files_by_name(photos, "photos"), files_by_name(truths, "truths")
    names = sorted(sides[0].keys() | sides[1].keys())
    if unpaired := [name for name in names if any(len(side.get(name, [])) != 1 for side in sides)]:
        shown = ", ".join(unpaired[:SHOWN]) + (f" and {len(unpaired) - SHOWN} more" if len(unpaired) > SHOWN else "")
        raise ValueError(
            f"photos and truths must be one of each name, got otherwise for {shown}; add or leave out some"
        )
    return {name: (sides[0][name][0], sides[1][name][0]) for name in names}


def _check_pair(photo: Path, truth: Path, void: int | None) -> None:
    image, levels = read_image(photo), read_truth(truth, void=void)
    check_same_size(image, levels, f"{photo} and {truth}")


def _looked(segmenter: Segmenter, photo: Path, target: Target | None, truth: Path, void: int | None) -> Example:
    result = segmenter.saliency(photo, target)
    return Example(result.image, result.saliency, read_truth(truth, void=void), target is not None)


def _candidates(base: Recipe, trials: int, rng: np.random.Generator) -> list[Recipe]:
    """The base, and other recipes that have some numbers from SEARCHED and the rest from the base."""
    found = {base: None}
    while len(found) <= trials:
        drawn = {name: values[rng.integers(len(values))] for name, values in SEARCHED.items() if rng.random() < CHANGED}
        numbers = base.as_dict() | drawn
        if numbers["background_quantile"] <= numbers["foreground_quantile"]:
            found[Recipe(**numbers)] = None
    return list(found)


def _ious(example: Example, recipes: Iterable[Recipe]) -> list[float]:
    image, saliency, truth, given = example
    used = [recipe.given if given else recipe for recipe in recipes]
    return [iou(count(mask_from_saliency(image, saliency, recipe).mask, truth)) for recipe in used]


def _best(table: NDArray[np.float64]) -> int:
    """The recipe, a column, whose gain over the first one's IoU is surest: its mean less CAUTION standard errors."""
    gains = table - table[:, :1]
    return int((gains.mean(axis=0) - CAUTION * gains.std(axis=0, ddof=1) / np.sqrt(len(gains))).argmax())


def _shrunk(example: Example, side: int) -> Example:
    """The example with a long side of at most `side`."""
    image, saliency = shrunk(example.image, side), shrunk(example.saliency, side).clip(max=1)
    height, width = saliency.shape
    truth = np.asarray(cv2.resize(example.truth, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    return example._replace(image=image, saliency=saliency, truth=truth)
