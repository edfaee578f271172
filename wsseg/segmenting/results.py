"""What a photo gives: saliency, a mask or labels, and the pictures of them."""

import base64
import html
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, Box, Image, Labels, Mask, Saliency, Seeds
from wsseg.classifier.categories import Target
from wsseg.files.encode import FORMATS, SUFFIXES, VOC_COLORS, encoded_labels, encoded_picture
from wsseg.files.masks import UNKNOWN_LEVEL
from wsseg.files.store import replacing
from wsseg.graphcut.labeling import shrunk
from wsseg.graphcut.regions import box_of, instances_of
from wsseg.pictures.cutout import cutout
from wsseg.pictures.overlay import heatmap, overlay, overlay_labels
from wsseg.pictures.strip import strip
from wsseg.pictures.style import PLAIN, Style

Status: TypeAlias = Literal["ok", "weak", "no object"]

SHOWN_SIDE: Final = 960
"""Pixels of the long side of what a notebook shows."""


@dataclass(frozen=True, eq=False)
class SaliencyResult:
    """Where the classifier looks in a photo, for one target."""

    image: Image
    """The upright photo."""
    target: Target
    """The class indices, and their names."""
    probability: float
    """The classifier's, that the photo shows the target."""
    saliency: Saliency
    reasons: tuple[str, ...]
    """Short sentences on what to know before trusting this."""

    @property
    def category(self) -> str:
        """The target's name."""
        return self.target.category

    def heatmap(self) -> Image:
        """The saliency in colors."""
        return heatmap(self.saliency)

    def strip(self) -> Image:
        """The photo beside its heatmap."""
        return strip(self.image, self.heatmap())

    def save(self, path: str | PathLike[str], picture: str = "mask", style: Style | None = None) -> None:
        """Writes one of `PICTURES`; folders are made, an earlier file is replaced.

        Without a style the path's suffix chooses the format; with one it must be of the style's. Masks and seeds are
        PNGs always.
        """
        _save(self, path, picture, style)

    def _repr_png_(self) -> bytes:
        """The strip, for a notebook."""
        return encoded_picture(shrunk(self.strip(), SHOWN_SIDE))

    def _repr_html_(self) -> str:
        return _shown(self._repr_png_(), [self])


@dataclass(frozen=True, eq=False)
class Segmentation(SaliencyResult):
    """A mask, and the evidence for it."""

    mask: Mask
    """All False when the status is `no object`."""
    seeds: Seeds
    """What the saliency alone says, at the photo's size."""
    energy: float
    """Of the last cut's labeling, in nats, before it was tidied; 0 when nothing was cut."""
    flow: float
    """The maximum flow, in nats, that certifies the labeling: none has less energy. Equal up to rounding."""
    exact: bool
    """Whether that cut was of the whole photo at once; else of a band along the outline that was found in a smaller
    one, `exact_side` pixels long. With a box as a hint, all this and the reasons are of the box and its margin."""
    confidence: float
    """The IoU of the mask with the truth that is to be expected, in [0, 1]; see confidence.py."""
    status: Status

    @property
    def concentration(self) -> float:
        """The share of the saliency that lies in the mask, in [0, 1]: a heatmap spread wide over the photo is a warning
        (as in the article that this method became known by), whatever the mask looks like."""
        total = float(self.saliency.sum(dtype=np.float64))
        return float(self.saliency[self.mask].sum(dtype=np.float64)) / total if total else 0.0

    @property
    def box(self) -> Box | None:
        """The tightest box around the mask; None when it is empty."""
        return box_of(self.mask)

    def cutout(self, style: Style = PLAIN) -> NDArray[np.uint8]:
        """The object alone, (H, W, 4), transparent elsewhere, or (H, W, 3) on the style's background."""
        return cutout(self.image, self.mask, style)

    def overlay(self) -> Image:
        """The photo with the object outlined and the rest dimmed."""
        return overlay(self.image, self.mask)

    def strip(self) -> Image:
        """Photo, heatmap, seeds and overlay, side by side."""
        return strip(self.image, self.heatmap(), _seed_levels(self.seeds), self.overlay())


@dataclass(frozen=True, eq=False)
class TargetResult(SaliencyResult):
    """One target's share in a `LabelMap`."""

    confidence: float
    """The IoU of its pixels with the truth that is to be expected, in [0, 1]; see confidence.py."""
    status: Status
    """`no object` when no pixel is the target's."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Which of several targets each pixel of a photo belongs to, and the evidence for it."""

    image: Image
    """The upright photo."""
    labels: Labels
    """0 on the background, and i on the target of results[i - 1]."""
    results: tuple[TargetResult, ...]
    """Where the classifier looks for each target, and what is to be thought of its pixels."""
    energy: float
    """Of the last labeling, in nats, before it was tidied; 0 when nothing was labeled."""
    exact: bool
    """Whether no labeling of the whole photo has less energy, which is known of one target in a small photo."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """What label i stands for is at i - 1."""
        return tuple(part.target for part in self.results)

    def mask(self, label: int) -> Mask:
        """The pixels of that label, 0 for the background."""
        if label not in range(len(self.results) + 1):
            raise ValueError(f"label must be a whole number from 0 to {len(self.results)}, got {label}; see targets")
        return np.asarray(self.labels == label)

    def instances(self) -> Labels:
        """Each connected part of each target with a number of its own, from 1 for the largest; see `instances_of`."""
        return instances_of(self.labels)

    def overlay(self) -> Image:
        """The photo with each target in its color, that of its label in PASCAL VOC, and the background dimmed."""
        return overlay_labels(self.image, self.labels, colors=VOC_COLORS)

    def save(self, path: str | PathLike[str], picture: str = "labels", style: Style | None = None) -> None:
        """Writes labels or instances as a PNG in the colors of PASCAL VOC, see `write_labels`, or the overlay.

        The overlay's format is chosen as by `SaliencyResult.save`.
        """
        _save(self, path, picture, style)

    def _repr_png_(self) -> bytes:
        """The overlay, for a notebook."""
        return encoded_picture(shrunk(self.overlay(), SHOWN_SIDE))

    def _repr_html_(self) -> str:
        return _shown(self._repr_png_(), self.results)


class Picture(NamedTuple):
    """One thing to draw of a result, and the folder of a run where it goes."""

    folder: str
    of: tuple[type[SaliencyResult | LabelMap], ...]
    draw: Callable[[Any, Style], NDArray[np.uint8]]
    encode: Callable[[NDArray[np.uint8]], bytes] | None = None
    """To a PNG, of what is to be measured; what is to be looked at is in the style's format."""


PICTURES: Final[Mapping[str, Picture]] = MappingProxyType(
    {
        "mask": Picture("masks", (Segmentation,), lambda result, _: result.mask * np.uint8(255), encoded_picture),
        "cutout": Picture("cutouts", (Segmentation,), lambda result, style: result.cutout(style)),
        "labels": Picture("labels", (LabelMap,), lambda result, _: result.labels, encoded_labels),
        "instances": Picture("instances", (LabelMap,), lambda result, _: result.instances(), encoded_labels),
        "overlay": Picture("overlays", (Segmentation, LabelMap), lambda result, _: result.overlay()),
        "seeds": Picture("seeds", (Segmentation,), lambda result, _: _seed_levels(result.seeds), encoded_picture),
        "saliency": Picture("saliency", (SaliencyResult,), lambda result, _: result.heatmap()),
        "strip": Picture("strips", (SaliencyResult,), lambda result, _: result.strip()),
    }
)
"""What can be drawn of a result, by name."""


def pictures_of(kind: type[SaliencyResult | LabelMap]) -> list[str]:
    """The names of the `PICTURES` of such a result."""
    return [name for name, picture in PICTURES.items() if issubclass(kind, picture.of)]


def suffix_of(picture: str, style: Style) -> str:
    """Of the files of that picture: `.png`, `.webp` or `.jpg`."""
    return ".png" if PICTURES[picture].encode else f".{style.format}"


def check_style(style: Style, pictures: Collection[str]) -> None:
    """ValueError when the style cannot draw one of the pictures, of whatever photo."""
    if "cutout" in pictures and style.format == "jpg" and not style.background:
        raise ValueError("background must be a color or blur for cut-outs as jpg, got none; or choose png or webp")


def encode(result: SaliencyResult | LabelMap, picture: str, style: Style = PLAIN) -> bytes:
    """The file of one of `PICTURES`; equal results make equal bytes.

    ValueError for one that there is not of such a result, and as `check_style` and `encoded_picture`.
    """
    _check_is_of(result, picture)
    check_style(style, [picture])
    drawn, as_png = PICTURES[picture].draw(result, style), PICTURES[picture].encode
    return as_png(drawn) if as_png else encoded_picture(drawn, style.format)


def _check_is_of(result: SaliencyResult | LabelMap, picture: str) -> None:
    possible = pictures_of(type(result))
    if picture not in possible:
        raise ValueError(f"picture must be one of {', '.join(possible)}, got {picture!r}; choose one of these")


def _shown(png: bytes, findings: Sequence[SaliencyResult]) -> str:
    """The picture as HTML, and a line below on each finding."""
    lines = "".join(f"<br>{html.escape(_said_of(finding))}" for finding in findings)
    return f'<img alt="" style="max-width: 100%" src="data:image/png;base64,{base64.b64encode(png).decode()}">{lines}'


def _said_of(finding: SaliencyResult) -> str:
    words = [f"{finding.category} {finding.probability:.2f}"]
    if isinstance(finding, (Segmentation, TargetResult)):
        words.append(f"{finding.status}, confidence {finding.confidence:.2f}")
    return " · ".join([*words, *finding.reasons])


def _save(result: SaliencyResult | LabelMap, path: str | PathLike[str], picture: str, style: Style | None) -> None:
    _check_is_of(result, picture)
    format = _format_of(Path(path), picture, style)
    data = encode(result, picture, style or Style(format=format))
    with replacing(Path(path)) as file:
        file.write(data)


def _format_of(path: Path, picture: str, style: Style | None) -> str:
    """The one that the path's suffix names, of those that the picture may have."""
    measured = PICTURES[picture].encode is not None
    formats = ["png"] if measured else [style.format] if style else list(FORMATS)
    suffixes = {suffix: format for suffix, format in SUFFIXES.items() if format in formats}
    if path.suffix.lower() not in suffixes:
        remedy = "what is measured must keep every value" if measured else "rename it, or change the style's format"
        raise ValueError(f"path must end in {' or '.join(suffixes)}, got {path}; {remedy}")
    return suffixes[path.suffix.lower()]


def _seed_levels(seeds: Seeds) -> NDArray[np.uint8]:
    """Seeds as on disk."""
    levels = np.full(256, UNKNOWN_LEVEL, np.uint8)
    levels[[BACKGROUND, FOREGROUND]] = 0, 255
    return levels[seeds]
