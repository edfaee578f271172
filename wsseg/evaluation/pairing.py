"""Pair the masks of a folder, or the detections of a run, with the truths of the same photos."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

from wsseg.evaluation.protocols import PROTOCOLS
from wsseg.evaluation.result import some_of
from wsseg.evaluation.truth import Truth, TruthValue
from wsseg.evaluation.truths import TruthSet, files_by_name
from wsseg.files.palettes import Palettes, palettes_of
from wsseg.files.text import nfc
from wsseg.runs.record import is_run, read_run

DetectedMasks: TypeAlias = tuple[tuple[str, Path | None], ...]
"""Detections of a photo, most probable first: the WordNet id and the mask, if there is one."""


class PhotoFiles(NamedTuple):
    """The files of one photo; there should be one mask and one truth."""

    name: str
    masks: tuple[Path, ...] = ()
    truths: tuple[Truth[TruthValue], ...] = ()
    target_masks: tuple[str, ...] = ()
    """Names of masks that each show one of several targets of the photo."""
    detections: DetectedMasks | None = None
    """Detections of the photo, where the protocol compares these; None when the run does not have the photo."""


class PairedFiles(NamedTuple):
    """The files of all photos that have a mask or a truth."""

    folder: Path
    """Folder that the masks are in."""
    photos: Sequence[PhotoFiles]
    """The files of each photo, sorted by name."""
    palettes: Palettes | None = None
    """Meaning of the masks' palettes; None where there are none."""


def pair_by_photo(masks: Path, truths: TruthSet) -> PairedFiles:
    """Pair the files of each photo, by name.

    Parameters
    ----------
    masks : Path
        Folder of masks, or of a run.
    truths : TruthSet
        Truths to pair with.

    Returns
    -------
    PairedFiles
        The files of each photo.

    Raises
    ------
    ValueError
        If the folder holds no masks, or must be that of a run and is not, or if no mask has the name of a truth.
    """
    kind = PROTOCOLS[truths.protocol].kind
    if kind == "detections":
        return PairedFiles(masks, _detections_by_photo(masks, truths))
    folder = _mask_folder(masks, truths.root)
    whole = files_by_name(folder, "masks")
    files = {name: paths for name, paths in whole.items() if name not in truths.excluded}
    by_target = _masks_by_target(files, truths.by_photo)
    if not by_target:
        _check_names(folder, whole.keys(), truths)
    names = (files.keys() | truths.by_photo.keys()) - {name for names in by_target.values() for name in names}
    photos = [
        PhotoFiles(
            name,
            masks=tuple(files.get(name, ())),
            truths=tuple(truths.by_photo.get(name, ())),
            target_masks=tuple(by_target.get(name, ())),
        )
        for name in sorted(names)
    ]
    palettes = None if kind == "classes" else palettes_of(path for photo in photos for path in photo.masks)
    return PairedFiles(folder, photos, palettes)


def _check_names(folder: Path, masks: Collection[str], truths: TruthSet) -> None:
    """Raise ValueError if no mask has the name of a truth; a message for each photo would hide the cause."""
    names = truths.by_photo.keys()
    if not names.isdisjoint(masks):
        return
    inner = {PurePosixPath(name).name for name in names} & {PurePosixPath(name).name for name in masks}
    remedy = "give the folders below which they have the same paths" if inner else "rename the files of one folder"
    if not truths.excluded.isdisjoint(masks):
        remedy = "choose the split that the masks belong to (--split)"
    raise ValueError(
        f"masks must be named like their truths, got no match: '{folder}' has "
        f"{some_of(masks)}, '{truths.root}' has {some_of(names)}; {remedy}"
    )


def _mask_folder(masks: Path, truths: Path) -> Path:
    """Return the subfolder `masks` of a run; folders that both have such a subfolder are compared as they are."""
    inner = masks / "masks"
    return inner if inner.is_dir() and not (truths / "masks").is_dir() else masks


def _masks_by_target(masks: Mapping[str, object], truths: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the masks of single targets, `a.tabby`, by a truth that has no mask of its own, `a`."""
    without_mask, found = truths.keys() - masks.keys(), defaultdict(list)
    for name in sorted(masks.keys() - truths.keys()):
        photo = PurePosixPath(name).with_suffix("").as_posix()
        if photo in without_mask:
            found[photo].append(name)
    return found


def _detections_by_photo(run: Path, truths: TruthSet) -> list[PhotoFiles]:
    detections = _detections_of(run)
    _check_names(run, detections.keys(), truths)
    names = truths.by_photo.keys() | (detections.keys() - truths.excluded)
    return [
        PhotoFiles(name, truths=tuple(truths.by_photo.get(name, ())), detections=detections.get(name))
        for name in sorted(names)
    ]


def _detections_of(run: Path) -> dict[str, DetectedMasks]:
    """Return the detections of each photo in a run with `--top 5`."""
    from wsseg.classifier.imagenet import imagenet_categories

    if not is_run(run):
        raise ValueError(
            f"'{run}' must be the folder of a run, got no run.jsonl in it; "
            "segment with --top 5 and give the folder of --out"
        )
    categories = imagenet_categories()
    wnids = dict(zip(categories.names, categories.wnids or (), strict=True))
    return {
        nfc(record.name): tuple(
            (wnids.get(one.category, one.category), run / one.outputs["mask"] if "mask" in one.outputs else None)
            for one in record.findings
        )
        for record in read_run(run).records
    }
