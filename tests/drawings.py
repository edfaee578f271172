"""Masks, photos and styles for the tests of pictures."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask
from wsseg.pictures.style import Style

GREY = np.full((60, 80, 3), 100, np.uint8)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)

STYLES = [
    Style(feather=feather, crop=crop, background=background)
    for feather, crop, background in product((0, 1.5, 7), (False, True), ("", "white", "blur"))
]
every_style = pytest.mark.parametrize("style", STYLES, ids=repr)


def block(shape: tuple[int, int] = (60, 80)) -> Mask:
    """A mask whose middle third, in both directions, is the object."""
    height, width = shape
    mask = np.zeros(shape, np.bool_)
    mask[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = True
    return mask


@st.composite
def photos(draw: st.DrawFn) -> tuple[Image, Mask]:
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
    return draw(hnp.arrays(np.uint8, (*shape, 3))), draw(hnp.arrays(np.bool_, shape))


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    array = array.copy()
    array.setflags(write=False)
    return array
