"""The commands that show or pass on what there is: report, export, visualize, models and doctor."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter
from rich.table import Table

import wsseg
from wsseg.cli import convert
from wsseg.cli.options import (
    FILES,
    RUNNING,
    ClassifierName,
    Device,
    ForceFile,
    Json,
    MaxPixels,
    TruthOptions,
    option,
)
from wsseg.cli.output import SOME_FAILED, add_row, answer, answer_json, answers, complain, say, tracking, warn
from wsseg.files.text import counted, escape_unprintable
from wsseg.recipe import EMBEDDED, MAX_PIXELS, VISUALIZATION_STEPS

if TYPE_CHECKING:
    from wsseg.classifier.catalog import Model
    from wsseg.doctor import Diagnosis, Weights

STATES = {
    "installed": "their weights came with wsseg or an extra",
    "cached": "their weights were downloaded",
    "extra": "pip installs their weights",
    "download": "their weights are downloaded on first use",
}
"""Headings of the groups that `wsseg models` lists, in their order."""

SHOWN = 10
"""How many problems are printed if the page lists all of them."""


RunFolder: TypeAlias = Annotated[
    Path, option("Folder of a run, or an s3:// URL.", "RUN", group=FILES, converter=convert.path)
]


def _formats() -> Sequence[str]:
    from wsseg.export.export import EXPORTERS

    return tuple(EXPORTERS)


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class ReportOptions(TruthOptions):
    """The options of `wsseg report`."""

    out: Annotated[
        Path, option("Page to write (default: report.html).", "--out", "-o", group=FILES, metavar="FILE")
    ] = Path("report.html")
    truth: Annotated[
        Path | None, option("Truths, as in wsseg evaluate, for scores and errors.", group=FILES, metavar="FOLDER")
    ] = None
    force: Annotated[bool, option("Replace even a file that is not a report.", group=FILES)] = False
    max_pixels: MaxPixels = MAX_PIXELS


def report(
    run: RunFolder,
    /,
    *,
    options: ReportOptions = ReportOptions(),
) -> int:
    """Write a web page to look at a run: its best, its worst and every picture."""
    with tracking("report") as track:
        written = wsseg.write_report(
            run,
            options.out,
            truths=options.truth,
            layout=options.layout,
            split=options.split,
            coding=options.coding,
            category=options.category,
            void=options.void,
            max_pixels=options.max_pixels,
            force=options.force,
            track=track,
        )
    for problem in written.problems[:SHOWN]:
        complain(problem)
    if rest := written.problems[SHOWN:]:
        complain(f"{counted(len(rest), 'more problem')} on the page")
    say(f"{counted(written.photos, 'photo')}: {options.out}")
    return SOME_FAILED if written.problems else 0


def export(
    run: RunFolder,
    /,
    *,
    to: Annotated[
        str,
        option(
            "coco, voc, cvat, labelme, labelstudio, yolo or huggingface.",
            "--to",
            group=FILES,
            metavar="FORMAT",
            complete=_formats,
        ),
    ],
    out: Annotated[
        Path,
        option(
            "File (coco: .json, cvat: .zip) or folder to write.",
            "--out",
            "-o",
            group=FILES,
            metavar="PATH",
            converter=convert.path,
        ),
    ],
    photos: Annotated[bool, option("Copy the photos too (voc, labelme, yolo).", "--photos", group=FILES)] = False,
    categories: Annotated[
        Path | None,
        option(
            "Earlier export, or text file with a name on each line; fixes class numbers.", group=FILES, metavar="FILE"
        ),
    ] = None,
    accepted: Annotated[
        bool, option("Only masks that a person accepted or corrected.", "--accepted", group=FILES)
    ] = False,
    reviewed: Annotated[
        bool, option("Only masks that a person decided on, rejected ones too.", "--reviewed", group=FILES)
    ] = False,
    polygons: Annotated[bool, option("Polygons instead of run lengths (coco only).", group=FILES)] = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    force: Annotated[bool, option("Replace files of the same names.", group=FILES)] = False,
) -> int:
    """Write the masks of a run in the format of another tool."""
    if accepted and reviewed:
        raise ValueError("--accepted and --reviewed cannot be combined; leave out one of the two")
    with tracking("photos") as track:
        exported = wsseg.export_run(
            run,
            to,
            out,
            photos=photos,
            categories=categories,
            polygons=polygons,
            only="accepted" if accepted else "reviewed" if reviewed else None,
            force=force,
            max_pixels=max_pixels,
            track=track,
        )
    for loss in exported.losses:
        warn(f"{loss.photo}: lost in {to}: {loss.lost}")
    for name in exported.failed:
        warn(f"{name}: left out because the run failed on it")
    say(f"{counted(exported.photos, 'photo')} exported: {out}")
    return 0


def visualize(
    category: Annotated[str, option("Class index, wnid or name; A|B joins two.", "CLASS", group=FILES)],
    /,
    *,
    out: Annotated[Path, option("Picture to write: .png, .webp or .jpg.", "--out", "-o", group=FILES, metavar="FILE")],
    force: ForceFile = False,
    classifier: ClassifierName = EMBEDDED,
    device: Device = "cpu",
    steps: Annotated[
        int,
        option(
            f"Steps from grey to the picture (default: {VISUALIZATION_STEPS}).",
            group=RUNNING,
            metavar="N",
            converter=convert.whole(1),
        ),
    ] = VISUALIZATION_STEPS,
    random_state: Annotated[
        int,
        option(
            "Seed of the random shifts (default: 0).",
            group=RUNNING,
            metavar="N",
            converter=convert.whole(),
        ),
    ] = 0,
) -> int:
    """Write the picture that the classifier finds most typical of a class."""
    from wsseg.classifier.sources import check_targets
    from wsseg.files.encode import check_new_picture

    check_new_picture(out, force=force)
    check_targets(classifier, [category])
    with tracking("steps") as track:
        made = wsseg.visualize(
            category, classifier=classifier, device=device, steps=steps, random_state=random_state, track=track
        )
    made.save(out, force=force)
    answer(f"{made.target.category}, probability {made.probability:.2f}: {out}")
    return 0


def models(
    *,
    every: Annotated[bool, option("Also list classifiers that would be downloaded.", "--all", group=FILES)] = False,
    categories: Annotated[bool, option("Show the classes of --classifier as a tree.", group=FILES)] = False,
    under: Annotated[
        str | None, option("Show only the classes of this kind, such as dog.", group=FILES, metavar="KIND")
    ] = None,
    classifier: Annotated[
        str,
        option(
            f"Classifier whose classes are shown (default: {EMBEDDED}).",
            group=FILES,
            metavar="NAME",
            converter=convert.classifier,
        ),
    ] = EMBEDDED,
    as_json: Json = False,
) -> int:
    """List the classifiers, or the classes of one."""
    if categories or under is not None:
        for line in wsseg.load_classifier(classifier).categories.tree(under).lines():
            answer(line)
        return 0
    known = list(wsseg.models())
    shown = known if every else [model for model in known if model.state != "download"]
    if as_json:
        answer_json([{**model._asdict(), "file": str(model.file) if model.file else None} for model in shown])
        return 0
    for state, meaning in STATES.items():
        if group := [model for model in shown if model.state == state]:
            answer(f"{state}: {meaning}", "bold")
            answer(_models(group))
    if rest := len(known) - len(shown):
        say(f"{rest} more can be downloaded; list them with --all")
    return 0


def _models(group: Sequence["Model"]) -> Table:
    """Return a table of models of one state; the longest names of timm leave room for two numbers in 80 columns."""
    commands = [model.origin if model.state == "extra" else "" for model in group]
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(overflow="fold")
    made.add_column(justify="right")
    made.add_column(justify="right")
    if any(commands):
        made.add_column(overflow="fold")
    for model, command in zip(group, commands, strict=True):
        parameters = f"{model.parameters / 1e6:.1f} M" if model.parameters else ""
        size = f"{model.megabytes:.0f} MB" if model.megabytes else ""
        add_row(made, model.name, parameters, size, *filter(None, [command]))
    return made


def doctor(*, as_json: Json = False) -> int:
    """Check the installation, and time one photo."""
    found = wsseg.diagnose()
    if as_json:
        answer_json(found.as_json())
    else:
        answer(_diagnosis(found))
        for one in found.weights:
            answer(_weights(one))
        if not found.problem:
            answer("photos can be segmented")
    if found.problem and not as_json:
        complain(f"no photo can be segmented: {found.problem}; {found.remedy}")
    return SOME_FAILED if found.problem else 0


def _diagnosis(found: "Diagnosis") -> Table:
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", overflow="fold")
    made.add_column(overflow="fold")
    for name, version in found.versions.items():
        add_row(made, name, version or ("missing; pip install wsseg", "red"))
    add_row(made, "system", found.system)
    for name, device in found.devices.items():
        add_row(made, name, device)
    for recipe, seconds in found.seconds.items():
        add_row(made, recipe, f"{seconds:.2f} s for a photo of 451 x 300")
    for extra, command in found.missing.items():
        add_row(made, extra, (f"not installed; {command}", "yellow"))
    return made


def _weights(weights: "Weights") -> Table:
    """Return a table of one weights file, whose rows have the full width for the digest and the path."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(overflow="fold")
    sound = "sound" if weights.sound else "damaged; delete it and download it again"
    add_row(made, f"weights of {weights.classifier}: {sound}", style="" if weights.sound else "red")
    if weights.sha256:
        add_row(made, f"  SHA-256 {weights.sha256}")
    for line in _path_lines(weights.file, answers.width - 2):
        add_row(made, f"  {line}")
    return made


def _path_lines(path: Path, width: int) -> list[str]:
    """Return the path in lines of at most `width` characters if its parts allow that, broken after slashes only."""
    *folders, file = map(escape_unprintable, path.parts)
    lines = [""]
    for part in (*(folder if folder.endswith(os.sep) else f"{folder}{os.sep}" for folder in folders), file):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return lines
