"""EfficientNet-Lite against timm's, which has the same layers under the same names."""

import pytest
import timm
import torch
from torch import nn

from wsseg.classifier.lite import VARIANTS, EfficientNetLite


@pytest.fixture(params=VARIANTS)
def both(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module]:
    """Our network and timm's, with the same random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = timm.create_model(f"tf_{request.param}", pretrained=False).eval()
        for module in theirs.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                    tensor.data.uniform_(0.5, 1.5)
    ours = EfficientNetLite(request.param).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("size", [(224, 224), (288, 352), (97, 130)], ids=str)
def test_it_computes_the_same_numbers(both: tuple[nn.Module, nn.Module], size: tuple[int, int]) -> None:
    batch = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    found, expected = ({}, {})
    for network, outputs in zip(both, (found, expected), strict=True):
        for name, module in network.named_modules():
            module.register_forward_hook(lambda _m, _i, output, name=name, to=outputs: to.update({name: output}))
        network(batch)
    assert found.keys() <= expected.keys()
    assert list(found) == [name for name in expected if name in found]
    for name, output in found.items():
        torch.testing.assert_close(output, expected[name], rtol=0, atol=0)


def test_only_layers_that_do_nothing_are_missing(both: tuple[nn.Module, nn.Module]) -> None:
    ours, theirs = (dict(network.named_modules()) for network in both)
    assert ours.keys() <= theirs.keys()
    assert {type(theirs[name]) for name in theirs.keys() - ours.keys()} == {nn.Identity}


def test_the_number_of_classes_is_that_of_the_scores() -> None:
    assert EfficientNetLite("efficientnet_lite0", 7).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
