"""Looking again in a window around the first mask, with a network whose map is known."""

from dataclasses import replace

import numpy as np
import pytest
import quick
from scenes import blob, disc

from wsseg.arrays import Box, Image, Maps, Saliency
from wsseg.classifier.categories import Target
from wsseg.graphcut.masks import mask_from_saliency
from wsseg.recipe import RECIPES
from wsseg.saliency import saliency_from_maps
from wsseg.segmenting.looks import SMALLEST, mask_from_looks, window_around
from wsseg.segmenting.results import SaliencyResult

RECIPE = replace(RECIPES["fast"], exact_side=240)
"""A rough look is no smaller than the photos here."""


class Watched:
    """A network that remembers the photos that it was shown; its map is high in the middle."""

    def __init__(self, height: float = 1.0) -> None:
        self.height, self.seen = height, list[Image]()

    def map(self, image: Image, *, mirror: bool) -> Saliency:
        self.seen.append(image)
        return self.height * blob(40, 40)


def small_disc(side: int = 160) -> tuple[Image, np.ndarray]:
    """A photo with a small disc away from the middle, and where it is."""
    image, inside = disc(48)
    photo = np.random.default_rng(1).normal((40, 80, 160), 12, (side, side, 3)).clip(0, 255).astype(np.uint8)
    truth = np.zeros((side, side), np.bool_)
    photo[80:128, 24:72], truth[80:128, 24:72] = image, inside
    return photo, truth


def first_window(mask: np.ndarray) -> Box | None:
    """The window around a mask of the whole photo."""
    height, width = mask.shape
    return window_around(mask, Box(0, 0, width, height), mask.shape, RECIPE)


def result_of(image: Image, objects: Saliency | None, own: Saliency | None = None, recipe=RECIPE) -> SaliencyResult:
    target = Target((0,), "thing", (1.0,))
    maps = Maps(own, objects)
    return SaliencyResult(
        image=image,
        target=target,
        probability=1.0,
        saliency=saliency_from_maps(maps, image.shape[:2], recipe, given=False),
        reasons=(),
        scored=target,
        maps=maps,
    )


@pytest.fixture
def seen() -> SaliencyResult:
    """The photo of a small disc, and a map whose peak is there."""
    photo, truth = small_disc()
    objects = np.zeros(truth.shape, np.float32)
    objects[70:138, 14:82] = blob(68, 68)
    return result_of(photo, objects)


def test_the_network_looks_into_the_window_around_the_first_mask(seen: SaliencyResult) -> None:
    network = Watched()
    found = mask_from_looks(seen, RECIPE, network)
    first = mask_from_saliency(seen.image, seen.saliency, RECIPE)
    window = first_window(first.mask)
    (shown,) = network.seen
    np.testing.assert_array_equal(shown, seen.image[window.y0 : window.y1, window.x0 : window.x1])
    inside = saliency_from_maps(Maps(None, blob(40, 40)), shown.shape[:2], RECIPE, given=False)
    expected = np.zeros(seen.saliency.shape, np.bool_)
    expected[window.y0 : window.y1, window.x0 : window.x1] = mask_from_saliency(shown, inside, RECIPE).mask
    np.testing.assert_array_equal(found.mask, expected)
    np.testing.assert_array_equal(found.seeds, first.seeds)
    assert not found.exact
    assert {"support", "overlap", "decision"} <= found.signs.keys()
    _, truth = small_disc()
    assert (found.mask & truth).sum() > 0.9 * (found.mask | truth).sum()


def test_one_look_is_the_mask_of_the_saliency(seen: SaliencyResult) -> None:
    network = Watched()
    found = mask_from_looks(seen, replace(RECIPE, looks=1), network)
    np.testing.assert_array_equal(found.mask, mask_from_saliency(seen.image, seen.saliency, RECIPE).mask)
    assert not network.seen


def test_each_further_look_is_around_the_mask_before(seen: SaliencyResult) -> None:
    network = Watched()
    mask_from_looks(seen, replace(RECIPE, looks=3), network)
    second = mask_from_looks(seen, RECIPE, Watched())
    assert len(network.seen) == 2
    window = first_window(second.mask)
    np.testing.assert_array_equal(network.seen[1], seen.image[window.y0 : window.y1, window.x0 : window.x1])


def test_a_look_that_finds_nothing_changes_nothing(seen: SaliencyResult) -> None:
    network = Watched(height=0.0)
    found = mask_from_looks(seen, RECIPE, network)
    assert len(network.seen) == 1
    np.testing.assert_array_equal(found.mask, mask_from_saliency(seen.image, seen.saliency, RECIPE).mask)


def test_the_own_map_is_that_of_the_whole_photo() -> None:
    """Without a map of objects no network looks, and the second cut is of the same map, nearer."""
    photo, truth = small_disc()
    own = np.zeros((40, 40), np.float32)
    own[17:35, 3:21] = blob(18, 18)
    recipe = replace(quick.QUICK, looks=2)
    network = Watched()
    found = mask_from_looks(result_of(photo, None, own, recipe), recipe, network)
    assert not network.seen
    assert (found.mask & truth).sum() > 0.9 * (found.mask | truth).sum()
    assert "overlap" not in found.signs


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(40, 50, 60, 90), Box(36, 42, 64, 98)),
        (Box(0, 0, 30, 30), Box(0, 0, 36, 36)),
        (Box(2, 2, 98, 98), None),
        (Box(0, 0, 100, 55), Box(0, 0, 100, 66)),
        (Box(0, 0, 100, 70), None),
        (Box(10, 10, 10 + SMALLEST // 2, 90), None),
    ],
    ids=["inside", "corner", "whole", "half", "most", "thin"],
)
def test_the_window_is_the_box_and_a_margin(box: Box, expected: Box | None) -> None:
    mask = np.zeros((100, 100), np.bool_)
    mask[box.y0 : box.y1, box.x0 : box.x1] = True
    assert first_window(mask) == expected


def test_the_window_of_a_rough_mask_holds_all_of_its_pixels() -> None:
    """A pixel of a mask a third as large covers 3 x 3 pixels of the photo, and a window's mask lies where it is."""
    mask = np.zeros((20, 30), np.bool_)
    mask[10:16, 10:20] = True
    tight = replace(RECIPE, look_margin=0.0)
    assert window_around(mask, Box(0, 0, 90, 60), (60, 90), tight) == Box(30, 30, 60, 48)
    assert window_around(mask, Box(100, 200, 190, 260), (400, 400), tight) == Box(130, 230, 160, 248)
    assert window_around(mask, Box(0, 0, 91, 61), (61, 91), tight) == Box(30, 30, 61, 49)


def test_there_is_no_window_without_an_object() -> None:
    assert first_window(np.zeros((30, 30), np.bool_)) is None


@pytest.mark.parametrize("looks", [2, 3])
def test_a_rough_look_changes_little(seen: SaliencyResult, looks: int) -> None:
    """Only looks that another one follows are rough; the mask of the last one is at the photo's own size."""
    recipe = replace(RECIPE, exact_side=72, looks=looks)
    found = mask_from_looks(seen, recipe, Watched())
    _, truth = small_disc()
    assert found.mask.shape == truth.shape
    assert (found.mask & truth).sum() > 0.9 * (found.mask | truth).sum()


def test_a_rough_look_that_no_window_follows_is_cut_again_at_the_own_size(seen: SaliencyResult) -> None:
    recipe = replace(RECIPE, exact_side=72)
    found = mask_from_looks(seen, recipe, Watched(height=0.0))
    alone = mask_from_saliency(seen.image, seen.saliency, recipe)
    np.testing.assert_array_equal(found.mask, alone.mask)
    assert {name: found.signs[name] for name in alone.signs} == dict(alone.signs)
