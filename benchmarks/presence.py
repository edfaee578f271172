"""Measure how often targets that are in a photo, and targets that are not, get pixels of a label map.

    python benchmarks/presence.py --data DIR --recipe fast

DIR holds `photos/` with WNID_NAME.jpg, one class in each, and `objects/` with `images/NAME.jpg` and `classes.json`, as
in accuracy.py. Each photo is labeled with its own target and some that others of its set have, together. What else the
photos of `objects` show is not listed, so some of their absent targets are there. `presence` was chosen on every second
photo of each set; the others are the test.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple

import cyclopts
import numpy as np
from accuracy import NO_FLAGS, Data
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from provenance import provenance
from rich.console import Console
from rich.progress import track
from rich.table import Table

import wsseg
from wsseg.cli.options import MaskRecipe

KINDS = ("ball", "bird", "boat", "bottle", "car", "cat", "dog", "fish", "fruit", "insect", "monkey", "snake")
"""Kinds of things, whose classes count together; only `photos` are known to show none of the others."""


class Photo(NamedTuple):
    """A photo and what it shows."""

    collection: str
    file: Path
    target: str


class Count(NamedTuple):
    """The number of targets of one photo, of those that are seen, and of those with pixels."""

    collection: str
    present: tuple[int, int, int]
    """Targets that are in the photo: all, seen, with pixels."""
    absent: tuple[int, int, int]
    """Targets that are not in the photo: all, seen, with pixels."""


def main(
    *,
    data: Data,
    others: Annotated[PositiveInt, Parameter(help="Number of absent targets in each photo.")] = 5,
    kinds: Annotated[bool, Parameter(help="Use kinds of things, such as dog, and `photos` only.", negative=())] = False,
    limit: Annotated[PositiveInt | None, Parameter(help="Maximum number of photos of each set.")] = None,
    options: MaskRecipe = NO_FLAGS,
) -> None:
    """Print the shares of present and of absent targets with pixels, by set and half."""
    segmenter = wsseg.Segmenter(recipe=options.changed_recipe)
    photos = [*photos_of(data / "photos"), *([] if kinds else objects_of(data / "objects"))]
    tasks = [
        task for _, group in groupby(photos, lambda photo: photo.collection) for task in halves(list(group)[:limit])
    ]
    random = np.random.default_rng(0)
    counts = [
        count_of(segmenter, name, photo, targets_for(segmenter, photo, photos, random, others, kinds=kinds))
        for name, photo in track(tasks, console=Console(stderr=True))
    ]
    print(provenance())
    Console(width=120).print(table_of(counts))


def photos_of(folder: Path) -> Iterator[Photo]:
    """Yield the photos that are named after their class."""
    for file in sorted(folder.iterdir()):
        yield Photo(folder.name, file, file.stem.partition("_")[0])


def objects_of(folder: Path) -> Iterator[Photo]:
    """Yield the photos whose classes are listed; the others are left out."""
    classes = json.loads((folder / "classes.json").read_text())
    for file in sorted((folder / "images").iterdir()):
        if wnids := (classes.get(file.stem) or {}).get("imagenet"):
            yield Photo(folder.name, file, "|".join(wnids))


def halves(photos: Sequence[Photo]) -> Iterator[tuple[str, Photo]]:
    """Yield each photo with the name of its half of the set."""
    for number, photo in enumerate(photos):
        yield f"{photo.collection}, {'test' if number % 2 else 'tuned on'}", photo


def targets_for(
    segmenter: wsseg.Segmenter,
    photo: Photo,
    photos: Sequence[Photo],
    random: np.random.Generator,
    count: int,
    *,
    kinds: bool,
) -> tuple[list[wsseg.Target], list[wsseg.Target]]:
    """Return targets in the photo and targets that are not in it; no two of them share a class."""
    resolve = segmenter.classifier.categories.resolve
    own = resolve(photo.target)
    if kinds:
        every = list(map(resolve, KINDS))
        shown = [kind for kind in every if set(kind.indices) >= set(own.indices)]
        return shown, [kind for kind in every if kind not in shown]
    others: list[wsseg.Target] = []
    pool = [resolve(other.target) for other in photos if other.collection == photo.collection]
    for index in random.permutation(len(pool)):
        taken = {*own.indices, *(number for other in others for number in other.indices)}
        if len(others) < count and taken.isdisjoint(pool[index].indices):
            others.append(pool[index])
    return [own], others


def count_of(
    segmenter: wsseg.Segmenter, name: str, photo: Photo, targets: tuple[list[wsseg.Target], list[wsseg.Target]]
) -> Count:
    """Return the counts of a photo that is labeled with all its targets together."""
    present, absent = targets
    found = segmenter.segment_categories(photo.file, [*present, *absent]).results
    facts = np.array([[True, part.seen, part.status != "no object"] for part in found], dtype=int)
    return Count(name, *(tuple(part.sum(0).tolist()) for part in (facts[: len(present)], facts[len(present) :])))


def table_of(counts: Sequence[Count]) -> Table:
    """Return a table with a row for each half of each set, and one for all."""
    table = Table("", "present", "seen", "with pixels", "absent", "seen", "with pixels")
    for name in (*dict.fromkeys(count.collection for count in counts), "all"):
        own = [count for count in counts if name in (count.collection, "all")]
        cells = []
        for sums in (np.sum([count.present for count in own], 0), np.sum([count.absent for count in own], 0)):
            cells += [str(sums[0]), *(f"{part / sums[0]:.1%}" if sums[0] else "-" for part in sums[1:])]
        table.add_row(name, *cells)
    return table


if __name__ == "__main__":
    cyclopts.run(main)
