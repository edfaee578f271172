"""One photo cut repeatedly: certain pixels are kept, and each cut equals a first one."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scenes import blob, disc

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Seeds
from wsseg.graphcut.cut import min_cut
from wsseg.graphcut.energy import pairwise_from_contrast
from wsseg.graphcut.evidence import Evidence, evidence_from_saliency
from wsseg.graphcut.masks import mask_from_saliency, solver_and_mask
from wsseg.graphcut.solver import MaskSolver
from wsseg.recipe import RECIPES, Recipe

EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def test_a_solver_cuts_the_same_without_its_graphs(photo: Image) -> None:
    saliency = blob(*photo.shape[:2])
    solver, found = solver_and_mask(photo, saliency, replace(Recipe(), exact_side=60))
    solver.release_graphs()
    again = solver.solve(evidence_from_saliency(saliency, solver.recipe, given=False))
    np.testing.assert_array_equal(again.mask, found.mask)
    assert (again.energy, again.signs) == (found.energy, found.signs)


def test_a_solver_returns_the_costs_it_minimizes(photo: Image) -> None:
    recipe, saliency = replace(Recipe(), exact_side=1000), blob(*photo.shape[:2])
    solver, found = solver_and_mask(photo, saliency, recipe)
    evidence = evidence_from_saliency(saliency, recipe, given=False)
    (image,) = solver.images
    pairwise = pairwise_from_contrast(image, smoothness=recipe.smoothness_at(max(image.shape[:2])))
    cut = min_cut(solver.costs(evidence), pairwise)
    assert (cut.energy, cut.flow) == (found.energy, found.flow)
    inner = np.zeros(image.shape[:2], np.bool_)
    inner[20:30, 20:40] = True
    np.testing.assert_allclose(solver.costs_within(0, inner, evidence), solver.costs(evidence)[inner])
    assert solver.signs(found.mask, evidence) == found.signs


def test_a_map_is_salient_if_it_seeds_both_sides(photo: Image) -> None:
    even = np.zeros(photo.shape[:2], np.float32)
    assert not MaskSolver(photo, even, Recipe()).salient
    assert MaskSolver(photo, blob(*even.shape), Recipe()).salient


def known(seeds: Seeds, odds: np.ndarray, *, enclosed: bool = False) -> Evidence:
    """Evidence that holds no odds of the map."""
    return Evidence(certain=seeds, odds=odds, prior=0.0, balance=0.5, enclosed=enclosed)


def random_evidence(
    shape: tuple[int, ...], random_state: int, *, enclosed: bool = False, strength: float = 8.0
) -> Evidence:
    """Some pixels known for certain, at random, and odds that often contradict them."""
    rng = np.random.default_rng(random_state)
    seeds = np.full(shape, UNKNOWN, np.uint8)
    for side in (FOREGROUND, BACKGROUND):
        for _ in range(3):
            y, x = (int(rng.integers(count)) for count in shape)
            seeds[y : y + int(rng.integers(1, 9)), x : x + int(rng.integers(1, 9))] = side
    odds = cv2.resize(rng.normal(0, strength, (5, 6)).astype(np.float32), (31, 17))
    seeds.setflags(write=False)
    odds.setflags(write=False)
    return known(seeds, odds, enclosed=enclosed)


def agrees(mask: np.ndarray, seeds: np.ndarray) -> bool:
    return bool(mask[seeds == FOREGROUND].all() and not mask[seeds == BACKGROUND].any())


class TestEvidence:
    @pytest.mark.parametrize("enclosed", [False, True])
    @pytest.mark.parametrize("largest", [True, False])
    @pytest.mark.parametrize(("exact_side", "refit_side"), [(120, 120), (120, 30), (40, 24), (17, 16)])
    @pytest.mark.parametrize("random_state", range(4))
    def test_certain_pixels_are_never_contradicted(
        self, exact_side: int, refit_side: int, largest: bool, enclosed: bool, random_state: int
    ) -> None:
        image, saliency = disc(96)[0][:77], blob(96, 96)[:77]
        recipe = replace(Recipe(), exact_side=exact_side, refit_side=refit_side, largest=largest, band=2, components=2)
        solver = MaskSolver(image, saliency, recipe)
        for step in (0, 10):
            evidence = random_evidence((77, 96), random_state + step, enclosed=enclosed)
            found = solver.solve(evidence)
            assert agrees(found.mask, evidence.certain)
            assert found.exact is (exact_side >= 96)
            assert found.energy == pytest.approx(found.flow, rel=1e-5, abs=1e-3)

    @EVERY_RECIPE
    def test_certain_pixels_override_the_seeds_of_the_map(self, recipe: Recipe) -> None:
        """Some recipes make the map's seeds hard. Here all of the map's object is certain background."""
        image, saliency = disc()[0], blob(64, 64)
        seeds = np.where(saliency > 0.9, BACKGROUND, UNKNOWN).astype(np.uint8)
        seeds[:, :2] = FOREGROUND
        assert agrees(MaskSolver(image, saliency, recipe).solve(known(seeds, np.zeros((8, 8), np.float32))).mask, seeds)

    @pytest.mark.parametrize("level", [0, 1])
    @pytest.mark.parametrize("side", [FOREGROUND, BACKGROUND])
    @pytest.mark.parametrize("exact_side", [64, 24])
    def test_a_flat_map_works_with_hints_for_one_side(self, exact_side: int, side: int, level: int) -> None:
        """There are no colors to learn, because only one side is known."""
        seeds = np.full((64, 64), UNKNOWN, np.uint8)
        seeds[10:13, 20:23] = side
        recipe = replace(Recipe(), exact_side=exact_side, refit_side=16)
        start = np.full((64, 64), side == FOREGROUND)
        odds = np.full((4, 4), 6.0 if level else -6.0, np.float32)
        solver = MaskSolver(disc()[0], np.full((64, 64), level, np.float32), recipe, start=start)
        found = solver.solve(known(seeds, odds))
        assert agrees(found.mask, seeds)
        both = seeds.copy()
        both[40:44, 40:44] = 1 - side
        assert agrees(solver.solve(known(both, odds)).mask, both)

    @pytest.mark.parametrize("exact_side", [96, 40])
    def test_a_repeated_cut_equals_a_fresh_one_with_the_same_mixtures(self, exact_side: int) -> None:
        """So evidence that was withdrawn leaves no trace."""
        image, saliency = disc(96)[0], blob(96, 96)
        recipe = replace(Recipe(), exact_side=exact_side, refit_side=32)
        first, *others = (random_evidence((96, 96), number, strength=2.0) for number in range(4))
        used = MaskSolver(image, saliency, recipe)
        used.solve(first)
        for evidence in others:
            found = used.solve(evidence)
            fresh = MaskSolver(image, saliency, recipe)
            fresh.solve(first)
            expected = fresh.solve(evidence)
            np.testing.assert_array_equal(found.mask, expected.mask)
            assert (found.flow, found.energy, found.signs) == (expected.flow, expected.energy, expected.signs)

    def test_colors_are_learned_once_unless_refit_is_set(self) -> None:
        """At first the corner is background, then its color is certain to be the object's."""
        image, saliency = disc()[0], blob(64, 64)
        image[2:18, 2:18] = (30, 200, 60)
        first = known(np.full((64, 64), UNKNOWN, np.uint8), np.zeros((4, 4), np.float32))
        seeds = first.certain.copy()
        seeds[2:18, 2:13] = FOREGROUND
        second = replace(first, certain=seeds)
        kept, refitted = (MaskSolver(image, saliency, replace(Recipe(), border=0.0)) for _ in range(2))
        for solver in (kept, refitted):
            assert not solver.solve(first).mask[2:18, 2:18].any()
        assert not kept.solve(second).mask[2:18, 13:18].any()
        assert refitted.solve(second, refit=True).mask[2:18, 13:18].all()

    def test_odds_replace_those_of_the_map(self) -> None:
        image = np.random.default_rng(0).integers(100, 130, (40, 60, 3), np.uint8)
        odds = np.full((40, 60), -3, np.float32)
        odds[10:30, 5:25] = 3
        solver = MaskSolver(image, blob(40, 60), replace(Recipe(), color_limit=0.0, border=0.0, smoothness=1.0))
        found = solver.solve(known(np.full((40, 60), UNKNOWN, np.uint8), odds))
        np.testing.assert_array_equal(found.mask, odds > 0)

    def test_only_components_with_certain_pixels_are_kept(self) -> None:
        image = np.full((60, 60, 3), 40, np.uint8)
        odds = np.full((60, 60), -5, np.float32)
        parts = [np.s_[5:15, 5:15], np.s_[40:50, 5:15], np.s_[20:50, 30:50]]
        seeds = np.full((60, 60), UNKNOWN, np.uint8)
        for part in parts:
            image[part], odds[part] = 200, 5
        for side, kept in ((UNKNOWN, [2]), (FOREGROUND, [0, 1])):
            seeds[10, 10] = seeds[45, 10] = side
            for largest in (True, False):
                recipe = replace(Recipe(), smoothness=1.0, largest=largest)
                found = MaskSolver(image, blob(60, 60), recipe).solve(known(seeds, odds))
                wanted = [number in kept or not largest for number in range(3)]
                assert [bool(found.mask[part].all()) for part in parts] == wanted
                assert [bool(found.mask[part].any()) for part in parts] == wanted

    def test_an_enclosed_object_may_reach_the_border(self) -> None:
        image = np.full((50, 50, 3), 40, np.uint8)
        image[:, 10:40] = 200
        odds = np.where(image[..., 0] > 100, 2, -2).astype(np.float32)
        seeds = np.full((50, 50), UNKNOWN, np.uint8)
        seeds[:, :5] = BACKGROUND
        for enclosed in (False, True):
            evidence = known(seeds, odds, enclosed=enclosed)
            found = MaskSolver(image, blob(50, 50), replace(Recipe(), border=0.1, smoothness=1.0)).solve(evidence)
            assert found.mask[0, 10:40].all() == enclosed
            assert found.mask[25, 10:40].all()

    def test_colors_of_an_enclosed_object_start_from_its_surroundings(self) -> None:
        """The map is wrong: background colors come from outside, object colors from the likelier pixels."""
        image, inside = disc()
        seeds = np.full((64, 64), BACKGROUND, np.uint8)
        seeds[8:56, 8:56] = UNKNOWN
        odds = np.where(inside, 0.2, -0.2).astype(np.float32)
        wrong = (1 - blob(64, 64)).astype(np.float32)
        found = MaskSolver(image, wrong, replace(Recipe(), border=0.0)).solve(known(seeds, odds, enclosed=True))
        assert (found.mask & inside).sum() / (found.mask | inside).sum() > 0.95

    @pytest.mark.parametrize("enclosed", [False, True])
    @pytest.mark.parametrize("exact_side", [64, 24])
    def test_fully_certain_pixels_are_the_mask(self, exact_side: int, enclosed: bool) -> None:
        seeds = (np.random.default_rng(0).random((64, 64)) < 0.5).astype(np.uint8)
        solver = MaskSolver(disc()[0], blob(64, 64), replace(Recipe(), exact_side=exact_side, refit_side=64))
        found = solver.solve(known(seeds, np.zeros((8, 8), np.float32), enclosed=enclosed))
        np.testing.assert_array_equal(found.mask, seeds == FOREGROUND)

    def test_the_evidence_of_the_map_gives_the_plain_mask(self) -> None:
        image, saliency = disc()[0], blob(64, 64)
        solver, plain = MaskSolver(image, saliency, Recipe()), mask_from_saliency(image, saliency, Recipe())
        found = solver.solve(evidence_from_saliency(saliency, Recipe(), given=False))
        assert (found.mask.tobytes(), found.energy, found.signs) == (plain.mask.tobytes(), plain.energy, plain.signs)

    def test_a_start_replaces_the_seeds_of_the_map(self) -> None:
        image, inside = disc()
        even = replace(Recipe(), prior=0.0, border=0.0)
        for start in (inside, ~inside):
            solver = MaskSolver(image, blob(64, 64), even, start=start)
            evidence = evidence_from_saliency(blob(64, 64), even, given=False)
            np.testing.assert_array_equal(solver.solve(evidence).mask, start)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 90)])
@pytest.mark.parametrize("side", [BACKGROUND, FOREGROUND])
def test_a_very_small_photo_uses_evidence_too(shape: tuple[int, int], side: int) -> None:
    rng = np.random.default_rng(0)
    image, saliency = rng.integers(0, 256, (*shape, 3), np.uint8), rng.random(shape, np.float32)
    seeds = np.full(shape, UNKNOWN, np.uint8)
    seeds[0, 0] = side
    for enclosed in (False, True):
        solver = MaskSolver(image, saliency, replace(Recipe(), exact_side=32))
        assert agrees(solver.solve(known(seeds, np.zeros((1, 1), np.float32), enclosed=enclosed)).mask, seeds)
