"""Settings, tables and charts of a report."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wsseg.files.text import escape_unprintable
from wsseg.metrics import SCORES
from wsseg.recipe import RECIPES
from wsseg.report.judged import Judged
from wsseg.report.rows import Row
from wsseg.runs.record import Run

BINS: Final = 20
"""Bars of a histogram over [0, 1]."""

KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "masks": {
        "overlay": "--write mask",
        "errors": "--write mask, and report --truth FOLDER",
        "mask": "--write mask",
        "truth": "report --truth FOLDER",
        "saliency": "--write saliency",
        "seeds": "--write seeds",
    },
    "labels": {
        "overlay": "--write labels",
        "labels": "--write labels",
        "instances": "--write instances",
    },
    "saliency": {"saliency": "wsseg saliency"},
}
"""What can be shown beside the photo, by what a run makes, and by which flags that comes about."""


def kind_of_run(run: Run) -> str:
    """Which of `KINDS` the run made."""
    said = run.made_by.get("what")
    if isinstance(said, str) and said in KINDS:
        return said
    if any(record.outputs for record in run.records):
        return "labels"
    findings = [finding for record in run.records for finding in record.findings]
    return "saliency" if findings and all(finding.status is None for finding in findings) else "masks"


def summary_of(run: Run, rows: Sequence[Row], judged: Judged | None) -> dict[str, Any]:
    """Figures by what they are called, and what made the run."""
    failed = sum(bool(record.error) for record in run.records)
    statuses = Counter(row.status for row in rows)
    figures = {
        "photos": len(run.records),
        "done": len(run.records) - failed,
        "failed": failed,
        "weak": statuses["weak"],
        "no object": statuses["no object"],
    }
    return {"figures": figures, "means": _means(rows if judged else []), "made_by": _made_by(run, rows)}


def _means(rows: Sequence[Row]) -> dict[str, Any]:
    """The mean of each score, and over how many masks it is."""
    scored = [row.scores for row in rows if row.scores]
    means = {name: _mean(scores.get(name) for scores in scored) for name in SCORES} if scored else {}
    return {"scores": means, "count": len(scored), "lacking": len(rows) - len(scored)}


def _made_by(run: Run, rows: Sequence[Row]) -> dict[str, str]:
    told, classifier = run.made_by, run.made_by.get("classifier")
    facts = {
        "recipe": _recipe(told.get("recipe")),
        "classifier": classifier.get("name") if isinstance(classifier, dict) else "",
        "state": told.get("state", "not ended"),
        "targets": told.get("targets"),
        "wsseg": told.get("wsseg"),
        "versions": told.get("versions"),
        "seconds a photo": f"{_mean(row.seconds for row in rows) or 0:.2f}",
    }
    return {name: escape_unprintable(_listed(value)) for name, value in facts.items() if value}


def _listed(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _recipe(numbers: object) -> str:
    """The named recipe that has these numbers, or the one that has most of them, and the others."""
    if not isinstance(numbers, dict):
        return ""
    changes = {
        name: [f"{each} {numbers.get(each)}" for each, value in recipe.as_dict().items() if numbers.get(each) != value]
        for name, recipe in RECIPES.items()
    }
    name = min(changes, key=lambda name: len(changes[name]))
    return f"{name} with {', '.join(changes[name])}" if changes[name] else name


def categories_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A line for each category, that of the most findings first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.category:
            found.setdefault(row.category, []).append(row)
    lines = [
        {
            "category": category,
            "count": len(own),
            "weak": sum(row.status in ("weak", "no object") for row in own),
            "probability": _mean(row.probability for row in own),
            "confidence": _mean(row.confidence for row in own),
            "iou": _mean(row.scores.get("iou") for row in own),
        }
        for category, own in found.items()
    ]
    return sorted(lines, key=lambda line: (-line["count"], line["category"]))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def charts_of(rows: Sequence[Row]) -> dict[str, Any]:
    """What there is to draw: of the IoU where it is known, else of the confidence."""
    ious = [row.scores["iou"] for row in rows if row.scores]
    sure = [row.confidence for row in rows if row.confidence is not None]
    judged = [(row.confidence, 1 - row.scores["iou"]) for row in rows if row.scores and row.confidence is not None]
    return {
        "histogram": _histogram("IoU", ious) if ious else _histogram("confidence", sure) if sure else None,
        "risk": _risk(judged) if judged else None,
    }


def _histogram(of: str, values: Sequence[float]) -> dict[str, Any]:
    """Bars over [0, 1]; places and heights are shares of the plot."""
    counts, edges = np.histogram(np.clip(values, 0, 1), BINS, (0, 1))
    most = int(counts.max())
    bars = [
        {"at": float(low), "height": number / most, "title": f"{of} {low:.2f} to {high:.2f}: {number}"}
        for number, low, high in zip(counts.tolist(), edges, edges[1:], strict=False)
    ]
    return {"of": of, "bars": bars, "width": 1 / BINS, "most": most, "mean": fmean(values), "count": len(values)}


def _risk(judged: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The curves of risk over coverage, and their ends, for a plot whose top is `top`."""
    confidence, risk = np.array(judged).T
    curve, best = risk_coverage(confidence, risk), risk_coverage(-risk, risk)
    top = max(0.1, math.ceil(10 * max(value for _, value in (*curve, *best))) / 10)
    return {
        "top": top,
        "curve": [(share, value / top) for share, value in curve],
        "best": [(share, value / top) for share, value in best],
        "half": next(value for share, value in curve if share >= 0.5),
        "all": curve[-1][1],
        "count": len(judged),
    }


def risk_coverage(confidence: NDArray[np.float64], risk: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The mean risk of the surest of all, by their share: a point for each confidence, the highest first."""
    order = np.argsort(-confidence, kind="stable")
    means = np.cumsum(risk[order]) / np.arange(1, len(risk) + 1)
    ends = np.flatnonzero(np.diff(-confidence[order], append=np.inf) > 0)
    return [((end + 1) / len(risk), float(means[end])) for end in ends.tolist()]
