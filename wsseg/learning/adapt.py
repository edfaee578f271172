"""An objectness head from photos that nobody labeled: it learns common features of the recipe's own masks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wsseg.classifier.head import Head
from wsseg.engines.stream import check_workers, workers_for
from wsseg.files.find import find_photos
from wsseg.files.store import paths_of
from wsseg.recipe import EMBEDDED, MAX_PIXELS, RECIPES, Recipe, recipe_named
from wsseg.runs.notices import warnings_at_caller

if TYPE_CHECKING:
    from wsseg.classifier.classifier import Classifier
    from wsseg.learning.study import Study
    from wsseg.segmenting.segmenter import Segmenter

ROUNDS: Final = 2
"""Rounds of cutting and fitting; a second round gains .003 of mean IoU."""


def adapt(
    photos: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    classifier: "Classifier | str | Path" = EMBEDDED,
    recipe: Recipe | str | Path = "default",
    rounds: int = ROUNDS,
    workers: int | None = 1,
    max_pixels: int = MAX_PIXELS,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
    notice: Callable[[str], None] | None = None,
) -> Head:
    """Learn an objectness head from photos without masks.

    The recipe segments the photos without a head. The head is a linear map of the network's features that is fitted to
    these masks; it finds what objects have in common. The head does not depend on the number of workers.

    Parameters
    ----------
    photos : str, path, or iterable of them
        Photos, folders, glob patterns or .txt lists, as in `find_photos`.
    classifier : Classifier, str or Path
        A classifier, or a name for `load_classifier`.
    recipe : Recipe, str or Path
        A recipe, its name, or a .toml file. If its `objectness` is 0, the one of the recipe `adapted` is used.
    rounds : int
        How often masks are cut and a head is fitted to them.
    workers : int or None
        Processes that read the photos; None means as many as are worth it.
    max_pixels : int
        Larger photos fail.
    track : callable
        Iterates over the paths of the photos, once to read them and once in each round; it may show progress.
    notice : callable or None
        Gets one sentence about each photo that fails; None means a warning.

    Returns
    -------
    Head
        The head; `head.provenance.photos` is the number of photos that it was learned from. Save it with `Head.save`,
        and use it with `head=` or `--adapt`.

    Raises
    ------
    ValueError
        If there are no photos, if no photo shows an object, or if an argument is out of range. Everything that needs no
        network is checked first.

    Examples
    --------
    >>> from importlib import resources
    >>> photo = resources.files("skimage") / "data" / "coffee.png"
    >>> head = wsseg.adapt(photo, recipe="fast")
    >>> head.provenance.photos
    1
    """
    notice = notice or warnings_at_caller()
    _check_counts(rounds, workers)
    numbers = with_objectness(recipe if isinstance(recipe, Recipe) else recipe_named(recipe))
    sources = find_photos(paths_of(photos, "photos"))

    from wsseg.learning.rounds import head_from
    from wsseg.segmenting.segmenter import Segmenter

    segmenter = Segmenter(classifier, numbers)
    count = workers_for(len(sources)) if workers is None else workers
    paths = [source.path for source in sources]
    studies = dict(_studies(paths, segmenter, count, max_pixels, track, notice))
    return head_from(studies, segmenter, rounds=rounds, track=track)


def with_objectness(recipe: Recipe) -> Recipe:
    """Return the recipe with the objectness of `adapted` if its own is 0, so that it uses a head."""
    return replace(recipe, objectness=recipe.objectness or RECIPES["adapted"].objectness)


def _check_counts(rounds: int, workers: int | None) -> None:
    if isinstance(rounds, bool) or not isinstance(rounds, int):
        raise TypeError(f"rounds must be a whole number, got {rounds!r}; use {ROUNDS}, which was measured")
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}; use {ROUNDS}, which was measured")
    check_workers(workers)


def _studies(
    paths: Sequence[Path],
    segmenter: "Segmenter",
    workers: int,
    max_pixels: int,
    track: Callable[[Sequence[str]], Iterable[str]],
    notice: Callable[[str], None],
) -> "Iterator[tuple[str, Study]]":
    """Yield the path and the study of each photo that can be read, and report the others."""
    from wsseg.learning.study import studies_of

    found = studies_of(paths, segmenter, workers=workers, max_pixels=max_pixels)
    for path, (study, error) in zip(track([str(path) for path in paths]), found, strict=True):
        if study is None:
            notice(f"{path}: {error}")
        else:
            yield path, study
