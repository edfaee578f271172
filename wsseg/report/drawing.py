"""The pictures of a report."""

import base64
import hashlib
import math
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import FOREGROUND, UNKNOWN, Image, Mask, Seeds
from wsseg.files.decode import read_file
from wsseg.files.encode import VOC_COLORS
from wsseg.files.masks import UNKNOWN_LEVEL
from wsseg.files.photos import read_image
from wsseg.files.text import escape_unprintable
from wsseg.graphcut.labeling import shrunk
from wsseg.pictures.overlay import error_map, veil
from wsseg.report.judged import Judged, mask_name
from wsseg.report.rows import Row, Shown, finite_number, known_scores
from wsseg.runs.record import REPORTED, Finding, Outputs, Record

Keep: TypeAlias = Callable[[bytes], str]
"""Puts a picture away, and tells what its address ends in."""

LONGEST: Final = 960

SHORTEST: Final = 448
"""Pixels of a picture's long side, at most and at least."""

PIXELS: Final = 64_000_000
"""Of all photos of a page together, were they square; so a few are large, and many do not make a large page."""

QUALITY: Final = 75
"""Of WebP, for what has a photo's colors."""

LOSSLESS: Final = 101
"""That which OpenCV takes for WebP without loss, for what has few colors."""


def picture_side(rows: int) -> int:
    """The long side of pictures of so many rows."""
    return int(np.clip(math.sqrt(PIXELS / max(rows, 1)), SHORTEST, LONGEST))


@contextmanager
def picture_store(page: Path, *, within: bool) -> Iterator[tuple[str, Keep]]:
    """What the addresses of pictures begin with, and what puts one away: into its address, or beside the page.

    Beside the page each report has a folder of its own, so that the earlier page is whole until the new one takes its
    place; the earlier one's pictures are then removed.
    """
    files, own = page.with_name(f"{page.stem}_files"), None
    if within:
        yield "data:image/webp;base64,", lambda data: base64.b64encode(data).decode()
    else:
        own = files / f"wsseg-report-{uuid.uuid4().hex}"
        own.mkdir(parents=True)
        try:
            yield f"{quote(os.fsencode(files.name))}/{own.name}/", _numbered(own)
        except BaseException:
            _remove_folders(files, [own])
            raise
    if files.is_dir():
        _remove_folders(files, [folder for folder in files.iterdir() if folder != own])


def _numbered(folder: Path) -> Keep:
    numbers = count(1)

    def keep(data: bytes) -> str:
        name = f"{next(numbers):06}.webp"
        (folder / name).write_bytes(data)
        return name

    return keep


def _remove_folders(files: Path, folders: Iterable[Path]) -> None:
    """Those of them that are of reports, and what held them if nothing is left in it."""
    for folder in folders:
        if REPORTED.fullmatch(folder.name) and not folder.is_symlink():
            shutil.rmtree(folder)
            if not any(files.iterdir()):
                files.rmdir()


@dataclass(frozen=True, kw_only=True)
class Drawer:
    """Makes the rows of a page, and their pictures."""

    folder: Path
    judged: "Judged | None"
    side: int
    """The longest that a picture has."""
    max_pixels: int
    keep: Keep
    addresses: list[str] = field(default_factory=list)
    """What those of the pictures end in."""
    problems: list[str] = field(default_factory=list)

    def rows(self, record: Record) -> list[Row]:
        """A row for each finding; one for a photo without any."""
        blank = Row(
            name=escape_unprintable(record.name),
            input=escape_unprintable(record.input),
            error=escape_unprintable(record.error),
            seconds=sum(finite_number(spent) or 0 for spent in record.seconds.values()),
            shown=self._of_photo(record),
            status="failed" if record.error else "",
        )
        return [self._row(blank, record, index) for index in range(len(record.findings))] or [blank]

    def _row(self, blank: Row, record: Record, index: int) -> Row:
        finding = record.findings[index]
        name = mask_name(finding, record)
        return replace(
            blank,
            category=escape_unprintable(finding.category),
            probability=finite_number(finding.probability),
            confidence=finite_number(finding.confidence),
            status=escape_unprintable(finding.status or ""),
            reasons=[escape_unprintable(str(reason)) for reason in finding.reasons],
            color=_color_of_label(index + 1) if record.outputs else "",
            scores=known_scores(self.judged.scores.get(name, {})) if self.judged else {},
            shown=blank.shown if record.outputs else self._of_finding(blank.shown, finding, name),
        )

    def _of_photo(self, record: Record) -> Shown:
        """The photo, and what of the run is of all its targets together."""
        shown, outputs = Shown(), record.outputs
        self._draw(shown, record.name, "photo", lambda: self._reduced(self._photo(record)), QUALITY)
        labels = self._draw_output(shown, record.name, outputs, "labels")
        self._draw_output(shown, record.name, outputs, "instances")
        if labels is not None:
            self._draw(shown, record.name, "tint", lambda: _tint(labels))
        else:
            self._draw_output(shown, record.name, outputs, "overlay", QUALITY)
        return shown

    def _of_finding(self, of_photo: Shown, finding: Finding, name: str) -> Shown:
        shown, outputs = Shown(made={**of_photo.made}, lacking={**of_photo.lacking}), finding.outputs
        self._draw_output(shown, name, outputs, "saliency", QUALITY)
        self._draw_output(shown, name, outputs, "seeds")
        mask = self._draw_output(shown, name, outputs, "mask")
        if mask is not None:
            self._draw(shown, name, "veil", lambda: veil(_is_object(mask)))
        else:
            self._draw_output(shown, name, outputs, "overlay", QUALITY)
        if self.judged:
            self._judge(shown, name, mask, self.judged)
        return shown

    def _judge(self, shown: Shown, name: str, mask: Image | None, judged: "Judged") -> None:
        """The truth, and where the mask errs; or why that is not known."""
        if not judged.truths.get(name):
            shown.lacking["truth"] = escape_unprintable(judged.problems.get(name, "there is no truth of its name"))
            return
        drawn = self._draw(shown, name, "truth", lambda: self._reduced_truth(judged.truth(name)))
        if mask is not None and drawn is not None:
            self._draw(shown, name, "errors", lambda: error_map(_is_object(mask), _truth_in(drawn)))

    def _draw_output(
        self, shown: Shown, name: str, outputs: Outputs, kind: str, quality: int = LOSSLESS
    ) -> Image | None:
        if kind not in outputs:
            return None
        return self._draw(shown, name, kind, lambda: self._reduced(self._output(outputs[kind])), quality)

    def _draw(
        self, shown: Shown, name: str, kind: str, make: Callable[[], NDArray[np.uint8]], quality: int = LOSSLESS
    ) -> NDArray[np.uint8] | None:
        """The picture, put away; None, and the reason written down, if there is none."""
        try:
            picture = make()
        except (ValueError, OSError, MemoryError, cv2.error) as error:
            shown.lacking[kind] = escape_unprintable(str(error)) or type(error).__name__
            self.problems.append(f"{name}: no {kind}: {shown.lacking[kind]}")
            return None
        shown.made[kind] = len(self.addresses)
        self.addresses.append(self.keep(_webp(picture, quality)))
        return picture

    def _photo(self, record: Record) -> Image:
        """The photo if it is on this machine, and is what the run saw; ValueError and OSError otherwise."""
        if "://" in record.input:
            raise ValueError(f"photo must be on a disk to be shown, got {record.input}; copy it, and segment the copy")
        data = read_file(Path(record.place), max_pixels=self.max_pixels)
        if record.hash and hashlib.sha256(data).hexdigest() != record.hash:
            raise ValueError(f"photo must be the one that the run saw, got another at {record.place}; segment it again")
        return read_image(data, max_pixels=self.max_pixels)

    def _output(self, file: str) -> Image:
        return read_image(read_file(self.folder / file, max_pixels=self.max_pixels), max_pixels=self.max_pixels)

    def _reduced(self, picture: Image) -> Image:
        return shrunk(picture, self.side)

    def _reduced_truth(self, truth: Seeds) -> NDArray[np.uint8]:
        """Grey levels, as of seeds on disk."""
        is_object, is_void = (self._reduced((truth == side) * np.uint8(255)) for side in (FOREGROUND, UNKNOWN))
        levels = np.where(is_object >= UNKNOWN_LEVEL, 255, 0).astype(np.uint8)
        levels[is_void > UNKNOWN_LEVEL] = UNKNOWN_LEVEL
        return levels


def _is_object(picture: Image) -> Mask:
    """The mask in a picture of one."""
    return np.asarray(picture[..., 0] >= UNKNOWN_LEVEL)


def _truth_in(levels: NDArray[np.uint8]) -> Seeds:
    return np.where(levels == UNKNOWN_LEVEL, UNKNOWN, levels // 255).astype(np.uint8)


def _tint(labels: Image) -> NDArray[np.uint8]:
    """The colors of labels, to be laid on the photo: it is dark where there is none."""
    is_label = labels.any(axis=2)
    return np.dstack([labels, np.where(is_label, 140, 153).astype(np.uint8)])


def _color_of_label(label: int) -> str:
    return "#" + bytes(VOC_COLORS[label % len(VOC_COLORS)]).hex()


def _webp(picture: NDArray[np.uint8], quality: int) -> bytes:
    """Its file; `encoded_picture` has one quality, that of pictures which are kept."""
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2:] == (4,) else cv2.COLOR_RGB2BGR
    if picture.ndim == 2:
        code = cv2.COLOR_GRAY2BGR
    _, data = cv2.imencode(".webp", cv2.cvtColor(picture, code), [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()
