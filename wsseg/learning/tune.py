"""Tuning a recipe on a folder of photos with truths."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wsseg.arrays import Seeds, check_same_size
from wsseg.classifier.categories import Target
from wsseg.evaluation.truths import files_by_name
from wsseg.files.masks import read_truth
from wsseg.files.palettes import palettes_of
from wsseg.files.photos import read_image
from wsseg.learning.tuning import SCORED_SIDE, Example, Tuning, check_counts, shrunk_example, tuning_from_examples
from wsseg.recipe import EMBEDDED, FOLDS, TRIALS, Recipe, recipe_named
from wsseg.runs.record import read_run

if TYPE_CHECKING:
    from wsseg.classifier.classifier import Classifier
    from wsseg.saliency.objectness.objectness import Objectness
    from wsseg.segmenting.segmenter import Segmenter

SHOWN: Final = 5
"""Most names that an error message lists."""


def tune(
    photos: str | PathLike[str],
    truths: str | PathLike[str] | None = None,
    *,
    classifier: "Classifier | str | Path" = EMBEDDED,
    recipe: Recipe | str | Path = "default",
    objectness: "Objectness | str | PathLike[str] | None" = None,
    target: int | str | Target | None = None,
    void: int | None = None,
    folds: int = FOLDS,
    trials: int = TRIALS,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Tuning:
    """Find the numbers of a recipe that suit a folder of photos with truths, and measure the gain.

    Photos and truths pair by their paths below the two folders, without suffix. The recipe and `trials` random
    variations of it are compared by IoU. Everything that needs no network is checked before any work.

    Parameters
    ----------
    photos : str or path
        Folder of photos; without truths, the folder of a run whose masks a person reviewed (`serve_review`).
    truths : str or path, optional
        Folder of their truths: masks as `read_truth` reads them. Default: the masks that the person accepted or
        corrected.
    classifier : Classifier, str or Path
        A classifier, or a name for `load_classifier`.
    recipe : Recipe, str or Path
        The recipe to start from: a recipe, its name, or a .toml file. Its `random_state` decides what is tried.
    objectness : Objectness, str, path or None
        A network that `adapt` learned, or its file; None means the one that wsseg ships.
    target : int, str, Target or None
        The class that all photos show; None means the classifier's own first choice in each photo.
    void : int or None
        Pixel value in the truths that never counts.
    folds : int
        Parts of the photos for cross-validation; each photo is scored with a recipe that the other parts chose. With
        fewer photos than `folds`, each photo is a part of its own.
    trials : int
        Number of random variations, 1 to 10,000.
    track : callable
        Iterates over the names of the photos, three times; it may show progress.

    Returns
    -------
    Tuning
        The recipe, the IoU of each photo before and after, and the gain with its interval.

    Raises
    ------
    ValueError
        If a photo or a truth has no partner or cannot be used, or if an argument is out of range.
    """
    base = recipe if isinstance(recipe, Recipe) else recipe_named(recipe)
    pairs = _reviewed(Path(photos)) if truths is None else _paired(Path(photos), Path(truths))
    check_counts(len(pairs), folds, trials)
    read = partial(read_truth, void=void, palettes=palettes_of(truth for _, truth in pairs.values()))
    for photo, truth in pairs.values():
        check_same_size(read_image(photo), read(truth), f"'{photo}' and '{truth}'")
    segmenter = _segmenter(classifier, base, objectness)
    wanted = None if target is None else segmenter.classifier.categories.resolve(target)
    examples = {
        name: shrunk_example(_example(segmenter, *pairs[name], wanted, read), SCORED_SIDE)
        for name in track(list(pairs))
    }
    tuning = tuning_from_examples(examples, segmenter.recipe, folds=folds, trials=trials, track=track)
    return replace(tuning, classifier=segmenter.classifier.name)


def _segmenter(
    classifier: "Classifier | str | Path", recipe: Recipe, objectness: "Objectness | str | PathLike[str] | None"
) -> "Segmenter":
    from wsseg.segmenting.segmenter import Segmenter

    return Segmenter(classifier, recipe, objectness)


def _paired(photos: Path, truths: Path) -> dict[str, tuple[Path, Path]]:
    """Return the photo and the truth of each name."""
    sides = files_by_name(photos, "photos"), files_by_name(truths, "truths")
    names = sorted(sides[0].keys() | sides[1].keys())
    if unpaired := [name for name in names if any(len(side.get(name, [])) != 1 for side in sides)]:
        shown = ", ".join(unpaired[:SHOWN]) + (f" and {len(unpaired) - SHOWN} more" if len(unpaired) > SHOWN else "")
        raise ValueError(
            f"photos and truths must hold one file of each name, got none or several for {shown}; "
            "add the missing files or remove the others"
        )
    return {name: (sides[0][name][0], sides[1][name][0]) for name in names}


def _reviewed(run: Path) -> dict[str, tuple[Path, Path]]:
    """Return the photo and the mask of each object that a person accepted or corrected, by the name of the mask."""
    pairs = {
        one.outputs["mask"]: (Path(record.place), run / one.outputs["mask"])
        for record in read_run(run).records
        for one in record.findings
        if one.decision and one.decision.verdict in ("accepted", "corrected") and "mask" in one.outputs
    }
    if not pairs:
        raise ValueError(
            f"photos must be a run with reviewed masks if there are no truths, got none in '{run}'; review some with "
            "wsseg review, or give truths"
        )
    return pairs


def _example(
    segmenter: "Segmenter", photo: Path, truth: Path, target: Target | None, read: Callable[[Path], Seeds]
) -> Example:
    """Return the photo with its saliency and its truth."""
    result = segmenter.saliency(photo, target)
    return Example(result.image, result.saliency, read(truth), result.scored)
