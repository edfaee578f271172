"""Scores of one photo."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np

from wsseg.arrays import Box, Seeds
from wsseg.evaluation.codings import CODINGS, OtherValues
from wsseg.evaluation.pairing import DetectedMasks, PhotoFiles
from wsseg.evaluation.protocols import PROTOCOLS, AnyPair, BoxPair, DetectionPair, LabelPair, PhotoScores
from wsseg.evaluation.truth import Boxes, ClassBoxes, TruthValue
from wsseg.files.masks import read_mask, read_soft_levels
from wsseg.files.palettes import Palettes
from wsseg.graphcut.regions import box_of, largest_component
from wsseg.metrics import Detection, Pair
from wsseg.metrics.classes import ClassIds

Missing: TypeAlias = Literal["error", "zero"]
"""A photo without a mask is a problem ("error"), or is scored as an empty mask ("zero")."""

NO_VOID: Final = -1
"""A void value that no label has."""


class Rules(NamedTuple):
    """How the photos of a folder are scored."""

    protocol: str
    coding: str
    missing: Missing
    palettes: Palettes | None
    """Meaning of the masks' palettes."""


class Failure(NamedTuple):
    """The reason why a photo could not be scored."""

    reason: str
    values: tuple[float, ...] = ()
    """Values of the truth that its coding does not have; the advice for the whole folder depends on them."""


Outcome: TypeAlias = PhotoScores | Failure

One = TypeVar("One")


def scores_of_photos(
    numbered: Iterable[tuple[int, PhotoFiles] | None], *, rules: Rules
) -> Iterator[tuple[int, Outcome]]:
    """Score photos that come with their number; see `photo_scores`. An item that is None is skipped."""
    for item in numbered:
        if item is not None:
            number, files = item
            yield number, photo_scores(files, rules)


def photo_scores(files: PhotoFiles, rules: Rules) -> Outcome:
    """Return the scores of a photo, or the reason why it cannot be scored."""
    try:
        return PROTOCOLS[rules.protocol].photo_scores(_pair_of(files, rules))
    except OtherValues as error:
        return Failure(error.fault, error.values)
    except ValueError as error:
        return Failure(str(error))


def _pair_of(files: PhotoFiles, rules: Rules) -> AnyPair:
    """Read the mask and the truth of a photo."""
    _refuse_target_masks(files.target_masks)
    truth = _only(
        "truth", files.truths, [truth.file for truth in files.truths], "add the truth, or remove the mask"
    ).read()
    if PROTOCOLS[rules.protocol].kind == "detections":
        return DetectionPair(_detections(files.detections, rules.missing), cast(ClassBoxes, truth))
    if not files.masks and rules.missing == "zero":
        return _pair(None, truth, rules)
    remedy = "segment the photo, or set missing to zero (--missing zero) to score it as an empty mask"
    mask = _only("mask", files.masks, [path.name for path in files.masks], remedy)
    return _pair(mask, truth, rules)


def _pair(mask: Path | None, truth: TruthValue, rules: Rules) -> AnyPair:
    """Return what the protocol compares; a mask that is None is empty. The protocol's kind decides the truth's type."""
    match PROTOCOLS[rules.protocol].kind:
        case "classes":
            coding, true_ids = CODINGS[rules.coding], cast(ClassIds, truth)
            labels = np.zeros_like(true_ids) if mask is None else coding.read(mask)
            return LabelPair(labels, true_ids, coding.class_count, NO_VOID if coding.void is None else coding.void)
        case "boxes":
            return BoxPair(None if mask is None else _box_in(mask, rules.palettes), cast(Boxes, truth))
        case _:
            seeds = cast(Seeds, truth)
            levels = None if mask is None else read_soft_levels(mask, palettes=rules.palettes)
            return Pair(np.zeros(seeds.shape, np.bool_) if levels is None else levels, seeds)


def _detections(detections: DetectedMasks | None, missing: Missing) -> tuple[Detection, ...]:
    if detections is None and missing == "error":
        raise ValueError("no mask found in the run; segment the photo, or remove its truth")
    return tuple((category, _box_in(mask) if mask else None) for category, mask in detections or ())


def _box_in(mask: Path, palettes: Palettes | None = None) -> Box | None:
    """Return the box of the largest component of a mask file; None for an empty mask."""
    return box_of(largest_component(read_mask(mask, palettes=palettes)))


def _refuse_target_masks(names: Sequence[str]) -> None:
    if names:
        shown = " and ".join(f"'{name}'" for name in names)
        raise ValueError(
            f"mask must be one file, got one for each target: {shown}; "
            "give each of them a truth of the same name, or segment with a single --target"
        )


def _only(argument: str, found: Sequence[One], names: Iterable[str], remedy: str) -> One:
    """Return the one that was found; raise ValueError for none or several."""
    match found:
        case [one]:
            return one
        case []:
            raise ValueError(f"no {argument} found; {remedy}")
    shown = " and ".join(f"'{name}'" for name in names)
    raise ValueError(f"{argument} must be one file, got {shown}; keep one of them")
