"""Measure seconds and memory of the cut on photos of 0.2 to 24 megapixels, and compare the band with the exact cut.

    python benchmarks/large_photos.py --data DIR --limit 2

The cut is everything after the saliency. DIR is as in accuracy.py; its photos are enlarged. The memory is the peak
during the call minus the memory before it, as Linux reports it. For the comparison, every photo that the recipe cuts in
a band at its own size is also cut exactly; the gap is the energy of the banded mask above the minimum.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated

import cv2
import cyclopts
import numpy as np
from accuracy import NO_FLAGS, Data, samples_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from provenance import provenance
from rich.console import Console
from rich.progress import track
from rich.table import Table
from stages import MEGAPIXELS, alone, held, seconds_of

import wsseg
from wsseg.arrays import Image, Saliency
from wsseg.cli.options import MaskRecipe
from wsseg.graphcut.cut import ties_of_grid
from wsseg.graphcut.evidence import evidence_from_saliency
from wsseg.graphcut.solver import MaskSolver
from wsseg.recipe import Recipe

ENDLESS = 100_000
"""A long side, in pixels, that no photo exceeds."""


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt, Parameter(help="Number of photos of each set to enlarge.")] = 2,
    compared: Annotated[PositiveInt, Parameter(help="Number of photos of each set to cut exactly as well.")] = 20,
    options: MaskRecipe = NO_FLAGS,
) -> None:
    """Print the medians for each size, and how near band and exact cut are."""
    recipe = options.changed_recipe
    cv2.setNumThreads(1)
    segmenter = wsseg.Segmenter(recipe=recipe)
    enlarged, same = list(samples_of(data, limit)), list(samples_of(data, compared))
    rows: dict[float, list[tuple[float, float]]] = {size: [] for size in MEGAPIXELS}
    console = Console(stderr=True)
    for sample in track(enlarged, "sizes", console=console):
        result = segmenter.saliency(sample.photo)
        for size in MEGAPIXELS:
            rows[size].append(alone(cost_of, result.image, result.saliency, size, recipe))
    results = [segmenter.saliency(sample.photo) for sample in track(same, "bands", console=console)]
    results = [result for result in results if max(result.saliency.shape) > recipe.exact_side]
    agreements = [agreement(result, recipe) for result in results]
    gaps = [gap(result, replace(recipe, border=0.0, largest=False)) for result in results]
    print(provenance())
    Console(width=120).print(table_of(rows))
    low, middle = np.quantile(agreements, (0.25, 0.5))
    print(f"IoU of band and exact cut, {len(agreements)} photos: median {middle:.4f}, a quarter below {low:.4f}")
    middle, high = np.quantile(gaps, (0.5, 0.9))
    print(f"gap, without a presumed border: median {middle:.2%}, a tenth above {high:.2%}, largest {max(gaps):.2%}")


def cost_of(image: Image, saliency: Saliency, megapixels: float, recipe: Recipe) -> tuple[float, float]:
    """Return the seconds, and the MiB above the memory before the call, for the enlarged photo."""
    cv2.setNumThreads(1)
    wsseg.mask_from_saliency(image, saliency, recipe)  # Libraries load at their first use.
    scale = (megapixels * 1e6 / saliency.size) ** 0.5
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    saliency = cv2.resize(saliency, image.shape[1::-1], interpolation=cv2.INTER_LINEAR).clip(0, 1)
    Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    before = held("VmRSS")
    seconds, _ = seconds_of(partial(wsseg.mask_from_saliency, image, saliency, recipe))
    return seconds, held("VmHWM") - before


def agreement(result: wsseg.SaliencyResult, recipe: Recipe) -> float:
    """Return the IoU of banded and exact mask."""
    banded = wsseg.mask_from_saliency(result.image, result.saliency, recipe)
    exact = wsseg.mask_from_saliency(result.image, result.saliency, replace(recipe, exact_side=ENDLESS))
    return float((banded.mask & exact.mask).sum() / max((banded.mask | exact.mask).sum(), 1))


def gap(result: wsseg.SaliencyResult, recipe: Recipe) -> float:
    """Return the energy of the banded mask above the minimum, as a share of the minimum."""
    solver = MaskSolver(result.image, result.saliency, replace(recipe, exact_side=ENDLESS))
    evidence = evidence_from_saliency(result.saliency, recipe, given=False)
    least = solver.solve(evidence).flow
    mask = wsseg.mask_from_saliency(result.image, result.saliency, recipe).mask
    smoothness = recipe.smoothness_at(max(mask.shape))
    (first, second), weights = ties_of_grid(wsseg.pairwise_from_contrast(result.image, smoothness=smoothness))
    unary = np.take_along_axis(solver.costs(evidence), mask[..., None].astype(np.intp), axis=2)
    return float((unary.sum() + weights[mask.ravel()[first] != mask.ravel()[second]].sum()) / least - 1)


def table_of(rows: dict[float, list[tuple[float, float]]]) -> Table:
    """Return a row for each size."""
    table = Table("megapixels", "median seconds", "longest", "median MiB", "most", "MiB per megapixel")
    for size, found in rows.items():
        seconds, memory = ([one[place] for one in found] for place in (0, 1))
        cells = (median(seconds), max(seconds), median(memory), max(memory), median(memory) / size)
        table.add_row(f"{size:g}", *(f"{cell:.2f}" for cell in cells[:2]), *(f"{cell:.0f}" for cell in cells[2:]))
    return table


if __name__ == "__main__":
    cyclopts.run(main)
