"""Alpha and colors of mixed pixels, against the dense matrix of the paper."""

import numpy as np
import pytest
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN
from wsseg.pictures import matting
from wsseg.pictures.matting import Windows, alpha_enlarged, alpha_from_seeds, colors_of, colors_of_object

RED, BLUE = np.array([200, 40, 30], np.uint8), np.array([20, 60, 220], np.uint8)


def dense_laplacian(colors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the matting Laplacian, (N, N): Levin et al. 2008, equation 12, with windows that end at the border."""
    height, width = colors.shape[:2]
    numbers = np.arange(height * width).reshape(height, width)
    flat, total, radius = colors.reshape(-1, 3).astype(np.float64), np.zeros((height * width,) * 2), matting._RADIUS
    for y in range(height):
        for x in range(width):
            window = numbers[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1].ravel()
            apart = flat[window] - flat[window].mean(axis=0)
            covariance = apart.T @ apart / len(window) + matting._ROUGHNESS * np.eye(3)
            alike = (1 + apart @ np.linalg.inv(covariance) @ apart.T) / len(window)
            total[np.ix_(window, window)] += np.eye(len(window)) - alike
    return total


def mixed(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(alpha[..., None] * RED + (1 - alpha[..., None]) * BLUE), np.uint8)


def stripes(side: int = 24) -> NDArray[np.float32]:
    """Return an alpha with the object above, background below, and hairs of different strength between."""
    alpha = np.zeros((side, side), np.float32)
    alpha[: side // 3] = 1
    alpha[side // 3 : 2 * side // 3] = np.linspace(0, 1, 6)[np.arange(side) % 6]
    return alpha


def test_a_misfit_is_a_product_with_the_matting_laplacian() -> None:
    rng = np.random.default_rng(0)
    colors, plane = rng.random((7, 9, 3), np.float32), rng.random((7, 9), np.float32)
    wanted = dense_laplacian(colors) @ plane.ravel()
    np.testing.assert_allclose(Windows(colors).misfit(plane).ravel(), wanted, atol=1e-3)


def test_alpha_solves_the_dense_system() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (9, 8, 3), np.uint8)
    seeds = rng.choice(np.array([BACKGROUND, FOREGROUND, UNKNOWN, UNKNOWN], np.uint8), (9, 8))
    prior = rng.random((9, 8), np.float32)
    colors, unknown = colors_of(image), (seeds == UNKNOWN).ravel()
    matrix = dense_laplacian(colors)
    trust = matting._TRUST * Windows(colors).counts.ravel().astype(np.float64)
    alpha = (seeds == FOREGROUND).ravel().astype(np.float64)
    wanted = trust[unknown] * prior.ravel()[unknown] - matrix[np.ix_(unknown, ~unknown)] @ alpha[~unknown]
    alpha[unknown] = np.linalg.solve(matrix[np.ix_(unknown, unknown)] + np.diag(trust[unknown]), wanted)
    found = alpha_from_seeds(image, seeds, prior)
    np.testing.assert_allclose(found.ravel(), alpha.clip(0, 1), atol=0.01)
    np.testing.assert_array_equal(found[seeds == FOREGROUND], 1)
    np.testing.assert_array_equal(found[seeds == BACKGROUND], 0)


def test_the_alpha_of_two_colors_is_recovered() -> None:
    alpha = stripes()
    seeds = np.where(alpha == 1, FOREGROUND, BACKGROUND).astype(np.uint8)
    seeds[8:16] = UNKNOWN
    found = alpha_from_seeds(mixed(alpha), seeds, np.full_like(alpha, 0.5))
    assert np.abs(found - alpha).max() < 0.15
    assert np.abs(found - alpha)[8:16].mean() < 0.07


def test_an_enlarged_alpha_has_the_details_of_the_photo() -> None:
    alpha = stripes(48)
    image = mixed(alpha)
    small = image.reshape(24, 2, 24, 2, 3).mean((1, 3)).round().astype(np.uint8)
    small_alpha = alpha.reshape(24, 2, 24, 2).mean((1, 3))
    found = alpha_enlarged(image, small, small_alpha)
    without = np.repeat(np.repeat(small_alpha, 2, 0), 2, 1)
    assert np.abs(found - alpha).mean() < 0.1 * np.abs(without - alpha).mean()
    np.testing.assert_array_equal(alpha_enlarged(small, small, small_alpha), small_alpha)


@pytest.mark.parametrize("factor", [1, 2])
def test_the_color_of_the_object_has_nothing_of_the_background(factor: int) -> None:
    alpha = stripes(24 * factor)
    image, small_alpha = mixed(alpha), alpha[::factor, ::factor]
    colors = colors_of_object(image, image[::factor, ::factor], alpha, small_alpha)
    assert np.abs(colors[alpha > 0].astype(int) - RED).max() <= 20  # The two colors differ by up to 190 levels.
    np.testing.assert_array_equal(colors[alpha == 1], image[alpha == 1])
