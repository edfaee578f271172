"""The style of cut-outs and other pictures."""

from dataclasses import dataclass
from typing import Final

from PIL import ImageColor

from wsseg.files.encode import PICTURE_FORMATS

EDGES: Final = ("hard", "soft")
"""The edges of cut-outs."""

BLUR: Final = "blur"
"""Name of the background that is the blurred photo."""

WIDEST: Final = 1000
"""Maximum width of a feather in pixels; its computing time grows with its width."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """Appearance and format of pictures. Masks, labels, instances and seeds are PNG in any style.

    Parameters
    ----------
    format : {"png", "webp", "jpg"}, optional
        Format of pictures to look at (cutout, overlay, saliency, strip).
    edge : {"hard", "soft"}, optional
        Edge of a cut-out: that of the mask, or a soft one for hair and fur, whose alpha and colors are estimated from
        the photo. Masks stay the same.
    feather : float, optional
        Pixels over which the edge of a cut-out fades, half of them on each side of the outline. Up to 1 the edge is
        that of the mask.
    crop : bool, optional
        Whether to crop a cut-out to the tightest box around the object and its edge. A photo without an object is
        not cropped.
    background : str, optional
        Background of a cut-out: a color (`white`, `#00ff60`, `0,255,96`), `blur` for the blurred photo, or nothing for
        transparency.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If a value has the wrong type.

    Examples
    --------
    >>> wsseg.Style(feather=2, background="blur").format
    'png'
    """

    format: str = "png"
    """Format of pictures to look at: png, webp or jpg."""
    edge: str = "hard"
    """Edge of a cut-out: hard or soft."""
    feather: float = 0.0
    """Pixels over which the edge of a cut-out fades."""
    crop: bool = False
    """Whether to crop a cut-out to the box around the object."""
    background: str = ""
    """Background of a cut-out: a color, `blur`, or nothing for transparency."""

    def __post_init__(self) -> None:
        if self.format not in PICTURE_FORMATS:
            raise ValueError(
                f"format must be one of {', '.join(PICTURE_FORMATS)}, got {self.format!r}; choose one of these"
            )
        if self.edge not in EDGES:
            raise ValueError(f"edge must be one of {', '.join(EDGES)}, got {self.edge!r}; choose one of these")
        _check_feather(self.feather)
        if self.edge == "soft" and self.feather:
            raise ValueError(f"feather must be 0 with a soft edge, got {self.feather}; leave out one of the two")
        if not isinstance(self.crop, bool):
            raise TypeError(f"crop must be True or False, got {self.crop!r}; True crops to the object's box")
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
"""The default style: PNG, hard edge, not cropped, transparent."""


def color_of(background: str) -> tuple[int, ...]:
    """Return red, green and blue of a color as Pillow knows it, or as in `0,255,96`; ValueError for any other text."""
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
