"""Measure the speed of `wsseg evaluate`: make pairs of 500 x 375 in a temporary folder, read and score them.

python benchmarks/evaluation.py --pairs 10000 --workers 2
"""

import shutil
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Annotated

import cv2
import cyclopts
import numpy as np
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from provenance import provenance

from wsseg.evaluation.evaluate import evaluate

HEIGHT, WIDTH = 375, 500
KINDS = 50
"""Number of different pairs; the others are copies of them."""


def main(
    *,
    pairs: PositiveInt = 1000,
    workers: PositiveInt = 2,
    protocol: str = "default",
    soft: Annotated[bool, Parameter(help="Use masks of grey values, whose files are larger.", negative=())] = False,
) -> None:
    """Print the seconds, and the pairs a second."""
    print(provenance())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, pairs, soft)
        begun = perf_counter()
        evaluation = evaluate(folder / "masks", folder / "truths", protocol=protocol, workers=workers)
        seconds = perf_counter() - begun
    values = ", ".join(f"{one.name} {one.value:.4f}" for one in evaluation.statistics)
    print(f"{pairs} pairs, {workers} processes, protocol {protocol}: {seconds:.1f} s, {pairs / seconds:.0f} a second")
    print(values)


def make(folder: Path, pairs: int, soft: bool) -> None:
    """Write masks and truths into the folder."""
    rng = np.random.default_rng(0)
    for side in ("masks", "truths"):
        (folder / side).mkdir()
    for number in range(pairs):
        if number >= KINDS:
            for side in ("masks", "truths"):
                shutil.copyfile(folder / side / f"{number % KINDS:05}.png", folder / side / f"{number:05}.png")
            continue
        truth = blobs(rng)
        mask = cv2.blur(np.roll(truth, rng.integers(-12, 13, 2), (0, 1)), (9, 9))
        mask = mask if soft else (mask > 127) * np.uint8(255)
        for side, levels in (("masks", mask), ("truths", truth)):
            cv2.imwrite(str(folder / side / f"{number:05}.png"), levels)


def blobs(rng: np.random.Generator) -> np.ndarray:
    """Return some ragged blobs, 0 and 255."""
    noise = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH)), (0, 0), 8)
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    (cy, cx), (ry, rx) = rng.uniform(0.3, 0.7, 2) * (HEIGHT, WIDTH), rng.uniform(60, 180, 2)
    ragged = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 + 4 * (noise - noise.mean()) / noise.std() * 0.05
    return (ragged < 1).astype(np.uint8) * 255


if __name__ == "__main__":
    cyclopts.run(main)
