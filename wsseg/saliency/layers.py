"""What the layers of a network give on a grid over the photo, whatever the network: convolutions, windows or tokens."""

import difflib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import nn

from wsseg.classifier import Classifier

PREFIX_TOKENS: Final = 16
"""The most tokens before those of the grid that are taken for such: class, distillation and registers."""

Size: TypeAlias = tuple[int, int]
Outputs: TypeAlias = Sequence[tuple[str, torch.Tensor]]
"""What layers gave, by their names, in the order in which they ended."""


class Grid(NamedTuple):
    """What a layer gave for n views, on a grid of (h, w) places."""

    name: str
    output: torch.Tensor
    """(n, k, h, w), (n, h, w, k) or, as vision transformers have it, (n, prefix + h w, k) in rows of w."""
    size: Size

    @property
    def activations(self) -> torch.Tensor:
        """float32 (n, k, h, w)."""
        return self._planes(self.output)

    def gradients(self, score: torch.Tensor) -> torch.Tensor:
        """d score / d activation of each view, float32 (n, k, h, w); zeros where the score does not depend on it."""
        (found,) = torch.autograd.grad(score.sum(), self.output, retain_graph=True, materialize_grads=True)
        return self._planes(found)

    def _planes(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim == 3:
            tensor = tensor[:, -math.prod(self.size) :].transpose(1, 2).reshape(len(tensor), -1, *self.size)
        elif tensor.shape[2:] != self.size:
            tensor = tensor.permute(0, 3, 1, 2)
        return tensor.detach().float()


def forward(classifier: Classifier, inputs: torch.Tensor) -> tuple[Outputs, torch.Tensor]:
    """What each layer made of the inputs, and the class scores."""
    with _recording(classifier.model) as outputs:
        scores = classifier.scores(inputs)
    # What does not depend on the photo has no place in it; what is of another length is of parts of it.
    return [(name, one) for name, one in outputs if one.requires_grad and len(one) == len(inputs)], scores


def grids_of(classifier: Classifier, outputs: Outputs) -> list[Grid]:
    """The outputs that lie on a grid, which gets coarser, never finer; ValueError if there are none."""
    grids: list[Grid] = []
    size = photo = classifier.preprocessing.size
    for name, output in outputs:
        if found := _grid_size(tuple(output.shape), photo, size):
            size = found
            grids.append(Grid(name, output, size))
    if not grids:
        raise ValueError(
            f"classifier must have a layer that gives a grid of activations, got none in {classifier.name}; "
            "choose gradient or smoothgrad"
        )
    return grids


def named(classifier: Classifier, grids: Sequence[Grid], layers: str) -> list[Grid]:
    """The last output of each of the layers, whose names commas separate; ValueError names one that has no grid."""
    known, by_name = dict(classifier.model.named_modules()), {grid.name: grid for grid in grids}
    names = [name.strip() for name in layers.split(",")]
    for name in names:
        if name not in by_name:
            got = f"{name!r}, which gives none" if name in known else repr(name)
            nearest = ", ".join(difflib.get_close_matches(name, by_name, cutoff=0))
            raise ValueError(
                f"layers must name layers of {classifier.name} that give a grid, got {got}; the nearest are {nearest}"
            )
    return [by_name[name] for name in names]


def last(grids: Sequence[Grid], score: torch.Tensor, *, stages: bool) -> list[Grid]:
    """The last layer at the coarsest grid that the score depends on; with `stages` that at each grid."""
    groups = [list(group) for _, group in groupby(grids, key=lambda grid: grid.size)]
    return [_last_that_matters(group, score) for group in (groups if stages else groups[-1:])]


def pooled_weights(classifier: Classifier, outputs: Outputs, scores: torch.Tensor, grid: Grid) -> torch.Tensor:
    """float32 (classes, k) of the linear layer that makes the scores from the grid's mean; ValueError if none does."""
    modules = [classifier.model.get_submodule(name) for name, _ in outputs]
    linear = next((module for module in reversed(modules) if isinstance(module, nn.Linear)), None)
    pooled = grid.activations.mean(dim=(2, 3))
    if linear is not None and linear.in_features == pooled.shape[1]:
        rebuilt = linear(pooled.to(linear.weight)).float()
        tolerance = torch.finfo(linear.weight.dtype).eps ** 0.5 * scores.abs().amax().item()
        if rebuilt.shape == scores.shape and torch.allclose(rebuilt, scores, rtol=0, atol=tolerance):
            return linear.weight.detach().float()
    raise ValueError(
        f"classifier must end in global average pooling and one linear layer for cam, got {classifier.name}; "
        "choose grad_cam, which needs neither"
    )


@contextmanager
def _recording(model: nn.Module) -> Iterator[list[tuple[str, torch.Tensor]]]:
    """Name and output of each layer, every time that it ends within the block."""
    outputs: list[tuple[str, torch.Tensor]] = []

    def recorder(name: str) -> Callable[[nn.Module, object, object], None]:
        def record(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor) and output.ndim:
                outputs.append((name, output))

        return record

    hooks = [module.register_forward_hook(recorder(name)) for name, module in model.named_modules() if name]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _grid_size(shape: tuple[int, ...], photo: Size, finest: Size) -> Size | None:
    """The grid that an output of that shape lies on, None if on none that is no finer than `finest`.

    Which sides of four are the grid's its proportions tell, which are the photo's. Tokens lie on the grid before them.
    """
    if len(shape) == 3:
        return finest if 0 <= shape[1] - math.prod(finest) <= PREFIX_TOKENS else None
    if len(shape) != 4 or 0 in shape:
        return None
    sides: list[Size] = [(shape[2], shape[3]), (shape[1], shape[2])]
    size = min(sides, key=lambda size: _distortion(size, photo))
    # Rounding stretches a small grid; what attention has by heads, windows and tokens is longer, or finer.
    finer = size[0] > finest[0] or size[1] > finest[1]
    return None if finer or size == (1, 1) or _distortion(size, photo) > math.log(2) else size


def _distortion(size: Size, photo: Size) -> float:
    return abs(math.log(size[0] * photo[1] / (size[1] * photo[0])))


def _last_that_matters(grids: Sequence[Grid], score: torch.Tensor) -> Grid:
    """The last grid with any gradient, of as many channels as the very last.

    Transformers often score by the class token alone. The others then matter only before the last attention, inside
    which more channels stand for other things.
    """
    alike = [grid for grid in grids if grid.activations.shape == grids[-1].activations.shape]
    return next((grid for grid in reversed(alike) if grid.gradients(score).any()), grids[-1])
