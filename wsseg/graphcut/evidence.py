"""Evidence for a cut: the pixels of a photo whose label is certain, and the odds of all others.

Saliency and hints both become `Evidence`, so the solver handles one kind of input.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, UNKNOWN, Box, Mask, Saliency, Seeds
from wsseg.graphcut.energy import odds_from_saliency
from wsseg.graphcut.hints import odds_from_hints, odds_raised, seeds_outside
from wsseg.graphcut.likeness import cells_of, likeness_of
from wsseg.graphcut.pyramid import seeds_at, shrunk_size
from wsseg.graphcut.windows import map_in
from wsseg.recipe import Recipe

LEAST_CELLS: Final = 4
"""Rows and columns of features in a window, at least."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Certain labels and likely labels of a photo's pixels.

    The odds of a pixel are `prior` times the log-odds of its saliency, plus its entry in `odds`.
    """

    certain: Seeds
    """(H, W) of the photo: labels that no cut may contradict, and UNKNOWN."""
    odds: NDArray[np.float32]
    """(h, w) of any size over the whole photo: nats for the object, beside those of the saliency."""
    prior: float
    """Weight of the saliency's log-odds."""
    balance: float
    """Saliency whose log-odds are neutral."""
    enclosed: bool = False
    """True where the background around the object is certain. The border of the photo is then not presumed background,
    and the first mixtures are fitted to the certain background and to the likelier half of the other pixels."""

    def odds_at(self, saliency: Saliency) -> NDArray[np.float64]:
        """Return nats for the object, (H, W), in the photo at the size of this saliency."""
        return self._prior_odds(saliency) + self._other_odds(saliency.shape)

    def odds_within(self, saliency: Saliency, free: Mask) -> NDArray[np.float64]:
        """Return `odds_at` of the free pixels only, (N,), in reading order."""
        return np.asarray(self._prior_odds(saliency[free][None])[0] + self._other_odds(free.shape)[free])

    def _prior_odds(self, saliency: Saliency) -> NDArray[np.float64]:
        return odds_from_saliency(saliency, prior=self.prior, balance=self.balance)

    def _other_odds(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return `odds` at another size; one number needs no array of a large photo's size."""
        if self.odds.size == 1:
            return np.broadcast_to(self.odds, shape)
        return np.asarray(cv2.resize(self.odds, shape[::-1], interpolation=cv2.INTER_LINEAR))


def evidence_from_saliency(saliency: Saliency, recipe: Recipe, *, given: bool) -> Evidence:
    """Return the evidence of a map alone, (H, W) in [0, 1]: no pixel is certain, and the odds are those of the map.

    They have a weight of their own if the map is of a target that was `given`, see `Recipe.prior_of`.
    """
    nothing = np.broadcast_to(np.uint8(UNKNOWN), saliency.shape)
    odds, prior = np.zeros((1, 1), np.float32), recipe.prior_of(given=given)
    return Evidence(certain=nothing, odds=odds, prior=prior, balance=recipe.balance)


@dataclass(frozen=True, kw_only=True, eq=False)
class Clues:
    """A photo's own evidence, beside its hints; all arrays lie over the whole photo, or over one window of it."""

    odds: NDArray[np.float32]
    """(h, w) of any size: nats for the object without hints."""
    features: NDArray[np.float32] | None
    """(channels, rows, columns): the classifier's features; None if no layer of it lies on a grid."""
    learned: NDArray[np.float32] | None
    """(channels, rows, columns): the features of the self-taught network; None without one."""

    @cached_property
    def cells(self) -> NDArray[np.float64] | None:
        """The features of the self-taught network in each of its cells, see `cells_of`; None without one."""
        return None if self.learned is None else cells_of(self.learned)

    def within(self, window: Box, shape: tuple[int, ...], side: int) -> "Clues":
        """Return the clues in a window of a photo of (height, width), the odds at a long side of `side` pixels."""
        size = shrunk_size(window.y1 - window.y0, window.x1 - window.x0, side)
        return Clues(
            odds=map_in(window, self.odds, shape, size),
            features=None if self.features is None else _planes_in(window, self.features, shape),
            learned=None if self.learned is None else _planes_in(window, self.learned, shape),
        )


def evidence_from_hints(said: Seeds, before: Mask, clues: Clues, recipe: Recipe, *, emphasis: float = 1.0) -> Evidence:
    """Return the evidence of hints: hinted pixels are certain, near and similar ones likely.

    Parameters
    ----------
    said : (H, W) uint8 array
        The hinted pixels, see `seeds_from_hints`.
    before : (h, w) bool array
        The mask before the hints, of any size.
    clues : Clues
        The photo's own evidence. The saliency has no other weight.
    recipe : Recipe
        All numbers of the method.
    emphasis : float
        Factor of the hints' weight.

    Returns
    -------
    Evidence
    """
    added = odds_from_hints(
        seeds_at(said, clues.odds.shape),
        clues.features,
        hint_reach=recipe.hint_reach,
        hint_near=emphasis * recipe.hint_near,
        hint_alike=emphasis * recipe.hint_alike,
    )
    odds = clues.odds + added
    if clues.learned is not None and clues.cells is not None:
        likeness = _likeness_at(clues.learned.shape[1:], clues.cells, said, before, emphasis)
        odds += recipe.hint_learned * cv2.resize(likeness, odds.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return Evidence(certain=said, odds=odds, prior=0.0, balance=recipe.balance)


def _likeness_at(
    grid: tuple[int, ...], cells: NDArray[np.float64], said: Seeds, before: Mask, emphasis: float
) -> NDArray[np.float32]:
    """Return the likeness to the object by the learned features, on their grid of (rows, columns)."""
    share = cv2.resize(before.astype(np.float32), grid[::-1], interpolation=cv2.INTER_AREA)
    return likeness_of(cells, share >= 0.5, seeds_at(said, grid), emphasis=emphasis)


def evidence_in_box(
    box: Box, shape: tuple[int, ...], odds: NDArray[np.float32], recipe: Recipe, *, filled: float
) -> Evidence:
    """Return the evidence of a box in a photo, or a window of it, of (height, width).

    All outside is background. The `odds` (h, w), in nats for the object, are raised until it fills so much of the box,
    see `odds_raised`.
    """
    certain = seeds_outside(box, shape)
    raised = odds_raised(odds, seeds_at(certain, odds.shape) != BACKGROUND, box_filled=filled)
    return Evidence(certain=certain, odds=raised, prior=0.0, balance=recipe.balance, enclosed=True)


def _planes_in(window: Box, planes: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return maps of a photo in a window, with about as many cells as they have there."""
    if window == Box(0, 0, shape[1], shape[0]):
        return planes
    sides = zip(planes.shape[1:], (window.y1 - window.y0, window.x1 - window.x0), shape, strict=True)
    size = tuple(max(LEAST_CELLS, round(cells * part / whole)) for cells, part, whole in sides)
    return np.stack([map_in(window, plane, shape, size) for plane in planes])
