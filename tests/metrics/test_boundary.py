"""Boundaries of mask and truth: against the definitions written slowly, and the edges they leave open."""

from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wsseg.arrays import FOREGROUND, UNKNOWN
from wsseg.metrics import boundary_f, boundary_iou, count_bands, count_boundaries

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)
RNG = np.random.default_rng(0)


def blobs(shape: tuple[int, int], seed: int) -> Any:
    """A mask of some ellipses, which may lie over the edge."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    for _ in range(3):
        (cy, cx), (ry, rx) = rng.uniform(0, shape), rng.uniform(5, 40, 2)
        mask |= ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
    return mask


@pytest.mark.parametrize("seed", range(8))
def test_blobs_score_as_the_definitions_say(seed: int) -> None:
    shape = (90 + 7 * seed, 140 - 5 * seed)
    mask, truth = blobs(shape, seed), blobs(shape, seed + 100 * (seed % 2)).astype(np.uint8)
    mask = np.roll(mask, seed % 4, axis=0)
    truth[blobs(shape, seed + 200) & (seed > 3)] = UNKNOWN
    assert boundary_f(count_boundaries(mask, truth)) == pytest.approx(oracles.boundary_f(mask, truth), abs=1e-12)
    assert boundary_iou(count_bands(mask, truth)) == pytest.approx(oracles.boundary_iou(mask, truth), abs=1e-12)


@given(SHAPES, st.integers(0, 1000))
def test_small_masks_score_as_the_definitions_say(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask, truth = rng.random(shape) < 0.5, rng.choice([0, 1, 1, 255], shape).astype(np.uint8)
    assert boundary_f(count_boundaries(mask, truth)) == pytest.approx(oracles.boundary_f(mask, truth), abs=1e-12)
    assert boundary_iou(count_bands(mask, truth)) == pytest.approx(oracles.boundary_iou(mask, truth), abs=1e-12)


def test_void_never_counts() -> None:
    truth = blobs((80, 90), 1).astype(np.uint8)
    truth[30:50, 20:70] = UNKNOWN
    mask = blobs((80, 90), 2)
    other = np.where(truth == UNKNOWN, ~mask, mask)
    assert count_boundaries(other, truth) == count_boundaries(mask, truth)
    assert count_bands(other, truth) == count_bands(mask, truth)


def test_boundaries_match_up_to_the_tolerance() -> None:
    truth = np.zeros((300, 400), np.uint8)  # Of 500 pixels' diagonal: 4 pixels.
    truth[100:200, 100:300] = FOREGROUND
    for shift, score in ((4, 1), (5, 0)):
        mask = np.zeros(truth.shape, bool)
        mask[100:200, 100 + shift : 300] = True
        counts = count_boundaries(mask, truth)
        assert (counts.mask_matched == counts.mask) == bool(score)


def test_masks_without_boundaries_agree() -> None:
    none, everything = np.zeros((30, 40), bool), np.ones((30, 40), np.uint8)
    assert boundary_f(count_boundaries(none, 0 * everything)) == 1
    assert boundary_f(count_boundaries(none, everything)) == 1  # A whole photo has none either.
    assert boundary_f(count_boundaries(blobs((30, 40), 3), everything)) == 0
    assert boundary_iou(count_bands(none, 0 * everything)) == 1
    assert boundary_iou(count_bands(none, everything)) == 0


def test_the_photo_s_edge_is_in_the_band() -> None:
    whole = np.ones((100, 100), np.uint8)  # The band is 3 pixels wide.
    assert count_bands(whole == 1, whole).union == 100**2 - 94**2
