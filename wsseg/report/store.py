"""Where the pictures of a report are stored: inside the page, or in a folder beside it."""

import base64
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.runs.record import REPORTED

LOSSLESS: Final = 101
"""The WebP quality that means lossless to OpenCV, for pictures with few colors."""


@dataclass(frozen=True, kw_only=True)
class PictureStore:
    """Stores pictures, and knows their addresses."""

    base: str
    """The start of every picture's address."""
    keep: Callable[[bytes], str]
    """Stores a WebP file and returns the end of its address."""
    addresses: list[str] = field(default_factory=list)
    """The ends of the addresses, in the order in which the pictures were added."""

    def add(self, picture: NDArray[np.uint8], quality: int) -> int:
        """Store a picture and return its number."""
        self.addresses.append(self.keep(_webp(picture, quality)))
        return len(self.addresses) - 1


@contextmanager
def picture_store(page: Path, *, inside: bool) -> Iterator[PictureStore]:
    """Yield a store for the page's pictures: inside the page, or in a new folder beside it.

    Each report has a folder of its own, so that an earlier page stays complete until the new one replaces it. The
    folders of earlier reports are removed at the end; if the body fails, the new folder is removed instead.
    """
    files, own = page.with_name(f"{page.stem}_files"), None
    if inside:
        yield PictureStore(base="data:image/webp;base64,", keep=lambda data: base64.b64encode(data).decode())
    else:
        own = files / f"wsseg-report-{uuid.uuid4().hex}"
        own.mkdir(parents=True)
        try:
            yield PictureStore(base=f"{quote(os.fsencode(files.name))}/{own.name}/", keep=_numbered_files(own))
        except BaseException:
            _remove_reports(files, [own])
            raise
    if files.is_dir():
        _remove_reports(files, [folder for folder in files.iterdir() if folder != own])


def _numbered_files(folder: Path) -> Callable[[bytes], str]:
    numbers = count(1)

    def keep(data: bytes) -> str:
        name = f"{next(numbers):06}.webp"
        (folder / name).write_bytes(data)
        return name

    return keep


def _remove_reports(files: Path, folders: Iterable[Path]) -> None:
    """Remove the folders that belong to reports, and `files` itself once it is empty."""
    for folder in folders:
        if REPORTED.fullmatch(folder.name) and not folder.is_symlink():
            shutil.rmtree(folder)
            if not any(files.iterdir()):
                files.rmdir()


def _webp(picture: NDArray[np.uint8], quality: int) -> bytes:
    """Return the picture as a WebP file; `encoded_picture` has one quality, for pictures that people keep."""
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2:] == (4,) else cv2.COLOR_RGB2BGR
    if picture.ndim == 2:
        code = cv2.COLOR_GRAY2BGR
    _, data = cv2.imencode(".webp", cv2.cvtColor(picture, code), [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()
