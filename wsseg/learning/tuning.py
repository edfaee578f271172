"""The search for recipe numbers on photos with truths, and the gain on photos that the search has not seen.

The search is random (Bergstra, Bengio 2012, section 2), near the user's recipe, over the numbers that come after the
saliency. The gain is cross-validated (Stone 1974): each photo is scored with numbers that were found on other photos.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg import __version__
from wsseg.arrays import Image, Saliency, Seeds
from wsseg.classifier.categories import Target
from wsseg.evaluation.bootstrap import RESAMPLES, Interval, interval_of
from wsseg.files.store import check_new_file, replacing
from wsseg.files.text import escape_unprintable
from wsseg.graphcut.masks import mask_from_saliency
from wsseg.graphcut.pyramid import shrunk
from wsseg.metrics import count, iou
from wsseg.recipe import FOLDS, TRIALS, Recipe

SEARCHED: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
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
"""The values that the search tries for each number; all other numbers stay as they are."""

CHANGED: Final = 0.35
"""Probability that a candidate takes a number from the table instead of from the base recipe. Measured near the default
on 50 photos of three sets: candidates are .01 to .04 better on average than with 1, and the best of 50 is no worse."""

CAUTION: Final = 2.0
"""Standard errors by which the mean gain of a chosen recipe exceeds 0. Measured on photos left out of the search: with
0 a good recipe loses .026 to .065, with 2 at most .004; a poor one gains .061, .084 and -.007 in the three sets with 0,
.058, .050 and -.005 with 2, and half of that or less with 3."""

SIDE: Final = 320
"""Long side, in pixels, of the photos on which candidates are compared; the gain is scored at `SCORED_SIDE`.
Measured: the mean IoUs of recipes at 320 and at 640 correlate by .999, .93 and .81."""

SCORED_SIDE: Final = 640
"""Long side, in pixels, to which larger photos are reduced."""

FEWEST: Final = 4
"""Fewest photos; fewer say nothing about other photos."""

MOST_TRIALS: Final = 10_000
"""Most recipes; more would take days."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """A tuned recipe, and the IoU of each photo before and after.

    `print(tuning.verdict)` says in a sentence whether the recipe is better.
    """

    base: Recipe
    recipe: Recipe
    """The best recipe over all the photos."""
    before: Mapping[str, float]
    """IoU with the base recipe, by the photo's name."""
    after: Mapping[str, float]
    """IoU with the recipe that is best on the photos of the other folds, so that no photo influences its own score."""
    interval: Interval
    """The gain's 95 % interval, by bootstrap over the photos."""
    classifier: str = ""
    """The name of the classifier that made the saliency."""

    @property
    def gain(self) -> float:
        """The gain of the mean IoU, on photos that the search did not see."""
        return fmean(self.after.values()) - fmean(self.before.values())

    @property
    def changes(self) -> dict[str, object]:
        """The recipe's numbers that differ from its base."""
        numbers = self.recipe.as_dict()
        return {name: numbers[name] for name, value in self.base.as_dict().items() if numbers[name] != value}

    @property
    def verdict(self) -> str:
        """One sentence that says whether the recipe is better, with the gain and its interval."""
        gained = f"{self.gain:+.3f} IoU on photos left out of the tuning (95 % interval {self.interval:+.3f})"
        if self.gain <= 0:
            return f"no gain: {gained}; keep the base recipe"
        if not self.interval.excludes_zero:
            return f"gain that may be chance: {gained}; tune on more photos"
        return f"gain: {gained}"

    def as_toml(self) -> str:
        """Return the text of the recipe file; its first lines say where the numbers come from."""
        by = f"# By wsseg {__version__} with {escape_unprintable(self.classifier)}.\n" if self.classifier else ""
        means = f"mean IoU {fmean(self.before.values()):.3f} before, {fmean(self.after.values()):.3f} after"
        return f"{by}# Tuned on {len(self.before)} photos: {means}.\n# {self.verdict}.\n{self.recipe.as_toml()}"

    def save(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write the recipe file, for `recipe=` or `--recipe`.

        Parameters
        ----------
        path : str or path
            The file, which ends in .toml.
        force : bool
            Replace the file if it exists.

        Raises
        ------
        ValueError
            If the path does not end in .toml.
        FileExistsError
            If the path is a folder, or an existing file and `force` is not set.
        """
        check_recipe_file(Path(path), force=force)
        with replacing(Path(path)) as file:
            file.write(self.as_toml().encode())


def check_recipe_file(path: Path, *, force: bool) -> None:
    """Raise an error if a recipe cannot be saved there: ValueError for its name, FileExistsError for what exists."""
    if path.suffix.lower() != ".toml":
        raise ValueError(f"out must end in .toml, got '{path}'; add .toml, so that --recipe finds a file")
    check_new_file(path, force=force)


class Example(NamedTuple):
    """A photo with its saliency and its truth, all of one size."""

    image: Image
    saliency: Saliency
    truth: Seeds
    scored: Target
    """The classes that the map explains, see `SaliencyResult.scored`."""


def tuning_from_examples(
    examples: Mapping[str, Example],
    base: Recipe,
    *,
    folds: int = FOLDS,
    trials: int = TRIALS,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Tuning:
    """Return the base recipe with the numbers that suit the examples, and the gain.

    The base recipe and `trials` random recipes near it are compared by IoU on the examples at `SIDE` pixels. The recipe
    with the surest gain is chosen; the base is kept if no gain is sure. The gain is scored at the examples' own size,
    each example with the recipe chosen on the other folds. With fewer examples than `folds`, each example is a fold.
    The base's `random_state` decides which recipes are drawn.
    """
    check_counts(len(examples), folds, trials)
    rng = np.random.default_rng(base.random_state)
    recipes = _candidates(base, trials, rng)
    table = np.array([_ious(shrunk_example(examples[name], SIDE), recipes) for name in track(list(examples))])
    fold = rng.permutation(len(examples)) % min(folds, len(examples))
    chosen = {name: recipes[_best(table[fold != own])] for name, own in zip(examples, fold, strict=True)}
    both = np.array([_ious(examples[name], [base, chosen[name]]) for name in track(list(examples))])
    gains = rng.choice(both[:, 1] - both[:, 0], (RESAMPLES, len(both))).mean(axis=1)
    before, after = (dict(zip(examples, column, strict=True)) for column in both.T.tolist())
    return Tuning(base=base, recipe=recipes[_best(table)], before=before, after=after, interval=interval_of(gains))


def check_counts(photos: int, folds: int, trials: int) -> None:
    """Raise ValueError if there are too few photos or folds, or too few or too many trials."""
    if photos < FEWEST:
        raise ValueError(f"photos must be at least {FEWEST}, got {photos}; add photos with truths")
    if folds < 2:
        raise ValueError(f"folds must be at least 2, got {folds}; use {FOLDS}, the default")
    if not 1 <= trials <= MOST_TRIALS:
        raise ValueError(f"trials must lie in [1, {MOST_TRIALS}], got {trials}; use {TRIALS}, the default")


def _candidates(base: Recipe, trials: int, rng: np.random.Generator) -> list[Recipe]:
    """Return the base, and `trials` recipes that take some numbers from SEARCHED and the others from the base."""
    found = {base: None}
    while len(found) <= trials:
        drawn: dict[str, Any] = {
            name: values[rng.integers(len(values))] for name, values in SEARCHED.items() if rng.random() < CHANGED
        }
        quantiles = ("background_quantile", "foreground_quantile")
        low, high = (drawn.get(name, getattr(base, name)) for name in quantiles)
        if low <= high:
            found[replace(base, **drawn)] = None
    return list(found)


def _ious(example: Example, recipes: Iterable[Recipe]) -> list[float]:
    image, saliency, truth, scored = example
    masks = (mask_from_saliency(image, saliency, recipe, given=scored.given).mask for recipe in recipes)
    return [iou(count(mask, truth)) for mask in masks]


def _best(table: NDArray[np.float64]) -> int:
    """Return the column, one for each recipe, with the surest gain over the first: mean - CAUTION standard errors."""
    gains = table - table[:, :1]
    return int((gains.mean(axis=0) - CAUTION * gains.std(axis=0, ddof=1) / np.sqrt(len(gains))).argmax())


def shrunk_example(example: Example, side: int) -> Example:
    """Return the example with a long side of at most `side`."""
    image, saliency = shrunk(example.image, side), shrunk(example.saliency, side).clip(max=1)
    height, width = saliency.shape
    truth = np.asarray(cv2.resize(example.truth, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    return example._replace(image=image, saliency=saliency, truth=truth)
