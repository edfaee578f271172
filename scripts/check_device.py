"""Compare a device with the CPU on the photos that ship with scikit-image; `scripts/check_device` runs this file.

It takes less than five minutes: what does not fit into `--seconds` is left out and named.
"""

import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Annotated

import cyclopts
import numpy as np
import torch
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from rich.console import Console
from rich.table import Table

import wsseg
from wsseg.classifier.classifier import raw_scores
from wsseg.runs.demo import SAMPLES, write_samples

PACKAGES = ("wsseg", "torch", "torchvision", "timm", "numpy", "opencv-python-headless", "PyMaxflow")

BATCHES = (1, 2, 4, 8, 16, 32)

LEAST_IOU = 0.98
"""Masks that agree less are a failure: devices round differently, which moves few pixels."""


class Clock:
    """The seconds that are left."""

    def __init__(self, seconds: float) -> None:
        self._end = perf_counter() + seconds

    def has_time(self, what: str) -> bool:
        """Return whether there is time; if not, say what is left out."""
        if perf_counter() < self._end:
            return True
        print(f"left out, because the time is over: {what}")
        return False


def main(
    *,
    device: Annotated[str, Parameter(help="cuda, cuda:1, mps or cpu.")] = "cuda",
    recipes: Annotated[Sequence[str], Parameter(help="Recipes to check.")] = ("fast", "default"),
    workers: Annotated[Sequence[PositiveInt], Parameter(help="Worker counts to time.")] = (1, 2, 4),
    photos: Annotated[PositiveInt, Parameter(help="Photos of each timed run.")] = 48,
    seconds: Annotated[PositiveInt, Parameter(help="Time after which no new measurement starts.")] = 240,
) -> int:
    """Print versions, agreement with the CPU, photos a second, memory and the gain of batches; 1 if masks differ."""
    clock = Clock(seconds)
    print(versions(device))
    try:
        wsseg.load_classifier(device=device)
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        write_samples(Path(folder))
        same = agreement(device, recipes, Path(folder, "photos"), clock)
        rates(device, recipes, workers, many(Path(folder), photos), clock)
    batches(device, clock)
    return 0 if same else 1


def versions(device: str) -> str:
    """Return the versions of the libraries and the name of the device."""
    lines = [f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)]
    if device.startswith("cuda") and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info(device)
        lines.append(f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}")
        lines.append(f"{torch.cuda.get_device_name(device)}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    return "\n".join([*lines, f"device {device}, {torch.get_num_threads()} threads"])


def agreement(device: str, recipes: Sequence[str], folder: Path, clock: Clock) -> bool:
    """Print how the masks agree with those of the CPU; return whether all do."""
    table = Table("recipe", "photos", "least IoU", "mean IoU", "same category", title="masks of the device and the CPU")
    least = 1.0
    for recipe in recipes:
        if not clock.has_time(f"agreement of {recipe}"):
            continue
        pair = [wsseg.Segmenter(wsseg.load_classifier(device=one), recipe) for one in ("cpu", device)]
        found = [[one.segment(photo) for one in pair] for photo in sorted(folder.iterdir())]
        ious = [iou(first.mask, second.mask) for first, second in found]
        named = sum(first.category == second.category for first, second in found)
        table.add_row(recipe, str(len(ious)), f"{min(ious):.4f}", f"{np.mean(ious):.4f}", f"{named} of {len(ious)}")
        least = min(least, *ious)
    Console().print(table)
    return least >= LEAST_IOU


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union; 1 if both are empty."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def many(folder: Path, count: int) -> Path:
    """Return a folder of so many photos, which are copies of the samples."""
    made = folder / "many"
    made.mkdir()
    for number in range(count):
        name = list(SAMPLES)[number % len(SAMPLES)]
        (made / f"{number:04}.jpg").write_bytes((folder / f"photos/{name}.jpg").read_bytes())
    return made


def rates(device: str, recipes: Sequence[str], workers: Sequence[int], folder: Path, clock: Clock) -> None:
    """Print photos a second of folder runs, start included, and the memory of the device."""
    table = Table("recipe", "workers", "photos", "seconds", "photos a second", "device MiB", title="folder runs")
    for recipe in recipes:
        for count in workers:
            if not clock.has_time(f"{recipe} with {count} workers"):
                continue
            reset_memory(device)
            with tempfile.TemporaryDirectory() as out:
                start = perf_counter()
                run = wsseg.segment_folder(folder, Path(out, "run"), recipe=recipe, device=device, workers=count)
                spent = perf_counter() - start
            # The memory of workers is that of other processes.
            memory = peak_memory(device) if count == 1 else "not measured"
            table.add_row(recipe, str(count), str(run.done), f"{spent:.1f}", f"{run.done / spent:.2f}", memory)
    Console().print(table)


def reset_memory(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: str) -> str:
    return f"{torch.cuda.max_memory_allocated(device) / 2**20:.0f}" if device.startswith("cuda") else "not measured"


def batches(device: str, clock: Clock) -> None:
    """Print what several photos a pass would gain; wsseg itself batches only what belongs to one photo."""
    classifier = wsseg.load_classifier(device=device)
    table = Table("photos a pass", "passes forward a second", "photos a second", title="the classifier alone")
    for size in BATCHES:
        if not clock.has_time(f"a batch of {size}"):
            continue
        batch = torch.rand((size, 3, *classifier.preprocessing.size), device=classifier.device)
        rate = rate_of(lambda batch=batch: float(raw_scores(classifier, batch).sum()))
        table.add_row(str(size), f"{rate:.1f}", f"{rate * size:.1f}")
    Console().print(table)


def rate_of(action: Callable[[], float], least: float = 1.0) -> float:
    """Return calls a second, over at least so many seconds, after one that is not counted."""
    with torch.inference_mode():
        action()
        start, calls = perf_counter(), 0
        while (spent := perf_counter() - start) < least:
            action()
            calls += 1
    return calls / spent


if __name__ == "__main__":
    sys.exit(cyclopts.run(main))
