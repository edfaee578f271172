"""Steps keep masks and hints, whatever their size."""

import pickle

import numpy as np
import pytest

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box
from wsseg.graphcut.solver import MaskResult
from wsseg.segmenting.steps import Step


def step_of(marks: np.ndarray, mask: np.ndarray, box: Box | None = None) -> Step:
    return Step(box, marks, MaskResult(mask, marks, 3.0, 2.0, True, {"support": 1.0}, ("doubt",)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 65)])
def test_a_mask_comes_back_as_it_was(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.5
    found = step_of(np.full(shape, UNKNOWN, np.uint8), mask).found
    np.testing.assert_array_equal(found.mask, mask)
    assert found.mask.dtype == np.bool_
    assert (found.energy, found.flow, found.exact, found.doubts) == (3.0, 2.0, True, ("doubt",))


def test_it_leads_to_hints_that_hold_all_of_its_own() -> None:
    marks = np.full((4, 6), UNKNOWN, np.uint8)
    marks[1, 2] = FOREGROUND
    step = step_of(marks, marks == FOREGROUND)
    more = marks.copy()
    more[3, 3] = BACKGROUND
    other = np.where(marks == FOREGROUND, BACKGROUND, marks).astype(np.uint8)
    assert step.leads_to(None, marks) and step.leads_to(None, more)
    assert not step.leads_to(None, other)
    assert not step.leads_to(None, np.full_like(marks, UNKNOWN))
    assert not step.leads_to(Box(0, 0, 3, 3), more)
    assert np.argwhere(step.new_among(more) != UNKNOWN).tolist() == [[3, 3]]
    assert step.is_of(None, marks)
    assert not any(step.is_of(*one) for one in [(None, more), (None, other), (Box(0, 0, 3, 3), marks)])


def test_large_scribbles_are_kept_small() -> None:
    marks = np.full((1000, 1200), UNKNOWN, np.uint8)
    marks[100:900, 100:600], marks[100:900, 700:] = FOREGROUND, BACKGROUND
    assert len(pickle.dumps(vars(step_of(marks, marks == FOREGROUND))["_marks"])) < marks.size / 20
