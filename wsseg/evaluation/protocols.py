"""Protocols: which scores are computed and how, by the conventions that papers report.

A score belongs to one photo and its mean over photos is reported, or it is pooled: a formula of what is counted in each
photo and summed over all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsseg.arrays import Box
from wsseg.evaluation.truth import Boxes, ClassBoxes
from wsseg.metrics import (
    SCORES,
    Detection,
    Pair,
    adaptive_e,
    adaptive_f,
    best_iou,
    boundary_f,
    class_tally,
    confusion,
    e_curve,
    iou,
    localized,
    miou,
    pixel_accuracy,
    s_measure,
    saliency_f_curve,
    stretched_mae,
    top_localized,
    unsupervised_f_curve,
)
from wsseg.metrics.classes import ClassIds

Kind: TypeAlias = Literal["object", "classes", "boxes", "detections"]
"""Things that a protocol compares with the truth: the pixels of an object, classes of pixels, one box, or detections
(class and box)."""

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelPair:
    """Class labels of a photo and the true ones."""

    labels: ClassIds
    truth: ClassIds
    classes: int
    """Number of classes."""
    void: int
    """True label that never counts."""

    @cached_property
    def tally(self) -> NDArray[np.int64]:
        """Pixels of each class: correct, found and true ones, (3, classes)."""
        return class_tally(confusion(self.labels, self.truth, classes=self.classes, void=self.void))


class BoxPair(NamedTuple):
    """The box found in a photo, if any, and the true boxes."""

    found: Box | None
    truths: Boxes


class DetectionPair(NamedTuple):
    """The detections of a photo, most probable first, and the true boxes with their classes."""

    detections: Sequence[Detection]
    truths: ClassBoxes


AnyPair: TypeAlias = Pair | LabelPair | BoxPair | DetectionPair
"""The result for a photo, and its truth."""

PairT = TypeVar("PairT", Pair, LabelPair, BoxPair, DetectionPair)


class PhotoScores(NamedTuple):
    """Scores of one photo, and the tallies that pooled scores sum over photos."""

    scores: dict[str, float]
    tallies: dict[str, Array]


class PooledScore(NamedTuple):
    """Score of all photos together: a formula of the mean of a tally; the tally's own axes are the last."""

    tally: str
    formula: Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True)
class Protocol(Generic[PairT]):
    """Scores to compute for pairs of a result and its truth."""

    convention: str
    """One sentence on what the protocol does."""
    kind: Kind = "object"
    scores: Mapping[str, Callable[[PairT], float]]
    """Scores of a photo by name, in the order of every table."""
    tallies: Mapping[str, Callable[[PairT], ArrayLike]] = field(default_factory=dict)
    pooled: Mapping[str, PooledScore] = field(default_factory=dict)
    """Scores of all photos together, by name."""
    headline: str
    """The score by which papers call one method better than another."""
    sequences: bool = False
    """Whether the photos of a folder are frames of a video, whose scores are averaged before those of all folders."""

    def photo_scores(self, pair: PairT) -> PhotoScores:
        """Compute the scores and the tallies of one photo."""
        scores = {name: score(pair) for name, score in self.scores.items()}
        return PhotoScores(scores, {name: np.asarray(tally(pair), np.float64) for name, tally in self.tallies.items()})


def _counts(pair: Pair) -> tuple[int, ...]:
    """Return the tally of a mask as labels of two classes: correct, found and true pixels of background and object."""
    counts = pair.counts
    tp, fp, fn, tn = counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative
    return tn, tp, tn + fn, tp + fp, tn + fp, tp + fn


def _two_classes(counts: Array) -> Array:
    return counts.reshape(*counts.shape[:-1], 3, 2)


def _pooled_iou(counts: Array) -> Array:
    """Return the IoU of the object over the pixels of all photos; 1 where mask and truth are both empty."""
    right, found, true = _two_classes(counts)[..., 1].T
    union = found + true - right
    return np.asarray(np.where(union > 0, right / np.maximum(union, np.finfo(float).tiny), 1.0)).T


def _maximum(curve: Array) -> Array:
    return np.asarray(curve.max(axis=-1))


def _mean(curve: Array) -> Array:
    return np.asarray(curve.mean(axis=-1))


def _saliency_f(pair: Pair) -> Array:
    return saliency_f_curve(pair.histogram)


def _unsupervised_f(pair: Pair) -> Array:
    return unsupervised_f_curve(pair.histogram)


def _class_protocol(convention: str) -> Protocol[LabelPair]:
    """Return a protocol that compares classes, whose IoUs are pooled over all photos."""
    return Protocol(
        convention=convention,
        kind="classes",
        headline="miou",
        scores={"accuracy": lambda pair: float(pixel_accuracy(pair.tally))},
        tallies={"classes": lambda pair: pair.tally},
        pooled={"miou": PooledScore("classes", miou), "pixel_accuracy": PooledScore("classes", pixel_accuracy)},
    )


PROTOCOLS: Final[Mapping[str, Protocol[Any]]] = MappingProxyType(
    {
        "default": Protocol[Pair](
            convention="Means over photos; void never counts; where mask and truth are both empty a photo's scores are "
            "best, but F of the saliency community is 0.",
            headline="iou",
            scores=SCORES,
            tallies={"counts": _counts, "saliency_f": _saliency_f, "unsupervised_f": _unsupervised_f},
            pooled={
                "pooled_iou": PooledScore("counts", _pooled_iou),
                "pooled_miou": PooledScore("counts", lambda counts: miou(_two_classes(counts))),
                "f_max_saliency": PooledScore("saliency_f", _maximum),
                "f_max_unsupervised": PooledScore("unsupervised_f", _maximum),
            },
        ),
        "saliency": Protocol[Pair](
            convention="Saliency community: maps stretched to [0, 1]; 256 thresholds, >=; curves are means over "
            "photos; F of an empty truth is 0.",
            headline="f_max",
            scores={
                "mae": lambda pair: stretched_mae(pair.histogram),
                "f_adaptive": lambda pair: adaptive_f(pair.histogram),
                "e_adaptive": lambda pair: adaptive_e(pair.histogram),
                "s_measure": lambda pair: s_measure(pair.quarters),
            },
            tallies={"saliency_f": _saliency_f, "e": lambda pair: e_curve(pair.histogram)},
            pooled={
                "f_max": PooledScore("saliency_f", _maximum),
                "f_mean": PooledScore("saliency_f", _mean),
                "e_max": PooledScore("e", _maximum),
                "e_mean": PooledScore("e", _mean),
            },
        ),
        "unsupervised": Protocol[Pair](
            convention="Unsupervised community: maps as they are; 254 thresholds, >; an empty mask has precision 1; "
            "the curve is a mean over photos; IoU and accuracy at 0.5.",
            headline="iou",
            scores={"iou": SCORES["iou"], "accuracy": SCORES["accuracy"]},
            tallies={"unsupervised_f": _unsupervised_f},
            pooled={"f_max": PooledScore("unsupervised_f", _maximum)},
        ),
        "voc": _class_protocol(
            "PASCAL VOC: IoU of each class from one confusion matrix of all photos; absent classes do not count; "
            "background does."
        ),
        "imagenet-s": _class_protocol(
            "ImageNet-S: IoU of each class from one confusion matrix of all photos; absent classes do not count (they "
            "are 0 in the site's own code); background does."
        ),
        "imagenet-segmentation": Protocol[Pair](
            convention="ImageNet segmentation: object against background; pixels of all photos are pooled, and mIoU is "
            "the mean of both IoUs.",
            headline="pooled_miou",
            scores={"iou": SCORES["iou"], "accuracy": SCORES["accuracy"]},
            tallies={"counts": _counts},
            pooled={
                "pooled_accuracy": PooledScore("counts", lambda counts: pixel_accuracy(_two_classes(counts))),
                "pooled_miou": PooledScore("counts", lambda counts: miou(_two_classes(counts))),
            },
        ),
        "davis": Protocol[Pair](
            convention="DAVIS 2016: a sequence's mean, recall (share above 0.5) and decay (first quarter less last) of "
            "J (IoU) and F (boundary), without its first and last frame; then means over sequences.",
            headline="jf_mean",
            scores={"j": lambda pair: iou(pair.counts), "f": lambda pair: boundary_f(pair.boundaries)},
            sequences=True,
        ),
        "corloc": Protocol[BoxPair](
            convention="CorLoc: the box of the mask's largest component has an IoU of at least 0.5 with one of the "
            "true boxes, difficult ones too; with masks of the true class it is GT-known localization.",
            kind="boxes",
            headline="corloc",
            scores={
                "box_iou": lambda pair: best_iou(pair.found, pair.truths),
                "corloc": lambda pair: localized(pair.found, pair.truths),
            },
        ),
        "ilsvrc-loc": Protocol[DetectionPair](
            convention="ILSVRC localization: wrong unless one of the first five guesses (or the first) has the true "
            "class and a box with an IoU of at least 0.5; the box is that of the mask's largest component.",
            kind="detections",
            headline="top5_error",
            scores={
                "top5_error": lambda pair: 1 - top_localized(*pair),
                "top1_error": lambda pair: 1 - top_localized(*pair, most=1),
            },
        ),
    }
)
"""Protocols by name. Their pairs differ in type, as `kind` tells, hence `Any`."""

LOWER_IS_BETTER: Final = frozenset({"mae", "top5_error", "top1_error", "j_decay", "f_decay"})
"""Scores that are better when they are lower."""

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "iou": "TP / (TP + FP + FN)",
        "dice": "2 TP / (2 TP + FP + FN)",
        "precision": "TP / (TP + FP)",
        "recall": "TP / (TP + FN)",
        "accuracy": "pixels that are right",
        "mae": "mean absolute error; lower is better",
        "boundary_f": "DAVIS: boundaries within 0.8 % of the diagonal",
        "boundary_iou": "Cheng et al. 2021: a band of 2 % of the diagonal",
        "pooled_iou": "IoU of the pixels of all photos",
        "pooled_miou": "mean of the IoUs of object and background, of all photos",
        "pooled_accuracy": "pixels of all photos that are right",
        "f_max_saliency": "F, beta^2 = 0.3: stretched map, 256 thresholds, >=",
        "f_max_unsupervised": "F, beta^2 = 0.3: 254 thresholds, >, empty mask precise",
        "f_max": "F, beta^2 = 0.3: maximum of the mean curve",
        "f_mean": "F, beta^2 = 0.3: mean of the mean curve",
        "f_adaptive": "F, beta^2 = 0.3: at twice the map's mean",
        "e_max": "Fan et al. 2018: maximum of the mean curve",
        "e_mean": "Fan et al. 2018: mean of the mean curve",
        "e_adaptive": "Fan et al. 2018: at twice the map's mean",
        "s_measure": "Fan et al. 2017: alpha = 0.5",
        "miou": "mean IoU of the classes",
        "pixel_accuracy": "pixels of all photos that are right",
        "j": "IoU",
        "f": "boundary F",
        "box_iou": "IoU with the true box that fits best",
        "corloc": "boxes that are right",
        "top5_error": "photos without a right guess in five; lower is better",
        "top1_error": "photos whose first guess is wrong; lower is better",
        "j_mean": "IoU, mean of sequences",
        "j_recall": "frames with an IoU above 0.5",
        "j_decay": "IoU lost over a sequence",
        "f_recall": "frames with a boundary F above 0.5",
        "f_decay": "boundary F lost over a sequence",
        "jf_mean": "mean of j_mean and f_mean",
    }
)
"""Short descriptions of the scores, by name."""

QUARTERS: Final = 4
"""Number of parts of a sequence. The decay compares the first part with the last, as in the code of DAVIS."""


def sequence_scores(frames: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Compute mean, recall and decay of the scores of a video: Perazzi et al. 2016, section 4.

    Parameters
    ----------
    frames : mapping of str to sequence of float
        Scores `j` and `f` of each frame, in order.

    Returns
    -------
    dict of str to float
        `j_mean`, `j_recall` (share of frames above 0.5), `j_decay` (mean of the first quarter minus that of the last;
        quarters overlap by a frame, as in the code of DAVIS), the same of `f`, and `jf_mean`, the mean of both means.
    """
    found = {}
    for name, values in frames.items():
        array = np.asarray(values)
        ends = (np.round(np.linspace(1, len(array), QUARTERS + 1) + 1e-10) - 1).astype(int)
        first, last = array[: ends[1] + 1], array[ends[-2] :]
        found[f"{name}_mean"] = float(array.mean())
        found[f"{name}_recall"] = float((array > 0.5).mean())
        found[f"{name}_decay"] = float(first.mean() - last.mean())
    return {**found, "jf_mean": (found["j_mean"] + found["f_mean"]) / 2}
