"""The palette of a photo, and the mixtures and costs of its colors."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from oracles import log_mixture
from scenes import locked, noise, seeds_of

from wsseg.arrays import BACKGROUND, FOREGROUND, Image
from wsseg.graphcut.colors import QUANTIZATION, Palette, mixtures_from_seeds, palette_of, unary_from_mixtures
from wsseg.graphcut.mixture import COLOR_VARIANCE, Mixture, fit_mixture

IMAGES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=5).flatmap(lambda shape: hnp.arrays(np.uint8, (*shape, 3)))


class TestPalette:
    @given(IMAGES)
    def test_each_pixel_finds_its_color_again(self, image: Image) -> None:
        palette = palette_of(locked(image))
        assert palette.entry.shape == image.shape[:2]
        error = np.abs(palette.colors[palette.entry] - image)
        assert error.max() <= (QUANTIZATION - 1) / 2

    @given(IMAGES)
    def test_each_color_is_named_once_and_used(self, image: Image) -> None:
        palette = palette_of(image)
        assert len(palette.colors) == len(np.unique((image // QUANTIZATION).reshape(-1, 3), axis=0))
        assert len(np.unique(palette.colors, axis=0)) == len(palette.colors)
        np.testing.assert_array_equal(np.unique(palette.entry), np.arange(len(palette.colors)))

    def test_a_photo_needs_far_fewer_colors_than_pixels(self, photo: Image) -> None:
        palette = palette_of(photo)
        assert len(palette.colors) < photo[..., 0].size / 2
        assert np.abs(palette.colors[palette.entry] - photo).max() <= COLOR_VARIANCE**0.5 / 2

    def test_only_an_image_is_accepted(self) -> None:
        with pytest.raises(ValueError, match="^image must be a non-empty uint8"):
            palette_of(np.zeros((2, 2, 3)))


class TestMixtures:
    SEEDS = seeds_of("#.#.?.", ".#..#?", "??....")

    def fitted(self, image: Image, seeds: Any, **numbers: int) -> tuple[Mixture, Mixture]:
        return mixtures_from_seeds(image, seeds, **{"components": 1, "color_samples": 64, "random_state": 0} | numbers)

    def test_each_side_is_fitted_to_its_seeds(self) -> None:
        image = locked(noise(*self.SEEDS.shape, 3))
        seeds = locked(self.SEEDS.copy())
        for mixture, label in zip(self.fitted(image, seeds), (BACKGROUND, FOREGROUND), strict=True):
            colors = image[seeds == label].astype(float)
            expected = fit_mixture(colors, components=1, random_state=0)
            np.testing.assert_allclose(mixture.means, expected.means)
            np.testing.assert_allclose(mixture.covariances, expected.covariances)

    def test_a_side_is_fitted_to_a_limited_number_of_pixels(self) -> None:
        levels = 2 ** np.arange(8, dtype=np.uint8)  # Each sum of distinct values has a unique count.
        image = np.stack([levels, levels])[..., None].repeat(3, axis=2)
        seeds = seeds_of("........", "########")
        for count in (1, 3, 8, 20):
            for mixture in self.fitted(image, seeds, color_samples=count):
                total = mixture.means[0, 0] * min(count, 8)
                assert total == pytest.approx(round(total))
                assert round(total).bit_count() == min(count, 8)

    def test_a_photo_always_gives_the_requested_number_of_gaussians(self, photo: Image) -> None:
        seeds = np.zeros(photo.shape[:2], np.uint8)
        seeds[20:60, 30:80] = FOREGROUND
        first, again, other = (
            self.fitted(photo, seeds, components=5, color_samples=500, random_state=state) for state in (1, 1, 2)
        )
        for side in (0, 1):
            assert len(first[side].weights) == 5
            np.testing.assert_array_equal(first[side].means, again[side].means)
            assert not np.array_equal(first[side].means, other[side].means)

    def test_the_random_state_chooses_the_pixels(self) -> None:
        image, seeds = noise(20, 20, 3), np.repeat(np.array([[0], [1]], np.uint8), 10, axis=0).repeat(20, axis=1)
        first, other = (self.fitted(image, seeds, random_state=state) for state in (1, 2))
        for side in (0, 1):
            assert not np.array_equal(first[side].means, other[side].means)

    @pytest.mark.parametrize(("seeds", "missing"), [("##?", "background"), ("..?", "object"), ("???", "background")])
    def test_a_side_without_seeds_is_refused(self, seeds: str, missing: str) -> None:
        with pytest.raises(ValueError, match=f"^seeds must hold object and background, got no {missing}; "):
            self.fitted(noise(1, 3, 3), seeds_of(seeds))

    def test_seeds_of_another_size_are_refused(self) -> None:
        with pytest.raises(ValueError, match="^image and seeds must have one height and width"):
            self.fitted(noise(3, 2, 3), seeds_of("#.?", "#.?"))


class TestUnary:
    BACKGROUND_MIXTURE = Mixture(
        np.array([0.7, 0.3]), np.array([[40.0, 90, 60], [200, 180, 190]]), np.stack([300 * np.eye(3), 900 * np.eye(3)])
    )
    FOREGROUND_MIXTURE = Mixture(
        np.ones(1), np.array([[150.0, 60, 70]]), np.array([[[500.0, 90, 0], [90, 400, 30], [0, 30, 800]]])
    )

    def of_colors(self, palette: Palette, color_limit: float) -> Any:
        return unary_from_mixtures(palette, self.BACKGROUND_MIXTURE, self.FOREGROUND_MIXTURE, color_limit=color_limit)

    @pytest.mark.parametrize("color_limit", [0.0, 2.5, 12.0, 1e9])
    def test_color_costs_follow_the_mixtures(self, color_limit: float) -> None:
        image = noise(5, 6, 3) // 3 + 70  # Between the mixtures: no likelihood underflows in the oracle.
        found = self.of_colors(palette_of(image), color_limit)
        assert found.shape == (5, 6, 2)
        for place in np.ndindex(5, 6):
            color = image[place] // QUANTIZATION * QUANTIZATION + (QUANTIZATION - 1) / 2
            pair = (self.BACKGROUND_MIXTURE, self.FOREGROUND_MIXTURE)
            price = [-log_mixture(color, side.weights, side.means, side.covariances) for side in pair]
            expected = [min(cost - min(price), color_limit) for cost in price]
            np.testing.assert_allclose(found[place], expected, rtol=1e-9, atol=1e-9)

    def test_swapping_the_mixtures_swaps_the_labels(self) -> None:
        palette = palette_of(noise(4, 4, 3))
        swapped = unary_from_mixtures(palette, self.FOREGROUND_MIXTURE, self.BACKGROUND_MIXTURE, color_limit=9.0)
        np.testing.assert_allclose(self.of_colors(palette, 9.0), swapped[..., ::-1])

    def test_the_likelier_label_is_free_and_the_other_costs_at_most_the_limit(self) -> None:
        found = self.of_colors(palette_of(noise(20, 20, 3)), 12.0)
        assert found.min(axis=2).max() == 0
        assert found.max() == 12
