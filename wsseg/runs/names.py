"""What the files of targets are called, and which photos belong to a run."""

import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from functools import cache, partial
from pathlib import Path

from wsseg.classifier.categories import Categories, Target
from wsseg.files.names import Source
from wsseg.files.store import store_of
from wsseg.files.text import folded
from wsseg.runs.record import REPORTED, is_run
from wsseg.runs.task import name_of
from wsseg.segmenting.outputs import PICTURES


def shard_of(sources: Iterable[Source], index: int, count: int) -> list[Source]:
    """The photos of one of `count` shards, from 1: which one a photo is of depends on its name alone."""
    if not 1 <= index <= count:
        raise ValueError(f"shard must be I/N with I from 1 to N, got {index}/{count}; count from 1")
    return [source for source in sources if zlib.crc32(os.fsencode(name_of(source))) % count == index - 1]


def target_names_of(categories: Categories) -> Callable[[Target], str]:
    """What files call a target: its category, with `_` for all but letters and digits.

    A class that files would call like another, in a file system without case, adds its index: `cardigan-474`.
    """
    plain = [_plain(name) for name in categories.names]
    uses = Counter(map(folded, plain))
    alike = {index for index, name in enumerate(plain) if uses[folded(name)] > 1}
    return partial(_target_name, frozenset(alike))


def _target_name(alike: Collection[int], target: Target) -> str:
    return "-".join([_plain(target.category), *(str(index) for index in target.indices if index in alike)])


def check_target_names(targets: Iterable[Target], name_of_target: Callable[[Target], str]) -> None:
    """ValueError names two targets whose pictures would have one name."""
    owners: dict[str, Target] = {}
    for target in targets:
        owner = owners.setdefault(folded(name_of_target(target)), target)
        if owner is not target:
            raise ValueError(
                f"targets must have different names, got {owner.category!r} and {target.category!r} for files called "
                f"{name_of_target(target)}; leave out one"
            )


def without_run_outputs(sources: Iterable[Source], out: Path) -> list[Source]:
    """The sources that are not themselves pictures of a run or of its report, into `out` or elsewhere among them.

    ValueError names one that lies where pictures go in `out` before any run does: its like could not be told from them.
    """
    folders = {picture.folder for picture in PICTURES.values()}
    run_of = cache(is_run)

    def is_output(here: Path) -> bool:
        return (here.name in folders and run_of(here.parent)) or bool(REPORTED.fullmatch(here.name))

    found = [source for source in sources if not any(map(is_output, store_of(source.path).real(source.path).parents))]
    taken = {store_of(out).real(out) / folder for folder in folders}
    for source in found:
        if not taken.isdisjoint(store_of(source.path).real(source.path).parents):
            raise ValueError(
                f"out must not put pictures among photos, got {out} with {source.path}; name another folder"
            )
    return found


def _plain(category: str) -> str:
    return re.sub(r"\W", "_", category)
