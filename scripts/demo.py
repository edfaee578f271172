"""Segment photos that ship with scikit-image and show the results; `scripts/demo` runs this file."""

import time
from importlib import resources
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

import wsseg
from wsseg.segmenting.outputs import PICTURES, pictures_of

PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "camera.png", "motorcycle_left.png")
FOLDER = Path(__file__).resolve().parents[1] / "demo"
COLUMNS = ("photo", "category", "probability", "confidence", "status", "seconds")


def main() -> None:
    console = Console()
    with console.status("loading the classifier"):
        segmenter = wsseg.Segmenter()
    table = Table(*COLUMNS)
    for name in track(PHOTOS, "segmenting", console=console):
        table.add_row(*row_of(segmenter, name))
    console.print(table)
    console.print("masks, cut-outs, overlays and strips are in", style="bold")
    console.print(str(FOLDER), soft_wrap=True, highlight=False, markup=False)


def row_of(segmenter: wsseg.Segmenter, name: str) -> tuple[str, ...]:
    """Segment the photo, save its pictures and return its row of the table."""
    with resources.as_file(resources.files("skimage") / "data" / name) as path:
        start = time.perf_counter()
        result = segmenter.segment(path)
        seconds = time.perf_counter() - start
    stem, confidence = Path(name).stem, f"{result.confidence:.2f}"
    for kind in pictures_of(wsseg.Segmentation):
        result.save(FOLDER / PICTURES[kind].folder / f"{stem}.png", kind)
    return stem, result.category, f"{result.probability:.2f}", confidence, result.status, f"{seconds:.1f}"


if __name__ == "__main__":
    main()
