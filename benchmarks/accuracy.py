"""Measure the mean IoU of a recipe, its parts and peers, on folders of photos with masks, at the photos' own size.

    python benchmarks/accuracy.py --data DIR --recipe default --limit 20
    python benchmarks/accuracy.py --data DIR --ablate

DIR holds `images/NAME.jpg` and `masks/NAME.png`, or one such folder for each set. The table ends with the mean over the
sets. With `--targets`, the target of a photo comes from `classes.json` in its set, `{NAME: {"imagenet": {WNID: ...}}}`;
a photo may have none. Each number of the recipe is a flag, as in `wsseg segment --help-recipe`.
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import cv2
import cyclopts
import numpy as np
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from intervals import interval
from provenance import provenance
from rich.console import Console
from rich.progress import track
from rich.table import Table
from variants import Looker, Variant, cut, objects, otsu, variants_of

import wsseg
from wsseg.arrays import Seeds
from wsseg.cli.options import MaskRecipe
from wsseg.files.photos import read_photo
from wsseg.metrics import scores
from wsseg.recipe import EMBEDDED, Recipe

VOID = {"grabcut": 128}
"""The void value of the truths, by set."""

Data = Annotated[Path, Parameter(help="Folder of sets, or one set.")]

NO_FLAGS = MaskRecipe()
"""The flags of the recipe, none of which is given."""

HALVES = {"half that numbers were chosen on": 0, "other half": 1}
"""Parts of each set: every second photo in the order of names, from this one."""

WORKER: list[tuple[wsseg.Classifier, dict[str, Variant]]] = []
"""The network of a worker process, and the variants that it tries on each photo."""


@dataclass(frozen=True)
class Sample:
    """A photo, its truth and the target to look for."""

    collection: str
    photo: Path
    truth: Path
    target: str | None


@dataclass(frozen=True)
class Score:
    """The scores of one photo, by variant."""

    collection: str
    ious: dict[str, float]
    boundaries: dict[str, float]
    """Boundary F, with the tolerance of DAVIS."""
    seconds: dict[str, float]
    """Seconds of each variant, without the saliency if an earlier variant has made it."""


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt | None, Parameter(help="Maximum number of photos of each set, evenly spaced.")] = None,
    classifier: Annotated[str, Parameter(help="As in wsseg segment.")] = EMBEDDED,
    workers: Annotated[PositiveInt, Parameter(help="Number of processes; it does not change the scores.")] = 1,
    targets: Annotated[bool, Parameter(help="Use the classes in classes.json as targets.", negative=())] = False,
    ablate: Annotated[bool, Parameter(help="Also leave out each part, and run the peers.", negative=())] = False,
    options: MaskRecipe = NO_FLAGS,
) -> None:
    """Print the mean IoU of each set, and the mean over the sets last."""
    recipe = options.changed_recipe
    samples = list(samples_of(data, limit, targets))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), start_worker, (classifier, recipe, ablate))
    with pool:
        results = list(track(pool.map(score, samples), total=len(samples), console=Console(stderr=True)))
    print(provenance())
    Console(width=160).print(table_of(results))


def samples_of(data: Path, limit: int | None, targets: bool = False) -> Iterator[Sample]:
    """Yield the photos of each set, at most `limit` of them."""
    folders = sorted(folder for folder in (data, *data.iterdir()) if (folder / "masks").is_dir())
    if not folders:
        raise ValueError(
            f"data must hold images and masks, or folders that do, got '{data}'; give the folder that holds them"
        )
    for folder in folders:
        photos = sorted((folder / "images").iterdir())
        listed = targets and (folder / "classes.json").is_file()
        classes = json.loads((folder / "classes.json").read_text()) if listed else {}
        chosen = np.linspace(0, len(photos) - 1, min(limit or len(photos), len(photos))).round().astype(int)
        for photo in (photos[index] for index in chosen):
            wnids = classes.get(photo.stem, {}).get("imagenet")
            target = "|".join(wnids) if wnids else None
            yield Sample(folder.name, photo, folder / "masks" / f"{photo.stem}.png", target)


def truth_of(sample: Sample) -> Seeds:
    """Return the truth of a photo."""
    return wsseg.read_truth(sample.truth, void=VOID.get(sample.collection))


def start_worker(classifier: str, recipe: Recipe, ablate: bool) -> None:
    """Load the network once in each process, on one core."""
    cv2.setNumThreads(1)
    network = wsseg.load_classifier(classifier)
    plain = {"recipe": cut(recipe), "its map by Otsu": otsu(recipe), "its map of objects at .5": objects(recipe)}
    variants = variants_of(recipe) if ablate else plain
    WORKER.append((network, dict(variants)))


def score(sample: Sample) -> Score:
    """Segment a photo by each variant and compare the masks with its truth."""
    truth = truth_of(sample)
    classifier, variants = WORKER[0]
    looker = Looker(classifier, read_photo(sample.photo).image, sample.target)
    ious, boundaries, seconds = {}, {}, {}
    for name, variant in variants.items():
        start = perf_counter()
        mask = variant(looker)
        seconds[name] = perf_counter() - start
        found = scores(mask, truth)
        ious[name], boundaries[name] = found["iou"], found["boundary_f"]
    return Score(sample.collection, ious, boundaries, seconds)


def table_of(results: list[Score]) -> Table:
    """Return a row for each variant: mean IoU of each set and of the sets, mean boundary F, and median seconds.

    The first variant also has rows for its 95 % intervals and for the two halves of each set.
    """
    sets = {result.collection: [one for one in results if one.collection == result.collection] for result in results}
    heads = (*(f"{name} ({len(scored)})" for name, scored in sets.items()), "mean", "boundary F", "median seconds")
    table = Table("", *heads)
    for variant in results[0].ious:
        boundary = np.mean([np.mean([one.boundaries[variant] for one in scored]) for scored in sets.values()])
        seconds = median(one.seconds[variant] for one in results)
        table.add_row(variant, *means_of(sets.values(), variant), f"{boundary:.3f}", f"{seconds:.2f}")
    first = next(iter(results[0].ious))
    table.add_row("its 95 % interval", *(interval([one.ious[first] for one in scored]) for scored in sets.values()))
    for name, start in HALVES.items():
        table.add_row(f"its {name}", *means_of([scored[start::2] for scored in sets.values()], first))
    return table


def means_of(sets: Iterable[list[Score]], variant: str) -> list[str]:
    """Return the mean IoU of each set, and the mean of these."""
    means = [np.mean([one.ious[variant] for one in scored]) if scored else np.nan for scored in sets]
    return [f"{mean:.3f}" for mean in (*means, np.mean(means))]


if __name__ == "__main__":
    cyclopts.run(main)
