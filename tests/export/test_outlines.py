"""Outlines give the mask in every way of filling them."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest
from export_runs import MASKS, OLD_NUMPY, components_of
from hypothesis import assume, given
from numpy.typing import NDArray
from pycocotools import mask as cocomask

from wsseg.arrays import Mask
from wsseg.export.outlines import outlines


def filled(polygons: Sequence[NDArray[np.float64]], shape: tuple[int, ...]) -> Mask:
    """Fill polygons and their outlines with OpenCV."""
    mask = np.zeros(shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [polygon.astype(np.int32)], 1)
    return mask > 0


def covered(polygon: NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """Return the pixels whose centers, slightly shifted, lie inside by the even-odd rule."""
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    ys, xs = ys + 1e-4, xs + 1e-4  # The cuts to holes run through the centers.
    inside = np.zeros(shape, np.bool_)
    for (x0, y0), (x1, y1) in pairwise([*polygon, polygon[0]]):
        if y0 != y1:
            inside ^= ((y0 > ys) != (y1 > ys)) & (xs < x0 + (ys - y0) * (x1 - x0) / (y1 - y0))
    return inside


def area_of(polygon: NDArray[np.float64]) -> float:
    x, y = polygon.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


class TestOutlines:
    @given(MASKS)
    def test_a_polygon_of_each_component_covers_it(self, mask: Mask) -> None:
        polygons, parts = outlines(mask), components_of(mask)
        assert len(polygons) == len(parts)
        for polygon, part in zip(polygons, sorted(parts, key=lambda part: int(part.argmax())), strict=True):
            np.testing.assert_array_equal(covered(polygon, mask.shape), part)

    @given(MASKS)
    def test_drawing_in_whole_pixels_gives_the_mask(self, mask: Mask) -> None:
        np.testing.assert_array_equal(filled(outlines(mask), mask.shape), mask)

    @given(MASKS)
    def test_its_area_is_that_of_the_mask(self, mask: Mask) -> None:
        assert sum(map(area_of, outlines(mask))) == pytest.approx(mask.sum(), rel=0.016)

    @OLD_NUMPY
    @given(MASKS)
    def test_pycocotools_finds_the_mask_in_it(self, mask: Mask) -> None:
        assume(mask.any())
        polygons = [polygon.ravel().tolist() for polygon in outlines(mask)]
        rles = cocomask.frPyObjects(polygons, *mask.shape)
        np.testing.assert_array_equal(cocomask.decode(cocomask.merge(rles)) > 0, mask)

    def test_the_vertices_of_a_pixel_lie_just_inside_its_corners(self) -> None:
        mask = np.zeros((4, 5), np.bool_)
        mask[2, 3] = True
        (polygon,) = outlines(mask)
        assert {tuple(corner) for corner in polygon.round(1).tolist()} == {(3, 2), (4, 2), (4, 3), (3, 3)}
        assert ((polygon > (3, 2)) & (polygon < (4, 3))).all()
