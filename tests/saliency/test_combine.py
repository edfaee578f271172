"""The fused map: where both maps agree, spread; its sizes; its laws."""

from typing import Any

import numpy as np
import pytest
import torch
from test_features import ONE, Flat, Pooled, classifier_of

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.recipe import Recipe
from wsseg.saliency import METHODS, combine
from wsseg.saliency.combine import LARGER, features_of, fused, spread_cam
from wsseg.saliency.views import MULTIPLE, NARROWEST

NUMBERS = {"mirror": True, "spread_steps": 2, "cam_share": 0.5, "cam_share_given": 0.5}


def fine(side: int = 64) -> torch.Tensor:
    return torch.rand(side, side, generator=torch.Generator().manual_seed(7))


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_it_lies_in_0_to_1_on_the_grid_of_the_features() -> None:
    found = fused(classifier_of(Pooled()), noise(60, 90), ONE, fine_map=fine, **NUMBERS)
    assert found.shape == (4, 6)
    assert (found.min(), found.max()) == (0, 1)
    assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((100, 100), (96, 96)),
        ((100, 200), (64, 128)),
        ((200, 100), (128, 64)),
        ((1, 5000), (32, 192)),
        ((1, 1), (96, 96)),
    ],
)
def test_the_input_has_the_photo_s_shape_and_a_bounded_area(shape: tuple[int, int], size: tuple[int, int]) -> None:
    found = combine._size(classifier_of(Pooled()), noise(*shape))
    assert found == size
    assert max(found) <= 64 * LARGER * NARROWEST**0.5 + MULTIPLE / 2


def test_a_fixed_size_network_gets_its_size() -> None:
    assert combine._size(classifier_of(Flat()), noise(100, 200)) == (64, 64)
    assert fused(classifier_of(Flat()), noise(100, 200), ONE, fine_map=fine, **NUMBERS).shape == (4, 4)


@pytest.mark.parametrize("network", [Pooled, Flat])
def test_the_map_of_the_mirror_image_is_mirrored(network: Any) -> None:
    classifier, image = classifier_of(network()), noise(60, 90)
    recipe = Recipe(mirror=True, samples=2, noise=0.0, cam_share_given=0.5)
    found, mirrored = (METHODS["fused"](classifier, photo, ONE, recipe) for photo in (image, image[:, ::-1]))
    torch.testing.assert_close(found, mirrored.flip(1), rtol=1e-3, atol=1e-4)


def test_it_is_low_wherever_either_map_is_low(monkeypatch: pytest.MonkeyPatch) -> None:
    left, activation = torch.zeros(64, 64), torch.zeros(4, 4)
    left[:, :32], activation[:2] = 1, 4
    monkeypatch.setattr(combine, "_activation_and_features", lambda *_, **__: (activation, torch.zeros(3, 4, 4)))
    found = fused(classifier_of(Pooled()), noise(64, 64), ONE, fine_map=lambda: left, **NUMBERS)
    assert found[:2, :2].min() > 0.9
    assert found[2:].max() == 0
    assert found[:2, 3].max() == 0


@pytest.mark.parametrize(
    ("weights", "share"),
    [(None, 0.75), ((0.6, 0.3), 0.5), ((0.2, 0.1), 0.2)],
    ids=["given", "certain", "unsure"],
)
def test_the_weight_of_grad_cam_falls_with_certainty_unless_the_target_is_given(
    weights: tuple[float, ...] | None, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharp, activation = torch.tensor([[0, 0.25, 1]]), torch.tensor([[0, 1, 0.5]])
    monkeypatch.setattr(combine, "_activation_and_features", lambda *_, **__: (activation, torch.zeros(3, 1, 3)))
    numbers = NUMBERS | {"spread_steps": 0, "cam_share_given": 0.75}
    target = Target((0, 1), "a|b", weights)
    found = fused(classifier_of(Pooled()), noise(64, 64), target, fine_map=lambda: sharp, **numbers)
    both = sharp ** (1 - share) * activation**share
    torch.testing.assert_close(found, both / both.max())


def test_spread_cam_is_fused_by_grad_cam_alone() -> None:
    classifier, image = classifier_of(Pooled()), noise(64, 64)
    alone = fused(classifier, image, ONE, fine_map=pytest.fail, **NUMBERS | {"cam_share_given": 1.0})
    torch.testing.assert_close(spread_cam(classifier, image, ONE, mirror=True, spread_steps=2), alone)


def test_the_map_is_spread_over_the_photo_s_features() -> None:
    classifier, image = classifier_of(Pooled()), noise(60, 90)
    expected = combine._activation_and_features(classifier, image, ONE, mirror=True)[1]
    torch.testing.assert_close(features_of(classifier, image, mirror=True), expected)


def test_an_empty_map_stays_empty() -> None:
    nothing = torch.zeros(64, 64)
    assert not fused(classifier_of(Pooled()), noise(64, 64), ONE, fine_map=lambda: nothing, **NUMBERS).any()


def test_the_steps_of_the_spread_count() -> None:
    recipes = (Recipe(samples=2, cam_share_given=0.5, spread_steps=steps) for steps in (0, 2))
    found = [METHODS["fused"](classifier_of(Pooled()), noise(64, 64), ONE, recipe) for recipe in recipes]
    assert not torch.allclose(*found, atol=1e-3)


def test_it_is_reproducible_and_depends_on_the_noise() -> None:
    classifier, image = classifier_of(Pooled()), noise(64, 64)
    recipes = (Recipe(samples=2, cam_share_given=0.5, random_state=state) for state in (0, 0, 1))
    first, again, other = (METHODS["fused"](classifier, image, ONE, recipe) for recipe in recipes)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
