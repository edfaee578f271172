"""Measure how well the confidence of a mask predicts its IoU, on each set with a fit to the other sets.

    python benchmarks/confidence.py --data DIR --recipe default

DIR is as in accuracy.py and holds three sets or more. The fit is wsseg's own: a weighted sum of the signs, with no
negative weight, fitted to the IoU by least squares with a small penalty on the standardized signs. All sets have the
same weight. The last line is the fit to all sets, for wsseg/graphcut/confidence.py.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import cyclopts
import numpy as np
from accuracy import NO_FLAGS, Data, Sample, samples_of, truth_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from provenance import provenance
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls
from scipy.stats import spearmanr
from workers import Workers, each, segmenter

from wsseg.cli.options import MaskRecipe
from wsseg.graphcut.confidence import LEAST, OK, confidence_of
from wsseg.metrics import scores
from wsseg.segmenting.looks import mask_from_looks

COVERAGES = (0.25, 0.5, 0.75, 1.0)

WORST = 0.5
"""IoU under which a mask is bad."""

THRESHOLDS = (LEAST, 0.65, 0.7, OK, 0.8)

PENALTY = 1.0
"""Measured on these sets: with .02 and 10, the correlations within a set differ by at most .02."""


class Case(NamedTuple):
    """One mask, with its signs and its IoU."""

    collection: str
    signs: Mapping[str, float]
    probability: float
    confidence: float
    iou: float


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt | None, Parameter(help="Maximum number of photos of each set.")] = None,
    workers: Workers = 1,
    options: MaskRecipe = NO_FLAGS,
) -> None:
    """Print rank correlations, the mean IoU of the most confident masks, and the fit."""
    recipe = options.changed_recipe
    samples = list(samples_of(data, limit))
    cases = each(samples, case_of, recipe, workers)
    print(provenance())
    collections, ious = np.array([case.collection for case in cases]), np.array([case.iou for case in cases])
    names = list(max((case.signs for case in cases), key=len))
    signs = np.array([[case.signs.get(name, 0.0) for name in names] for case in cases])
    confidences = {
        "fitted on the other sets": left_out(signs, ious, collections),
        "as it ships": np.array([case.confidence for case in cases]),
    }
    predicted = {
        **confidences,
        **dict(zip(names, signs.T, strict=True)),
        "class probability": np.array([case.probability for case in cases]),
    }
    console = Console(width=120)
    console.print(promises(confidences, ious, collections))
    console.print(ranks(predicted, ious, collections))
    console.print(coverage(predicted["fitted on the other sets"], ious, collections))
    weights, offset = fitted(signs, ious, collections)
    print("weights", dict(zip(names, weights.round(3).tolist(), strict=True)), "offset", round(offset, 3))


def case_of(sample: Sample) -> Case:
    """Return the mask of a photo, with its signs and its IoU."""
    result = segmenter().saliency(sample.photo)
    found = mask_from_looks(result, segmenter().recipe, segmenter().objectness)
    iou = scores(found.mask, truth_of(sample))["iou"]
    return Case(sample.collection, found.signs, result.probability, confidence_of(found.signs), iou)


def left_out(signs: np.ndarray, ious: np.ndarray, collections: np.ndarray) -> np.ndarray:
    """Return the confidence of each mask by the fit to all other sets."""
    predicted = np.zeros_like(ious)
    for name in np.unique(collections):
        own = collections == name
        weights, offset = fitted(signs[~own], ious[~own], collections[~own])
        predicted[own] = (signs[own] @ weights + offset).clip(0, 1)
    return predicted


def fitted(signs: np.ndarray, ious: np.ndarray, collections: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit weights and offset: first the proportions of the signs under the penalty, then one common slope."""
    shares = np.array([1 / (collections == name).sum() for name in collections])
    shares /= shares.sum()
    center, spread = np.average(signs, axis=0, weights=shares), signs.std(axis=0)
    scaled, root = (signs - center) / spread, np.sqrt(shares)[:, None]
    height = np.average(ious, weights=shares)
    equations = np.vstack([scaled * root, np.sqrt(PENALTY) * np.eye(len(spread))])
    proportions, _ = nnls(equations, np.append((ious - height) * root[:, 0], np.zeros(len(spread))))
    sums = scaled @ proportions
    slope = np.average(sums * (ious - height), weights=shares) / np.average(sums**2, weights=shares)
    weights = slope * proportions / spread
    return weights, float(height - center @ weights)


def ranks(predicted: dict[str, np.ndarray], ious: np.ndarray, collections: np.ndarray) -> Table:
    """Return Spearman's correlation with the IoU, for each way to predict it."""
    names = np.unique(collections)
    table = Table("Spearman with IoU", "pooled", *names, "mean error")
    for way, values in predicted.items():
        cells = [
            spearmanr(values, ious)[0],
            *(spearmanr(values[collections == n], ious[collections == n])[0] for n in names),
        ]
        table.add_row(way, *(f"{cell:.3f}" for cell in cells), f"{np.abs(values - ious).mean():.3f}")
    return table


def promises(predicted: dict[str, np.ndarray], ious: np.ndarray, collections: np.ndarray) -> Table:
    """Return the share of masks from each threshold on, and that of bad ones among them."""
    table = Table("masks / of these under .5", *(f"from {threshold:.2f}" for threshold in THRESHOLDS))
    for way, values in predicted.items():
        for name in ("all", *np.unique(collections)):
            own = np.isin(collections, [name]) | (name == "all")
            cells = [share_and_bad(values[own] >= threshold, ious[own]) for threshold in THRESHOLDS]
            table.add_row(f"{way}: {name}", *cells)
    return table


def share_and_bad(chosen: np.ndarray, ious: np.ndarray) -> str:
    """Return the share of the chosen masks, and that of the bad ones among them."""
    bad = (ious[chosen] < WORST).mean() if chosen.any() else 0.0
    return f"{chosen.mean():.1%} / {bad:.1%}"


def coverage(predicted: np.ndarray, ious: np.ndarray, collections: np.ndarray) -> Table:
    """Return the mean IoU of the most confident masks, for each share of `COVERAGES`."""
    table = Table("mean IoU of the surest", *(f"{share:.0%}" for share in COVERAGES))
    for name in ("all", *np.unique(collections)):
        own = np.isin(collections, [name]) | (name == "all")
        table.add_row(name, *(f"{mean:.3f}" for mean in surest(predicted[own], ious[own])))
    table.add_row("all, sorted by their IoU", *(f"{mean:.3f}" for mean in surest(ious, ious)))
    return table


def surest(predicted: np.ndarray, ious: np.ndarray) -> Sequence[float]:
    """Return the mean IoU at each coverage."""
    ordered = ious[np.argsort(-predicted, kind="stable")]
    return [float(ordered[: max(1, round(share * len(ordered)))].mean()) for share in COVERAGES]


if __name__ == "__main__":
    cyclopts.run(main)
