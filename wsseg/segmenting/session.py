"""One photo, cut again as hints arrive."""

from functools import cached_property
from threading import RLock
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Box
from wsseg.classifier.classifier import Classifier
from wsseg.graphcut.energy import log_odds, odds_from_saliency
from wsseg.graphcut.evidence import Evidence, evidence_from_hints, evidence_in_window
from wsseg.graphcut.hints import Hints
from wsseg.graphcut.pyramid import shrunk
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.graphcut.solver import MaskResult, MaskSolver
from wsseg.graphcut.windows import box_grown, image_in, mask_from_window, slices_of
from wsseg.recipe import Recipe
from wsseg.saliency import features_of
from wsseg.saliency.objectness.objectness import Objectness
from wsseg.segmenting.looks import mask_from_looks, with_signs_of
from wsseg.segmenting.results import SaliencyResult, Segmentation
from wsseg.segmenting.status import segmentation_of

NO_FEATURES: Final = "hints reach other pixels only by distance and color: the classifier has no grid of features"


class Session:
    """A photo and its map, kept while a person gives hints; `Segmenter.open` makes one.

    The map is made when the session is opened, mixtures and graphs with the first mask. Each further mask is one cut.

    Parameters
    ----------
    classifier : Classifier
        The network that made the map.
    result : SaliencyResult
        The photo and its map.
    recipe : Recipe
        All numbers of the method.
    objectness : Objectness, optional
        The network that knows objects.
    """

    def __init__(
        self, classifier: Classifier, result: SaliencyResult, recipe: Recipe, objectness: Objectness | None = None
    ) -> None:
        self.result = result
        self._classifier, self._recipe, self._objectness = classifier, recipe, objectness
        self._solvers: dict[Box | None, MaskSolver] = {}
        self._lock = RLock()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        """Free the graphs, which are most of the memory."""
        self._solvers.clear()

    def segment(self, hints: Hints | None = None, *, refit: bool = False) -> Segmentation:
        """Return the mask under all hints so far, which it never contradicts.

        The first call with hints learns the color mixtures, from the hints and from the mask without hints. In a new
        box it learns them from the box and its surroundings. Later calls keep the mixtures, so they are only a cut.

        Parameters
        ----------
        hints : Hints, optional
            All hints so far, not only the new ones; None gives the mask without hints.
        refit : bool
            Learn the mixtures again, from the mask before; in a box, from its surroundings.

        Returns
        -------
        Segmentation

        Raises
        ------
        TypeError, ValueError
            If the hints are not valid, see `seeds_from_hints`.
        """
        with self._lock:  # The solvers keep the graph of the last cut.
            return self._segmented(hints, refit=refit)

    def _segmented(self, hints: Hints | None, *, refit: bool) -> Segmentation:
        if hints is None:
            return self._segmentation(self._unhinted)
        if not isinstance(hints, Hints):
            raise TypeError(f"hints must be wsseg.Hints, got {type(hints).__name__}; use wsseg.Hints(box=...) instead")
        evidence = evidence_from_hints(
            hints, self.result.saliency.shape, self._unhinted_odds, self._features, self._recipe
        )
        if hints.box is None:
            found = self._solver(None).solve(evidence, refit=refit)
        else:
            found = self._solved_in_box(Box(*map(int, hints.box)), evidence, refit=refit)
        notes = () if self._features is not None else (NO_FEATURES,)
        found = with_signs_of(self.result.maps, found)
        return self._segmentation(found._replace(seeds=self._seeds), notes)

    def _solved_in_box(self, box: Box, evidence: Evidence, *, refit: bool) -> MaskResult:
        """Return the mask in a box, cut as if the box and its margin were the whole photo."""
        shape = self.result.saliency.shape
        window = box_grown(box, shape, margin=self._recipe.box_margin)
        found = self._solver(window).solve(evidence_in_window(evidence, window, self._recipe), refit=refit)
        return found._replace(mask=mask_from_window(window, found.mask, shape))

    def _solver(self, window: Box | None) -> MaskSolver:
        """Return the solver of the whole photo or of a window; only the last window's is kept, to save memory."""
        if window not in self._solvers:
            for earlier in [one for one in self._solvers if one and window]:
                del self._solvers[earlier]
            self._solvers[window] = self._new_solver(window)
        return self._solvers[window]

    def _new_solver(self, window: Box | None) -> MaskSolver:
        if window is None:
            return MaskSolver(
                self.result.image, self.result.saliency, self._recipe, hinted=True, start=self._unhinted.mask
            )
        saliency = np.ascontiguousarray(self.result.saliency[slices_of(window)])
        return MaskSolver(image_in(window, self.result.image), saliency, self._recipe, hinted=True)

    @cached_property
    def _unhinted(self) -> MaskResult:
        """The mask without hints."""
        return mask_from_looks(self.result, self._recipe, self._objectness)

    @cached_property
    def _seeds(self) -> NDArray[np.uint8]:
        """The seeds from the saliency alone."""
        return seeds_from_saliency(
            self.result.saliency,
            foreground_quantile=self._recipe.foreground_quantile,
            background_quantile=self._recipe.background_quantile,
        )

    @cached_property
    def _features(self) -> NDArray[np.float32] | None:
        """The network's features of the photo; None if no layer of the classifier lies on a grid."""
        try:
            return features_of(self._classifier, self.result.image, mirror=self._recipe.mirror).numpy()
        except ValueError:
            return None

    @cached_property
    def _unhinted_odds(self) -> NDArray[np.float32]:
        """The odds of the photo without hints, in nats for the object, at the size that mixtures are learned from.

        The map of objects counts by itself, beside its share in the saliency: a person shows which object is meant.
        """
        recipe, objects = self._recipe, self._objects
        saliency = shrunk(self.result.saliency, recipe.refit_side).clip(max=1)
        odds = odds_from_saliency(saliency, prior=recipe.hint_map, balance=recipe.balance)
        if objects is not None:
            learned = log_odds(objects)
            odds += recipe.hint_objectness * cv2.resize(learned, saliency.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return odds.astype(np.float32)

    @property
    def _objects(self) -> NDArray[np.float32] | None:
        """The map of objects, which was perhaps not needed for the saliency; None without a network."""
        if self.result.maps.objects is not None or self._objectness is None:
            return self.result.maps.objects
        return self._objectness.map(self.result.image, mirror=self._recipe.mirror)

    def _segmentation(self, found: MaskResult, notes: tuple[str, ...] = ()) -> Segmentation:
        return segmentation_of(self.result, found, classes=len(self._classifier.categories), notes=notes)
