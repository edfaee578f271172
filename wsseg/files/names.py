"""What the outputs of each photo are called: unique in every file system, and the same in later runs."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wsseg.files.store import is_local, path_of


class Source(NamedTuple):
    """A photo to be read, and the relative name of whatever is made from it: `sub/a.png`."""

    path: Path
    name: PurePosixPath


def real_path(path: Path) -> Path:
    """The path with its folder's links and dots resolved; a linked photo stays a photo of its own."""
    return path.parent.resolve() / path.name if is_local(path) else path


def with_output_names(sources: list[Source], named: Mapping[str, str]) -> list[Source]:
    owners = {_folded(PurePosixPath(f"{name}.png")): path for path, name in named.items()}
    real = cache(os.path.realpath)  # Of a few folders, which hold many photos.
    names = {_place(path, real): PurePosixPath(f"{name}.png") for path, name in named.items()}
    places = [_place(str(source.path), real) for source in sources]
    found = {index: names[place] for index, place in enumerate(places) if place in names}
    for name_of in (_short, _whole, _marked):
        if len(found) == len(sources):
            break
        uses = Counter(_folded(name_of(source.name)) for source in sources)
        for index in set(range(len(sources))) - found.keys():
            path, name = sources[index].path, name_of(sources[index].name)
            if uses[_folded(name)] == 1 and not _is_another(owners.get(_folded(name)), path):
                found[index] = name
    return [Source(source.path, found.get(index, _whole(source.name))) for index, source in enumerate(sources)]


def _place(path: str, real: Callable[[str], str]) -> str:
    """Where a photo is, however its path is spelled; a linked photo stays a photo of its own."""
    folder, name = os.path.split(path)
    return path if "://" in path else str(Path(real(folder), name))


def _short(name: PurePosixPath) -> PurePosixPath:
    return name.with_suffix(".png")


def _whole(name: PurePosixPath) -> PurePosixPath:
    return name.with_name(f"{name.name}.png")


def _marked(name: PurePosixPath) -> PurePosixPath:
    """The whole name with a digest of how it is written, which tells it from another that file systems may not."""
    return name.with_name(f"{name.name}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}.png")


def _is_another(owner: str | None, path: Path) -> bool:
    """Whether there still is an owner of the name, and it is not the same photo under another path."""
    if owner is None:
        return False
    there = path_of(owner)
    return there.exists() and not (is_local(path) and is_local(there) and path.exists() and there.samefile(path))


def _folded(name: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(name).casefold())


def refuse_name_clashes(sources: list[Source]) -> list[Source]:
    owners: dict[str, Source] = {}
    for source in sources:
        if (owner := owners.setdefault(_folded(source.name), source)) is not source:
            raise _clash(owner, source, source.name)
    for source in sources:
        for parent in source.name.parents:  # A file `a.png` leaves no room for a folder `a.png`.
            if _folded(parent) in owners:
                raise _clash(owners[_folded(parent)], source, parent)
    return sources


def _clash(first: Source, second: Source, name: PurePosixPath) -> ValueError:
    return ValueError(
        f"paths must give photos different names, got {first.path} and {second.path} for {name}; "
        "rename one, or run them apart"
    )
