"""The layers of an image classifier, and a small decoder that turns their outputs into one map.

The decoder is a feature pyramid (Lin, Dollar, Girshick, He, Hariharan, Belongie 2017, arXiv 1612.03144, section 3):
from the coarsest grid of features to the finest, each level is brought to `WIDTH` channels and added to the enlarged
map of the level before. Two blocks of depthwise convolutions refine every level. The mean of the coarsest level is
added to it, so that each cell knows what else the photo shows.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Final

import msgspec
import torch
from torch import nn
from torch.nn import functional

from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.modes import reproducible
from wsseg.saliency.layers import Grid, backward_steps, forward, grids_of
from wsseg.saliency.views import differentiable

WIDTH: Final = 48
"""Channels of the decoder."""

GROUPS: Final = 8
"""Groups of channels that are normalized together (Wu, He 2018, arXiv 1803.08494)."""

BLOCKS: Final = 2
"""Blocks of convolutions at each level."""

FINEST: Final = 4
"""Pixels of the input per cell of the finest level, at least."""

LEVELS: Final = 4
"""Levels of the pyramid, at most; the coarsest ones are used."""

MOST_CHANNELS: Final = 100_000
"""Channels of a level, at most."""


class Tap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A layer whose output is one level of the pyramid."""

    name: str
    """Name of the layer in the classifier's network."""
    channels: Annotated[int, msgspec.Meta(ge=1, le=MOST_CHANNELS)]
    """Channels of its output."""
    stride: Annotated[float, msgspec.Meta(gt=0)]
    """Pixels of the input per cell of its output."""
    channels_last: bool = False
    """Whether its output is (n, h, w, channels)."""


class ObjectnessNetwork(nn.Module):
    """A classifier's layers and a decoder: from photos to the log-odds of objects.

    Parameters
    ----------
    layers : nn.Module
        Network of the classifier. Only the layers up to the last tap run.
    taps : sequence of Tap
        Levels of the pyramid, the finest first.
    preprocessing : Preprocessing
        The classifier's: normalization, and the size of input that its layers surely take.
    """

    def __init__(self, layers: nn.Module, taps: Sequence[Tap], preprocessing: Preprocessing) -> None:
        super().__init__()
        self.layers, self.taps, self.preprocessing = layers, tuple(taps), preprocessing
        self.decoder = Decoder([tap.channels for tap in taps])
        for name, values in {"mean": preprocessing.mean, "std": preprocessing.std}.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(3, 1, 1), persistent=False)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Compute the log-odds of objects at each cell of the finest level.

        Parameters
        ----------
        photos : torch.Tensor of float32, shape (n, 3, H, W)
            Photos in sRGB, where white is 1.

        Returns
        -------
        torch.Tensor of float32, shape (n, h, w)
            Log-odds.
        """
        odds: torch.Tensor = self.decoder(self._levels(photos))
        return odds[:, 0]

    def features(self, photos: torch.Tensor) -> torch.Tensor:
        """Compute the features that the log-odds are a function of, (n, `WIDTH`, h, w); the rest is as in `forward`."""
        features: torch.Tensor = self.decoder.features(self._levels(photos))
        return features

    def train(self, mode: bool = True) -> "ObjectnessNetwork":
        """Switch the decoder; the classifier's layers keep the statistics that they were trained with."""
        super().train(mode)
        self.layers.eval()
        return self

    @reproducible()  # Another thread's pass would call the hooks of this one.
    def parameters_up_to(self, taps: Sequence[Tap]) -> dict[str, nn.Parameter]:
        """Return the layers' parameters that the outputs of these taps depend on, by name, tried on a black photo."""
        named = dict(self.layers.named_parameters(remove_duplicate=False))
        parameters = {name: one for name, one in named.items() if one.is_floating_point()}
        learning = {name: one.requires_grad for name, one in parameters.items()}
        try:
            with torch.inference_mode(False), torch.enable_grad():
                black = torch.zeros(1, 3, *self.preprocessing.size, device=self.get_buffer("mean").device)
                for parameter in parameters.values():
                    parameter.requires_grad_(True)
                # What the backward pass would need is not kept: its steps are only listed.
                with torch.autograd.graph.saved_tensors_hooks(lambda one: one.new_empty(0), lambda one: one):
                    outputs = self._outputs(black, taps).values()
                used = {id(getattr(step, "variable", None)) for step in backward_steps(outputs)}
        finally:
            for name, parameter in parameters.items():
                parameter.requires_grad_(learning[name])
        return {name: one for name, one in parameters.items() if id(one) in used}

    def used_tensors(self) -> dict[str, torch.Tensor]:
        """Return the tensors that the map depends on, by their names in the state dict.

        Buffers count if their module has a parameter that counts, or has none at all.
        """
        used = self.parameters_up_to(self.taps)
        parameters = dict(self.layers.named_parameters(remove_duplicate=False))
        others = {_owner(name) for name in parameters} - {_owner(name) for name in used}

        def counts(name: str) -> bool:
            inner = name.removeprefix("layers.")
            return inner == name or (inner in used if inner in parameters else _owner(inner) not in others)

        return {name: one for name, one in self.state_dict().items() if one.is_floating_point() and counts(name)}

    def _levels(self, photos: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of the taps, (n, channels, h, w) each."""
        inputs = (photos - self.get_buffer("mean")) / self.get_buffer("std")
        outputs = self._outputs(inputs, self.taps)
        return [_planes(outputs[tap.name], tap, inputs.shape) for tap in self.taps]

    def _outputs(self, inputs: torch.Tensor, taps: Sequence[Tap]) -> dict[str, torch.Tensor]:
        """The outputs of these taps by name; the pass ends with the last of them."""
        with _tapped(self.layers, [tap.name for tap in taps]) as outputs, suppress(_AllTapped):
            self.layers(inputs)
        return outputs


class Decoder(nn.Module):
    """A feature pyramid that ends in one map, see the module."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, WIDTH, 1, bias=False), nn.GroupNorm(GROUPS, WIDTH)) for count in channels
        )
        self.refined = nn.ModuleList(nn.Sequential(*(Block() for _ in range(BLOCKS))) for _ in channels)
        self.context = nn.Linear(WIDTH, WIDTH)
        self.score = nn.Sequential(nn.GroupNorm(GROUPS, WIDTH), nn.ReLU(), nn.Conv2d(WIDTH, 1, 1))

    def forward(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Compute the map, (n, 1, h, w), from levels of (n, channels, h, w), the finest first."""
        odds: torch.Tensor = self.score(self.features(levels))
        return odds

    def features(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Compute the finest features, (n, `WIDTH`, h, w)."""
        *finer, coarsest = [lateral(level) for lateral, level in zip(self.laterals, levels, strict=True)]
        found: torch.Tensor = self.refined[-1](coarsest + self.context(coarsest.mean(dim=(2, 3)))[:, :, None, None])
        for refined, level in zip(reversed(self.refined[:-1]), reversed(finer), strict=True):
            found = refined(level + functional.interpolate(found, level.shape[2:], mode="bilinear"))
        return found


class Block(nn.Module):
    """A depthwise convolution, normalized, and a pointwise one, added to the input."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False)
        self.norm = nn.GroupNorm(GROUPS, WIDTH)
        self.pointwise = nn.Conv2d(WIDTH, WIDTH, 1)

    def forward(self, level: torch.Tensor) -> torch.Tensor:
        """Compute the refined level, (n, WIDTH, h, w)."""
        change: torch.Tensor = self.pointwise(functional.relu(self.norm(self.depthwise(level))))
        return level + change


def network_on(classifier: Classifier) -> ObjectnessNetwork:
    """Return an untrained decoder on a copy of a classifier's layers.

    Parameters
    ----------
    classifier : Classifier
        Network whose layers are copied.

    Returns
    -------
    ObjectnessNetwork
        The layers as they are, and random weights in the decoder, drawn from torch's generator.

    Raises
    ------
    RecipeError
        If no layer of the classifier lies on a grid over the photo.
    """
    network = ObjectnessNetwork(copy.deepcopy(classifier.model), taps_of(classifier), classifier.preprocessing)
    return in_channels_last(network.float().cpu().eval())


def in_channels_last(network: ObjectnessNetwork) -> ObjectnessNetwork:
    """Return the network with its weights laid out as convolutions on the CPU like them: 1.2 times as fast."""
    laid_out: ObjectnessNetwork = network.to(memory_format=torch.channels_last)
    return laid_out


def taps_of(classifier: Classifier) -> list[Tap]:
    """Choose the levels of a classifier's pyramid, the finest first.

    They are the coarsest `LEVELS` sizes of grid with `FINEST` pixels or more per cell. At each size the outermost layer
    counts; of several, the one with most weights, and of those the last.
    """
    height, width = classifier.preprocessing.size
    with classifier.frozen(), differentiable(torch.zeros(1, 3, height, width, device=classifier.device)) as inputs:
        grids = grids_of(classifier, inputs, forward(classifier, inputs)[0])
    weights = {name: sum(map(torch.numel, one.parameters())) for name, one in classifier.running.named_modules()}

    def rank(grid: Grid) -> tuple[int, int]:
        return grid.name.count("."), -weights[grid.name]

    sizes = sorted({grid.size for grid in grids}, reverse=True)
    coarse = [size for size in sizes if height >= FINEST * size[0]] or sizes[-1:]
    best = [min((grid for grid in reversed(grids) if grid.size == size), key=rank) for size in coarse[-LEVELS:]]
    return [_tap_of(grid, height) for grid in best]


def _tap_of(grid: Grid, height: int) -> Tap:
    channels_last = grid.output.ndim == 4 and grid.output.shape[2:] != grid.size
    return Tap(grid.name, grid.activations.shape[1], height / grid.size[0], channels_last)


def _owner(name: str) -> str:
    """The name of the module that has the tensor of this name."""
    return name.rpartition(".")[0]


class _AllTapped(Exception):
    """All taps have an output, so the rest of the network need not run."""


@contextmanager
def _tapped(layers: nn.Module, names: Sequence[str]) -> Iterator[dict[str, torch.Tensor]]:
    """Yield a dict that gets the outputs of these layers; the pass inside ends when all have one."""
    outputs: dict[str, torch.Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def keep(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            outputs[name] = output
            if len(outputs) == len(names):
                raise _AllTapped

        return keep

    modules = [layers.get_submodule(name) for name in names]
    hooks = [module.register_forward_hook(keeper(name)) for module, name in zip(modules, names, strict=True)]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _planes(output: torch.Tensor, tap: Tap, inputs: torch.Size) -> torch.Tensor:
    """The output of a tap as (n, channels, h, w); see `Grid` for the layouts."""
    if output.ndim == 3:
        height, width = (max(1, round(side / tap.stride)) for side in inputs[2:])
        return output[:, -height * width :].transpose(1, 2).reshape(len(output), -1, height, width)
    return output.permute(0, 3, 1, 2) if tap.channels_last else output
