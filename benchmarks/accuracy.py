"""Mean IoU of a recipe over folders of photos with masks, at the photos' own size, no target given.

    python benchmarks/accuracy.py --data DIR --recipe default --limit 20

DIR holds a folder for each set, with `images/NAME.jpg` and `masks/NAME.png` in it. The table ends with the mean over
the sets. `wsseg segment --help` lists the numbers of a recipe, each of which is a flag here too.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import cv2
import numpy as np
import typer
from provenance import provenance
from rich.console import Console
from rich.progress import track
from rich.table import Table

import wsseg
from wsseg.cli import recipe_flags
from wsseg.metrics import scores
from wsseg.recipe import Recipe

VOID = {"grabcut": 128}
"""The value of the truths that never counts, by set."""

WORKER: list[wsseg.Segmenter] = []
"""A worker process's own segmenter."""


@dataclass(frozen=True)
class Sample:
    """A photo and its truth."""

    collection: str
    photo: Path
    truth: Path


@dataclass(frozen=True)
class Score:
    """What one photo came to; `otsu` is the IoU of the saliency alone, thresholded."""

    collection: str
    iou: float
    otsu: float
    status: str
    seconds: float


def main(
    *,
    data: Annotated[Path, typer.Option(help="Folder of sets.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Photos of each set at most, evenly spread.")] = None,
    classifier: Annotated[str, typer.Option(help="As in wsseg segment.")] = "efficientnet_lite0",
    workers: Annotated[int, typer.Option(min=1, help="Processes; the figures do not depend on them.")] = 1,
    recipe: Recipe,
) -> None:
    """Print the mean IoU of each set, and the mean over the sets last."""
    samples = list(samples_of(data, limit))
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=start_worker, initargs=(classifier, recipe)) as pool:
        results = list(track(pool.map(score, samples), total=len(samples), console=Console(stderr=True)))
    print(provenance())
    Console().print(table_of(results))


def samples_of(data: Path, limit: int | None) -> Iterator[Sample]:
    """Every photo that has a truth, or `limit` of each set."""
    folders = sorted(folder for folder in data.iterdir() if (folder / "masks").is_dir())
    if not folders:
        raise ValueError(f"data must hold folders with images and masks, got {data}; name the folder above them")
    for folder in folders:
        photos = sorted((folder / "images").iterdir())
        chosen = np.linspace(0, len(photos) - 1, min(limit or len(photos), len(photos))).round().astype(int)
        for photo in (photos[index] for index in chosen):
            yield Sample(folder.name, photo, folder / "masks" / f"{photo.stem}.png")


def start_worker(classifier: str, recipe: Recipe) -> None:
    """Loads the network once in each process, each on one core."""
    cv2.setNumThreads(1)
    WORKER.append(wsseg.Segmenter(classifier, recipe))


def score(sample: Sample) -> Score:
    """The photo segmented and compared with its truth."""
    truth = wsseg.read_truth(sample.truth, void=VOID.get(sample.collection))
    start = perf_counter()
    result = WORKER[0].segment(sample.photo)
    seconds = perf_counter() - start
    levels = (result.saliency * 255).astype(np.uint8)
    _, otsu = cv2.threshold(levels, 0, 1, cv2.THRESH_OTSU)
    mask_iou, otsu_iou = (scores(mask, truth)["iou"] for mask in (result.mask, otsu.astype(bool)))
    return Score(sample.collection, mask_iou, otsu_iou, result.status, seconds)


def table_of(results: list[Score]) -> Table:
    """A row for each set, the mean over the sets last."""
    table = Table("set", "photos", "IoU", "IoU of Otsu", "not ok", "median seconds")
    sets = {result.collection: [one for one in results if one.collection == result.collection] for result in results}
    means = {name: np.mean([(one.iou, one.otsu) for one in scored], axis=0) for name, scored in sets.items()}
    for name, scored in sets.items():
        unsure, seconds = sum(one.status != "ok" for one in scored), median(one.seconds for one in scored)
        table.add_row(name, str(len(scored)), *figures(means[name]), str(unsure), f"{seconds:.2f}")
    table.add_section()
    table.add_row("mean", str(len(results)), *figures(np.mean(list(means.values()), axis=0)))
    return table


def figures(means: np.ndarray) -> tuple[str, ...]:
    """Three decimals each."""
    return tuple(f"{mean:.3f}" for mean in means)


if __name__ == "__main__":
    typer.run(recipe_flags("saliency", "seeds", "mixtures", "energy", "mask")(main))
