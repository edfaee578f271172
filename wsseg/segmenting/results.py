"""The results of a photo: saliency, a mask or labels, with the evidence for each."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import ClassVar, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Box, Image, Labels, Maps, Mask, Saliency, Seeds
from wsseg.classifier.categories import Target
from wsseg.files.encode import VOC_COLORS, encoded_picture
from wsseg.graphcut.pyramid import shrunk
from wsseg.graphcut.regions import box_of, instances_of
from wsseg.pictures.cutout import cutout_from_matte, matte_of
from wsseg.pictures.overlay import heatmap, overlay, overlay_labels
from wsseg.pictures.soft import Matte, matte_from_mask
from wsseg.pictures.strip import strip
from wsseg.pictures.style import PLAIN, Style
from wsseg.segmenting import outputs

Status: TypeAlias = Literal["ok", "unsure", "weak", "no object"]

SHOWN_SIDE: Final = 960
"""Long side of the picture that a notebook shows, in pixels."""

NAMED: Final = 4
"""Targets that the repr of a label map names at most."""


@dataclass(frozen=True, eq=False, repr=False)
class SaliencyResult:
    """Where the classifier sees one target in a photo."""

    image: Image
    """The upright photo, (H, W, 3)."""
    target: Target
    """The target: the one that was given, or the classifier's first choice."""
    probability: float
    """The classifier's probability that the photo shows the target."""
    saliency: Saliency
    """The map, (H, W) in [0, 1]."""
    reasons: tuple[str, ...]
    """Short sentences on what to know before trusting the result."""
    scored: Target
    """The classes that the map explains: the given target, or the likeliest classes, weighted by probability."""
    seen: bool = field(default=True, kw_only=True)
    """False if the target is so much less likely than the photo's likeliest class that it is not in the photo."""
    maps: Maps = field(default=Maps(None, None), kw_only=True)
    """The maps that the saliency was made from: the classifier's own and the one of objects."""

    pictures: ClassVar[tuple[str, ...]] = ("saliency", "strip")
    """Names of the pictures that `save` writes."""

    @property
    def category(self) -> str:
        """The name of the target."""
        return self.target.category

    def heatmap(self) -> Image:
        """Return the saliency in colors, (H, W, 3)."""
        return heatmap(self.saliency)

    def strip(self) -> Image:
        """Return the photo and its heat map, side by side."""
        return strip(self.image, self.heatmap())

    def save(self, path: str | PathLike[str], picture: str = "mask", style: Style | None = None) -> None:
        """Write a picture of the result.

        Folders are created, and an existing file is replaced.

        Parameters
        ----------
        path : str or path
            The file. Its suffix chooses the format (.png, .webp, .jpg) unless there is a style; masks and seeds are
            always PNG.
        picture : str
            One of `pictures`.
        style : Style, optional
            How to draw, and the format; the suffix must match it.

        Raises
        ------
        ValueError
            If the result has no such picture, or the suffix does not match.
        """
        outputs.save(self, path, picture, style)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_facts_of(self))})"

    def _repr_png_(self) -> bytes:
        """Return the strip, for a notebook."""
        return encoded_picture(shrunk(self.strip(), SHOWN_SIDE))

    def _repr_html_(self) -> str:
        return _html_of(self._repr_png_(), [self])


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(SaliencyResult):
    """A mask of one target, and the evidence for it."""

    mask: Mask
    """(H, W), True on the object; all False if the status is `no object`."""
    seeds: Seeds
    """The seeds from the saliency alone, (H, W)."""
    energy: float
    """Energy of the last cut before small components were removed, in nats; 0 if nothing was cut."""
    flow: float
    """Maximum flow of the last cut, in nats: no labeling has less energy. Both are equal up to rounding."""
    exact: bool
    """True if the last cut was of the whole photo; False if it was of a band along the outline that was found in the
    photo at `exact_side`, or of a window. Energy, flow and reasons are of the last window, if the photo was looked at
    again or a box is hinted."""
    confidence: float
    """Expected IoU of the mask with the truth, in [0, 1]; see `graphcut/confidence.py`."""
    status: Status
    """`ok`, `unsure` if the confidence is middling, `weak` if it is low or there are other doubts, or `no object`."""

    pictures: ClassVar[tuple[str, ...]] = ("mask", "cutout", "alpha", "overlay", "seeds", "saliency", "strip")

    @property
    def concentration(self) -> float:
        """The share of the saliency that lies in the mask, in [0, 1].

        A low share is a warning, whatever the mask looks like: the classifier looks at the whole photo.
        """
        total = float(self.saliency.sum(dtype=np.float64))
        return float(self.saliency[self.mask].sum(dtype=np.float64)) / total if total else 0.0

    @property
    def box(self) -> Box | None:
        """The tightest box around the mask; None if the mask is empty."""
        return box_of(self.mask)

    def cutout(self, style: Style = PLAIN) -> NDArray[np.uint8]:
        """Return the object alone.

        Parameters
        ----------
        style : Style
            Background and edge of the cut-out.

        Returns
        -------
        (H, W, 4) or (H, W, 3) uint8 array
            With transparency, or on the background of the style if it has one.
        """
        return cutout_from_matte(self.image, self.mask, self._matte(style), style)

    def alpha(self, style: Style = PLAIN) -> NDArray[np.uint8]:
        """Return the alpha of the cut-out at the photo's size, cropped or not.

        Parameters
        ----------
        style : Style
            Edge of the cut-out.

        Returns
        -------
        (H, W) uint8 array
            Share of the object in each pixel, from 0 to 255.
        """
        return self._matte(style).alpha.copy()

    def _matte(self, style: Style) -> Matte:
        return self._soft if style.edge == "soft" else matte_of(self.image, self.mask, style)

    @cached_property
    def _soft(self) -> Matte:
        """The soft edge, which takes seconds in a large photo and serves cut-out and alpha."""
        return matte_from_mask(self.image, self.mask)

    def overlay(self) -> Image:
        """Return the photo with the object outlined and the rest dimmed."""
        return overlay(self.image, self.mask)

    def strip(self) -> Image:
        """Return photo, heat map, seeds and overlay, side by side."""
        return strip(self.image, self.heatmap(), outputs.seed_levels(self.seeds), self.overlay())


@dataclass(frozen=True, eq=False, repr=False)
class TargetResult(SaliencyResult):
    """One target of a `LabelMap`."""

    confidence: float
    """Expected IoU of its pixels with the truth, in [0, 1]; see `graphcut/confidence.py`."""
    status: Status
    """As of a `Segmentation`; `no object` if the target has no pixel."""


@dataclass(frozen=True, eq=False, repr=False)
class LabelMap:
    """The target that each pixel of a photo belongs to, and the evidence for it."""

    image: Image
    """The upright photo, (H, W, 3)."""
    labels: Labels
    """(H, W): 0 on the background, i on the target of results[i - 1]."""
    results: tuple[TargetResult, ...]
    """The saliency of each target, and how far to trust its pixels."""
    energy: float
    """Energy of the last labeling before small components were removed, in nats; 0 if nothing was labeled."""
    exact: bool
    """True if no labeling of the whole photo has less energy. That is known only for one target in a photo up to
    `exact_side`."""

    pictures: ClassVar[tuple[str, ...]] = ("labels", "instances", "overlay")
    """Names of the pictures that `save` writes."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets; label i is targets[i - 1]."""
        return tuple(result.target for result in self.results)

    def mask(self, label: int) -> Mask:
        """Return the pixels of one label.

        Parameters
        ----------
        label : int
            0 for the background, i for targets[i - 1].

        Returns
        -------
        (H, W) bool array

        Raises
        ------
        ValueError
            If there is no such label.
        """
        if label not in range(len(self.results) + 1):
            raise ValueError(
                f"label must be a whole number from 0 to {len(self.results)}, got {label}; see the property targets"
            )
        return np.asarray(self.labels == label)

    def instances(self) -> Labels:
        """Return a number for each component of each target, from 1 for the largest; see `instances_of`."""
        return instances_of(self.labels)

    def overlay(self) -> Image:
        """Return the photo with each target in the color of its label in PASCAL VOC, and the background dimmed."""
        return overlay_labels(self.image, self.labels, colors=VOC_COLORS)

    def save(self, path: str | PathLike[str], picture: str = "labels", style: Style | None = None) -> None:
        """Write labels or instances as PNG in the colors of PASCAL VOC (see `write_labels`), or the overlay.

        Parameters
        ----------
        path : str or path
            The file. Its suffix chooses the format of the overlay unless there is a style.
        picture : str
            One of `pictures`.
        style : Style, optional
            The format of the overlay; the suffix must match it.

        Raises
        ------
        ValueError
            If the map has no such picture, or the suffix does not match.
        """
        outputs.save(self, path, picture, style)

    def __repr__(self) -> str:
        names = [repr(result.category) for result in self.results[:NAMED]]
        more = [f"{len(self.results) - NAMED} more"] if len(self.results) > NAMED else []
        return f"LabelMap({', '.join([*names, *more, _size_of(self.image)])})"

    def _repr_png_(self) -> bytes:
        """Return the overlay, for a notebook."""
        return encoded_picture(shrunk(self.overlay(), SHOWN_SIDE))

    def _repr_html_(self) -> str:
        return _html_of(self._repr_png_(), self.results)


def _facts_of(result: SaliencyResult) -> list[str]:
    facts = [repr(result.category), f"probability={result.probability:.2f}"]
    if isinstance(result, (Segmentation, TargetResult)):
        facts += [f"status={result.status!r}", f"confidence={result.confidence:.2f}"]
    return [*facts, _size_of(result.image)]


def _size_of(image: Image) -> str:
    return f"{image.shape[1]} x {image.shape[0]} pixels"


def _html_of(png: bytes, results: Sequence[SaliencyResult]) -> str:
    """Return the picture as HTML, with a line below for each result."""
    lines = "".join(f"<br>{html.escape(_line_of(result))}" for result in results)
    return f'<img alt="" style="max-width: 100%" src="data:image/png;base64,{base64.b64encode(png).decode()}">{lines}'


def _line_of(result: SaliencyResult) -> str:
    words = [f"{result.category} {result.probability:.2f}"]
    if isinstance(result, (Segmentation, TargetResult)):
        words.append(f"{result.status}, confidence {result.confidence:.2f}")
    return " · ".join([*words, *result.reasons])
