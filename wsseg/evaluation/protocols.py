"""What is scored, by the conventions that papers report: each protocol has a name, and says what it does in a sentence.

A score is of a photo, and means over photos are reported; or of all photos together, a formula of what is counted in
each and summed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsseg.arrays import Box
from wsseg.metrics import (
    SCORES,
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

Kind: TypeAlias = Literal["object", "classes", "boxes", "guesses"]
"""What is compared: the pixels of an object, classes of pixels, a box with boxes, or guesses of class and box."""

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Classes:
    """Labels of classes and the true ones."""

    labels: NDArray[Any]
    truth: NDArray[Any]
    classes: int
    void: int

    @cached_property
    def tally(self) -> NDArray[np.int64]:
        """What is counted in them, (3, classes)."""
        return class_tally(confusion(self.labels, self.truth, classes=self.classes, void=self.void))


class Boxed(NamedTuple):
    """The box that was found, and the true ones."""

    found: Box | None
    truths: Sequence[Box]


class Guessed(NamedTuple):
    """Guesses of class and box, the surest first, and the true ones."""

    guesses: Sequence[tuple[str, Box | None]]
    truths: Sequence[tuple[str, Box]]


class Row(NamedTuple):
    """What is known of a photo."""

    scores: dict[str, float]
    tallies: dict[str, Array]


class Whole(NamedTuple):
    """A score of all photos together: a formula of a tally's mean over photos, whose own axes are its last."""

    tally: str
    formula: Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is scored, and how; a subject is what its kind compares."""

    convention: str
    kind: Kind = "object"
    scores: Mapping[str, Callable[[Any], float]]
    """Of a subject, by name, in the order of every table."""
    tallies: Mapping[str, Callable[[Any], ArrayLike]] = field(default_factory=dict)
    wholes: Mapping[str, Whole] = field(default_factory=dict)
    headline: str
    """The statistic by which a paper says that one method is better than another."""
    sequences: bool = False
    """Whether photos in a folder are frames of a video, each of which counts once."""

    def row(self, subject: Any) -> Row:
        """All of a subject that the tables need."""
        scores = {name: score(subject) for name, score in self.scores.items()}
        return Row(scores, {name: np.asarray(tally(subject), np.float64) for name, tally in self.tallies.items()})


def _counts(pair: Pair) -> tuple[int, ...]:
    """Tally of a mask as labels of two classes: TP, found and true ones of background and object."""
    counts = pair.counts
    tp, fp, fn, tn = counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative
    return tn, tp, tn + fn, tp + fp, tn + fp, tp + fn


def _two_classes(counts: Array) -> Array:
    return counts.reshape(*counts.shape[:-1], 3, 2)


def _pooled_iou(counts: Array) -> Array:
    """IoU of the object: TP, found and true ones of all photos; 1 where there are none."""
    right, found, true = _two_classes(counts)[..., 1].T
    union = found + true - right
    return np.asarray(np.where(union > 0, right / np.maximum(union, np.finfo(float).tiny), 1.0)).T


def _best(curve: Array) -> Array:
    return np.asarray(curve.max(axis=-1))


def _even(curve: Array) -> Array:
    return np.asarray(curve.mean(axis=-1))


SALIENCY_F: Final = {"saliency_f": lambda pair: saliency_f_curve(pair.histogram)}

UNSUPERVISED_F: Final = {"unsupervised_f": lambda pair: unsupervised_f_curve(pair.histogram)}


def _of_classes(convention: str) -> Protocol:
    """One that compares classes, whose IoUs are pooled over all photos."""
    return Protocol(
        convention=convention,
        kind="classes",
        headline="miou",
        scores={"accuracy": lambda subject: float(pixel_accuracy(subject.tally))},
        tallies={"classes": lambda subject: subject.tally},
        wholes={"miou": Whole("classes", miou), "pixel_accuracy": Whole("classes", pixel_accuracy)},
    )


PROTOCOLS: Final[Mapping[str, Protocol]] = MappingProxyType(
    {
        "default": Protocol(
            convention="Means over photos; void never counts; where mask and truth are both empty a photo's scores are "
            "best, but F of the saliency community is 0.",
            headline="iou",
            scores=SCORES,
            tallies={"counts": _counts, **SALIENCY_F, **UNSUPERVISED_F},
            wholes={
                "pooled_iou": Whole("counts", _pooled_iou),
                "pooled_miou": Whole("counts", lambda counts: miou(_two_classes(counts))),
                "f_max_saliency": Whole("saliency_f", _best),
                "f_max_unsupervised": Whole("unsupervised_f", _best),
            },
        ),
        "saliency": Protocol(
            convention="Saliency community: maps stretched to [0, 1]; 256 thresholds, >=; curves are means over "
            "photos; F of an empty truth is 0.",
            headline="f_max",
            scores={
                "mae": lambda pair: stretched_mae(pair.histogram),
                "f_adaptive": lambda pair: adaptive_f(pair.histogram),
                "e_adaptive": lambda pair: adaptive_e(pair.histogram),
                "s_measure": lambda pair: s_measure(pair.quarters),
            },
            tallies={**SALIENCY_F, "e": lambda pair: e_curve(pair.histogram)},
            wholes={
                "f_max": Whole("saliency_f", _best),
                "f_mean": Whole("saliency_f", _even),
                "e_max": Whole("e", _best),
                "e_mean": Whole("e", _even),
            },
        ),
        "unsupervised": Protocol(
            convention="Unsupervised community: maps as they are; 254 thresholds, >; an empty mask has precision 1; "
            "the curve is a mean over photos; IoU and accuracy at 0.5.",
            headline="iou",
            scores={"iou": SCORES["iou"], "accuracy": SCORES["accuracy"]},
            tallies=UNSUPERVISED_F,
            wholes={"f_max": Whole("unsupervised_f", _best)},
        ),
        "voc": _of_classes(
            "PASCAL VOC: IoU of each class from one confusion matrix of all photos; absent classes do not count; "
            "background does."
        ),
        "imagenet-s": _of_classes(
            "ImageNet-S: IoU of each class from one confusion matrix of all photos; absent classes do not count (they "
            "are 0 in the site's own code); background does."
        ),
        "imagenet-segmentation": Protocol(
            convention="ImageNet segmentation: object against background; pixels of all photos are pooled, and mIoU is "
            "the mean of both IoUs.",
            headline="pooled_miou",
            scores={"iou": SCORES["iou"], "accuracy": SCORES["accuracy"]},
            tallies={"counts": _counts},
            wholes={
                "pooled_accuracy": Whole("counts", lambda counts: pixel_accuracy(_two_classes(counts))),
                "pooled_miou": Whole("counts", lambda counts: miou(_two_classes(counts))),
            },
        ),
        "davis": Protocol(
            convention="DAVIS 2016: a sequence's mean, recall (share above 0.5) and decay (first quarter less last) of "
            "J (IoU) and F (boundary), without its first and last frame; then means over sequences.",
            headline="jf_mean",
            scores={"j": lambda pair: iou(pair.counts), "f": lambda pair: boundary_f(pair.boundaries)},
            sequences=True,
        ),
        "corloc": Protocol(
            convention="CorLoc: the box of the mask's largest component has an IoU of at least 0.5 with one of the "
            "true boxes, difficult ones too; with masks of the true class it is GT-known localization.",
            kind="boxes",
            headline="corloc",
            scores={
                "box_iou": lambda subject: best_iou(subject.found, subject.truths),
                "corloc": lambda subject: localized(subject.found, subject.truths),
            },
        ),
        "ilsvrc-loc": Protocol(
            convention="ILSVRC localization: wrong unless one of the first five guesses (or the first) has the true "
            "class and a box with an IoU of at least 0.5; the box is that of the mask's largest component.",
            kind="guesses",
            headline="top5_error",
            scores={
                "top5_error": lambda subject: 1 - top_localized(*subject),
                "top1_error": lambda subject: 1 - top_localized(*subject, most=1),
            },
        ),
    }
)
"""Every protocol by name."""

LOWER: Final = frozenset({"mae", "top5_error", "top1_error", "j_decay", "f_decay"})
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
"""What each score is, in a few words."""

BINS: Final = 4
"""Parts of a sequence, of which the decay compares first and last: the code of DAVIS."""


def sequence_scores(frames: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Mean, recall and decay of frames' `j` and `f`: Perazzi et al. 2016, section 4, as the code of DAVIS has it."""
    found = {}
    for name, values in frames.items():
        array = np.asarray(values)
        ends = (np.round(np.linspace(1, len(array), BINS + 1) + 1e-10) - 1).astype(int)
        first, last = array[: ends[1] + 1], array[ends[-2] :]
        found[f"{name}_mean"] = float(array.mean())
        found[f"{name}_recall"] = float((array > 0.5).mean())
        found[f"{name}_decay"] = float(first.mean() - last.mean())
    return {**found, "jf_mean": (found["j_mean"] + found["f_mean"]) / 2}
