"""The charts of a report: a histogram of IoU or confidence, and risk over coverage."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.report.rows import Row

BINS: Final = 20
"""Bars of a histogram over [0, 1]."""


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram; its place and height are shares of the plot."""

    at: float
    height: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A histogram over [0, 1]."""

    of: str
    """The name of the values."""
    bars: Sequence[Bar]
    width: float
    """The width of a bar, as a share of the plot."""
    most: int
    """The number of values in the highest bar."""
    mean: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Risk:
    """Curves of risk, 1 - IoU, over coverage; points are shares of a plot whose upper end is the risk `top`."""

    top: float
    curve: Sequence[tuple[float, float]]
    """Masks in the order of their confidence."""
    best: Sequence[tuple[float, float]]
    """Masks in the order of their risk, which no other order beats."""
    half: float
    """The risk of the most confident half."""
    all: float
    """The risk of all masks."""
    count: int


@dataclass(frozen=True, kw_only=True)
class Charts:
    """The charts of a report; None if there are no values."""

    histogram: Histogram | None
    """The histogram of the IoU if it is known, or else of the confidence."""
    risk: Risk | None


def charts_of(rows: Sequence[Row]) -> Charts:
    """Return the charts of the rows."""
    ious = [row.scores["iou"] for row in rows if row.scores]
    confidences = [row.confidence for row in rows if row.confidence is not None]
    pairs = [(row.confidence, 1 - row.scores["iou"]) for row in rows if row.scores and row.confidence is not None]
    name, values = ("IoU", ious) if ious else ("confidence", confidences)
    return Charts(histogram=histogram_of(name, values) if values else None, risk=_risk(pairs) if pairs else None)


def histogram_of(name: str, values: Sequence[float]) -> Histogram:
    """Return the histogram of values in [0, 1]."""
    counts, edges = np.histogram(np.clip(values, 0, 1), BINS, (0, 1))
    most = int(counts.max())
    bars = [
        Bar(float(low), number / most, f"{name} {low:.2f} to {high:.2f}: {number}")
        for number, low, high in zip(counts.tolist(), edges, edges[1:], strict=False)
    ]
    return Histogram(of=name, bars=bars, width=1 / BINS, most=most, mean=fmean(values), count=len(values))


def _risk(pairs: Sequence[tuple[float, float]]) -> Risk:
    """Return the curves of pairs of confidence and risk."""
    confidence, risk = np.array(pairs).T
    curve, best = risk_coverage(confidence, risk), risk_coverage(-risk, risk)
    top = max(0.1, math.ceil(10 * max(value for _, value in (*curve, *best))) / 10)
    return Risk(
        top=top,
        curve=[(share, value / top) for share, value in curve],
        best=[(share, value / top) for share, value in best],
        half=next(value for share, value in curve if share >= 0.5),
        all=curve[-1][1],
        count=len(pairs),
    )


def risk_coverage(confidence: NDArray[np.float64], risk: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return (coverage, mean risk of the most confident masks): a point for each confidence, the highest first."""
    order = np.argsort(-confidence, kind="stable")
    means = np.cumsum(risk[order]) / np.arange(1, len(risk) + 1)
    ends = np.flatnonzero(np.diff(-confidence[order], append=np.inf) > 0)
    return [((end + 1) / len(risk), float(means[end])) for end in ends.tolist()]
