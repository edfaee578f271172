"""What every format is made of: photos and their objects going in, files coming out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from wsseg.arrays import Mask
from wsseg.files.store import path_of

CHUNK: Final = 2**16
"""Bytes of a photo that are copied at once."""


@dataclass(frozen=True, kw_only=True)
class PhotoName:
    """What a photo is called."""

    name: str
    """Below the run's folders and without suffix: `sub/a`."""
    input: str
    """Where the run found it: `photos/sub/a.jpg`, `s3://bucket/sub/a.jpg`."""

    @property
    def file(self) -> str:
        """Its own file below the folder that was segmented: `sub/a.jpg`."""
        return (PurePosixPath(self.name).parent / PurePosixPath(self.input).name).as_posix()

    @property
    def copy(self) -> str:
        """Its file in a tree where a photo pairs with what has its name and another suffix."""
        return self.name + PurePosixPath(self.input).suffix


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedObject:
    """What was found of one target, or one connected part of it."""

    category: str
    mask: Mask
    """Never empty."""
    confidence: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedPhoto(PhotoName):
    """A photo and the objects in it."""

    size: tuple[int, int]
    """Height and width of the upright photo."""
    objects: tuple[AnnotatedObject, ...]
    """They may overlap; none where nothing was found."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a format is to be made of."""

    names: tuple[PhotoName, ...]
    categories: tuple[str, ...]
    """Sorted, each once."""
    photos: Iterable[AnnotatedPhoto]
    """Those of the names, each read when it is asked for; they can be gone through once."""
    out: Path
    """Where the files will lie."""
    copies: bool = False
    """Whether the photos are to lie among them."""


@dataclass(frozen=True, eq=False)
class File:
    """A file of a format."""

    path: str
    """Below what is written."""
    content: Iterable[bytes]


@dataclass(frozen=True)
class Loss:
    """What a format could not hold of a photo."""

    photo: str
    lost: str

    def __str__(self) -> str:
        return f"{self.photo}: {self.lost}"


Pieces: TypeAlias = Iterator[File | Loss]


def copied(photo: PhotoName, path: str) -> File:
    """The photo's own bytes."""
    return File(path, _chunks(photo.input))


def _chunks(photo: str) -> Iterator[bytes]:
    try:
        with path_of(photo).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise ValueError(
            f"photos must lie where the run found them, got '{error.strerror or error}' for {photo}; "
            "export where the run was made, or leave out --photos"
        ) from error


def check_files(plan: Plan) -> None:
    """ValueError names two photos whose files would have one name."""
    for file, count in Counter(name.file for name in plan.names).items():
        if count > 1:
            first, second = [name.input for name in plan.names if name.file == file][:2]
            raise ValueError(
                f"run must hold photos of different files, got {first} and {second} for {file}; segment them apart"
            )


def check_lines(texts: Iterable[str], argument: str) -> None:
    """ValueError names a text that is no line of its own in a list that is read line by line, in UTF-8."""
    for text in texts:
        if text.splitlines() != [text] or text.strip() != text or text.startswith("#") or not _is_unicode(text):
            raise ValueError(
                f"{argument} must be lines of a list, without spaces around them or a # before, got {text!r}; "
                "rename it, or export to coco"
            )


def check_unicode(texts: Iterable[str], argument: str) -> None:
    """ValueError names a text of bytes that are no UTF-8, or of control characters, which XML and YAML cannot hold."""
    for text in texts:
        if not text.strip() or not _is_unicode(text) or not text.isprintable():
            raise ValueError(f"{argument} must be printable text, got {text!r}; rename it, or export to coco")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
