"""The photos of a run: those in folders now or those that arrive, one shard of them, and their hints."""

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from wsseg.files.find import find_photos, remedy_for_unsupported, unsupported_photos
from wsseg.files.names import Source
from wsseg.files.store import path_of, store_of
from wsseg.runs.notices import Notice
from wsseg.runs.record import REPORTED, is_run, read_run
from wsseg.runs.reviews import REVIEW_FOLDERS
from wsseg.runs.task import name_of
from wsseg.runs.watch import arriving
from wsseg.segmenting.outputs import PICTURES

Given: TypeAlias = Sequence[str | PathLike[str]]
"""Photos, folders, patterns and lists, as a user gives them."""


def photos_of(given: Given, out: Path, notice: Notice) -> list[Source]:
    """Return all photos, each with the output name that an earlier run gave it."""
    sources = without_run_outputs(find_photos(given, named=_earlier_names(out)), out)
    if not sources:
        raise ValueError(f"sources must hold photos, got only pictures of runs such as '{out}'; give other folders")
    if others := unsupported_photos([path_of(each) for each in given]):
        name = f"'{others[0].name}'"
        got = f"{len(others)} files such as {name}" if len(others) > 1 else name
        notice(f"skipped {got}, whose format wsseg cannot read: {remedy_for_unsupported(others)}")
    return sources


def arriving_photos(given: Given, out: Path, notice: Notice, shard: tuple[int, int] | None) -> Iterator[Source | None]:
    """Yield photos forever as they arrive in the folders, and `None` when no photo is available yet."""
    if strange := [path for path in map(path_of, given) if not store_of(path).is_folder(path)]:
        raise ValueError(f"sources must be folders when they are watched, got '{strange[0]}'; give the photo's folder")
    names = _earlier_names(out)

    def find(given_names: Mapping[str, str]) -> list[Source]:
        found = find_photos(given, named={**names, **given_names}, empty_ok=True)
        return photos_of_shard(without_run_outputs(found, out), shard)

    if not is_run(out):
        find({})  # Once the run exists, photos among its pictures could not be distinguished from them.
    return arriving(find, notice=notice)


def photos_of_shard(sources: Iterable[Source], shard: tuple[int, int] | None) -> list[Source]:
    """Return the photos of shard (i, n), or all of them for `None`; a photo's shard depends on its name alone."""
    if shard is None:
        return list(sources)
    index, count = check_shard(shard)
    return [source for source in sources if zlib.crc32(os.fsencode(name_of(source))) % count == index - 1]


def check_shard(shard: tuple[int, int]) -> tuple[int, int]:
    """Return the shard itself; TypeError or ValueError unless it is (i, n) with 1 <= i <= n."""
    if not isinstance(shard, Sequence) or len(shard) != 2 or not all(type(number) is int for number in shard):
        raise TypeError(f"shard must be two whole numbers (i, n), got {shard!r}; (3, 16) is the third of sixteen")
    if not 1 <= shard[0] <= shard[1]:
        got = "/".join(map(str, shard))
        raise ValueError(f"shard must be I/N with I from 1 to N, got {got}; 3/16 is the third of sixteen")
    return shard


def without_run_outputs(sources: Iterable[Source], out: Path) -> list[Source]:
    """Return the sources without pictures of runs and of their reports, in `out` or elsewhere among them.

    Raises
    ------
    ValueError
        If `out` is not a run yet and a photo lies where its pictures will go, since they could not be distinguished.
    """
    folders = {*(picture.folder for picture in PICTURES.values()), *REVIEW_FOLDERS.values()}
    is_known_run = cache(is_run)

    def is_output(folder: Path) -> bool:
        return (folder.name in folders and is_known_run(folder.parent)) or bool(REPORTED.fullmatch(folder.name))

    def parents(source: Source) -> Sequence[Path]:
        return store_of(source.path).real(source.path).parents

    found = [source for source in sources if not any(map(is_output, parents(source)))]
    taken = {store_of(out).real(out) / folder for folder in folders}
    for source in found:
        if not taken.isdisjoint(parents(source)):
            raise ValueError(
                f"out must not put pictures among photos, got '{out}' with '{source.path}'; choose another folder"
            )
    return found


def hint_files(sources: Sequence[Source], folder: Path) -> dict[Path, Path]:
    """Return the file of hints for each photo that has one.

    Raises
    ------
    ValueError
        If the folder is missing, has no hints for these photos, or has a PNG that fits no photo.
    """
    if not folder.is_dir():
        raise ValueError(f"hints must be a folder, got '{folder}'; give the folder that holds the PNGs")
    files = {source.path: folder / source.name for source in sources}
    found = {photo: file for photo, file in files.items() if file.is_file()}
    stray = sorted({path for path in folder.rglob("*") if path.suffix.lower() == ".png"} - set(found.values()))
    if stray or not found:
        got = f"'{stray[0]}', which fits no photo" if stray else "none"
        raise ValueError(
            f"hints must hold PNGs named like the photos, got {got}; "
            f"those of the first photo would be '{folder / sources[0].name}'"
        )
    return found


def _earlier_names(out: Path) -> dict[str, str]:
    """Return the output name that an earlier run gave each photo, by the photo's path."""
    return {record.place: record.name for record in read_run(out).records} if is_run(out) else {}
