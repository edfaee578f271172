"""The photo on the desk: its picture, its session, and the decision about it."""

import hashlib
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Image, Mask, PhotoError, Seeds
from wsseg.files.decode import read_file
from wsseg.files.masks import UNKNOWN_LEVEL, read_mask
from wsseg.files.photos import Photo, read_photo
from wsseg.graphcut.pyramid import seeds_at, shrunk
from wsseg.pictures.style import PLAIN, Style
from wsseg.recipe import MAX_PIXELS
from wsseg.review.correction import Corrector, saved_seeds
from wsseg.review.items import Item, Items
from wsseg.review.opened import VIEW_SIDE, OpenPhoto, Work
from wsseg.review.strokes import check_strokes
from wsseg.runs.record import Decision, Finding, Verdict
from wsseg.runs.reviews import Reviews, stamp_of

if TYPE_CHECKING:
    from wsseg.segmenting.results import Segmentation
    from wsseg.segmenting.segmenter import Segmenter

OPEN: Final = 3
"""Photos that are kept open: the one on the page, the next, and the one before. More would fill the memory."""

THUMBNAIL: Final = 160
"""Long side of a thumbnail, in pixels."""


class Desk:
    """Opens the photos of a run, cuts them under a person's hints, and writes what the person decides."""

    def __init__(
        self, items: Items, reviews: Reviews, segmenter: "Future[Segmenter]", *, max_pixels: int = MAX_PIXELS
    ) -> None:
        self.items = items
        self._reviews = reviews
        self._segmenter = segmenter
        self._max_pixels = max_pixels
        self._open: OrderedDict[int, OpenPhoto] = OrderedDict()
        self._sizes: dict[tuple[Path, object], float] = {}
        self._lock = RLock()
        self._writing = RLock()

    def photo(self, number: int) -> OpenPhoto:
        """Return a photo, and open it first if it is closed; PhotoError or OSError if it is gone or has changed."""
        with self._lock:
            if number not in self._open:
                self._open[number] = self._opened(self.items.get(number))
            self._open.move_to_end(number)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
            return self._open[number]

    def _opened(self, item: Item) -> OpenPhoto:
        return OpenPhoto(self._read(item), self.segmenter, self._target_of(item))

    def _read(self, item: Item) -> Photo:
        record = item.record
        if "://" in record.input:
            raise PhotoError(f"photo must be on a disk, got '{record.input}'; download it and segment the copy")
        data = read_file(Path(record.place), max_pixels=self._max_pixels)
        if record.hash and hashlib.sha256(data).hexdigest() != record.hash:
            raise PhotoError(
                f"photo must be unchanged since the run, got another file at '{record.place}'; segment it again"
            )
        return read_photo(data, max_pixels=self._max_pixels, name=record.input)

    def _target_of(self, item: Item) -> str | None:
        """Return the target that the run looked for; None if the classifier chose it."""
        made_by, finding = self.items.made_by, item.finding
        chosen = not made_by.get("targets") and not made_by.get("top") and len(item.record.findings) == 1
        if chosen and not (finding.decision and finding.decision.verdict == "corrected"):
            return None
        return finding.category

    def thumbnail(self, number: int) -> bytes:
        """Return a small picture of the photo as JPEG; it is not kept open."""
        return jpeg(shrunk(self._read(self.items.get(number)).image, THUMBNAIL), 80)

    def sizes(self) -> list[float]:
        """Return the share of the photo that each mask covers, by its number; 0 if it cannot be read."""
        return [self._size_of(item) for item in self.items.all()]

    def _size_of(self, item: Item) -> float:
        file = self.items.out / item.finding.outputs["mask"]
        key = file, stamp_of(file)
        if key not in self._sizes:
            try:
                self._sizes[key] = float(read_mask(file, max_pixels=self._max_pixels).mean())
            except PhotoError:
                self._sizes[key] = 0.0
        return self._sizes[key]

    def mask(self, number: int) -> Mask:
        """Return the mask as it is in the run, at the size of the view."""
        photo, finding = self.photo(number), self.items.get(number).finding
        mask = read_mask(self.items.out / finding.outputs["mask"], max_pixels=self._max_pixels)
        return _at(mask, photo)

    def cut(self, number: int, work: Work) -> "Segmentation":
        """Return the mask of the view under a person's hints, with its evidence."""
        photo, item = self.photo(number), self.items.get(number)
        check_strokes(work.strokes, photo.shape)
        with photo.lock:
            return photo.cut(work, saved_seeds(self.out, item), full=False)

    def hints(self, number: int) -> Seeds | None:
        """Return the hints of an earlier review at the size of the view; None if there was none."""
        seeds = saved_seeds(self.out, self.items.get(number))
        return None if seeds is None else seeds_at(seeds, self.photo(number).view.image.shape[:2])

    def decide(
        self, number: int, verdict: Verdict, work: Work, *, seconds: float = 0.0, at_random: bool = False
    ) -> Finding:
        """Write what a person decided into the run, and return the finding as it is there.

        A mask that was drawn on is corrected, whatever is said of it. Returns once all is on the disk.
        """
        photo = self.photo(number)
        check_strokes(work.strokes, photo.shape)
        with photo.lock, self._writing:
            item = self.items.get(number)
            self.items.check_still(item)
            made = Corrector(self.out, photo, item, work, self._style()).of(verdict)
            decision = Decision(
                verdict=made.verdict,
                when=datetime.now(UTC).isoformat(timespec="milliseconds"),
                strokes=len(work.strokes),
                seconds=round(seconds, 1),
                iou=made.iou,
                at_random=at_random,
            )
            finding = replace(made.finding, decision=decision)
            findings = (*item.record.findings[: item.number], finding, *item.record.findings[item.number + 1 :])
            record = replace(item.record, findings=findings)
            self._reviews.write(replace(record, review=record.review and not record.is_reviewed), made.files)
            photo.close_full()
        return finding

    def _style(self) -> Style:
        given = self.items.made_by.get("style")
        return Style(**given) if isinstance(given, dict) else PLAIN

    def segmenter(self) -> "Segmenter":
        """Return the segmenter, once it is loaded."""
        return self._segmenter.result()

    @property
    def out(self) -> Path:
        """Folder of the run."""
        return self.items.out


def _at(mask: Mask, photo: OpenPhoto) -> Mask:
    """Return a mask at the size of the view; PhotoError if it is of another photo."""
    if mask.shape != photo.shape:
        raise PhotoError(f"mask must have the size of the photo, {photo.shape}, got {mask.shape}; segment it again")
    small = shrunk(mask * np.uint8(255), VIEW_SIDE)
    return np.asarray(small >= UNKNOWN_LEVEL)


def jpeg(image: Image, quality: int) -> bytes:
    """Return an image as JPEG without color subsampling, so that edges stay sharp."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def quick_png(levels: NDArray[np.uint8]) -> bytes:
    """Return a picture of one channel as PNG, quickly."""
    _, data = cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()
