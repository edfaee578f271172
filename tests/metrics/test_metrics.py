"""Counted scores against scikit-learn's and torchmetrics' on random masks, and cases that no library defines."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle
from torchmetrics.functional import classification as peers

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Seeds
from wsseg.metrics import SCORES, Counts, Pair, accuracy, count, dice, iou, mae, precision, recall, scores
from wsseg.metrics.counts import levels_of

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
COUNTED = {"iou": iou, "dice": dice, "precision": precision, "recall": recall, "accuracy": accuracy, "mae": mae}
PERFECT = {"iou": 1, "dice": 1, "precision": 1, "recall": 1, "accuracy": 1, "mae": 0}
PERFECT |= {"boundary_f": 1, "boundary_iou": 1}
PEERS = {
    "iou": peers.binary_jaccard_index,
    "dice": peers.binary_f1_score,
    "precision": peers.binary_precision,
    "recall": peers.binary_recall,
    "accuracy": peers.binary_accuracy,
}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Seeds]:
    """A soft mask and a truth of its size, void pixels included."""
    shape = draw(SHAPES)
    soft = draw(hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    return soft, draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([BACKGROUND, FOREGROUND, UNKNOWN])))


def truth_of(*rows: str) -> Seeds:
    """The truth drawn in characters: `#` object, `.` background, `?` void."""
    labels = {"#": FOREGROUND, ".": BACKGROUND, "?": UNKNOWN}
    return np.array([[labels[character] for character in row] for row in rows], np.uint8)


def mask_of(*rows: str) -> Any:
    return truth_of(*rows) == FOREGROUND


@given(pairs())
def test_scores_equal_those_of_scikit_learn(pair: tuple[Any, Seeds]) -> None:
    soft, truth = pair
    counted = truth != UNKNOWN
    found, labels, values = (soft >= 0.5)[counted], truth[counted] == FOREGROUND, soft[counted].astype(float)
    got = scores(soft, truth)
    if counted.any():
        assert got["accuracy"] == pytest.approx(oracle.accuracy_score(labels, found))
        assert got["mae"] == pytest.approx(oracle.mean_absolute_error(labels.astype(float), values))
    if found.any() or labels.any():
        assert got["iou"] == pytest.approx(oracle.jaccard_score(labels, found, zero_division=0))
        assert got["dice"] == pytest.approx(oracle.f1_score(labels, found, zero_division=0))
        assert got["precision"] == pytest.approx(oracle.precision_score(labels, found, zero_division=0))
        assert got["recall"] == pytest.approx(oracle.recall_score(labels, found, zero_division=0))


def test_scores_come_in_the_order_of_every_table() -> None:
    truth = truth_of("#.")
    assert list(SCORES) == list(scores(truth == 1, truth)) == list(PERFECT)


def test_one_example_by_hand() -> None:
    counts = count(mask_of("##.", "##.", "..."), truth_of(".##", ".#?", "..#"))
    assert counts == Counts(true_positive=2, false_positive=2, false_negative=2, true_negative=2, absolute_error=4.0)
    assert counts.pixels == 8
    assert iou(counts) == 2 / 6
    assert mae(counts) == 4 / 8


def test_precision_and_recall_tell_false_positives_from_false_negatives() -> None:
    got = scores(mask_of("####"), truth_of("#..."))
    assert (got["precision"], got["recall"]) == (1 / 4, 1)
    assert (got["iou"], got["dice"], got["accuracy"]) == (1 / 4, 2 / 5, 1 / 4)


@given(pairs())
def test_void_never_counts(pair: tuple[Any, Seeds]) -> None:
    soft, truth = pair
    other = np.where(truth == UNKNOWN, 1 - soft, soft).astype(np.float32)
    assert count(other, truth) == count(soft, truth)
    assert count(soft, truth).pixels == (truth != UNKNOWN).sum()


@given(pairs())
def test_the_truth_itself_is_perfect(pair: tuple[Any, Seeds]) -> None:
    truth = pair[1]
    assert scores(truth == FOREGROUND, truth) == PERFECT


@given(pairs())
def test_precision_and_recall_swap_with_mask_and_truth(pair: tuple[Any, Seeds]) -> None:
    first, second = pair[0] >= 0.5, pair[1] == FOREGROUND
    one, other = scores(first, second.astype(np.uint8)), scores(second, first.astype(np.uint8))
    assert (one["precision"], one["recall"]) == (other["recall"], other["precision"])
    assert one["iou"] == other["iou"]


def test_a_soft_mask_is_cut_at_one_half_except_for_its_error() -> None:
    soft = np.array([[0.5, np.nextafter(np.float32(0.5), np.float32(0))]], np.float32)
    truth = truth_of("#.")
    assert scores(soft, truth) == {**PERFECT, "mae": pytest.approx(0.5)}
    assert scores(soft >= 0.5, truth)["mae"] == 0


def test_the_error_of_a_large_soft_mask_is_summed_in_double() -> None:
    soft = np.full((1000, 1000), 0.1, np.float32)
    assert count(soft, np.zeros(soft.shape, np.uint8)).absolute_error == pytest.approx(float(soft[0, 0]) * 1e6, 1e-9)


def test_two_empty_masks_agree() -> None:
    assert scores(mask_of("..", ".."), truth_of("..", ".?")) == PERFECT


@pytest.mark.parametrize(("mask", "truth"), [("..", "#."), ("#.", "..")])
def test_one_empty_mask_scores_zero(mask: str, truth: str) -> None:
    got = scores(mask_of(mask), truth_of(truth))
    assert {name: got[name] for name in COUNTED} == {
        "iou": 0,
        "dice": 0,
        "precision": 0,
        "recall": 0,
        "accuracy": 0.5,
        "mae": 0.5,
    }
    assert got["boundary_iou"] == 0


def test_an_all_void_truth_has_no_errors() -> None:
    assert scores(mask_of("##"), truth_of("??")) == PERFECT


def test_scores_are_plain_floats() -> None:
    counts = count(mask_of("#."), truth_of("##"))
    assert all(type(score) is float for score in scores(mask_of("#."), truth_of("##")).values())
    assert type(counts.true_positive) is int
    assert type(counts.absolute_error) is float


def test_nothing_is_changed_in_place() -> None:
    soft, truth = np.full((1, 3), 0.4, np.float32), truth_of("#.?")
    soft.flags.writeable = truth.flags.writeable = False
    scores(soft, truth)


@pytest.mark.parametrize(
    ("mask", "truth", "error", "message"),
    [
        (np.zeros((2, 3), bool), np.zeros((3, 2), np.uint8), ValueError, "mask and truth must have one height"),
        (np.full((1, 1), np.nan, np.float32), truth_of("#"), ValueError, "mask must lie in"),
        (np.full((1, 1), 1.5, np.float32), truth_of("#"), ValueError, "mask must lie in"),
        (np.full((1, 1), 255, np.int16), truth_of("#"), ValueError, "mask must be a non-empty float32"),
        (np.full((1, 1, 3), 255, np.uint8), truth_of("#"), ValueError, "mask must be a non-empty float32"),
        ([[True]], truth_of("#"), TypeError, "mask must be a float32"),
        (np.ones((1, 1), bool), np.full((1, 1), 7, np.uint8), ValueError, r"truth must hold .* got \[7\]"),
        (np.ones((1, 1), bool), [[1]], TypeError, "truth must be a uint8"),
        (np.ones((0, 3), bool), np.ones((0, 3), np.uint8), ValueError, "must be a non-empty"),
    ],
)
def test_bad_input_is_refused(mask: Any, truth: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        count(mask, truth)


@given(pairs())
def test_scores_equal_those_of_torchmetrics(pair: tuple[Any, Seeds]) -> None:
    soft, truth = pair
    counted = truth != UNKNOWN
    if not (soft >= 0.5)[counted].any() or not (truth == FOREGROUND).any():
        return  # No library defines these cases.
    # torchmetrics would exclude the threshold, which belongs to the object here.
    found, wanted = torch.tensor((soft >= 0.5)[counted]), torch.tensor(truth[counted] == FOREGROUND)
    got = scores(soft, truth)
    for name, peer in PEERS.items():
        assert got[name] == pytest.approx(float(peer(found, wanted)), abs=1e-6)


@given(hnp.arrays(np.uint8, SHAPES), st.randoms())
def test_levels_count_as_the_floats_they_represent(levels: Any, random: Any) -> None:
    truth = np.array([random.choice([BACKGROUND, FOREGROUND, UNKNOWN]) for _ in levels.flat], np.uint8)
    truth = truth.reshape(levels.shape)
    soft = levels.astype(np.float32) / np.float32(255)
    assert (levels_of(soft) == levels).all()
    by_level, by_float = count(levels, truth), count(soft, truth)
    assert by_level.absolute_error == pytest.approx(by_float.absolute_error, abs=1e-5)
    assert [score(by_level) for score in COUNTED.values()][:5] == [score(by_float) for score in COUNTED.values()][:5]
    assert (Pair(levels, truth).found == Pair(soft, truth).found).all()


@given(pairs())
def test_a_hard_mask_counts_as_its_levels(pair: tuple[Any, Seeds]) -> None:
    mask, truth = pair[0] >= 0.5, pair[1]
    assert scores(mask, truth) == scores(mask * np.uint8(255), truth) == scores(mask.astype(np.float32), truth)


def test_the_first_level_of_an_object_is_above_half() -> None:
    levels = np.array([[126, 127, 128, 129]], np.uint8)
    assert count(levels, np.ones((1, 4), np.uint8)).true_positive == 2
