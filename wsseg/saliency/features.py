"""What the network makes of a photo on its way to the scores: where the target is, roughly, and what is alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import torch
from torch import nn

from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.saliency.activation import weighted_by_mean_slopes
from wsseg.saliency.layers import Grid, Size, forward, grids_of, last
from wsseg.saliency.score import score_of
from wsseg.saliency.views import differentiable

PLACES: Final = 14
"""Of the features, per side of the network's own input: fine enough for an outline, deep enough to tell things."""

PROBE: Final = 64
"""Pixels by which an input is enlarged to see whether the network takes other sizes than its own."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a network makes of a batch of n inputs in one forward pass."""

    classifier: Classifier
    scores: torch.Tensor
    """(n, classes), which the activation is derived by."""
    grids: list[Grid]
    """What its layers gave."""
    features: torch.Tensor
    """float32 (n, c, h, w), with as many places per pixel as `PLACES` are of the network's own input, or fewer."""

    def activation(self, target: Target) -> torch.Tensor:
        """Grad-CAM of the last layer before it is rectified, (n, h, w); the way back from the score is short."""
        with self.classifier.frozen(), torch.inference_mode(False), torch.enable_grad():
            score = score_of(self.scores, target)
            end = last(self.grids, score)
            return weighted_by_mean_slopes(end.activations, end.gradients(score)).cpu()


_ANY_SIZE: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def look_at(classifier: Classifier, batch: torch.Tensor) -> Look:
    """One forward pass; ValueError as `grids_of`."""
    with classifier.frozen(), differentiable(batch) as inputs:
        outputs, scores = forward(classifier, inputs)
        grids = grids_of(classifier, inputs, outputs)
    places = _places(classifier, batch)
    stage = _end_of_stage(grids, places)
    size = min(stage.size[0], places[0]), min(stage.size[1], places[1])
    return Look(classifier, scores, grids, nn.functional.adaptive_avg_pool2d(stage.activations, size).cpu())


def takes_any_size(classifier: Classifier) -> bool:
    """Whether the network sees larger inputs than its own alike, found once for each by trying.

    A fully convolutional head, which slides over a larger input, is another network on it. ValueError as `grids_of`.
    """
    if classifier.model not in _ANY_SIZE:
        _ANY_SIZE[classifier.model] = _takes_larger(classifier)
    return _ANY_SIZE[classifier.model]


def _takes_larger(classifier: Classifier) -> bool:
    height, width = classifier.preprocessing.size
    own = _with_grid(classifier, height, width)
    try:
        return _with_grid(classifier, height + PROBE, width + PROBE) == own
    except (RuntimeError, AssertionError, ValueError):  # However the network says that its input has one size.
        return False


def _with_grid(classifier: Classifier, height: int, width: int) -> list[str]:
    """The layers that give a grid for a photo of that size."""
    with classifier.frozen(), differentiable(torch.zeros(1, 3, height, width)) as inputs:
        return [grid.name for grid in grids_of(classifier, inputs, forward(classifier, inputs)[0])]


def _places(classifier: Classifier, batch: torch.Tensor) -> Size:
    """That the features of such a batch should have."""
    height, width = (
        round(PLACES * side / own) for side, own in zip(batch.shape[2:], classifier.preprocessing.size, strict=True)
    )
    return height, width


def _end_of_stage(grids: Sequence[Grid], places: Size) -> Grid:
    """Of the coarsest grids with so many places, or the finest there are, the last that is a whole stage's.

    Stages are the outermost modules.
    """
    fine = [grid.size for grid in grids if grid.size[0] >= places[0] and grid.size[1] >= places[1]]
    size = min(fine) if fine else max(grid.size for grid in grids)
    return min((grid for grid in reversed(grids) if grid.size == size), key=lambda grid: grid.name.count("."))
