"""The commands that serve: a page to review a run, and masks to a labeling tool."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import wsseg
from wsseg.cli import convert
from wsseg.cli.options import FILES, RECIPE, RUNNING, ClassifierName, ObjectnessFile, option
from wsseg.cli.output import answer, say, warn
from wsseg.recipe import EMBEDDED, RECIPES


@Parameter("*")
@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """The options of `wsseg review`."""

    out: Annotated[
        Path | None,
        option(
            "Run to segment photos into; they are reviewed as they are done.", "--out", "-o", group=FILES, metavar="RUN"
        ),
    ] = None
    port: Annotated[
        int | None, option("Port of the page (default: 8642).", group=RUNNING, metavar="N", converter=convert.whole(0))
    ] = None
    no_open: Annotated[bool, option("Do not open a browser.", "--no-open", group=RUNNING)] = False
    host: Annotated[
        str, option("Address of the page (default: 127.0.0.1); others need a token.", group=RUNNING, metavar="NAME")
    ] = "127.0.0.1"
    token: Annotated[
        str | None, option("What the page must know (default: made anew).", group=RUNNING, metavar="WORD")
    ] = None
    classifier: Annotated[
        str | None,
        option(
            "Classifier for hints (default: that of the run).",
            "--classifier",
            group=RECIPE,
            metavar="NAME",
            converter=convert.classifier,
        ),
    ] = None
    recipe: Annotated[
        str | None,
        option(f"{', '.join(RECIPES)} or a .toml file (default: that of the run).", group=RECIPE, metavar="NAME"),
    ] = None
    adapt: ObjectnessFile = None


def serve(
    photos: Annotated[Path, option("Folder of photos: the document root of the local storage.", "PHOTOS", group=FILES)],
    /,
    *,
    label_studio: Annotated[bool, option("Speak Label Studio's ML backend protocol.", "--label-studio", group=FILES)],
    port: Annotated[
        int | None, option("Port (default: 9090).", group=RUNNING, metavar="N", converter=convert.whole(0))
    ] = None,
    classifier: ClassifierName = EMBEDDED,
    recipe: Annotated[str, option(f"{', '.join(RECIPES)} or a .toml file.", group=RECIPE, metavar="NAME")] = "default",
    adapt: ObjectnessFile = None,
) -> int:
    """Serve masks to a labeling tool, also under the hints that are given there."""
    wsseg.serve_label_studio(
        photos, classifier=classifier, recipe=recipe, objectness=adapt, port=port, announce=answer, notice=warn
    )
    return 0


def review(
    paths: Annotated[
        list[Path],
        option("Folder of a run; with --out, photos or folders.", "PATH", group=FILES, converter=convert.paths),
    ],
    /,
    *,
    options: ReviewOptions = ReviewOptions(),
) -> int:
    """Open a page to correct, accept and reject the masks of a run."""
    if options.out is None and len(paths) > 1:
        raise ValueError(
            f"run must be one folder, got {len(paths)}; review one at a time, or name a run for them (--out)"
        )
    run = options.out or paths[0]
    wsseg.serve_review(
        run,
        photos=paths if options.out else None,
        classifier=options.classifier,
        recipe=options.recipe,
        objectness=options.adapt,
        host=options.host,
        port=options.port,
        token=options.token,
        browser=not options.no_open,
        announce=answer,
        notice=warn,
    )
    say(f"review ended; export what was accepted: wsseg export '{run}' --accepted --to coco --out masks.json")
    return 0
