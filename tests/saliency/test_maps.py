"""The saliency of a photo by every method: the network is restored, the map has its size, no number is ignored."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from small_nets import ONE, SIDE, SMOOTH, Linear, classifier_of, small_net
from torch import nn

from wsseg.arrays import Image, Maps
from wsseg.classifier.classifier import Classifier
from wsseg.recipe import METHODS as NAMES
from wsseg.recipe import Recipe
from wsseg.saliency import (
    METHODS,
    diffuseness,
    gradient,
    maps_of,
    saliency_from_classifier,
    saliency_from_map,
    saliency_from_maps,
    smoothgrad,
)
from wsseg.saliency.views import BATCH


class TestTheProduct:
    OWN, OBJECTS = np.array([[0.2, 0.8, 0.0]], np.float32), np.array([[0.5, 0.25, 0.5]], np.float32)

    @pytest.mark.parametrize(("objectness", "given"), [(0.3, False), (0.3, True)])
    def test_it_is_a_geometric_mean_whose_shares_depend_on_whether_a_target_is_given(
        self, objectness: float, given: bool
    ) -> None:
        recipe = Recipe(objectness=objectness, objectness_given=0.6, blur=0.0)
        share = 0.6 if given else objectness
        expected = (self.OWN / 0.8) ** (1 - share) * (self.OBJECTS / 0.5) ** share
        found = saliency_from_maps(Maps(self.OWN, self.OBJECTS), (1, 3), recipe, given=given)
        np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-5)
        assert found[0, 2] == 0

    @pytest.mark.parametrize("maps", [Maps(OWN, None), Maps(None, OWN)])
    def test_a_single_map_is_the_saliency(self, maps: Maps) -> None:
        found = saliency_from_maps(maps, (1, 3), Recipe(blur=0.0), given=False)
        np.testing.assert_allclose(found, [[0.25, 1, 0]])

    def test_only_the_classifier_s_map_is_blurred(self) -> None:
        recipe, point = Recipe(objectness=0.5, blur=0.2), np.zeros((8, 8), np.float32)
        point[4, 4] = 1
        flat = np.ones((8, 8), np.float32)
        assert np.count_nonzero(saliency_from_maps(Maps(flat, point), (8, 8), recipe, given=False)) == 1
        assert np.count_nonzero(saliency_from_maps(Maps(point, flat), (8, 8), recipe, given=False)) > 9
        assert np.count_nonzero(saliency_from_maps(Maps(None, point), (8, 8), recipe, given=False)) == 1

    @pytest.mark.parametrize("turned", [False, True])
    def test_the_map_with_more_cells_keeps_its_detail(self, turned: bool) -> None:
        stripes, rough = np.tile(np.array([0.1, 1], np.float32), (4, 16)), np.ones((5, 5), np.float32)
        maps, size = (Maps(rough.T, stripes.T), (32, 4)) if turned else (Maps(rough, stripes), (4, 32))
        found = saliency_from_maps(maps, size, Recipe(objectness=0.5, blur=0.0), given=False)
        np.testing.assert_allclose(found, (stripes.T if turned else stripes) ** 0.5, rtol=1e-5)

    def test_a_map_is_made_only_if_it_has_a_share(self, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        classifier, flat = classifier_of(small_net(pooled=1)), np.ones((4, 4), np.float32)
        recipe = Recipe(method="gradient", objectness=0.0)
        assert maps_of(classifier, image, ONE, replace(recipe, objectness_given=0.0), flat).objects is None
        alone = replace(recipe, objectness_given=1.0)
        assert maps_of(classifier, image, ONE, alone, flat) == (None, flat)
        with pytest.raises(ValueError, match="^objects must be a map where its share is 1.0, got None"):
            maps_of(classifier, image, ONE, alone)


class TestTheNetwork:
    @pytest.mark.parametrize("method", METHODS)
    def test_the_model_comes_back_unchanged(self, image: Image, method: str) -> None:
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
    def test_the_model_comes_back_unchanged_after_a_failure(self, image: Image, method: str) -> None:
        class Failing(nn.Module):
            """A network that fails in its second pass; the first is the check when it is loaded."""

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
    def test_no_pass_is_kept_after_its_photo(self, image: Image, method: str) -> None:
        """Python's collector does not know how much memory a pass holds, so nothing may wait for it."""
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

    def test_the_backward_pass_runs_on_one_thread_too(self, image: Image) -> None:
        """Sums over several threads depend on their number, in gradients more than in scores."""
        seen: list[int] = []

        class Watched(Linear):
            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                scores = super().forward(batch)
                if scores.requires_grad:
                    scores.register_hook(lambda slopes: seen.append(torch.get_num_threads()))
                return scores

        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            gradient(classifier_of(Watched()), image, ONE, mirror=False, crops=False)
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

    def test_the_number_of_threads_does_not_matter(self, image: Image) -> None:
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

        with pytest.raises(ValueError, match="^saliency must be finite"):
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
        """Across the photo the sigma is hundreds of maps wide, and OpenCV would need minutes for a constant."""
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

    def test_arguments_are_not_changed(self) -> None:
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
    def test_maps_that_are_not_finite_are_refused(self, value: float) -> None:
        with pytest.raises(ValueError, match="must be finite"):
            saliency_from_map(np.full((3, 3), value, np.float32), (3, 3), blur=0.0)

    @pytest.mark.parametrize(("y", "x"), [(0, 0), (0, 1), (1, 0), (1, 1)])
    def test_it_lies_over_the_whole_photo_not_over_its_center(self, image: Image, y: int, x: int) -> None:
        model = Linear()
        with torch.no_grad():
            model.weight.zero_()
            model.weight[:, :, -3 if y else 0, -3 if x else 0] = 1
        recipe = Recipe(method="gradient", mirror_given=False, blur=0.0)
        saliency = saliency_from_classifier(classifier_of(model), image, ONE, recipe)
        peak = np.unravel_index(saliency.argmax(), saliency.shape)
        assert abs(peak[0] / 40 - (11.5 if y else 0.5) / SIDE) < 0.1
        assert abs(peak[1] / 30 - (11.5 if x else 0.5) / SIDE) < 0.1


def test_every_method_has_a_name_in_the_recipe() -> None:
    assert tuple(METHODS) == NAMES


CHANGES: dict[str, tuple[str, Any]] = {
    "method": ("smoothgrad", "gradient"),
    "mirror": ("smoothgrad", True),
    "mirror_given": ("smoothgrad", False),
    "crops": ("smoothgrad", True),
    "samples": ("smoothgrad", 3),
    "noise": ("smoothgrad", 0.5),
    "steps": ("integrated", 1),
    "layers": ("layer_cam", "0"),
    "channels": ("score_cam", 2),
    "blur": ("smoothgrad", 0.2),
    "random_state": ("smoothgrad", 7),
}
"""A method that each number matters to, and another value."""


def test_every_number_of_the_map_is_tested() -> None:
    """The other numbers are tested with the segmenter, the fused map and the map of objects."""
    numbers = {item.name for item in fields(Recipe) if item.metadata["stage"] == "saliency"}
    assert CHANGES.keys() == numbers - {
        "blended_classes",
        "spread_steps",
        "cam_share",
        "cam_share_given",
        "objectness",
        "objectness_given",
    }


@pytest.mark.parametrize("name", CHANGES)
def test_no_number_is_ignored(image: Image, name: str) -> None:
    classifier = classifier_of(small_net())
    method, value = CHANGES[name]
    target = replace(ONE, weights=(1.0,)) if name == "mirror" else ONE
    recipe = Recipe(method=method, objectness=0.0)
    before, after = (
        saliency_from_classifier(classifier, image, target, each) for each in (recipe, replace(recipe, **{name: value}))
    )
    assert np.abs(before - after).max() > 1e-4


@pytest.mark.parametrize("crops", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (40, 30)])
def test_the_map_has_the_photo_s_size_and_does_not_change_it(size: tuple[int, int], crops: bool) -> None:
    photo = np.random.default_rng(4).integers(0, 256, (*size, 3), np.uint8)
    photo.setflags(write=False)
    saliency = saliency_from_classifier(classifier_of(small_net()), photo, ONE, Recipe(crops=crops, objectness=0.0))
    assert saliency.shape == size
    assert saliency.dtype == np.float32
    assert 0 <= saliency.min() <= saliency.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_map_of_a_cat_lies_on_its_face(embedded: Classifier, chelsea: Image, method: str) -> None:
    """The face fills the photo, except for the edges and the right side."""
    recipe = Recipe(method=method, samples=2, steps=5, channels=8, crops=False)
    saliency = saliency_from_classifier(embedded, chelsea, embedded.target(chelsea, "Egyptian cat"), recipe)
    height, width = saliency.shape
    y, x = (np.average(places, weights=saliency) for places in np.indices(saliency.shape))
    assert 0.35 < y / height < 0.65
    assert 0.35 < x / width < 0.65
    face, wall = saliency[height // 6 : -height // 6, width // 6 : -width // 3], saliency[:, -width // 10 :]
    # The plain gradient is noise everywhere, with more of it around the eyes.
    assert face.mean() > (1.0 if method == "gradient" else 1.2) * wall.mean()


class TestDiffuseness:
    def test_it_is_the_share_of_the_photo_that_holds_half(self) -> None:
        assert diffuseness(np.array([[0.25, 1.0, 0.25, 0.25]], np.float32)) == 0.25
        assert diffuseness(np.array([[0.5, 0.5], [1.0, 1.0]], np.float32)) == 0.5  # 2 of 4, with two thirds of the sum

    def test_an_even_map_is_the_most_diffuse(self) -> None:
        assert diffuseness(np.ones((4, 6), np.float32)) == diffuseness(np.zeros((4, 6), np.float32)) == 0.5
        noise = np.random.default_rng(0).random((20, 30), np.float32)
        assert diffuseness(noise**4) < diffuseness(noise) < 0.5

    def test_position_and_scale_do_not_matter(self) -> None:
        noise = np.random.default_rng(0).random((20, 30), np.float32)
        assert diffuseness(noise) == diffuseness(noise[::-1, ::-1]) == diffuseness(noise / 2)


@pytest.mark.parametrize(("side", "given_back"), [(3000, True), (300, False)])
def test_memory_is_given_back_before_a_large_photo_is_cut(
    monkeypatch: pytest.MonkeyPatch, side: int, given_back: bool
) -> None:
    calls = list[bool]()
    monkeypatch.setattr("wsseg.saliency.maps.give_back_memory", lambda: calls.append(True))
    photo = np.zeros((side, side, 3), np.uint8)
    saliency_from_classifier(classifier_of(small_net()), photo, ONE, Recipe(method="gradient", objectness=0.0))
    assert bool(calls) is given_back
