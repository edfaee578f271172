"""Evidence from a map and from hints: certain pixels, and odds at any size."""

import numpy as np
import pytest
from scenes import blob

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box
from wsseg.graphcut.energy import log_odds
from wsseg.graphcut.evidence import Evidence, evidence_from_hints, evidence_from_saliency, evidence_in_window
from wsseg.graphcut.hints import Hints
from wsseg.recipe import Recipe

RECIPE = Recipe(prior=2.0, prior_given=5.0, balance=0.6, click_radius=0.0)
SHAPE = (40, 60)


@pytest.mark.parametrize(("given", "prior"), [(False, 2.0), (True, 5.0)])
def test_a_map_gives_weighted_odds_and_nothing_certain(given: bool, prior: float) -> None:
    saliency = blob(*SHAPE)
    found = evidence_from_saliency(saliency, RECIPE, given=given)
    assert (found.certain == UNKNOWN).all() and found.certain.shape == SHAPE
    expected = prior * (log_odds(saliency) - log_odds(np.array(0.6)))
    np.testing.assert_allclose(found.odds_at(saliency), expected)
    np.testing.assert_allclose(found.odds_at(saliency[::2, ::2]), expected[::2, ::2])


@pytest.mark.parametrize("odds", [np.full((1, 1), 3, np.float32), np.arange(12, dtype=np.float32).reshape(3, 4)])
def test_odds_of_free_pixels_are_those_of_the_photo(odds: np.ndarray) -> None:
    saliency, free = blob(*SHAPE), np.random.default_rng(0).random(SHAPE) < 0.3
    evidence = Evidence(certain=np.full(SHAPE, UNKNOWN, np.uint8), odds=odds, prior=2.0, balance=0.5)
    np.testing.assert_array_equal(evidence.odds_within(saliency, free), evidence.odds_at(saliency)[free])
    assert evidence.odds_at(saliency).shape == SHAPE


class TestHints:
    def found(self, hints: Hints) -> Evidence:
        return evidence_from_hints(hints, SHAPE, np.full((20, 30), -1, np.float32), None, RECIPE)

    def test_hinted_pixels_are_certain_and_those_nearby_likely(self) -> None:
        found = self.found(Hints(foreground=[(30, 20)]))
        assert np.argwhere(found.certain != UNKNOWN).tolist() == [[20, 30]]
        assert found.odds[10, 15] == pytest.approx(RECIPE.hint_near - 1)
        assert found.odds[0, 0] < 0 < found.odds[10, 17] < found.odds[10, 15]
        assert found.prior == 0 and not found.enclosed

    def test_the_outside_of_a_box_is_certain_and_changes_no_odds(self) -> None:
        found = self.found(Hints(box=Box(10, 10, 50, 30)))
        assert (found.certain[:, :10] == BACKGROUND).all() and (found.certain[10:30, 10:50] == UNKNOWN).all()
        np.testing.assert_array_equal(found.odds, -1)

    def test_in_a_window_the_object_fills_part_of_the_box(self) -> None:
        window = Box(8, 8, 52, 32)
        whole = self.found(Hints(box=Box(10, 10, 50, 30), foreground=[(30, 20)]))
        found = evidence_in_window(whole, window, RECIPE)
        assert found.enclosed and found.certain.shape == (24, 44)
        assert found.certain[12, 22] == FOREGROUND and (found.certain[:2] == BACKGROUND).all()
        inside = found.odds[found.certain != BACKGROUND]
        assert (1 / (1 + np.exp(-inside))).mean() >= RECIPE.box_filled - 1e-3
