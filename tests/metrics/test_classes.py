"""The pooled confusion matrix against scikit-learn's and torchmetrics', and absent classes."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle
from torchmetrics.functional.classification import multiclass_jaccard_index

from wsseg.metrics import class_ious, class_tally, confusion, miou, pixel_accuracy

CLASSES, VOID = 4, 255
LABELS = hnp.arrays(np.uint8, (5, 7), elements=st.integers(0, CLASSES - 1))
TRUTHS = hnp.arrays(np.uint8, (5, 7), elements=st.sampled_from([*range(CLASSES), VOID]))


def matrix(labels: Any, truth: Any) -> Any:
    return confusion(labels, truth, classes=CLASSES, void=VOID)


@given(LABELS, TRUTHS)
def test_the_matrix_equals_that_of_scikit_learn(labels: Any, truth: Any) -> None:
    counted = truth != VOID
    if counted.any():
        expected = oracle.confusion_matrix(truth[counted], labels[counted], labels=range(CLASSES))
        assert (matrix(labels, truth) == expected).all()


@given(LABELS, TRUTHS)
def test_ious_equal_those_of_scikit_learn_where_a_class_is_present(labels: Any, truth: Any) -> None:
    counted = truth != VOID
    tally = class_tally(matrix(labels, truth))
    present = np.union1d(truth[counted], labels[counted])
    absent = np.setdiff1d(range(CLASSES), present)
    assert np.isnan(class_ious(tally)[absent]).all()
    if counted.any():
        peers = oracle.jaccard_score(truth[counted], labels[counted], labels=present, average=None)
        assert class_ious(tally)[present] == pytest.approx(peers)
        assert float(miou(tally)) == pytest.approx(peers.mean())
        assert float(pixel_accuracy(tally)) == pytest.approx((labels == truth)[counted].mean())


def test_miou_equals_that_of_torchmetrics_where_all_classes_are_present() -> None:
    rng = np.random.default_rng(0)
    labels, truth = rng.integers(0, CLASSES, (2, 50, 60)).astype(np.uint8)
    truth[:5] = VOID
    peer = multiclass_jaccard_index(torch.tensor(labels), torch.tensor(truth), CLASSES, ignore_index=VOID)
    assert float(miou(class_tally(matrix(labels, truth)))) == pytest.approx(float(peer), abs=1e-6)


@given(LABELS, TRUTHS, LABELS, TRUTHS)
def test_photos_are_pooled_by_adding_their_tallies(labels: Any, truth: Any, others: Any, truths: Any) -> None:
    both = matrix(np.hstack([labels, others]), np.hstack([truth, truths]))
    added = class_tally(matrix(labels, truth)) + class_tally(matrix(others, truths))
    assert (class_tally(both) == added).all()
    assert np.array_equal(class_ious(added / 2), class_ious(added), equal_nan=True)


def test_two_classes_are_the_binary_case() -> None:
    labels, truth = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 0]])
    assert float(miou(class_tally(confusion(labels, truth, classes=2, void=VOID)))) == pytest.approx(
        (1 / 2 + 2 / 3) / 2
    )


def test_void_alone_scores_best() -> None:
    tally = class_tally(matrix(np.zeros((2, 2), np.uint8), np.full((2, 2), VOID)))
    assert float(miou(tally)) == float(pixel_accuracy(tally)) == 1


@pytest.mark.parametrize(("label", "true", "argument"), [(4, 0, "labels"), (0, 4, "truth")])
def test_a_label_outside_the_classes_is_refused(label: int, true: int, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must hold class numbers below 4, got 4; "):
        matrix(np.array([[label]]), np.array([[true]]))
