"""Maps of gradients, against networks whose gradient is known, slow and obvious versions, and captum's answers."""

import gc
import json
import weakref
from collections.abc import Callable
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from networks import classifier_of as sized
from networks import flattening_net, input_of, photo_of, pooling_net
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.load import load_classifier
from wsseg.recipe import METHODS as NAMES
from wsseg.recipe import Recipe
from wsseg.saliency import METHODS, diffuseness, gradient, saliency_from_classifier, saliency_from_map, smoothgrad
from wsseg.saliency.gradient import attributions, guided_backprop, guided_gradient, integrated_gradients, score_gradient
from wsseg.saliency.views import BATCH

SIDE = 14
"""Of the networks' input: 16 when crops are taken."""

ONE = Target((1,), "class 1")
SEVERAL = Target((0, 2), "class 0|class 2")
INTEGRATED = {"mirror": False, "crops": False, "steps": 7}
SMOOTH = {"mirror": True, "crops": False, "samples": 3, "noise": 0.2, "random_state": 0}


class Linear(nn.Module):
    """Three scores, each a weighted sum of the input."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(torch.randn(3, 3, SIDE, SIDE, generator=generator))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nchw,kchw->nk", batch, self.weight)


def small_net(pooled: int = 2) -> nn.Sequential:
    """Convolution, batch norm, in-place ReLU and dropout, in training mode as it comes."""
    torch.manual_seed(2)
    body = (nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.5))
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(pooled), nn.Flatten(), nn.Linear(8 * pooled**2, 3))


def classifier_of(model: nn.Module) -> Classifier:
    return load_classifier(model, preprocessing=Preprocessing((SIDE, SIDE), (0.5,) * 3, (0.25,) * 3))


@pytest.fixture(params=[Linear, small_net], ids=["linear", "small net"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return classifier_of(request.param())


@pytest.fixture
def image() -> Image:
    """Taller than wide, and larger than the input."""
    return np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)


@pytest.fixture(scope="module")
def embedded() -> Classifier:
    return load_classifier()


@pytest.fixture(scope="module")
def chelsea() -> Image:
    with resources.as_file(resources.files("skimage") / "data" / "chelsea.png") as path:
        return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def slow_gradient(classifier: Classifier, view: torch.Tensor, target: Target) -> torch.Tensor:
    """The article's map of one view, by a backward pass of its own."""
    view = view.clone().requires_grad_()
    with classifier.frozen():
        torch.logsumexp(classifier.scores(view)[0, list(target.indices)], dim=0).backward()
    assert view.grad is not None
    return view.grad[0].abs().max(dim=0).values


class TestGradient:
    @pytest.mark.parametrize("index", range(3))
    def test_of_a_linear_network_it_is_the_weights(self, image: Image, index: int) -> None:
        model = Linear()
        found = gradient(classifier_of(model), image, Target((index,), "one"), mirror=False, crops=False)
        torch.testing.assert_close(found, model.weight[index].abs().amax(0).detach())

    def test_of_several_classes_the_likelier_counts_more(self, image: Image) -> None:
        model = Linear()
        classifier = classifier_of(model)
        found = gradient(classifier, image, SEVERAL, mirror=False, crops=False)
        shares = classifier.scores(classifier.preprocess(image))[0, [0, 2]].softmax(0)
        mixed = torch.einsum("k,kchw->chw", shares, model.weight[[0, 2]])
        torch.testing.assert_close(found, mixed.abs().amax(0).detach())

    def test_the_score_is_not_normalized(self, image: Image) -> None:
        """Adding to all scores a function of the photo changes every probability's gradient, not so the score's."""

        class Coupled(Linear):
            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                scores = super().forward(batch)
                return torch.cat([scores[:, :1] * 7, scores[:, 1:]], dim=1)

        plain, coupled = (
            gradient(classifier_of(m), image, ONE, mirror=False, crops=False) for m in (Linear(), Coupled())
        )
        torch.testing.assert_close(plain, coupled)

    @pytest.mark.parametrize("target", [ONE, SEVERAL], ids=lambda target: target.category)
    def test_it_is_the_slow_version_s(self, classifier: Classifier, image: Image, target: Target) -> None:
        found = gradient(classifier, image, target, mirror=False, crops=False)
        torch.testing.assert_close(found, slow_gradient(classifier, classifier.preprocess(image), target))

    def test_the_mirror_image_s_map_is_turned_back(self, classifier: Classifier, image: Image) -> None:
        view = classifier.preprocess(image)
        both = slow_gradient(classifier, view, ONE) + slow_gradient(classifier, view.flip(3), ONE).flip(1)
        torch.testing.assert_close(gradient(classifier, image, ONE, mirror=True, crops=False), both / 2)

    def test_averaged_over_the_mirror_it_mirrors(self, classifier: Classifier, image: Image) -> None:
        found, mirrored = (
            gradient(classifier, photo, ONE, mirror=True, crops=True) for photo in (image, image[:, ::-1])
        )
        torch.testing.assert_close(found, mirrored.flip(1), rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("mirror", [False, True])
    def test_crops_are_put_back_where_they_lie(self, classifier: Classifier, image: Image, mirror: bool) -> None:
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
    def test_it_is_the_slow_version_s(self, classifier: Classifier, image: Image, samples: int) -> None:
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
    def test_of_a_linear_network_it_is_the_weights_times_the_way_from_black(self, image: Image) -> None:
        model = Linear()
        classifier = classifier_of(model)
        way = classifier.preprocess(image)[0] - classifier.preprocess(np.zeros_like(image))[0]
        found = integrated_gradients(classifier, image, ONE, **INTEGRATED)
        torch.testing.assert_close(found, (model.weight[1] * way).abs().amax(0).detach(), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("target", [ONE, SEVERAL], ids=lambda target: target.category)
    def test_attributions_sum_to_what_the_score_gains_over_black(self, target: Target) -> None:
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

    def test_it_is_the_average_on_the_way(self, image: Image) -> None:
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
    """A ReLU that keeps a slope where it and what went in are positive: Springenberg et al. 2014, section 3.4."""

    @staticmethod
    def forward(ctx: Any, batch: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(batch)
        return batch.clamp(0, 6)

    @staticmethod
    def backward(ctx: Any, slopes: torch.Tensor) -> torch.Tensor:
        (batch,) = ctx.saved_tensors
        return slopes * (slopes > 0) * (batch > 0) * (batch < 6)


class Rectified(nn.Module):
    """Two convolutions with some rectifier after each, whose outputs are also added."""

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

    def test_the_gradient_is_the_plain_one_again_afterwards(self, image: Image) -> None:
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

    def test_a_network_without_any_is_refused(self, image: Image) -> None:
        with pytest.raises(
            ValueError, match="^classifier must have ReLU or ReLU6 and no other .*, got none in Linear; choose"
        ):
            guided_backprop(classifier_of(Linear()), image, ONE, mirror=False, crops=False)


class TestPeers:
    PEERS = json.loads((Path(__file__).parents[1] / "golden/peers.json").read_text())

    @pytest.mark.parametrize("name", ["integrated", "guided"])
    def test_slopes_are_captum_s(self, name: str) -> None:
        classifier, target = sized(pooling_net(), self.PEERS["side"]), Target((self.PEERS["target"],), "one")
        view = input_of(photo_of(self.PEERS["side"]))
        if name == "integrated":
            found = attributions(classifier, view, target, steps=self.PEERS["steps"])
        else:
            found = guided_gradient(classifier, view, target)
        torch.testing.assert_close(found.flatten(), torch.tensor(self.PEERS["answers"][name]), rtol=1e-3, atol=1e-7)


class TestTheNetwork:
    @pytest.mark.parametrize("method", METHODS)
    def test_it_comes_back_as_it_was_given(self, image: Image, method: str) -> None:
        model = small_net(pooled=1)
        model[0].weight.requires_grad_(False)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        threads = torch.get_num_threads()
        METHODS[method](classifier_of(model), image, ONE, Recipe(samples=2))
        assert all(module.training for module in model.modules())
        assert [parameter.requires_grad for parameter in model.parameters()] == [False] + [True] * 5
        assert all(parameter.grad is None for parameter in model.parameters())
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
        assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
        assert torch.get_num_threads() == threads

    @pytest.mark.parametrize("method", METHODS)
    def test_nor_does_a_failure_keep_it(self, image: Image, method: str) -> None:
        class Failing(nn.Module):
            """Fails in the second pass: the first is the check when it is loaded."""

            def __init__(self) -> None:
                super().__init__()
                self.body, self.passes = small_net(), 0

            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                self.passes += 1
                scores = self.body(batch)
                if self.passes > 1:
                    raise RuntimeError("no memory left")
                return scores

        model = Failing()
        threads = torch.get_num_threads()
        torch.set_num_threads(threads + 1)
        try:
            with pytest.raises(RuntimeError, match="no memory left"):
                METHODS[method](classifier_of(model), image, ONE, Recipe())
            assert torch.get_num_threads() == threads + 1
        finally:
            torch.set_num_threads(threads)
        assert all(module.training for module in model.modules())
        assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
        assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
        assert torch.is_grad_enabled()

    @pytest.mark.slow
    @pytest.mark.parametrize("method", METHODS)
    def test_no_pass_outlives_its_photo(self, image: Image, method: str) -> None:
        """Nor waits for Python's collector, which does not know how much memory a pass holds."""
        passes: list[weakref.ref[Any]] = []

        class Marked(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, batch: torch.Tensor) -> torch.Tensor:
                ctx.mark = nn.Identity()
                passes.append(weakref.ref(ctx.mark))
                return batch.clone()

            @staticmethod
            def backward(ctx: Any, slopes: torch.Tensor) -> torch.Tensor:
                return slopes

        class Tracked(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.body = small_net(pooled=1)

            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                return self.body(Marked.apply(batch))

        classifier = classifier_of(Tracked())
        gc.collect()
        gc.disable()
        try:
            METHODS[method](classifier, image, ONE, Recipe(samples=2, steps=2))
            assert passes
            assert not any(mark() for mark in passes)
        finally:
            gc.enable()

    @pytest.mark.parametrize(("samples", "expected"), [(1, [2]), (BATCH + 1, [BATCH, BATCH, 2])])
    def test_it_sees_a_few_copies_at_a_time(self, image: Image, samples: int, expected: list[int]) -> None:
        sizes: list[int] = []

        class Counting(Linear):
            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                sizes.append(len(batch))
                return super().forward(batch)

        classifier = classifier_of(Counting())
        sizes.clear()
        smoothgrad(classifier, image, ONE, **SMOOTH | {"samples": samples})
        assert sizes == expected

    def test_the_way_back_runs_on_one_thread_too(self, image: Image) -> None:
        """Sums over several threads depend on their number, in gradients more than in scores."""
        seen: list[int] = []

        class Told(Linear):
            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                scores = super().forward(batch)
                if scores.requires_grad:
                    scores.register_hook(lambda slopes: seen.append(torch.get_num_threads()))
                return scores

        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            gradient(classifier_of(Told()), image, ONE, mirror=False, crops=False)
        finally:
            torch.set_num_threads(threads)
        assert seen == [1]

    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    @pytest.mark.parametrize("method", METHODS)
    def test_the_caller_s_modes_do_not_matter(self, image: Image, mode: Callable[[], Any], method: str) -> None:
        classifier = classifier_of(small_net(pooled=1))
        recipe = Recipe(steps=3)
        expected = METHODS[method](classifier, image, ONE, recipe)
        assert expected.any()
        with mode():
            found = METHODS[method](classifier, image, ONE, recipe)
            assert found.dtype == torch.float32
            assert not found.requires_grad
            np.testing.assert_array_equal(found.numpy(), expected.numpy())

    def test_nor_does_the_number_of_threads(self, image: Image) -> None:
        classifier = classifier_of(small_net())
        threads = torch.get_num_threads()
        try:
            found = []
            for count in (1, 2):
                torch.set_num_threads(count)
                found.append(smoothgrad(classifier, image, ONE, **SMOOTH))
        finally:
            torch.set_num_threads(threads)
        assert torch.equal(*found)

    def test_a_gradient_that_is_not_finite_is_refused(self, image: Image) -> None:
        class Root(Linear):
            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                return super().forward((batch - batch).sqrt())  # Of infinite slope at 0.

        with pytest.raises(ValueError, match="^coarse must be finite"):
            saliency_from_classifier(classifier_of(Root()), image, ONE, Recipe(method="gradient"))


class TestMap:
    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 7), (30, 40)])
    def test_it_has_the_photo_s_size_and_reaches_one(self, size: tuple[int, int]) -> None:
        coarse = np.random.default_rng(0).random((6, 6), np.float32)
        saliency = saliency_from_map(coarse, size, blur=0.05)
        assert saliency.shape == size
        assert saliency.dtype == np.float32
        assert saliency.max() == 1
        assert saliency.min() >= 0

    def test_without_blur_at_its_own_size_it_is_only_scaled(self) -> None:
        coarse = np.random.default_rng(0).random((6, 8), np.float32)
        np.testing.assert_array_equal(saliency_from_map(coarse, (6, 8), blur=0.0), coarse / coarse.max())

    def test_zeros_stay_zeros(self) -> None:
        assert not saliency_from_map(np.zeros((4, 4), np.float32), (8, 8), blur=0.1).any()

    @pytest.mark.parametrize("value", [1e-30, 0.25, 1.0, 1e30])
    def test_an_even_map_is_one_everywhere(self, value: float) -> None:
        saliency = saliency_from_map(np.full((14, 14), value, np.float32), (30, 20), blur=0.1)
        np.testing.assert_allclose(saliency, 1, rtol=1e-5)
        assert saliency.max() == 1

    @pytest.mark.parametrize("size", [(1, 3000), (3000, 1)])
    def test_on_a_very_narrow_photo_the_blur_is_no_wider_than_the_map(
        self, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Across it the sigma is hundreds of maps, and OpenCV's kernel would be as wide: minutes for a constant."""
        widths: list[float] = []
        blurred = cv2.GaussianBlur

        def spy(coarse: Any, kernel: tuple[int, int], **sigmas: float) -> Any:
            widths.extend(sigmas.values())
            return blurred(coarse, kernel, **sigmas)

        monkeypatch.setattr(cv2, "GaussianBlur", spy)
        coarse = np.random.default_rng(0).random((50, 50), np.float32)
        coarse[:, 25:] += 1
        coarse[25:] += 1
        saliency = saliency_from_map(coarse, size, blur=0.05).ravel()
        assert sorted(widths) == [2.5, 50]
        assert saliency[0] < 0.7 < 0.95 < saliency[-1]

    def test_between_its_points_the_map_is_straight(self) -> None:
        saliency = saliency_from_map(np.array([[0, 1]], np.float32), (1, 8), blur=0.0)
        np.testing.assert_allclose(saliency[0], [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1])

    def test_nothing_that_is_given_is_changed(self) -> None:
        coarse = np.full((4, 4), 3, np.float32)
        coarse.setflags(write=False)
        for blur in (0.0, 0.1):
            saliency_from_map(coarse, (4, 4), blur=blur)

    def test_the_blur_is_round_in_the_photo(self) -> None:
        """Its deviation is the same in pixels of the photo along both sides, whatever the map's shape."""
        coarse = np.zeros((101, 101), np.float32)
        coarse[50, 50] = 1
        saliency = saliency_from_map(coarse, (101, 202), blur=0.05)
        rows, columns = (saliency.sum(axis=axis, dtype=float) for axis in (1, 0))
        deviations = [
            np.sqrt(
                np.average((np.arange(len(line)) - np.average(np.arange(len(line)), weights=line)) ** 2, weights=line)
            )
            for line in (rows, columns)
        ]
        assert deviations == pytest.approx([10.1, 10.1], rel=0.05)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_not_finite_is_refused(self, value: float) -> None:
        with pytest.raises(ValueError, match="must be finite"):
            saliency_from_map(np.full((3, 3), value, np.float32), (3, 3), blur=0.0)

    @pytest.mark.parametrize(("y", "x"), [(0, 0), (0, 1), (1, 0), (1, 1)])
    def test_it_lies_over_the_whole_photo_not_over_its_center(self, image: Image, y: int, x: int) -> None:
        model = Linear()
        with torch.no_grad():
            model.weight.zero_()
            model.weight[:, :, -3 if y else 0, -3 if x else 0] = 1
        recipe = Recipe(method="gradient", mirror=False, blur=0.0)
        saliency = saliency_from_classifier(classifier_of(model), image, ONE, recipe)
        peak = np.unravel_index(saliency.argmax(), saliency.shape)
        assert abs(peak[0] / 40 - (11.5 if y else 0.5) / SIDE) < 0.1
        assert abs(peak[1] / 30 - (11.5 if x else 0.5) / SIDE) < 0.1


def test_every_method_has_a_name_in_the_recipe() -> None:
    assert tuple(METHODS) == NAMES


CHANGES: dict[str, tuple[str, Any]] = {
    "method": ("smoothgrad", "gradient"),
    "mirror": ("smoothgrad", False),
    "crops": ("smoothgrad", True),
    "samples": ("smoothgrad", 2),
    "noise": ("smoothgrad", 0.5),
    "steps": ("integrated", 1),
    "layers": ("layer_cam", "0"),
    "channels": ("score_cam", 2),
    "blur": ("smoothgrad", 0.2),
    "random_state": ("smoothgrad", 7),
}
"""A method that each number matters to, and another value."""


def test_every_number_of_the_map_is_tried() -> None:
    """Those of the target, of the fused map and of the head are tried with the segmenter, the fused map and a head."""
    numbers = {item.name for item in fields(Recipe) if item.metadata["stage"] == "saliency"}
    assert CHANGES.keys() == numbers - {"blended_classes", "spread_steps", "cam_share", "cam_share_given", "objectness"}


@pytest.mark.parametrize("name", CHANGES)
def test_no_number_is_ignored(image: Image, name: str) -> None:
    classifier = classifier_of(small_net())
    method, value = CHANGES[name]
    recipe = Recipe(method=method)
    before, after = (
        saliency_from_classifier(classifier, image, ONE, each) for each in (recipe, replace(recipe, **{name: value}))
    )
    assert np.abs(before - after).max() > 1e-4


@pytest.mark.parametrize("crops", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (40, 30)])
def test_the_map_is_over_the_photo_and_leaves_it_alone(size: tuple[int, int], crops: bool) -> None:
    photo = np.random.default_rng(4).integers(0, 256, (*size, 3), np.uint8)
    photo.setflags(write=False)
    saliency = saliency_from_classifier(classifier_of(small_net()), photo, ONE, Recipe(crops=crops))
    assert saliency.shape == size
    assert saliency.dtype == np.float32
    assert 0 <= saliency.min() <= saliency.max() <= 1


def test_slopes_are_of_each_photo_alone(image: Image) -> None:
    classifier = classifier_of(small_net())
    views = torch.cat([classifier.preprocess(image), classifier.preprocess(image[::-1])])
    with classifier.frozen():
        together = score_gradient(classifier, views, ONE)
        apart = [score_gradient(classifier, view[None], ONE) for view in views]
    torch.testing.assert_close(together, torch.cat(apart))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_map_of_a_cat_lies_on_its_face(embedded: Classifier, chelsea: Image, method: str) -> None:
    """Which is all but the edges and what is right of it."""
    recipe = Recipe(method=method, samples=2, steps=5, channels=8, crops=False)
    saliency = saliency_from_classifier(embedded, chelsea, embedded.target(chelsea, "Egyptian cat"), recipe)
    height, width = saliency.shape
    y, x = (np.average(places, weights=saliency) for places in np.indices(saliency.shape))
    assert 0.35 < y / height < 0.65
    assert 0.35 < x / width < 0.65
    face, wall = saliency[height // 6 : -height // 6, width // 6 : -width // 3], saliency[:, -width // 10 :]
    # The plain gradient is noise all over, around the eyes more of it.
    assert face.mean() > (1.0 if method == "gradient" else 1.2) * wall.mean()


class TestDiffuseness:
    def test_it_is_the_share_of_the_photo_that_holds_half(self) -> None:
        assert diffuseness(np.array([[0.25, 1.0, 0.25, 0.25]], np.float32)) == 0.25
        assert diffuseness(np.array([[0.5, 0.5], [1.0, 1.0]], np.float32)) == 0.5  # 2 of 4, though they hold two thirds

    def test_an_even_map_is_the_most_diffuse(self) -> None:
        assert diffuseness(np.ones((4, 6), np.float32)) == diffuseness(np.zeros((4, 6), np.float32)) == 0.5
        noise = np.random.default_rng(0).random((20, 30), np.float32)
        assert diffuseness(noise**4) < diffuseness(noise) < 0.5

    def test_where_it_lies_and_how_high_does_not_matter(self) -> None:
        noise = np.random.default_rng(0).random((20, 30), np.float32)
        assert diffuseness(noise) == diffuseness(noise[::-1, ::-1]) == diffuseness(noise / 2)
