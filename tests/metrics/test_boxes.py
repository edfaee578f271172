"""Boxes against torchvision's and pycocotools', and which objects count as found."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco
from torchvision.ops import box_iou as peer

from wsseg.arrays import Box
from wsseg.metrics import best_iou, box_iou, localized, top_localized

WHOLE = Box(0, 0, 10, 10)
HALF = Box(0, 0, 5, 10)
LESS = Box(0, 0, 5, 9)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, y0 = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    return Box(x0, y0, x0 + draw(st.integers(1, 20)), y0 + draw(st.integers(1, 20)))


@given(boxes(), boxes())
def test_iou_equals_that_of_torchvision_and_pycocotools(first: Box, second: Box) -> None:
    got = box_iou(first, second)
    assert got == pytest.approx(float(peer(torch.tensor([first]), torch.tensor([second]))), abs=1e-6)
    sides: Any = [[[box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0]] for box in (first, second)]
    assert got == pytest.approx(float(coco.iou(*np.array(sides, float), [0])[0, 0]), abs=1e-9)


def test_an_iou_of_half_is_correct_and_less_is_wrong() -> None:
    assert localized(HALF, [WHOLE]) == 1
    assert localized(LESS, [WHOLE]) == 0
    assert localized(LESS, [WHOLE, HALF]) == 1
    assert best_iou(HALF, [WHOLE, LESS]) == 0.9


def test_no_box_is_correct_when_there_is_no_object() -> None:
    assert localized(None, []) == 1
    assert localized(None, [WHOLE]) == localized(WHOLE, []) == 0
    empty = Box(3, 3, 3, 3)
    assert box_iou(empty, empty) == 0


def test_a_detection_must_be_right_in_class_and_box() -> None:
    truths = [("cat", WHOLE), ("dog", Box(20, 20, 30, 30))]
    assert top_localized([("cow", WHOLE), ("cat", HALF)], truths) == 1
    assert top_localized([("dog", WHOLE), ("cat", LESS)], truths) == 0
    assert top_localized([("cat", None)], truths) == top_localized([], truths) == 0


def test_detections_beyond_the_fifth_do_not_count() -> None:
    detections = [("cow", WHOLE)] * 5 + [("cat", WHOLE)]
    assert top_localized(detections, [("cat", WHOLE)]) == 0
    assert top_localized(detections[1:], [("cat", WHOLE)]) == 1
    assert top_localized(detections, [("cat", WHOLE)], most=6) == 1
