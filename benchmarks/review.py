"""Correct photos through the page of `wsseg review` by a simulated annotator, in a browser.

    python benchmarks/review.py --data DIR/grabcut --limit 10

DIR is as in accuracy.py. The photos are the first whose automatic mask has an IoU under 0.9. The annotator is that of
clicks.py. Each click is made with the mouse on the page, and the mask that the page then shows is scored; the clicks
are compared with those of a session in Python. The seconds are from the click to the mask drawn. `--photos N` instead
goes through N photos and prints the memory of the server.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import cv2
import cyclopts
import numpy as np
from accuracy import Data, Sample, samples_of, truth_of
from clicks import GOALS, MOST, next_click, run_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from playwright.sync_api import Page, sync_playwright
from provenance import provenance
from rich.console import Console
from rich.table import Table

import wsseg
from wsseg.arrays import Mask, Seeds
from wsseg.metrics import scores

SCREEN = {"width": 1400, "height": 900}

MASK = """() => {
  const { mask } = window.wssegView, { width, height } = mask;
  const pixels = mask.getContext('2d').getImageData(0, 0, width, height).data;
  const row = (y) => Array.from({length: width}, (_, x) => (pixels[4 * (y * width + x) + 3] > 127 ? '1' : '0'));
  return Array.from({length: height}, (_, y) => row(y).join(''));
}"""


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt | None, Parameter(help="Maximum number of photos.")] = 10,
    photos: Annotated[int, Parameter(help="Only go through this many copies of the photos, and print memory.")] = 0,
) -> None:
    """Print the clicks to each goal on the page and in Python, and the seconds from a click to its mask."""
    samples = list(samples_of(data, limit)) if photos else list(islice(begun_wrong(data), limit))
    print(provenance())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for number in range(max(photos, len(samples))):
            sample = samples[number % len(samples)]
            (out / "photos").mkdir(exist_ok=True)
            shutil.copy(sample.photo, out / "photos" / f"{number:04}{Path(sample.photo).suffix}")
        wsseg.segment_folder(out / "photos", out / "run", recipe="fast" if photos else "default")
        with served(out / "run") as (address, server), opened(address) as page:
            if photos:
                walk(page, photos, server)
            else:
                Console(width=120).print(annotate(page, out, [truth_of(sample) for sample in samples]))


def begun_wrong(data: Path) -> Iterator[Sample]:
    """Yield the photos whose automatic mask misses the highest goal."""
    segmenter = wsseg.Segmenter()
    for sample in samples_of(data, None):
        if scores(segmenter.segment(sample.photo).mask, truth_of(sample))["iou"] < max(GOALS):
            yield sample


@contextmanager
def served(run: Path) -> Iterator[tuple[str, int]]:
    """Yield the address of the page and the process that serves it."""
    command = [sys.executable, "-m", "wsseg", "review", str(run), "--no-open", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip(), server.pid
        finally:
            server.terminate()


@contextmanager
def opened(address: str) -> Iterator[Page]:
    """Yield the page in a browser."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        page = browser.new_page(viewport=SCREEN)
        page.set_default_timeout(300_000)
        page.goto(address)
        page.select_option("#order", "name")
        page.locator("#stage[data-ready='0']").wait_for()
        yield page
        browser.close()


def annotate(page: Page, out: Path, truths: list[Seeds]) -> Table:
    """Correct each photo on the page, and again in Python."""
    names = [f"{number:04}" for number in range(len(truths))]
    table = Table("photo", "IoU at first", *(f"clicks to {goal:.2f}" for goal in GOALS), "in Python", "IoU", "saved")
    seconds = list[float]()
    segmenter = wsseg.Segmenter()
    for number, (name, truth) in enumerate(zip(names, truths, strict=True)):
        page.locator(f"#stage[data-ready='{number}']").wait_for()
        ious, spent = corrected(page, truth)
        seconds += spent[1:]  # The first mask after a click also learns the mixtures, as in clicks.py.
        page.locator("#stage").focus()
        page.keyboard.press("Enter")
        page.locator(f"#saved[data-number='{number}']").wait_for(state="attached")
        saved = scores(wsseg.read_mask(out / f"run/masks/{name}.png"), truth)["iou"]
        photo = next((out / "photos").glob(f"{name}.*"))
        with segmenter.open(photo) as session:
            python = run_of(lambda hints: session.segment(hints).mask, session.segment().mask, truth)
        clicks = [next((count for count, iou in enumerate(ious) if iou >= goal), MOST) for goal in GOALS]
        theirs = "/".join(str(python.clicks(goal)) for goal in GOALS)
        table.add_row(name, f"{ious[0]:.3f}", *map(str, clicks), theirs, f"{ious[-1]:.3f}", f"{saved:.3f}")
    table.caption = f"median {median(seconds):.3f} s from click to mask, {len(seconds)} clicks" if seconds else ""
    return table


def corrected(page: Page, truth: Seeds) -> tuple[list[float], list[float]]:
    """Click on the page until the best goal is reached; return the IoUs and the seconds of each click."""
    mask = shown(page)
    ious, seconds = [scores(mask, truth)["iou"]], list[float]()
    while len(seconds) < MOST and ious[-1] < max(GOALS):
        side, (x, y) = next_click(mask, truth)
        box = page.locator("#stage").bounding_box()
        assert box
        place = page.evaluate(f"window.wssegView.onStage([{x + 0.5}, {y + 0.5}])")
        before = int(page.locator("#stage").get_attribute("data-cuts") or 0)
        start = perf_counter()
        page.mouse.click(box["x"] + place[0], box["y"] + place[1], button="left" if side else "right")
        page.locator(f"#stage[data-cuts='{before + 1}']").wait_for()
        seconds.append(perf_counter() - start)
        mask = shown(page)
        ious.append(scores(mask, truth)["iou"])
    return ious, seconds


def shown(page: Page) -> Mask:
    """Return the mask that the page shows."""
    return np.array([[int(each) for each in row] for row in page.evaluate(MASK)], np.bool_)


def walk(page: Page, photos: int, server: int) -> None:
    """Accept each photo after a click, and print the server's memory every thirty."""
    for number in range(photos):
        page.locator(f"#stage[data-ready='{number}']").wait_for()
        box = page.locator("#stage").bounding_box()
        assert box
        before = int(page.locator("#stage").get_attribute("data-cuts") or 0)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.locator(f"#stage[data-cuts='{before + 1}']").wait_for()
        page.keyboard.press("Enter")
        page.locator(f"#saved[data-number='{number}']").wait_for(state="attached")
        if number % 30 == 29:
            lines = Path(f"/proc/{server}/status").read_text().splitlines()
            memory = next(line for line in lines if line.startswith("VmRSS"))
            print(f"{number + 1} photos: {int(memory.split()[1]) / 1024:.0f} MB", flush=True)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    cyclopts.run(main)
