"""The commands that make runs: segment, saliency and merge."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

import wsseg
from wsseg.cli import convert
from wsseg.cli.options import (
    FILES,
    OBJECT,
    FolderOptions,
    HintedRecipe,
    Paths,
    RecipeOptions,
    SaliencyRecipe,
    ShownOptions,
    StyleOptions,
    option,
)
from wsseg.cli.output import CANNOT_RUN, RESUME, SOME_FAILED, answer, complain, messages, say, silenced, tracking, warn
from wsseg.files.text import counted
from wsseg.runs.progress import Advance, Kind, progress
from wsseg.runs.review import REVIEW

if TYPE_CHECKING:
    from wsseg.runs.record import Record
    from wsseg.runs.result import FolderRun, PhotoDone

STYLES = {"": "", "ok": "", "unsure": "", "weak": "yellow", "no object": "yellow"}
"""The look of a line about a photo, by the status of its mask."""


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class SegmentOptions(HintedRecipe, FolderOptions, StyleOptions):
    """The options of `wsseg segment`."""

    write: Annotated[
        list[str] | None,
        option(
            "mask (default), cutout, alpha, overlay, seeds, saliency, strip; with --together labels (default), "
            "instances, overlay. Separate by commas, or repeat.",
            group=FILES,
            metavar="NAMES",
            converter=convert.words,
        ),
    ] = None
    together: Annotated[bool, option("One map of all targets; pixels have one or none.", group=OBJECT)] = False
    box: Annotated[
        tuple[int, int, int, int] | None,
        option(
            "Box around the object of the one photo, in pixels.",
            group=OBJECT,
            metavar="X0,Y0,X1,Y1",
            converter=convert.box,
            n_tokens=1,
        ),
    ] = None
    min_confidence: Annotated[
        float | None,
        option("List photos below this in OUT/review.txt.", group=FILES, metavar="C", converter=convert.real),
    ] = None
    discard_reviews: Annotated[
        bool, option("With --force, redo reviewed photos too.", "--discard-reviews", group=FILES)
    ] = False
    hints: Annotated[
        Path | None,
        option("Seed PNGs: 0 background, 128 unknown, 255 object.", group=OBJECT, metavar="FOLDER"),
    ] = None


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class SaliencyOptions(SaliencyRecipe, FolderOptions):
    """The options of `wsseg saliency`."""


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class DemoOptions(RecipeOptions, ShownOptions):
    """The options of `wsseg demo`."""


def segment(paths: Paths, /, *, options: SegmentOptions) -> int:
    """Write a mask of what each photo shows to OUT/masks."""
    with _photos_shown(options) as show:
        run = wsseg.segment_folder(
            paths,
            options.out,
            classifier=options.classifier,
            recipe=options.changed_recipe,
            objectness=options.adapt,
            targets=options.target,
            top=options.top,
            together=options.together,
            box=options.box,
            hints=options.hints,
            pictures=options.write,
            min_confidence=options.min_confidence,
            style=options.style,
            device=options.device,
            workers=options.workers,
            engine=options.engine,
            shard=options.shard,
            watch=options.watch,
            limit=options.limit,
            sample=options.sample,
            dry_run=options.dry_run,
            force=options.force,
            discard_reviews=options.discard_reviews,
            max_pixels=options.max_pixels,
            progress=show,
            notice=warn,
        )
    return _say_done(run, quiet=options.quiet)


def saliency(paths: Paths, /, *, options: SaliencyOptions) -> int:
    """Write a heatmap of where the classifier looks in each photo."""
    with _photos_shown(options) as show:
        run = wsseg.saliency_folder(
            paths,
            options.out,
            classifier=options.classifier,
            recipe=options.changed_recipe,
            objectness=options.adapt,
            targets=options.target,
            top=options.top,
            device=options.device,
            workers=options.workers,
            engine=options.engine,
            shard=options.shard,
            watch=options.watch,
            limit=options.limit,
            sample=options.sample,
            dry_run=options.dry_run,
            force=options.force,
            max_pixels=options.max_pixels,
            progress=show,
            notice=warn,
        )
    return _say_done(run, quiet=options.quiet)


def demo(
    *,
    out: Annotated[
        Path,
        option(
            "Folder to write (default: wsseg-demo).",
            "--out",
            "-o",
            group=FILES,
            metavar="FOLDER",
            converter=convert.path,
        ),
    ] = Path("wsseg-demo"),
    force: Annotated[bool, option("Replace files of the same names.", "--force", group=FILES)] = False,
    options: DemoOptions = DemoOptions(),
) -> int:
    """Write sample photos and segment them, to try wsseg on."""
    with _photos_shown(options) as show:
        run = wsseg.demo(out, recipe=options.changed_recipe, force=force, progress=show)
    if not options.quiet:
        say(f"now try, in {out}: wsseg segment cat.jpg -o cut --write cutout --edge soft")
    return _say_done(run, quiet=options.quiet)


def merge(
    runs: Annotated[list[Path], option("Folders of runs, or s3:// URLs.", "RUN", group=FILES, converter=convert.paths)],
    /,
    *,
    out: Annotated[
        Path, option("Folder for the merged run.", "--out", "-o", group=FILES, metavar="FOLDER", converter=convert.path)
    ],
) -> int:
    """Merge runs, such as those of shards, into one that can be resumed."""
    with tracking("merging", after=RESUME) as track:
        merging = wsseg.merge_runs(runs, out, track=track)
    for run in merging.unfinished:
        warn(f"{run} did not finish and may be missing photos; rerun it")
    failed = f", {merging.failed} of them failed" if merging.failed else ""
    lacking = f", {merging.lacking} left out because their pictures are missing or stale" if merging.lacking else ""
    review = _review_text(merging.review, out)
    say(f"{counted(merging.photos, 'photo')} from {counted(len(runs), 'run')}{failed}{lacking}: {out}{review}")
    return 0


@contextmanager
def _photos_shown(options: ShownOptions) -> Iterator[Callable[["PhotoDone"], None]]:
    """Yield a callback that shows the progress and prints each photo's findings; after an interrupt, say what to do."""
    with ExitStack() as stack:
        stack.enter_context(silenced(options.quiet))
        kind: Kind = "none" if options.quiet else options.progress
        advance: Advance | None = None
        done = failed = 0

        def show(photo: "PhotoDone") -> None:
            nonlocal advance, done, failed
            if advance is None:  # The number of photos is known now.
                advance = stack.enter_context(progress("photos", photo.total, kind, messages))
            advance(items=photo.done + photo.failed - done - failed, failed=photo.failed - failed)
            done, failed = photo.done, photo.failed
            if photo.fresh:
                _show_record(photo.record)

        try:
            yield show
        except (KeyboardInterrupt, SystemExit):
            stack.close()
            say(f"interrupted; {RESUME}")
            raise
        except RuntimeError as error:
            from wsseg.runs.bugs import InternalError

            if not isinstance(error, InternalError):
                raise
            stack.close()
            complain(str(error), lead="error: ")
            raise SystemExit(CANNOT_RUN) from error


def _show_record(record: "Record") -> None:
    if record.error:
        complain(record.error if record.input in record.error else f"{record.input}: {record.error}")
    for found in record.findings:
        status = found.status or ""
        sure = status if found.confidence is None else f"{status} {found.confidence:.2f}"
        words = [record.input, f"{found.category} {found.probability:.2f}", sure, *found.reasons]
        answer("  ".join(filter(None, words)), STYLES[status])


def _say_done(run: "FolderRun", *, quiet: bool) -> int:
    if quiet:
        return SOME_FAILED if run.failed else 0
    if run.planned:
        for source in run.planned:
            answer(str(source.path))
        say(f"{counted(len(run.planned), 'photo')} planned, nothing written: {', '.join(map(str, run.folders))}")
        return 0
    kept = f" ({run.kept} from an earlier run)" if run.kept else ""
    review = _review_text(run.review, run.out)
    say(f"{run.done} of {counted(run.photos, 'photo')} done{kept}: {', '.join(map(str, run.folders))}{review}")
    return SOME_FAILED if run.failed else 0


def _review_text(photos: int | None, out: Path) -> str:
    return "" if photos is None else f"; {photos} to review: {out / REVIEW}"
