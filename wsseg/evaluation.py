"""A folder of masks against a folder of truths, paired by their paths below the folders, suffixes aside."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from wsseg.files import find_photos, read_soft_mask, read_truth
from wsseg.metrics import SCORES, scores

Missing: TypeAlias = Literal["error", "zero"]
"""What a truth without a mask is: a problem, or scored as an empty mask."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of each photo that could be scored, and a sentence on each that could not."""

    masks: Path
    """The folder that the masks were read from."""
    photos: dict[str, dict[str, float]]
    """By the photo's path below the folder without suffix, `sub/a`, then by the score's name."""
    problems: tuple[str, ...]

    @property
    def mean(self) -> dict[str, float] | None:
        """The mean over the photos of each score; None when there are problems, for it would not be over all photos."""
        if self.problems:
            return None
        return {name: fmean(photo[name] for photo in self.photos.values()) for name in SCORES}

    def as_json(self) -> dict[str, Any]:
        """`{"mean": {"iou": ...}, "photos": {name: {"iou": ...}}}`; only where there are problems also `"problems"`."""
        problems = {"problems": list(self.problems)} if self.problems else {}
        return {"mean": self.mean, "photos": self.photos, **problems}


def evaluate(
    masks: str | PathLike[str],
    truths: str | PathLike[str],
    *,
    void: int | None,
    missing: Missing,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Evaluation:
    """The scores of every mask, and a problem for each photo with a missing, extra, doubled, wrong-sized or bad file.

    Where `masks` is the folder of a run, its subfolder `masks` is read, unless `truths` has such a subfolder as well.
    `void` is the value in the truths' files that never counts, if they have one. `track` goes through the photos'
    names, and may show how far it is. ValueError when a folder is none or holds no pictures; hidden files and links
    out of the folder are passed over.
    """
    if missing not in get_args(Missing):
        raise ValueError(f"missing must be one of {', '.join(get_args(Missing))}, got {missing!r}; choose one of these")
    folder = _folder_of_masks(Path(masks), Path(truths))
    mask_files, truth_files = files_by_name(folder, "masks"), files_by_name(Path(truths), "truths")
    of_targets = _masks_of_targets(mask_files, truth_files)
    names = (mask_files.keys() | truth_files.keys()) - {name for names in of_targets.values() for name in names}
    photos, problems = {}, []
    for name in track(sorted(names)):
        try:
            _refuse_targets(of_targets.get(name, []))
            photos[name] = _scores_of(mask_files.get(name, []), truth_files.get(name, []), void, missing)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return Evaluation(masks=folder, photos=photos, problems=tuple(problems))


def _folder_of_masks(masks: Path, truths: Path) -> Path:
    inner = masks / "masks"
    return inner if inner.is_dir() and not (truths / "masks").is_dir() else masks


def files_by_name(folder: Path, argument: str) -> dict[str, list[Path]]:
    """The pictures below the folder by their paths without suffix, `sub/a`; ValueError when it is none or has none."""
    if not folder.is_dir():
        raise ValueError(f"{argument} must be a folder, got {folder}; name the folder that holds the files")
    files: dict[str, list[Path]] = {}
    for path, _ in find_photos([folder]):
        files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    return files


def _masks_of_targets(masks: Mapping[str, object], truths: Mapping[str, object]) -> dict[str, list[str]]:
    """The masks that pair with no truth because each is of one target, `a.tabby`, by the truth they are all of, `a`."""
    alone, found = truths.keys() - masks.keys(), defaultdict(list)
    for name in sorted(masks.keys() - truths.keys()):
        photo = PurePosixPath(name).with_suffix("").as_posix()
        if photo in alone:
            found[photo].append(name)
    return found


def _refuse_targets(names: list[str]) -> None:
    if names:
        raise ValueError(
            f"mask must be one file, got one of a target each, {' and '.join(names)}; "
            "name a truth like each of them, or segment with one --target"
        )


def _scores_of(masks: list[Path], truths: list[Path], void: int | None, missing: Missing) -> dict[str, float]:
    truth = read_truth(_only(truths, "truth"), void=void)
    if not masks and missing == "zero":
        return scores(np.zeros(truth.shape, np.bool_), truth)
    return scores(read_soft_mask(_only(masks, "mask")), truth)


def _only(files: list[Path], kind: str) -> Path:
    match files:
        case [file]:
            return file
        case []:
            raise ValueError(f"{kind} must be one file, got none; add it, or leave the photo out")
    raise ValueError(f"{kind} must be one file, got {' and '.join(file.name for file in files)}; keep one of them")
