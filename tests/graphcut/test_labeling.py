"""From a map to a mask: the laws of the whole labeling, on photos and on what is hardly one."""

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Saliency
from wsseg.graphcut.cut import min_cut
from wsseg.graphcut.energy import pairwise_from_contrast
from wsseg.graphcut.labeling import (
    Advice,
    MaskResult,
    MaskSolver,
    band_along,
    first_labeled,
    mask_from_saliency,
    seeds_at,
)
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.recipe import RECIPES, Recipe

EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def blob(height: int, width: int) -> Saliency:
    """A map with its peak in the middle, as float32 in [0, 1]."""
    y, x = np.mgrid[:height, :width]
    squares = ((y + 0.5) / height - 0.5) ** 2 + ((x + 0.5) / width - 0.5) ** 2
    return np.exp(-squares / 0.04).astype(np.float32)


def disc(side: int = 64) -> tuple[Image, np.ndarray]:
    """A noisy orange disc on noisy blue, and where it is."""
    y, x = np.mgrid[:side, :side]
    inside = np.hypot(y - side / 2, x - side / 2) < side * 0.3
    colors = np.where(inside[..., None], (230, 140, 40), (40, 80, 160))
    noise = np.random.default_rng(0).normal(0, 12, colors.shape)
    return (colors + noise).clip(0, 255).astype(np.uint8), inside


def labeled(recipe: Recipe, side: int = 64) -> MaskResult:
    return mask_from_saliency(disc(side)[0], blob(side, side), recipe)


@EVERY_RECIPE
def test_a_disc_is_found_to_the_pixel(recipe: Recipe) -> None:
    found = labeled(recipe)
    inside = disc()[1]
    assert (found.mask & inside).sum() / (found.mask | inside).sum() > 0.99
    assert found.energy > 0
    assert found.doubts == ()


@EVERY_RECIPE
def test_the_seeds_are_those_of_the_whole_map(recipe: Recipe) -> None:
    expected = recipe.bind(seeds_from_saliency)(blob(64, 64))
    np.testing.assert_array_equal(labeled(recipe).seeds, expected)


def test_hard_seeds_are_never_contradicted() -> None:
    recipe = replace(RECIPES["simonyan2013"], largest=False)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 50, 3), np.uint8)
    found = mask_from_saliency(image, cv2.GaussianBlur(rng.random((40, 50), np.float32), (0, 0), 2), recipe)
    assert found.mask[found.seeds == FOREGROUND].all()
    assert not found.mask[found.seeds == BACKGROUND].any()


def test_the_border_is_background_unless_it_is_salient() -> None:
    image, saliency = disc()[0], blob(64, 64)
    image[:, 60:] = image[32, 32]
    found = mask_from_saliency(image, saliency, replace(RECIPES["default"], border=0.05, largest=False))
    assert not found.mask[:, -3:].any()
    saliency[20:40, 60:] = 1
    assert mask_from_saliency(image, saliency, replace(RECIPES["default"], border=0.05, largest=False)).mask[30, -1]


def test_one_component_is_kept_unless_all_are_wanted() -> None:
    image, _ = disc(96)
    image[4:14, 40:52] = image[48, 48]
    saliency = blob(96, 96)
    saliency[4:14, 40:52] = 0.9
    one, all_of_them = (
        mask_from_saliency(image, saliency, replace(RECIPES["default"], largest=largest)) for largest in (True, False)
    )
    assert not one.mask[9, 45]
    assert all_of_them.mask[9, 45]
    assert one.mask[48, 48]
    assert one.energy == all_of_them.energy


def large_disc(scale: int = 8) -> tuple[Image, np.ndarray, Saliency]:
    """The disc enlarged and noisy at its own size, and a map of it."""
    small, inside = disc()
    side = 64 * scale
    smooth = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC).astype(float)
    y, x = np.mgrid[:side, :side]
    inside = np.hypot(y - side / 2, x - side / 2) < side * 0.3
    image = np.where(inside[..., None], (230, 140, 40), (40, 80, 160)) * 0.7 + smooth * 0.3
    image += np.random.default_rng(1).normal(0, 6, image.shape)
    return image.clip(0, 255).astype(np.uint8), inside, blob(side, side)


@pytest.mark.parametrize(("exact_side", "exact"), [(64, False), (100, False), (511, False), (512, True), (600, True)])
def test_a_larger_photo_has_a_sharp_outline_too(exact_side: int, exact: bool) -> None:
    image, inside, saliency = large_disc()
    found = mask_from_saliency(image, saliency, replace(RECIPES["default"], exact_side=exact_side))
    assert found.exact is exact
    # A pixel of the smallest cut is eight of these.
    assert (found.mask != inside).sum() < 0.1 * inside.sum() ** 0.5
    assert found.energy == pytest.approx(found.flow, rel=1e-6)
    assert found.energy > 0


def test_in_a_band_nothing_changes_far_from_the_outline() -> None:
    image, _, saliency = large_disc()
    speck = image.copy()
    speck[250:252, 250:252] = image[0, 0]
    speck[20:22, 20:22] = image[256, 256]
    recipe = replace(RECIPES["default"], exact_side=64, band=2, largest=False)
    found = mask_from_saliency(speck, saliency, recipe).mask
    assert found[250:252, 250:252].all()
    assert not found[20:22, 20:22].any()


@pytest.mark.parametrize("shape", [(48, 64), (64, 48), (48, 50)])
def test_the_whole_photo_as_a_band_is_the_exact_cut(shape: tuple[int, int]) -> None:
    """At one size, from whatever mask it begins."""
    rng = np.random.default_rng(0)
    image, saliency = rng.integers(0, 256, (*shape, 3), np.uint8), blob(*shape)
    recipe = replace(RECIPES["default"], border=0.0, smoothness=5.0, color_limit=0.0, largest=False)
    exact = mask_from_saliency(image, saliency, replace(recipe, refit_side=16, exact_side=64))
    banded = mask_from_saliency(
        image, saliency, replace(recipe, refit_side=16, exact_side=max(shape) // 2 + 1, band=100)
    )
    assert (exact.exact, banded.exact) == (True, False)
    np.testing.assert_array_equal(banded.mask, exact.mask)
    assert banded.flow == exact.flow


def test_a_photo_of_any_size_has_the_same_mask() -> None:
    """The outline weighs as much beside the area, and the contrast is the photo's own."""
    image, inside, saliency = large_disc(2)
    recipe = replace(RECIPES["default"], refit_side=32)
    for scale in (1, 2, 4):
        larger, around = (cv2.resize(array, None, fx=scale, fy=scale) for array in (image, saliency))
        found = mask_from_saliency(larger, around.clip(0, 1), replace(recipe, exact_side=1000))
        truth = cv2.resize(inside.astype(np.uint8), None, fx=scale, fy=scale) > 0
        assert (found.mask & truth).sum() / (found.mask | truth).sum() > 0.97


def test_a_smaller_photo_is_never_enlarged() -> None:
    wide, wider = (labeled(replace(RECIPES["default"], refit_side=side, exact_side=side)) for side in (64, 100))
    assert wide.energy == wider.energy


CHANGES = {
    "foreground_quantile": 0.99,
    "background_quantile": 0.05,
    "hard_seeds": True,
    "border": 0.4,
    "components": 1,
    "color_samples": 64,
    "refits": 0,
    "refit_side": 16,
    "color_limit": 0.5,
    "prior": 0.0,
    "balance": 0.9,
    "smoothness": 300.0,
    "exact_side": 24,
    "band": 1,
    "random_state": 7,
}


def test_every_number_of_the_labeling_is_tried() -> None:
    """Those of the map, and of hints, are not."""
    others = {item.name for item in fields(Recipe) if item.metadata["stage"] in ("saliency", "hints")}
    assert CHANGES.keys() == {item.name for item in fields(Recipe)} - others - {"largest", "prior_given"} | {
        "random_state"
    }


@pytest.mark.parametrize("name", CHANGES)
def test_no_number_is_ignored(photo: Image, name: str) -> None:
    saliency = blob(*photo.shape[:2])
    saliency[:, -12:] = 0.7
    recipe = replace(Recipe(), exact_side=60)
    before, after = (
        mask_from_saliency(photo, saliency, one) for one in (recipe, replace(recipe, **{name: CHANGES[name]}))
    )
    assert before.energy != after.energy or (before.mask != after.mask).any()


@EVERY_RECIPE
def test_a_map_without_rank_shows_no_object(recipe: Recipe, photo: Image) -> None:
    for level in (0, 1):
        found = mask_from_saliency(photo, np.full(photo.shape[:2], level, np.float32), recipe)
        assert not found.mask.any()
        assert found.energy == 0
        assert found.doubts == ("no part of the photo is more salient than the rest",)


@EVERY_RECIPE
def test_an_even_map_shows_no_object_in_a_large_photo_either(recipe: Recipe) -> None:
    """Of ones, that is: made smaller they are averaged, to a little more than one."""
    found = mask_from_saliency(np.zeros((895, 1226, 3), np.uint8), np.ones((895, 1226), np.float32), recipe)
    assert found.doubts == ("no part of the photo is more salient than the rest",)


@EVERY_RECIPE
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 40), (40, 1), (2, 2), (3, 500), (1, 2000), (2000, 1)])
@pytest.mark.parametrize("flat", [True, False])
def test_hardly_a_photo_is_labeled_all_the_same(recipe: Recipe, shape: tuple[int, int], flat: bool) -> None:
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), 90, np.uint8) if flat else rng.integers(0, 256, (*shape, 3), np.uint8)
    saliency = rng.random(shape, np.float32)
    found = mask_from_saliency(image, saliency / saliency.max(), recipe)
    assert found.mask.shape == shape
    assert found.mask.dtype == np.bool_
    assert np.isfinite(found.energy)
    assert found.doubts or found.mask.any()


def test_an_empty_and_a_full_mask_are_doubted() -> None:
    image, saliency = np.zeros((20, 20, 3), np.uint8), blob(20, 20)
    empty = mask_from_saliency(image, saliency, replace(Recipe(), smoothness=1e6))
    assert not empty.mask.any()
    flat = "the photo is of one color"
    assert empty.doubts == (flat, "the cheapest cut keeps no pixel of the object")
    full = mask_from_saliency(image, np.maximum(saliency, 0.9), replace(Recipe(), border=0.0, smoothness=1e6))
    assert full.mask.all()
    assert full.doubts == (flat, "the mask is the whole photo")


def test_without_its_graphs_a_labeler_cuts_as_before(photo: Image) -> None:
    labeler, found = first_labeled(photo, blob(*photo.shape[:2]), replace(Recipe(), exact_side=60))
    labeler.release_graphs()
    again = labeler.label()
    np.testing.assert_array_equal(again.mask, found.mask)
    assert (again.energy, again.signs) == (found.energy, found.signs)


def test_a_labeler_tells_what_its_cuts_minimize(photo: Image) -> None:
    recipe = replace(Recipe(), exact_side=1000)
    labeler, found = first_labeled(photo, blob(*photo.shape[:2]), recipe)
    (image,) = labeler.images
    pairwise = recipe.at(max(image.shape[:2])).bind(pairwise_from_contrast)(image)
    cut = min_cut(labeler.costs(), pairwise)
    assert (cut.energy, cut.flow) == (found.energy, found.flow)
    inner = np.zeros(image.shape[:2], np.bool_)
    inner[20:30, 20:40] = True
    np.testing.assert_allclose(labeler.costs_within(0, inner), labeler.costs()[inner])
    assert labeler.signs(found.mask) == found.signs


def test_a_labeler_that_found_nothing_has_no_costs(photo: Image) -> None:
    labeler, _ = first_labeled(photo, np.zeros(photo.shape[:2], np.float32), Recipe())
    with pytest.raises(ValueError, match="^labeler must have found something"):
        labeler.costs()


@pytest.mark.parametrize("width", [1, 3])
def test_a_band_lies_along_every_outline(width: int) -> None:
    labels = np.zeros((12, 20), np.uint8)
    labels[:, 8:], labels[6:, 14:] = 1, 2
    band = band_along(labels, width)
    padded = np.pad(labels, width, mode="edge")
    for y, x in np.ndindex(*labels.shape):
        around = padded[y : y + 2 * width + 1, x : x + 2 * width + 1]
        assert band[y, x] == (len(np.unique(around)) > 1)


def test_nothing_that_is_given_is_changed(photo: Image) -> None:
    saliency = blob(*photo.shape[:2])
    saliency.setflags(write=False)
    first, again = mask_from_saliency(photo, saliency, Recipe()), mask_from_saliency(photo, saliency, Recipe())
    assert first.mask.tobytes() == again.mask.tobytes()
    assert first.energy == again.energy


def test_a_map_of_another_size_is_refused(photo: Image) -> None:
    with pytest.raises(ValueError, match="^image and saliency must have one height and width"):
        mask_from_saliency(photo, blob(9, 9), Recipe())


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_what_is_no_photo_or_no_map_is_refused(photo: Image, error: type[Exception]) -> None:
    saliency = blob(*photo.shape[:2])
    strange = {TypeError: (photo.tolist(), saliency.tolist()), ValueError: (photo / 255, saliency * 2)}
    image, wrong = strange[error]
    with pytest.raises(error, match="^image must"):
        mask_from_saliency(image, saliency, Recipe())
    with pytest.raises(error, match="^saliency must"):
        mask_from_saliency(photo, wrong, Recipe())


def advice_of(shape: tuple[int, ...], random_state: int, *, enclosed: bool = False, strength: float = 8.0) -> Advice:
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
    return Advice(seeds, odds, enclosed)


def agrees(mask: np.ndarray, seeds: np.ndarray) -> bool:
    return bool(mask[seeds == FOREGROUND].all() and not mask[seeds == BACKGROUND].any())


class TestAdvice:
    @pytest.mark.parametrize("enclosed", [False, True])
    @pytest.mark.parametrize("largest", [True, False])
    @pytest.mark.parametrize(("exact_side", "refit_side"), [(120, 120), (120, 30), (40, 24), (17, 16)])
    @pytest.mark.parametrize("random_state", range(4))
    def test_what_is_certain_is_never_contradicted(
        self, exact_side: int, refit_side: int, largest: bool, enclosed: bool, random_state: int
    ) -> None:
        image, saliency = disc(96)[0][:77], blob(96, 96)[:77]
        recipe = replace(Recipe(), exact_side=exact_side, refit_side=refit_side, largest=largest, band=2, components=2)
        labeler = MaskSolver(image, saliency, recipe)
        for step in (0, 10):
            advice = advice_of((77, 96), random_state + step, enclosed=enclosed)
            found = labeler.label(advice)
            assert agrees(found.mask, advice.seeds)
            assert found.exact is (exact_side >= 96)
            assert found.energy == pytest.approx(found.flow, rel=1e-5, abs=1e-3)

    @EVERY_RECIPE
    def test_it_is_heard_before_the_map_s_own_seeds(self, recipe: Recipe) -> None:
        """Which are hard in some recipes: all the map's object is said to be background."""
        image, saliency = disc()[0], blob(64, 64)
        seeds = np.where(saliency > 0.9, BACKGROUND, UNKNOWN).astype(np.uint8)
        seeds[:, :2] = FOREGROUND
        assert agrees(
            MaskSolver(image, saliency, recipe).label(Advice(seeds, np.zeros((8, 8), np.float32))).mask, seeds
        )

    @pytest.mark.parametrize("level", [0, 1])
    @pytest.mark.parametrize("side", [FOREGROUND, BACKGROUND])
    @pytest.mark.parametrize("exact_side", [64, 24])
    def test_where_only_one_side_is_known_and_the_map_is_even_too(self, exact_side: int, side: int, level: int) -> None:
        """There are no colors to learn, since all that is known is of one side."""
        seeds = np.full((64, 64), UNKNOWN, np.uint8)
        seeds[10:13, 20:23] = side
        recipe = replace(Recipe(), exact_side=exact_side, refit_side=16)
        start = np.full((64, 64), side == FOREGROUND)
        odds = np.full((4, 4), 6.0 if level else -6.0, np.float32)
        labeler = MaskSolver(disc()[0], np.full((64, 64), level, np.float32), recipe, start)
        found = labeler.label(Advice(seeds, odds))
        assert agrees(found.mask, seeds)
        both = seeds.copy()
        both[40:44, 40:44] = 1 - side
        assert agrees(labeler.label(Advice(both, odds)).mask, both)

    @pytest.mark.parametrize("exact_side", [96, 40])
    def test_another_cut_is_a_fresh_one_under_the_same_mixtures(self, exact_side: int) -> None:
        """So what was said before and taken back leaves no trace."""
        image, saliency = disc(96)[0], blob(96, 96)
        recipe = replace(Recipe(), exact_side=exact_side, refit_side=32)
        first, *others = (advice_of((96, 96), number, strength=2.0) for number in range(4))
        used = MaskSolver(image, saliency, recipe)
        used.label(first)
        for advice in others:
            found = used.label(advice)
            fresh = MaskSolver(image, saliency, recipe)
            fresh.label(first)
            expected = fresh.label(advice)
            np.testing.assert_array_equal(found.mask, expected.mask)
            assert (found.flow, found.energy, found.signs) == (expected.flow, expected.energy, expected.signs)

    def test_the_colors_are_learned_once_unless_to_refit(self) -> None:
        """At first the corner is background; then its color is told to be the object's."""
        image, saliency = disc()[0], blob(64, 64)
        image[2:18, 2:18] = (30, 200, 60)
        first = Advice(np.full((64, 64), UNKNOWN, np.uint8), np.zeros((4, 4), np.float32))
        seeds = first.seeds.copy()
        seeds[2:18, 2:13] = FOREGROUND
        second = first._replace(seeds=seeds)
        kept, anew = (MaskSolver(image, saliency, replace(Recipe(), border=0.0)) for _ in range(2))
        for labeler in (kept, anew):
            assert not labeler.label(first).mask[2:18, 2:18].any()
        assert not kept.label(second).mask[2:18, 13:18].any()
        assert anew.label(second, refit=True).mask[2:18, 13:18].all()

    def test_it_takes_the_place_of_the_map(self) -> None:
        image = np.random.default_rng(0).integers(100, 130, (40, 60, 3), np.uint8)
        odds = np.full((40, 60), -3, np.float32)
        odds[10:30, 5:25] = 3
        labeler = MaskSolver(image, blob(40, 60), replace(Recipe(), color_limit=0.0, border=0.0, smoothness=1.0))
        found = labeler.label(Advice(np.full((40, 60), UNKNOWN, np.uint8), odds))
        np.testing.assert_array_equal(found.mask, odds > 0)

    def test_all_components_that_are_known_are_kept_and_no_other(self) -> None:
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
                found = MaskSolver(image, blob(60, 60), recipe).label(Advice(seeds, odds))
                wanted = [number in kept or not largest for number in range(3)]
                assert [bool(found.mask[part].all()) for part in parts] == wanted
                assert [bool(found.mask[part].any()) for part in parts] == wanted

    def test_what_is_enclosed_may_reach_the_border(self) -> None:
        image = np.full((50, 50, 3), 40, np.uint8)
        image[:, 10:40] = 200
        odds = np.where(image[..., 0] > 100, 2, -2).astype(np.float32)
        seeds = np.full((50, 50), UNKNOWN, np.uint8)
        seeds[:, :5] = BACKGROUND
        for enclosed in (False, True):
            advice = Advice(seeds, odds, enclosed)
            found = MaskSolver(image, blob(50, 50), replace(Recipe(), border=0.1, smoothness=1.0)).label(advice)
            assert found.mask[0, 10:40].all() == enclosed
            assert found.mask[25, 10:40].all()

    def test_colors_of_what_is_enclosed_begin_from_what_is_around(self) -> None:
        """The map being wrong: the background's colors are those outside, the object's those that the odds favor."""
        image, inside = disc()
        seeds = np.full((64, 64), BACKGROUND, np.uint8)
        seeds[8:56, 8:56] = UNKNOWN
        odds = np.where(inside, 0.2, -0.2).astype(np.float32)
        wrong = (1 - blob(64, 64)).astype(np.float32)
        found = MaskSolver(image, wrong, replace(Recipe(), border=0.0)).label(Advice(seeds, odds, enclosed=True))
        assert (found.mask & inside).sum() / (found.mask | inside).sum() > 0.95

    @pytest.mark.parametrize("enclosed", [False, True])
    @pytest.mark.parametrize("exact_side", [64, 24])
    def test_where_all_is_known_it_is_the_mask(self, exact_side: int, enclosed: bool) -> None:
        seeds = (np.random.default_rng(0).random((64, 64)) < 0.5).astype(np.uint8)
        labeler = MaskSolver(disc()[0], blob(64, 64), replace(Recipe(), exact_side=exact_side, refit_side=64))
        found = labeler.label(Advice(seeds, np.zeros((8, 8), np.float32), enclosed))
        np.testing.assert_array_equal(found.mask, seeds == FOREGROUND)

    def test_without_any_it_is_the_plain_mask(self) -> None:
        image, saliency = disc()[0], blob(64, 64)
        labeler, plain = MaskSolver(image, saliency, Recipe()), mask_from_saliency(image, saliency, Recipe())
        found = labeler.label()
        assert (found.mask.tobytes(), found.energy, found.signs) == (plain.mask.tobytes(), plain.energy, plain.signs)

    def test_a_start_is_learned_from_in_place_of_the_map_s_seeds(self) -> None:
        image, inside = disc()
        even = replace(Recipe(), prior=0.0, border=0.0)
        for start in (inside, ~inside):
            np.testing.assert_array_equal(MaskSolver(image, blob(64, 64), even, start).label().mask, start)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 90)])
@pytest.mark.parametrize("side", [BACKGROUND, FOREGROUND])
def test_hardly_a_photo_takes_advice_too(shape: tuple[int, int], side: int) -> None:
    rng = np.random.default_rng(0)
    image, saliency = rng.integers(0, 256, (*shape, 3), np.uint8), rng.random(shape, np.float32)
    seeds = np.full(shape, UNKNOWN, np.uint8)
    seeds[0, 0] = side
    for enclosed in (False, True):
        labeler = MaskSolver(image, saliency, replace(Recipe(), exact_side=32))
        assert agrees(labeler.label(Advice(seeds, np.zeros((1, 1), np.float32), enclosed)).mask, seeds)


class TestSeedsAt:
    def test_at_its_own_size_it_is_itself(self) -> None:
        seeds = advice_of((20, 30), 0).seeds
        assert seeds_at(seeds, (20, 30)) is seeds

    @pytest.mark.parametrize("shape", [(10, 15), (5, 6), (20, 3), (4, 5), (1, 1)])
    @pytest.mark.parametrize("random_state", range(3))
    def test_a_smaller_pixel_is_of_the_side_that_it_holds_any_of_and_of_none_if_of_both(
        self, shape: tuple[int, int], random_state: int
    ) -> None:
        seeds = np.random.default_rng(random_state).choice([0, 1, 255, 255, 255, 255, 255], (20, 30)).astype(np.uint8)
        height, width = 20 // shape[0], 30 // shape[1]
        found = seeds_at(seeds, shape)
        assert found.dtype == np.uint8
        for y, x in np.ndindex(*shape):
            held = set(np.unique(seeds[y * height : (y + 1) * height, x * width : (x + 1) * width]).tolist()) - {255}
            assert found[y, x] == (held.pop() if len(held) == 1 else UNKNOWN)
