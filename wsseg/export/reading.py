"""What a run found in its photos, from its records and its pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from wsseg.arrays import UNKNOWN, Mask, check_same_size
from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto
from wsseg.files.masks import read_labels, read_mask
from wsseg.runs.record import Record


def check_masks(records: Sequence[Record]) -> None:
    """ValueError names a photo of which the run wrote neither masks nor labels."""
    for record in records:
        masks = sum("mask" in finding.outputs for finding in record.findings)
        if "labels" not in record.outputs and (masks == 0 or masks < len(record.findings)):
            raise ValueError(
                f"run must hold a mask of each photo, got none of {record.name}; segment with --write mask, or with "
                "--together and --write labels"
            )


def photo_of(record: Record, folder: Path, *, max_pixels: int) -> AnnotatedPhoto:
    """The photo and its objects, from pictures below the folder.

    An object is all that was found of a target; where targets were told apart together and the run wrote instances too,
    it is a connected part of that. Targets of which nothing was found are none.
    """
    found = list((_of_labels if "labels" in record.outputs else _of_masks)(record, folder, max_pixels))
    for _, mask in found:
        check_same_size(mask, found[0][1], f"masks of {record.name}")
    objects = tuple(
        AnnotatedObject(category=finding.category, mask=mask, confidence=finding.confidence)
        for number, mask in found
        if mask.any()
        for finding in [record.findings[number]]
    )
    height, width = found[0][1].shape
    return AnnotatedPhoto(name=record.name, input=record.place, size=(height, width), objects=objects)


def _of_masks(record: Record, folder: Path, max_pixels: int) -> Iterator[tuple[int, Mask]]:
    """Masks, each with the number of its finding."""
    for number, finding in enumerate(record.findings):
        yield number, read_mask(folder / finding.outputs["mask"], max_pixels=max_pixels)


def _of_labels(record: Record, folder: Path, max_pixels: int) -> Iterator[tuple[int, Mask]]:
    labels = read_labels(folder / record.outputs["labels"], max_pixels=max_pixels)
    parts = np.zeros_like(labels)
    if "instances" in record.outputs:
        parts = read_labels(folder / record.outputs["instances"], max_pixels=max_pixels)
        check_same_size(labels, parts, f"labels and instances of {record.name}")
    if labels[labels != UNKNOWN].max(initial=0) > len(record.findings):
        raise ValueError(
            f"labels of {record.name} must be of its {len(record.findings)} targets, got others; segment it anew"
        )
    for number in range(len(record.findings)):
        mask = labels == number + 1
        # Where nothing was found, an empty mask still tells the photo's size.
        for part in np.unique(parts[mask]) if mask.any() else [0]:
            yield number, mask & (parts == part)
