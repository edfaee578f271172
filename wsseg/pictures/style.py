"""How cut-outs and other pictures look."""

from dataclasses import dataclass
from typing import Final

from PIL import ImageColor

from wsseg.files.encode import FORMATS

BLUR: Final = "blur"
"""The background that is the photo's own, blurred."""

WIDEST: Final = 1000
"""Pixels of the widest feather; the time of one grows with its width."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How pictures are drawn and written; masks, labels, instances and seeds are the same PNGs in any style.

    ValueError and TypeError name what is out of its range.
    """

    format: str = "png"
    """Of the pictures that are to be looked at (cutout, overlay, saliency, strip): png, webp or jpg."""
    feather: float = 0.0
    """Pixels over which the edge of a cut-out fades, half of them on each side of the outline; up to 1 it is hard."""
    crop: bool = False
    """Whether a cut-out ends at the tightest box around the object and its feather. Without an object it is not
    cropped, so that there always is one."""
    background: str = ""
    """What a cut-out lies on: a color (`white`, `#00ff60`, `0,255,96`), `blur` for the photo itself, blurred, or
    nothing, which leaves it transparent."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {self.format!r}; choose one of these")
        _check_feather(self.feather)
        if not isinstance(self.crop, bool):
            raise TypeError(f"crop must be True or False, got {self.crop!r}; the box around the object has no margin")
        _check_background(self.background)


def _check_feather(feather: float) -> None:
    if isinstance(feather, bool) or not isinstance(feather, (int, float)):
        raise TypeError(f"feather must be a width in pixels, got {feather!r}; 0 is a hard edge")
    if not 0 <= feather <= WIDEST:
        raise ValueError(f"feather must lie in [0, {WIDEST}] pixels, got {feather}; 0 is a hard edge")


def _check_background(background: object) -> None:
    if not isinstance(background, str):
        raise TypeError(f"background must be text, got {background!r}; write white, #00ff60, 0,255,96 or {BLUR}")
    if background not in ("", BLUR):
        color_of(background)


PLAIN: Final = Style()


def color_of(background: str) -> tuple[int, ...]:
    """The levels of red, green and blue."""
    try:
        levels: tuple[int, ...] = ImageColor.getrgb(f"rgb({background})" if background[:1].isdigit() else background)
    except ValueError:
        levels = ()
    if len(levels) != 3 or max(levels) > 255:
        raise ValueError(
            f"background must be a color or {BLUR}, got {background!r}; write white, #00ff60 or 0,255,96, or leave it "
            "empty for none"
        )
    return levels
