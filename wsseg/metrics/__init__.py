"""Scores of masks, maps, labels and boxes. Pixels are counted once, and every score is a formula of the counts."""

from wsseg.metrics.boundary import BandCounts, BoundaryCounts, boundary_f, boundary_iou, count_bands, count_boundaries
from wsseg.metrics.boxes import Detection, best_iou, box_iou, localized, top_localized
from wsseg.metrics.classes import class_ious, class_tally, confusion, miou, pixel_accuracy
from wsseg.metrics.counts import (
    Counts,
    Histogram,
    SoftMask,
    accuracy,
    count,
    counts_of,
    dice,
    histogram_of,
    iou,
    mae,
    precision,
    recall,
)
from wsseg.metrics.curves import (
    adaptive_e,
    adaptive_f,
    e_curve,
    saliency_f_curve,
    stretched_mae,
    unsupervised_f_curve,
)
from wsseg.metrics.maps import saliency_scores
from wsseg.metrics.pair import SCORES, Pair, scores
from wsseg.metrics.structure import quarters_of, s_measure

__all__ = [
    "SCORES",
    "BandCounts",
    "BoundaryCounts",
    "Counts",
    "Detection",
    "Histogram",
    "Pair",
    "SoftMask",
    "accuracy",
    "adaptive_e",
    "adaptive_f",
    "best_iou",
    "boundary_f",
    "boundary_iou",
    "box_iou",
    "class_ious",
    "class_tally",
    "confusion",
    "count",
    "count_bands",
    "count_boundaries",
    "counts_of",
    "dice",
    "e_curve",
    "histogram_of",
    "iou",
    "localized",
    "mae",
    "miou",
    "pixel_accuracy",
    "precision",
    "quarters_of",
    "recall",
    "s_measure",
    "saliency_f_curve",
    "saliency_scores",
    "scores",
    "stretched_mae",
    "top_localized",
    "unsupervised_f_curve",
]
