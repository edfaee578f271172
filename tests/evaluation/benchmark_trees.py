"""Small pictures, files and folders that imitate the known benchmarks."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wsseg.evaluation.evaluate import evaluate
from wsseg.evaluation.result import Evaluation
from wsseg.files.encode import write_labels

OBJECT = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], np.uint8)
SHIFTED = np.roll(OBJECT, 1, axis=1)


def put(path: Path, levels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(levels, np.uint8)).save(path)


def put_labels(path: Path, labels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_labels(path, np.asarray(labels, np.uint8))


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def values_of(evaluation: Evaluation) -> dict[str, float]:
    assert evaluation.problems == ()
    return {one.name: one.value for one in evaluation.statistics}


def scored(root: Path, protocol: str, **options: Any) -> Evaluation:
    return evaluate(root / "found", root / "data", protocol=protocol, **options)
