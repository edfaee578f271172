"""Measure the processor's seconds of each stage on photos of 500 x 375, on one core, beside those of cv2.grabCut.

    python benchmarks/stages.py --data DIR --recipe default --limit 20
    python benchmarks/stages.py --data DIR --recipe fast --limit 1 --whole

DIR is as in accuracy.py. `labeling` is everything after the network: seeds, mixtures, graph, cuts and the choice of
components. cv2.grabCut runs five iterations from a rectangle.

With --whole, photos are enlarged to 0.2 to 24 megapixels and everything that `wsseg segment` does with a photo is
measured: reading the JPEG, network and cut, and encoding the mask, the cut-out and the overlay. Each photo is done in a
process of its own; the memory is its peak, with Python, torch and the network.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated, Any, TypeVar

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
from wsseg.files.encode import encoded_picture
from wsseg.files.photos import read_photo
from wsseg.recipe import Recipe
from wsseg.segmenting.outputs import encode

Result = TypeVar("Result")

MEGAPIXELS = (0.2, 1.0, 4.0, 12.0, 24.0)

WHOLE = ("read", "network", "cut", "mask", "cutout", "overlay")
"""The steps of `wsseg segment`."""

SIZE = (500, 375)
RECTANGLE = (25, 19, 450, 337)
"""A rectangle 5 % inside the photo: x, y, width, height."""


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt, Parameter(help="Maximum number of photos of each set.")] = 10,
    whole: Annotated[bool, Parameter(help="Measure all of segment, by size of the photo.", negative=())] = False,
    options: MaskRecipe = NO_FLAGS,
) -> None:
    """Print the median seconds of each stage, and their median ratio to cv2.grabCut; or those of each size."""
    recipe = options.changed_recipe
    cv2.setNumThreads(1)
    if whole:
        photos = [sample.photo for sample in samples_of(data, limit)]
        sizes = track(MEGAPIXELS, console=Console(stderr=True))
        found = {size: [alone(whole_of, photo, size, recipe) for photo in photos] for size in sizes}
        print(provenance())
        Console(width=100).print(table_of_sizes(found))
        return
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
    """Return the processor's seconds of one call, and its result."""
    start = process_time()
    result = stage()
    return process_time() - start, result


def alone(measure: Callable[..., tuple[float, ...]], *given: Any) -> tuple[float, ...]:
    """Measure in a process of its own, which has no freed memory to reuse."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *given).result()


def held(field: str) -> float:
    """Return the MiB that the kernel reports in this field."""
    [line] = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(field)]
    return int(line.split()[1]) / 1024


def whole_of(photo: Path, megapixels: float, recipe: Recipe) -> tuple[float, ...]:
    """Return the seconds of each of `WHOLE` for the enlarged photo, and the peak of the memory in MiB."""
    cv2.setNumThreads(1)
    segmenter = wsseg.Segmenter(recipe=recipe)
    image = wsseg.read_image(photo)
    segmenter.segment(image)  # Libraries load at their first use.
    scale = (megapixels * 1e6 / image[..., 0].size) ** 0.5
    file = encoded_picture(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), "jpg")
    del image
    Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    reading, read = seconds_of(partial(read_photo, file))
    looking, session = seconds_of(partial(segmenter.open, read))
    with session:
        cutting, result = seconds_of(session.segment)
    writing = [seconds_of(partial(encode, result, picture))[0] for picture in WHOLE[3:]]
    return reading, looking, cutting, *writing, held("VmHWM")


def table_of_sizes(found: dict[float, list[tuple[float, ...]]]) -> Table:
    """Return a row for each size, with the medians."""
    table = Table("megapixels", *WHOLE, "all", "MiB")
    for size, rows in found.items():
        *seconds, memory = np.median(rows, axis=0)
        table.add_row(f"{size:g}", *(f"{one:.2f}" for one in (*seconds, sum(seconds))), f"{memory:.0f}")
    return table


def table_of(rows: np.ndarray) -> Table:
    """Return a row for each stage."""
    table = Table("stage", "median seconds", "per cv2.grabCut x5", title=f"{len(rows)} photos")
    for name, column in zip(("network and saliency", "labeling", "cv2.grabCut x5"), rows.T, strict=True):
        table.add_row(name, f"{median(column):.3f}", f"{median(column / rows[:, -1]):.3f}")
    return table


if __name__ == "__main__":
    cyclopts.run(main)
