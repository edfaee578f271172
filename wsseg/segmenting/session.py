"""One photo, cut again as hints arrive."""

from functools import cached_property
from threading import RLock
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import UNKNOWN, Box, Seeds
from wsseg.classifier.classifier import Classifier
from wsseg.graphcut.energy import log_odds, odds_from_saliency
from wsseg.graphcut.evidence import Clues, evidence_in_box
from wsseg.graphcut.hints import Hints, seeds_from_hints
from wsseg.graphcut.pyramid import shrunk
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.graphcut.solver import MaskResult, MaskSolver
from wsseg.graphcut.windows import box_grown, box_in, image_in, mask_from_window, slices_of
from wsseg.recipe import Recipe
from wsseg.saliency import features_of
from wsseg.saliency.objectness.objectness import Objectness
from wsseg.segmenting.corrections import Corrector
from wsseg.segmenting.looks import mask_from_looks, with_signs_of
from wsseg.segmenting.results import SaliencyResult, Segmentation
from wsseg.segmenting.status import segmentation_of
from wsseg.segmenting.steps import Step

NO_FEATURES: Final = "hints reach other pixels only by distance and color: the classifier has no grid of features"


class Session:
    """A photo and its map, kept while a person gives hints; `Segmenter.open` makes one.

    The map is made when the session is opened. Each further mask corrects the one before, where new hints speak of it.

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
        self._steps: list[Step] = []
        self._lock = RLock()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        """Free the graphs, which are most of the memory."""
        self.__dict__.pop("_corrector", None)

    def segment(self, hints: Hints | None = None, *, refit: bool = False) -> Segmentation:
        """Return the mask under all hints so far, which it never contradicts.

        New hints correct the mask before them, which is that of the last call whose hints are all among these, or else
        the mask without hints, or with the box alone. Only what the new hints speak of changes, see
        `wsseg.graphcut.corrections`. Hints without anything new give the mask that they gave before.

        Parameters
        ----------
        hints : Hints, optional
            All hints so far, not only the new ones; None gives the mask without hints.
        refit : bool
            Let the whole mask change: learn the colors from the mask before, and cut again everywhere.

        Returns
        -------
        Segmentation

        Raises
        ------
        TypeError, ValueError
            If the hints are not valid, see `seeds_from_hints`.
        """
        with self._lock:  # The corrector keeps the graph of the last cut.
            return self._segmented(hints, refit=refit)

    def _segmented(self, hints: Hints | None, *, refit: bool) -> Segmentation:
        if hints is None:
            return self._segmentation(self._unhinted)
        if not isinstance(hints, Hints):
            raise TypeError(f"hints must be wsseg.Hints, got {type(hints).__name__}; use wsseg.Hints(box=...) instead")
        marks = seeds_from_hints(hints, self.result.saliency.shape, click_radius=0)
        box = None if hints.box is None else Box(*map(int, hints.box))
        step = self._step_before(box, marks)
        new = step.new_among(marks)
        if refit or (new != UNKNOWN).any():
            found = self._corrector.corrected(step.found, hints, new, refit=refit)
            self._steps.append(step := Step(box, marks, found))
        notes = () if self._clues.features is not None else (NO_FEATURES,)
        return self._segmentation(step.found._replace(seeds=self._seeds), notes)

    def _step_before(self, box: Box | None, marks: Seeds) -> Step:
        """Return the last step whose hints are all among these; the first one has the box alone, or nothing."""
        for step in reversed(self._steps):
            if step.leads_to(box, marks):
                return step
        start, nothing = self._unhinted, np.full(marks.shape, UNKNOWN, np.uint8)
        if box is not None:
            start, nothing = self._solved_in_box(box), seeds_from_hints(Hints(box=box), marks.shape, click_radius=0)
        self._steps.append(Step(box, nothing, start))
        return self._steps[-1]

    def _solved_in_box(self, box: Box) -> MaskResult:
        """Return the mask in a box, cut as if the box and its margin were the whole photo."""
        shape, recipe = self.result.saliency.shape, self._recipe
        window = box_grown(box, shape, margin=recipe.box_margin)
        image, saliency = image_in(window, self.result.image), self.result.saliency[slices_of(window)]
        clues = self._clues.within(window, shape, recipe.refit_side)
        evidence = evidence_in_box(box_in(window, box), saliency.shape, clues, recipe)
        found = MaskSolver(image, np.ascontiguousarray(saliency), recipe, hinted=True).solve(evidence)
        return with_signs_of(self.result.maps, found._replace(mask=mask_from_window(window, found.mask, shape)))

    @cached_property
    def _corrector(self) -> Corrector:
        return Corrector(self.result, self._clues, self._recipe)

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
    def _clues(self) -> Clues:
        """What the photo tells without hints."""
        image, mirror, network = self.result.image, self._recipe.mirror, self._objectness
        try:
            features = features_of(self._classifier, image, mirror=mirror).numpy()
        except ValueError:
            features = None
        learned = None if network is None else network.features(image, mirror=False)
        return Clues(odds=self._odds, features=features, learned=learned)

    @property
    def _odds(self) -> NDArray[np.float32]:
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
