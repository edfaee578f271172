"""Find the truths to score against: in a plain folder, in the folder of a benchmark, or in a COCO file."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from wsseg.evaluation.box_truths import BoxTruths
from wsseg.evaluation.coco_truths import coco_truths
from wsseg.evaluation.codings import (
    CODINGS,
    CODINGS_OF_CLASSES,
    DEFAULT_CLASS_CODING,
    DEFAULT_CODING,
    class_number,
    object_truth,
)
from wsseg.evaluation.layouts import LAYOUTS, LAYOUTS_OF_KIND, Layout, layout_of
from wsseg.evaluation.protocols import PROTOCOLS, Kind
from wsseg.evaluation.truth import Boxes, ClassBoxes, Truth, TruthValue
from wsseg.files.find import pictures_below
from wsseg.files.palettes import Palettes, palettes_of
from wsseg.files.text import counted, nfc, pair_key
from wsseg.runs.record import ACCEPTED, Record, is_run, read_run

DEEPEST: Final = 65535
"""Largest value in a truth file: 16 bits."""

TruthsByPhoto: TypeAlias = Mapping[str, Sequence[Truth[TruthValue]]]
"""Truths by the name of their photo, `sub/a`; a photo with none, or with several, cannot be scored."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The options of `wsseg.evaluate` that decide how truths are read."""

    protocol: str = "default"
    layout: str | None = None
    split: str | None = None
    coding: str | None = None
    category: str | None = None
    void: int | None = None

    def __post_init__(self) -> None:
        check_word("protocol", self.protocol, PROTOCOLS)
        if self.void is not None and self.void not in range(DEEPEST + 1):
            raise ValueError(
                f"void must be a whole number from 0 to {DEEPEST}, got {self.void!r}; "
                "use the value of the pixels that never count"
            )

    @property
    def kind(self) -> Kind:
        """The kind of thing that the protocol compares."""
        return PROTOCOLS[self.protocol].kind


@dataclass(frozen=True, kw_only=True)
class TruthSet:
    """The truths to score against."""

    root: Path
    """Folder or file that they were found in."""
    protocol: str
    by_photo: TruthsByPhoto
    coding: str = DEFAULT_CODING
    """Coding of the pixels; empty where the truths are boxes."""
    excluded: frozenset[str] = frozenset()
    """Names of photos that have a truth but are not scored, such as those of another split."""
    notes: tuple[str, ...] = ()
    """Sentences on how the truths are read, where that had to be guessed."""


def check_word(argument: str, word: str, known: Iterable[str]) -> None:
    """Raise ValueError unless the word is one of those known."""
    if word not in known:
        raise ValueError(f"{argument} must be one of {', '.join(known)}, got '{word}'; choose one of these")


def truths_in(root: Path, reading: Reading) -> TruthSet:
    """Find the truths in a folder, in a benchmark's folder, in a COCO file (.json), or in a run that a person reviewed.

    Parameters
    ----------
    root : Path
        The folder or file. Of a run's folder, the masks that a person accepted, corrected or found to have no object.
    reading : Reading
        How to read it.

    Returns
    -------
    TruthSet
        The truths by photo; the pixels of a truth are read when it is needed.

    Raises
    ------
    ValueError
        If an option is unknown or does not fit the folder, or the folder holds no truths.
    """
    name = layout_of(root, reading.protocol, reading.layout)
    if name is not None:
        found = _in_layout(root, LAYOUTS[name], reading)
    elif reading.split is not None:
        raise ValueError(
            f"split needs the folder of a benchmark, got '{reading.split}' for '{root}'; leave out the split"
        )
    elif reading.kind == "object" and (reviewed := _reviewed_in(root)):
        found = _of_reviews(root, reviewed, reading)
    elif root.suffix.lower() == ".json" and reading.kind == "object":
        found = TruthSet(root=root, protocol=reading.protocol, by_photo=_in_coco(root, reading.category))
    else:
        found = _in_folder(root, reading)
    return _without_ends(found) if PROTOCOLS[reading.protocol].sequences else found


def _in_layout(root: Path, layout: Layout, reading: Reading) -> TruthSet:
    home = layout.home(root) or root
    coding = reading.coding or layout.coding
    if layout.boxes:
        truths = _box_truths(layout.boxes(home / layout.truths), reading)
        whole = TruthSet(root=root, protocol=reading.protocol, by_photo=truths, coding=coding)
    else:
        whole = _in_files(root, home / layout.truths, coding, reading)
    return _split_of(whole, home, layout, reading.split)


def _reviewed_in(root: Path) -> list[Record]:
    """Return the records of a run that a person reviewed, all of them; none if it is no run, or nobody did."""
    records = read_run(root).records if is_run(root) else []
    return list(records) if any(record.has_decision for record in records) else []


def _of_reviews(run: Path, records: Iterable[Record], reading: Reading) -> TruthSet:
    """Return the masks of a run that a person accepted; its other photos are not scored."""
    accepted = {
        one.outputs["mask"]: bool(one.decision and one.decision.verdict in ACCEPTED)
        for record in records
        for one in record.findings
        if "mask" in one.outputs
    }
    if not (files := [file for file in accepted if accepted[file]]):
        raise ValueError(
            f"truths must hold masks that a person accepted, got a run with none, '{run}'; review more of it, or give "
            "the folder of its masks"
        )
    coding = reading.coding or DEFAULT_CODING
    check_word("coding", coding, CODINGS)
    read = _reader(coding, reading, None)
    names = {file: pair_key(PurePosixPath(*PurePosixPath(file).parts[1:])) for file in accepted}
    return TruthSet(
        root=run / "masks",
        protocol=reading.protocol,
        by_photo={names[file]: [Truth(Path(file).name, partial(read, run / file))] for file in files},
        coding=coding,
        excluded=frozenset(names[file] for file in accepted if not accepted[file]),
        notes=(f"The truths are {counted(len(files), 'mask')} that a person accepted, of {len(accepted)}.",),
    )


def _in_coco(file: Path, category: str | None) -> TruthsByPhoto:
    """Find the truths in a COCO file; names are in one Unicode form, as those of masks are."""
    found = coco_truths(file, category)
    return {nfc(name): [Truth(truth.file, truth.read) for truth in truths] for name, truths in found.items()}


def _in_folder(root: Path, reading: Reading) -> TruthSet:
    if reading.kind in ("boxes", "detections"):
        known = ", ".join(LAYOUTS_OF_KIND[reading.kind])
        raise ValueError(
            f"truths must be a benchmark's folder with boxes, got '{root}'; "
            f"use a folder with one of the layouts {known}"
        )
    coding = reading.coding or (DEFAULT_CLASS_CODING if reading.kind == "classes" else DEFAULT_CODING)
    return _in_files(root, root, coding, reading)


def _in_files(root: Path, folder: Path, coding: str, reading: Reading) -> TruthSet:
    """Find the truths in a folder of pictures."""
    check_word("coding", coding, CODINGS)
    files = files_by_name(folder, "truths")
    guessed = CODINGS[coding].palettes == "guessed"
    palettes = palettes_of(path for paths in files.values() for path in paths) if guessed else None
    read = _reader(coding, reading, palettes)
    return TruthSet(
        root=root,
        protocol=reading.protocol,
        by_photo={name: [Truth(path.name, partial(read, path)) for path in paths] for name, paths in files.items()},
        coding=coding,
        notes=palette_notes("truths", palettes),
    )


def palette_notes(argument: str, palettes: Palettes | None) -> tuple[str, ...]:
    """Return a sentence on how palettes were read; none without palettes."""
    meanings = {"indices": "its indices are read, not its colors", "greys": "its greys are read, not its indices"}
    return (f"Some {argument} have a palette; {meanings[palettes]}.",) if palettes else ()


def _reader(coding: str, reading: Reading, palettes: Palettes | None) -> Callable[[Path], TruthValue]:
    """Return the function that reads a truth's file."""
    if reading.kind == "classes":
        if not CODINGS[coding].class_count:
            known = " or ".join(CODINGS_OF_CLASSES)
            raise ValueError(f"coding must have classes, got '{coding}'; choose {known}")
        return CODINGS[coding].read
    if reading.category is not None:
        class_number(reading.category, coding)
    return partial(object_truth, coding=coding, category=reading.category, void=reading.void, palettes=palettes)


def _box_truths(truths: BoxTruths, reading: Reading) -> TruthsByPhoto:
    """Return truths with boxes and classes for detections, else with the boxes alone, of one category if given."""
    if reading.kind == "detections":
        return truths
    return {
        name: [Truth(one.file, partial(_boxes_of_category, one.read, reading.category)) for one in found]
        for name, found in truths.items()
    }


def _boxes_of_category(read: Callable[[], ClassBoxes], category: str | None) -> Boxes:
    """Read the boxes of one category, or all."""
    return tuple(box for name, box in read() if category in (None, name))


def _split_of(whole: TruthSet, home: Path, layout: Layout, split: str | None) -> TruthSet:
    """Return the truths of the split, by default the layout's first; all of them where the layout has no splits."""
    if split is not None and split not in layout.splits:
        known = ", ".join(layout.splits)
        remedy = "choose one of these" if known else "leave out the split"
        raise ValueError(f"split must be one of {known or 'none'}, got '{split}'; {remedy}")
    name = split or next(iter(layout.splits), None)
    if name is None:
        return whole
    file = home / layout.splits[name]
    try:
        listed = layout.listed(home, layout.splits[name])
    except (OSError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no photo {error}"
        raise ValueError(
            f"split must be listed in '{file}', got '{reason}'; add that file, or give the folder of the truths itself "
            "with their coding"
        ) from error
    truths = whole.by_photo
    chosen = {name: found for name, found in truths.items() if name in listed or _folder_of(name) in listed}
    missing: TruthsByPhoto = {name: [] for name in listed - chosen.keys() - {_folder_of(name) for name in chosen}}
    return replace(whole, by_photo={**chosen, **missing}, excluded=frozenset(truths.keys() - chosen.keys()))


def _without_ends(truths: TruthSet) -> TruthSet:
    """Leave out the first and the last photo of each folder, whose masks DAVIS gives to the methods it compares.

    ValueError where a folder has no other photos.
    """
    frames = defaultdict(list)
    for name in sorted(truths.by_photo):
        frames[_folder_of(name)].append(name)
    if short := [folder for folder, names in frames.items() if len(names) < 3]:
        raise ValueError(f"each sequence must have at least 3 frames, got fewer in '{short[0]}'; remove that folder")
    kept = {name: truths.by_photo[name] for names in frames.values() for name in names[1:-1]}
    return replace(truths, by_photo=kept, excluded=truths.excluded | (truths.by_photo.keys() - kept.keys()))


def _folder_of(name: str) -> str:
    """Return the folder of a photo's name: `sub` for `sub/a`."""
    return name.rpartition("/")[0]


def files_by_name(folder: Path, argument: str) -> dict[str, list[Path]]:
    """Find the pictures below a folder.

    Parameters
    ----------
    folder : Path
        Folder to search.
    argument : str
        Name of the argument that gave the folder, for messages.

    Returns
    -------
    dict of str to list of Path
        Files by their path below the folder without suffix, `sub/a`.

    Raises
    ------
    ValueError
        If it is not a folder, or holds no pictures.
    """
    if not folder.is_dir():
        raise ValueError(f"{argument} must be an existing folder, got '{folder}'; give the folder that holds the files")
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for path in pictures_below(folder):
        files[pair_key(path.relative_to(folder))].append(path)
    return dict(files)
