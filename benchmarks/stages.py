"""Measure the seconds of each stage on photos of 500 x 375, on one core, and those of cv2.grabCut in the same run.

    python benchmarks/stages.py --data DIR --recipe default --limit 20

DIR is as in accuracy.py. `labeling` is everything after the network: seeds, mixtures, graph, cuts and the choice of
components. cv2.grabCut runs five iterations from a rectangle.
"""

from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Annotated, TypeVar

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
from variants import grabcut

import wsseg
from wsseg.cli.options import MaskRecipe

Result = TypeVar("Result")

SIZE = (500, 375)
RECTANGLE = (25, 19, 450, 337)
"""A rectangle 5 % inside the photo: x, y, width, height."""


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt, Parameter(help="Maximum number of photos of each set.")] = 10,
    options: MaskRecipe = NO_FLAGS,
) -> None:
    """Print the median seconds of each stage, and their median ratio to cv2.grabCut."""
    recipe = options.changed_recipe
    cv2.setNumThreads(1)
    segmenter = wsseg.Segmenter(recipe=recipe)
    rows = []
    for sample in track(list(samples_of(data, limit)), console=Console(stderr=True)):
        image = cv2.resize(wsseg.read_image(sample.photo), SIZE, interpolation=cv2.INTER_AREA)
        saliency = segmenter.saliency(image).saliency
        stages = (
            partial(segmenter.saliency, image),
            partial(wsseg.mask_from_saliency, image, saliency, segmenter.recipe),
            partial(grabcut, image, np.zeros(image.shape[:2], np.uint8), RECTANGLE),
        )
        rows.append([seconds_of(stage)[0] for stage in stages])
    print(provenance())
    Console().print(table_of(np.array(rows)))


def seconds_of(stage: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of one call, and its result."""
    start = perf_counter()
    result = stage()
    return perf_counter() - start, result


def table_of(rows: np.ndarray) -> Table:
    """Return a row for each stage."""
    table = Table("stage", "median seconds", "per cv2.grabCut x5", title=f"{len(rows)} photos")
    for name, column in zip(("network and saliency", "labeling", "cv2.grabCut x5"), rows.T, strict=True):
        table.add_row(name, f"{median(column):.3f}", f"{median(column / rows[:, -1]):.3f}")
    return table


if __name__ == "__main__":
    cyclopts.run(main)
