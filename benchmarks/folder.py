"""Measure a folder run in one process and in two, its memory, and the result of a run that is killed repeatedly.

    python benchmarks/folder.py speed --data DIR --limit 100
    python benchmarks/folder.py memory --data DIR
    python benchmarks/folder.py kills --data DIR

`DIR/photos` holds photos. Start-up is the time until the first photo is done, minus the seconds of that photo; the rate
counts the photos after the first. Overhead is the wall time minus start-up and minus the seconds of reading, segmenting
and writing. It may be negative, because these overlap.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated

import cv2
from cyclopts import App, Parameter
from cyclopts.types import PositiveInt
from cyclopts.validators import Number
from provenance import provenance
from rich.console import Console
from rich.progress import track
from rich.table import Table

import wsseg
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here
from wsseg.files.find import find_photos
from wsseg.files.names import Source
from wsseg.recipe import MAX_PIXELS
from wsseg.runs.batch import Engine, run
from wsseg.runs.journal import opened
from wsseg.runs.record import read_run
from wsseg.runs.task import Outcome, Task, see_masks

Data = Annotated[Path, Parameter(help="Folder that holds a folder `photos`.")]
Recipe = Annotated[str, Parameter(help="As in wsseg segment.")]

SIDE = 128
"""Long side of a small photo, in pixels."""

EARLY = 50
"""Number of photos after which the memory should stay constant."""

app = App()


@dataclass(frozen=True)
class Pace:
    """Speed of a run."""

    startup: float
    rate: float
    """Photos a second, after the first."""
    wall: float
    """Wall time in seconds, without start-up."""
    spent: float
    """Total seconds of reading, segmenting and writing."""

    @property
    def overhead(self) -> float:
        return (self.wall - self.spent) / self.wall


@app.command
def speed(
    *, data: Data, limit: Annotated[int, Parameter(validator=Number(gte=2))] = 100, recipe: Recipe = "default"
) -> None:
    """Print photos a second in this process, in one other process and in two."""
    sources = find_photos([data / "photos"])[:limit]
    engines: dict[str, Engine] = {
        "in this process": here,
        "one process": partial(in_processes, workers=1),
        "two processes": partial(in_processes, workers=2),
    }
    paces = {name: pace(sources, engine, recipe) for name, engine in engines.items()}
    print(provenance())
    table = Table("", "photos/s", "start-up s", "overhead %", title=f"{len(sources)} photos, recipe {recipe}")
    for name, each in paces.items():
        table.add_row(name, f"{each.rate:.2f}", f"{each.startup:.1f}", f"{100 * each.overhead:.1f}")
    Console().print(table)
    for name in ("in this process", "one process"):
        print(f"two processes to {name}: {paces['two processes'].rate / paces[name].rate:.2f}")


@app.command
def memory(
    *, data: Data, photos: Annotated[int, Parameter(validator=Number(gt=EARLY))] = 1000, recipe: Recipe = "fast"
) -> None:
    """Print the resident memory of this process while it segments small photos one by one."""
    with small_photos(data, photos) as folder, outcomes_of(find_photos([folder]), here, recipe) as outcomes:
        sizes = []
        for _ in track(outcomes, total=photos, console=Console(stderr=True)):
            sizes.append(resident())
    print(provenance())
    for count in (1, EARLY, photos // 4, photos // 2, photos):
        print(f"after photo {count}: {sizes[count - 1] / 2**20:.1f} MiB")
    print(f"after photo {photos} to after photo {EARLY}: {sizes[-1] / sizes[EARLY - 1]:.4f}")


@app.command
def kills(
    *,
    data: Data,
    kills: PositiveInt = 20,
    photos: Annotated[PositiveInt, Parameter(help="Enough photos that the run does not end before the kills.")] = 200,
    recipe: Recipe = "fast",
    seed: int = 0,
) -> None:
    """Kill a run of two processes at random, the first process or another, and compare it with an undisturbed run."""
    chance = random.Random(seed)
    with small_photos(data, photos, side=400) as folder, tempfile.TemporaryDirectory() as place:
        undisturbed, disturbed = Path(place, "undisturbed"), Path(place, "disturbed")
        words = ["segment", str(folder), "--workers", "2", "--recipe", recipe, "--write", "mask,overlay"]
        subprocess.run(program(*words, "-o", str(undisturbed)), check=True, capture_output=True)
        killed = kill_again_and_again(program(*words, "-o", str(disturbed)), kills, chance)
        subprocess.run(program(*words, "-o", str(disturbed)), check=True, capture_output=True)
        pictures = digests_of(undisturbed)
        same = pictures == digests_of(disturbed)
        records = [
            [replace(record, seconds={}) for record in read_run(out).records] for out in (undisturbed, disturbed)
        ]
        left = [path.name for path in disturbed.rglob(".wsseg*")]
    print(provenance())
    print(f"{killed['first']} kills of the first process, {killed['other']} of another; {photos} photos")
    print(f"{len(pictures)} pictures byte-identical: {same}; records: {records[0] == records[1]}; left over: {left}")


def pace(sources: Sequence[Source], engine: Engine, recipe: str) -> Pace:
    """Run these photos in a folder of their own and return the speed."""
    start = perf_counter()
    times, seconds = [], []
    with outcomes_of(sources, engine, recipe) as outcomes:
        for outcome in track(outcomes, total=len(sources), console=Console(stderr=True)):
            times.append(perf_counter())
            seconds.append(sum(outcome.record.seconds.values()))
    startup = times[0] - start - seconds[0]
    rate = (len(times) - 1) / (times[-1] - times[0])
    return Pace(startup, rate, times[-1] - start - startup, sum(seconds))


@contextmanager
def outcomes_of(sources: Sequence[Source], engine: Engine, recipe: str) -> Iterator[Iterator[Outcome]]:
    """Yield the outcomes of a run in a temporary folder, run as `wsseg segment` does."""
    segmenter = wsseg.Segmenter(recipe=recipe)
    with tempfile.TemporaryDirectory() as out, opened(Path(out), {"wsseg": wsseg.__version__}) as journal:
        see = partial(see_masks, segmenter=segmenter, targets=None, top=None)
        task = Task(see=see, out=Path(out), pictures=("mask",), settings="", max_pixels=MAX_PIXELS)
        yield run(task, sources, journal, engine)


@contextmanager
def small_photos(data: Path, count: int, side: int = SIDE) -> Iterator[Path]:
    """Yield a temporary folder of `count` photos, resized, with copies if there are too few."""
    sources = find_photos([data / "photos"])
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            image = wsseg.read_image(sources[number % len(sources)].path)
            scale = side / max(image.shape)
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            wsseg.write_picture(Path(folder, f"{number:05}.png"), small)
        yield Path(folder)


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def program(*words: str) -> list[str]:
    """Return a command line of wsseg for this Python."""
    return [sys.executable, "-m", "wsseg", *words]


def kill_again_and_again(command: list[str], kills: int, chance: random.Random) -> dict[str, int]:
    """Start the command, kill its processes at random times, and restart it whenever the first one is dead."""
    killed = {"first": 0, "other": 0}
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while sum(killed.values()) < kills and running.poll() is None:
        time.sleep(chance.uniform(0.5, 10))
        whom, victim = chance.choice([("first", running.pid), ("other", worker_of(running.pid, chance))])
        if victim is None or running.poll() is not None:
            continue
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        killed[whom] += 1
        if whom == "first":
            running.wait()
            running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running.kill()
    running.wait()
    return killed


def worker_of(parent: int, chance: random.Random) -> int | None:
    """Return a random child of the process."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(chance.choice(children)) if children else None


def digests_of(out: Path) -> dict[str, str]:
    """Return a digest of each picture."""
    paths = sorted(path for path in out.rglob("*.png"))
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


if __name__ == "__main__":
    app()
