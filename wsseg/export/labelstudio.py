"""Label Studio: tasks with brush labels as predictions, and the labeling interface that shows them.

Masks are in Label Studio's own run-length encoding, https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack,
as `label_studio_sdk/converter/brush.py` (2.1) reads it. It is of the four channels of a picture, of which the last is
the mask. A photo in an object store is named as it is there; any other by its path below the folder that was segmented,
for Label Studio's local storage, whose `LOCAL_FILES_DOCUMENT_ROOT` that folder is to be.
"""

import json
import os
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Mask
from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto, File, Pieces, Plan, check_files, check_unicode

CHANNELS: Final = 4

LENGTHS: Final = (3, 4, 8, 16)
"""Bits of a run's length, of which each run names one."""

VALUE: Final = 8
"""Bits of a value."""


def labelstudio(plan: Plan) -> Pieces:
    """`tasks.json`, to be imported, and `config.xml`, the labeling interface of the project to import it into."""
    check_files(plan)
    check_unicode(plan.categories, "categories")
    yield File("config.xml", [_interface(plan.categories).encode()])
    yield File("tasks.json", _tasks(plan))


def _interface(categories: tuple[str, ...]) -> str:
    labels = "".join(f"    <Label value={quoteattr(category)}/>\n" for category in categories)
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="tag" toName="image">\n{labels}  </BrushLabels>\n</View>\n'
    )


def _tasks(plan: Plan) -> Iterator[bytes]:
    for number, photo in enumerate(plan.photos):
        yield (",\n" if number else "[\n").encode() + json.dumps(_task(photo)).encode()
    yield b"\n]\n"


def _task(photo: AnnotatedPhoto) -> dict[str, Any]:
    results = [_result(each, number) for number, each in enumerate(photo.objects, 1)]
    scores = [each.confidence for each in photo.objects if each.confidence is not None]
    score = {"score": min(scores)} if scores else {}
    return {
        "data": {"image": _url(photo)},
        "predictions": [{"model_version": "wsseg", **score, "result": results}],
    }


def _url(photo: AnnotatedPhoto) -> str:
    if "://" in photo.input:
        return photo.input
    return f"/data/local-files/?d={quote(os.fsencode(photo.file))}"


def _result(each: AnnotatedObject, number: int) -> dict[str, Any]:
    height, width = each.mask.shape
    score = {} if each.confidence is None else {"score": each.confidence}
    return {
        "id": f"{number:08}",
        "type": "brushlabels",
        "from_name": "tag",
        "to_name": "image",
        "origin": "prediction",
        "image_rotation": 0,
        "original_width": width,
        "original_height": height,
        "value": {"format": "rle", "rle": rle_of(each.mask).tolist(), "brushlabels": [each.category]},
        **score,
    }


def rle_of(mask: Mask) -> NDArray[np.uint8]:
    """The bytes of the mask's encoding.

    A head of 32 bits for the count of values, 5 for the bits of a value less 1 and 4 for each of the `LENGTHS` less 1;
    then of each run a bit 1, two for which of the lengths, the run's length less 1 in so many, and its value.
    """
    values = mask.ravel()
    starts = np.concatenate([[0], 1 + np.flatnonzero(values[1:] != values[:-1])])
    counts = np.diff(np.append(starts, values.size)) * CHANNELS
    counts, levels = _short_runs(counts, values[starts] * 255)
    which = np.searchsorted(1 << np.array(LENGTHS), counts)
    widths = np.array(LENGTHS)[which]
    runs = (((0b100 | which) << widths | counts - 1) << VALUE) | levels
    head = [(values.size * CHANNELS, 32), (VALUE - 1, 5), *((length - 1, 4) for length in LENGTHS)]
    fields = [*head, *zip(runs.tolist(), (3 + widths + VALUE).tolist(), strict=True)]
    bits = "".join(f"{field:0{width}b}" for field, width in fields)
    return np.packbits(np.frombuffer(bits.encode(), np.uint8) - ord("0"))


def _short_runs(counts: NDArray[np.int64], levels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Runs of the same values, none of them longer than the widest length can tell."""
    most = 1 << LENGTHS[-1]
    pieces = -(-counts // most)
    last = np.cumsum(pieces) - 1
    short = np.full(pieces.sum(), most)
    short[last] = counts - (pieces - 1) * most
    return short, np.repeat(levels, pieces)
