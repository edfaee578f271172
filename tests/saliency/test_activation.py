"""The network's own maps, against the papers' formulas, other libraries' results, and laws."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import oracles
import pytest
import timm
import torch
from networks import classifier_of, flattening_net, input_of, photo_of, pooling_net, seeded
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.recipe import Recipe
from wsseg.saliency import METHODS, features
from wsseg.saliency.activation import cam, grad_cam
from wsseg.saliency.features import forward_pass
from wsseg.saliency.layers import Output, _grid_size, forward, grids_of, last, last_of_each
from wsseg.saliency.score import score_of
from wsseg.saliency.views import BATCH, differentiable

PEERS = json.loads((Path(__file__).parents[1] / "golden/peers.json").read_text())
MAPS = ("cam", "grad_cam", "grad_cam_plus_plus", "layer_cam", "score_cam")
BY_GRADIENTS = ("grad_cam", "grad_cam_plus_plus", "layer_cam")

SIDE = 12
ONE = Target((1,), "class 1")
SEVERAL = Target((0, 2), "class 0|class 2")
WEIGHTED = Target((0, 2), "class 2", (0.2, 0.8))

every_map = pytest.mark.parametrize("method", MAPS)


def bound(name: str, **changes: Any) -> Callable[[Classifier, Image, Target], torch.Tensor]:
    """Return the method of this name with these numbers of a recipe, by default without the mirror image."""
    recipe = Recipe(**{"mirror": False, **changes})
    return lambda classifier, image, target: METHODS[name](classifier, image, target, recipe)


def slow_layer(model: nn.Sequential, cut: int, inputs: torch.Tensor, indices: list[int]) -> tuple[Any, Any]:
    """A and g of the layer before `cut`, each (k, h, w), by running the network in two halves."""
    activations = model[:cut](inputs).detach().requires_grad_()
    model[cut:](activations.clone())[0, indices].logsumexp(0).backward()
    assert activations.grad is not None
    return activations.detach()[0].numpy(), activations.grad[0].numpy()


@pytest.mark.parametrize("name", sorted(set(MAPS) & PEERS["answers"].keys()))
def test_it_equals_another_library(name: str) -> None:
    side, target = PEERS["side"], Target((PEERS["target"],), "one")
    found = bound(name)(classifier_of(pooling_net(inplace=True), side), photo_of(side), target)
    answer = torch.tensor(PEERS["answers"][name]).clamp(min=0)
    torch.testing.assert_close(found.flatten(), answer, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", [ONE, SEVERAL], ids=lambda target: target.category)
@pytest.mark.parametrize("name", BY_GRADIENTS)
@pytest.mark.parametrize(("layer", "cut"), [("1", 2), ("2", 4), ("3", 4), ("5", 6)])
def test_it_equals_the_paper_s_formula(name: str, layer: str, cut: int, target: Target) -> None:
    """The output of a convolution before an in-place ReLU is the ReLU's."""
    model, photo = flattening_net(SIDE), photo_of(SIDE)
    found = bound(name, layers=layer)(classifier_of(model, SIDE), photo, target)
    halves = slow_layer(model, cut, input_of(photo), list(target.indices))
    expected = getattr(oracles, name)(*halves)
    assert expected.any()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


class TestCam:
    def test_grad_cam_is_cam_divided_by_the_grid_size(self) -> None:
        classifier, photo = classifier_of(pooling_net(stride=2), SIDE), photo_of(SIDE)
        for target in (ONE, SEVERAL, WEIGHTED):
            for mirror in (False, True):
                one, other = (bound(method, mirror=mirror)(classifier, photo, target) for method in ("cam", "grad_cam"))
                assert one.shape == (6, 6)
                assert one.any()
                torch.testing.assert_close(one, other * 36, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_half_precision_pools_as_well(self, dtype: torch.dtype) -> None:
        model, photo = pooling_net().to(dtype), photo_of(SIDE)
        found = bound("cam")(classifier_of(model, SIDE), photo, ONE)
        expected = bound("cam")(classifier_of(pooling_net(), SIDE), photo, ONE)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=0, atol=0.1 * float(expected.max()))

    @pytest.mark.parametrize(
        "head",
        [
            (nn.Flatten(), nn.Linear(6 * SIDE * SIDE, 3)),
            (nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 3)),
            (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 6), nn.Linear(6, 3)),
            (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(6), nn.Linear(6, 3)),
            (nn.Conv2d(6, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            (nn.AvgPool2d(SIDE, divisor_override=137), nn.Flatten(), nn.Linear(6, 3)),
        ],
        ids=["no pooling", "maximum", "two layers", "norm", "no linear layer", "a little more"],
    )
    def test_other_endings_are_refused(self, head: tuple[nn.Module, ...]) -> None:
        model = nn.Sequential(pooling_net()[0], *head)
        torch.manual_seed(0)
        for module in head:
            for parameter in module.parameters():
                nn.init.normal_(parameter)
        with pytest.raises(ValueError, match="^classifier must end in global average pooling .*; choose grad_cam"):
            cam(classifier_of(model, SIDE), photo_of(SIDE), ONE, mirror=False)


class TestGradCamPlusPlus:
    def test_a_map_without_activations_is_zero(self) -> None:
        model = pooling_net()
        with torch.no_grad():
            model[0][2].bias.fill_(-100)
        found = bound("grad_cam_plus_plus")(classifier_of(model, SIDE), photo_of(SIDE), ONE)
        assert not found.any()


class TestLayerCam:
    def test_several_layers_are_joined_by_their_maximum(self) -> None:
        model, photo = flattening_net(SIDE), photo_of(SIDE)
        classifier = classifier_of(model, SIDE)
        fused = torch.zeros(SIDE, SIDE)
        for cut in (2, 4, 6):
            one = torch.tensor(oracles.layer_cam(*slow_layer(model, cut, input_of(photo), [1]))).float()
            one = torch.tanh(2 * one / one.max())
            size = (SIDE, SIDE)
            fused = fused.maximum(nn.functional.interpolate(one[None, None], size, mode="bilinear")[0, 0])
        for layers in ("1,3,5", " 5, 1 ,3", ""):
            torch.testing.assert_close(bound("layer_cam", layers=layers)(classifier, photo, ONE), fused)

    def test_a_layer_without_a_map_adds_nothing(self) -> None:
        model = flattening_net(SIDE)
        with torch.no_grad():
            model[4].bias.fill_(-100)
        assert not bound("layer_cam")(classifier_of(model, SIDE), photo_of(SIDE), ONE).any()


class TestScoreCam:
    @pytest.mark.parametrize("target", [ONE, SEVERAL], ids=lambda target: target.category)
    @pytest.mark.parametrize("layer", ["3", "5"])
    def test_it_equals_the_paper_s_formula(self, layer: str, target: Target) -> None:
        model, photo = flattening_net(SIDE), photo_of(SIDE)
        view = input_of(photo)

        def score(masked: Any) -> float:
            with torch.no_grad():
                return float(model(torch.tensor(masked)[None])[0, list(target.indices)].logsumexp(0))

        with torch.no_grad():
            planes = model[: int(layer) + 1](view)[0].numpy()
        found = bound("score_cam", layers=layer)(classifier_of(model, SIDE), photo, target)
        np.testing.assert_allclose(found, oracles.score_cam(planes, view[0].numpy(), score), rtol=1e-4, atol=1e-6)

    def test_the_channels_that_vary_most_are_used(self) -> None:
        """A channel of large values that vary little is not used."""
        model, photo = pooling_net(), photo_of(SIDE)
        with torch.no_grad():
            model[0][2].weight[4] /= 10
            model[0][2].bias[4] = 9
            planes = model[0](input_of(photo))[0]
            order = planes.flatten(1).std(1).argsort(descending=True)
            assert planes.flatten(1).mean(1).argmax() == 4 != order[0]
            one = bound("score_cam", channels=1)(classifier_of(model, SIDE), photo, ONE)
            torch.testing.assert_close(one, planes[order[0]])

    def test_it_sees_a_few_masks_at_a_time(self) -> None:
        model = pooling_net()
        model[0] = nn.Sequential(nn.Conv2d(3, BATCH + 3, 3, padding=1))
        model[3] = nn.Linear(BATCH + 3, 3)
        classifier = classifier_of(model, SIDE)
        sizes: list[int] = []
        model.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
        bound("score_cam", mirror=True, channels=BATCH + 1)(classifier, photo_of(SIDE), ONE)
        assert sizes == [2, BATCH, 1, BATCH, 1]


class TestLayers:
    def test_an_unknown_name_suggests_the_nearest(self) -> None:
        with pytest.raises(ValueError, match=r"^layers must name .* Sequential .*, got '0.9'; the nearest are .*0\.\d"):
            bound("grad_cam", layers="0.1,0.9")(classifier_of(pooling_net(), SIDE), photo_of(SIDE), ONE)

    @pytest.mark.parametrize("name", BY_GRADIENTS)
    def test_a_layer_that_the_score_does_not_depend_on_has_an_empty_map(self, name: str) -> None:
        class Aside(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.main, self.aside = pooling_net(), nn.Conv2d(3, 2, 1)

            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                self.aside(batch)
                return self.main(batch)

        found = bound(name, layers="aside")(classifier_of(Aside(), SIDE), photo_of(SIDE), ONE)
        assert found.shape == (SIDE, SIDE)
        assert not found.any()

    @pytest.mark.parametrize("name", ["1", "2", "3"])
    def test_a_layer_without_a_grid_suggests_the_nearest(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"^layers must .*, got '{name}', which gives none; the nearest are 0"):
            bound("grad_cam", layers=name)(classifier_of(pooling_net(), SIDE), photo_of(SIDE), ONE)

    @every_map
    def test_a_network_without_a_grid_is_refused(self, method: str) -> None:
        model = seeded(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 3)))
        with pytest.raises(
            ValueError, match="^classifier must have layers that give a grid .*, got Sequential; choose gradient"
        ):
            bound(method)(classifier_of(model, SIDE), photo_of(SIDE), ONE)


class Laid(nn.Module):
    """A pooling network whose last layer has one of the layouts that networks use for grids."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, 4)
        self.laid, self.head = nn.Tanh(), nn.Linear(6, 3)
        self.layout = layout
        seeded(self, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        planes = self.patches(batch)
        if self.layout == "planes":
            return self.head(self.laid(planes).mean((2, 3)))
        if self.layout == "channels last":
            return self.head(self.laid(planes.permute(0, 2, 3, 1)).mean((1, 2)))
        prefix = int(self.layout)
        tokens = torch.cat([planes.new_ones(len(planes), prefix, 6), planes.flatten(2).transpose(1, 2)], dim=1)
        return self.head(self.laid(tokens)[:, prefix:].mean(1))


@pytest.mark.parametrize("size", [(16, 16), (16, 28), (24, 8)])
@pytest.mark.parametrize("layout", ["channels last", "0", "1", "2", "5"])
@every_map
def test_the_layout_does_not_matter(method: str, layout: str, size: tuple[int, int]) -> None:
    found, expected = (
        bound(method, mirror=True)(classifier_of(Laid(one), *size), photo_of(*size), ONE) for one in (layout, "planes")
    )
    assert found.shape == (size[0] // 4, size[1] // 4)
    assert found.any()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 5, 4, 8), (4, 8)),
        ((2, 4, 8, 5), (4, 8)),
        ((2, 4, 4, 4), (4, 4)),
        ((2, 5, 2, 3), (2, 3)),
        ((2, 32, 5), (4, 8)),
        ((2, 48, 5), (4, 8)),
        ((2, 128, 5), (8, 16)),
        ((2, 5, 8, 16), (8, 16)),
        ((2, 31, 5), None),
        ((2, 49, 5), None),
        ((2, 5, 1, 1), None),
        ((2, 5, 4, 9), None),
        ((2, 5, 5, 8), None),
        ((2, 5, 4, 1), None),
        ((2, 3, 17, 64), None),
        ((4, 5, 4, 8), None),
        ((1, 32, 5), None),
        ((2, 5), None),
        ((2, 5, 0, 0), None),
    ],
)
def test_a_grid_has_the_photo_s_proportions_and_is_no_finer_than_before(
    shape: tuple[int, ...], size: tuple[int, int] | None
) -> None:
    output = Output("", nn.ReLU(), torch.zeros(shape))
    assert _grid_size(output, 2, [(64, 128), (8, 16), (4, 8)]) == size


@pytest.mark.parametrize(
    ("module", "size"),
    [
        (nn.Conv2d(5, 5, 3, 2), (6, 12)),
        (nn.Conv2d(5, 5, 1), None),
        (nn.ReLU(), None),
        (nn.Dropout(), None),
    ],
    ids=["stride", "none", "ReLU", "dropout"],
)
def test_a_finer_grid_than_before_begins_with_a_stride(module: nn.Module, size: tuple[int, int] | None) -> None:
    assert _grid_size(Output("", module, torch.zeros(2, 5, 6, 12)), 2, [(64, 128), (4, 8)]) == size


@pytest.mark.parametrize("module", [nn.Identity(), nn.Dropout(), nn.Softmax(1)], ids=lambda module: str(module))
def test_attention_weights_are_not_a_grid(module: nn.Module) -> None:
    assert _grid_size(Output("", module, torch.zeros(2, 5, 4, 8)), 2, [(64, 128), (4, 8)]) is None
    assert _grid_size(Output("", module, torch.zeros(2, 33, 5)), 2, [(64, 128), (4, 8)]) == (4, 8)


class Probed(nn.Module):
    """A backbone of features with a linear head, as DINO's are used."""

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(features, 5)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(batch))


def network(name: str, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=5, **settings)
    for parameter in model.parameters():  # Swin's and ConvNeXt's heads start near zero.
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return model


def vit(name: str = "vit_tiny_patch16_224", **settings: Any) -> nn.Module:
    return network(name, **{"img_size": 64, "depth": 2, "embed_dim": 24, "num_heads": 3} | settings)


def dino() -> nn.Module:
    backbone = vit("vit_small_patch14_reg4_dinov2", img_size=56)
    backbone.reset_classifier(0)
    return Probed(backbone, 24)


def swin(name: str, **settings: Any) -> nn.Module:
    return network(name, img_size=64, depths=(1, 1, 1, 1), num_heads=(1, 2, 3, 3), embed_dim=12, window_size=2)


def small_convnext() -> nn.Module:
    return network("convnext_atto", dims=(8, 12, 16, 24), depths=(1, 1, 1, 1))


def small_pvt() -> nn.Module:
    """A network whose attention uses coarser grids within each stage."""
    return network("pvt_v2_b0", depths=(1, 1, 1, 1), embed_dims=(8, 16, 24, 32), num_heads=(1, 2, 3, 4))


class Case(NamedTuple):
    """A kind of network, and the layers that are found in it."""

    make: Callable[[], nn.Module]
    size: tuple[int, int]
    layers: str
    """The last layer at each size of grid that the score depends on."""
    grid: tuple[int, int]
    """Grid of the last layer."""
    stage: str = ""
    """Layer whose features are used."""


SWIN_STAGES = "layers.0,layers.1,layers.2,norm"
EFFICIENTNET_STAGES = "blocks.1.0.bn1,blocks.2.0.bn1,blocks.3.0.bn1,blocks.5.0.bn1,bn2"
CONVNEXT_STAGES = "stages.1.downsample.0,stages.2.downsample.0,stages.3.downsample.0,stages"
CASES = {
    "ViT": Case(vit, (64, 64), "blocks.1.norm1", (4, 4), "norm"),
    "ViT, wide": Case(lambda: vit(img_size=(32, 64)), (32, 64), "blocks.1.norm1", (2, 4), "norm"),
    "ViT, average": Case(lambda: vit(global_pool="avg"), (64, 64), "norm", (4, 4), "norm"),
    "DeiT": Case(lambda: vit("deit_tiny_distilled_patch16_224"), (64, 64), "blocks.1.norm1", (4, 4), "norm"),
    "DINO": Case(dino, (56, 56), "backbone.blocks.1.norm1", (4, 4), "backbone.norm"),
    "Swin": Case(lambda: swin("swin_tiny_patch4_window7_224"), (64, 64), SWIN_STAGES, (2, 2), "layers.2"),
    "Swin 2": Case(lambda: swin("swinv2_tiny_window8_256"), (64, 64), SWIN_STAGES, (2, 2), "layers.2"),
    "PVT": Case(small_pvt, (64, 64), "stages.0,stages.1,stages.2,stages", (2, 2), "stages.2"),
    "ResNet": Case(lambda: network("resnet10t"), (64, 64), "act1,layer1,layer2,layer3,layer4", (2, 2), "layer3"),
    "EfficientNet": Case(lambda: network("tf_efficientnet_lite0"), (64, 96), EFFICIENTNET_STAGES, (2, 3), "blocks.4"),
    "ConvNeXt": Case(small_convnext, (64, 64), CONVNEXT_STAGES, (2, 2), "stages.2"),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
def test_layers_are_found(case: Case) -> None:
    classifier, photo = classifier_of(case.make().eval(), *case.size), photo_of(*case.size)
    with classifier.frozen(), differentiable(classifier.preprocess(photo)) as inputs:
        outputs, scores = forward(classifier, inputs)
        grids, score = grids_of(classifier, inputs, outputs), score_of(scores, ONE)
        assert ",".join(grid.name for grid in last_of_each(grids, score)) == case.layers
        found = last(grids, score)
    assert found.size == case.grid
    assert found.name == case.layers.split(",")[-1]


@every_case
def test_a_forward_pass_uses_the_found_layers(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CELLS", 4)
    model = case.make().eval()
    classifier, photo = classifier_of(model, *case.size), photo_of(*case.size)
    kept: list[torch.Tensor] = []
    hook = model.get_submodule(case.stage).register_forward_hook(lambda module, inputs, output: kept.append(output))
    view = classifier.preprocess(photo)
    look = forward_pass(classifier, view)
    hook.remove()
    stage = kept[0].detach()
    if stage.ndim == 3:
        stage = stage[:, -math.prod(case.grid) :].unflatten(1, case.grid)
    if stage.shape[1] != look.features.shape[1]:
        stage = stage.permute(0, 3, 1, 2)
    torch.testing.assert_close(look.features, nn.functional.adaptive_avg_pool2d(stage, look.features.shape[2:]))
    expected = grad_cam(classifier, photo, ONE, mirror=False, layers=case.layers.split(",")[-1])
    torch.testing.assert_close(look.activation(ONE).clamp(min=0)[0], expected)


@pytest.mark.slow
@every_case
@pytest.mark.parametrize("name", ["grad_cam", "layer_cam"])
def test_the_found_layers_are_used(name: str, case: Case) -> None:
    classifier, photo = classifier_of(case.make().eval(), *case.size), photo_of(*case.size)
    layers = case.layers if name == "layer_cam" else case.layers.split(",")[-1]
    found, same = (bound(name, layers=one, mirror=True)(classifier, photo, ONE) for one in ("", layers))
    assert torch.equal(found, same)
    assert found.isfinite().all()
    assert found.min() >= 0
    assert found.any() or name == "grad_cam"
    assert found.shape == case.grid or name == "layer_cam"


def hiera() -> nn.Module:
    """A network that sorts its tokens by windows, then pools them."""
    return network("hiera_tiny_224", img_size=(64, 64), embed_dim=12, stages=(1, 1, 1, 1), mask_unit_size=(8, 8))


def levit() -> nn.Module:
    """A network that pools its tokens."""
    settings = {"embed_dim": (16, 16, 16), "depth": (1, 1, 1), "num_heads": (2, 2, 2), "key_dim": 8}
    return network("levit_128s", **settings)


class SequenceFirst(nn.Module):
    """A network with torch's own transformer, whose first axis is the tokens, not the photos."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.mix, self.head = nn.Conv2d(3, 6, 8, 8), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.mix(self.patches(batch).flatten(2).permute(2, 0, 1)).mean(0))


@pytest.mark.parametrize(
    ("make", "side"), [(hiera, 64), (levit, 224), (SequenceFirst, 64)], ids=["Hiera", "LeViT", "sequence first"]
)
def test_tokens_in_an_unknown_order_are_refused(make: Callable[[], nn.Module], side: int) -> None:
    classifier, photo = classifier_of(make().eval(), side), photo_of(side)
    for look in (bound("layer_cam"), bound("grad_cam", layers="patches"), bound("fused", samples=1)):
        with pytest.raises(
            ValueError, match="^classifier must have layers .*, whose .* unknown order; choose gradient"
        ):
            look(classifier, photo, ONE)


@pytest.mark.parametrize("kind", ["ViT", "ViT, wide", "DeiT", "DINO", "Swin"])
def test_the_fused_map_of_a_transformer_follows_the_photo(kind: str) -> None:
    """The map of the mirror image is the mirrored map."""
    case = CASES[kind]
    classifier, photo = classifier_of(case.make().eval(), *case.size), photo_of(*case.size)
    look = bound("fused", mirror=True, samples=1, noise=0.0)
    found, mirrored = (look(classifier, np.ascontiguousarray(each), ONE) for each in (photo, photo[:, ::-1]))
    assert found.shape == case.grid or kind == "Swin"
    assert (found.min(), found.max()) == (0, 1)
    torch.testing.assert_close(found, mirrored.flip(1), rtol=1e-3, atol=1e-3)


def test_a_transformer_that_averages_its_tokens_has_a_cam() -> None:
    model = vit(global_pool="avg", fc_norm=False).eval()
    classifier, photo = classifier_of(model, 64), photo_of(64)
    one, other = (bound(method)(classifier, photo, ONE) for method in ("cam", "grad_cam"))
    assert one.any()
    torch.testing.assert_close(one, other * 16, rtol=1e-3, atol=1e-5)


@every_map
class TestEveryMap:
    def test_the_mirror_image_is_flipped_back(self, method: str) -> None:
        classifier, photo = classifier_of(pooling_net(stride=2), SIDE), photo_of(SIDE)
        both = bound(method, mirror=True)(classifier, photo, ONE)
        one, other = (bound(method)(classifier, np.ascontiguousarray(each), ONE) for each in (photo, photo[:, ::-1]))
        torch.testing.assert_close(both, (one + other.flip(1)) / 2, rtol=1e-4, atol=1e-6)

    def test_a_relu_in_place_makes_no_difference(self, method: str) -> None:
        one, other = (
            bound(method)(classifier_of(pooling_net(inplace=inplace), SIDE), photo_of(SIDE), ONE)
            for inplace in (False, True)
        )
        assert torch.equal(one, other)
