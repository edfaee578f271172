"""The layers of any network whose outputs lie on a grid over the photo: convolutions, windows or tokens."""

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import nn
from torch.autograd.graph import Node

from wsseg.classifier.classifier import Classifier
from wsseg.recipe import RecipeError

PREFIX_TOKENS: Final = 16
"""Maximum number of non-spatial tokens before the grid: class, distillation and registers."""

PASSING: Final = (nn.Identity, nn.Dropout, nn.Softmax)
"""Layers that make no features; their 4-dimensional outputs are often attention weights by heads and tokens."""

Size: TypeAlias = tuple[int, int]


class Output(NamedTuple):
    """The output of a layer."""

    name: str
    """Name of the layer in the network."""
    module: nn.Module
    """The layer."""
    tensor: torch.Tensor
    """The output."""


class Grid(NamedTuple):
    """The output of a layer for n inputs, on a grid of (h, w) cells."""

    name: str
    """Name of the layer in the network."""
    output: torch.Tensor
    """(n, k, h, w), (n, h, w, k) or, in vision transformers, (n, prefix + h w, k) in rows of w."""
    size: Size
    """Rows and columns of the grid."""

    @property
    def activations(self) -> torch.Tensor:
        """The output in one layout, float32 (n, k, h, w)."""
        return self._planes(self.output)

    def gradients(self, score: torch.Tensor) -> torch.Tensor:
        """Compute d score / d activation, float32 (n, k, h, w), 0 where the score does not depend on it."""
        (found,) = torch.autograd.grad(score.sum(), self.output, retain_graph=True, materialize_grads=True)
        return self._planes(found)

    def _planes(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim == 3:
            tensor = tensor[:, -math.prod(self.size) :].transpose(1, 2).reshape(len(tensor), -1, *self.size)
        elif tensor.shape[2:] != self.size:
            tensor = tensor.permute(0, 3, 1, 2)
        return tensor.detach().float()


def forward(classifier: Classifier, inputs: torch.Tensor) -> tuple[list[Output], torch.Tensor]:
    """Run the network; return the layers' outputs, in the order in which the layers end, and the class scores.

    An output that a later layer changes in place is returned as changed.
    """
    with classifier.frozen(), _recording(classifier.running) as outputs:
        scores = classifier.scores(inputs)
    # An output that does not depend on the photo lies on no grid over it.
    return [output for output in outputs if output.tensor.requires_grad], scores


def grids_of(classifier: Classifier, inputs: torch.Tensor, outputs: Sequence[Output]) -> list[Grid]:
    """Select the outputs that lie on a grid over the photo, in their order.

    Parameters
    ----------
    classifier : Classifier
        The network.
    inputs : torch.Tensor, shape (n, 3, H, W)
        The network's inputs.
    outputs : sequence of Output
        The layers' outputs, as `forward` returns them.

    Returns
    -------
    list of Grid
        The outputs with their grids.

    Raises
    ------
    ValueError
        If there are none, or if later layers have tokens without a known grid: some networks pool their tokens, and
        some sort them by windows first (Hiera).
    """
    grids: list[Grid] = []
    sizes: list[Size] = [(inputs.shape[2], inputs.shape[3])]
    lost = ""
    for output in outputs:
        if size := _grid_size(output, len(inputs), sizes):
            grids.append(Grid(output.name, output.tensor, size))
            sizes.append(size)
            lost = ""
        elif _are_tokens(output.tensor.shape) and math.prod(output.tensor.shape[:2]) > PREFIX_TOKENS * len(inputs):
            lost = output.name
    if lost or not grids:
        why = f", whose {lost} gives tokens of an unknown order" if lost else ""
        plain = ""
        if not grids and any(map(_is_script, classifier.running.modules())):
            why, plain = ", whose layers TorchScript hides", "load the module that it was made from, or "
        raise RecipeError(
            "classifier must have layers that give a grid of activations, the last included, "
            f"got {classifier.name}{why}; {plain}choose gradient or smoothgrad"
        )
    return grids


def named(classifier: Classifier, grids: Sequence[Grid], layers: str) -> list[Grid]:
    """Return the last output of each layer, given names separated by commas; ValueError for a layer without a grid."""
    known, by_name = dict(classifier.running.named_modules()), {grid.name: grid for grid in grids}
    names = [name.strip() for name in layers.split(",")]
    for name in names:
        if name not in by_name:
            got = f"{name!r}, which gives none" if name in known else repr(name)
            nearest = ", ".join(difflib.get_close_matches(name, by_name, cutoff=0))
            raise RecipeError(
                f"layers must name layers of {classifier.name} that give a grid, got {got}; the nearest are {nearest}"
            )
    return [by_name[name] for name in names]


def last(grids: Sequence[Grid], score: torch.Tensor) -> Grid:
    """Return the last layer that the score depends on, among those with the size and the channels of the very last.

    Transformers often compute the score from the class token alone. The other tokens then matter only before the last
    attention, inside which more channels have other meanings.
    """
    shape = grids[-1].activations.shape
    similar = [grid for grid in grids if grid.size == grids[-1].size and grid.activations.shape == shape]
    return next((grid for grid in reversed(similar) if grid.gradients(score).any()), grids[-1])


def last_of_each(grids: Sequence[Grid], score: torch.Tensor) -> list[Grid]:
    """Return the `last` layer at each size of grid, in the order in which the sizes end."""
    by_size: dict[Size, list[Grid]] = {}
    for grid in grids:
        by_size[grid.size] = [*by_size.pop(grid.size, []), grid]
    return [last(group, score) for group in by_size.values()]


def backward_steps(outputs: Iterable[torch.Tensor]) -> Iterator[Node]:
    """Yield each step of the backward pass from these outputs once, in-place and functional ones included."""
    waiting, seen = [output.grad_fn for output in outputs], set[Node]()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting.extend(following for following, _ in node.next_functions)


def pooled_weights(classifier: Classifier, outputs: Sequence[Output], scores: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return the weights, float32 (classes, k), of the linear layer that makes the scores from the grid's mean.

    ValueError if the network does not end in global average pooling and one linear layer.
    """
    linear = next((output.module for output in reversed(outputs) if isinstance(output.module, nn.Linear)), None)
    pooled = grid.activations.mean(dim=(2, 3))
    if linear is not None and linear.in_features == pooled.shape[1]:
        rebuilt = linear(pooled.to(linear.weight)).float()
        tolerance = torch.finfo(linear.weight.dtype).eps ** 0.5 * scores.abs().amax().item()
        if rebuilt.shape == scores.shape and torch.allclose(rebuilt, scores, rtol=0, atol=tolerance):
            return linear.weight.detach().float()
    raise RecipeError(
        f"classifier must end in global average pooling and one linear layer for cam, got {classifier.name}; "
        "choose grad_cam, which needs neither"
    )


@contextmanager
def _recording(model: nn.Module) -> Iterator[list[Output]]:
    """Yield a list that collects each layer's output, every time that it runs within the block."""
    outputs: list[Output] = []

    def recorder(name: str) -> Callable[[nn.Module, object, object], None]:
        def record(module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor) and output.ndim:
                outputs.append(Output(name, module, output))

        return record

    open_modules = [(name, module) for name, module in model.named_modules() if name and not _is_script(module)]
    hooks = [module.register_forward_hook(recorder(name)) for name, module in open_modules]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _are_tokens(shape: tuple[int, ...]) -> bool:
    """Whether an output of this shape has tokens; a last axis of 1 belongs to channels averaged over them."""
    return len(shape) == 3 and shape[2] > 1


def _is_script(module: nn.Module) -> bool:
    """Whether TorchScript runs the module, where no hook is called."""
    return isinstance(module, torch.jit.ScriptModule)


def _grid_size(output: Output, views: int, sizes: Sequence[Size]) -> Size | None:
    """The grid of a layer's output for this many inputs; None if it lies on none.

    `sizes` are those of the photo and of all earlier grids. An output of another length belongs to parts of the photo.
    """
    shape = tuple(output.tensor.shape)
    if shape[0] != views or 0 in shape:
        return None
    if len(shape) == 3:
        return _size_of_tokens(shape[1], sizes)
    if len(shape) == 4 and not isinstance(output.module, PASSING):
        strided = isinstance(output.module, nn.Conv2d) and max(output.module.stride) > 1
        return _size_of_planes(shape, sizes, new=strided)
    return None


def _size_of_tokens(tokens: int, sizes: Sequence[Size]) -> Size | None:
    """The earlier grid that the tokens fill with the fewest extra tokens in front."""
    filled = [size for size in reversed(sizes) if 0 <= tokens - math.prod(size) <= PREFIX_TOKENS]
    return max(filled, key=math.prod, default=None)


def _size_of_planes(shape: tuple[int, ...], sizes: Sequence[Size], *, new: bool) -> Size | None:
    """The two of four axes that have the photo's proportions, roughly, because rounding stretches a small grid.

    Grids get coarser, or as fine as an earlier one. In a network with several branches, a convolution with a stride
    begins a `new` branch. Attention weights by heads and tokens look like a finer grid, which is why those are refused.
    """
    sides: list[Size] = [(shape[2], shape[3]), (shape[1], shape[2])]
    size = min(sides, key=lambda size: _distortion(size, sizes[0]))
    if size == (1, 1) or _distortion(size, sizes[0]) > math.log(2):
        return None
    coarser = size[0] <= sizes[-1][0] and size[1] <= sizes[-1][1]
    return size if coarser or new or size in sizes else None


def _distortion(size: Size, photo: Size) -> float:
    """The logarithm of the factor between the grid's and the photo's proportions."""
    return abs(math.log(size[0] * photo[1] / (size[1] * photo[0])))
