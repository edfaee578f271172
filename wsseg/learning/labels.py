"""The labels that the method itself gives to photos: cuts of their maps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from wsseg.arrays import Mask
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here, in_order
from wsseg.files.photos import PhotoSource
from wsseg.graphcut.confidence import confidence_of
from wsseg.graphcut.masks import mask_from_saliency
from wsseg.graphcut.pyramid import shrunk
from wsseg.recipe import MAX_PIXELS, RECIPES
from wsseg.runs.failures import attempt
from wsseg.saliency.objectness.augment import Example
from wsseg.segmenting.segmenter import Segmenter

SIDE: Final = 256
"""Long side, in pixels, at which photos are kept."""

CUT_SIDE: Final = 208
"""Long side, in pixels, at which photos are cut."""

FIRST: Final = replace(RECIPES["untrained"], mirror=True, samples=2, prior=3.0)
"""Recipe of the first labels, before there is a network; with half as many noisy copies, for speed."""

LATER: Final = replace(FIRST, method="spread_cam", objectness=0.5, balance=0.5, blur=0.0)
"""Recipe of all later labels."""

CUT_SHARE: Final = 0.6
"""Share of the cut in a later label; the rest is the network's map, which is unsure where it should be."""

AREAS: Final = (0.005, 0.9)
"""Shares of the photo that a mask may cover; others teach nothing."""


def example_of(photo: PhotoSource, segmenter: Segmenter, *, max_pixels: int = MAX_PIXELS) -> Example:
    """Return a photo with the label that the segmenter gives it.

    Without a network the label is the cut, and its weight the squared confidence. With one, the label is the weighted
    mean of the cut and of the network's map, and its weight is the squared overlap of these two.

    Parameters
    ----------
    photo : path, bytes, file, PIL image or (H, W, 3) uint8 array
        The photo.
    segmenter : Segmenter
        Classifier, recipe, and network if there is one.
    max_pixels : int
        Larger photos are refused.

    Returns
    -------
    Example
        The photo at a long side of `SIDE`, its label at one of `CUT_SIDE`, and its weight in [0, 1].

    Raises
    ------
    ReadError, TypeError, ValueError
        As `Segmenter.saliency`.
    """
    result = segmenter.saliency(photo, max_pixels=max_pixels)
    image, saliency = shrunk(result.image, CUT_SIDE), shrunk(result.saliency, CUT_SIDE).clip(max=1)
    cut = mask_from_saliency(image, saliency, segmenter.recipe)
    label, trust = cut.mask.astype(np.float32), confidence_of(cut.signs)
    if result.maps.objects is not None:
        found = cv2.resize(result.maps.objects, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        label, trust = CUT_SHARE * label + (1 - CUT_SHARE) * found, _overlap(cut.mask, found > 0.5)
    usable = AREAS[0] <= cut.mask.mean() <= AREAS[1]
    return Example(shrunk(result.image, SIDE), (label * 255).round().astype(np.uint8), trust**2 if usable else 0.0)


def examples_of(
    paths: Sequence[Path], segmenter: Segmenter, *, workers: int = 1, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[Example | None, str]]:
    """Yield each photo's example, or None and why it failed, in the order of the paths.

    Each of the `workers` processes has its own networks.
    """
    act = partial(example_of, segmenter=segmenter, max_pixels=max_pixels)
    engine = here if workers == 1 else partial(in_processes, workers=workers)
    return in_order(engine(partial(_numbered_examples, act), enumerate(paths), lost=_lost))


def _numbered_examples(
    act: Callable[[Path], Example], numbered: Iterable[tuple[int, Path] | None]
) -> Iterator[tuple[int, tuple[Example | None, str]]]:
    """Yield each photo's number and example: the stream that the engines run."""
    return ((one[0], attempt(act, one[1])) for one in numbered if one is not None)


def _lost(numbered: tuple[int, Path], error: str) -> tuple[int, tuple[None, str]]:
    """Return the failure of a photo that killed its processes."""
    return numbered[0], (None, error)


def _overlap(mask: Mask, other: Mask) -> float:
    """The intersection over the union; 0 if both are empty."""
    return float((mask & other).sum() / max(1, (mask | other).sum()))
