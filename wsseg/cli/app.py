"""The command line, a function a command; what is slow to load waits until it is needed."""

import inspect
import json
import platform
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import Field, asdict, dataclass, fields, replace
from functools import partial, wraps
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from statistics import fmean
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

import wsseg
from wsseg.files.text import escape_unprintable
from wsseg.recipe import FOLDS, MAX_PIXELS, RECIPES, TRIALS, VISUALIZATION_STEPS, Recipe, Stage, recipe_named
from wsseg.runs.progress import Kind, progress

if TYPE_CHECKING:
    from wsseg.arrays import Box
    from wsseg.classifier import categories
    from wsseg.doctor import Diagnosis
    from wsseg.evaluation.compare import Comparison
    from wsseg.evaluation.result import Evaluation
    from wsseg.files.names import Source
    from wsseg.pictures.style import Style
    from wsseg.runs.batch import Engine
    from wsseg.runs.record import Record
    from wsseg.runs.task import See, Task
    from wsseg.segmenting.segmenter import Segmenter

SOME_FAILED, CANNOT_RUN = 1, 2
"""Exit codes, besides 0."""

ROWS, WORST, COLUMNS = 50, 10, 6
"""How many photos a table has at most, how many it has if there are more, and how many scores, for 80 characters."""

SHOWN = 10
"""Problems that are told one by one where there is another place to read them all."""

STYLES = {"": "", "ok": "", "weak": "yellow", "no object": "yellow"}
"""How a line about a photo looks, by the status of its mask."""

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@dataclass
class Manner:
    """How messages are told."""

    as_json: bool = False
    """Each as a JSON object of a line, since a program reads how far it is."""


manner = Manner()

answers, messages = (Console(stderr=stderr, highlight=False, emoji=False) for stderr in (False, True))

Item = TypeVar("Item")

What: TypeAlias = Literal["saliency", "masks", "labels"]


def _path(text: str) -> Path:
    from wsseg.files.store import path_of

    try:
        return path_of(text)
    except ValueError as error:
        raise OSError(str(error)) from error  # Of a ValueError typer would make a box, broken into lines.


def _take_manner(kind: Kind) -> Kind:
    manner.as_json = kind == "json"
    return kind


def _recipe_names(begun: str) -> list[str]:
    return _begun(begun, RECIPES)


def _classifier_names(begun: str) -> list[str]:
    from wsseg.doctor import wheels

    return _begun(begun, wheels())  # All others would take seconds.


def _protocol_names(begun: str) -> list[str]:
    from wsseg.evaluation.protocols import PROTOCOLS

    return _begun(begun, PROTOCOLS)


def _format_names(begun: str) -> list[str]:
    from wsseg.export.export import FORMATS

    return _begun(begun, FORMATS)


def _begun(begun: str, names: Iterable[str]) -> list[str]:
    """What a shell completes."""
    return [name for name in names if name.startswith(begun)]


Command: TypeAlias = Callable[..., None]

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", parser=_path, help="Photos, folders, quoted patterns, .txt lists; s3://... too."),
]

Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="PATH", parser=_path, help="Folder for the pictures, or s3://... .")
]

Targets = Annotated[
    list[str] | None,
    typer.Option(help="Class index, wnid or name; several as one joined by |. Repeat it for a picture of each."),
]

Top = Annotated[int | None, typer.Option(min=1, help="Likeliest classes of each photo to make a picture of each for.")]

Classifier = Annotated[
    str | None,
    typer.Option(
        help="Of torchvision, timm:NAME or NAME@FILE; else the embedded one. See models.",
        autocompletion=_classifier_names,
    ),
]

HeadFile = Annotated[
    Path | None,
    typer.Option("--adapt", help="Head by wsseg adapt; its share is --objectness, or else that of adapted."),
]

Pixels = Annotated[int, typer.Option("--max-pixels", min=1, help="Larger photos are refused.")]

Void = Annotated[int | None, typer.Option(min=0, help="Value in the truths that never counts.")]

ForceFile = Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")]

Force = Annotated[bool, typer.Option("--force", help="Do all anew, in a folder that no earlier run made if need be.")]

Workers = Annotated[
    str,
    typer.Option(
        metavar="N|auto", help="Processes; masks do not depend on them. auto is one for each core, or CPU of Ray."
    ),
]

Device = Annotated[str, typer.Option(help="Where the network runs: cpu, cuda, cuda:1, mps.")]

ShowProgress = Annotated[
    Kind,
    typer.Option(
        "--progress",
        callback=_take_manner,
        is_eager=True,
        help="How far it is; auto is a bar on a terminal, else lines. With json, stderr is JSON, a line an object.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

Shard = Annotated[str | None, typer.Option(metavar="I/N", help="Only the I-th of N parts of the photos; see merge.")]

Watch = Annotated[bool, typer.Option("--watch", help="Go on with photos as they arrive in the folders, until Ctrl-C.")]

EngineName = Annotated[
    Literal["local", "ray"], typer.Option("--engine", help="Where it runs: on this machine, or on a cluster by Ray.")
]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What `segment` and `saliency` both ask for, each field an option: which photos, what of them, and where to."""

    paths: Paths
    out: Out
    target: Targets = None
    top: Top = None
    classifier: Classifier = None
    adapt: HeadFile = None
    device: Device = "cpu"
    workers: Workers = "auto"
    engine: EngineName = "local"
    shard: Shard = None
    watch: Watch = False
    max_pixels: Pixels = MAX_PIXELS
    force: Force = False
    progress: ShowProgress = "auto"


def main() -> None:
    """The program: what a user can mend is one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A name that the terminal cannot show is no reason to stop.
    signal.signal(signal.SIGTERM, _terminate)
    manner.as_json = False
    try:
        app()
    except (ValueError, TypeError, OSError) as error:
        _say(str(error), "error", "red", lead="error: ")
        sys.exit(CANNOT_RUN)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Ends the program as Ctrl-C does, so that whatever is open is closed."""
    sys.exit(128 + number)


def _load() -> None:
    """Imports what takes long; torch would abort the program if an interrupt broke that off."""
    from wsseg.engines.stream import deferred

    with deferred(signal.SIGINT, signal.SIGTERM):
        import_module("wsseg.classifier.load")


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
        parts = [part for item in own.parameters.values() for part in (options if item.name == name else [item])]
        vars(run)["__signature__"] = own.replace(parameters=parts)  # Which typer reads.
        return run

    return decorate


def _recipe_option() -> inspect.Parameter:
    text = f"One of {', '.join(RECIPES)}, or a .toml file."
    annotation = Annotated[str, typer.Option("--recipe", help=text, autocompletion=_recipe_names)]
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


def _style(
    *,
    format: Annotated[
        Literal["png", "webp", "jpg"], typer.Option(help="Of pictures to look at; masks, maps and seeds stay PNG.")
    ] = "png",
    feather: Annotated[float, typer.Option(min=0, help="Pixels over which a cut-out's edge fades.")] = 0.0,
    crop: Annotated[bool, typer.Option("--crop", help="Cut-outs end at the box around the object.")] = False,
    background: Annotated[
        str, typer.Option(help="Behind a cut-out: a color, as white or #00ff60, or blur, or nothing if not given.")
    ] = "",
) -> "Style":
    from wsseg.pictures.style import Style

    return Style(format=format, feather=feather, crop=crop, background=background)


_style_options = _gathered("style", list(inspect.signature(_style).parameters.values()), _style)


@app.command()
@_job_options
@_style_options
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
    style: Any,  # A Style, which is slow to load.
    recipe: Recipe,
) -> None:
    """Write a mask of what each photo shows into OUT/masks, and other pictures beside."""
    _load()
    from wsseg.runs.task import see_labels, see_masks
    from wsseg.segmenting.outputs import check_style, pictures_of
    from wsseg.segmenting.results import LabelMap, Segmentation
    from wsseg.segmenting.segmenter import Segmenter

    possible = pictures_of(LabelMap if together else Segmentation)
    pictures = tuple(dict.fromkeys(word.strip() for word in (write or possible[0]).split(",")))
    if strange := [picture for picture in pictures if picture not in possible]:
        raise ValueError(f"write must name some of {','.join(possible)}, got {strange[0]!r}; separate them by commas")
    check_style(style, pictures)
    hinted = box is not None or hints is not None
    if together and (hinted or not job.target):
        got = "hints" if hinted else "no target"
        raise ValueError(f"together must have targets and no hints, got {got}; name what to tell apart by --target")
    if hinted and (job.top or len(job.target or ()) > 1):
        raise ValueError("hints must be of one target, got several; leave out --top and all but one --target")

    bounds = _box(box) if box is not None else None
    if bounds and hints:
        raise ValueError(f"box must be the only hint, got {hints} too; draw the box into its seeds")

    def see(segmenter: Segmenter, targets: Any) -> "See":
        if together:
            return partial(see_labels, segmenter=segmenter, targets=targets, instances="instances" in pictures)
        return partial(see_masks, segmenter=segmenter, targets=targets, top=job.top, box=bounds)

    what: What = "labels" if together else "masks"
    _run(job, recipe, Ask(what=what, see=see, pictures=pictures, style=style, box=box, hints=hints))


@app.command()
@_job_options
@recipe_flags("saliency")
def saliency(*, job: Job, recipe: Recipe) -> None:
    """Write a heatmap of where the classifier looks into OUT/saliency, and photo beside heatmap into OUT/strips."""
    _load()
    from wsseg.runs.task import see_saliency

    def see(segmenter: "Segmenter", targets: Any) -> "See":
        return partial(see_saliency, segmenter=segmenter, targets=targets, top=job.top)

    _run(job, recipe, Ask(what="saliency", see=see, pictures=("saliency", "strip")))


def _reading(
    *,
    layout: Annotated[
        str | None, typer.Option(help="Of a benchmark's folder, as ecssd or pets, where it cannot be told.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Photos of a benchmark, as val.")] = None,
    coding: Annotated[
        str | None,
        typer.Option(help="What values of the truths mean: binary, grey, any, voc, imagenet-s or trimap."),
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="The class, by name or number, that is the object; else all are.")
    ] = None,
    void: Void = None,
) -> dict[str, Any]:
    return {"layout": layout, "split": split, "coding": coding, "category": category, "void": void}


def _scoring(
    *,
    protocol: Annotated[
        str,
        typer.Option(
            help="What is scored, as papers report it: default, saliency, unsupervised, voc, imagenet-s, "
            "imagenet-segmentation, davis, corloc or ilsvrc-loc.",
            autocompletion=_protocol_names,
        ),
    ] = "default",
    missing: Annotated[
        Literal["error", "zero"], typer.Option(help="A truth without a mask: an error, or an empty mask.")
    ] = "error",
    workers: Annotated[str, typer.Option(metavar="N|auto", help="Processes; scores do not depend on them.")] = "auto",
) -> dict[str, Any]:
    return {"protocol": protocol, "missing": missing, "workers": _number_of(workers)}


def _writing(
    *,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="File for the scores of each photo.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all scores.")] = None,
    force: ForceFile = False,
) -> "Callable[[Evaluation | Comparison], None]":
    for file in filter(None, (csv_file, json_file)):
        _check_new(file, force)
    if csv_file and json_file and csv_file.resolve() == json_file.resolve():
        raise ValueError(f"csv must be another file than json, got {csv_file} for both; name two")

    def write(scored: "Evaluation | Comparison") -> None:
        _write(json_file, json.dumps(scored.as_json(), indent=1))
        _write(csv_file, scored.as_csv())

    return write


_reading_options, _scoring_options, _writing_options = (
    _gathered(name, list(inspect.signature(gather).parameters.values()), gather)
    for name, gather in (("reading", _reading), ("rules", _scoring), ("write", _writing))
)


@app.command()
def visualize(
    category: Annotated[
        str, typer.Argument(metavar="CATEGORY", help="Class index, wnid or name; several joined by |.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Picture to write, .png, .webp or .jpg.")],
    classifier: Classifier = None,
    device: Device = "cpu",
    steps: Annotated[int, typer.Option(min=1, help="Of the way from grey to the picture.")] = VISUALIZATION_STEPS,
    random_state: Annotated[int, typer.Option(help="Decides how the picture is moved at each step.")] = 0,
    force: ForceFile = False,
) -> None:
    """Write the picture that the classifier likes best as one of a class: what it takes the class to look like."""
    _load()
    from wsseg.classifier.load import load_classifier
    from wsseg.classifier.weights import EMBEDDED
    from wsseg.files.encode import SUFFIXES, encoded_picture
    from wsseg.files.store import replacing
    from wsseg.saliency import visualize_class

    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"out must end in {', '.join(SUFFIXES)}, got {out}; name a picture")
    _check_new(out, force)
    loaded = load_classifier(classifier or EMBEDDED, device=device)
    target = loaded.categories.resolve(category)
    with _progress("steps") as track:
        picture = visualize_class(loaded, target, steps=steps, random_state=random_state, track=track)
    with replacing(out) as file:
        file.write(encoded_picture(picture, SUFFIXES[out.suffix.lower()]))
    probability = loaded.probabilities(picture)[list(target.indices)].sum()
    _answer(f"{target.category}, probability {probability:.2f}: {out}")


@app.command()
@_reading_options
@_scoring_options
@_writing_options
def evaluate(
    masks: Annotated[Path, typer.Argument(help="Folder of masks, or of a run.")],
    truths: Annotated[Path, typer.Argument(help="Folder of truths, of the same names; of a benchmark; or COCO .json.")],
    *,
    rules: Any,  # What _scoring gathers.
    reading: Any,  # What _reading gathers.
    write: Any,  # What _writing gathers.
) -> None:
    """Compare masks with truths by IoU, Dice, boundaries and more, or by the protocol of a benchmark."""
    from wsseg.evaluation.evaluate import evaluate as evaluation_of

    with _progress("evaluating") as track:
        evaluation = evaluation_of(masks, truths, **rules, **reading, track=track)
    _print_scores(evaluation)
    write(evaluation)
    _exit_by(evaluation.problems)


@app.command()
@_reading_options
@_scoring_options
@_writing_options
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of masks, or of a run.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, of the same photos.")],
    *,
    truth: Annotated[Path, typer.Option("--truth", help="Folder of their truths, as in evaluate.")],
    rules: Any,  # What _scoring gathers.
    reading: Any,  # What _reading gathers.
    write: Any,  # What _writing gathers.
) -> None:
    """Say whether the masks of B are better than those of A, or whether that may be chance."""
    from wsseg.evaluation.compare import compare as comparison_of

    with _progress("comparing") as track:
        comparison = comparison_of(first, second, truth, **rules, **reading, track=track)
    if comparison.differences:
        _print_comparison(comparison)
    write(comparison)
    _exit_by(comparison.problems)


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
    _load()
    from wsseg.classifier.weights import EMBEDDED
    from wsseg.learning.tune import tune as tuning_of
    from wsseg.learning.tuning import check_recipe_file

    check_recipe_file(out, force=force)
    if adapt is not None and not recipe.objectness:
        _say(f"the head's share is {_heeding_a_head(recipe).objectness}; see --objectness, and --recipe adapted")
    with _progress("tuning") as track:
        tuning = tuning_of(
            photos,
            truths,
            classifier=classifier or EMBEDDED,
            recipe=recipe,
            head=adapt,
            target=target,
            void=void,
            folds=folds,
            trials=trials,
            track=track,
        )
    before, after = (f"{fmean(scores.values()):.3f}" for scores in (tuning.before, tuning.after))
    style = "yellow" if tuning.interval[0] <= 0 else ""
    _answer(f"mean IoU {before} before, {after} after: {tuning.verdict}", style)
    for name, value in tuning.changes.items():
        _answer(f"{name} = {json.dumps(value)}")
    tuning.save(out, force=force)
    _say(f"use it by --recipe {out}")


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
    _load()
    from wsseg.classifier.weights import EMBEDDED
    from wsseg.files.store import replacing
    from wsseg.learning.adapt import adapt as head_of

    _check_new(out, force)
    failures: list[str] = []
    with _progress("adapting") as track:
        head = head_of(
            paths,
            classifier=classifier or EMBEDDED,
            recipe=recipe,
            workers=workers,
            max_pixels=max_pixels,
            track=track,
            notice=failures.append,
        )
    for failure in failures:
        _complain(failure)
    with replacing(out) as file:
        file.write(head.as_json().encode())
    _say(f"{head.provenance.photos} photos learned: {out}")
    if failures:
        raise typer.Exit(SOME_FAILED)


@app.command()
def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", parser=_path, help="Folders of runs; s3://... too.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="RUN", parser=_path, help="Folder for the run they make together.")
    ],
) -> None:
    """Join runs, as of the shards of some photos, into one run that evaluate reads and segment goes on with."""
    from wsseg.runs.merge import merge_runs as merging_of

    with _progress("merging") as track:
        merging = merging_of(runs, out, track=track)
    for run in merging.unfinished:
        _say(f"{run} was broken off, and may lack photos: go on with it")
    failed = f", {merging.failed} of which failed" if merging.failed else ""
    lacking = f", {merging.lacking} left out, whose pictures are gone or in doubt" if merging.lacking else ""
    _say(f"{merging.photos} photos of {len(runs)} runs{failed}{lacking}: {out}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", parser=_path, help="Folder of a run with masks or labels.")],
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="FORMAT", help="coco, voc, cvat, labelme, labelstudio or yolo.", autocompletion=_format_names
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="File (.json of coco, .zip of cvat) or folder to write.")],
    photos: Annotated[
        bool, typer.Option("--photos", help="Copy the photos into it; of voc, labelme and yolo.")
    ] = False,
    max_pixels: Pixels = MAX_PIXELS,
    force: Annotated[bool, typer.Option("--force", help="Replace files of the same names.")] = False,
) -> None:
    """Write the masks of a run as other tools read them, and name the photos of which something is lost by that."""
    from wsseg.export.export import export_run

    with _progress("photos") as track:
        exported = export_run(run, to, out, photos=photos, force=force, max_pixels=max_pixels, track=track)
    for loss in exported.losses:
        _warn(f"{loss.photo}: lost in {to}: {loss.lost}")
    for name in exported.failed:
        _warn(f"{name}: left out, since the run failed on it")
    _say(f"{exported.photos} photos exported: {out}")


@app.command()
@_reading_options
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", parser=_path, help="Folder of a run; s3://... too.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write, .html.")] = Path("report.html"),
    truth: Annotated[Path | None, typer.Option(help="Folder of truths, as in evaluate, for scores and errors.")] = None,
    reading: Any,  # What _reading gathers.
    max_pixels: Annotated[int, typer.Option("--max-pixels", min=1, help="Larger photos are not shown.")] = MAX_PIXELS,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is no report.")] = False,
) -> None:
    """Write a page to look at a run: the best and the worst of it, and every picture."""
    from wsseg.report.page import write_report

    with _progress("report") as track:
        written = write_report(run, out, truths=truth, **reading, max_pixels=max_pixels, force=force, track=track)
    for problem in written.problems[:SHOWN]:
        _complain(problem)
    if rest := written.problems[SHOWN:]:
        _complain(f"and {len(rest)} more, which the page names")
    _say(f"{written.photos} photos: {out}")
    if written.problems:
        raise typer.Exit(SOME_FAILED)


@app.command()
def models(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those too that would have to be downloaded.")] = False,
    as_json: Json = False,
) -> None:
    """List the classifiers that are usable right now, and with --all those that would be downloaded."""
    _load()
    from wsseg.classifier.catalog import models as models_of

    known = list(models_of())
    shown = known if every else [model for model in known if model.state != "download"]
    if as_json:
        told = [{**model._asdict(), "file": str(model.file) if model.file else None} for model in shown]
        answers.print(json.dumps(told, indent=1), markup=False, soft_wrap=True)
        return
    table = Table(Column("classifier", overflow="fold"), "is", "parameters", "MB", Column("weights", overflow="fold"))
    for model in shown:
        parameters = f"{model.parameters / 1e6:.1f} M" if model.parameters else ""
        size = f"{model.megabytes:.0f}" if model.megabytes else ""
        table.add_row(_text(model.name), model.state, parameters, size, _text(str(model.file or model.origin)))
    answers.print(table)
    if rest := len(known) - len(shown):
        _say(f"{rest} more of torchvision and timm are downloaded on first use; --all lists them")


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Say what is installed and what is missing, and how long a photo takes; exit code 1 if none can be segmented."""
    from wsseg.doctor import diagnose

    found = diagnose()
    if as_json:
        answers.print(json.dumps(found.as_json(), indent=1), markup=False, soft_wrap=True)
    else:
        _print_diagnosis(found)
    if found.problem:
        raise typer.Exit(SOME_FAILED)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a command asks of each photo."""

    what: What
    see: "Callable[[Segmenter, Any], See]"
    """By the segmenter and the targets."""
    pictures: Sequence[str]
    style: "Style | None" = None
    box: str | None = None
    hints: Path | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What of it decides a photo's pictures."""
        instances = self.what == "labels" and "instances" in self.pictures  # Which keep what is not the largest.
        style = asdict(self.style) if self.style else None
        return {"what": self.what, "instances": instances, "box": self.box, "style": style}


def _run(job: Job, recipe: Recipe, ask: Ask) -> None:
    """What `segment` and `saliency` share: every photo through the segmenter, a line for each finding."""
    from wsseg.runs.batch import run
    from wsseg.runs.journal import opened
    from wsseg.segmenting.outputs import PICTURES

    every = None if job.watch else _photos(job)
    files, found = _hints_of(every, ask.hints), None if every is None else _of_shard(job, every)
    if ask.box is not None and (found is None or len(found) > 1):
        got = "photos that are yet to come" if found is None else f"{len(found)} photos"
        raise ValueError(f"box must be of one photo, got {got}; put hints into a folder, for --hints")
    engine = _engine(job, found)
    task, settings = _task(job, recipe, ask)
    hints = str(ask.hints) if ask.hints else None
    made_by = {**settings, "hints": hints, "settings": task.settings, "versions": _versions()}
    sources, total = (_arriving(job), None) if found is None else (found, len(found))
    counts = Counter[str]()
    with (
        _resumable(),
        opened(job.out, made_by, force=job.force) as journal,
        progress("photos", total, job.progress, messages) as advance,
        closing(run(task, sources, journal, engine, hints=files, again=job.force)) as outcomes,
    ):
        for record, fresh in outcomes:
            advance(failed=bool(record.error))
            counts["failed" if record.error else "done" if fresh else "kept"] += 1
            if fresh:
                _print_record(record)
    done, kept = counts["done"] + counts["kept"], counts["kept"]
    earlier = f", {kept} of them by an earlier run" if kept else ""
    folders = ", ".join(str(job.out / PICTURES[picture].folder) for picture in ask.pictures)
    _say(f"{done} of {counts.total()} photos done{earlier}: {folders}")
    if counts["failed"]:
        raise typer.Exit(SOME_FAILED)


def _task(job: Job, recipe: Recipe, ask: Ask) -> "tuple[Task, dict[str, Any]]":
    """What is done with each photo, and all that decides what comes of it."""
    from wsseg.pictures.style import PLAIN
    from wsseg.runs.names import check_target_names, target_names_of
    from wsseg.runs.record import digest_of
    from wsseg.runs.task import Task
    from wsseg.segmenting.segmenter import check_apart

    segmenter = _segmenter(job.classifier, job.adapt, recipe, job.device)
    targets = segmenter.resolve(job.target or None, top=job.top)
    labels = target_names_of(segmenter.classifier.categories)
    settings = {**_made_by(segmenter, targets, job.top), **ask.settings}
    if ask.what == "labels":
        settings["labels"] = ["background", *(target.category for target in check_apart(targets))]
    else:
        check_target_names(targets or (), labels)
    task = Task(
        see=ask.see(segmenter, targets),
        out=job.out,
        pictures=ask.pictures,
        settings=digest_of(settings),
        style=ask.style or PLAIN,
        target_name=labels if ask.what != "labels" and (job.top or len(targets or ()) > 1) else None,
        wnids=segmenter.classifier.categories.wnids or (),
        max_pixels=job.max_pixels,
    )
    return task, settings


def _photos(job: Job) -> "list[Source]":
    """The photos of the job, each under the name that an earlier run gave it."""
    from wsseg.files.find import find_photos, unsupported_photos
    from wsseg.runs.photos import without_run_outputs

    sources = without_run_outputs(find_photos(job.paths, named=_names_in(job.out)), job.out)
    if not sources:
        raise ValueError(f"paths must hold photos, got only pictures of runs as in {job.out}; name others")
    if others := unsupported_photos(job.paths):
        got = f"{len(others)} files passed over, as {others[0].name}"
        _warn(f"{got}, whose format cannot be read: convert them to PNG or JPEG")
    return sources


def _arriving(job: Job) -> "Iterator[Source | None]":
    """The photos of the folders as they arrive; for ever."""
    from wsseg.files.find import find_photos
    from wsseg.files.store import store_of
    from wsseg.runs.photos import without_run_outputs
    from wsseg.runs.record import is_run
    from wsseg.runs.watch import arriving

    if strange := [path for path in job.paths if not store_of(path).is_folder(path)]:
        raise ValueError(f"paths must be folders where photos arrive, got {strange[0]}; name its folder")
    names = _names_in(job.out)

    def find(given: Mapping[str, str]) -> "list[Source]":
        sources = find_photos(job.paths, named={**names, **given}, empty_ok=True)
        return _of_shard(job, without_run_outputs(sources, job.out))

    if not is_run(job.out):
        find({})  # Once the run is there, photos among its pictures could not be told from them.
    return arriving(find, notice=_warn)


def _of_shard(job: Job, sources: "list[Source]") -> "list[Source]":
    from wsseg.runs.photos import photos_of_shard

    if job.shard is None:
        return sources
    index, _, count = job.shard.partition("/")
    if not (index.isdecimal() and count.isdecimal()):
        raise ValueError(f"shard must be I/N, two whole numbers, got {job.shard!r}; 3/16 is the third of sixteen")
    return photos_of_shard(sources, (int(index), int(count)))


def _names_in(out: Path) -> dict[str, str]:
    """What an earlier run called the outputs of each photo, by the photo's path."""
    from wsseg.runs.record import is_run, read_run

    return {record.place: record.name for record in read_run(out).records} if is_run(out) else {}


def _engine(job: Job, found: "Sequence[Source] | None") -> "Engine":
    from wsseg.engines.cluster import on_ray
    from wsseg.engines.processes import in_processes
    from wsseg.engines.stream import here, workers_for

    wanted = _number_of(job.workers)
    if job.engine == "ray":
        if job.watch or job.device != "cpu":
            got = "--watch" if job.watch else f"--device {job.device}"
            raise ValueError(f"engine must be local for that, got ray with {got}; leave out one of the two")
        return partial(on_ray, workers=wanted)
    workers = wanted or workers_for(None if found is None else len(found))
    return here if workers == 1 else partial(in_processes, workers=workers)


def _number_of(workers: str) -> int | None:
    """How many processes; None is for as many as are worth it."""
    if workers == "auto":
        return None
    if not (workers.isdecimal() and int(workers)):
        raise ValueError(f"workers must be a number from 1, or auto, got {workers!r}; mend it")
    return int(workers)


def _hints_of(sources: "Sequence[Source] | None", folder: Path | None) -> dict[Path, Path]:
    """The file of hints of each photo that has one."""
    if folder is None:
        return {}
    if sources is None:
        raise ValueError("hints must be of photos that are there, got --watch; leave out one of the two")
    if not folder.is_dir():
        raise ValueError(f"hints must be a folder, got {folder}; name the one that holds the PNGs")
    files = {source.path: folder / source.name for source in sources}
    found = {photo: file for photo, file in files.items() if file.is_file()}
    stray = sorted({path for path in folder.rglob("*") if path.suffix.lower() == ".png"} - set(found.values()))
    if stray or not found:
        got = f"{stray[0]}, of no photo" if stray else "none"
        raise ValueError(f"hints must hold PNGs named like the photos, got {got}; {folder / sources[0].name} would do")
    _say(f"{len(found)} of {len(sources)} photos have hints")
    return found


def _box(text: str) -> "Box":
    from wsseg.arrays import Box

    try:
        return Box(*map(int, text.split(",")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"box must be four whole numbers X0,Y0,X1,Y1, got {text!r}; mend it") from error


def _write(out: Path | None, text: str) -> None:
    from wsseg.files.store import replacing

    if out is not None:
        with replacing(out) as file:
            file.write(text.encode())


def _exit_by(problems: Sequence[str]) -> None:
    """Complains of each problem, and leaves if there are any."""
    for problem in problems:
        _complain(problem)
    if problems:
        _complain(f"no mean, since some could not be scored: {len(problems)}")
        raise typer.Exit(SOME_FAILED)


def _check_new(out: Path, force: bool) -> None:
    if out.is_dir() or (out.exists() and not force):
        remedy = "name a file" if out.is_dir() else "name another or use --force"
        raise FileExistsError(f"out must be a new file, got {out}; {remedy}")


def _segmenter(classifier: str | None, head: Path | None, recipe: Recipe, device: str = "cpu") -> "Segmenter":
    from wsseg.classifier.head import read_head
    from wsseg.classifier.load import load_classifier
    from wsseg.classifier.weights import EMBEDDED
    from wsseg.segmenting.segmenter import Segmenter

    loaded = load_classifier(classifier or EMBEDDED, device=device)
    if head is None:
        return Segmenter(loaded, recipe)
    if not recipe.objectness:
        recipe = _heeding_a_head(recipe)
        _say(f"the head's share is {recipe.objectness}; see --objectness, and --recipe adapted")
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


def _versions() -> dict[str, str]:
    """Of what else decides a mask."""
    from importlib.metadata import version

    names = ("torch", "timm", "numpy", "opencv-python-headless", "PyMaxflow", "scikit-image", "pillow")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _print_record(record: "Record") -> None:
    if record.error:
        _complain(record.error if record.error.startswith(f"'{record.input}'") else f"{record.input}: {record.error}")
    for found in record.findings:
        status = found.status or ""
        sure = status if found.confidence is None else f"{status} {found.confidence:.2f}"
        words = [record.input, f"{found.category} {found.probability:.2f}", sure, *found.reasons]
        _answer("  ".join(filter(None, words)), STYLES[status])


def _print_scores(evaluation: "Evaluation") -> None:
    """A table of photos, the worst if they are many, and one of the folder."""
    photos, title = evaluation.photos, str(evaluation.masks)
    if len(photos) > ROWS:
        photos = dict(evaluation.worst(WORST))
        title = f"{title}: the {WORST} worst of {len(evaluation.photos)}, all by --csv"
    columns = list(next(iter(photos.values()), {}))[:COLUMNS]
    table = Table(Column("photo", overflow="fold"), title=_text(title))
    for score in columns:
        table.add_column(score, no_wrap=True, min_width=len("0.0000"))
    for name, scores in photos.items():
        table.add_row(_text(name), *(f"{scores[score]:.4f}" for score in columns))
    answers.print(table)
    if evaluation.statistics:
        answers.print(_statistics_of(evaluation))


def _statistics_of(evaluation: "Evaluation") -> Table:
    title = f"{len(evaluation.photos)} photos, protocol {evaluation.protocol}"
    table = Table(title=title, caption=Text(evaluation.convention), caption_justify="left")
    for column in ("score", "value", "95 % interval"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it is")
    for one in evaluation.statistics:
        table.add_row(_text(one.name), f"{one.value:.4f}", f"{one.interval:.4f}", _text(one.meaning))
    return table


def _print_comparison(comparison: "Comparison") -> None:
    """The photos that changed most, the means, and the verdict."""
    first, second = comparison.first, comparison.second
    name = comparison.score
    largest = list(comparison.changes().items())[:WORST]
    table = Table(Column("photo", overflow="fold"), "A", "B", "change", title=f"the largest changes of {name}")
    for photo, _ in largest:
        before, after = first.photos[photo][name], second.photos[photo][name]
        table.add_row(_text(photo), f"{before:.4f}", f"{after:.4f}", f"{after - before:+.4f}")
    answers.print(table)
    lines = (f"{len(first.photos)} photos, protocol {first.protocol}", f"A {first.masks}", f"B {second.masks}")
    title = Text("\n").join(map(_text, lines))
    table = Table("score", "A", "B", "B - A", "95 % interval", title=title, title_justify="left")
    for one in comparison.differences:
        style = "" if one.is_real else "dim"
        values = f"{one.first:.4f}", f"{one.second:.4f}", f"{one.value:+.4f}"
        table.add_row(_text(one.name), *values, f"{one.interval:+.4f}", style=style)
    table.caption, table.caption_justify = Text(first.convention), "left"
    answers.print(table)
    _answer(comparison.verdict)


def _print_diagnosis(found: "Diagnosis") -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, version in found.versions.items():
        table.add_row(name, version or Text("missing; pip install wsseg", "red"))
    table.add_row("system", _text(found.system))
    for name, device in found.devices.items():
        table.add_row(name, _text(device))
    for one in found.weights:
        state = Text("sound") if one.sound else Text("damaged; delete it and get it anew", "red")
        table.add_row(
            one.classifier, Text.assemble(state, f", SHA-256 {one.sha256}\n{escape_unprintable(str(one.file))}")
        )
    for recipe, seconds in found.seconds.items():
        table.add_row(recipe, f"{seconds:.2f} s for a photo of 451 x 300")
    for extra, command in found.missing.items():
        table.add_row(extra, Text(f"not installed; {command}", "yellow"))
    answers.print(table)
    if found.problem:
        _complain(f"no photo can be segmented: {found.problem}; {found.remedy}")
    else:
        _answer("photos can be segmented")


@contextmanager
def _resumable() -> Iterator[None]:
    """Says of a run that is interrupted how to go on."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        _say("interrupted; the same command goes on")
        raise


def _complain(text: str) -> None:
    _say(text, "error", "red")


def _warn(text: str) -> None:
    _say(text, "warning", "yellow")


def _say(text: str, kind: str = "message", style: str = "", *, lead: str = "") -> None:
    told = Text(json.dumps({kind: text})) if manner.as_json else _text(lead + text, style)
    messages.print(told, soft_wrap=True)


def _answer(text: str, style: str = "") -> None:
    answers.print(_text(text, style), soft_wrap=True)


def _text(text: str, style: str = "") -> Text:
    """The text as it is, whatever names are in it: rich reads no markup in it, and a terminal no commands."""
    return Text(escape_unprintable(text), style)


@contextmanager
def _progress(verb: str) -> Iterator[Callable[[Sequence[Item]], Iterator[Item]]]:
    """What goes through a sequence while it is shown how far it is."""

    def track(items: Sequence[Item]) -> Iterator[Item]:
        with progress(verb, len(items), "auto", messages) as advance:
            for item in items:
                yield item
                advance()

    yield track
