"""The pictures of a report: read from the photos, the run and the truths, made small, and stored."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import FOREGROUND, UNKNOWN, Image, Mask, Seeds
from wsseg.files.decode import read_file
from wsseg.files.masks import UNKNOWN_LEVEL
from wsseg.files.photos import read_image
from wsseg.files.text import escape_unprintable
from wsseg.graphcut.pyramid import shrunk
from wsseg.pictures.overlay import error_map, veil
from wsseg.report.scored import ScoredRun
from wsseg.report.store import LOSSLESS, PictureStore
from wsseg.runs.record import Finding, Outputs, Record

LONGEST: Final = 960

SHORTEST: Final = 448
"""Largest and smallest long side of a picture, in pixels."""

PIXELS: Final = 64_000_000
"""Pixels of all photos of a page together, if they were square: few photos are large, and many keep the page small."""

QUALITY: Final = 75
"""WebP quality of pictures with a photo's colors."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The pictures of a row of the page."""

    made: Mapping[str, int] = field(default_factory=dict)
    """Numbers of the page's pictures, by kind. A veil, a tint and errors lie over the photo."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Reasons why a picture is missing, by kind, if the run as a whole has such pictures."""


def picture_side(rows: int) -> int:
    """Return the long side of the pictures of a page with so many rows."""
    return int(np.clip(math.sqrt(PIXELS / max(rows, 1)), SHORTEST, LONGEST))


@dataclass(frozen=True, kw_only=True)
class PictureMaker:
    """Makes and stores the pictures of a run's photos and findings."""

    folder: Path
    """The run's folder."""
    scored: ScoredRun | None
    store: PictureStore
    side: int
    """The longest side of a picture."""
    max_pixels: int
    problems: list[str] = field(default_factory=list)
    """A sentence about each picture that could not be made."""

    def of_photo(self, record: Record) -> Shown:
        """Return the pictures that all rows of a photo share: the photo, and the maps of all its targets."""
        drawing = _Drawing(self, record.name, record.outputs)
        drawing.add("photo", lambda: self._photo(record), QUALITY)
        labels = drawing.add_output("labels")
        drawing.add_output("instances")
        if labels is not None:
            drawing.add("tint", lambda: _tint(labels))
        else:
            drawing.add_output("overlay", QUALITY)
        return drawing.shown

    def of_finding(self, finding: Finding, name: str, photo: Shown) -> Shown:
        """Return the pictures of a finding, beside those of its photo; `name` is the mask's."""
        drawing = _Drawing(self, name, finding.outputs, photo)
        drawing.add_output("saliency", QUALITY)
        drawing.add_output("seeds")
        mask = drawing.add_output("mask")
        if mask is not None:
            drawing.add("veil", lambda: veil(_is_object(mask)))
        else:
            drawing.add_output("overlay", QUALITY)
        if self.scored:
            self._add_truth(drawing, name, mask, self.scored)
        return drawing.shown

    def _add_truth(self, drawing: "_Drawing", name: str, mask: Image | None, scored: ScoredRun) -> None:
        """Add the truth and the errors of the mask, or the reason why there is no truth."""
        if reason := scored.missing_truth(name):
            drawing.lacking["truth"] = escape_unprintable(reason)
            return
        levels = drawing.add("truth", lambda: self._truth_levels(scored.truth(name)))
        if mask is not None and levels is not None:
            truth = np.where(levels == UNKNOWN_LEVEL, UNKNOWN, levels // 255).astype(np.uint8)
            drawing.add("errors", lambda: error_map(_is_object(mask), truth))

    def _photo(self, record: Record) -> Image:
        """Return the photo if it is on this machine and unchanged since the run; ValueError or OSError if not."""
        if "://" in record.input:
            raise ValueError(f"photo must be on a disk, got '{record.input}'; download it and segment the copy")
        data = read_file(Path(record.place), max_pixels=self.max_pixels)
        if record.hash and hashlib.sha256(data).hexdigest() != record.hash:
            raise ValueError(
                f"photo must be unchanged since the run, got another file at '{record.place}'; segment it again"
            )
        return shrunk(read_image(data, max_pixels=self.max_pixels), self.side)

    def output(self, file: str) -> Image:
        """Return a picture that the run wrote, made small."""
        data = read_file(self.folder / file, max_pixels=self.max_pixels)
        return shrunk(read_image(data, max_pixels=self.max_pixels), self.side)

    def _truth_levels(self, truth: Seeds) -> NDArray[np.uint8]:
        """Return the truth made small, as gray levels like those of seeds on disk."""
        is_object, is_void = (shrunk((truth == side) * np.uint8(255), self.side) for side in (FOREGROUND, UNKNOWN))
        levels = np.where(is_object >= UNKNOWN_LEVEL, 255, 0).astype(np.uint8)
        levels[is_void > UNKNOWN_LEVEL] = UNKNOWN_LEVEL
        return levels


class _Drawing:
    """The pictures of one row while they are made."""

    def __init__(self, maker: PictureMaker, name: str, outputs: Outputs, begun: Shown = Shown()) -> None:
        self._maker, self._name, self._outputs = maker, name, outputs
        self._made, self.lacking = dict(begun.made), dict(begun.lacking)

    @property
    def shown(self) -> Shown:
        return Shown(made=self._made, lacking=self.lacking)

    def add_output(self, kind: str, quality: int = LOSSLESS) -> Image | None:
        """Add a picture that the run wrote, if it did."""
        if kind not in self._outputs:
            return None
        return self.add(kind, lambda: self._maker.output(self._outputs[kind]), quality)

    def add(
        self, kind: str, make: Callable[[], NDArray[np.uint8]], quality: int = LOSSLESS
    ) -> NDArray[np.uint8] | None:
        """Make, store and return a picture; if that fails, note the reason and return None."""
        try:
            picture = make()
        except (ValueError, OSError, MemoryError, cv2.error) as error:
            self.lacking[kind] = escape_unprintable(str(error)) or type(error).__name__
            self._maker.problems.append(f"{self._name}: no {kind}: {self.lacking[kind]}")
            return None
        self._made[kind] = self._maker.store.add(picture, quality)
        return picture


def _is_object(picture: Image) -> Mask:
    """Return the mask that a picture shows."""
    return np.asarray(picture[..., 0] >= UNKNOWN_LEVEL)


def _tint(labels: Image) -> NDArray[np.uint8]:
    """Return the colors of labels to lay over the photo, which is darkened where there is no label."""
    is_label = labels.any(axis=2)
    return np.dstack([labels, np.where(is_label, 140, 153).astype(np.uint8)])
