"""Process photos in several processes, with one network in each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Annotated, TypeVar

import cv2
from accuracy import Sample
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from rich.console import Console
from rich.progress import track

import wsseg
from wsseg.recipe import Recipe

Result = TypeVar("Result")

Workers = Annotated[
    PositiveInt, Parameter(help="Number of processes; masks do not depend on it, seconds are those of one core.")
]

WORKER: list[wsseg.Segmenter] = []


def each(
    samples: Sequence[Sample], act: Callable[[Sample], Result], recipe: Recipe | str, workers: int
) -> list[Result]:
    """Return the result of `act` for each photo; `segmenter()` gives `act` the segmenter of its process."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), start_worker, (recipe,))
    with pool:
        return list(track(pool.map(act, samples), total=len(samples), console=Console(stderr=True)))


def start_worker(recipe: Recipe | str) -> None:
    """Load the network once in each process, on one core."""
    cv2.setNumThreads(1)
    WORKER.append(wsseg.Segmenter(recipe=recipe))


def segmenter() -> wsseg.Segmenter:
    """Return the segmenter of this process."""
    return WORKER[0]
