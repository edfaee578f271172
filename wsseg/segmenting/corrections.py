"""A mask corrected by new hints, in a window of the photo around the mask and the hints."""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, Maps, Mask, Saliency, Seeds
from wsseg.graphcut.corrections import correction_of
from wsseg.graphcut.cut import Cut
from wsseg.graphcut.evidence import Clues, Evidence, evidence_from_hints
from wsseg.graphcut.hints import Hints, hints_in, seeds_from_hints
from wsseg.graphcut.pyramid import seeds_at
from wsseg.graphcut.regions import box_of, components_of, without_specks
from wsseg.graphcut.solver import MaskResult, MaskSolver
from wsseg.graphcut.windows import box_around, image_in, map_in, rim_of, slices_of
from wsseg.recipe import Recipe
from wsseg.segmenting.looks import LARGEST, with_signs_of
from wsseg.segmenting.results import SaliencyResult

LEAST: Final = 0.25
"""Sides of a window, at least, as a share of the photo's long side."""

NEAR: Final = 3
"""Side of the square around each changed pixel in which the outline is cut again, in pixels of the first cut."""

FIRST_SIDE: Final = 256
"""Long side at which a window is first cut, at most, in pixels. At 360 pixels as many clicks are needed, and each takes
almost twice the time."""

SPECK: Final = 0.02
"""Area below which a piece that a correction cuts off is a speck, as a share of the largest piece."""


class Corrector:
    """Corrects masks of one photo; it keeps the graphs of the last window.

    Parameters
    ----------
    result : SaliencyResult
        The photo and its maps.
    clues : Clues
        The photo's own evidence.
    recipe : Recipe
        All numbers of the method.
    """

    def __init__(self, result: SaliencyResult, clues: Clues, recipe: Recipe) -> None:
        self._result, self._clues = result, clues
        # A window's border may cross the object, what is right stays in however many pieces, and a person knows better
        # than the seeds of the map.
        side = min(recipe.exact_side, FIRST_SIDE)
        self._recipe = replace(recipe, border=0.0, largest=False, hard_seeds=False, exact_side=side)
        self._window: _Window | None = None

    def corrected(self, before: MaskResult, hints: Hints, marks: Seeds, new: Seeds, *, refit: bool) -> MaskResult:
        """Return the mask under all hints.

        Parameters
        ----------
        before : MaskResult
            The mask before the new hints.
        hints : Hints
            All hints so far.
        marks : (H, W) uint8 array
            The pixels that they mark.
        new : (H, W) uint8 array
            The pixels that new hints mark.
        refit : bool
            Let the whole mask change, not only what the new hints speak of.

        Returns
        -------
        MaskResult
        """
        window = self._window_at(self._box_around(before.mask, marks, new))
        inside = slices_of(window.box)
        found = window.corrected(before.mask[inside], hints_in(window.box, hints), new[inside], refit=refit)
        mask = before.mask.copy()
        mask[inside] = np.where(marks[inside] == UNKNOWN, found.mask, marks[inside] == FOREGROUND)
        return found._replace(mask=mask, exact=found.exact and window.box == self._photo)

    @property
    def _photo(self) -> Box:
        height, width = self._result.saliency.shape
        return Box(0, 0, width, height)

    def _box_around(self, mask: Mask, marks: Seeds, new: Seeds) -> Box:
        """Return a window around the mask, the hints on the object and the new hints."""
        box = box_of(mask | (marks == FOREGROUND) | (new != UNKNOWN))
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
        self.box, self._rim, self._recipe = box, rim_of(box, shape), recipe
        self._image, self._maps = image_in(box, result.image), Maps(*(_map_in(box, one, shape) for one in result.maps))
        self._clues = clues.within(box, shape, recipe.refit_side)
        saliency = np.ascontiguousarray(result.saliency[slices_of(box)])
        self._solver = MaskSolver(self._image, saliency, recipe, hinted=True)

    def corrected(self, before: Mask, hints: Hints, new: Seeds, *, refit: bool) -> MaskResult:
        """Return the corrected mask of the window; all arguments are those of the window."""
        radius = self._recipe.click_radius
        certain = seeds_from_hints(hints, before.shape, click_radius=radius)
        said = certain
        if hints.box is not None:  # Its outside is certain, but it does not change the odds inside.
            said = seeds_from_hints(replace(hints, box=None), before.shape, click_radius=radius)
        coarse = self._solver.labels_of(before) > 0
        known, heard, marks = (seeds_at(one, coarse.shape) for one in (certain, said, new))

        def evidence(kept: Seeds, emphasis: float) -> Evidence:
            seeds = np.where(heard == UNKNOWN, kept, heard)
            found = evidence_from_hints(seeds, coarse, self._clues, self._recipe, emphasis=emphasis)
            return replace(found, certain=np.where(known == UNKNOWN, kept, known))

        nothing = np.full(coarse.shape, UNKNOWN, np.uint8)
        plain = evidence(nothing, 1.0)
        self._solver.learn(before, plain)
        if refit:
            whole = self._finished(self._solver.cut(plain), replace(plain, certain=certain))
            mask = components_of(whole.mask, before | (said == FOREGROUND))
            if mask.any():  # A refit that finds no object only corrects.
                return whole._replace(mask=_without_specks(mask, before, (certain != UNKNOWN) | self._rim))
        found = correction_of(
            coarse,
            marks,
            lambda kept, emphasis: self._solver.cut(evidence(kept, emphasis)),
            middle=self._recipe.hint_middle,
        )
        final = evidence(found.kept, found.emphasis)
        cut = found.cut._replace(mask=coarse ^ found.change)
        near = _near(found.change | (marks != UNKNOWN), before.shape)
        held = np.where(near, certain, before).astype(np.uint8)
        corrected = self._finished(cut, replace(final, certain=held))
        mask = _one_sided(corrected.mask, before, new)
        return corrected._replace(mask=_without_specks(mask, before, (certain != UNKNOWN) | self._rim))

    def _finished(self, cut: Cut, evidence: Evidence) -> MaskResult:
        """Return the mask at the window's own size."""
        return with_signs_of(self._maps, self._solver.refined(cut, evidence))


def _near(change: Mask, shape: tuple[int, ...]) -> Mask:
    """Return the pixels of a photo of that shape where the outline of a smaller change is cut again."""
    grown = cv2.dilate(change.astype(np.uint8), np.ones((NEAR, NEAR), np.uint8))
    return np.asarray(cv2.resize(grown, shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)


def _without_specks(mask: Mask, before: Mask, kept: Mask) -> Mask:
    """Return the mask without specks of the object, and then of the background, where none of them is to be kept."""
    changed = mask != before
    for _ in range(2):
        mask = ~without_specks(mask, changed, kept, least=SPECK)
    return mask


def _one_sided(mask: Mask, before: Mask, new: Seeds) -> Mask:
    """Return the mask without changes to a label that no new hint has."""
    if not (new == BACKGROUND).any():
        return mask | before
    return mask if (new == FOREGROUND).any() else mask & before


def _map_in(window: Box, plane: Saliency | None, shape: tuple[int, ...]) -> Saliency | None:
    return None if plane is None else map_in(window, plane, shape, plane.shape)
