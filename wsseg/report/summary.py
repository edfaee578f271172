"""The figures, settings and categories of a report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import Final

from wsseg.files.text import escape_unprintable
from wsseg.metrics import SCORES
from wsseg.recipe import RECIPES
from wsseg.report.rows import Row
from wsseg.runs.record import Run

KINDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
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
)
"""The pictures that can be shown beside the photo, by what a run makes, with the flags that make them."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """The mean scores of a run."""

    scores: Mapping[str, float | None]
    """The mean of each score; empty if no mask has scores."""
    count: int
    """Masks with scores."""
    lacking: int
    """Masks without scores."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The figures of a run, and the settings that made it."""

    figures: Mapping[str, int]
    means: Means
    made_by: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CategoryLine:
    """A line of the table of categories; means are None if there are no values."""

    category: str
    count: int
    weak: int
    probability: float | None
    confidence: float | None
    iou: float | None


def kind_of_run(run: Run) -> str:
    """Return what the run made, one of `KINDS`."""
    named = run.made_by.get("what")
    if isinstance(named, str) and named in KINDS:
        return named
    if any(record.outputs for record in run.records):
        return "labels"
    findings = [finding for record in run.records for finding in record.findings]
    return "saliency" if findings and all(finding.status is None for finding in findings) else "masks"


def summary_of(run: Run, rows: Sequence[Row], *, scored: bool) -> Summary:
    """Return the figures of the run, with mean scores if its masks are scored."""
    failed = sum(bool(record.error) for record in run.records)
    statuses = Counter(row.status for row in rows)
    figures = {
        "photos": len(run.records),
        "done": len(run.records) - failed,
        "failed": failed,
        "unsure": statuses["unsure"],
        "weak": statuses["weak"],
        "no object": statuses["no object"],
    }
    if reviewed := sum(bool(row.decision) for row in rows):
        figures["reviewed"] = reviewed
    return Summary(figures=figures, means=_means(rows if scored else []), made_by=_made_by(run, rows))


def _means(rows: Sequence[Row]) -> Means:
    scored = [row.scores for row in rows if row.scores]
    means = {name: _mean(scores.get(name) for scores in scored) for name in SCORES} if scored else {}
    return Means(scores=means, count=len(scored), lacking=len(rows) - len(scored))


def _made_by(run: Run, rows: Sequence[Row]) -> dict[str, str]:
    """Return the settings as text, by name."""
    settings, classifier = run.made_by, run.made_by.get("classifier")
    facts = {
        "recipe": recipe_text(settings.get("recipe")),
        "classifier": classifier.get("name") if isinstance(classifier, dict) else "",
        "state": settings.get("state", "not finished"),
        "targets": settings.get("targets"),
        "wsseg": settings.get("wsseg"),
        "versions": settings.get("versions"),
        "seconds per photo": f"{_mean(row.seconds for row in rows) or 0:.2f}",
    }
    return {name: escape_unprintable(_listed(value)) for name, value in facts.items() if value}


def _listed(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case list():
            return ", ".join(map(str, value))
    return str(value)


def recipe_text(numbers: object) -> str:
    """Return the name of the recipe with these numbers, or of the nearest recipe and the numbers that differ."""
    if not isinstance(numbers, dict):
        return ""
    changes = {
        name: [f"{each} {numbers.get(each)}" for each, value in recipe.as_dict().items() if numbers.get(each) != value]
        for name, recipe in RECIPES.items()
    }
    name = min(changes, key=lambda name: len(changes[name]))
    return f"{name} with {', '.join(changes[name])}" if changes[name] else name


def categories_of(rows: Sequence[Row]) -> list[CategoryLine]:
    """Return a line for each category, the most frequent first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.category:
            found.setdefault(row.category, []).append(row)
    lines = [_category_line(category, own) for category, own in found.items()]
    return sorted(lines, key=lambda line: (-line.count, line.category))


def _category_line(category: str, rows: Sequence[Row]) -> CategoryLine:
    return CategoryLine(
        category=category,
        count=len(rows),
        weak=sum(row.status in ("weak", "no object") for row in rows),
        probability=_mean(row.probability for row in rows),
        confidence=_mean(row.confidence for row in rows),
        iou=_mean(row.scores.get("iou") for row in rows),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are known, or None if none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
