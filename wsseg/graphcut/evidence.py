"""Evidence for a cut: the pixels of a photo whose label is certain, and the odds of all others.

Saliency and hints both become `Evidence`, so the solver handles one kind of input.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, UNKNOWN, Box, Mask, Saliency, Seeds
from wsseg.graphcut.energy import odds_from_saliency
from wsseg.graphcut.hints import Hints, odds_from_hints, odds_raised, seeds_from_hints
from wsseg.graphcut.pyramid import seeds_at, shrunk_size
from wsseg.graphcut.windows import map_in, slices_of
from wsseg.recipe import Recipe


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


def evidence_from_hints(
    hints: Hints,
    shape: tuple[int, ...],
    odds: NDArray[np.float32],
    features: NDArray[np.float32] | None,
    recipe: Recipe,
) -> Evidence:
    """Return the evidence of hints in a photo of (height, width): hinted pixels are certain, similar ones likely.

    `odds` (h, w), of any size, are those of the photo without hints, in nats for the object. `features` (channels,
    rows, columns) of the photo show which pixels are alike; None leaves that out. The saliency has no other weight.
    """
    certain = seeds_from_hints(hints, shape, click_radius=recipe.click_radius)
    # The outside of a box is certain, but it does not change the odds inside.
    marked = certain
    if hints.box is not None:
        marked = seeds_from_hints(replace(hints, box=None), shape, click_radius=recipe.click_radius)
    added = odds_from_hints(
        seeds_at(marked, odds.shape),
        features,
        hint_reach=recipe.hint_reach,
        hint_near=recipe.hint_near,
        hint_alike=recipe.hint_alike,
    )
    return Evidence(certain=certain, odds=odds + added, prior=0.0, balance=recipe.balance)


def evidence_in_window(evidence: Evidence, window: Box, recipe: Recipe) -> Evidence:
    """Return the evidence in a window around a hinted box, as if the window were the whole photo.

    The odds are raised until the object fills a part of the box, see `odds_raised`.
    """
    certain = evidence.certain[slices_of(window)]
    size = shrunk_size(certain.shape[0], certain.shape[1], recipe.refit_side)
    odds = map_in(window, evidence.odds, evidence.certain.shape, size)
    raised = odds_raised(odds, seeds_at(certain, size) != BACKGROUND, box_filled=recipe.box_filled)
    return replace(evidence, certain=certain, odds=raised, enclosed=True)
