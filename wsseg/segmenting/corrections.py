"""A mask corrected by new hints, in a window of the photo around the mask and the hints."""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from wsseg.arrays import FOREGROUND, UNKNOWN, Box, Maps, Mask, Saliency, Seeds
from wsseg.graphcut.corrections import correction_of
from wsseg.graphcut.evidence import Clues, Evidence, evidence_from_hints
from wsseg.graphcut.hints import Hints, hints_in, seeds_from_hints
from wsseg.graphcut.pyramid import seeds_at
from wsseg.graphcut.regions import box_of, components_of
from wsseg.graphcut.solver import MaskResult, MaskSolver
from wsseg.graphcut.windows import box_around, image_in, map_in, slices_of
from wsseg.recipe import Recipe
from wsseg.segmenting.looks import LARGEST, with_signs_of
from wsseg.segmenting.results import SaliencyResult

LEAST: Final = 0.25
"""Sides of a window, at least, as a share of the photo's long side."""

NEAR: Final = 5
"""Side of the square around each changed pixel in which the outline is cut again, in pixels of the first cut."""


class Corrector:
    """Corrects masks of one photo; it keeps the graphs of the last window.

    Parameters
    ----------
    result : SaliencyResult
        The photo and its maps.
    clues : Clues
        What the photo tells without hints.
    recipe : Recipe
        All numbers of the method.
    """

    def __init__(self, result: SaliencyResult, clues: Clues, recipe: Recipe) -> None:
        self._result, self._clues = result, clues
        # A window's border may cross the object, and what is right stays, in however many pieces.
        self._recipe = replace(recipe, border=0.0, largest=False)
        self._window: _Window | None = None

    def corrected(self, before: MaskResult, hints: Hints, new: Seeds, *, refit: bool) -> MaskResult:
        """Return the mask under all hints.

        Parameters
        ----------
        before : MaskResult
            The mask before the new hints.
        hints : Hints
            All hints so far.
        new : (H, W) uint8 array
            The pixels that new hints mark.
        refit : bool
            Let the whole mask change, not only what the new hints speak of.

        Returns
        -------
        MaskResult
        """
        window = self._window_at(self._box_around(before.mask, hints, new))
        inside = slices_of(window.box)
        found = window.corrected(before.mask[inside], hints_in(window.box, hints), new[inside], refit=refit)
        mask = before.mask.copy()
        mask[inside] = found.mask
        return found._replace(mask=mask, exact=found.exact and window.box == self._photo)

    @property
    def _photo(self) -> Box:
        height, width = self._result.saliency.shape
        return Box(0, 0, width, height)

    def _box_around(self, mask: Mask, hints: Hints, new: Seeds) -> Box:
        """Return a window around the mask, the hints on the object and the new hints."""
        on_object = seeds_from_hints(hints, mask.shape, click_radius=0) == FOREGROUND
        box = box_of(mask | on_object | (new != UNKNOWN))
        if box is None:
            return self._photo
        window = box_around(box, mask.shape, margin=self._recipe.hint_margin, least=LEAST)
        area = (window.x1 - window.x0) * (window.y1 - window.y0)
        return window if area <= LARGEST * mask.size else self._photo

    def _window_at(self, box: Box) -> "_Window":
        if self._window is None or self._window.box != box:
            self._window = None  # Its graphs go before new ones are made.
            self._window = _Window(box, self._result, self._clues, self._recipe)
        return self._window


class _Window:
    """A window of the photo, with its own graphs."""

    def __init__(self, box: Box, result: SaliencyResult, clues: Clues, recipe: Recipe) -> None:
        shape = result.saliency.shape
        self.box, self._recipe = box, recipe
        self._image, self._maps = image_in(box, result.image), Maps(*(_map_in(box, one, shape) for one in result.maps))
        self._clues = clues.within(box, shape, recipe.refit_side)
        saliency = np.ascontiguousarray(result.saliency[slices_of(box)])
        self._solver = MaskSolver(self._image, saliency, recipe, hinted=True)

    def corrected(self, before: Mask, hints: Hints, new: Seeds, *, refit: bool) -> MaskResult:
        """Return the corrected mask of the window; all arguments are those of the window."""
        certain = seeds_from_hints(hints, before.shape, click_radius=self._recipe.click_radius)
        coarse = self._solver.labels_of(before) > 0
        seeds, marks = (seeds_at(one, coarse.shape) for one in (certain, new))

        def evidence(kept: Seeds, emphasis: float) -> Evidence:
            known = np.where(seeds == UNKNOWN, kept, seeds)
            return evidence_from_hints(known, before, self._clues, self._recipe, emphasis=emphasis)

        nothing = np.full(coarse.shape, UNKNOWN, np.uint8)
        self._solver.learn(before, evidence(nothing, 1.0))
        if refit:
            return self._finished(before, certain, evidence(nothing, 1.0), None)
        found = correction_of(
            coarse,
            marks,
            lambda kept, emphasis: self._solver.cut(evidence(kept, emphasis)).mask,
            middle=self._recipe.hint_middle,
        )
        return self._finished(before, certain, evidence(found.kept, found.emphasis), found.change)

    def _finished(self, before: Mask, certain: Seeds, evidence: Evidence, change: Mask | None) -> MaskResult:
        """Return the mask at full size; where a `change` (h, w) is given, all far from it stays as it was before."""
        cut = self._solver.cut(evidence)
        if change is not None:
            cut = cut._replace(mask=(self._solver.labels_of(before) > 0) ^ change)
            near = cv2.dilate(change.astype(np.uint8), np.ones((NEAR, NEAR), np.uint8))
            near = cv2.resize(near, before.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
            certain = np.where(near | (certain != UNKNOWN), certain, before.astype(np.uint8))
        found = self._solver.refined(cut, replace(evidence, certain=certain))
        mask = np.where(certain == UNKNOWN, found.mask, certain == FOREGROUND)
        mask = components_of(mask, before | (certain == FOREGROUND))
        return with_signs_of(self._maps, found._replace(mask=mask))


def _map_in(window: Box, plane: Saliency | None, shape: tuple[int, ...]) -> Saliency | None:
    return None if plane is None else map_in(window, plane, shape, plane.shape)
