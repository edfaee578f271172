"""Maps of gradients, against networks with a known gradient, slow versions, and captum's results."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import classifier_of as sized
from networks import flattening_net, input_of, photo_of, pooling_net
from small_nets import INTEGRATED, ONE, SEVERAL, SIDE, SMOOTH, Linear, classifier_of, small_net
from torch import nn

from wsseg.arrays import Image, Saliency
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.recipe import Recipe
from wsseg.saliency import gradient, saliency_from_classifier, smoothgrad
from wsseg.saliency.gradient import attributions, guided_backprop, guided_gradient, integrated_gradients, score_gradient
from wsseg.saliency.views import BATCH


def slow_gradient(classifier: Classifier, view: torch.Tensor, target: Target) -> torch.Tensor:
    """The article's map of one view, by a backward pass of its own."""
    view = view.clone().requires_grad_()
    with classifier.frozen():
        torch.logsumexp(classifier.scores(view)[0, list(target.indices)], dim=0).backward()
    assert view.grad is not None
    return view.grad[0].abs().max(dim=0).values


class TestGradient:
    @pytest.mark.parametrize("index", range(3))
    def test_a_linear_network_has_its_weights_as_map(self, image: Image, index: int) -> None:
        model = Linear()
        found = gradient(classifier_of(model), image, Target((index,), "one"), mirror=False, crops=False)
        torch.testing.assert_close(found, model.weight[index].abs().amax(0).detach())

    def test_the_more_probable_of_several_classes_counts_more(self, image: Image) -> None:
        model = Linear()
        classifier = classifier_of(model)
        found = gradient(classifier, image, SEVERAL, mirror=False, crops=False)
        shares = classifier.scores(classifier.preprocess(image))[0, [0, 2]].softmax(0)
        mixed = torch.einsum("k,kchw->chw", shares, model.weight[[0, 2]])
        torch.testing.assert_close(found, mixed.abs().amax(0).detach())

    def test_the_score_is_not_normalized(self, image: Image) -> None:
        """Another class's score changes the gradient of every probability, but not of this score."""

        class Coupled(Linear):
            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                scores = super().forward(batch)
                return torch.cat([scores[:, :1] * 7, scores[:, 1:]], dim=1)

        plain, coupled = (
            gradient(classifier_of(m), image, ONE, mirror=False, crops=False) for m in (Linear(), Coupled())
        )
        torch.testing.assert_close(plain, coupled)

    @pytest.mark.parametrize("target", [ONE, SEVERAL], ids=lambda target: target.category)
    def test_it_equals_the_slow_version(self, classifier: Classifier, image: Image, target: Target) -> None:
        found = gradient(classifier, image, target, mirror=False, crops=False)
        torch.testing.assert_close(found, slow_gradient(classifier, classifier.preprocess(image), target))

    def test_the_mirror_image_s_map_is_flipped_back(self, classifier: Classifier, image: Image) -> None:
        view = classifier.preprocess(image)
        both = slow_gradient(classifier, view, ONE) + slow_gradient(classifier, view.flip(3), ONE).flip(1)
        torch.testing.assert_close(gradient(classifier, image, ONE, mirror=True, crops=False), both / 2)

    def test_the_map_of_the_mirror_image_is_mirrored(self, classifier: Classifier, image: Image) -> None:
        found, mirrored = (
            gradient(classifier, photo, ONE, mirror=True, crops=True) for photo in (image, image[:, ::-1])
        )
        torch.testing.assert_close(found, mirrored.flip(1), rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("mirror", [False, True])
    def test_crops_are_put_back_in_place(self, classifier: Classifier, image: Image, mirror: bool) -> None:
        canvas = classifier.preprocess(image, (16, 16))
        total, count = torch.zeros(16, 16), torch.zeros(16, 16)
        for y, x in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1)):
            crop = canvas[:, :, y : y + SIDE, x : x + SIDE]
            maps = [slow_gradient(classifier, crop, ONE)]
            if mirror:
                maps.append(slow_gradient(classifier, crop.flip(3), ONE).flip(1))
            total[y : y + SIDE, x : x + SIDE] += sum(maps) / len(maps)
            count[y : y + SIDE, x : x + SIDE] += 1
        assert count.min() == 1
        torch.testing.assert_close(gradient(classifier, image, ONE, mirror=mirror, crops=True), total / count)


class TestSmoothGrad:
    def test_one_copy_without_noise_is_the_gradient(self, classifier: Classifier, image: Image) -> None:
        one = smoothgrad(classifier, image, ONE, **SMOOTH | {"samples": 1, "noise": 0.0})
        assert torch.equal(one, gradient(classifier, image, ONE, mirror=True, crops=False))

    @pytest.mark.parametrize("samples", [3, BATCH + 1])
    def test_it_equals_the_slow_version(self, classifier: Classifier, image: Image, samples: int) -> None:
        view = classifier.preprocess(image)
        generator = torch.Generator().manual_seed(5)
        noise = 0.2 * (view.max() - view.min()) * torch.randn((samples, *view.shape[1:]), generator=generator)
        maps = [slow_gradient(classifier, view + one, ONE) for one in noise]
        changes = {"mirror": False, "samples": samples, "random_state": 5}
        found = smoothgrad(classifier, image, ONE, **SMOOTH | changes)
        torch.testing.assert_close(found, torch.stack(maps).mean(0), rtol=1e-4, atol=1e-6)

    def test_only_the_random_state_makes_it_differ(self, image: Image) -> None:
        classifier = classifier_of(small_net())
        first, again, other = (smoothgrad(classifier, image, ONE, **SMOOTH | {"random_state": n}) for n in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


class TestIntegratedGradients:
    def test_a_linear_network_has_its_weights_times_the_distance_from_black(self, image: Image) -> None:
        model = Linear()
        classifier = classifier_of(model)
        way = classifier.preprocess(image)[0] - classifier.preprocess(np.zeros_like(image))[0]
        found = integrated_gradients(classifier, image, ONE, **INTEGRATED)
        torch.testing.assert_close(found, (model.weight[1] * way).abs().amax(0).detach(), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("target", [ONE, SEVERAL], ids=lambda target: target.category)
    def test_attributions_sum_to_the_score_s_gain_over_black(self, target: Target) -> None:
        photo = photo_of(12)
        classifier = sized(flattening_net(12), 12)
        views = torch.cat([classifier.preprocess(photo), classifier.preprocess(photo[::-1].copy())])
        black = classifier.preprocess(np.zeros_like(photo))
        with classifier.frozen():
            before, after = (classifier.scores(batch)[:, list(target.indices)].logsumexp(1) for batch in (black, views))
            errors = [
                (attributions(classifier, views, target, steps=steps).sum((1, 2, 3)) - (after - before)).abs().max()
                for steps in (1, 300)
            ]
        assert errors[1] < 1e-2 * (after - before).abs().max()
        assert errors[1] < errors[0] / 10

    def test_it_averages_gradients_along_the_path(self, image: Image) -> None:
        classifier = classifier_of(small_net())
        view, black = (classifier.preprocess(photo) for photo in (image, np.zeros_like(image)))
        total = torch.zeros_like(view)
        for step in range(7):
            point = (black + (step + 0.5) / 7 * (view - black)).requires_grad_()
            with classifier.frozen():
                classifier.scores(point)[0, 1].backward()
            assert point.grad is not None
            total += point.grad
        expected = ((view - black) * total / 7)[0].abs().amax(0)
        found = integrated_gradients(classifier, image, ONE, **INTEGRATED)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


class Guided(torch.autograd.Function):
    """A ReLU that passes a slope back if slope and input are positive: Springenberg et al. 2014, section 3.4."""

    @staticmethod
    def forward(ctx: Any, batch: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(batch)
        return batch.clamp(0, 6)

    @staticmethod
    def backward(ctx: Any, slopes: torch.Tensor) -> torch.Tensor:
        (batch,) = ctx.saved_tensors
        return slopes * (slopes > 0) * (batch > 0) * (batch < 6)


class Rectified(nn.Module):
    """Two convolutions with a rectifier after each, and the sum of their outputs."""

    def __init__(self, rectify: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.head, self.rectify = nn.Linear(6 * SIDE * SIDE, 3), rectify

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        seen = self.rectify(self.first(batch))
        return self.head((seen + self.rectify(self.second(seen))).flatten(1))


class TestGuidedBackprop:
    @pytest.mark.parametrize(
        "rectify",
        [
            nn.ReLU(),
            nn.ReLU(inplace=True),
            nn.ReLU6(),
            nn.ReLU6(inplace=True),
            nn.functional.relu,
            torch.relu_,
            nn.Hardtanh(0, 6),
        ],
        ids=["ReLU", "ReLU in place", "ReLU6", "ReLU6 in place", "relu", "relu_", "Hardtanh from 0"],
    )
    @pytest.mark.parametrize("target", [ONE, SEVERAL], ids=lambda target: target.category)
    def test_no_rectifier_passes_on_a_negative_slope(self, image: Image, rectify: Any, target: Target) -> None:
        found, expected = (classifier_of(Rectified(each)) for each in (rectify, Guided.apply))
        view = found.preprocess(image)
        plain = score_gradient(expected, view, target)
        guided = guided_gradient(found, view, target)
        torch.testing.assert_close(guided, plain, rtol=1e-4, atol=1e-6)
        assert not torch.allclose(guided, score_gradient(found, view, target), rtol=0.1)
        maps = guided_backprop(found, image, target, mirror=False, crops=False)
        torch.testing.assert_close(maps, plain[0].abs().amax(0))

    def test_the_plain_gradient_returns_afterwards(self, image: Image) -> None:
        classifier = classifier_of(small_net())
        view = classifier.preprocess(image)
        with classifier.frozen():
            before = score_gradient(classifier, view, ONE)
            guided_gradient(classifier, view, ONE)
            assert torch.equal(score_gradient(classifier, view, ONE), before)

    @pytest.mark.parametrize(
        ("other", "name"),
        [
            (nn.GELU(), "Gelu"),
            (nn.SiLU(), "Silu"),
            (nn.Sigmoid(), "Sigmoid"),
            (nn.Hardswish(), "Hardswish"),
            (nn.LeakyReLU(), "LeakyRelu"),
            (nn.Hardtanh(), "Hardtanh"),
            (nn.Softmax(1), "Softmax"),
            (nn.PReLU(), "PreluKernel"),
        ],
    )
    def test_other_activations_are_refused_by_name(self, image: Image, other: nn.Module, name: str) -> None:
        words = f"^classifier must have ReLU or ReLU6 and no other .*, got {name} in Rectified; choose"
        for rectify in (other, lambda batch: other(batch.relu())):
            with pytest.raises(ValueError, match=words):
                guided_backprop(classifier_of(Rectified(rectify)), image, ONE, mirror=False, crops=False)

    def test_a_network_without_activations_is_refused(self, image: Image) -> None:
        with pytest.raises(
            ValueError, match="^classifier must have ReLU or ReLU6 and no other .*, got none in Linear; choose"
        ):
            guided_backprop(classifier_of(Linear()), image, ONE, mirror=False, crops=False)


class TestPeers:
    PEERS = json.loads((Path(__file__).parents[1] / "golden/peers.json").read_text())

    @pytest.mark.parametrize("name", ["integrated", "guided"])
    def test_slopes_equal_captum(self, name: str) -> None:
        classifier, target = sized(pooling_net(), self.PEERS["side"]), Target((self.PEERS["target"],), "one")
        view = input_of(photo_of(self.PEERS["side"]))
        if name == "integrated":
            found = attributions(classifier, view, target, steps=self.PEERS["steps"])
        else:
            found = guided_gradient(classifier, view, target)
        torch.testing.assert_close(found.flatten(), torch.tensor(self.PEERS["answers"][name]), rtol=1e-3, atol=1e-7)


def test_slopes_depend_on_each_photo_alone(image: Image) -> None:
    classifier = classifier_of(small_net())
    views = torch.cat([classifier.preprocess(image), classifier.preprocess(image[::-1])])
    with classifier.frozen():
        together = score_gradient(classifier, views, ONE)
        apart = [score_gradient(classifier, view[None], ONE) for view in views]
    torch.testing.assert_close(together, torch.cat(apart))


def test_mirror_counts_with_and_without_a_given_target(image: Image) -> None:
    """`mirror_given` counts only with one."""
    classifier = classifier_of(small_net())

    def mapped(target: Target, **switches: bool) -> Saliency:
        recipe = replace(Recipe(method="gradient", objectness=0.0, mirror=False, mirror_given=False), **switches)
        return saliency_from_classifier(classifier, image, target, recipe)

    guessed = replace(ONE, weights=(1.0,))
    plain, mirrored = mapped(guessed), mapped(guessed, mirror=True)
    assert not np.array_equal(plain, mirrored)
    np.testing.assert_array_equal(mapped(ONE, mirror=True), mirrored)
    np.testing.assert_array_equal(mapped(ONE, mirror_given=True), mirrored)
    np.testing.assert_array_equal(mapped(guessed, mirror_given=True), plain)
