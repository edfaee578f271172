"""Measure the mean IoU from the truth's box as the only hint, and that of cv2.grabCut from the same box.

    python benchmarks/boxes.py --data DIR

DIR is as in accuracy.py. The first box is the tightest around the object; the second is 5 % larger on each side, within
the photo. cv2.grabCut runs 5 iterations.
"""

from functools import partial
from statistics import fmean, median
from typing import Annotated

import cv2
import cyclopts
import numpy as np
from accuracy import Data, Sample, samples_of, truth_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from provenance import provenance
from rich.console import Console
from rich.table import Table
from stages import seconds_of
from variants import grabcut
from workers import Workers, each, segmenter

import wsseg
from wsseg.arrays import FOREGROUND, Box, Seeds
from wsseg.cli.options import HintedRecipe
from wsseg.graphcut.hints import Hints
from wsseg.graphcut.windows import box_grown
from wsseg.metrics import scores

NO_HINT_FLAGS = HintedRecipe()
"""The flags of the recipe, none of which is given."""

MARGINS = (0.0, 0.05)

Scores = dict[str, tuple[float, float]]
"""IoU and seconds of each method."""


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt | None, Parameter(help="Maximum number of photos of each set.")] = None,
    workers: Workers = 1,
    options: HintedRecipe = NO_HINT_FLAGS,
) -> None:
    """Print the mean IoU of each set, and the median seconds after the saliency."""
    recipe = options.changed_recipe
    samples = list(samples_of(data, limit))
    results = each(samples, scored, recipe, workers)
    print(provenance())
    sets = {sample.collection: [] for sample in samples}
    for sample, result in zip(samples, results, strict=True):
        sets[sample.collection].append(result)
    Console(width=120).print(table_of(sets))


def scored(sample: Sample) -> Scores:
    """Score both methods from each box."""
    truth = truth_of(sample)
    image, found = wsseg.read_image(sample.photo), {}
    with segmenter().open(image) as session:
        for margin in MARGINS:
            box = box_grown(box_of(truth), truth.shape, margin=margin)
            for name, way in (
                ("wsseg", lambda box=box: session.segment(Hints(box=box)).mask),
                ("cv2.grabCut", partial(grabcut, image, enclosed(truth, box))),
            ):
                seconds, mask = seconds_of(way)
                found[f"{name}, box {margin:+.0%}"] = scores(mask, truth)["iou"], seconds
    return found


def box_of(truth: Seeds) -> Box:
    """Return the tightest box around the certain pixels of the object."""
    rows, columns = (np.flatnonzero((truth == FOREGROUND).any(axis=axis)) for axis in (1, 0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def enclosed(truth: Seeds, box: Box) -> np.ndarray:
    """Return the box as labels for cv2.grabCut: background outside, probably object inside."""
    labels = np.full(truth.shape, cv2.GC_BGD, np.uint8)
    labels[box.y0 : box.y1, box.x0 : box.x1] = cv2.GC_PR_FGD
    return labels


def table_of(sets: dict[str, list[Scores]]) -> Table:
    """Return a row for each method and box."""
    table = Table("", *(f"{name} ({len(found)})" for name, found in sets.items()), "median seconds")
    everything = [one for found in sets.values() for one in found]
    for way in everything[0]:
        means = [fmean(one[way][0] for one in found) for found in sets.values()]
        table.add_row(way, *(f"{mean:.3f}" for mean in means), f"{median(one[way][1] for one in everything):.3f}")
    return table


if __name__ == "__main__":
    cyclopts.run(main)
