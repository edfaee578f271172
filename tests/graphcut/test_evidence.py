"""Evidence from a map and from hints: certain pixels, and odds at any size."""

import numpy as np
import pytest
from scenes import blob

from wsseg.arrays import BACKGROUND, UNKNOWN, Box
from wsseg.graphcut.energy import log_odds
from wsseg.graphcut.evidence import Clues, Evidence, evidence_from_hints, evidence_from_saliency, evidence_in_box
from wsseg.graphcut.hints import Hints, seeds_from_hints
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
    BEFORE = np.zeros((20, 30), np.bool_)

    def found(self, said: np.ndarray, learned: np.ndarray | None = None, emphasis: float = 1.0) -> Evidence:
        clues = Clues(odds=np.full((20, 30), -1, np.float32), features=None, learned=learned)
        return evidence_from_hints(said, self.BEFORE, clues, RECIPE, emphasis=emphasis)

    def test_hinted_pixels_are_certain_and_those_nearby_likely(self) -> None:
        said = seeds_from_hints(Hints(foreground=[(30, 20)]), SHAPE, click_radius=0)
        found = self.found(said)
        assert np.argwhere(found.certain != UNKNOWN).tolist() == [[20, 30]]
        assert found.odds[10, 15] == pytest.approx(RECIPE.hint_near - 1)
        assert found.odds[0, 0] < 0 < found.odds[10, 17] < found.odds[10, 15]
        assert found.prior == 0 and not found.enclosed
        assert self.found(said, emphasis=2.0).odds[10, 15] == pytest.approx(2 * RECIPE.hint_near - 1)

    def test_places_with_learned_features_like_the_hint_s_are_likelier(self) -> None:
        learned = np.zeros((1, 20, 30), np.float32)
        learned[:, :, 20:] = 1.0
        said = seeds_from_hints(Hints(foreground=[(50, 20)]), SHAPE, click_radius=0)
        plain, found = self.found(said), self.found(said, learned)
        gain = found.odds - plain.odds
        assert gain[2, 25] > gain[2, 5]
        assert np.abs(gain).max() <= RECIPE.hint_learned

    def test_in_a_box_the_object_fills_a_part_and_all_outside_is_background(self) -> None:
        odds = np.full((20, 30), -1, np.float32)
        found = evidence_in_box(Box(10, 10, 50, 30), SHAPE, odds, RECIPE, filled=0.4)
        assert found.enclosed and found.certain.shape == SHAPE
        assert (found.certain[:, :10] == BACKGROUND).all() and (found.certain[10:30, 10:50] == UNKNOWN).all()
        inside = found.odds[5:15, 5:25]
        assert (1 / (1 + np.exp(-inside))).mean() >= 0.4 - 1e-3


class TestClues:
    CLUES = Clues(
        odds=np.arange(12, dtype=np.float32).reshape(3, 4),
        features=np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        learned=None,
    )

    def test_in_a_window_maps_keep_their_places(self) -> None:
        left = self.CLUES.within(Box(0, 0, 30, 40), SHAPE, 15)
        assert left.odds.shape == (15, 11) and left.learned is None
        assert left.odds.max() < self.CLUES.odds.max() and left.odds.min() == 0
        assert left.features is not None and left.features.shape == (2, 4, 4)

    def test_in_a_window_of_the_whole_photo_features_are_the_same(self) -> None:
        assert self.CLUES.within(Box(0, 0, 60, 40), SHAPE, 15).features is self.CLUES.features
