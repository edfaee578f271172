"""The count of decisions, and what they say about the masks that nobody has looked at."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from wsseg.evaluation.calibrate import calibration_of_reviews
from wsseg.metrics.risk import fewest_photos
from wsseg.review.items import Item

FEWEST: Final = 30
"""Decisions on photos drawn at random, before the page says anything about the rest."""


def summary_of(items: Sequence[Item], *, error: float, iou: float) -> dict[str, Any]:
    """Return the counts, and a sentence on how many of the rest may be accepted unseen.

    Parameters
    ----------
    items : sequence of Item
        All masks of the run.
    error : float
        The share of photos that may be accepted and bad.
    iou : float
        A mask with less IoU is bad.

    Returns
    -------
    dict
        `total`, `counts` of the masks left and of each verdict, the sentence `unseen`, `numbers` of the masks that it
        means, and whether `calibrate` has decisions enough (`calibrates`).
    """
    verdicts = Counter(item.finding.decision.verdict if item.finding.decision else "left" for item in items)
    counts = {verdict: verdicts[verdict] for verdict in ("accepted", "corrected", "rejected", "no object", "left")}
    drawn = sum(bool(item.finding.decision and item.finding.decision.at_random) for item in items)
    sentence, numbers = _unseen(items, drawn, error, iou)
    calibrates = drawn >= fewest_photos(error) and all(len(item.record.findings) == 1 for item in items)
    return {"total": len(items), "counts": counts, "unseen": sentence, "numbers": numbers, "calibrates": calibrates}


def _unseen(items: Sequence[Item], drawn: int, error: float, iou: float) -> tuple[str, list[int]]:
    """Return the sentence and the numbers of the masks that may be accepted unseen."""
    if any(len(item.record.findings) != 1 for item in items):
        return "", []
    left = sum(item.finding.decision is None for item in items)
    if (needed := max(FEWEST, fewest_photos(error)) - drawn) >= left:
        return "", []
    if needed > 0:
        return f"Review {needed} more in the order 'at random' to learn how many need no look.", []
    records = {item.record.name: item.record for item in items}
    found = calibration_of_reviews(records.values(), error=error, iou=iou)
    rest = [number for number, item in enumerate(items) if not item.finding.decision]
    least = found.min_confidence
    safe = [number for number in rest if least is not None and _confidence(items[number]) >= least]
    if not safe:
        return f"None of the {len(rest)} left may be accepted unseen at an error of {error:.0%}.", []
    return (
        f"{len(safe)} of the {len(rest)} left may be accepted unseen: at most {error:.0%} of all photos are expected "
        f"to be accepted with an IoU under {iou:g}.",
        safe,
    )


def _confidence(item: Item) -> float:
    finding = item.finding
    return -1.0 if finding.status == "no object" or finding.confidence is None else finding.confidence
