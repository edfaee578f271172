"""PASCAL VOC's folders of palette PNGs, and the same in a zip for CVAT: "Segmentation mask 1.1".

Everingham et al., "The PASCAL Visual Object Classes Challenge 2012: Development Kit", section 3.3. A pixel's value is
the number of its category in `SegmentationClass/NAME.png`, and of its object in `SegmentationObject/NAME.png`; both
count from 1, objects in each photo, and 0 is background. A list in `ImageSets/Segmentation` names the photos.
`labelmap.txt` has the categories and their colors, `name:r,g,b::`, as in
https://docs.cvat.ai/docs/manual/advanced/formats/format-smask/.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from wsseg.arrays import UNKNOWN, Labels
from wsseg.export.annotations import AnnotatedPhoto, Entries, File, Loss, Plan, photo_copy
from wsseg.export.checks import check_gapless, check_lines
from wsseg.files.encode import VOC_COLORS, encoded_labels

MOST: Final = UNKNOWN - 1
"""Number of values that are neither background nor void."""

BACKGROUND: Final = "background"

LABEL_MAP: Final = "labelmap.txt"


def _tree(plan: Plan, photo_list: str) -> Entries:
    """Yield the label map, the two pictures of each photo, and the list of photos.

    A pixel in several objects belongs to the smallest, which would lose the largest share of itself.
    """
    _check_categories(plan.categories)
    check_lines((name.name for name in plan.names), "names of photos")
    yield File(LABEL_MAP, [_label_map(plan.categories)])
    for photo in plan.photos:
        yield from _pictures(photo, plan.categories)
        if plan.copies:
            yield photo_copy(photo, f"JPEGImages/{photo.copy}")
    names = "".join(f"{name.name}\n" for name in plan.names)
    yield File(f"ImageSets/Segmentation/{photo_list}.txt", [names.encode()])


voc: Callable[[Plan], Entries] = partial(_tree, photo_list="trainval")

cvat: Callable[[Plan], Entries] = partial(_tree, photo_list="default")


def _check_categories(categories: Mapping[str, int]) -> None:
    check_gapless(categories)
    if len(categories) > MOST:
        raise ValueError(f"categories must be at most {MOST}, got {len(categories)}; export to coco")
    check_lines(categories, "categories")
    for category in categories:
        if ":" in category or category == BACKGROUND:
            raise ValueError(f"categories must not be 'background' or have a colon, got {category!r}; export to coco")


def _label_map(categories: Iterable[str]) -> bytes:
    names = [BACKGROUND, *categories]
    colors = [",".join(map(str, color)) for color in VOC_COLORS[: len(names)]]
    lines = [f"{name}:{color}::\n" for name, color in zip(names, colors, strict=True)]
    return "".join(["# label:color_rgb:parts:actions\n", *lines]).encode()


def _pictures(photo: AnnotatedPhoto, values: Mapping[str, int]) -> Iterator[File | Loss]:
    if len(photo.objects) > MOST:
        raise ValueError(
            f"photos must have at most {MOST} objects, got {len(photo.objects)} in '{photo.name}'; export to coco"
        )
    classes = _painted(photo, [values[each.category] for each in photo.objects])
    objects = _painted(photo, range(1, len(photo.objects) + 1))
    for folder, labels in (("SegmentationClass", classes), ("SegmentationObject", objects)):
        yield File(f"{folder}/{photo.name}.png", [encoded_labels(labels)])
    if shared := sum(int(each.mask.sum()) for each in photo.objects) - int((objects > 0).sum()):
        yield Loss(photo.name, f"{shared} pixels where a smaller object covers another")


def _painted(photo: AnnotatedPhoto, values: Sequence[int]) -> Labels:
    """Return a map of the objects' values, in which smaller objects cover larger ones."""
    labels = np.zeros(photo.size, np.uint8)
    order = sorted(zip(photo.objects, values, strict=True), key=lambda pair: -int(pair[0].mask.sum()))
    for each, value in order:
        labels[each.mask] = value
    return labels
