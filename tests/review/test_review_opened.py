"""A photo on the desk: sessions see strokes in their order."""

from typing import Any

import numpy as np

from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.review.opened import VIEW_SIDE, OpenPhoto, Work
from wsseg.review.strokes import Stroke

CLICKS = [Stroke(kind="point", points=[(x, 5.0)], label=1) for x in (5.0, 25.0, 45.0)]


class Told:
    """A session that notes the hints that it gets."""

    def __init__(self) -> None:
        self.hints: list[int] = []

    def segment(self, hints: Hints | None) -> str:
        self.hints.append(0 if hints is None else len(hints.foreground))
        return f"mask {self.hints[-1]}"

    def __exit__(self, *_: object) -> None:
        pass


class Opener:
    """A segmenter whose sessions are kept."""

    def __init__(self) -> None:
        self.sessions: list[Told] = []

    def open(self, *_: Any) -> Told:
        self.sessions.append(Told())
        return self.sessions[-1]


def opened(side: int) -> tuple[OpenPhoto, Opener]:
    opener = Opener()
    image = Photo(np.zeros((20, side, 3), np.uint8), ())
    return OpenPhoto(image, lambda: opener, None), opener  # type: ignore[return-value,arg-type]  # A stand-in.


def test_a_session_gets_only_the_new_stroke() -> None:
    photo, opener = opened(60)
    for count in range(1, 4):
        photo.cut(Work(strokes=CLICKS[:count]), None, full=False)
    photo.cut(Work(strokes=CLICKS[:1]), None, full=False)
    assert [session.hints for session in opener.sessions] == [[1, 2, 3, 1]]


def test_a_new_session_gets_all_strokes_one_by_one() -> None:
    photo, opener = opened(2 * VIEW_SIDE)
    assert photo.cut(Work(strokes=CLICKS), None, full=False) == "mask 3"  # type: ignore[comparison-overlap]  # As above.
    photo.cut(Work(strokes=CLICKS), None, full=True)
    photo.cut(Work(strokes=[CLICKS[2]]), None, full=True)
    photo.cut(Work(), None, full=True)
    assert [session.hints for session in opener.sessions] == [[1, 2, 3], [1, 2, 3, 1, 0]]
