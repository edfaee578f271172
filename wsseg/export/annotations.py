"""The photos and objects that a format is written from, and the files that come out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from wsseg.arrays import Mask
from wsseg.files.store import path_of

CHUNK: Final = 2**16
"""Bytes of a photo that are copied at once."""


@dataclass(frozen=True, kw_only=True)
class PhotoName:
    """The names of a photo: in the run, and where it was read."""

    name: str
    """Path below the run's folders, without suffix: `sub/a`."""
    input: str
    """Path where the run read it: `photos/sub/a.jpg`, `s3://bucket/sub/a.jpg`."""

    @property
    def file(self) -> str:
        """Its path below the folder that was segmented: `sub/a.jpg`."""
        return (PurePosixPath(self.name).parent / PurePosixPath(self.input).name).as_posix()

    @property
    def copy(self) -> str:
        """The path of its copy: its name with its own suffix, so that it pairs with files of the same name."""
        return self.name + PurePosixPath(self.input).suffix


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedObject:
    """The mask of one target, or of one connected component of it."""

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
    """They may overlap; empty if nothing was found."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a format needs to know."""

    names: tuple[PhotoName, ...]
    categories: Mapping[str, int]
    """The number of each category, in the order of the numbers; they count from 1 unless a COCO file has other ids."""
    photos: Iterable[AnnotatedPhoto]
    """The photos of `names`, in the same order; each is read when it is reached, so they can be iterated over once."""
    out: Path
    """The file or folder to write."""
    copies: bool = False
    """Whether to copy the photos."""
    polygons: bool = False
    """Whether masks are polygons where the format has a choice."""


@dataclass(frozen=True, eq=False)
class File:
    """A file of a format."""

    path: str
    """Path relative to the folder or archive; empty if the format is one file."""
    content: Iterable[bytes]


@dataclass(frozen=True)
class Loss:
    """Something about a photo that a format cannot hold."""

    photo: str
    lost: str

    def __str__(self) -> str:
        return f"{self.photo}: {self.lost}"


Entries: TypeAlias = Iterator[File | Loss]
"""The files of a format one by one, and what they cannot hold."""


def photo_copy(photo: PhotoName, path: str) -> File:
    """Return a file with the photo's own bytes."""
    return File(path, _chunks(photo.input))


def _chunks(photo: str) -> Iterator[bytes]:
    try:
        with path_of(photo).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise ValueError(
            f"photos must still be where the run read them, got '{error.strerror or error}' for '{photo}'; "
            "export on the machine of the run, or leave out --photos"
        ) from error
