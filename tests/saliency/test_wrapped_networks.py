"""Networks that other libraries wrap, torch's modes around a map, and threads: the same map, or one sentence."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_nets import SIDE, classifier_of
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.recipe import RECIPES
from wsseg.saliency import saliency_from_classifier
from wsseg.saliency.features import takes_any_size
from wsseg.saliency.maps import METHODS
from wsseg.saliency.visualize import visualize_class

TARGET = Target((1,), "class 1")
every_method = pytest.mark.parametrize("method", METHODS)


def pooling_net() -> nn.Sequential:
    torch.manual_seed(4)
    body = (nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))


def saliency(classifier: Classifier, image: Image, method: str) -> np.ndarray:
    recipe = replace(RECIPES["fast"], method=method, objectness=0.0)
    return saliency_from_classifier(classifier, image, TARGET, recipe)


@contextmanager
def default_dtype(dtype: torch.dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "mode",
    [
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        lambda: default_dtype(torch.float64),
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.device("meta"),
    ],
    ids=["autocast", "float64", "no_grad", "inference_mode", "default device"],
)
@every_method
def test_modes_around_a_map_do_not_change_it(
    mode: Callable[[], AbstractContextManager[object]], method: str, image: Image
) -> None:
    model = pooling_net()
    expected = saliency(classifier_of(model), image, method)
    with mode():
        found = saliency(classifier_of(model), image, method)
    assert expected.any() and found.dtype == np.float32 and np.array_equal(found, expected)


def test_modes_around_a_visualization_do_not_change_it() -> None:
    classifier = classifier_of(pooling_net())
    expected = visualize_class(classifier, 1, steps=3)
    with torch.autocast("cpu"), default_dtype(torch.float64):
        assert np.array_equal(visualize_class(classifier, 1, steps=3), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@every_method
def test_networks_of_other_precision_give_like_maps(dtype: torch.dtype, method: str, image: Image) -> None:
    expected = saliency(classifier_of(pooling_net()), image, method)
    found = saliency(classifier_of(pooling_net().to(dtype)), image, method)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9


class Decorated(nn.Module):
    """A network whose forward is compiled."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @torch.compile(backend="eager")
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.network(batch)


def compiled_in_place(model: nn.Module) -> nn.Module:
    model.compile(backend="eager")
    return model


def compiled_inside(model: nn.Module) -> nn.Module:
    return nn.Sequential(torch.compile(model[:4], backend="eager"), *model[4:])


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize(
    "compiled",
    [lambda model: torch.compile(model, backend="eager"), compiled_in_place, compiled_inside, Decorated],
    ids=["compile", "in place", "inside", "decorated"],
)
def test_a_compiled_network_has_the_same_map_of_every_photo(
    compiled: Callable[[nn.Module], nn.Module], used_before: bool, image: Image
) -> None:
    torch._dynamo.reset()
    expected = [saliency(classifier_of(pooling_net()), image, method) for method in ("fused", "gradient", "layer_cam")]
    model = compiled(pooling_net())
    if used_before:
        model(torch.zeros(1, 3, SIDE, SIDE))
    classifier = classifier_of(model)
    for _ in range(3):
        found = [saliency(classifier, image, method) for method in ("fused", "gradient", "layer_cam")]
        assert all(map(np.array_equal, found, expected))


def traced(model: nn.Module) -> nn.Module:
    return torch.jit.trace(model.eval(), torch.zeros(1, 3, SIDE, SIDE))


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("script", [lambda model: torch.jit.script(model.eval()), traced], ids=["script", "trace"])
def test_torchscript_hides_layers_and_the_remedies_work(script: Callable[[nn.Module], nn.Module], image: Image) -> None:
    model = pooling_net()
    classifier, plain = classifier_of(script(model)), classifier_of(model)
    for method in ("fused", "spread_cam", "grad_cam", "cam"):
        with pytest.raises(ValueError, match="whose layers TorchScript hides; load the module that it was made from, "):
            saliency(classifier, image, method)
    for method in ("gradient", "smoothgrad"):
        found, expected = saliency(classifier, image, method), saliency(plain, image, method)
        assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_layers_beside_a_script_are_used() -> None:
    model = pooling_net()
    classifier = classifier_of(nn.Sequential(torch.jit.script(model[:2]), *model[2:]))
    assert takes_any_size(classifier)


def test_averaged_channels_are_not_tokens(image: Image) -> None:
    class Pooled(nn.Module):
        """Tokens that a layer averages, as in Swin networks."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.patches, self.pool, self.linear = nn.Conv2d(3, 24, 2, 2), nn.AdaptiveAvgPool1d(1), nn.Linear(24, 3)

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.linear(self.pool(self.patches(batch).flatten(2)).flatten(1))

    assert saliency(classifier_of(Pooled()), image, "grad_cam").any()


def test_threads_sharing_a_classifier_get_the_same_map() -> None:
    classifier = classifier_of(pooling_net().train())
    photos = [np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8) for seed in range(3)]
    expected = [saliency(classifier, photo, "fused") for photo in photos]

    def same(number: int) -> bool:
        return np.array_equal(saliency(classifier, photos[number % 3], "fused"), expected[number % 3])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(same, range(60)))
    assert all(module.training for module in classifier.model.modules())
