"""Names of the outputs of each photo: unique in every file system, and the same in later runs."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wsseg.files.store import is_same_file, path_of
from wsseg.files.text import folded


class Source(NamedTuple):
    """A photo to be read, and the relative name of its outputs: `sub/a.png`."""

    path: Path
    name: PurePosixPath


def with_output_names(sources: list[Source], named: Mapping[str, str]) -> list[Source]:
    """Return the sources with the shortest names that no two of them share; photos that are `named` keep theirs."""
    owners = {folded(f"{name}.png"): path for path, name in named.items()}
    real = cache(os.path.realpath)  # Of a few folders, which hold many photos.
    names = {_place(path, real): PurePosixPath(f"{name}.png") for path, name in named.items()}
    places = [_place(str(source.path), real) for source in sources]
    found = {index: names[place] for index, place in enumerate(places) if place in names}
    for name_of in (_short, _whole, _marked):
        if len(found) == len(sources):
            break
        uses = Counter(folded(str(name_of(source.name))) for source in sources)
        for index in set(range(len(sources))) - found.keys():
            path, name = sources[index].path, name_of(sources[index].name)
            if uses[folded(str(name))] == 1 and not _is_another(owners.get(folded(str(name))), path):
                found[index] = name
    return [Source(source.path, found.get(index, _whole(source.name))) for index, source in enumerate(sources)]


def _place(path: str, real: Callable[[str], str]) -> str:
    """Return the photo's path with its folder resolved; a linked photo stays a photo of its own."""
    folder, name = os.path.split(path)
    return path if "://" in path else str(Path(real(folder), name))


def _short(name: PurePosixPath) -> PurePosixPath:
    """Return the name with `.png` in place of its suffix."""
    return name.with_suffix(".png")


def _whole(name: PurePosixPath) -> PurePosixPath:
    """Return the name with `.png` after its suffix."""
    return name.with_name(f"{name.name}.png")


def _marked(name: PurePosixPath) -> PurePosixPath:
    """Return the whole name with a digest of its bytes, for names that some file systems take for one."""
    return name.with_name(f"{name.name}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}.png")


def _is_another(owner: str | None, path: Path) -> bool:
    """Return whether the name's owner still exists and is not the same photo under another path."""
    if owner is None:
        return False
    return path_of(owner).exists() and not is_same_file(path_of(owner), path)


def refuse_name_clashes(sources: list[Source]) -> list[Source]:
    """Return the sources, or raise ValueError if two have one name or one's name is the other's folder."""
    owners: dict[str, Source] = {}
    for source in sources:
        if (owner := owners.setdefault(folded(str(source.name)), source)) is not source:
            raise _clash(owner, source, source.name)
    for source in sources:
        for parent in source.name.parents:  # A file `a.png` leaves no room for a folder `a.png`.
            if folded(str(parent)) in owners:
                raise _clash(owners[folded(str(parent))], source, parent)
    return sources


def _clash(first: Source, second: Source, name: PurePosixPath) -> ValueError:
    return ValueError(
        f"paths must give photos different names, got '{first.path}' and '{second.path}' for '{name}'; "
        "rename one, or use a run for each"
    )
