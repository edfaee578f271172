"""Options that several commands share, in dataclasses that cyclopts flattens into flags."""

from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

from cyclopts import Group, Parameter

from wsseg.cli import convert
from wsseg.recipe import EMBEDDED, MAX_PIXELS, RECIPES, Recipe, Stage, recipe_named
from wsseg.runs.progress import Kind

if TYPE_CHECKING:
    from wsseg.pictures.style import Style

Options = TypeVar("Options")

RECIPE_PANEL = "Recipe: "
"""The titles of the help panels with the recipe's numbers start with this."""

FILES, OBJECT, RECIPE, LOOKS, SCORING, RUNNING = map(
    Group.create_ordered,
    ("Input and output", "Object", "Classifier and recipe", "Appearance of pictures", "Scoring", "Running"),
)

STAGES = {
    stage: Group.create_ordered(f"{RECIPE_PANEL}{stage}")
    for stage in dict.fromkeys(item.metadata["stage"] for item in fields(Recipe))
}


def option(
    help: str,
    *names: str,
    group: Group,
    metavar: str | None = None,
    converter: convert.Convert | None = None,
    complete: Callable[[], Iterable[str]] | None = None,
    n_tokens: int | None = None,
) -> Parameter:
    """Return the settings of an option; its `group` is its panel in the help."""
    return Parameter(
        names or None,
        help=help,
        group=group,
        metavar=metavar,
        converter=converter,
        completer=(lambda context: list(complete())) if complete else None,
        n_tokens=n_tokens,
        show_default=False,
        show_choices=False,
        negative=(),
    )


def _classifiers() -> list[str]:
    from wsseg.doctor import wheels

    return wheels()  # Listing the names of torchvision and timm would take seconds.


Paths: TypeAlias = Annotated[
    list[Path],
    option("Photos, folders, quoted patterns, .txt lists, s3:// URLs.", "PATH", group=FILES, converter=convert.paths),
]

ClassifierName: TypeAlias = Annotated[
    str,
    option(
        "torchvision name, timm:NAME, hf:NAME or NAME@FILE; see wsseg models.",
        "--classifier",
        group=RECIPE,
        metavar="NAME",
        converter=convert.classifier,
        complete=_classifiers,
    ),
]

ObjectnessFile: TypeAlias = Annotated[
    Path | None, option("Network file from wsseg adapt; see --objectness.", "--adapt", group=RECIPE, metavar="FILE")
]

Device: TypeAlias = Annotated[
    str, option("cpu (default), cuda, cuda:1 or mps.", "--device", group=RUNNING, metavar="NAME")
]

MaxPixels: TypeAlias = Annotated[
    int,
    option(
        f"Fail on photos of more pixels (default: {MAX_PIXELS:,}).",
        "--max-pixels",
        group=RUNNING,
        metavar="N",
        converter=convert.whole(1),
    ),
]

Void: TypeAlias = Annotated[
    int | None,
    option(
        "Pixels of this value in truths never count.",
        "--void",
        group=SCORING,
        metavar="LEVEL",
        converter=convert.whole(0),
    ),
]

ForceFile: TypeAlias = Annotated[bool, option("Replace the file if it exists.", "--force", group=FILES)]

Workers: TypeAlias = Annotated[
    int | None,
    option(
        "Processes (default: auto); results stay the same.",
        "--workers",
        group=RUNNING,
        metavar="N",
        converter=convert.workers,
        n_tokens=1,
    ),
]

Json: TypeAlias = Annotated[bool, option("Print JSON.", "--json", group=FILES)]


@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """A recipe by its name."""

    recipe: Annotated[
        str,
        option(
            f"{', '.join(RECIPES)} or a .toml file.",
            group=RECIPE,
            metavar="NAME",
            complete=lambda: RECIPES,
        ),
    ] = "default"

    @property
    def changed_recipe(self) -> Recipe:
        """The recipe, changed by the flags that were given."""
        given = {item.name: getattr(self, item.name, None) for item in fields(Recipe)}
        return replace(recipe_named(self.recipe), **{name: value for name, value in given.items() if value is not None})


def with_numbers(*stages: Stage) -> Callable[[type[Options]], type[Options]]:
    """Return a class decorator that adds a flag for each number of those stages, which is None if it is not given."""
    numbers = [
        (item.name, Annotated[type(item.default) | None, _flag(item)], field(default=None))
        for item in fields(Recipe)
        if item.metadata["stage"] in stages
    ]

    def decorate(options: type[Options]) -> type[Options]:
        namespace = {"__module__": options.__module__}  # cyclopts flattens no class of the standard library.
        made = make_dataclass(
            options.__name__, numbers, bases=(options,), namespace=namespace, frozen=True, kw_only=True
        )
        return Parameter("*")(made)

    return decorate


def _flag(item: Field[Any]) -> Parameter:
    help, kind = item.metadata["help"], type(item.default)
    converters = {int: convert.whole(), float: convert.real}
    return Parameter(
        help=f"{help[:1].upper()}{help[1:]} (default: {_shown(item.default)}).",
        group=STAGES[item.metadata["stage"]],
        metavar={str: "NAME", int: "N", float: "X"}.get(kind),
        converter=converters.get(kind),
        show_default=False,
    )


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return str(default) or "none"


@with_numbers("saliency")
class SaliencyRecipe(RecipeOptions):
    """A recipe, with flags for what decides a saliency map."""


@with_numbers("saliency", "seeds", "mixtures", "energy", "mask")
class MaskRecipe(RecipeOptions):
    """A recipe, with flags for what decides a mask without hints."""


@with_numbers("saliency", "seeds", "mixtures", "energy", "mask", "hints")
class HintedRecipe(RecipeOptions):
    """A recipe, with flags for all its numbers."""


@dataclass(frozen=True, kw_only=True)
class ShownOptions:
    """How much a run prints."""

    progress: Annotated[
        Kind, option("auto, bar, lines, none, or json (stderr is JSON lines).", group=RUNNING, metavar="STYLE")
    ] = "auto"
    quiet: Annotated[bool, option("Print errors alone.", group=RUNNING)] = False


@dataclass(frozen=True, kw_only=True)
class FolderOptions(ShownOptions):
    """Where a run writes, which classes it looks for, and how it runs."""

    out: Annotated[
        Path,
        option("Output folder, or an s3:// URL.", "--out", "-o", group=FILES, metavar="FOLDER", converter=convert.path),
    ]
    force: Annotated[bool, option("Redo everything, even in a folder not by wsseg.", group=FILES)] = False
    watch: Annotated[bool, option("Watch the folders and process new photos.", group=FILES)] = False
    limit: Annotated[
        int | None, option("Only the first N photos.", group=FILES, metavar="N", converter=convert.whole(1))
    ] = None
    sample: Annotated[
        int | None,
        option("Only N photos, spread over the folders.", group=FILES, metavar="N", converter=convert.whole(1)),
    ] = None
    dry_run: Annotated[bool, option("List the photos and check the options; write nothing.", group=FILES)] = False
    target: Annotated[
        list[str] | None,
        option("Class index, wnid or name; A|B joins two; repeatable.", group=OBJECT, metavar="CLASS"),
    ] = None
    top: Annotated[
        int | None,
        option("Use the N likeliest classes of each photo.", group=OBJECT, metavar="N", converter=convert.whole()),
    ] = None
    classifier: ClassifierName = EMBEDDED
    adapt: ObjectnessFile = None
    device: Device = "cpu"
    workers: Workers = None
    engine: Annotated[
        Literal["local", "ray"], option("local (default), or ray for a Ray cluster.", group=RUNNING, metavar="NAME")
    ] = "local"
    shard: Annotated[
        tuple[int, int] | None,
        option(
            "Process the I-th of N shards; join with wsseg merge.",
            group=RUNNING,
            metavar="I/N",
            converter=convert.shard,
            n_tokens=1,
        ),
    ] = None
    max_pixels: MaxPixels = MAX_PIXELS


@dataclass(frozen=True, kw_only=True)
class StyleOptions:
    """How pictures are drawn."""

    format: Annotated[
        Literal["png", "webp", "jpg"],
        option("png (default), webp or jpg; masks are always PNG.", group=LOOKS, metavar="NAME"),
    ] = "png"
    edge: Annotated[
        Literal["hard", "soft"], option("hard (default), or soft for hair and fur.", group=LOOKS, metavar="NAME")
    ] = "hard"
    feather: Annotated[
        float, option("Width in pixels over which cut-outs fade.", group=LOOKS, metavar="PX", converter=convert.real)
    ] = 0.0
    crop: Annotated[bool, option("Crop cut-outs to the box around the object.", group=LOOKS)] = False
    background: Annotated[
        str, option("Behind cut-outs: white, #00ff60, blur (default: none).", group=LOOKS, metavar="COLOR")
    ] = ""

    @property
    def style(self) -> "Style":
        """The style of the pictures; ValueError names what is out of its range."""
        from wsseg.pictures.style import Style

        return Style(
            format=self.format, edge=self.edge, feather=self.feather, crop=self.crop, background=self.background
        )


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class TruthOptions:
    """How truths are read."""

    layout: Annotated[
        str | None, option("Layout of a benchmark folder, such as ecssd.", group=SCORING, metavar="NAME")
    ] = None
    split: Annotated[str | None, option("Split of a benchmark, such as val.", group=SCORING, metavar="NAME")] = None
    coding: Annotated[
        str | None,
        option("Meaning of values: binary, grey, any, voc, imagenet-s or trimap.", group=SCORING, metavar="NAME"),
    ] = None
    category: Annotated[
        str | None, option("Treat only this class as the object (default: all).", group=SCORING, metavar="CLASS")
    ] = None
    void: Void = None
