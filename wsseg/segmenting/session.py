"""One photo, cut again as hints arrive."""

from functools import cached_property
from threading import RLock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import UNKNOWN, Box, Seeds
from wsseg.classifier.classifier import Classifier
from wsseg.graphcut.evidence import Clues
from wsseg.graphcut.hints import Hints, seeds_from_hints
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.graphcut.solver import MaskResult
from wsseg.graphcut.windows import slices_of
from wsseg.recipe import Recipe
from wsseg.saliency.objectness.objectness import Objectness
from wsseg.segmenting.clues import clues_of, mask_in_box
from wsseg.segmenting.corrections import Corrector
from wsseg.segmenting.looks import mask_from_looks
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
        with self._lock:
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
            if not refit:
                return self._segmentation(self._unhinted)
            hints = Hints()
        if not isinstance(hints, Hints):
            raise TypeError(f"hints must be wsseg.Hints, got {type(hints).__name__}; use wsseg.Hints(box=...) instead")
        marks = seeds_from_hints(hints, self.result.saliency.shape, click_radius=0)
        said = _beyond_unknown(hints.box, marks)
        step = self._step_before(hints.box, said)
        new = step.new_among(said)
        if refit or (new != UNKNOWN).any():
            found = self._corrector.corrected(step.found, hints, marks, new, refit=refit)
            self._steps.append(step := Step(hints.box, said, found._replace(seeds=self._seeds)))
        notes = () if self._clues.features is not None else (NO_FEATURES,)
        return self._segmentation(step.found, notes)

    def _step_before(self, box: Box | None, said: Seeds) -> Step:
        """Return the last step with these hints, or else the last whose hints are all among these.

        The first step of all has the box alone, or nothing.
        """
        latest = self._steps[::-1]
        known = next((step for step in latest if step.is_of(box, said)), None)
        known = known or next((step for step in latest if step.leads_to(box, said)), None)
        if known is not None:
            return known
        start = self._unhinted
        if box is not None and box != Box(0, 0, said.shape[1], said.shape[0]):
            start = mask_in_box(box, self.result, self._clues, self._recipe, self._objectness)
        self._steps.append(Step(box, np.full_like(said, UNKNOWN), start._replace(seeds=self._seeds)))
        return self._steps[-1]

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
        """The photo's own evidence, without hints."""
        return clues_of(self._classifier, self.result, self._recipe, self._objectness)

    def _segmentation(self, found: MaskResult, notes: tuple[str, ...] = ()) -> Segmentation:
        return segmentation_of(self.result, found, classes=len(self._classifier.categories), notes=notes)


def _beyond_unknown(box: Box | None, marks: Seeds) -> Seeds:
    """Return the marks inside a box alone: the box itself says what lies beyond."""
    if box is None:
        return marks
    said = np.full_like(marks, UNKNOWN)
    said[slices_of(box)] = marks[slices_of(box)]
    return said
