"""Small photos, maps and seeds for the tests of cuts."""

from typing import Any

import numpy as np

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Saliency


def blob(height: int, width: int) -> Saliency:
    """A map with its peak in the middle, as float32 in [0, 1]."""
    y, x = np.mgrid[:height, :width]
    squares = ((y + 0.5) / height - 0.5) ** 2 + ((x + 0.5) / width - 0.5) ** 2
    return np.exp(-squares / 0.04).astype(np.float32)


def disc(side: int = 64) -> tuple[Image, np.ndarray]:
    """A noisy orange disc on noisy blue, and where it is."""
    y, x = np.mgrid[:side, :side]
    inside = np.hypot(y - side / 2, x - side / 2) < side * 0.3
    colors = np.where(inside[..., None], (230, 140, 40), (40, 80, 160))
    noise = np.random.default_rng(0).normal(0, 12, colors.shape)
    return (colors + noise).clip(0, 255).astype(np.uint8), inside


def locked(array: Any) -> Any:
    """Return the array read-only, so that a change in place raises an error."""
    array.setflags(write=False)
    return array


def noise(*shape: int, random_state: int = 0) -> Image:
    return np.random.default_rng(random_state).integers(0, 256, shape, np.uint8)


def seeds_of(*rows: str) -> Any:
    """The seeds drawn in characters: `#` object, `.` background, `?` unknown."""
    labels = {"#": FOREGROUND, ".": BACKGROUND, "?": UNKNOWN}
    return np.array([[labels[character] for character in row] for row in rows], np.uint8)
