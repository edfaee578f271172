"""The command line: segment, saliency, evaluate, tune, adapt. What is slow to load waits until a command needs it."""

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field, dataclass, fields, replace
from functools import partial, wraps
from io import TextIOWrapper
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

import wsseg
from wsseg.recipe import FOLDS, MAX_PIXELS, RECIPES, TRIALS, Recipe, Stage, recipe_named

if TYPE_CHECKING:
    from wsseg import categories
    from wsseg.arrays import Box
    from wsseg.batch import Outcome
    from wsseg.evaluation import Evaluation
    from wsseg.hints import Hints
    from wsseg.segmentation import LabelMap, Segmenter, Sighting

SOME_FAILED, CANNOT_RUN = 1, 2
"""Exit codes, besides 0."""

STYLES = {"": "", "ok": "", "weak": "yellow", "no object": "yellow"}
"""How a line about a photo looks, by the status of its mask."""

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
answers, messages = Console(highlight=False), Console(stderr=True, highlight=False)

Item = TypeVar("Item")
Command: TypeAlias = Callable[..., None]
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Photos, folders, quoted patterns, .txt lists.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures.")]
Targets = Annotated[
    list[str] | None,
    typer.Option(help="Class index, wnid or name; several as one joined by |. Repeat it for a picture of each."),
]
Top = Annotated[int | None, typer.Option(min=1, help="Likeliest classes of each photo to make a picture of each for.")]
Classifier = Annotated[str | None, typer.Option(help="Of torchvision, timm:NAME or NAME@FILE; else the embedded one.")]
HeadFile = Annotated[
    Path | None,
    typer.Option("--adapt", help="Head by wsseg adapt; its share is --objectness, or else that of adapted."),
]
Pixels = Annotated[int, typer.Option("--max-pixels", min=1, help="Larger photos are refused.")]
Void = Annotated[int | None, typer.Option(min=0, help="Value in the truths that never counts.")]
ForceFile = Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")]
Force = Annotated[bool, typer.Option("--force", help="Use a folder that no earlier run made.")]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What `segment` and `saliency` both ask for, each field an option: which photos, what of them, and where to."""

    paths: Paths
    out: Out
    target: Targets = None
    top: Top = None
    classifier: Classifier = None
    adapt: HeadFile = None
    max_pixels: Pixels = MAX_PIXELS
    force: Force = False


def main() -> None:
    """The program: what a user can mend is one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A name that the terminal cannot show is no reason to stop.
    try:
        app()
    except (ValueError, TypeError, OSError) as error:
        _complain(f"error: {error}")
        sys.exit(CANNOT_RUN)


def recipe_flags(*stages: Stage) -> Callable[[Command], Command]:
    """A decorator that gives a command its `recipe` by --recipe and a flag for each number of those stages."""
    numbers = [item for item in fields(Recipe) if item.metadata["stage"] in stages]

    def recipe_of(*, recipe: str, **changes: Any) -> Recipe:  # By the numbers' names.
        return replace(recipe_named(recipe), **{name: value for name, value in changes.items() if value is not None})

    return _gathered("recipe", [_recipe_option(), *map(_flag, numbers)], recipe_of)


def _gathered(
    name: str, options: Sequence[inspect.Parameter], gather: Callable[..., object]
) -> Callable[[Command], Command]:
    """A decorator that gives a command those options, and the command what `gather` makes of them as `name`."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(**given: Any) -> None:  # What typer passes, by the names in the signature below.
            gathered = gather(**{option.name: given.pop(option.name) for option in options})
            command(**given, **{name: gathered})

        own = inspect.signature(command)
        spelled = [part for item in own.parameters.values() for part in (options if item.name == name else [item])]
        # typer reads the signature.
        run.__signature__ = own.replace(parameters=spelled)  # type: ignore[attr-defined]  # Unknown to mypy.
        return run

    return decorate


def _recipe_option() -> inspect.Parameter:
    annotation = Annotated[str, typer.Option("--recipe", help=f"One of {', '.join(RECIPES)}, or a .toml file.")]
    return inspect.Parameter("recipe", inspect.Parameter.KEYWORD_ONLY, default="default", annotation=annotation)


def _flag(item: Field[Any]) -> inspect.Parameter:
    """The flag of a recipe's number, which leaves the recipe's own value when it is not given."""
    kind = type(item.default)
    text, stage = item.metadata["help"], item.metadata["stage"]
    text = f"{text[:1].upper()}{text[1:]} ({'none' if item.default == '' else item.default} in default)."
    option = typer.Option(help=text, show_default=False, rich_help_panel=f"Recipe: {stage}")
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _print_version(wanted: bool) -> None:
    if wanted:
        answers.print(wsseg.__version__)
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Object masks from nothing but an image classifier."""


_job_options = _gathered("job", list(inspect.signature(Job).parameters.values()), Job)


@app.command()
@_job_options
@recipe_flags("saliency", "seeds", "mixtures", "energy", "mask", "hints")
def segment(
    *,
    job: Job,
    box: Annotated[
        str | None, typer.Option(metavar="X0,Y0,X1,Y1", help="Box around the object of the one photo, in pixels.")
    ] = None,
    hints: Annotated[
        Path | None,
        typer.Option(help="Folder of PNGs named like the photos: 0 background, 128 unknown, 255 object."),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="One map of all targets: a pixel is of one of them, or of none.")
    ] = False,
    write: Annotated[
        str | None,
        typer.Option(
            help="Of mask, cutout, overlay, seeds, saliency, strip; with --together of labels, instances, overlay. "
            "The first of them unless given."
        ),
    ] = None,
    recipe: Recipe,
) -> None:
    """Write a mask of what each photo shows into OUT/masks, and other pictures beside."""
    from wsseg.segmentation import LabelMap, Segmentation, Segmenter, pictures_of

    possible = pictures_of(LabelMap if together else Segmentation)
    pictures = tuple(dict.fromkeys(word.strip() for word in (write or possible[0]).split(",")))
    if strange := [picture for picture in pictures if picture not in possible]:
        raise ValueError(f"write must name some of {','.join(possible)}, got {strange[0]!r}; separate them by commas")
    said = _hints_of(job, box, hints)
    if together and (said or not job.target):
        got = "hints" if said else "no target"
        raise ValueError(f"together must have targets and no hints, got {got}; name what to tell apart by --target")

    def see(segmenter: Segmenter, path: Path, *, targets: Any, top: int | None, max_pixels: int) -> Any:
        if together:
            instances = "instances" in pictures
            return (segmenter.segment_categories(path, targets, instances=instances, max_pixels=max_pixels),)
        if path not in said:
            return segmenter.segment_each(path, targets, top=top, max_pixels=max_pixels)
        target = targets[0] if targets else None
        return (segmenter.segment(path, target, hints=said[path](), max_pixels=max_pixels),)

    told = {"box": box, "hints": str(hints) if hints else None}
    _run(job, recipe, see, pictures, told, together=together)


@app.command()
@_job_options
@recipe_flags("saliency")
def saliency(*, job: Job, recipe: Recipe) -> None:
    """Write a heatmap of where the classifier looks into OUT/saliency, and photo beside heatmap into OUT/strips."""
    from wsseg.segmentation import Segmenter

    _run(job, recipe, Segmenter.sight_each, ("saliency", "strip"))


@app.command()
def evaluate(
    masks: Annotated[Path, typer.Argument(help="Folder of masks, or of a run.")],
    truths: Annotated[Path, typer.Argument(help="Folder of truths, of the same relative names.")],
    *,
    void: Void = None,
    missing: Annotated[
        Literal["error", "zero"], typer.Option(help="A truth without a mask: an error, or an empty mask.")
    ] = "error",
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the scores.")] = None,
) -> None:
    """Compare masks with truths: IoU, Dice, precision, recall, accuracy and mean absolute error."""
    from wsseg.evaluation import evaluate as evaluation_of
    from wsseg.files import replacing

    with _progress("evaluating") as track:
        evaluation = evaluation_of(masks, truths, void=void, missing=missing, track=track)
    _print_scores(evaluation)
    if json_file:
        with replacing(json_file) as file:
            file.write(json.dumps(evaluation.as_json(), indent=1).encode())
    for problem in evaluation.problems:
        _complain(problem)
    if evaluation.problems:
        _complain(f"no mean, since some could not be scored: {len(evaluation.problems)}")
        raise typer.Exit(SOME_FAILED)


@app.command()
@recipe_flags("saliency", "seeds", "mixtures", "energy", "mask")
def tune(
    photos: Annotated[Path, typer.Argument(help="Folder of photos.")],
    truths: Annotated[Path, typer.Argument(help="Folder of their truths, of the same relative names.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Recipe file to write, .toml.")],
    target: Annotated[str | None, typer.Option(help="What all the photos show, as in segment.")] = None,
    classifier: Classifier = None,
    adapt: HeadFile = None,
    void: Void = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the photos, each left out once.")] = FOLDS,
    trials: Annotated[int, typer.Option(min=1, help="Recipes to try beside the one to begin from.")] = TRIALS,
    force: ForceFile = False,
    recipe: Recipe,
) -> None:
    """Find the recipe for your own photos, given truths of some, and see what it gains on photos it has not seen."""
    from wsseg.files import replacing
    from wsseg.tuning import tune as tuning_of

    if out.suffix.lower() != ".toml":
        raise ValueError(f"out must end in .toml, got {out}; --recipe knows a file by that")
    _check_new(out, force)
    segmenter = _segmenter(classifier, adapt, recipe)
    with _progress("tuning") as track:
        tuning = tuning_of(photos, truths, segmenter, target=target, void=void, folds=folds, trials=trials, track=track)
    before, after = (f"{fmean(scores.values()):.3f}" for scores in (tuning.before, tuning.after))
    style = "yellow" if tuning.interval[0] <= 0 else ""
    answers.print(Text(f"mean IoU {before} before, {after} after: {tuning.verdict}", style), soft_wrap=True)
    for name, value in tuning.changes.items():
        answers.print(f"{name} = {json.dumps(value)}", markup=False)
    by = _shown(f"wsseg {wsseg.__version__} with {segmenter.classifier.name}")
    with replacing(out) as file:
        file.write(f"# By {by}.\n{tuning.as_toml()}".encode())
    messages.print(f"use it by --recipe {out}", soft_wrap=True, markup=False)


@app.command()
@recipe_flags("saliency", "seeds", "mixtures", "energy", "mask")
def adapt(
    *,
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the head.")],
    classifier: Classifier = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the head does not depend on them.")] = 1,
    max_pixels: Pixels = MAX_PIXELS,
    force: ForceFile = False,
    recipe: Recipe,
) -> None:
    """Learn from photos, without any mask, what the recipe's own masks of them share; for --adapt FILE."""
    from wsseg.adapt import head_from, studies_of
    from wsseg.files import find_photos, replacing

    _check_new(out, force)
    sources = find_photos(paths)
    segmenter = _segmenter(classifier, None, _heeding_a_head(recipe))
    found = studies_of([source.path for source in sources], segmenter, workers=workers, max_pixels=max_pixels)
    studies = []
    with _progress("photos") as track:
        for source, (one, error) in zip(track(sources), found, strict=True):
            if one is None:
                _complain(f"{source.path}: {error}")
            else:
                studies.append(one)
    with _progress("cuts") as track:
        head = head_from(studies, segmenter, track=track)
    with replacing(out) as file:
        file.write(head.as_json().encode())
    messages.print(f"{head.provenance.photos} of {len(sources)} photos learned: {out}", soft_wrap=True, markup=False)
    if len(studies) < len(sources):
        raise typer.Exit(SOME_FAILED)


def _run(
    job: Job,
    recipe: Recipe,
    see_each: "Callable[..., Sequence[Sighting | LabelMap]]",
    pictures: Sequence[str],
    said: Mapping[str, str | None] = MappingProxyType({}),
    *,
    together: bool = False,
) -> None:
    """What `segment` and `saliency` share: every photo through the segmenter, a line for each result.

    `said` is of the user, and written down beside what made the pictures.
    """
    from wsseg.batch import beside_outputs, check_labels, claim, labels_of, process
    from wsseg.files import find_photos
    from wsseg.segmentation import PICTURES, check_apart

    sources = beside_outputs(find_photos(job.paths), job.out)
    segmenter = _segmenter(job.classifier, job.adapt, recipe)
    targets = segmenter.resolve(job.target or None, top=job.top)
    labels = labels_of(segmenter.classifier.categories)
    made_by = {**_made_by(segmenter, targets, job.top), **said}
    if together:
        made_by["labels"] = ["background", *(target.category for target in check_apart(targets))]
    else:
        check_labels(targets or (), labels)
    claim(job.out, made_by, force=job.force)
    see = partial(see_each, segmenter, targets=targets, top=job.top, max_pixels=job.max_pixels)
    several = not together and (job.top or len(targets or ()) > 1)
    failures = 0
    with _progress("photos") as track:
        for outcome in process(track(sources), see, job.out, pictures, labels if several else None):
            failures += bool(outcome.error)
            _print_outcome(outcome)
    folders = ", ".join(str(job.out / PICTURES[picture].folder) for picture in pictures)
    messages.print(f"{len(sources) - failures} of {len(sources)} photos done: {folders}", soft_wrap=True, markup=False)
    if failures:
        raise typer.Exit(SOME_FAILED)


def _hints_of(job: Job, box: str | None, folder: Path | None) -> "dict[Path, Callable[[], Hints]]":
    """What is known of which photo, read when its turn comes, so that a bad file is that photo's own."""
    from wsseg.batch import beside_outputs
    from wsseg.files import find_photos
    from wsseg.hints import Hints

    if box is None and folder is None:
        return {}
    sources = beside_outputs(find_photos(job.paths), job.out)
    if box is not None and (len(sources) > 1 or folder is not None):
        raise ValueError(f"box must be the only hint of one photo, got {len(sources)} photos; put hints into a folder")
    if job.top or len(job.target or ()) > 1:
        raise ValueError("hints must be of one target, got several; leave out --top and all but one --target")
    if folder is None:
        return {sources[0].path: partial(Hints, box=_box(box or ""))}
    files = {source.path: folder / source.name for source in sources}
    found = {photo: file for photo, file in files.items() if file.is_file()}
    stray = sorted(set(folder.rglob("*.png")) - set(found.values()))
    if stray or not found:
        got = f"{stray[0]}, of no photo" if stray else "none"
        raise ValueError(f"hints must hold PNGs named like the photos, got {got}; {folder / sources[0].name} is one")
    messages.print(f"{len(found)} of {len(sources)} photos have hints")
    return {photo: partial(_read_hints, file, job.max_pixels) for photo, file in found.items()}


def _read_hints(file: Path, max_pixels: int) -> "Hints":
    from wsseg.files import UNKNOWN_LEVEL, read_truth
    from wsseg.hints import Hints

    return Hints(seeds=read_truth(file, void=UNKNOWN_LEVEL, max_pixels=max_pixels))


def _box(text: str) -> "Box":
    from wsseg.arrays import Box

    try:
        return Box(*map(int, text.split(",")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"box must be four whole numbers X0,Y0,X1,Y1, got {text!r}; mend it") from error


def _check_new(out: Path, force: bool) -> None:
    if out.is_dir() or (out.exists() and not force):
        remedy = "name a file" if out.is_dir() else "name another or use --force"
        raise FileExistsError(f"out must be a new file, got {out}; {remedy}")


def _segmenter(classifier: str | None, head: Path | None, recipe: Recipe) -> "Segmenter":
    from wsseg.classifier import EMBEDDED, load_classifier
    from wsseg.objectness import read_head
    from wsseg.segmentation import Segmenter

    loaded = load_classifier(classifier or EMBEDDED)
    if head is None:
        return Segmenter(loaded, recipe)
    if not recipe.objectness:
        recipe = _heeding_a_head(recipe)
        messages.print(f"the head's share is {recipe.objectness}; see --objectness, and --recipe adapted")
    return Segmenter(loaded.with_head(read_head(head)), recipe)


def _heeding_a_head(recipe: Recipe) -> Recipe:
    """The recipe, with the share of `adapted` if its own is 0."""
    return replace(recipe, objectness=recipe.objectness or RECIPES["adapted"].objectness)


def _made_by(segmenter: "Segmenter", targets: "Sequence[categories.Target] | None", top: int | None) -> dict[str, Any]:
    classifier = segmenter.classifier
    heeded = segmenter.recipe.objectness and targets is None and top is None
    return {
        "wsseg": wsseg.__version__,
        "targets": [target.category for target in targets or ()],
        "top": top,
        "classifier": {"name": classifier.name, "sha256": classifier.digest},
        "head": {"sha256": classifier.head.digest} if classifier.head and heeded else None,
        "recipe": segmenter.recipe.as_dict(),
    }


def _print_outcome(outcome: "Outcome") -> None:
    if outcome.error:
        _complain(f"{outcome.source.path}: {outcome.error}")
    for result in outcome.results:
        for part in getattr(result, "parts", [result]):  # Of a map of labels one for each target.
            status = getattr(part, "status", "")  # A map of saliency has none.
            sure = f"{status} {part.confidence:.2f}" if hasattr(part, "confidence") else status
            words = [str(outcome.source.path), f"{part.category} {part.probability:.2f}", sure, *part.reasons]
            answers.print(Text(_shown("  ".join(filter(None, words))), STYLES[status]), soft_wrap=True)


def _print_scores(evaluation: "Evaluation") -> None:
    from wsseg.metrics import SCORES

    table = Table(Column("photo", overflow="fold"), title=Text(_shown(str(evaluation.masks))))
    for score in SCORES:
        table.add_column(score, no_wrap=True, min_width=len("0.0000"))
    rows = {**evaluation.photos, **({"mean": evaluation.mean} if evaluation.mean else {})}
    for name, scores in rows.items():
        table.add_row(Text(_shown(name)), *(f"{scores[score]:.4f}" for score in SCORES), end_section=name != "mean")
    answers.print(table)


def _complain(text: str) -> None:
    messages.print(Text(_shown(text), "red"), soft_wrap=True)


def _shown(text: str) -> str:
    """The text with control characters spelled, lest a file's name steers the terminal or forges a line."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


class _Rate(ProgressColumn):
    """Photos per second, as rich estimates it."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def _progress(verb: str) -> Iterator[Callable[[Sequence[Item]], Iterator[Item]]]:
    """What goes through a sequence while a bar on the terminal shows count, rate and time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    # What goes to a file must not pass through the terminal's live display.
    bar = Progress(*columns, console=messages, disable=not messages.is_terminal, redirect_stdout=sys.stdout.isatty())
    with bar:
        yield lambda items: iter(bar.track(items, description=verb))
