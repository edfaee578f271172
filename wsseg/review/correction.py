"""A decision of a person as it goes into the run: the mask, the hints, the pictures, and the finding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Mask, Seeds
from wsseg.files.encode import encoded_picture
from wsseg.files.masks import UNKNOWN_LEVEL, read_mask, read_truth
from wsseg.graphcut.hints import seeds_from_hints
from wsseg.pictures.style import Style
from wsseg.review.items import Item
from wsseg.review.opened import OpenPhoto, Work
from wsseg.runs.record import Finding, Verdict
from wsseg.runs.reviews import REVIEW_FOLDERS
from wsseg.segmenting.outputs import encode, seed_levels
from wsseg.segmenting.results import Segmentation


@dataclass(frozen=True, kw_only=True, eq=False)
class Correction:
    """A decision as the files and the finding that it leaves in the run."""

    verdict: Verdict
    finding: Finding
    files: dict[str, bytes]
    iou: float | None


class Corrector:
    """Makes the correction of a mask from the work of a person.

    Parameters
    ----------
    out : Path
        Folder of the run.
    photo : OpenPhoto
        The photo.
    item : Item
        The mask.
    work : Work
        What the person drew and chose.
    style : Style
        How the run draws its pictures.
    """

    def __init__(self, out: Path, photo: OpenPhoto, item: Item, work: Work, style: Style) -> None:
        self._photo, self._item, self._work, self._style = photo, item, work, style
        outputs = item.finding.outputs
        self._mask_file = outputs["mask"]
        self._mask = read_mask(out / self._mask_file)
        self._automatic = read_mask(out / outputs["automatic"]) if "automatic" in outputs else self._mask
        self._saved = saved_seeds(out, item)

    def of(self, verdict: Verdict) -> Correction:
        """Return what to write for a verdict."""
        if verdict == "rejected":
            return Correction(verdict=verdict, finding=self._item.finding, files={}, iou=None)
        if verdict == "no object":
            return self._replaced(verdict, None, np.zeros_like(self._mask))
        if self._work.strokes or self._work.target or self._work.anew:
            found = self._photo.cut(self._work, self._saved, full=True)
            same = not self._work.strokes and bool(np.array_equal(found.mask, self._automatic))
            return self._replaced(_truth_of(found.mask, "accepted" if same else "corrected"), found, found.mask)
        verdict = _truth_of(self._mask, "corrected" if "automatic" in self._item.finding.outputs else "accepted")
        return Correction(verdict=verdict, finding=self._item.finding, files={}, iou=self._iou(self._mask))

    def _iou(self, mask: Mask) -> float:
        """Return the IoU with the automatic mask; 1 if both are empty."""
        union = int((mask | self._automatic).sum())
        return int((mask & self._automatic).sum()) / union if union else 1.0

    def _replaced(self, verdict: Verdict, found: Segmentation | None, mask: Mask) -> Correction:
        """Return the finding with a new mask, and its files: the automatic mask is kept beside."""
        name = self._mask_file.partition("/")[2]
        outputs = {**self._item.finding.outputs, **{kind: f"{REVIEW_FOLDERS[kind]}/{name}" for kind in REVIEW_FOLDERS}}
        files = {outputs["automatic"]: encoded_picture(self._automatic * np.uint8(255))}
        files[outputs["hints"]] = encoded_picture(self._levels())
        files |= self._pictures(found, mask)
        files[self._mask_file] = encoded_picture(mask * np.uint8(255))
        finding = replace(self._item.finding, outputs=outputs)
        if found is not None and self._work.target:
            finding = _retargeted(finding, found, self._photo.segmenter().classifier.categories.wnids)
        return Correction(verdict=verdict, finding=finding, files=files, iou=self._iou(mask))

    def _levels(self) -> NDArray[np.uint8]:
        """Return the hints as seeds on disk: background 0, object 255, unknown 128."""
        hints = self._photo.hints(self._work, self._saved, full=True)
        if hints is None:
            return np.full(self._photo.shape, UNKNOWN_LEVEL, np.uint8)
        radius = self._photo.segmenter().recipe.click_radius
        return seed_levels(seeds_from_hints(hints, self._photo.shape, click_radius=radius))

    def _pictures(self, found: Segmentation | None, mask: Mask) -> dict[str, bytes]:
        """Return the run's other pictures of the mask, drawn anew."""
        wanted = [kind for kind in Segmentation.pictures if kind in self._item.finding.outputs and kind != "mask"]
        if not wanted:
            return {}
        drawn = replace(found or self._photo.session(self._work.target, full=True).segment(), mask=mask)
        paths = self._item.finding.outputs
        return {
            paths[kind]: encode(drawn, kind, replace(self._style, format=_format_of(paths[kind]))) for kind in wanted
        }


def _truth_of(mask: Mask, verdict: Verdict) -> Verdict:
    """Return the verdict on a mask that a person takes for the truth; an empty one says that there is no object."""
    return verdict if mask.any() else "no object"


def _format_of(path: str) -> Literal["png", "webp", "jpg"]:
    """Return the format of a picture that is replaced: that of its file."""
    return "webp" if path.endswith(".webp") else "jpg" if path.endswith(".jpg") else "png"


def _retargeted(finding: Finding, found: Segmentation, wnids: Sequence[str] | None) -> Finding:
    """Return the finding with the target that the person chose."""
    indices = found.target.indices
    return replace(
        finding,
        category=found.category,
        indices=indices,
        wnids=tuple(wnids[index] for index in indices) if wnids else (),
        probability=found.probability,
    )


def saved_seeds(out: Path, item: Item) -> Seeds | None:
    """Return the hints of an earlier review of a mask, (H, W) of the photo; None if there was none."""
    file = item.finding.outputs.get("hints")
    return None if file is None else read_truth(out / file, void=UNKNOWN_LEVEL)
