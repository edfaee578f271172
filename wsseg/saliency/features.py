"""One forward pass of the network: the features of its layers, and Grad-CAM's map of a target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.modes import reproducible
from wsseg.saliency.activation import weighted_by_mean_slopes
from wsseg.saliency.layers import Grid, Size, forward, grids_of, last
from wsseg.saliency.score import score_of
from wsseg.saliency.views import differentiable

CELLS: Final = 14
"""Cells of the features' grid per side of the network's own input: fine enough for outlines, deep enough for things."""

PROBE: Final = 64
"""Pixels by which an input is enlarged to try whether the network takes other sizes than its own."""


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """The results of one forward pass of n inputs."""

    classifier: Classifier
    """The network."""
    scores: torch.Tensor
    """Class scores that can be differentiated, (n, classes)."""
    grids: list[Grid]
    """Outputs of the layers that lie on a grid over the photo."""
    features: torch.Tensor
    """float32 (n, c, h, w), with at most `CELLS` cells per side of the network's own input."""

    def activation(self, target: Target) -> torch.Tensor:
        """Compute Grad-CAM of the last layer without its ReLU, (n, h, w); the backward pass is a short one."""
        with self.classifier.frozen(), torch.inference_mode(False), torch.enable_grad():
            score = score_of(self.scores, target)
            end = last(self.grids, score)
            return weighted_by_mean_slopes(end.activations, end.gradients(score)).cpu()


@reproducible()
def forward_pass(classifier: Classifier, batch: torch.Tensor) -> ForwardPass:
    """Run the network once on (n, 3, H, W) inputs; ValueError as in `grids_of`."""
    with classifier.frozen(), differentiable(batch) as inputs:
        outputs, scores = forward(classifier, inputs)
        grids = grids_of(classifier, inputs, outputs)
    cells = _wanted_cells(classifier, batch)
    stage = _end_of_stage(grids, cells)
    size = min(stage.size[0], cells[0]), min(stage.size[1], cells[1])
    return ForwardPass(classifier, scores, grids, nn.functional.adaptive_avg_pool2d(stage.activations, size).cpu())


def takes_any_size(classifier: Classifier) -> bool:
    """Return whether the network handles larger inputs like its own size, tried once for each classifier.

    A fully convolutional head, which slides over a larger input, makes another network of it. ValueError as in
    `grids_of`.
    """
    return classifier.answer(_takes_larger)


def _takes_larger(classifier: Classifier) -> bool:
    height, width = classifier.preprocessing.size
    own = _layers_with_grid(classifier, height, width)
    try:
        return _layers_with_grid(classifier, height + PROBE, width + PROBE) == own
    except (RuntimeError, AssertionError, ValueError):  # The ways in which networks refuse another size.
        return False


def _layers_with_grid(classifier: Classifier, height: int, width: int) -> list[str]:
    """The names of the layers that give a grid for an input of this size."""
    with classifier.frozen(), differentiable(torch.zeros(1, 3, height, width, device="cpu")) as inputs:
        return [grid.name for grid in grids_of(classifier, inputs, forward(classifier, inputs)[0])]


def _wanted_cells(classifier: Classifier, batch: torch.Tensor) -> Size:
    """Rows and columns that the features of these inputs should have."""
    height, width = (
        round(CELLS * side / own) for side, own in zip(batch.shape[2:], classifier.preprocessing.size, strict=True)
    )
    return height, width


def _end_of_stage(grids: Sequence[Grid], cells: Size) -> Grid:
    """The last output of a whole stage at the coarsest size with this many cells, or else at the finest size.

    Stages are the outermost modules.
    """
    fine = [grid.size for grid in grids if grid.size[0] >= cells[0] and grid.size[1] >= cells[1]]
    size = min(fine) if fine else max(grid.size for grid in grids)
    return min((grid for grid in reversed(grids) if grid.size == size), key=lambda grid: grid.name.count("."))
