"""The pictures of a result as files: what can be drawn, its folder in a run, and its format."""

from collections.abc import Callable, Collection, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, Seeds
from wsseg.files.encode import PICTURE_FORMATS, SUFFIXES, encoded_labels, encoded_picture
from wsseg.files.masks import UNKNOWN_LEVEL
from wsseg.files.store import replacing
from wsseg.pictures.style import PLAIN, Style


class Drawable(Protocol):
    """A result that has pictures."""

    pictures: ClassVar[tuple[str, ...]]
    """Names in `PICTURES`."""


class Picture(NamedTuple):
    """One picture of a result."""

    folder: str
    """Folder of a run that holds these pictures."""
    draw: Callable[[Any, Style], NDArray[np.uint8]]
    """Returns the picture of a result that has it."""
    encode: Callable[[NDArray[np.uint8]], bytes] | None = None
    """Writes a picture that is data, always as PNG; a picture to look at is in the format of the style."""


PICTURES: Final[Mapping[str, Picture]] = MappingProxyType(
    {
        "mask": Picture("masks", lambda result, _: result.mask * np.uint8(255), encoded_picture),
        "cutout": Picture("cutouts", lambda result, style: result.cutout(style)),
        "alpha": Picture("alphas", lambda result, style: result.alpha(style), encoded_picture),
        "labels": Picture("labels", lambda result, _: result.labels, encoded_labels),
        "instances": Picture("instances", lambda result, _: result.instances(), encoded_labels),
        "overlay": Picture("overlays", lambda result, _: result.overlay()),
        "seeds": Picture("seeds", lambda result, _: seed_levels(result.seeds), encoded_picture),
        "saliency": Picture("saliency", lambda result, _: result.heatmap()),
        "strip": Picture("strips", lambda result, _: result.strip()),
    }
)
"""All pictures by name."""


def pictures_of(kind: type[Drawable]) -> list[str]:
    """Return the names of the pictures that such a result has."""
    return list(kind.pictures)


def suffix_of(picture: str, style: Style) -> str:
    """Return the suffix of the files of a picture: `.png`, `.webp` or `.jpg`."""
    return ".png" if PICTURES[picture].encode else f".{style.format}"


def check_style(style: Style, pictures: Collection[str]) -> None:
    """Raise ValueError if the style cannot draw one of the pictures of any photo."""
    if "cutout" in pictures and style.format == "jpg" and not style.background:
        raise ValueError(
            "background must be a color or blur in JPEG cut-outs, got none; choose one, or the format png or webp"
        )


def encode(result: Drawable, picture: str, style: Style = PLAIN) -> bytes:
    """Return the file of a picture; equal results give equal bytes.

    ValueError if the result has no such picture, and as `check_style` and `encoded_picture`.
    """
    check_picture(result, picture)
    check_style(style, [picture])
    drawn, as_png = PICTURES[picture].draw(result, style), PICTURES[picture].encode
    return as_png(drawn) if as_png else encoded_picture(drawn, style.format)


def check_picture(result: Drawable, picture: str) -> None:
    """Raise ValueError if the result has no such picture."""
    if picture not in result.pictures:
        raise ValueError(f"picture must be one of {', '.join(result.pictures)}, got {picture!r}; choose one of these")


def save(result: Drawable, path: str | PathLike[str], picture: str, style: Style | None) -> None:
    """Write a picture of a result; without a style the suffix of the path chooses the format."""
    check_picture(result, picture)
    format = _format_of(Path(path), picture, style)
    data = encode(result, picture, style or Style(format=format))
    with replacing(Path(path)) as file:
        file.write(data)


def _format_of(path: Path, picture: str, style: Style | None) -> str:
    """Return the format that the suffix of the path names, if the picture may have it."""
    data = PICTURES[picture].encode is not None
    formats = ["png"] if data else [style.format] if style else list(PICTURE_FORMATS)
    suffixes = {suffix: format for suffix, format in SUFFIXES.items() if format in formats}
    if path.suffix.lower() not in suffixes:
        remedy = f"other formats would change the {picture}" if data else "rename it, or change the style's format"
        raise ValueError(f"path must end in {' or '.join(suffixes)}, got '{path}'; {remedy}")
    return suffixes[path.suffix.lower()]


def seed_levels(seeds: Seeds) -> NDArray[np.uint8]:
    """Return the seeds as they are on disk: background 0, object 255, unknown between."""
    levels = np.full(256, UNKNOWN_LEVEL, np.uint8)
    levels[[BACKGROUND, FOREGROUND]] = 0, 255
    return levels[seeds]
