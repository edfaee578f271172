"""Alpha and colors of pixels that mix object and background.

In a small window, alpha is an affine function of the colors (Levin, Lischinski, Weiss 2008, equation 2). The alpha that
fits this best in all windows at once solves a linear system, here without its matrix, because the product with the
matting Laplacian is a guided filter (He, Sun, Tang 2010, "Fast matting using large kernel matting Laplacian matrices",
section 3). The same functions carry a small alpha to a large photo (He, Sun 2015, "Fast guided filter").
"""

from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import FOREGROUND, UNKNOWN, Image, Seeds

Plane: TypeAlias = NDArray[np.float32]
"""One number for each pixel, (H, W)."""

Colors: TypeAlias = NDArray[np.float32]
"""Colors in [0, 1], (H, W, 3)."""

_RADIUS: Final = 2
"""Pixels of a window on each side of its middle."""

_ROUGHNESS: Final = 1e-4
"""Variance of a color, in [0, 1] squared, below which a window counts as flat."""

_TRUST: Final = 0.03
"""Weight of the prior of a pixel in each of its windows. It decides where colors tell nothing, and speeds up the
solution."""

_STEPS: Final = 60
"""Maximum number of steps of the solution; a photo takes about 20."""

_TOLERANCE: Final = 1e-3
"""Residual at which the solution is good enough, as a share of the first one."""

_SMOOTH: Final = (45, 3)
"""Radii, in pixels, of the neighborhoods that colors of object and background are smoothed over: first a wide one, then
a small one. Forte and Pitié take 90 and 6 in photos about twice as large."""


class Affine(NamedTuple):
    """Alpha as affine functions of the colors: `slopes` (H, W, 3) times colors, plus `offsets` (H, W)."""

    slopes: Colors
    offsets: Plane


class Windows:
    """All windows of a picture, one around each pixel."""

    def __init__(self, colors: Colors) -> None:
        self._colors = colors
        self.counts = _summed(np.ones(colors.shape[:2], np.float32))
        self._means = self._mean(colors)
        squares = [self._mean(colors * colors[..., [channel]]) for channel in range(3)]
        covariances = np.stack(squares, axis=2) - self._means[..., :, None] * self._means[..., None, :]
        self._inverses = np.linalg.inv(covariances + _ROUGHNESS * np.eye(3, dtype=np.float32))

    def fitted(self, plane: Plane) -> Affine:
        """Return the function that fits the plane best in each window (He et al. 2010, equations 5 and 6)."""
        mean = self._mean(plane)
        shared = self._mean(self._colors * plane[..., None]) - self._means * mean[..., None]
        slopes = (self._inverses @ shared[..., None])[..., 0]
        return Affine(slopes, mean - _dot(slopes, self._means))

    def smoothed(self, plane: Plane) -> Affine:
        """Return for each pixel the mean of the functions of its windows: the guided filter."""
        return Affine(*map(self._mean, self.fitted(plane)))

    def misfit(self, plane: Plane) -> Plane:
        """Return the product of the matting Laplacian with a plane (He et al. 2010, equation 9)."""
        slopes, offsets = map(_summed, self.fitted(plane))
        return np.asarray(self.counts * plane - _dot(slopes, self._colors) - offsets)

    def _mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        counts = self.counts if values.ndim == 2 else self.counts[..., None]
        return np.asarray(_summed(values) / counts)


def alpha_from_seeds(image: Image, seeds: Seeds, prior: Plane) -> Plane:
    """Return the share of the object in each pixel, in [0, 1].

    Seeds have the alpha 0 or 1; unknown pixels are close to `prior` (H, W) where colors tell nothing. The system is
    solved by conjugate gradients (Hestenes, Stiefel 1952).
    """
    windows = Windows(colors_of(image))
    unknown, known = (np.asarray(seeds == label, np.float32) for label in (UNKNOWN, FOREGROUND))

    def applied(alpha: Plane) -> Plane:
        return np.asarray(unknown * (windows.misfit(alpha) + _TRUST * windows.counts * alpha))

    wanted = unknown * (_TRUST * windows.counts * prior - windows.misfit(known))
    found = unknown * prior
    rest = wanted - applied(found)
    step = scaled = rest / windows.counts
    decrease, enough = _inner(rest, scaled), _TOLERANCE**2 * _inner(wanted, wanted)
    for _ in range(_STEPS):
        if _inner(rest, rest) <= enough:
            break
        product = applied(step)
        length = np.float32(decrease / _inner(step, product))
        found, rest = found + length * step, rest - length * product
        scaled = rest / windows.counts
        before, decrease = decrease, _inner(rest, scaled)
        step = scaled + np.float32(decrease / before) * step
    return np.asarray(np.clip(known + found, 0, 1), np.float32)


def alpha_enlarged(image: Image, small: Image, alpha: Plane) -> Plane:
    """Return the alpha of a small photo at the size of the photo itself, with the details of its colors."""
    if image.shape == small.shape:
        return alpha
    slopes, offsets = Windows(colors_of(small)).smoothed(alpha)
    found = _resized(offsets, image.shape)
    for channel in range(3):
        found += _resized(slopes[..., channel], image.shape) * (image[..., channel] / np.float32(255))
    return np.clip(found, 0, 1, out=found)


def colors_of_object(image: Image, small: Image, alpha: Plane, small_alpha: Plane) -> Image:
    """Return the color of the object in each pixel, which is the photo's own where alpha is 1.

    Colors of object and background vary slowly, and mix to those of the photo (Forte, Pitié 2021, "Approximate fast
    foreground colour estimation", equations 4 to 7). The slow part is found in the small photo.
    """
    shown = colors_of(small)
    objects = grounds = shown
    for radius in _SMOOTH:
        slow_object = _weighted_mean(objects, small_alpha, radius)
        slow_ground = _weighted_mean(grounds, 1 - small_alpha, radius)
        gap = shown - small_alpha[..., None] * slow_object - (1 - small_alpha[..., None]) * slow_ground
        objects = np.clip(slow_object + small_alpha[..., None] * gap, 0, 1)
        grounds = np.clip(slow_ground + (1 - small_alpha[..., None]) * gap, 0, 1)
    found = np.empty_like(image)
    for channel in range(3):  # One after the other, to save memory.
        own, ground = (_resized(slow[..., channel], image.shape) for slow in (slow_object, slow_ground))
        gap = image[..., channel] / np.float32(255) - alpha * own - (1 - alpha) * ground
        found[..., channel] = np.rint(np.clip(own + alpha * gap, 0, 1) * 255)
    return found


def colors_of(image: Image) -> Colors:
    """Return the colors in [0, 1]."""
    return np.asarray(image / np.float32(255), np.float32)


def _weighted_mean(colors: Colors, weights: Plane, radius: int) -> Colors:
    side = (2 * radius + 1,) * 2
    total = cv2.blur(colors * weights[..., None], side)
    return np.asarray(total / (cv2.blur(weights, side)[..., None] + np.float32(1e-5)))


def _summed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums over all windows; beyond the picture there is nothing."""
    side = (2 * _RADIUS + 1,) * 2
    return np.asarray(cv2.boxFilter(values, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT))


def _dot(one: Colors, other: Colors) -> Plane:
    return np.asarray((one * other).sum(axis=2))


def _inner(one: Plane, other: Plane) -> float:
    return float(np.vdot(one.astype(np.float64), other))


def _resized(plane: Plane, shape: tuple[int, ...]) -> Plane:
    return np.asarray(cv2.resize(plane, shape[1::-1], interpolation=cv2.INTER_LINEAR))
