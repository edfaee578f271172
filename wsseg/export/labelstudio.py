"""Label Studio: tasks with brush labels as predictions, and the labeling interface that shows them.

Masks have Label Studio's own run-length encoding, https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack,
which `label_studio_sdk/converter/brush.py` (2.1) reads. It encodes the four channels of a picture, and the last channel
is the mask. A photo in object storage keeps its address. Any other photo has its path below the segmented folder: set
`LOCAL_FILES_DOCUMENT_ROOT` of Label Studio's local storage to that folder. The `category` of a label is its number in
what Label Studio itself exports to COCO and YOLO, from 0.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Mask
from wsseg.export.annotations import AnnotatedObject, AnnotatedPhoto, Entries, File, Plan
from wsseg.export.checks import check_distinct_files, check_gapless, check_printable

CHANNELS: Final = 4
"""Channels that are encoded, all with the same values."""

LENGTHS: Final = (3, 4, 8, 16)
"""Possible bits of a run's length; each run chooses one."""

VALUE: Final = 8
"""Bits of a value."""


def labelstudio(plan: Plan) -> Entries:
    """Yield `config.xml`, the labeling interface of the project, and `tasks.json`, which the project imports."""
    check_distinct_files(plan)
    check_gapless(plan.categories)
    check_printable(plan.categories, "categories")
    yield File("config.xml", [_interface(plan.categories).encode()])
    yield File("tasks.json", _tasks(plan))


def _interface(categories: Mapping[str, int]) -> str:
    labels = "".join(
        f'    <Label value={quoteattr(category)} category="{number - 1}"/>\n' for category, number in categories.items()
    )
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
    """Return the bytes of the mask's run-length encoding.

    The head has 32 bits for the number of values, 5 bits for the bits of a value - 1, and 4 bits for each of the
    `LENGTHS` - 1. Each run has a bit 1, two bits that choose the length's bits, the run's length - 1, and its value.
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
    """Return the runs split into runs that the widest length can hold."""
    most = 1 << LENGTHS[-1]
    pieces = -(-counts // most)
    last = np.cumsum(pieces) - 1
    short = np.full(pieces.sum(), most)
    short[last] = counts - (pieces - 1) * most
    return short, np.repeat(levels, pieces)
