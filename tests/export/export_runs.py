"""Runs made by hand, and the objects that a reader sees in their exports."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image as pillow

from wsseg.arrays import Mask
from wsseg.export.export import export_run
from wsseg.files.encode import write_mask, write_picture
from wsseg.runs.journal import opened
from wsseg.runs.record import Finding, Record

OLD_NUMPY = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""The warning of pycocotools' decoder."""

SUFFIXES = {"coco": ".json", "cvat": ".zip"}

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=13)

MASKS = arrays(np.bool_, SHAPES) | st.builds(
    lambda seed, shape, share: np.random.default_rng(seed).random(shape) < share,
    st.integers(0),
    SHAPES,
    st.floats(0, 1),
)
"""Sparse, full and noisy masks of any size."""


class Seen(NamedTuple):
    photo: str
    category: str
    mask: Mask


def components_of(mask: Mask) -> list[Mask]:
    """Return the 8-connected components."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return [labels == number for number in range(1, count)]


def made(folder: Path, photos: Mapping[str, Sequence[tuple[str, Mask]]], suffix: str = ".png") -> Path:
    """Write a run with a mask of each target of each photo, and the photos beside it."""
    records = []
    for name, found in photos.items():
        photo = folder / f"photos/{name}{suffix}"
        write_picture(photo.with_suffix(".png"), np.zeros(found[0][1].shape, np.uint8))
        if suffix != ".png":
            photo.with_suffix(".png").rename(photo)
        findings = []
        for number, (category, mask) in enumerate(found):
            write_mask(folder / f"run/masks/{name}.{number}.png", mask)
            findings.append(finding(category, {"mask": f"masks/{name}.{number}.png"}))
        records.append(Record(input=str(photo), name=name, settings="s", findings=tuple(findings)))
    return run_of(folder / "run", *records)


def finding(category: str, outputs: Mapping[str, str], confidence: float = 0.75) -> Finding:
    return Finding(category=category, probability=0.5, status="ok", confidence=confidence, outputs=outputs)


def run_of(folder: Path, *records: Record) -> Path:
    with opened(folder, {"wsseg": "0"}, force=True) as journal:
        for record in records:
            journal.append(record)
    return folder


def record(name: str, input: str, category: str = "cat") -> Record:
    return Record(
        input=input, name=name, settings="s", findings=(finding(category, {"mask": f"masks/{len(name)}.png"}),)
    )


def one_run(folder: Path, *records: Record) -> Path:
    for each in records:
        (path,) = each.files
        write_mask(folder / "run" / path, CAT)
    return run_of(folder / "run", *records)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def png(data: bytes) -> NDArray[np.uint8]:
    with pillow.open(BytesIO(data)) as picture:
        return np.array(picture)


def disk(height: int, width: int, y: float, x: float, radius: float) -> Mask:
    ys, xs = np.mgrid[:height, :width]
    return np.asarray((ys - y) ** 2 + (xs - x) ** 2 < radius**2)


CAT = disk(20, 30, 9, 9, 7)

DOG = disk(20, 30, 9, 19, 6)


def by_photo(seen: Sequence[Seen]) -> list[Seen]:
    return sorted(seen, key=lambda each: (each.photo, each.category, each.mask.tobytes()))


def check_equal(seen: Sequence[Seen], wanted: Sequence[Seen]) -> None:
    seen, wanted = by_photo(seen), by_photo(wanted)
    assert [each[:2] for each in seen] == [each[:2] for each in wanted]
    for one, other in zip(seen, wanted, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask, err_msg=str(one[:2]))


def exported(run: Path, to: str, folder: Path, **options: Any) -> Path:
    out = folder / f"out{SUFFIXES.get(to, '')}"
    export_run(run, to, out, **options)
    return out


LINES = ("voc", "cvat")
