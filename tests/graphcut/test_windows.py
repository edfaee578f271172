"""Windows of a photo: growing a box, maps and masks in it."""

import numpy as np
import pytest
from scenes import locked

from wsseg.arrays import Box
from wsseg.graphcut.windows import box_grown, map_in, rim_of


class TestWindow:
    BOX = Box(20, 30, 60, 50)

    def test_each_side_moves_by_the_margin_of_its_length(self) -> None:
        assert box_grown(self.BOX, (100, 100), margin=0.25) == Box(10, 25, 70, 55)
        assert box_grown(self.BOX, (100, 100), margin=0.0) == self.BOX

    def test_the_window_is_clipped_to_the_photo(self) -> None:
        assert box_grown(self.BOX, (52, 66), margin=1.0) == Box(0, 10, 66, 52)
        assert box_grown(self.BOX, (70, 90), margin=10) == Box(0, 0, 90, 70)

    @pytest.mark.parametrize(("scale", "size"), [(1, (15, 20)), (2, (15, 20)), (2, (7, 31)), (5, (3, 4))])
    def test_a_window_of_a_ramp_is_sampled_exactly(self, scale: int, size: tuple[int, int]) -> None:
        """The ramp gives each pixel its place in the photo, for any size of map and window."""
        shape, window = (60, 80), Box(20, 15, 60, 45)
        y, x = ((np.arange(side // scale) + 0.5) * scale for side in shape)
        ramp = (2 * x + 7 * y[:, None]).astype(np.float32)
        found = map_in(window, locked(ramp), shape, size)
        assert found.shape == size
        v, u = ((np.arange(count) + 0.5) * length / count for count, length in zip(size, (30, 40), strict=True))
        # OpenCV samples at whole 32nds of a pixel.
        np.testing.assert_allclose(found, 2 * (20 + u) + 7 * (15 + v[:, None]), atol=9 * scale / 64 + 1e-3)

    def test_the_whole_photo_at_its_own_size_is_the_map_itself(self) -> None:
        odds = np.random.default_rng(0).normal(size=(13, 7)).astype(np.float32)
        np.testing.assert_array_equal(map_in(Box(0, 0, 14, 26), odds, (26, 14), (13, 7)), odds)
        np.testing.assert_array_equal(map_in(Box(2, 3, 6, 9), odds, (13, 7), (6, 4)), odds[3:9, 2:6])

    def test_the_rim_is_where_the_photo_goes_on(self) -> None:
        assert not rim_of(Box(0, 0, 5, 3), (3, 5)).any()
        assert rim_of(Box(1, 0, 4, 2), (3, 5)).tolist() == [[True, False, True], [True, True, True]]
        assert rim_of(Box(0, 1, 5, 3), (3, 5)).tolist() == [[True] * 5, [False] * 5]
