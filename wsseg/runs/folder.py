"""A folder of photos, segmented in one call; a bad photo never stops the rest."""

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from wsseg.arrays import Box
from wsseg.classifier.categories import Target
from wsseg.files.store import path_of, paths_of
from wsseg.pictures.style import PLAIN, Style
from wsseg.recipe import EMBEDDED, MAX_PIXELS, Recipe, recipe_named
from wsseg.runs.execute import execute
from wsseg.runs.notices import Notice, warnings_at_caller
from wsseg.runs.request import EngineName, Request, box_of, picture_names
from wsseg.runs.result import FolderRun, PhotoDone

if TYPE_CHECKING:
    from wsseg.classifier.classifier import Classifier
    from wsseg.saliency.objectness.objectness import Objectness

Sources: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]


def segment_folder(
    sources: Sources,
    out: str | PathLike[str],
    *,
    classifier: "Classifier | str | Path" = EMBEDDED,
    recipe: Recipe | str | Path = "default",
    objectness: "Objectness | str | PathLike[str] | None" = None,
    targets: Sequence[int | str | Target] | None = None,
    top: int | None = None,
    together: bool = False,
    box: Box | Sequence[int] | None = None,
    hints: str | PathLike[str] | None = None,
    pictures: Sequence[str] | None = None,
    min_confidence: float | None = None,
    style: Style | None = None,
    device: str = "cpu",
    workers: int | None = 1,
    engine: EngineName = "local",
    shard: tuple[int, int] | None = None,
    watch: bool = False,
    force: bool = False,
    discard_reviews: bool = False,
    max_pixels: int = MAX_PIXELS,
    progress: Callable[[PhotoDone], None] | None = None,
    notice: Notice | None = None,
) -> FolderRun:
    """Write a mask of what each photo shows below `out`, and other pictures beside it.

    A run that was interrupted resumes: photos whose result is complete and made with the same settings are kept.

    Parameters
    ----------
    sources : path or iterable of paths
        Photos, folders, patterns and lists, as in `find_photos`; `s3://...` too.
    out : path
        Folder of the run: new, empty, or of an earlier run.
    classifier : Classifier, str or path
        A Classifier, or a name or file that `load_classifier` takes. A run with a module of your own resumes if its
        weights, layers, class names and preprocessing are the same; after a change of its code, use `force`.
    recipe : Recipe, str or path
        A Recipe, or the name or `.toml` file of one.
    objectness : Objectness or path, optional
        The network that knows objects (`wsseg.adapt`), or its file; default: the one that wsseg ships.
    targets : list of int, str or Target, optional
        Class indices, wnids or names; each photo gets a picture of each. By default the classifier chooses one.
    top : int, optional
        Number of likeliest classes of each photo to make a picture of each for, in place of `targets`.
    together : bool
        Whether all targets go into one map, in which a pixel belongs to one of them or to none.
    box : Box or four int, optional
        Box around the object of the one photo, (x0, y0, x1, y1) in pixels of the upright photo; x1 and y1 are
        exclusive.
    hints : path, optional
        Folder of PNGs named like the photos: 0 background, 128 unknown, 255 object.
    pictures : list of str, optional
        Some of mask, cutout, overlay, seeds, saliency and strip; with `together` of labels, instances and overlay. By
        default the first of them.
    min_confidence : float, optional
        Photos whose mask has less confidence, or that show no object, are marked in `run.jsonl` and listed in
        `review.txt`, least confidence first. Masks do not depend on it. Of several targets, the ones that were found
        count.
    style : Style, optional
        How cut-outs and other pictures are drawn.
    device : str
        Where the network runs: cpu, cuda, cuda:1 or mps. A Classifier stays on its own device.
    workers : int or None
        Number of processes; masks do not depend on it. `None` takes one for each core if there are photos enough.
    engine : {"local", "ray"}
        `local` for this machine, or `ray` for a Ray cluster.
    shard : (int, int), optional
        (i, n) takes only the i-th of n shards of the photos, counted from 1; see `merge_runs`.
    watch : bool
        Whether to watch the folders and process new photos, until an exception such as KeyboardInterrupt ends it.
    force : bool
        Redo everything, even in a folder that wsseg did not create.
    discard_reviews : bool
        With `force`, also redo photos that a person has reviewed (`serve_review`); they are kept otherwise.
    max_pixels : int
        Photos of more pixels fail.
    progress : callable, optional
        Called in this process after each photo is recorded.
    notice : callable, optional
        Called with sentences that are not failures, such as that files were skipped. By default they are warnings.

    Returns
    -------
    FolderRun
        Counts, records, failures and the paths of the pictures. A photo that fails is listed there and raises nothing.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong. All that needs no network is checked first, in less than a second.
    FileExistsError
        If `out` holds files of another origin and `force` is not set, if another run is at work there, or if `force`
        would discard reviews and `discard_reviews` is not set.
    OSError
        If anything other than a photo cannot be read or written, such as when a disk is full.
    ChildProcessError
        If workers cannot start.
    InternalError
        If ten photos in a row fail because of a bug in wsseg, or in your own classifier.

    Examples
    --------
    >>> from importlib import resources
    >>> photo = resources.files("skimage") / "data" / "chelsea.png"
    >>> run = wsseg.segment_folder(photo, "run", recipe="fast", pictures=["mask", "overlay"])
    >>> run
    <FolderRun: 1 of 1 photos done: run/masks, run/overlays>
    >>> [mask.name for mask in run.masks]
    ['chelsea.png']
    >>> run.records[0].findings[0].category
    'Egyptian cat'
    """
    if pictures is None:
        pictures = ("labels",) if together else ("mask",)
    notice = warnings_at_caller() if notice is None else notice
    return execute(
        Request(
            kind="labels" if together else "masks",
            sources=paths_of(sources, "sources"),
            out=path_of(out, "out"),
            classifier=classifier,
            recipe=_checked_recipe(recipe, objectness),
            objectness=objectness,
            targets=targets,
            top=top,
            pictures=picture_names(pictures),
            style=PLAIN if style is None else style,
            box=box_of(box),
            hints=None if hints is None else path_of(hints, "hints"),
            min_confidence=min_confidence,
            device=device,
            workers=workers,
            engine=engine,
            shard=shard,
            watch=watch,
            force=force,
            discard_reviews=discard_reviews,
            max_pixels=max_pixels,
            progress=progress,
            notice=notice,
        )
    )


def saliency_folder(
    sources: Sources,
    out: str | PathLike[str],
    *,
    classifier: "Classifier | str | Path" = EMBEDDED,
    recipe: Recipe | str | Path = "default",
    objectness: "Objectness | str | PathLike[str] | None" = None,
    targets: Sequence[int | str | Target] | None = None,
    top: int | None = None,
    device: str = "cpu",
    workers: int | None = 1,
    engine: EngineName = "local",
    shard: tuple[int, int] | None = None,
    watch: bool = False,
    force: bool = False,
    max_pixels: int = MAX_PIXELS,
    progress: Callable[[PhotoDone], None] | None = None,
    notice: Notice | None = None,
) -> FolderRun:
    """Write a heatmap of where the classifier looks in each photo below `out`, and photo and heatmap side by side.

    Parameters
    ----------
    sources, out, classifier, recipe, objectness, targets, top : see `segment_folder`
        Photos, folder of the run, and what to look for in them.
    device, workers, engine, shard, watch, force, max_pixels, progress, notice : see `segment_folder`
        How the run works, and what it reports.

    Returns
    -------
    FolderRun
        As in `segment_folder`, with the pictures `saliency` and `strip`.

    Raises
    ------
    ValueError, TypeError, FileExistsError, OSError, ChildProcessError
        As in `segment_folder`.
    """
    notice = warnings_at_caller() if notice is None else notice
    return execute(
        Request(
            kind="saliency",
            sources=paths_of(sources, "sources"),
            out=path_of(out, "out"),
            classifier=classifier,
            recipe=_checked_recipe(recipe, objectness),
            objectness=objectness,
            targets=targets,
            top=top,
            pictures=("saliency", "strip"),
            device=device,
            workers=workers,
            engine=engine,
            shard=shard,
            watch=watch,
            force=force,
            max_pixels=max_pixels,
            progress=progress,
            notice=notice,
        )
    )


def _checked_recipe(recipe: Recipe | str | Path, objectness: "Objectness | str | PathLike[str] | None") -> Recipe:
    """Return the recipe, after what can be checked of it and of the network without loading one."""
    if not isinstance(recipe, Recipe | str | Path):
        raise TypeError(f"recipe must be a wsseg.Recipe, a name or a file, got {recipe!r}; choose one of these")
    if isinstance(objectness, str | PathLike) and not Path(objectness).is_file():
        raise FileNotFoundError(
            f"objectness must be a file that wsseg adapt made, got '{objectness}', which is no file; "
            "check its spelling or make one with wsseg adapt"
        )
    if objectness is not None and not isinstance(objectness, str | PathLike) and not hasattr(objectness, "map"):
        raise TypeError(f"objectness must be a wsseg.Objectness or its file, got {objectness!r}; learn one with adapt")
    return recipe if isinstance(recipe, Recipe) else recipe_named(recipe)
