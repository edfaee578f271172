"""One photo, cut again as hints arrive."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, Box, Seeds
from wsseg.classifier.classifier import Classifier
from wsseg.graphcut.confidence import LEAST, confidence_of
from wsseg.graphcut.energy import log_odds
from wsseg.graphcut.hints import Hints, box_grown, odds_from_hints, odds_in_window, odds_raised, seeds_from_hints
from wsseg.graphcut.labeling import Advice, MaskResult, MaskSolver, mask_from_saliency, seeds_at, shrunk, shrunk_size
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.recipe import Recipe
from wsseg.saliency import features_of
from wsseg.segmenting.results import SaliencyResult, Segmentation, Status

NO_FEATURES: Final = "hints tell of other pixels by place and color alone, since the classifier has no grid of features"


class Session:
    """A photo with its map, kept while a person hints at what the object is: by `Segmenter.open`.

    The map is made when it is opened, mixtures and graphs at the first mask; each further mask is a cut.
    """

    def __init__(self, classifier: Classifier, result: SaliencyResult, recipe: Recipe) -> None:
        self.result = result
        self._classifier, self._recipe = classifier, recipe
        self._labelers: dict[Box | None, MaskSolver] = {}

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of the graphs, which are most of the memory."""
        self._labelers.clear()

    def segment(self, hints: Hints | None = None, *, refit: bool = False) -> Segmentation:
        """The mask under all the hints so far, which it never contradicts: each call names them all.

        The first call with hints learns the color mixtures from them and from the mask without any, in another box
        from what the photo says of that; later ones keep the mixtures, so that they are but a cut. To `refit` is to
        learn again, from the mask before; in a box as at first. Errors as `seeds_from_hints`.
        """
        if hints is None:
            return self._segmentation(self._unhinted)
        if not isinstance(hints, Hints):
            raise TypeError(
                f"hints must be wsseg.Hints, got {type(hints).__name__}; say wsseg.Hints(box=...) or the like"
            )
        seeds = self._recipe.bind(seeds_from_hints)(hints, self.result.saliency.shape)
        said = seeds
        if hints.box is not None:
            said = self._recipe.bind(seeds_from_hints)(replace(hints, box=None), seeds.shape)
        odds = self._leaning + self._recipe.bind(odds_from_hints)(seeds_at(said, self._leaning.shape), self._features)
        if hints.box is None:
            found = self._labeler(None).label(Advice(seeds, odds), refit=refit)
        else:
            found = self._within(Box(*map(int, hints.box)), seeds, odds, refit=refit)
        notes = () if self._features is not None else (NO_FEATURES,)
        return self._segmentation(
            found._replace(seeds=self._recipe.bind(seeds_from_saliency)(self.result.saliency)), notes
        )

    def _within(self, box: Box, seeds: Seeds, odds: NDArray[np.float32], *, refit: bool) -> MaskResult:
        """The mask in a box, as if what is around it were all of the photo."""
        window = self._recipe.bind(box_grown)(box, seeds.shape)
        part, size = seeds[_slices(window)], shrunk_size(*_shape(window), self._recipe.refit_side)
        near = odds_in_window(odds, window, seeds.shape, size)
        raised = self._recipe.bind(odds_raised)(near, seeds_at(part, size) != BACKGROUND)
        found = self._labeler(window).label(Advice(part, raised, enclosed=True), refit=refit)
        mask = np.zeros(seeds.shape, np.bool_)
        mask[_slices(window)] = found.mask
        return found._replace(mask=mask)

    def _labeler(self, window: Box | None) -> MaskSolver:
        if window not in self._labelers:
            # Each is most of the memory: of the boxes the last alone is kept.
            for earlier in [one for one in self._labelers if one and window]:
                del self._labelers[earlier]
            rows, columns = _slices(window or Box(0, 0, *self.result.saliency.shape[::-1]))
            image = np.ascontiguousarray(self.result.image[rows, columns])
            saliency = np.ascontiguousarray(self.result.saliency[rows, columns])
            start = None if window else self._unhinted.mask
            self._labelers[window] = MaskSolver(image, saliency, self._recipe.hinted, start)
        return self._labelers[window]

    @cached_property
    def _unhinted(self) -> MaskResult:
        return mask_from_saliency(self.result.image, self.result.saliency, self._recipe)

    @cached_property
    def _features(self) -> NDArray[np.float32] | None:
        """None where no layer of the classifier lies on a grid."""
        try:
            return self._recipe.bind(features_of)(self._classifier, self.result.image).numpy()
        except ValueError:
            return None

    @cached_property
    def _leaning(self) -> NDArray[np.float32]:
        """What the photo itself says, in nats for the object, at the size that mixtures are learned from.

        A head that was learned from photos speaks here whatever the recipe, since a person sees to what is meant.
        """
        recipe, head = self._recipe, self._classifier.head
        saliency = shrunk(self.result.saliency, recipe.refit_side).clip(max=1)
        odds = recipe.hint_map * (log_odds(saliency) - log_odds(np.array(recipe.balance)))
        if head is not None and self._features is not None:
            leaning = log_odds(head.objectness(self._features))
            odds += recipe.hint_head * cv2.resize(leaning, saliency.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return odds.astype(np.float32)

    def _segmentation(self, labeling: MaskResult, notes: tuple[str, ...] = ()) -> Segmentation:
        result, confidence = self.result, confidence_of(labeling.signs)
        found = bool(labeling.mask.any())
        doubts = (
            *labeling.doubts,
            *doubts_of(result, len(self._classifier.categories), confidence if found else None),
        )
        return Segmentation(
            image=result.image,
            target=result.target,
            probability=result.probability,
            saliency=result.saliency,
            reasons=(*doubts, *notes, *result.reasons),
            mask=labeling.mask,
            seeds=labeling.seeds,
            energy=labeling.energy,
            flow=labeling.flow,
            exact=labeling.exact,
            confidence=confidence,
            status=status_of(found, doubts),
        )


def doubts_of(result: SaliencyResult, classes: int, confidence: float | None) -> tuple[str, ...]:
    """A class less likely than by chance is one that the classifier does not see."""
    category, probability = result.category, result.probability
    chance = len(result.target.indices) / classes
    doubts = {
        f"the classifier does not see {category}: probability {probability:.2g}": probability < chance,
        f"little speaks for the mask: confidence {confidence or 0:.2f}": (1 if confidence is None else confidence)
        < LEAST,
    }
    return tuple(doubt for doubt, holds in doubts.items() if holds)


def status_of(found: bool, doubts: Sequence[str]) -> Status:
    return "no object" if not found else "weak" if doubts else "ok"


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.y0, box.y1), slice(box.x0, box.x1)


def _shape(box: Box) -> tuple[int, int]:
    return box.y1 - box.y0, box.x1 - box.x0
