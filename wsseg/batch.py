"""A folder at a time: one bad photo never stops the rest, and is never hidden."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, Final, TypeVar

import cv2

from wsseg.categories import Categories, Target
from wsseg.files import Source, replacing
from wsseg.segmentation import PICTURES, LabelMap, Sighting

Result = TypeVar("Result")

RUN: Final = "run.json"
"""The file that tells a folder of a run: what made it."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one photo."""

    source: Source
    results: tuple[Sighting | LabelMap, ...]
    """One for each target, or for all of them; none when the photo failed."""
    error: str
    """What failed, empty when nothing did."""
    seconds: float


def is_run(folder: Path) -> bool:
    """Whether an earlier run made the folder."""
    try:
        made_by = json.loads((folder / RUN).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(made_by, dict) and "wsseg" in made_by


def attempt(act: Callable[[Path], Result], path: Path) -> tuple[Result | None, str]:
    """What `act` makes of a photo, or what failed."""
    try:
        return act(path), ""
    except (ValueError, MemoryError, RuntimeError, cv2.error) as error:
        # ReadError is a ValueError; torch says RuntimeError, OpenCV its own, when one photo is more than they can take.
        return None, str(error) or type(error).__name__


def claim(out: Path, made_by: Mapping[str, Any], *, force: bool) -> None:
    """Makes the folder of a run and writes down there what makes it.

    `made_by` must tell wsseg's version as "wsseg". FileExistsError when `out` holds anything that no run made, unless
    `force`; nothing in it is deleted.
    """
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"out must be a folder, got the file {out}; name another")
    if not force and out.is_dir() and any(out.iterdir()) and not is_run(out):
        raise FileExistsError(f"out must be new, empty or of an earlier run, got {out}; name another or use --force")
    with replacing(out / RUN) as file:
        file.write(json.dumps(made_by, indent=2).encode())


def process(
    sources: Iterable[Source],
    see: Callable[[Path], Sequence[Sighting | LabelMap]],
    out: Path,
    pictures: Sequence[str],
    labels: Callable[[Target], str] | None = None,
) -> Iterator[Outcome]:
    """What `see` makes of each photo, its pictures written below `out`, in the order of the sources.

    With `labels` the pictures of `sub/a.jpg` are named `sub/a.LABEL.png`; labels have no dot, so that no photo's own
    name can be mistaken for one. Without, a photo must have one result. A photo that cannot be read or seen has its
    error in the outcome; a folder that cannot be written ends it all.
    """
    for source in sources:
        start = perf_counter()
        results, error = attempt(see, source.path)
        for result in results or ():
            name = source.name
            if labels and isinstance(result, Sighting):
                name = name.with_suffix(f".{labels(result.target)}.png")
            for picture in pictures:
                result.save(out / PICTURES[picture].folder / name, picture)
        yield Outcome(source=source, results=tuple(results or ()), error=error, seconds=perf_counter() - start)


def labels_of(categories: Categories) -> Callable[[Target], str]:
    """What files call a target: its category, with `_` for all but letters and digits.

    A class that files would call like another, in a file system without case, adds its index: `cardigan-474`.
    """
    plain = [_plain(name) for name in categories.names]
    uses = Counter(map(str.casefold, plain))
    alike = {index for index, name in enumerate(plain) if uses[name.casefold()] > 1}
    return lambda target: "-".join([_plain(target.category), *(str(i) for i in target.indices if i in alike)])


def check_labels(targets: Iterable[Target], labels: Callable[[Target], str]) -> None:
    """ValueError names two targets whose pictures would have one name."""
    owners: dict[str, Target] = {}
    for target in targets:
        owner = owners.setdefault(labels(target).casefold(), target)
        if owner is not target:
            raise ValueError(
                f"targets must have different names, got {owner.category!r} and {target.category!r} for files called "
                f"{labels(target)}; leave out one"
            )


def beside_outputs(sources: Iterable[Source], out: Path) -> list[Source]:
    """The sources that are not themselves pictures of a run, into `out` or elsewhere among the photos.

    ValueError when none is left.
    """
    folders = {picture.folder for picture in PICTURES.values()}
    run_of = cache(lambda folder: folder == _real(out) or is_run(folder))
    photos = [
        source
        for source in sources
        if not any(here.name in folders and run_of(here.parent) for here in _real(source.path).parents)
    ]
    if not photos:
        raise ValueError(f"paths must hold photos, got only pictures of runs like {out}; name the photos themselves")
    return photos


def _plain(category: str) -> str:
    return re.sub(r"\W", "_", category)


def _real(path: Path) -> Path:
    """The path without links; unlike `resolve` it takes a link to itself, which is a bad photo and no more."""
    return Path(os.path.realpath(path))
