"""The commands that learn from a person's own photos: adapt and tune."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated

from cyclopts import Parameter

import wsseg
from wsseg.cli import convert
from wsseg.cli.options import (
    FILES,
    OBJECT,
    RECIPE,
    SCORING,
    ClassifierName,
    ForceFile,
    MaskRecipe,
    MaxPixels,
    ObjectnessFile,
    Paths,
    Void,
    Workers,
    option,
)
from wsseg.cli.output import RESUME, SOME_FAILED, answer, complain, say, tracking
from wsseg.files.text import counted
from wsseg.recipe import EMBEDDED, FOLDS, MAX_PIXELS, ROUNDS, TRIALS


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class AdaptOptions:
    """The options of `wsseg adapt`."""

    out: Annotated[Path, option("File for the network.", "--out", "-o", group=FILES, metavar="FILE")]
    force: ForceFile = False
    reviewed: Annotated[
        bool, option("Learn from the masks of a run that a person accepted.", "--reviewed", group=FILES)
    ] = False
    classifier: Annotated[
        str | None,
        option(
            "Learn a new network on the layers of this one (default: go on with the bundled network).",
            "--classifier",
            group=RECIPE,
            metavar="NAME",
            converter=convert.classifier,
        ),
    ] = None
    rounds: Annotated[
        int,
        option(
            f"Rounds of labeling and learning (default: {ROUNDS}).",
            group=SCORING,
            metavar="N",
            converter=convert.whole(1),
        ),
    ] = ROUNDS
    workers: Workers = None
    max_pixels: MaxPixels = MAX_PIXELS


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class TuneOptions(MaskRecipe):
    """The options of `wsseg tune`."""

    out: Annotated[Path, option("Recipe file to write, .toml.", "--out", "-o", group=FILES, metavar="FILE")]
    force: ForceFile = False
    target: Annotated[
        str | None, option("Class that all photos show: index, wnid or name.", group=OBJECT, metavar="CLASS")
    ] = None
    classifier: ClassifierName = EMBEDDED
    adapt: ObjectnessFile = None
    void: Void = None
    folds: Annotated[
        int,
        option(
            f"Groups of photos, each held out once (default: {FOLDS}).",
            group=SCORING,
            metavar="N",
            converter=convert.whole(2),
        ),
    ] = FOLDS
    trials: Annotated[
        int, option(f"Recipes to try (default: {TRIALS}).", group=SCORING, metavar="N", converter=convert.whole(1))
    ] = TRIALS


def adapt(paths: Paths, /, *, options: AdaptOptions) -> int:
    """Learn from photos without masks what objects look like, for --adapt."""
    from wsseg.files.store import check_new_file

    check_new_file(options.out, force=options.force)
    failed = []

    def note_failure(sentence: str) -> None:
        failed.append(sentence)
        complain(sentence)

    partial = options.out.with_name(f"{options.out.name}.partial")
    with tracking("learning", after=RESUME) as track:
        found = wsseg.adapt(
            paths,
            reviewed=options.reviewed,
            classifier=options.classifier,
            rounds=options.rounds,
            checkpoint=partial,
            workers=options.workers,
            max_pixels=options.max_pixels,
            track=track,
            notice=note_failure,
        )
    found.save(options.out, force=options.force)
    learned = found.provenance.photos
    say(f"{learned} of {counted(learned + len(failed), 'photo')} learned: {options.out}")
    return SOME_FAILED if failed else 0


def tune(
    photos: Annotated[Path, option("Folder of photos, or a reviewed run.", "PHOTOS", group=FILES)],
    truths: Annotated[
        Path | None,
        option("Folder of their truths, with the same names (default: the run's reviews).", "TRUTHS", group=FILES),
    ] = None,
    /,
    *,
    options: TuneOptions,
) -> int:
    """Find the best recipe for your photos from truths of some of them."""
    from wsseg.learning.tuning import check_recipe_file

    check_recipe_file(options.out, force=options.force)
    recipe = options.changed_recipe
    with tracking("tuning") as track:
        tuning = wsseg.tune(
            photos,
            truths,
            classifier=options.classifier,
            recipe=recipe,
            objectness=options.adapt,
            target=options.target,
            void=options.void,
            folds=options.folds,
            trials=options.trials,
            track=track,
        )
    before, after = (f"{fmean(scores.values()):.3f}" for scores in (tuning.before, tuning.after))
    style = "yellow" if tuning.interval[0] <= 0 else ""
    answer(f"mean IoU {before} before, {after} after: {tuning.verdict}", style)
    for name, value in tuning.changes.items():
        answer(f"{name} = {json.dumps(value)}")
    tuning.save(options.out, force=options.force)
    say(f"use it with --recipe {options.out}")
    return 0
