"""The colors of a photo: its palette, the mixtures of object and background, and the costs that they give."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, Image, Seeds, Unary, check_image, check_same_size, check_seeds
from wsseg.graphcut.energy import unary_from_log_odds
from wsseg.graphcut.mixture import Mixture, fit_mixture

QUANTIZATION = 4
"""Step of the palette, in 8-bit levels per channel; it is well below the smallest deviation of a mixture."""


class Palette(NamedTuple):
    """The distinct quantized colors of a photo, (M, 3) 8-bit levels, and the index of each pixel's color, (H, W)."""

    colors: NDArray[np.float64]
    entry: NDArray[np.intp]


def palette_of(image: Image) -> Palette:
    """Return the distinct colors of a photo, so that a mixture scores each of them once.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        The photo, sRGB.

    Returns
    -------
    Palette
        `colors` (M, 3), quantized in steps of 4 levels, and `entry` (H, W), the index of each pixel's color.

    Examples
    --------
    >>> import numpy as np
    >>> palette = wsseg.palette_of(np.array([[[0, 0, 0], [255, 255, 255], [1, 0, 0]]], np.uint8))
    >>> palette.colors.tolist(), palette.entry.tolist()
    ([[1.5, 1.5, 1.5], [253.5, 253.5, 253.5]], [[0, 1, 0]])
    """
    steps = 256 // QUANTIZATION
    red, green, blue = np.moveaxis(check_image(image) // QUANTIZATION, 2, 0).astype(np.int32)
    codes = (red * steps + green) * steps + blue
    present = np.bincount(codes.ravel(), minlength=steps**3) > 0
    levels = np.stack(np.unravel_index(np.flatnonzero(present), (steps,) * 3), axis=1).astype(np.float64)
    return Palette(levels * QUANTIZATION + (QUANTIZATION - 1) / 2, (np.cumsum(present) - 1)[codes])


def mixtures_from_seeds(
    image: Image,
    seeds: Seeds,
    *,
    components: int,
    color_samples: int,
    random_state: int,
    start: tuple[Mixture, Mixture] | None = None,
) -> tuple[Mixture, Mixture]:
    """Return the color mixtures of background and object, fitted to their seeds.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        The photo, sRGB.
    seeds : (H, W) uint8 array
        FOREGROUND, BACKGROUND or UNKNOWN.
    components : int
        Largest number of Gaussians in each mixture.
    color_samples : int
        Largest number of pixels that each mixture is fitted to, drawn at random.
    random_state : int
        Seed of the draw and of the fit.
    start : (Mixture, Mixture), optional
        Mixtures of background and object to start from.

    Returns
    -------
    background, foreground : Mixture

    Raises
    ------
    TypeError, ValueError
        If background or object has no seed, or an array has another type, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((4, 4, 3), np.uint8)
    >>> image[:, 2:] = 200
    >>> seeds = np.repeat(np.array([[0, 0, 1, 1]], np.uint8), 4, axis=0)
    >>> mixtures = wsseg.mixtures_from_seeds(image, seeds, components=1, color_samples=100, random_state=0)
    >>> [mixture.means.tolist() for mixture in mixtures]
    [[[0.0, 0.0, 0.0]], [[200.0, 200.0, 200.0]]]
    """
    check_same_size(check_image(image), check_seeds(seeds), "image and seeds")
    rng = np.random.default_rng(random_state)
    sides = [image[seeds == label] for label in (BACKGROUND, FOREGROUND)]
    if empty := [name for name, side in zip(("background", "object"), sides, strict=True) if not len(side)]:
        raise ValueError(f"seeds must hold object and background, got no {empty[0]}; change its quantile")
    samples = [side[rng.choice(len(side), min(color_samples, len(side)), replace=False)] for side in sides]
    background, foreground = (
        fit_mixture(sample.astype(np.float64), components=components, random_state=random_state, start=one)
        for sample, one in zip(samples, start or (None, None), strict=True)
    )
    return background, foreground


def unary_from_mixtures(palette: Palette, background: Mixture, foreground: Mixture, *, color_limit: float) -> Unary:
    """Return the unary costs of the colors: -ln Pr(color | label), less the smaller cost of each pixel.

    Parameters
    ----------
    palette : Palette
        The photo's colors, see `palette_of`.
    background, foreground : Mixture
        Their color mixtures.
    color_limit : float
        Largest cost, in nats.

    Returns
    -------
    (H, W, 2) float64 array
        Nats; the last axis is the label, background first.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.full((1, 3), 9.5), np.full((1, 3), 99.5)
    >>> dark, bright = (wsseg.fit_mixture(each, components=1, random_state=0) for each in samples)
    >>> palette = wsseg.palette_of(np.array([[[9, 9, 9], [99, 99, 99]]], np.uint8))
    >>> wsseg.unary_from_mixtures(palette, dark, bright, color_limit=12).tolist()
    [[[0.0, 12.0], [12.0, 0.0]]]
    """
    ratio = foreground.log_likelihood(palette.colors) - background.log_likelihood(palette.colors)
    return unary_from_log_odds(ratio.clip(-color_limit, color_limit))[palette.entry]
