"""A photo while a person works on it: the view, the photo itself, and a session of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np

from wsseg.arrays import Seeds
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.graphcut.pyramid import seeds_at, shrunk
from wsseg.review.strokes import Stroke, hints_from_strokes

if TYPE_CHECKING:
    from wsseg.segmenting.results import Segmentation
    from wsseg.segmenting.segmenter import Segmenter
    from wsseg.segmenting.session import Session

VIEW_SIDE: Final = 1024
"""Long side of a photo while a person works on it, in pixels: a cut of the whole photo would take seconds if that has
ten megapixels."""

LIKELIEST: Final = 8
"""Classes that are offered as other targets."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """The work of a person on a mask, on the page."""

    strokes: Sequence[Stroke] = ()
    """Hints in the order in which they were given."""
    saved: bool = True
    """Whether the hints of an earlier review hold, below these strokes."""
    target: str | None = None
    """Another target for the photo; None for the run's."""
    anew: bool = False
    """Whether the mask is what the strokes say, even without any; otherwise no stroke leaves the mask as it is."""


class OpenPhoto:
    """A photo while it is on the desk, with its sessions; each is opened when it is needed."""

    def __init__(self, image: Photo, segmenter: Callable[[], "Segmenter"], target: str | None) -> None:
        self.photo = image
        self.target = target
        self.view = Photo(shrunk(image.image, VIEW_SIDE), image.notes)
        self.lock = RLock()
        self.segmenter = segmenter
        self._sessions: dict[tuple[bool, str | None], Session] = {}
        self._drawn: WeakKeyDictionary[Session, list[Stroke]] = WeakKeyDictionary()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the photo."""
        height, width = self.photo.image.shape[:2]
        return height, width

    @property
    def scale(self) -> float:
        """Size of the view as a share of the photo's."""
        return float(self.view.image.shape[1] / self.photo.image.shape[1])

    def session(self, target: str | None, *, full: bool) -> "Session":
        """Return the session of a target, at the photo's own size or at that of the view."""
        full = full or self.view.image is self.photo.image
        key = full, target or self.target
        if key not in self._sessions:
            for other in [one for one in self._sessions if one[0] == full]:
                self._sessions.pop(other).__exit__()
            self._sessions[key] = self.segmenter().open(self.photo if full else self.view, key[1])
        return self._sessions[key]

    def cut(self, work: Work, saved: Seeds | None, *, full: bool) -> "Segmentation":
        """Return the mask under a person's hints, at the photo's own size or at that of the view.

        Each stroke corrects the mask before it, so a session that has not seen the others gets them one by one.
        `saved` are hints of an earlier review, (H, W) of the photo.
        """
        session, strokes = self.session(work.target, full=full), list(work.strokes)
        before = self._drawn.get(session, [])
        known = before == strokes[:-1] or before[: len(strokes)] == strokes
        for count in range(len(strokes) if known else min(1, len(strokes)), len(strokes) + 1):
            found = session.segment(self.hints(replace(work, strokes=strokes[:count]), saved, full=full))
        self._drawn[session] = strokes
        return found

    def hints(self, work: Work, saved: Seeds | None, *, full: bool) -> Hints | None:
        """Return the hints that a person gave; None if there are none."""
        shape = self.shape if full else self.view.image.shape[:2]
        below = seeds_at(saved, shape) if work.saved and saved is not None else None
        return hints_from_strokes(work.strokes, shape, scale=1.0 if full else self.scale, saved=below)

    def close_full(self) -> None:
        """Free the session of a large photo's own size."""
        for key in [key for key in self._sessions if key[0] and self.scale < 1]:
            self._sessions.pop(key).__exit__()

    def likeliest(self) -> list[tuple[str, float]]:
        """Return the photo's likeliest classes with their probabilities."""
        classifier = self.segmenter().classifier
        found = classifier.probabilities(self.view.image)
        order = np.argsort(-found, kind="stable")[:LIKELIEST].tolist()
        return [(classifier.categories.resolve(index).category, float(found[index])) for index in order]
