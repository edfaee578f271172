"""The charts of a report."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsseg.report.charts import histogram_of, risk_coverage


def test_the_histogram_counts_every_mask_once() -> None:
    plot = histogram_of("IoU", [0, 0.04, 0.06, 1, 1, 1])
    assert plot.most == 3
    assert [round(bar.height * 3) for bar in plot.bars] == [2, 1, *[0] * 17, 3]
    assert plot.bars[0].title == "IoU 0.00 to 0.05: 2"


def test_risk_is_the_mean_of_the_most_confident() -> None:
    curve = risk_coverage(np.array([0.1, 0.9, 0.5]), np.array([1, 0, 0.5]))
    assert curve == [(1 / 3, 0), (2 / 3, 0.25), (1, 0.5)]


def test_equal_confidences_are_one_point() -> None:
    assert risk_coverage(np.array([0.5, 0.5, 0.1]), np.array([0, 1, 1.0])) == [(2 / 3, 0.5), (1, 2 / 3)]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_no_order_has_less_risk_than_that_of_the_risk_itself(judged: list[tuple[float, float]]) -> None:
    confidence, risk = np.array(judged).T
    best = dict(risk_coverage(-risk, risk))
    curve = risk_coverage(confidence, risk)
    assert curve[-1] == (1, pytest.approx(risk.mean()))
    for share, value in curve:
        kept = round(share * len(risk))
        assert value >= np.sort(risk)[:kept].mean() - 1e-12
    assert list(best.values()) == sorted(best.values()) or np.all(np.diff(list(best.values())) > -1e-12)
