"""What the network computes on its way to the scores: its last features, and those that know things apart.

The map of the last features is Grad-CAM (Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra 2017, arXiv 1610.02391,
section 3). On a network that ends in global average pooling and one linear layer it equals CAM (Zhou, Khosla,
Lapedriza, Oliva, Torralba 2016, arXiv 1512.04150, section 2) but for a positive factor.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn

from wsseg.categories import Target
from wsseg.classifier import Classifier
from wsseg.saliency.score import score_of

PLACES: Final = 14
"""Of the features, per side of the network's own input: fine enough for an outline, deep enough to tell things."""

PROBE: Final = 64
"""Pixels by which an input is enlarged to see whether the network takes other sizes than its own."""


class Layers(NamedTuple):
    """Where to look in a network: names of modules, and whether it takes inputs of any size."""

    last: str
    """The last one whose output has places: its features make the map."""
    strided: str
    """The last stage with at least `PLACES` a side, or the finest there is."""
    any_size: bool


class Look(NamedTuple):
    """What a network makes of a batch of n inputs."""

    activation: torch.Tensor
    """Grad-CAM before it is rectified, (n, h, w)."""
    features: torch.Tensor
    """(n, c, h, w), with as many places per pixel as `PLACES` are of the network's own input, or fewer."""


_LAYERS: WeakKeyDictionary[nn.Module, Layers] = WeakKeyDictionary()


def layers_of(classifier: Classifier) -> Layers:
    """Where to look, found once for each network by running it on a grey photo; ValueError if it keeps no places."""
    if classifier.model not in _LAYERS:
        _LAYERS[classifier.model] = _find_layers(classifier)
    return _LAYERS[classifier.model]


def look_at(classifier: Classifier, batch: torch.Tensor, target: Target) -> Look:
    """One forward pass, and the short way back from the target's score to the last features."""
    layers = layers_of(classifier)
    # The last features become the graph's root: nothing before them is differentiated.
    with classifier.frozen(), torch.inference_mode(False), torch.enable_grad():
        outputs: dict[str, torch.Tensor] = {}
        with _hooked(classifier.model, layers[:2], partial(_kept, outputs=outputs, root=layers.last)):
            score = score_of(classifier.scores(batch.clone()), target).sum()
        (slopes,) = torch.autograd.grad(score, outputs[layers.last])
    activation = (slopes.mean(dim=(2, 3), keepdim=True) * outputs[layers.last]).sum(dim=1)
    features = nn.functional.adaptive_avg_pool2d(
        outputs[layers.strided], _places(classifier, outputs[layers.strided], batch)
    )
    return Look(activation.detach().float().cpu(), features.detach().float().cpu())


def _places(classifier: Classifier, features: torch.Tensor, batch: torch.Tensor) -> tuple[int, int]:
    own = classifier.preprocessing.size
    height, width = (
        min(places, round(PLACES * side / usual))
        for places, side, usual in zip(features.shape[2:], batch.shape[2:], own, strict=True)
    )
    return height, width


def _find_layers(classifier: Classifier) -> Layers:
    height, width = classifier.preprocessing.size
    shapes = _shapes(classifier, height, width)
    with_places = [name for name, (h, w) in shapes.items() if h * w > 1]
    if not with_places:
        raise ValueError(
            f"model must have a layer with places, got none in {classifier.name}; use the method gradient or smoothgrad"
        )
    fine = [name for name in with_places if min(shapes[name]) >= PLACES]
    finest = [name for name in with_places if shapes[name] == max(shapes.values())]
    strided = _end_of_stage({name: shapes[name] for name in fine or finest})
    return Layers(with_places[-1], strided, _takes(classifier, height + PROBE, width + PROBE))


def _end_of_stage(shapes: dict[str, tuple[int, int]]) -> str:
    """Of the modules with the fewest places the outermost, which are whole stages of a network; of these the last."""
    fewest = min(shapes.values())
    stage = [name for name, shape in shapes.items() if shape == fewest]
    return min(reversed(stage), key=lambda name: name.count("."))


def _shapes(classifier: Classifier, height: int, width: int) -> dict[str, tuple[int, int]]:
    """Height and width of every module's output that has them, in the order of the pass."""
    shapes: dict[str, tuple[int, int]] = {}

    def note(name: str, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            shapes.pop(name, None)
            shapes[name] = output.shape[2], output.shape[3]

    names = [name for name, _ in classifier.model.named_modules() if name]
    with torch.no_grad(), _hooked(classifier.model, names, note):
        classifier.scores(torch.zeros(1, 3, height, width))
    return shapes


def _takes(classifier: Classifier, height: int, width: int) -> bool:
    try:
        with torch.no_grad():
            classifier.scores(torch.zeros(1, 3, height, width))
    except (RuntimeError, AssertionError, ValueError):  # However the network says that its input has one size.
        return False
    return True


def _kept(name: str, output: torch.Tensor, *, outputs: dict[str, torch.Tensor], root: str) -> torch.Tensor | None:
    """Keeps a copy, which an in-place layer behind cannot change; the root's is what the network goes on with."""
    outputs[name] = output.detach().clone()
    return outputs[name].requires_grad_().clone() if name == root else None


@contextmanager
def _hooked(model: nn.Module, names: Any, hook: Any) -> Iterator[None]:
    """In the block `hook(name, output)` sees each output of the named modules, and may replace it."""
    with ExitStack() as stack:
        for name in dict.fromkeys(names):
            handle = model.get_submodule(name).register_forward_hook(
                lambda module, inputs, output, name=name: hook(name, output)
            )
            stack.callback(handle.remove)
        yield
