"""EfficientNet-Lite against timm's, which has the same layers under the same names."""

import pytest
import timm
import torch
from torch import nn

from wsseg.classifier.classifier import IMAGENET
from wsseg.classifier.lite import VARIANTS, EfficientNetLite, folded
from wsseg.classifier.load import load_classifier


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


@pytest.mark.parametrize("size", [(224, 224), (97, 130)], ids=str)
def test_folding_changes_rounding_alone(both: tuple[nn.Module, nn.Module], size: tuple[int, int]) -> None:
    network, before = both[0], {name: tensor.clone() for name, tensor in both[0].state_dict().items()}
    batch = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = folded(network)(batch), network(batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_folding_keeps_the_gradient() -> None:
    classifier = load_classifier()
    slopes = []
    for network in (classifier.model, classifier.running):
        inputs = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1)).requires_grad_()
        slopes += torch.autograd.grad(network.eval()(inputs)[:, 7].sum(), inputs)
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-3 * float(slopes[0].abs().max()))


def test_a_folded_network_has_no_normalization_and_the_same_layers(both: tuple[nn.Module, nn.Module]) -> None:
    names = {name for name, _ in both[0].named_modules() if not name.endswith(".act")}
    modules = dict(folded(both[0]).named_modules())
    assert modules.keys() == names
    assert not any(isinstance(module, nn.BatchNorm2d) for module in modules.values())


def test_a_network_folded_in_inference_mode_has_gradients() -> None:
    with torch.inference_mode():
        network = load_classifier().running
    inputs = torch.zeros(1, 3, 64, 64, requires_grad=True)
    (slopes,) = torch.autograd.grad(network(inputs).sum(), inputs)
    assert slopes.isfinite().all()


def test_a_network_of_one_s_own_may_go_on_learning(both: tuple[nn.Module, nn.Module]) -> None:
    classifier, batch = load_classifier(both[0], preprocessing=IMAGENET), torch.ones(1, 3, 64, 64)
    before = classifier.scores(batch)
    with torch.no_grad():
        both[0].get_parameter("conv_head.weight").mul_(0.5)
    assert not torch.equal(classifier.scores(batch), before)


def test_only_layers_that_do_nothing_are_missing(both: tuple[nn.Module, nn.Module]) -> None:
    ours, theirs = (dict(network.named_modules()) for network in both)
    assert ours.keys() <= theirs.keys()
    assert {type(theirs[name]) for name in theirs.keys() - ours.keys()} == {nn.Identity}


def test_the_number_of_classes_is_that_of_the_scores() -> None:
    assert EfficientNetLite("efficientnet_lite0", 7).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
