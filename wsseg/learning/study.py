"""The study of a photo for learning: a small copy, its saliency and the network's features."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask
from wsseg.classifier.head import Head
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here, in_order
from wsseg.files.photos import PhotoSource
from wsseg.graphcut.masks import mask_from_saliency
from wsseg.graphcut.pyramid import shrunk
from wsseg.recipe import MAX_PIXELS, Recipe
from wsseg.runs.failures import attempt
from wsseg.saliency import features_of, saliency_from_map
from wsseg.saliency.objectness import blended
from wsseg.segmenting.segmenter import Segmenter

SIDE: Final = 160
"""Long side, in pixels, at which photos are kept and cut: the features have far fewer places."""


@dataclass(frozen=True, eq=False)
class Study:
    """A small photo with its saliency and features: about 200 KB with the embedded network."""

    image: Image
    """Its long side is `SIDE` at most."""
    saliency: NDArray[np.float32]
    """The recipe's map without a head, of the image's size."""
    features: NDArray[np.float16]
    """(channels, h, w)"""

    def mask(self, recipe: Recipe, head: Head | None) -> Mask:
        """Return the recipe's mask; its saliency includes the head's share if there is a head."""
        saliency = self.saliency
        if head is not None:
            mixed = blended(saliency, head.objectness(self.features.astype(np.float32)), recipe.objectness)
            saliency = saliency_from_map(mixed, mixed.shape, blur=0)
        return mask_from_saliency(self.image, saliency, replace(recipe, exact_side=SIDE)).mask

    def cover(self, mask: Mask) -> NDArray[np.float32]:
        """Return the share of each place of the features that the mask covers."""
        size = self.features.shape[:0:-1]
        return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def study_of(photo: PhotoSource, segmenter: Segmenter, *, max_pixels: int = MAX_PIXELS) -> Study:
    """Return the study of a photo by the segmenter's network; it raises the errors of `Segmenter.saliency`."""
    recipe = replace(segmenter.recipe, objectness=0.0)
    result = Segmenter(segmenter.classifier, recipe).saliency(photo, max_pixels=max_pixels)
    most = float(np.finfo(np.float16).max)
    features = features_of(segmenter.classifier, result.image, mirror=recipe.mirror).numpy().clip(-most, most)
    return Study(shrunk(result.image, SIDE), shrunk(result.saliency, SIDE).clip(max=1), features.astype(np.float16))


def studies_of(
    paths: Sequence[Path], segmenter: Segmenter, *, workers: int = 1, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[Study | None, str]]:
    """Yield the study of each photo, or None and its failure, in the order of the paths.

    Each of the `workers` processes has its own network.
    """
    act = partial(study_of, segmenter=segmenter, max_pixels=max_pixels)
    engine = here if workers == 1 else partial(in_processes, workers=workers)
    return in_order(engine(partial(_numbered_studies, act), enumerate(paths), lost=_lost))


def _numbered_studies(
    act: Callable[[Path], Study], numbered: Iterable[tuple[int, Path] | None]
) -> Iterator[tuple[int, tuple[Study | None, str]]]:
    """Yield each photo's number and study: the stream that the engines run."""
    return ((one[0], attempt(act, one[1])) for one in numbered if one is not None)


def _lost(numbered: tuple[int, Path], error: str) -> tuple[int, tuple[None, str]]:
    """Return the failure of a photo that killed its processes."""
    return numbered[0], (None, error)
