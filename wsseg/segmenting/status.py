"""The status of a result: `ok`, `unsure`, `weak` or `no object`, and the doubts behind it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsseg.classifier.categories import Target
from wsseg.graphcut.confidence import LEAST, OK, confidence_of
from wsseg.graphcut.solver import MaskResult
from wsseg.segmenting.results import SaliencyResult, Segmentation, Status


def is_seen(target: Target, probabilities: NDArray[np.float32], *, presence: float) -> bool:
    """Return False if the target is far less likely than the photo's likeliest class: it is not in the photo.

    Only the likeliest class of the target counts: all classes of a large kind together are never far below. A presence
    of .015 was chosen on half of the photos. On the other half, 90 of 92 targets that are in a photo are seen, 40 of 42
    in busy photos of COCO, and 1 % of those that are not, 2 % in COCO; see `benchmarks/presence.py`.
    """
    return bool(probabilities[list(target.indices)].max() >= presence * probabilities.max())


def doubts_of(result: SaliencyResult, confidence: float | None) -> tuple[str, ...]:
    """Return the doubts: a given target is not seen, or the confidence is low.

    `confidence` is None where no object was found.
    """
    doubts = []
    if not result.seen:
        doubts.append(f"the classifier does not see {result.category}: probability {result.probability:.2g}")
    if confidence is not None and confidence < LEAST:
        doubts.append(f"low confidence: {confidence:.2f}")
    return tuple(doubts)


def notes_of(result: SaliencyResult, classes: int) -> tuple[str, ...]:
    """Return a note if the target is seen, but less likely than chance among that many classes.

    It says nothing against the mask: a mask may be perfect although the classifier has no class for the object.
    """
    if not result.seen or result.probability >= len(result.target.indices) / classes:
        return ()
    return (f"the classifier hardly sees {result.category}: probability {result.probability:.2g}",)


def status_of(found: bool, doubts: Sequence[str], confidence: float) -> Status:
    """Return the status of a result: any doubt makes it weak."""
    if not found:
        return "no object"
    if doubts:
        return "weak"
    return "ok" if confidence >= OK else "unsure"


def segmentation_of(
    result: SaliencyResult, found: MaskResult, *, classes: int, notes: tuple[str, ...] = ()
) -> Segmentation:
    """Return a photo's mask with its confidence, its status and the reasons for it.

    `classes` is the number of the classifier's classes; `notes` are more to know.
    """
    is_found, confidence = bool(found.mask.any()), confidence_of(found.signs)
    doubts = (*found.doubts, *doubts_of(result, confidence if is_found else None))
    return Segmentation(
        image=result.image,
        target=result.target,
        probability=result.probability,
        saliency=result.saliency,
        reasons=(*doubts, *notes, *notes_of(result, classes), *result.reasons),
        scored=result.scored,
        seen=result.seen,
        maps=result.maps,
        mask=found.mask,
        seeds=found.seeds,
        energy=found.energy,
        flow=found.flow,
        exact=found.exact,
        confidence=confidence,
        status=status_of(is_found, doubts, confidence),
    )
