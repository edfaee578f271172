"""Where the known benchmarks keep their truths, and what the values in them mean: for whoever has the data."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from wsseg.arrays import Box
from wsseg.evaluation.coco_truths import coco_truths
from wsseg.evaluation.codings import CLASS_CODING, CODINGS, class_number, object_truth
from wsseg.evaluation.layouts import KINDS, LAYOUTS, Layout, Truth, layout_of
from wsseg.evaluation.protocols import PROTOCOLS, Kind
from wsseg.files.find import pictures_below
from wsseg.files.text import nfc, pair_key


class Truths(NamedTuple):
    """The truths to score against, by name, and the names of those that are left out."""

    wanted: dict[str, list[Truth]]
    others: frozenset[str]
    coding: str = "binary"
    """Of files of pixels."""


class Reading(TypedDict, total=False):
    """How truths are to be read; see `truths_in`."""

    layout: str | None
    split: str | None
    coding: str | None
    category: str | None
    void: int | None


def truths_in(
    root: Path,
    *,
    protocol: str = "default",
    layout: str | None = None,
    coding: str | None = None,
    category: str | None = None,
    split: str | None = None,
    void: int | None = None,
) -> Truths:
    """The truths of a folder, of a benchmark's folder or of a COCO file; ValueError says what is wrong with others."""
    kind, name = PROTOCOLS[protocol].kind, layout_of(root, protocol, layout)
    if name is not None:
        chosen = _of_layout(root, LAYOUTS[name], kind, coding or LAYOUTS[name].coding, category, split, void)
    elif split is not None:
        raise ValueError(f"split must be of a benchmark's folder, got {split!r} for {root}; leave it out")
    elif root.suffix.lower() == ".json" and kind == "object":
        chosen = Truths(_of_coco(root, category), frozenset())
    else:
        chosen = _of_folder(root, kind, coding, category, void)
    return _without_ends(chosen) if PROTOCOLS[protocol].sequences else chosen


def _of_layout(
    root: Path, layout: Layout, kind: Kind, coding: str, category: str | None, split: str | None, void: int | None
) -> Truths:
    home = layout.home(root) or root
    if layout.boxes:
        truths = _narrowed(layout.boxes(home / layout.truths), kind, category)
    else:
        truths = _files(home / layout.truths, _reader(kind, coding, category, void))
    return _of_split(home, layout, truths, split)._replace(coding=coding)


def _of_coco(file: Path, category: str | None) -> dict[str, list[Truth]]:
    found = coco_truths(file, category)
    return {nfc(name): [Truth(truth.file, truth.read) for truth in truths] for name, truths in found.items()}


def _of_folder(root: Path, kind: Kind, coding: str | None, category: str | None, void: int | None) -> Truths:
    if kind in ("boxes", "guesses"):
        raise ValueError(f"truths must be a benchmark's folder, got {root}; it may be of {', '.join(KINDS[kind])}")
    coding = coding or (CLASS_CODING if kind == "classes" else "binary")
    return Truths(_files(root, _reader(kind, coding, category, void)), frozenset(), coding)


def _reader(kind: Kind, coding: str, category: str | None, void: int | None) -> Callable[[Path], Any]:
    if coding and coding not in CODINGS:
        raise ValueError(f"coding must be one of {', '.join(CODINGS)}, got {coding!r}; choose one of these")
    found = CODINGS[coding] if coding else None
    if kind == "classes":
        if found is None or not found.count:
            raise ValueError(f"coding must be of classes, got {coding}; choose voc or imagenet-s")
        return found.labels
    if category is not None and kind == "object":
        class_number(category, coding)
    return partial(object_truth, coding=coding, category=category, void=void)


def _files(folder: Path, read: Callable[[Path], Any]) -> dict[str, list[Truth]]:
    found = files_by_name(folder, "truths")
    return {name: [Truth(path.name, partial(read, path)) for path in paths] for name, paths in found.items()}


def _narrowed(truths: dict[str, list[Truth]], kind: Kind, category: str | None) -> dict[str, list[Truth]]:
    """Boxes without their classes, or those of one, unless classes are guessed."""
    if kind == "guesses":
        return truths
    return {
        name: [Truth(one.file, partial(_boxes_alone, one.read, category)) for one in found]
        for name, found in truths.items()
    }


def _boxes_alone(read: Callable[[], Any], category: str | None) -> tuple[Box, ...]:
    return tuple(box for name, box in read() if category in (None, name))


def _of_split(root: Path, layout: Layout, truths: dict[str, list[Truth]], split: str | None) -> Truths:
    """The truths of the split, the layout's first if none is named; all where the benchmark has no splits."""
    if split is not None and split not in layout.splits:
        raise ValueError(f"split must be one of {', '.join(layout.splits) or 'none'}, got {split!r}; choose one")
    named = split or next(iter(layout.splits), None)
    if named is None:
        return Truths(truths, frozenset())
    try:
        listed = layout.listed(root, layout.splits[named])
    except (OSError, KeyError) as error:
        raise ValueError(
            f"split must be listed in {root / layout.splits[named]}, got '{error}'; add it, or name the folder of the "
            "truths themselves and their coding"
        ) from error
    wanted = {name: found for name, found in truths.items() if name in listed or name.rpartition("/")[0] in listed}
    folders = {name.rpartition("/")[0] for name in wanted}
    lacking: dict[str, list[Truth]] = {name: [] for name in listed - wanted.keys() - folders}
    return Truths({**wanted, **lacking}, frozenset(truths.keys() - wanted.keys()))


def _without_ends(truths: Truths) -> Truths:
    """The truths but those of each folder's first and last photo, which are given to the methods of DAVIS.

    ValueError where a folder has no others.
    """
    frames = defaultdict(list)
    for name in sorted(truths.wanted):
        frames[name.rpartition("/")[0]].append(name)
    if short := [folder for folder, names in frames.items() if len(names) < 3]:
        raise ValueError(f"truths must be of sequences of 3 frames or more, got fewer in {short[0]!r}; leave it out")
    kept = {name: truths.wanted[name] for names in frames.values() for name in names[1:-1]}
    return truths._replace(wanted=kept, others=truths.others | (truths.wanted.keys() - kept.keys()))


def files_by_name(folder: Path, argument: str) -> dict[str, list[Path]]:
    """The pictures below the folder by their paths without suffix, `sub/a`; ValueError when it is none or has none."""
    if not folder.is_dir():
        raise ValueError(f"{argument} must be a folder, got {folder}; name the folder that holds the files")
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for path in pictures_below(folder):
        files[pair_key(path.relative_to(folder))].append(path)
    return dict(files)
