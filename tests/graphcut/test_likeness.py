"""The likeness that is learned from a mask and hints, against the plain formula."""

import numpy as np
import pytest

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN
from wsseg.graphcut.likeness import HINTS, PENALTY, cells_of, likeness_of


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = np.zeros((6, 9), np.bool_)
    mask[2:5, 3:7] = True
    hinted = np.full(mask.shape, UNKNOWN, np.uint8)
    hinted[0, 0] = hinted[1, 0] = FOREGROUND
    hinted[3, 4] = BACKGROUND
    return rng.normal(size=(4, *mask.shape)).astype(np.float32), mask, hinted


@pytest.mark.parametrize("emphasis", [1.0, 2.0])
def test_it_minimizes_the_weighted_squares(emphasis: float) -> None:
    features, mask, hinted = scene()
    cells = features.reshape(4, -1).T.astype(np.float64)
    cells = (cells - cells.mean(0)) / cells.std(0)
    wanted, weights = np.where(mask.ravel(), 1.0, -1.0), np.where(mask.ravel(), 0.5 / 12, 0.5 / 42)
    for place, (y, x) in {0: (0, 0), 1: (1, 0), 2: (3, 4)}.items():
        index = y * 9 + x
        wanted[index] = 1.0 if place < 2 else -1.0
        weights[index] = emphasis * HINTS / (2 if place < 2 else 1)
    design = np.column_stack([cells, np.ones(54)]) * np.sqrt(weights)[:, None]
    rows = np.vstack([design, np.sqrt(PENALTY) * np.eye(5)[:4]])
    target = np.append(wanted * np.sqrt(weights), np.zeros(4))
    slope = np.linalg.lstsq(rows, target, rcond=None)[0]
    expected = (np.column_stack([cells, np.ones(54)]) @ slope).clip(-1, 1).reshape(6, 9)
    np.testing.assert_allclose(likeness_of(cells_of(features), mask, hinted, emphasis=emphasis), expected, atol=1e-4)


def test_an_empty_mask_and_constant_features_are_fine() -> None:
    nothing = np.zeros((4, 5), np.bool_)
    found = likeness_of(
        cells_of(np.ones((3, 4, 5), np.float32)), nothing, np.full((4, 5), UNKNOWN, np.uint8), emphasis=1.0
    )
    np.testing.assert_allclose(found, -1, atol=1e-5)
