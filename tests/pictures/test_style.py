"""The style of pictures: its values and what it refuses."""

import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from drawings import GREY, block

from wsseg.pictures.cutout import cutout
from wsseg.pictures.style import Style


def test_a_style_is_a_value() -> None:
    style = Style(format="webp", feather=2, crop=True, background="blur")
    assert pickle.loads(pickle.dumps(style)) == style != Style()
    assert hash(style) == hash(Style(format="webp", feather=2, crop=True, background="blur"))
    with pytest.raises(FrozenInstanceError):
        style.feather = 3  # type: ignore[misc]  # This must fail.


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"format": "gif"}, "^format must be one of png, webp, jpg, got 'gif'; choose one of these"),
        ({"format": "PNG"}, "^format must be one of"),
        ({"edge": "furry"}, "^edge must be one of hard, soft, got 'furry'; choose one of these"),
        ({"edge": "soft", "feather": 2}, "^feather must be 0 with a soft edge, got 2; leave out one of the two"),
        ({"feather": -0.1}, r"^feather must lie in \[0, 1000\] pixels, got -0.1; 0 is a hard edge"),
        ({"feather": 1001}, "^feather must lie in"),
        ({"feather": float("nan")}, "^feather must lie in .* got nan"),
        ({"feather": "3"}, "^feather must be a width in pixels, got '3'; "),
        ({"feather": True}, "^feather must be a width in pixels, got True; "),
        ({"crop": 5}, "^crop must be True or False, got 5; "),
        ({"background": "whit"}, "^background must be a color or blur, got 'whit'; write white, #00ff60 or 0,255,96"),
        ({"background": "0,255"}, "^background must be a color or blur, got '0,255'; "),
        ({"background": "0,0,256"}, "^background must be a color"),
        ({"background": "#00ff6080"}, "^background must be a color"),
        ({"background": "Blur"}, "^background must be a color"),
        ({"background": " "}, "^background must be a color"),
        ({"background": None}, "^background must be text, got None; write white, #00ff60, 0,255,96 or blur"),
        ({"background": (0, 0, 0)}, "^background must be text, got"),
    ],
)
def test_values_out_of_range_are_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        Style(**fields)


@pytest.mark.parametrize("color", ["#00ff60", "#0F6", "0,255,96", "0, 255, 96", "rgb(0,255,96)", "hsl(142.6,100%,50%)"])
def test_a_color_may_be_written_in_many_ways(color: str) -> None:
    ground = cutout(GREY, block(), Style(background=color))[0, 0].astype(int)
    assert np.abs(ground - (0, 255, 96)).max() <= 6
