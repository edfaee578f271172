"""The status of a result: `ok`, `weak` or `no object`, and the doubts behind it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsseg.classifier.categories import Target
from wsseg.graphcut.confidence import LEAST
from wsseg.segmenting.results import SaliencyResult, Status


def is_seen(target: Target, probabilities: NDArray[np.float32], *, presence: float) -> bool:
    """Return False if the target is far less likely than the photo's likeliest class: it is not in the photo.

    Only the likeliest class of the target counts: all classes of a large kind together are never far below. A presence
    of .015 was chosen on half of the photos. On the other half, 90 of 92 targets that are in a photo are seen, 40 of 42
    in busy photos of COCO, and 1 % of those that are not, 2 % in COCO; see `benchmarks/presence.py`.
    """
    return bool(probabilities[list(target.indices)].max() >= presence * probabilities.max())


def doubts_of(result: SaliencyResult, classes: int, confidence: float | None) -> tuple[str, ...]:
    """Return the doubts: the target is not seen or less likely than chance, or the confidence is low.

    `classes` counts the classifier's classes; `confidence` is None where no object was found.
    """
    category, probability = result.category, result.probability
    doubts = []
    if not result.seen or probability < _chance(result.target, classes):
        doubts.append(f"the classifier does not see {category}: probability {probability:.2g}")
    if confidence is not None and confidence < LEAST:
        doubts.append(f"low confidence: {confidence:.2f}")
    return tuple(doubts)


def _chance(target: Target, classes: int) -> float:
    """Return the probability of the target if all classes were equally likely."""
    return len(target.indices) / classes


def status_of(found: bool, doubts: Sequence[str]) -> Status:
    """Return the status of a result."""
    return "no object" if not found else "weak" if doubts else "ok"
