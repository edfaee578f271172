"""The request for a run, checked before a network is loaded."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from wsseg.arrays import Box
from wsseg.classifier.categories import Target
from wsseg.engines.stream import check_workers, here, workers_for
from wsseg.pictures.style import PLAIN, Style
from wsseg.recipe import Recipe
from wsseg.runs.batch import Engine
from wsseg.runs.notices import Notice
from wsseg.runs.photos import check_shard
from wsseg.runs.result import PhotoDone
from wsseg.segmenting.outputs import check_style, pictures_of
from wsseg.segmenting.results import LabelMap, Segmentation

if TYPE_CHECKING:
    from wsseg.classifier.classifier import Classifier
    from wsseg.saliency.objectness.objectness import Objectness

Kind: TypeAlias = Literal["saliency", "masks", "labels"]
"""The result that a run makes of each photo."""

EngineName: TypeAlias = Literal["local", "ray"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """The arguments of `segment_folder` or `saliency_folder`; ValueError and TypeError name what is wrong."""

    kind: Kind
    sources: Sequence[str | PathLike[str]]
    out: Path
    classifier: "Classifier | str | Path"
    recipe: Recipe
    objectness: "Objectness | str | PathLike[str] | None"
    targets: Sequence[int | str | Target] | None
    top: int | None
    pictures: tuple[str, ...]
    style: Style | None = None
    """None for saliency, whose pictures have one style."""
    box: Box | None = None
    hints: Path | None = None
    min_confidence: float | None = None
    device: str
    workers: int | None
    """None for as many as are worth it."""
    engine: EngineName
    shard: tuple[int, int] | None
    watch: bool
    limit: int | None
    sample: int | None
    dry_run: bool
    force: bool
    discard_reviews: bool = False
    max_pixels: int
    progress: Callable[[PhotoDone], None] | None
    notice: Notice

    def __post_init__(self) -> None:
        _check_types(self)
        if self.kind != "saliency":
            _check_pictures(self)
        _check_targets(self)
        _check_hints(self)
        _check_min_confidence(self.min_confidence)
        _check_engine(self)
        if self.shard is not None:
            check_shard(self.shard)
        _check_limits(self)
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels must be at least 1, got {self.max_pixels}; leave it out for the default")

    @property
    def drawn_in(self) -> Style:
        """The style of the pictures."""
        return self.style or PLAIN

    @property
    def settings(self) -> dict[str, Any]:
        """The part of the request, beside targets and classifier, that decides a photo's pictures."""
        return {
            "what": self.kind,
            # With instances, a target keeps more than its largest component.
            "instances": self.kind == "labels" and "instances" in self.pictures,
            "box": ",".join(map(str, self.box)) if self.box else None,
            "style": asdict(self.style) if self.style else None,
        }

    def engine_for(self, photos: int | None) -> Engine:
        """Return the engine for so many photos; None is for photos without end."""
        if self.engine == "ray":
            from wsseg.engines.cluster import on_ray

            return partial(on_ray, workers=self.workers)
        workers = self.workers or workers_for(photos)
        if workers == 1:
            return here
        from wsseg.engines.processes import in_processes

        return partial(in_processes, workers=workers)

    def warm_up(self, photos: int | None) -> None:
        """Let worker processes for so many photos, if there are any, begin to import what they need."""
        if self.engine == "local" and (self.workers or workers_for(photos)) > 1:
            from wsseg.engines.processes import warm_up

            warm_up(["wsseg.segmenting.segmenter"])


def box_of(box: Box | Sequence[int] | None) -> Box | None:
    """Return the box that four whole numbers stand for."""
    if box is None:
        return None
    if not isinstance(box, Sequence) or len(box) != 4 or not all(isinstance(each, int) for each in box):
        raise ValueError(f"box must be four whole numbers x0, y0, x1, y1, got {box!r}; give all four in pixels")
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise ValueError(
            f"box must be 0 <= x0 < x1 and 0 <= y0 < y1, got {x0}, {y0}, {x1}, {y1}; give the upper left corner first"
        )
    return Box(x0, y0, x1, y1)


def picture_names(pictures: Iterable[str]) -> tuple[str, ...]:
    """Return the names of pictures, each once."""
    remedy = "put a single name into a list"
    if isinstance(pictures, str) or not isinstance(pictures, Iterable):
        raise TypeError(f"pictures must be a list of names, got {pictures!r}; {remedy}")
    names = list(pictures)
    if strange := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"pictures must be a list of names, got {strange[0]!r} in it; {remedy}")
    return tuple(dict.fromkeys(names))


def _check_types(request: Request) -> None:
    for name in ("top", "limit", "sample", "max_pixels"):
        number = getattr(request, name)
        if type(number) is not int and (number is not None or name == "max_pixels"):
            raise TypeError(f"{name} must be a whole number, got {number!r}; convert it with int()")
    for name, callback in (("progress", request.progress), ("notice", request.notice)):
        if callback is not None and not callable(callback):
            raise TypeError(f"{name} must be a function, got {callback!r}; leave it out for none")
    if not isinstance(request.style, Style | None):
        raise TypeError(f"style must be a wsseg.Style, got {request.style!r}; use wsseg.Style(background='white')")


def _check_pictures(request: Request) -> None:
    possible = pictures_of(LabelMap if request.kind == "labels" else Segmentation)
    if strange := [picture for picture in request.pictures if picture not in possible]:
        raise ValueError(
            f"pictures must be some of {', '.join(possible)}, got {strange[0]!r}; leave out or replace that one"
            if request.kind == "labels" or strange[0] not in pictures_of(LabelMap)
            else f"{strange[0]} needs together, a map of all targets; add together (--together)"
        )
    if not request.pictures:
        raise ValueError(f"pictures must name one or more, got none; leave them out for {possible[0]}")
    style = request.drawn_in
    shaped = {"cutout", "alpha"} & {*request.pictures}
    used = {"edge": shaped, "feather": shaped, "crop": "cutout" in shaped, "background": "cutout" in shaped}
    if unused := [name for name in used if not used[name] and getattr(style, name) != getattr(PLAIN, name)]:
        remedy = f"add cutout to pictures (--write) or leave out {unused[0]}"
        raise ValueError(f"{unused[0]} needs cut-outs, got only {', '.join(request.pictures)}; {remedy}")
    if "alpha" in shaped and style.edge == "hard" and style.feather <= 1:
        raise ValueError("alpha must differ from the mask, got a hard edge; add edge='soft' (--edge soft) or a feather")
    check_style(style, request.pictures)


def _check_targets(request: Request) -> None:
    targets, top = request.targets, request.top
    if targets is not None and (isinstance(targets, str) or not isinstance(targets, Sequence)):
        raise TypeError(f"targets must be a list, got {targets!r}; put a single target into one")
    if targets is not None and not targets:
        raise ValueError("targets must name one or more, got none; leave them out for the classifier's own choice")
    if top is not None and targets is not None:
        raise ValueError("top and targets (--top, --target) cannot be combined; leave out one of the two")
    if top is not None and top < 1:
        raise ValueError(f"top must be at least 1, got {top}; it is the number of classes")
    hinted = request.box is not None or request.hints is not None
    if request.kind == "labels" and hinted:
        raise ValueError("together and hints cannot be combined; leave out one of the two")
    if request.kind == "labels" and not targets:
        raise ValueError("together needs targets, got none; add those that the photos may show (--target)")
    if hinted and (top or len(targets or ()) > 1):
        raise ValueError("hints must be of one target, got several; leave out top and all but one target")


def _check_min_confidence(least: float | None) -> None:
    if least is None:
        return
    if isinstance(least, bool) or not isinstance(least, (int, float)):
        raise TypeError(f"min_confidence must be a number, got {least!r}; convert it with float()")
    if not 0 <= least <= 1:
        raise ValueError(f"min_confidence must be from 0 to 1, got {least}; wsseg calibrate finds one for your photos")


def _check_hints(request: Request) -> None:
    if request.box is not None and request.hints is not None:
        raise ValueError(f"box must be the only hint, got '{request.hints}' too; draw the box into its seeds")
    if request.watch and request.hints is not None:
        raise ValueError(
            "hints need photos that exist already, got watched folders (--watch); leave out one of the two"
        )
    if request.watch and request.box is not None:
        raise ValueError("box needs exactly one photo, got watched folders (--watch); leave out one of the two")


def _check_limits(request: Request) -> None:
    given = {name: number for name in ("limit", "sample") if (number := getattr(request, name)) is not None}
    for name, number in given.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}; it is a number of photos")
    if len(given) > 1:
        raise ValueError("limit and sample (--limit, --sample) cannot be combined; leave out one of the two")
    if request.watch and (given or request.dry_run):
        name = next(iter(given), "dry_run")
        raise ValueError(
            f"{name} needs photos that exist already, got watched folders (--watch); leave out one of both"
        )


def _check_engine(request: Request) -> None:
    check_workers(request.workers)
    if request.engine not in ("local", "ray"):
        raise ValueError(f"engine must be local or ray, got {request.engine!r}; choose one of the two")
    if request.engine == "ray" and (request.watch or request.device != "cpu"):
        got = "watch (--watch)" if request.watch else f"device {request.device}"
        raise ValueError(f"engine ray (--engine ray) does not support {got}; leave out one of the two")
