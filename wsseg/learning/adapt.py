"""An objectness head from photos that nobody labelled: what the recipe's own masks of them have in common.

The first round's masks are cut without a head, a later round's with the head of the round before, and each round fits a
head to its masks. From the second on a photo counts by the squared overlap of its mask with its first one, so that
those that change their mind say little: measured, two rounds gain .003 of mean IoU over one, and that weight .002.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg import __version__
from wsseg.arrays import Image, Mask
from wsseg.classifier.head import Head, Provenance
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here, in_order
from wsseg.files.photos import PhotoSource
from wsseg.graphcut.labeling import mask_from_saliency, shrunk
from wsseg.recipe import MAX_PIXELS, Recipe
from wsseg.runs.attempt import attempt
from wsseg.saliency import features_of, saliency_from_map
from wsseg.saliency.objectness import HeadFit, blended
from wsseg.segmenting.segmenter import Segmenter

ROUNDS: Final = 2

SIDE: Final = 160
"""Long side, in pixels, at which photos are kept and cut: features have fewer places by far."""


@dataclass(frozen=True, eq=False)
class Study:
    """What is kept of a photo to learn from: about 200 KB with the embedded network."""

    image: Image
    """Its long side is `SIDE` at most."""
    saliency: NDArray[np.float32]
    """By the recipe's method without a head, of the image's size."""
    features: NDArray[np.float16]
    """(channels, h, w)"""

    def mask(self, recipe: Recipe, head: Head | None) -> Mask:
        """The recipe's mask, by a map that has the head's share in it."""
        saliency = self.saliency
        if head is not None:
            mixed = blended(saliency, head.objectness(self.features.astype(np.float32)), recipe.objectness)
            saliency = saliency_from_map(mixed, mixed.shape, blur=0)
        return mask_from_saliency(self.image, saliency, replace(recipe, exact_side=SIDE)).mask

    def cover(self, mask: Mask) -> NDArray[np.float32]:
        """The share of each of the features' places that the mask covers."""
        size = self.features.shape[:0:-1]
        return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def study(source: PhotoSource, segmenter: Segmenter, *, max_pixels: int = MAX_PIXELS) -> Study:
    """What the segmenter's network makes of a photo; errors as `Segmenter.saliency`."""
    recipe = replace(segmenter.recipe, objectness=0.0)
    result = Segmenter(segmenter.classifier, recipe).saliency(source, max_pixels=max_pixels)
    most = float(np.finfo(np.float16).max)
    features = recipe.bind(features_of)(segmenter.classifier, result.image).numpy().clip(-most, most)
    return Study(shrunk(result.image, SIDE), shrunk(result.saliency, SIDE).clip(max=1), features.astype(np.float16))


def studies_of(
    paths: Sequence[Path], segmenter: Segmenter, *, workers: int = 1, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[Study | None, str]]:
    """The study of each photo or what failed, in their order, by so many processes with a network each."""
    act = partial(study, segmenter=segmenter, max_pixels=max_pixels)
    engine = here if workers == 1 else partial(in_processes, workers=workers)
    return in_order(engine(partial(_each, act), enumerate(paths), lost=_lost))


def _each(
    act: Callable[[Path], Study], numbered: Iterable[tuple[int, Path] | None]
) -> Iterator[tuple[int, tuple[Study | None, str]]]:
    return ((one[0], attempt(act, one[1])) for one in numbered if one is not None)


def _lost(numbered: tuple[int, Path], error: str) -> tuple[int, tuple[None, str]]:
    return numbered[0], (None, error)


def head_from(
    studies: Sequence[Study],
    segmenter: Segmenter,
    *,
    rounds: int = ROUNDS,
    track: Callable[[Sequence[Study]], Iterable[Study]] = iter,
) -> Head:
    """The head that the segmenter's recipe teaches itself; ValueError when it finds an object in no photo.

    `track` goes through the studies, once in each round.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}; {ROUNDS} is what was measured")
    first = masks = [one.mask(segmenter.recipe, None) for one in track(studies)]
    head = _fitted(studies, masks, first, segmenter)
    for _ in range(1, rounds):
        masks = [one.mask(segmenter.recipe, head) for one in track(studies)]
        head = _fitted(studies, masks, first, segmenter)
    return head


def _fitted(studies: Sequence[Study], masks: Sequence[Mask], first: Sequence[Mask], segmenter: Segmenter) -> Head:
    fit = HeadFit()
    for one, mask, earlier in zip(studies, masks, first, strict=True):
        if (mask & earlier).any():
            overlap = float((mask & earlier).sum() / (mask | earlier).sum())
            fit.add(one.features.astype(np.float32), one.cover(mask), weight=overlap**2)
    weights, bias = fit.solved()
    classifier, recipe = segmenter.classifier, segmenter.recipe
    provenance = Provenance(
        classifier=classifier.name,
        sha256=classifier.digest,
        photos=fit.photos,
        recipe=json.dumps(recipe.as_dict()),
        wsseg=__version__,
    )
    return Head(weights, bias, provenance)
