"""Photos, labels and seeds at other sizes, and the band along an outline."""

import cv2
import numpy as np
import pytest

from wsseg.arrays import UNKNOWN
from wsseg.graphcut.pyramid import band_along, enlarged, levels_of, seeds_at


@pytest.mark.parametrize("width", [1, 3])
def test_a_band_lies_along_every_outline(width: int) -> None:
    labels = np.zeros((12, 20), np.uint8)
    labels[:, 8:], labels[6:, 14:] = 1, 2
    band = band_along(labels, width)
    padded = np.pad(labels, width, mode="edge")
    for y, x in np.ndindex(*labels.shape):
        around = padded[y : y + 2 * width + 1, x : x + 2 * width + 1]
        assert band[y, x] == (len(np.unique(around)) > 1)


class TestSeedsAt:
    def test_labels_at_full_size_are_returned_unchanged(self) -> None:
        seeds = np.full((20, 30), UNKNOWN, np.uint8)
        assert seeds_at(seeds, (20, 30)) is seeds
        np.testing.assert_array_equal(seeds_at(seeds, (4, 6)), np.full((4, 6), UNKNOWN))

    @pytest.mark.parametrize("shape", [(10, 15), (5, 6), (20, 3), (1, 1), (7, 11), (19, 29), (13, 8)])
    @pytest.mark.parametrize("random_state", range(3))
    def test_a_pixel_with_both_labels_or_none_is_unknown(self, shape: tuple[int, int], random_state: int) -> None:
        seeds = np.random.default_rng(random_state).choice([0, 1, 255, 255, 255, 255, 255], (20, 30)).astype(np.uint8)
        rows, columns = (
            [(n * side // cells, -(-(n + 1) * side // cells)) for n in range(cells)]
            for side, cells in zip((20, 30), shape, strict=True)
        )
        found = seeds_at(seeds, shape)
        assert found.dtype == np.uint8
        for y, x in np.ndindex(*shape):
            held = set(np.unique(seeds[slice(*rows[y]), slice(*columns[x])]).tolist()) - {UNKNOWN}
            assert found[y, x] == (held.pop() if len(held) == 1 else UNKNOWN)


def test_labels_are_enlarged_by_their_shares() -> None:
    labels = np.array([[0, 0, 1], [0, 2, 1]], np.uint8)
    larger = enlarged(labels, (200, 300))
    assert larger[[10, 190, 190, 10], [10, 150, 290, 290]].tolist() == [0, 2, 1, 1]
    shares = np.stack([cv2.resize((labels == one).astype(np.float32), (300, 200)) for one in range(3)])
    assert (shares.max(axis=0) - np.take_along_axis(shares, larger[None].astype(np.intp), 0)[0]).max() < 1e-6
    np.testing.assert_array_equal(enlarged(labels, (2, 3)), labels)


def test_one_label_is_enlarged_like_several() -> None:
    """Except where the shares are equal but for a level of 8 bits: one label is enlarged in those."""
    mask = (np.random.default_rng(0).random((12, 17)) < 0.5).astype(np.uint8)
    for size in [(24, 34), (31, 40), (90, 121)]:
        share = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        clear = abs(share - 0.5) > 1 / 254
        np.testing.assert_array_equal(2 * enlarged(mask, size)[clear], enlarged(2 * mask, size)[clear])
        assert clear.mean() > 0.95


@pytest.mark.parametrize(
    ("side", "sides"), [(90, [90]), (100, [100]), (101, [100, 101]), (200, [100, 200]), (700, [100, 200, 400, 700])]
)
def test_each_level_has_twice_the_side_of_the_one_before(side: int, sides: list[int]) -> None:
    image, saliency = np.zeros((side // 2, side, 3), np.uint8), np.ones((side // 2, side), np.float32)
    levels = levels_of(image, saliency, 100)
    assert [level.image.shape[1] for level in levels] == sides
    assert all(level.saliency.shape == level.image.shape[:2] and level.saliency.max() <= 1 for level in levels)
    assert levels[-1].image is image
