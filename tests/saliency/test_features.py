"""One forward pass: its features and its map, against the definitions of CAM and Grad-CAM; the layers it finds."""

from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn

from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.load import load_classifier
from wsseg.saliency import features, layers
from wsseg.saliency.features import PROBE, forward_pass, takes_any_size
from wsseg.saliency.score import score_of
from wsseg.saliency.views import differentiable

ONE = Target((1,), "class 1")
SEVERAL = Target((0, 2), "class 0|class 2")
WEIGHTED = Target((0, 1), "class 0", (0.75, 0.25))


class Pooled(nn.Module):
    """A stage of stride 16, one of stride 32, global average pooling and one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.fine = nn.Sequential(nn.Conv2d(3, 6, 16, 16), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.deep = nn.Sequential(nn.Conv2d(6, 8, 2, 2), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.deep(self.fine(batch)).mean(dim=(2, 3)))


class Flat(Pooled):
    """The same with a head that has a weight for each cell, and so takes one size only."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8 * 4, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.deep(self.fine(batch)).flatten(1))


def classifier_of(model: nn.Module, side: int = 64) -> Classifier:
    return load_classifier(model, preprocessing=Preprocessing((side, side), (0.5,) * 3, (0.25,) * 3))


def batch(count: int = 2, side: int = 64) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(4))


class TestScore:
    SCORES = torch.tensor([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0]])

    def test_one_class_has_its_own_score(self) -> None:
        torch.testing.assert_close(score_of(self.SCORES, ONE), self.SCORES[:, 1])

    def test_several_classes_have_the_score_of_any_of_them(self) -> None:
        expected = torch.log(torch.exp(self.SCORES[:, 0]) + torch.exp(self.SCORES[:, 2]))
        torch.testing.assert_close(score_of(self.SCORES, SEVERAL), expected)

    def test_weighted_classes_have_the_weighted_sum(self) -> None:
        torch.testing.assert_close(score_of(self.SCORES, WEIGHTED), torch.tensor([1.25, -0.25]))

    def test_weights_are_one_per_class(self) -> None:
        with pytest.raises(ValueError, match="^weights must be one per index"):
            Target((0, 1), "two", (1.0,))


class TestForwardPass:
    def test_on_a_pooled_network_it_is_cam(self) -> None:
        model = Pooled().eval()
        look = forward_pass(classifier_of(model), batch())
        with torch.no_grad():
            features = model.deep(model.fine(batch()))
            expected = torch.einsum("c,nchw->nhw", model.head.weight[1], features) / 4
        torch.testing.assert_close(look.activation(ONE), expected)

    @pytest.mark.parametrize("target", [ONE, SEVERAL, WEIGHTED], ids=["one", "several", "weighted"])
    @pytest.mark.parametrize("network", [Pooled, Flat])
    def test_it_is_grad_cam_as_the_paper_defines_it(self, network: Any, target: Target) -> None:
        model = network().eval()
        look = forward_pass(classifier_of(model), batch())
        for view, found in zip(batch(), look.activation(target), strict=True):
            features = model.deep(model.fine(view[None])).detach().requires_grad_()
            pooled = features.mean(dim=(2, 3)) if network is Pooled else features.flatten(1)
            score_of(model.head(pooled), target).sum().backward()
            assert features.grad is not None
            weights = features.grad[0].mean(dim=(1, 2))
            expected = sum(weight * plane for weight, plane in zip(weights, features[0].detach(), strict=True))
            torch.testing.assert_close(found, expected)

    def test_in_place_layers_do_not_overwrite_features(self) -> None:
        model = Pooled().eval()
        look = forward_pass(classifier_of(model), batch())
        with torch.no_grad():
            torch.testing.assert_close(look.features, model.fine(batch()))

    def test_features_of_a_finer_stage_are_averaged(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).eval()
        look = forward_pass(classifier_of(model, 28), batch(side=28))
        with torch.no_grad():
            expected = model[0](batch(side=28)).unflatten(2, (14, 2)).unflatten(4, (14, 2)).mean(dim=(3, 5))
        torch.testing.assert_close(look.features, expected)

    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    def test_the_caller_s_modes_do_not_matter(self, mode: Any) -> None:
        classifier = classifier_of(Pooled())
        expected = forward_pass(classifier, batch())
        with mode():
            found = forward_pass(classifier, batch())
            activation = found.activation(ONE)
        assert torch.equal(activation, expected.activation(ONE))
        assert torch.equal(found.features, expected.features)

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_network_comes_back_as_it_was_given(self, fails: bool) -> None:
        model = Pooled()
        classifier = classifier_of(model)
        takes_any_size(classifier)
        if fails:
            with pytest.raises(RuntimeError):
                forward_pass(classifier, torch.zeros(1, 5, 64, 64))
        else:
            forward_pass(classifier, batch())
        assert all(module.training and not module._forward_hooks for module in model.modules())
        assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("make", "last", "stage", "any_size"),
    [
        (Pooled, "deep", "fine", True),
        (Flat, "deep", "fine", False),
        (lambda: load_classifier().model, "bn2", "blocks.4", True),
        (lambda: torchvision.models.resnet18(weights=None), "layer4", "layer3", True),
        (lambda: torchvision.models.vgg11(weights=None, init_weights=False), "avgpool", "features.19", True),
        (lambda: timm.create_model("mobilenetv3_small_050", pretrained=False), "blocks", "blocks.3", True),
        (lambda: timm.create_model("hrnet_w18_small", pretrained=False), "final_layer", "incre_modules.2", True),
        (lambda: timm.create_model("ghostnetv2_100", pretrained=False), "blocks", "blocks.6", True),
    ],
    ids=["pooled", "flat", "embedded", "resnet18", "vgg11", "mobilenetv3", "hrnet", "ghostnetv2"],
)
@pytest.mark.slow
def test_layers_are_found(make: Any, last: str, stage: str, any_size: bool) -> None:
    side = 64 if make in (Pooled, Flat) else 224
    classifier = classifier_of(make().eval(), side)
    with classifier.frozen(), differentiable(batch(1, side)) as inputs:
        outputs, scores = layers.forward(classifier, inputs)
        grids = layers.grids_of(classifier, inputs, outputs)
        assert layers.last(grids, score_of(scores, ONE)).name == last
    by_name = {grid.name: grid.activations for grid in grids}
    look = forward_pass(classifier, batch(1, side))
    torch.testing.assert_close(
        look.features, nn.functional.adaptive_avg_pool2d(by_name[stage], look.features.shape[2:])
    )
    assert takes_any_size(classifier) is any_size


class Sliding(nn.Module):
    """A head that is a convolution as large as the grid; on a larger input it has several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fully, self.head = nn.Conv2d(3, 6, 16, 16), nn.Conv2d(6, 6, 4), nn.Linear(6, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.fully(self.body(batch)).mean((2, 3)))


class TestAnySize:
    def test_a_head_that_slides_over_a_larger_input_is_refused(self) -> None:
        assert not takes_any_size(classifier_of(Sliding()))

    def test_a_vision_transformer_takes_other_sizes_only_if_dynamic(self) -> None:
        settings = {"img_size": 64, "depth": 1, "embed_dim": 12, "num_heads": 2, "num_classes": 3}
        for dynamic in (False, True):
            model = timm.create_model("vit_tiny_patch16_224", dynamic_img_size=dynamic, **settings)
            assert takes_any_size(classifier_of(model.eval())) is dynamic

    def test_the_check_runs_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        classifier, tried = classifier_of(Pooled()), list[int]()
        monkeypatch.setattr(features, "_layers_with_grid", lambda _, height, width: tried.append(height) or ["deep"])
        assert takes_any_size(classifier) and takes_any_size(classifier)
        assert tried == [64, 64 + PROBE]


def test_a_network_without_a_grid_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2))
    for look in (takes_any_size, lambda classifier: forward_pass(classifier, batch())):
        with pytest.raises(ValueError, match="^classifier must have layers .*, got Sequential; choose gradient"):
            look(classifier_of(model))


def test_it_is_reproducible() -> None:
    classifier = classifier_of(Pooled())
    first, again = (forward_pass(classifier, batch()) for _ in range(2))
    np.testing.assert_array_equal(first.activation(ONE), again.activation(ONE))
