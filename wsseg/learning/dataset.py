"""A run as a torch data set: photos with the masks that the run made, to train another network on."""

from collections.abc import Callable
from os import PathLike
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from wsseg.arrays import check_same_size
from wsseg.files.masks import read_labels, read_mask
from wsseg.files.photos import read_image
from wsseg.files.store import path_of
from wsseg.recipe import MAX_PIXELS
from wsseg.runs.record import ACCEPTED, Finding, Record, read_run


class MaskSample(NamedTuple):
    """A photo and the mask of one object in it."""

    image: Tensor
    """uint8 (3, H, W): the upright photo in sRGB."""
    mask: Tensor
    """bool (H, W): True on the object."""
    category: str
    label: int
    """Index of the category in `MaskDataset.categories`."""
    confidence: float
    """Expected IoU of the mask with the truth, in [0, 1]: 1 if a person accepted the mask, 0 if rejected."""
    name: str
    """The photo's name in the run: `sub/a`."""


class MaskDataset(Dataset[MaskSample]):
    """The photos of a run with their masks, one item for each object that was found.

    Photo and mask are read when an item is asked for, so a large run takes little memory, and a `DataLoader` may read
    in several processes. To make batches, let `transform` bring all items to one size.

    Parameters
    ----------
    run : path
        Folder that `wsseg segment` wrote, with masks or labels.
    min_confidence : float, optional
        Objects of less confidence are left out; `wsseg.calibrate` finds a number.
    accepted : bool, optional
        Whether to take only masks that a person accepted or corrected (`serve_review`), and those that nobody decided
        on in photos that the run does not mark for review.
    transform : callable, optional
        Called with image (3, H, W) and mask (H, W), returns both.
    max_pixels : int, optional
        Larger photos are refused.

    Raises
    ------
    TypeError, ValueError
        If a number is not valid, the folder is no run, or a photo has neither masks nor labels.

    Examples
    --------
    >>> from importlib import resources
    >>> photo = resources.files("skimage") / "data" / "chelsea.png"
    >>> run = wsseg.segment_folder(photo, "run", recipe="fast")
    >>> data = wsseg.MaskDataset("run", min_confidence=0.5)
    >>> len(data), data.categories, data[0].image.shape, data[0].mask.shape
    (1, ('Egyptian cat',), torch.Size([3, 300, 451]), torch.Size([300, 451]))
    """

    def __init__(
        self,
        run: str | PathLike[str],
        *,
        min_confidence: float = 0.0,
        accepted: bool = False,
        transform: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if isinstance(min_confidence, bool) or not isinstance(min_confidence, (int, float)):
            raise TypeError(f"min_confidence must be a number, got {min_confidence!r}; convert it with float()")
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence must be from 0 to 1, got {min_confidence}; 0 takes every mask")
        self._folder, self._transform, self._max_pixels = path_of(run, "run"), transform, max_pixels
        self._items = [
            (record, number)
            for record in read_run(self._folder).records
            for number, finding in enumerate(record.findings)
            if _holds_object(finding)
            and _confidence(finding) >= min_confidence
            and not (accepted and _is_doubted(record, finding))
        ]
        for record, number in self._items:
            if not _has_mask(record, record.findings[number]):
                raise ValueError(
                    f"run must hold a mask of each photo, got none of '{record.name}'; segment with --write mask"
                )
        self.categories: tuple[str, ...] = tuple(sorted({self._finding(item).category for item in self._items}))
        """The categories of the items, sorted."""

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> MaskSample:
        item = self._items[index]
        record, finding = item[0], self._finding(item)
        image, mask = read_image(path_of(record.place), max_pixels=self._max_pixels), self._mask(*item)
        check_same_size(image, mask, f"photo and mask of '{record.name}'")
        pair = torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, 2, 0))), torch.from_numpy(mask)
        label = self.categories.index(finding.category)
        changed = self._transform(*pair) if self._transform else pair
        return MaskSample(*changed, finding.category, label, _confidence(finding), record.name)

    @staticmethod
    def _finding(item: tuple[Record, int]) -> Finding:
        record, number = item
        return record.findings[number]

    def _mask(self, record: Record, number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        if "labels" in record.outputs:
            labels = read_labels(self._folder / record.outputs["labels"], max_pixels=self._max_pixels)
            return np.asarray(labels == number + 1)
        return read_mask(self._folder / record.findings[number].outputs["mask"], max_pixels=self._max_pixels)


def _holds_object(finding: Finding) -> bool:
    """Return whether there is an object, as a person said or else the run."""
    if finding.decision:
        return finding.decision.verdict != "no object"
    return finding.status != "no object"


def _confidence(finding: Finding) -> float:
    if finding.decision:
        return float(finding.decision.verdict in ACCEPTED)
    return finding.confidence or 0.0


def _is_doubted(record: Record, finding: Finding) -> bool:
    """Return whether a person rejected the mask, or else the run marks its photo for review."""
    return finding.decision.verdict not in ACCEPTED if finding.decision else record.review


def _has_mask(record: Record, finding: Finding) -> bool:
    return "labels" in record.outputs or "mask" in finding.outputs
