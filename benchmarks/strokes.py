"""Count the strokes that a simulated annotator needs until a mask is good.

    python benchmarks/strokes.py --data DIR

All is as in clicks.py, but the annotator draws: in place of a click on the deepest pixel of the largest wrong region,
a stroke along its middle line, which is its skeleton where it is at least half as deep as the deepest pixel.
"""

from collections.abc import Callable

import cv2
import cyclopts
import numpy as np
from accuracy import Data, Sample, samples_of, truth_of
from clicks import GOALS, MOST, Run, largest_wrong, tables_of
from cyclopts.types import PositiveInt
from provenance import provenance
from rich.console import Console
from skimage.morphology import skeletonize
from stages import seconds_of
from workers import Workers, each, segmenter

import wsseg
from wsseg.arrays import BACKGROUND, FOREGROUND, Mask, Seeds
from wsseg.graphcut.corrections import depth_in
from wsseg.graphcut.hints import Hints
from wsseg.metrics import scores

WIDTH = 3
"""Width of a stroke, in pixels."""


def main(*, data: Data, limit: PositiveInt | None = None, recipe: str = "default", workers: Workers = 1) -> None:
    """Print the strokes to each goal, the share of strokes that make a mask worse, and the seconds of a mask."""
    samples = list(samples_of(data, limit))
    tables = tables_of(samples, each(samples, annotated, recipe, workers))
    print(provenance())
    for table in tables:
        Console(width=140).print(table)


def annotated(sample: Sample) -> dict[str, Run]:
    """Annotate the photo by strokes."""
    truth = truth_of(sample)
    with segmenter().open(wsseg.read_image(sample.photo)) as session:
        return {"wsseg": run_of(lambda hints: session.segment(hints).mask, session.segment().mask, truth)}


def run_of(annotate: Callable[[Hints], Mask], mask: Mask, truth: Seeds) -> Run:
    """Draw strokes until the best goal is reached or `MOST` strokes are drawn."""
    ious, times = [scores(mask, truth)["iou"]], []
    strokes = {side: np.zeros(truth.shape, np.bool_) for side in (BACKGROUND, FOREGROUND)}
    while len(times) < MOST and ious[-1] < max(GOALS):
        side, region = largest_wrong(mask, truth)
        strokes[side] |= middle_line(region)
        hints = Hints(foreground=strokes[FOREGROUND], background=strokes[BACKGROUND])
        seconds, mask = seconds_of(lambda hints=hints: annotate(hints))
        times.append(seconds)
        ious.append(scores(mask, truth)["iou"])
    return Run(ious, times)


def middle_line(region: Mask) -> Mask:
    """Return a stroke along the middle of a region, within it."""
    depths = depth_in(region)
    line = skeletonize(region) & (2 * depths >= depths.max())
    line |= depths == depths.max()
    drawn = cv2.dilate(line.astype(np.uint8), np.ones((WIDTH, WIDTH), np.uint8)) > 0
    return np.asarray(drawn & region)


if __name__ == "__main__":
    cyclopts.run(main)
