"""Scores of a map's overlap with the object."""

import numpy as np
import pytest

from wsseg.arrays import UNKNOWN
from wsseg.metrics import saliency_scores

TRUTH = np.array([[1, 0, 0, 0, UNKNOWN]], np.uint8)


def scored(*values: float) -> dict[str, float]:
    return saliency_scores(np.array([values], np.float32), TRUTH)


def test_one_example_by_hand() -> None:
    assert scored(0.5, 0.25, 0.25, 0, 1) == {"pointing": 1, "energy": 0.5, "lift": 2}


def test_a_random_map_has_lift_one() -> None:
    assert scored(0.5, 0.5, 0.5, 0.5, 0.5) == {"pointing": 0.25, "energy": 0.25, "lift": 1}


def test_a_map_beside_the_object_scores_nothing() -> None:
    assert scored(0, 1, 0, 0, 0) == {"pointing": 0, "energy": 0, "lift": 0}


def test_void_never_counts() -> None:
    assert scored(0.5, 0.5, 0, 0, 0) == scored(0.5, 0.5, 0, 0, 1)


def test_without_object_or_saliency_no_score_is_defined() -> None:
    assert np.isnan(list(scored(0, 0, 0, 0, 1).values())).all()
    nothing = saliency_scores(np.ones((2, 2), np.float32), np.zeros((2, 2), np.uint8))
    assert np.isnan(list(nothing.values())).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="saliency and truth must have one height"):
        saliency_scores(np.ones((2, 2), np.float32), TRUTH)
