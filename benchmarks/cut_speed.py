"""Measure the seconds of the cut and of cv2.grabCut with 5 iterations, from the same seeds and on one core.

    python benchmarks/cut_speed.py --data DIR --limit 10

The cut is everything after the saliency: mixtures, refits, graphs and solving. DIR is as in accuracy.py. Each photo is
resized to 0.2 and to 1 megapixel; masks are compared with the truth at that size. cv2.grabCut starts from the recipe's
seeds, which may change, and from the border, which may not. All other pixels start on the side that the saliency
favors.
"""

from functools import partial
from statistics import fmean, median
from typing import Annotated, NamedTuple

import cv2
import cyclopts
import numpy as np
from accuracy import NO_FLAGS, Data, Sample, samples_of, truth_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from provenance import provenance
from rich.console import Console
from rich.progress import track
from rich.table import Table
from stages import seconds_of
from variants import ITERATIONS, grabcut

import wsseg
from wsseg.arrays import BACKGROUND, FOREGROUND, Image, Saliency, Seeds
from wsseg.cli.options import MaskRecipe
from wsseg.metrics import scores
from wsseg.recipe import Recipe

MEGAPIXELS = (0.2, 1.0)


class Row(NamedTuple):
    """The result of one photo at one size: that of wsseg, then that of cv2.grabCut."""

    seconds: tuple[float, float]
    ious: tuple[float, float]
    exact: bool


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt | None, Parameter(help="Maximum number of photos of each set.")] = 10,
    options: MaskRecipe = NO_FLAGS,
) -> None:
    """Print seconds and IoU of both, and the median ratio of the seconds."""
    recipe = options.changed_recipe
    cv2.setNumThreads(1)
    segmenter = wsseg.Segmenter(recipe=recipe)
    rows: dict[float, list[Row]] = {size: [] for size in MEGAPIXELS}
    for sample in track(list(samples_of(data, limit)), console=Console(stderr=True)):
        result = segmenter.saliency(sample.photo)
        for size in MEGAPIXELS:
            rows[size].append(row_of(*at_size(sample, result, size), recipe))
    print(provenance())
    Console(width=120).print(table_of(rows, recipe))
    ratios = ", ".join(f"at {size:g} MP: {ratio_of(rows[size]):.1f}" for size in MEGAPIXELS)
    print(f"ratio {ratios}")


def at_size(sample: Sample, result: wsseg.SaliencyResult, megapixels: float) -> tuple[Image, Saliency, Seeds]:
    """Return photo, saliency and truth, resized to that many megapixels."""
    truth = truth_of(sample)
    scale = (megapixels * 1e6 / truth.size) ** 0.5
    size = round(truth.shape[1] * scale), round(truth.shape[0] * scale)
    finer = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    saliency = cv2.resize(result.saliency, size, interpolation=cv2.INTER_LINEAR).clip(0, 1)
    image = cv2.resize(result.image, size, interpolation=finer)
    return image, saliency, cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST)


def row_of(image: Image, saliency: Saliency, truth: Seeds, recipe: Recipe) -> Row:
    """Run both on one photo, one after the other."""
    ours, labeling = seconds_of(partial(wsseg.mask_from_saliency, image, saliency, recipe))
    start = start_of(saliency, recipe)
    theirs, mask = seconds_of(partial(grabcut, image, start))
    ious = (scores(labeling.mask, truth)["iou"], scores(mask, truth)["iou"])
    return Row((ours, theirs), ious, labeling.exact)


def start_of(saliency: Saliency, recipe: Recipe) -> np.ndarray:
    """Return the recipe's seeds as labels for cv2.grabCut."""
    seeds = wsseg.seeds_from_saliency(
        saliency,
        foreground_quantile=recipe.foreground_quantile,
        background_quantile=recipe.background_quantile,
    )
    labels = np.where(saliency > recipe.balance, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[seeds == FOREGROUND], labels[seeds == BACKGROUND] = cv2.GC_PR_FGD, cv2.GC_PR_BGD
    labels[wsseg.border_seeds(seeds, border=recipe.border) == BACKGROUND] = cv2.GC_BGD
    return labels


def ratio_of(rows: list[Row]) -> float:
    """Return the median ratio of the seconds of cv2.grabCut to those of wsseg."""
    return median(theirs / ours for (ours, theirs), _, _ in rows)


def table_of(rows: dict[float, list[Row]], recipe: Recipe) -> Table:
    """Return a row for each size and method."""
    table = Table("", "refits", "result", "mean IoU", "median seconds", title=f"{len(rows[MEGAPIXELS[0]])} photos")
    for size, found in rows.items():
        exact = sum(row.exact for row in found)
        result = f"{exact} exact, {len(found) - exact} banded"
        for side, cells in enumerate([("wsseg", recipe.refits, result), ("cv2.grabCut", ITERATIONS, "exact")]):
            name, refits, kind = cells
            iou, seconds = fmean(row.ious[side] for row in found), median(row.seconds[side] for row in found)
            table.add_row(f"{name} at {size:g} MP", str(refits), kind, f"{iou:.3f}", f"{seconds:.3f}")
    return table


if __name__ == "__main__":
    cyclopts.run(main)
