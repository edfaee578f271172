"""Count the clicks that a simulated annotator needs until a mask is good, with wsseg and with graph cut alone.

    python benchmarks/clicks.py --data DIR

DIR is as in accuracy.py. The protocol is that of Xu, Price, Cohen, Yang and Huang (2016): each click is on the deepest
pixel of the largest wrong region and gives its true label. There are at most twenty clicks; a mask that never gets good
counts as twenty. wsseg starts from its automatic mask and may need no click; the others start from an empty mask.

Graph cut alone is that of Boykov and Jolly (2001): the clicks are hard seeds, and the colors are learned from them
only; the border counts as background until a click is on the background. The refitted version is that of GrabCut
(2004), which also knows that the border is background.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from statistics import fmean, median
from time import perf_counter
from typing import Annotated, NamedTuple

import cv2
import cyclopts
import numpy as np
from accuracy import HALVES, Data, Sample, samples_of, truth_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from provenance import provenance
from rich.console import Console
from rich.table import Table
from workers import Workers, each, segmenter

import wsseg
from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Mask, Point, Seeds
from wsseg.graphcut.corrections import depth_in
from wsseg.graphcut.hints import Hints, seeds_from_hints
from wsseg.metrics import scores
from wsseg.recipe import Recipe

GOALS = (0.85, 0.90)
MOST = 20

AFTER = (1, 3, 5, 10)
"""Numbers of clicks after which the mean IoU is told; a run that is good keeps its last IoU."""

WORSE = (0.01, 0.1)
"""Falls of the IoU whose share of all clicks is told."""

ALONE = Recipe(smoothness=20.0, click_radius=0.02)

Annotate = Callable[[Hints], Mask]


class Run(NamedTuple):
    """One photo annotated by one method: the IoU before each click and at the end, and the seconds of each mask."""

    ious: list[float]
    seconds: list[float]

    def clicks(self, goal: float) -> int:
        """Return the number of clicks until the goal."""
        return next((number for number, iou in enumerate(self.ious) if iou >= goal), MOST)

    @property
    def gains(self) -> list[float]:
        """Return how much each click adds to the IoU."""
        return [after - before for before, after in pairwise(self.ious)]


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt | None, Parameter(help="Maximum number of photos of each set.")] = None,
    recipe: Annotated[str, Parameter(help="As in wsseg segment.")] = "default",
    workers: Workers = 1,
    peers: Annotated[bool, Parameter(help="Also annotate with graph cut alone, which takes most of the time.")] = True,
) -> None:
    """Print the clicks to each goal, the share of clicks that make a mask worse, and the seconds of a mask."""
    samples = list(samples_of(data, limit))
    tables = tables_of(samples, each(samples, partial(annotated, peers=peers), recipe, workers))
    print(provenance())
    for table in tables:
        Console(width=140).print(table)


def annotated(sample: Sample, *, peers: bool) -> dict[str, Run]:
    """Annotate the photo by each method."""
    truth = truth_of(sample)
    image = wsseg.read_image(sample.photo)
    with segmenter().open(image) as session:
        start = session.segment().mask
        runs = {"wsseg": run_of(lambda hints: session.segment(hints).mask, start, truth)}
    with segmenter().open(image) as session:
        again = run_of(lambda hints: session.segment(hints, refit=True).mask, start, truth)
        runs["wsseg, all cut again"] = again
    alone = {"graph cut alone": 0, "graph cut alone, refitted": 3} if peers else {}
    for name, refits in alone.items():
        runs[name] = run_of(graph_cut(image, refits), np.zeros_like(start), truth)
    return runs


def run_of(annotate: Annotate, mask: Mask, truth: Seeds) -> Run:
    """Click until the best goal is reached or `MOST` clicks are made."""
    ious, seconds = [scores(mask, truth)["iou"]], []
    clicks: dict[int, list[Point]] = {BACKGROUND: [], FOREGROUND: []}
    while len(seconds) < MOST and ious[-1] < max(GOALS):
        side, point = next_click(mask, truth)
        clicks[side].append(point)
        start = perf_counter()
        mask = annotate(Hints(foreground=clicks[FOREGROUND], background=clicks[BACKGROUND]))
        seconds.append(perf_counter() - start)
        ious.append(scores(mask, truth)["iou"])
    return Run(ious, seconds)


def next_click(mask: Mask, truth: Seeds) -> tuple[int, Point]:
    """Return the true label of the largest wrong region, and its deepest pixel."""
    side, region = largest_wrong(mask, truth)
    y, x = np.unravel_index(depth_in(region).argmax(), region.shape)
    return side, Point(int(x), int(y))


def largest_wrong(mask: Mask, truth: Seeds) -> tuple[int, Mask]:
    """Return the true label and the pixels of the largest wrong region."""
    regions = [(side, *region) for side in (BACKGROUND, FOREGROUND) for region in wrong(mask, truth, side)]
    side, _, region = max(regions, key=lambda one: one[1])
    return side, region


def wrong(mask: Mask, truth: Seeds, side: int) -> Iterator[tuple[int, Mask]]:
    """Yield the area and the pixels of the largest region of that label that the mask misses, if there is one."""
    missed = (truth == side) & (mask != (side == FOREGROUND))
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(missed.astype(np.uint8), connectivity=8)
    if count > 1:
        largest = 1 + statistics[1:, cv2.CC_STAT_AREA].argmax()
        yield int(statistics[largest, cv2.CC_STAT_AREA]), labels == largest


def graph_cut(image: Image, refits: int) -> Annotate:
    """Return interactive graph cut with the same energy and without saliency."""
    palette = wsseg.palette_of(image)
    pairwise = wsseg.pairwise_from_contrast(image, smoothness=ALONE.smoothness_at(max(image.shape)))
    border = wsseg.border_seeds(np.full(image.shape[:2], UNKNOWN, np.uint8), border=ALONE.border)

    def annotate(hints: Hints) -> Mask:
        seeds = seeds_from_hints(hints, image.shape[:2], click_radius=ALONE.click_radius)
        if refits or BACKGROUND not in seeds:
            seeds = np.where(seeds == UNKNOWN, border, seeds)
        labels, mask = seeds, np.zeros(seeds.shape, np.bool_)
        for _ in range(1 + refits):
            if not (BACKGROUND in labels and FOREGROUND in labels):
                break
            mixtures = wsseg.mixtures_from_seeds(
                image,
                labels,
                components=ALONE.components,
                color_samples=ALONE.color_samples,
                random_state=ALONE.random_state,
            )
            unary = wsseg.unary_from_mixtures(palette, *mixtures, color_limit=ALONE.color_limit)
            mask = wsseg.min_cut(wsseg.clamp_to_seeds(unary, pairwise, seeds), pairwise).mask
            labels = mask.astype(np.uint8)
        return mask

    return annotate


def tables_of(samples: list[Sample], runs: list[dict[str, Run]]) -> Iterator[Table]:
    """Yield a table for each set, and for each half of it: every second photo in the order of names."""
    sets = {sample.collection: [] for sample in samples}
    for sample, run in zip(samples, runs, strict=True):
        sets[sample.collection].append(run)
    for name, found in sets.items():
        yield table_of(found, f"{name}, {len(found)} photos")
        for half, start in HALVES.items():
            ours = [{"wsseg": run["wsseg"]} for run in found[start::2]]
            if ours:
                yield table_of(ours, f"{name}, {half}")


def table_of(runs: list[dict[str, Run]], title: str) -> Table:
    """Return a row for each method."""
    goals, worse = [f"clicks to {goal:.2f}" for goal in GOALS], [f"worse by {fall}" for fall in WORSE]
    after = [f"IoU at {count}" for count in (0, *AFTER)]
    table = Table("", *goals, "never", *worse, *after, "seconds", "slowest", title=title)
    for name in runs[0]:
        found = [run[name] for run in runs]
        clicks = [f"{fmean(run.clicks(goal) for run in found):.2f}" for goal in GOALS]
        never = sum(max(run.ious) < max(GOALS) for run in found)
        gains = [gain for run in found for gain in run.gains]
        shares = [f"{fmean(gain < -fall for gain in gains):.1%}" if gains else "" for fall in WORSE]
        ious = [f"{fmean(run.ious[: count + 1][-1] for run in found):.3f}" for count in (0, *AFTER)]
        # The first mask after a click also needs the network's features, so it is not counted.
        seconds = [second for run in found for second in run.seconds[1:]]
        times = [f"{median(seconds):.3f}", f"{max(seconds):.2f}"] if seconds else ["", ""]
        table.add_row(name, *clicks, str(never), *shares, *ious, *times)
    return table


if __name__ == "__main__":
    cyclopts.run(main)
