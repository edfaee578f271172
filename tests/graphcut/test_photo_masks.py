"""From a map to a mask: the laws of the whole method, on photos and on very small ones."""

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from scenes import blob, disc

from wsseg.arrays import BACKGROUND, FOREGROUND, Image, Saliency
from wsseg.graphcut.masks import UNSALIENT, mask_from_saliency
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.graphcut.solver import MaskResult
from wsseg.recipe import RECIPES, Recipe

EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def solved(recipe: Recipe, side: int = 64) -> MaskResult:
    return mask_from_saliency(disc(side)[0], blob(side, side), recipe)


@EVERY_RECIPE
def test_a_disc_is_found_to_the_pixel(recipe: Recipe) -> None:
    found = solved(recipe)
    inside = disc()[1]
    assert (found.mask & inside).sum() / (found.mask | inside).sum() > 0.99
    assert found.energy > 0
    assert found.doubts == ()


@EVERY_RECIPE
def test_the_seeds_are_those_of_the_whole_map(recipe: Recipe) -> None:
    expected = seeds_from_saliency(
        blob(64, 64),
        foreground_quantile=recipe.foreground_quantile,
        background_quantile=recipe.background_quantile,
    )
    np.testing.assert_array_equal(solved(recipe).seeds, expected)


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


def test_one_component_is_kept_unless_all_components_is_set() -> None:
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
def test_a_band_of_the_whole_photo_gives_the_exact_cut(shape: tuple[int, int]) -> None:
    """The result does not depend on the first mask."""
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
    """The outline has the same weight relative to the area, and the contrast is relative to the photo."""
    image, inside, saliency = large_disc(2)
    recipe = replace(RECIPES["default"], refit_side=32)
    for scale in (1, 2, 4):
        larger, around = (cv2.resize(array, None, fx=scale, fy=scale) for array in (image, saliency))
        found = mask_from_saliency(larger, around.clip(0, 1), replace(recipe, exact_side=1000))
        truth = cv2.resize(inside.astype(np.uint8), None, fx=scale, fy=scale) > 0
        assert (found.mask & truth).sum() / (found.mask | truth).sum() > 0.97


def test_a_smaller_photo_is_never_enlarged() -> None:
    wide, wider = (solved(replace(RECIPES["default"], refit_side=side, exact_side=side)) for side in (64, 100))
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


def test_every_number_of_the_cut_is_tested() -> None:
    """The numbers of the map, of hints and of further looks are not."""
    others = {item.name for item in fields(Recipe) if item.metadata["stage"] in ("saliency", "hints")}
    assert CHANGES.keys() == {item.name for item in fields(Recipe)} - others - {
        "largest",
        "prior_given",
        "presence",
        "looks",
        "look_margin",
    } | {"random_state"}


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
        assert found.doubts == (UNSALIENT,)


@EVERY_RECIPE
def test_an_even_map_shows_no_object_in_a_large_photo_either(recipe: Recipe) -> None:
    """In a smaller photo its ones are averaged to a little more than one."""
    found = mask_from_saliency(np.zeros((895, 1226, 3), np.uint8), np.ones((895, 1226), np.float32), recipe)
    assert found.doubts == (UNSALIENT,)


@EVERY_RECIPE
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 40), (40, 1), (2, 2), (3, 500), (1, 2000), (2000, 1)])
@pytest.mark.parametrize("flat", [True, False])
def test_a_very_small_photo_gets_a_mask(recipe: Recipe, shape: tuple[int, int], flat: bool) -> None:
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), 90, np.uint8) if flat else rng.integers(0, 256, (*shape, 3), np.uint8)
    saliency = rng.random(shape, np.float32)
    found = mask_from_saliency(image, saliency / saliency.max(), recipe)
    assert found.mask.shape == shape
    assert found.mask.dtype == np.bool_
    assert np.isfinite(found.energy)
    assert found.doubts or found.mask.any()


def test_empty_and_full_masks_are_flagged() -> None:
    image, saliency = np.zeros((20, 20, 3), np.uint8), blob(20, 20)
    empty = mask_from_saliency(image, saliency, replace(Recipe(), smoothness=1e6))
    assert not empty.mask.any()
    flat = "the photo is of one color"
    assert empty.doubts == (flat, "the cheapest cut keeps no pixel of the object")
    full = mask_from_saliency(image, np.maximum(saliency, 0.9), replace(Recipe(), border=0.0, smoothness=1e6))
    assert full.mask.all()
    assert full.doubts == (flat, "the mask is the whole photo")


def test_no_argument_is_changed(photo: Image) -> None:
    saliency = blob(*photo.shape[:2])
    saliency.setflags(write=False)
    first, again = mask_from_saliency(photo, saliency, Recipe()), mask_from_saliency(photo, saliency, Recipe())
    assert first.mask.tobytes() == again.mask.tobytes()
    assert first.energy == again.energy


def test_a_map_of_another_size_is_refused(photo: Image) -> None:
    with pytest.raises(ValueError, match="^image and saliency must have one height and width"):
        mask_from_saliency(photo, blob(9, 9), Recipe())


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_wrong_types_and_ranges_are_refused(photo: Image, error: type[Exception]) -> None:
    saliency = blob(*photo.shape[:2])
    strange = {TypeError: (photo.tolist(), saliency.tolist()), ValueError: (photo / 255, saliency * 2)}
    image, wrong = strange[error]
    with pytest.raises(error, match="^image must"):
        mask_from_saliency(image, saliency, Recipe())
    with pytest.raises(error, match="^saliency must"):
        mask_from_saliency(photo, wrong, Recipe())


def test_the_map_of_a_given_target_has_its_own_weight(photo: Image) -> None:
    saliency = blob(*photo.shape[:2])
    recipe = replace(Recipe(), prior=1.0, prior_given=4.0, exact_side=60)
    given = mask_from_saliency(photo, saliency, recipe, given=True)
    expected = mask_from_saliency(photo, saliency, replace(recipe, prior=4.0))
    assert given.energy == expected.energy != mask_from_saliency(photo, saliency, recipe).energy
