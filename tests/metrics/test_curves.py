"""Scores at every threshold, and structure: against PySODMetrics' answers and the definitions written slowly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
import torch
from golden import sod
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchmetrics.functional.classification import binary_fbeta_score

from wsseg.arrays import UNKNOWN
from wsseg.metrics import (
    Pair,
    adaptive_e,
    adaptive_f,
    e_curve,
    s_measure,
    saliency_f_curve,
    stretched_mae,
    unsupervised_f_curve,
)

ANSWERS = json.loads(Path(sod.__file__).with_suffix(".json").read_text())["answers"]
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9)
SCORES = {
    "f_curve": lambda pair: saliency_f_curve(pair.histogram)[::15],
    "adaptive_f": lambda pair: adaptive_f(pair.histogram),
    "e_curve": lambda pair: e_curve(pair.histogram)[::15],
    "adaptive_e": lambda pair: adaptive_e(pair.histogram),
    "s_measure": lambda pair: s_measure(pair.quarters),
    "stretched_mae": lambda pair: stretched_mae(pair.histogram),
}


def pair_of(levels: Any, truth: Any) -> Pair:
    return Pair(levels.astype(np.uint8), truth.astype(np.uint8))


@pytest.mark.parametrize("name", ANSWERS)
def test_scores_equal_those_of_pysodmetrics(name: str) -> None:
    saliency, truth = sod.pairs()[name]
    pair = pair_of(saliency, truth > 128)
    for score, formula in SCORES.items():
        assert formula(pair) == pytest.approx(ANSWERS[name][score], abs=1e-12), score


@given(hnp.arrays(np.uint8, SHAPES), st.integers(0, 1000))
@example(np.full((3, 7), 51, np.uint8), 254)  # A flat map, of a level whose mean is rounded.
def test_structure_and_alignment_are_as_the_papers_say(levels: Any, seed: int) -> None:
    truth = np.random.default_rng(seed).random(levels.shape) < 0.5
    pair, saliency = pair_of(levels, truth), oracles.stretched(levels / 255)
    assert s_measure(pair.quarters) == pytest.approx(oracles.structure(saliency, truth), abs=1e-9)
    bins = (saliency * 255).astype(np.uint8)
    expected = [oracles.enhanced_alignment(bins >= level, truth) for level in range(255, -1, -1)]
    assert e_curve(pair.histogram) == pytest.approx(expected, abs=1e-12)


@given(hnp.arrays(np.uint8, SHAPES), st.integers(0, 1000))
def test_both_conventions_of_f_are_as_their_code_says(levels: Any, seed: int) -> None:
    truth = np.random.default_rng(seed).random(levels.shape) < (seed % 3) / 2
    pair, bins = pair_of(levels, truth), (oracles.stretched(levels / 255) * 255).astype(np.uint8)
    saliency = [oracles.f_beta(bins >= level, truth, empty=0) for level in range(255, -1, -1)]
    unsupervised = [oracles.f_beta(levels > level, truth, empty=1) for level in range(254, 0, -1)]
    assert saliency_f_curve(pair.histogram) == pytest.approx(saliency, abs=1e-12)
    assert unsupervised_f_curve(pair.histogram) == pytest.approx(unsupervised, abs=1e-12)


def test_f_equals_that_of_torchmetrics_at_every_threshold() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((40, 60)) < 0.3
    levels = np.where(truth, 90, 10) + rng.integers(0, 160, truth.shape)
    found, wanted = torch.tensor(levels), torch.tensor(truth)
    expected = [float(binary_fbeta_score(found > level, wanted, beta=0.3**0.5)) for level in range(254, 0, -1)]
    assert unsupervised_f_curve(pair_of(levels, truth).histogram) == pytest.approx(expected, abs=1e-6)


def test_only_the_saliency_community_stretches_and_punishes_empty_truths() -> None:
    truth = np.array([[1, 0, 0, 0]])
    dim = pair_of(np.array([[60, 20, 20, 20]]), truth).histogram
    assert saliency_f_curve(dim)[:-1] == pytest.approx(1)
    assert unsupervised_f_curve(dim).mean() < 0.3
    nothing = pair_of(np.zeros((1, 4)), 0 * truth).histogram
    assert saliency_f_curve(nothing).max() == adaptive_f(nothing) == 0
    assert unsupervised_f_curve(nothing).min() == 1


@given(hnp.arrays(np.uint8, SHAPES), st.integers(0, 1000))
def test_void_never_counts(levels: Any, seed: int) -> None:
    truth = np.random.default_rng(seed).choice([0, 1, UNKNOWN], levels.shape)
    other = np.where(truth == UNKNOWN, 255 - levels, levels)
    for formula in SCORES.values():
        assert np.array_equal(formula(pair_of(levels, truth)), formula(pair_of(other, truth)))


def test_an_all_void_truth_scores_best() -> None:
    pair = pair_of(np.full((3, 4), 77), np.full((3, 4), UNKNOWN))
    assert saliency_f_curve(pair.histogram).min() == unsupervised_f_curve(pair.histogram).min() == 1
    assert e_curve(pair.histogram).min() == adaptive_f(pair.histogram) == adaptive_e(pair.histogram) == 1
    assert s_measure(pair.quarters) == 1
    assert stretched_mae(pair.histogram) == 0
