"""The objects that a run found in its photos, from its records and pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from wsseg.arrays import UNKNOWN, Mask, check_same_size
from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto
from wsseg.files.masks import read_labels, read_mask
from wsseg.files.text import counted
from wsseg.runs.record import ACCEPTED, Finding, Record, Verdict


def check_masks(records: Sequence[Record]) -> None:
    """Raise ValueError if the run wrote neither masks nor labels of a photo."""
    for record in records:
        masks = sum("mask" in finding.outputs for finding in record.findings)
        if "labels" not in record.outputs and (masks == 0 or masks < len(record.findings)):
            raise ValueError(
                f"run must hold a mask of each photo, got none of '{record.name}'; segment with --write mask, or with "
                "--together and --write labels"
            )


def reviewed_records(records: Sequence[Record], only: str, folder: Path) -> list[Record]:
    """Return the records with only those findings that a person accepted, or decided on at all.

    Raises
    ------
    ValueError
        If `only` is neither `accepted` nor `reviewed`, or if there are none.
    """
    if only not in ("accepted", "reviewed"):
        raise ValueError(f"only must be accepted or reviewed, got {only!r}; choose one, or leave it out for all masks")
    verdicts = ACCEPTED if only == "accepted" else frozenset(get_args(Verdict))
    kept = [
        replace(record, findings=found)
        for record in records
        if (found := tuple(one for one in record.findings if one.decision and one.decision.verdict in verdicts))
    ]
    if not kept:
        raise ValueError(
            f"run must hold {only} masks, got none among {counted(len(records), 'photo')}; review them first: wsseg "
            f"review '{folder}'"
        )
    return kept


def annotated_photo(record: Record, folder: Path, *, max_pixels: int) -> AnnotatedPhoto:
    """Return the photo of a record with its objects, which are read from the pictures below the folder.

    An object is the whole mask of a target, or one connected component of it if the run wrote instances. A target that
    was not found has no object.
    """
    found = list((_label_masks if "labels" in record.outputs else _masks)(record, folder, max_pixels))
    for _, mask in found:
        check_same_size(mask, found[0][1], f"masks of '{record.name}'")
    objects = tuple(
        AnnotatedObject(category=finding.category, mask=mask, confidence=_confidence_of(finding))
        for number, mask in found
        if mask.any()
        for finding in [record.findings[number]]
    )
    height, width = found[0][1].shape
    return AnnotatedPhoto(name=record.name, input=record.place, size=(height, width), objects=objects)


def _confidence_of(finding: Finding) -> float | None:
    """Return the confidence of a mask; None if a person vouches for it."""
    return None if finding.decision and finding.decision.verdict in ACCEPTED else finding.confidence


def _masks(record: Record, folder: Path, max_pixels: int) -> Iterator[tuple[int, Mask]]:
    """Yield the mask of each finding with the finding's number."""
    for number, finding in enumerate(record.findings):
        yield number, read_mask(folder / finding.outputs["mask"], max_pixels=max_pixels)


def _label_masks(record: Record, folder: Path, max_pixels: int) -> Iterator[tuple[int, Mask]]:
    """Yield the mask of each label, or of each instance of it, with the finding's number."""
    labels = read_labels(folder / record.outputs["labels"], max_pixels=max_pixels)
    instances = np.zeros_like(labels)
    if "instances" in record.outputs:
        instances = read_labels(folder / record.outputs["instances"], max_pixels=max_pixels)
        check_same_size(labels, instances, f"labels and instances of '{record.name}'")
    if labels[labels != UNKNOWN].max(initial=0) > len(record.findings):
        raise ValueError(
            f"labels of '{record.name}' must be those of its {len(record.findings)} targets, got others; "
            "segment the photo again"
        )
    for number in range(len(record.findings)):
        mask = labels == number + 1
        # An empty mask still has the photo's size.
        for instance in np.unique(instances[mask]) if mask.any() else [0]:
            yield number, mask & (instances == instance)
