"""Threads that share a segmenter or a session get the masks of one thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from wsseg.arrays import Image, Point
from wsseg.graphcut.hints import Hints
from wsseg.segmenting.segmenter import Segmenter


def test_threads_may_share_a_segmenter(photo: Image) -> None:
    segmenter = Segmenter(recipe="fast")
    views = [photo, np.ascontiguousarray(photo[:, ::-1]), np.ascontiguousarray(photo[::-1])]
    expected = [segmenter.segment(view).mask for view in views]

    def same(number: int) -> bool:
        return np.array_equal(segmenter.segment(views[number % 3]).mask, expected[number % 3])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(same, range(12)))


def test_threads_may_share_a_session(photo: Image) -> None:
    with Segmenter(recipe="fast").open(photo) as session:
        hints = [Hints(foreground=[Point(x, y)]) for x in (20, 60, 100) for y in (20, 50)]
        session.segment(hints[0])
        expected = [session.segment(one).mask for one in hints]

        def same(number: int) -> bool:
            return np.array_equal(session.segment(hints[number % 6]).mask, expected[number % 6])

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(same, range(24)))
