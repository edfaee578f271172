"""The photo on the desk: its picture, its session, and the decision about it."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from wsseg.arrays import FOREGROUND, Image, Mask, PhotoError, Seeds
from wsseg.files.decode import read_file
from wsseg.files.encode import encoded_picture
from wsseg.files.masks import UNKNOWN_LEVEL, read_mask, read_truth
from wsseg.files.photos import Photo, read_photo
from wsseg.graphcut.hints import seeds_from_hints
from wsseg.graphcut.pyramid import seeds_at, shrunk
from wsseg.recipe import MAX_PIXELS
from wsseg.review.items import Item, Items
from wsseg.review.strokes import Stroke, check_strokes, hints_from_strokes
from wsseg.runs.record import Decision, Finding, Verdict
from wsseg.runs.reviews import REVIEW_FOLDERS, Reviews, stamp_of

if TYPE_CHECKING:
    from wsseg.segmenting.results import Segmentation
    from wsseg.segmenting.segmenter import Segmenter
    from wsseg.segmenting.session import Session

VIEW_SIDE: Final = 1280
"""Long side of a photo while a person works on it, in pixels: a cut takes .2 s and not the 2 s of 11 megapixels."""

OPEN: Final = 3
"""Photos that are kept open: the one on the page, the next, and the one before. More would fill the memory."""

THUMBNAIL: Final = 160
"""Long side of a thumbnail, in pixels."""

LIKELIEST: Final = 8
"""Classes that are offered as other targets."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What a person did to a mask on the page."""

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
        self._segmenter = segmenter
        self._sessions: dict[tuple[bool, str | None], Session] = {}

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
            self._sessions[key] = self._segmenter().open(self.photo if full else self.view, key[1])
        return self._sessions[key]

    def close_full(self) -> None:
        """Free the session of a large photo's own size."""
        for key in [key for key in self._sessions if key[0] and self.scale < 1]:
            self._sessions.pop(key).__exit__()

    def likeliest(self) -> list[tuple[str, float]]:
        """Return the photo's likeliest classes with their probabilities."""
        classifier = self._segmenter().classifier
        found = classifier.probabilities(self.view.image)
        order = np.argsort(-found, kind="stable")[:LIKELIEST].tolist()
        return [(classifier.categories.resolve(index).category, float(found[index])) for index in order]


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
        """Return a photo, opened if need be; PhotoError or OSError if it is gone or has changed."""
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
            return self.cut_at(photo, item, work, full=False)

    def cut_at(self, photo: OpenPhoto, item: Item, work: Work, *, full: bool) -> "Segmentation":
        """Return the mask under a person's hints, at the photo's own size or at that of the view."""
        shape = photo.shape if full else photo.view.image.shape[:2]
        scale = 1.0 if full else photo.scale
        saved = self.saved_hints(item, shape) if work.saved else None
        hints = hints_from_strokes(work.strokes, shape, scale=scale, saved=saved)
        return photo.session(work.target, full=full).segment(hints)

    def saved_hints(self, item: Item, shape: tuple[int, ...]) -> Seeds | None:
        """Return the hints of an earlier review, made small to `shape`; None if there was none."""
        if (file := item.finding.outputs.get("hints")) is None:
            return None
        path = self.items.out / file
        return seeds_at(read_truth(path, void=UNKNOWN_LEVEL, max_pixels=self._max_pixels), shape)

    def decide(
        self, number: int, verdict: Verdict, work: Work, *, seconds: float = 0.0, at_random: bool = False
    ) -> Finding:
        """Write what a person decided into the run, and return the finding as it is there.

        A mask that was drawn on is corrected, whatever is said of it. Returns once all is on the disk.
        """
        photo, item = self.photo(number), self.items.get(number)
        check_strokes(work.strokes, photo.shape)
        with photo.lock, self._writing:
            made = _Correction(self, photo, item, work).of(verdict)
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

    def segmenter(self) -> "Segmenter":
        """Return the segmenter, once it is loaded."""
        return self._segmenter.result()

    @property
    def out(self) -> Path:
        """Folder of the run."""
        return self.items.out


@dataclass(frozen=True, kw_only=True, eq=False)
class _Made:
    verdict: Verdict
    finding: Finding
    files: dict[str, bytes]
    iou: float | None


class _Correction:
    """The files and the finding that a decision amounts to."""

    def __init__(self, desk: Desk, photo: OpenPhoto, item: Item, work: Work) -> None:
        self._desk, self._photo, self._item, self._work = desk, photo, item, work
        outputs = item.finding.outputs
        self._mask_file = outputs["mask"]
        mask = self._read(self._mask_file)
        self._mask = mask
        self._automatic = self._read(outputs["automatic"]) if "automatic" in outputs else mask

    def _read(self, file: str) -> Mask:
        return read_mask(self._desk.out / file, max_pixels=MAX_PIXELS)

    def of(self, verdict: Verdict) -> _Made:
        """Return what to write for a verdict."""
        if verdict == "rejected":
            return _Made(verdict=verdict, finding=self._item.finding, files={}, iou=None)
        if verdict == "no object":
            return self._replaced(verdict, None, np.zeros_like(self._mask))
        if self._work.strokes or self._work.target or self._work.anew:
            found = self._desk.cut_at(self._photo, self._item, self._work, full=True)
            same = not self._work.strokes and bool(np.array_equal(found.mask, self._automatic))
            return self._replaced("accepted" if same else "corrected", found, found.mask)
        if "automatic" in self._item.finding.outputs:
            verdict = "corrected" if self._mask.any() else "no object"
        return _Made(verdict=verdict, finding=self._item.finding, files={}, iou=self._iou(self._mask))

    def _iou(self, mask: Mask) -> float:
        """Return the IoU with the automatic mask; 1 if both are empty."""
        union = int((mask | self._automatic).sum())
        return int((mask & self._automatic).sum()) / union if union else 1.0

    def _replaced(self, verdict: Verdict, found: "Segmentation | None", mask: Mask) -> _Made:
        """Return the finding with a new mask, and its files: the automatic mask is kept beside."""
        name = self._mask_file.partition("/")[2]
        outputs = {**self._item.finding.outputs, **{kind: f"{REVIEW_FOLDERS[kind]}/{name}" for kind in REVIEW_FOLDERS}}
        files = {outputs["automatic"]: encoded_picture(self._automatic * np.uint8(255))}
        files[outputs["hints"]] = encoded_picture(self._levels())
        files |= self._pictures(found, mask)
        files[self._mask_file] = encoded_picture(mask * np.uint8(255))
        finding = replace(self._item.finding, outputs=outputs)
        if found is not None and self._work.target:
            finding = _retargeted(finding, found, self._desk.segmenter().classifier.categories.wnids)
        return _Made(verdict=verdict, finding=finding, files=files, iou=self._iou(mask))

    def _levels(self) -> Any:
        """Return the hints as seeds on disk: background 0, object 255, unknown 128."""
        from wsseg.segmenting.outputs import seed_levels

        shape = self._photo.shape
        saved = self._desk.saved_hints(self._item, shape) if self._work.saved else None
        hints = hints_from_strokes(self._work.strokes, shape, saved=saved)
        if hints is None:
            return np.full(shape, UNKNOWN_LEVEL, np.uint8)
        radius = self._desk.segmenter().recipe.click_radius
        return seed_levels(seeds_from_hints(hints, shape, click_radius=radius))

    def _pictures(self, found: "Segmentation | None", mask: Mask) -> dict[str, bytes]:
        """Return the run's other pictures of the mask, drawn anew."""
        from wsseg.pictures.style import PLAIN, Style
        from wsseg.segmenting.outputs import encode
        from wsseg.segmenting.results import Segmentation

        wanted = [kind for kind in Segmentation.pictures if kind in self._item.finding.outputs and kind != "mask"]
        if not wanted:
            return {}
        drawn = replace(found or self._photo.session(self._work.target, full=True).segment(), mask=mask)
        given = self._desk.items.made_by.get("style")
        style = Style(**given) if isinstance(given, dict) else PLAIN
        paths = self._item.finding.outputs
        return {
            paths[kind]: encode(drawn, kind, replace(style, format=_format_of(paths[kind], style.format)))
            for kind in wanted
        }


def _format_of(path: str, format: Any) -> Any:
    """Return the format of a picture that is replaced: that of its file."""
    suffix = path.rpartition(".")[2]
    return suffix if suffix in ("png", "webp", "jpg") else format


def _retargeted(finding: Finding, found: "Segmentation", wnids: Sequence[str] | None) -> Finding:
    """Return the finding with the target that the person chose."""
    indices = found.target.indices
    return replace(
        finding,
        category=found.category,
        indices=indices,
        wnids=tuple(wnids[index] for index in indices) if wnids else (),
        probability=found.probability,
    )


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


def mask_png(mask: Mask) -> bytes:
    """Return a mask as PNG, quickly."""
    _, data = cv2.imencode(".png", (mask == FOREGROUND) * np.uint8(255), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()
