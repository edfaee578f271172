"""Stores of files: a disk, or an object store that fsspec knows. A file is written whole or not at all.

A path on a disk is a `pathlib.Path`; a path in an object store comes from universal_pathlib and has the same methods.
The two classes here hold what must be done differently.
"""

import errno
import os
import reprlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, cast

from wsseg.files.kinds import FILE, FOLDER, STREAM, kind_of, poured


class Sizes(Protocol):
    """Sizes in bytes of the files in a folder, by their path relative to it."""

    def of(self, file: str) -> int:
        """Return the size of a file; 0 if it does not exist."""
        ...

    def add(self, files: Iterable[str]) -> None:
        """Note that these files were written."""
        ...

    def discard(self, file: str) -> None:
        """Note that a file was removed."""
        ...


class Store(Protocol):
    """A place for files."""

    def answering(self, path: Path) -> AbstractContextManager[None]:
        """Turn whatever the store's library raises in the body into an OSError of one sentence."""
        ...

    def is_folder(self, path: Path) -> bool:
        """Return whether the path is a folder; in an object store, whether something lies below it."""
        ...

    def sizes(self, folder: Path) -> Sizes:
        """Return the sizes of the folder's files."""
        ...

    def sizes_below(self, folder: Path) -> dict[str, int]:
        """Return the size of every file below the folder, by its path relative to it."""
        ...

    def visible_below(self, folder: Path) -> Iterator[tuple[Path, PurePosixPath]]:
        """Yield the files below the folder and their relative paths, sorted, without hidden ones."""
        ...

    def remove(self, paths: Sequence[Path]) -> None:
        """Remove files of one folder, all of which exist."""
        ...

    def replacing(self, path: Path, by: Path | None) -> AbstractContextManager[BinaryIO]:
        """Open a file to replace `path`; see the function `replacing`."""
        ...

    def real(self, path: Path) -> Path:
        """Return the path with all links resolved."""
        ...

    def with_real_folder(self, path: Path) -> Path:
        """Return the path with its folder's links and dots resolved; a linked photo stays a photo of its own."""
        ...

    def base_of(self, path: Path) -> str:
        """Return the folder that a relative path starts from; empty if the path is absolute."""
        ...

    def stamp(self, path: Path) -> object:
        """Return a value that changes when the file does; `None` if it does not exist."""
        ...


class DiskStore:
    """A disk of this machine, or one that is mounted like one."""

    def answering(self, path: Path) -> AbstractContextManager[None]:
        return nullcontext()

    def is_folder(self, path: Path) -> bool:
        return path.is_dir()

    def sizes(self, folder: Path) -> "DiskSizes":
        return DiskSizes(folder)

    def sizes_below(self, folder: Path) -> dict[str, int]:
        paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
        return {path.relative_to(folder).as_posix(): path.lstat().st_size for path in paths}

    def visible_below(self, folder: Path) -> Iterator[tuple[Path, PurePosixPath]]:
        """Skip linked folders too, and links that lead out of the folder."""
        paths = _walk(folder, folder.resolve())
        return ((path, PurePosixPath(path.relative_to(folder).as_posix())) for path in paths)

    def remove(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink()

    @contextmanager
    def replacing(self, path: Path, by: Path | None) -> Iterator[BinaryIO]:
        linked = path.is_symlink()
        kind = "" if linked and by else kind_of(path)
        if kind not in ("", FILE, STREAM):
            raise FileExistsError(f"'{path}' must be a file or nothing yet, got {kind}; remove it or rename the output")
        target = self.real(path) if linked and not by else path
        folder = by or target.parent
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with poured(path) if kind == STREAM else _moved(target, folder) as file:
                yield file
        except OSError as error:
            remedy = "start its reader first" if error.errno == errno.ENXIO else "make room or choose another folder"
            refusal = OSError(f"'{path}' must be writable, got '{error.strerror or error}'; {remedy}")
            refusal.errno = error.errno
            raise refusal from error

    def real(self, path: Path) -> Path:
        return Path(os.path.realpath(path))  # Path.resolve would raise on a link to itself.

    def with_real_folder(self, path: Path) -> Path:
        return path.parent.resolve() / path.name

    def base_of(self, path: Path) -> str:
        return "" if path.is_absolute() else str(Path.cwd())

    def stamp(self, path: Path) -> object:
        try:
            status = path.stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime


class ObjectStore:
    """Object storage, such as S3."""

    @contextmanager
    def answering(self, path: Path) -> Iterator[None]:
        try:
            yield
        except (ValueError, FileExistsError):  # Raised here, with a sentence of its own.
            raise
        except Exception as error:
            refusal = OSError(
                f"'{path}' must be in a store that answers, got '{one_line(error)}'; check its address and keys"
            )
            refusal.errno = getattr(error, "errno", None)
            raise refusal from error

    def is_folder(self, path: Path) -> bool:
        store = cast(Any, path)
        try:
            return bool(store.fs.info(store.path)["type"] == "directory")  # Its own `is_dir` would list all of it.
        except FileNotFoundError:
            return False

    def sizes(self, folder: Path) -> "ListedSizes":
        return ListedSizes(self.sizes_below(folder))

    def sizes_below(self, folder: Path) -> dict[str, int]:
        store = cast(Any, folder)
        with self.answering(folder):
            found = store.fs.find(store.path, detail=True)
        return {path.removeprefix(store.path).lstrip("/"): each["size"] for path, each in found.items()}

    def visible_below(self, folder: Path) -> Iterator[tuple[Path, PurePosixPath]]:
        names = ((key, PurePosixPath(key)) for key in sorted(self.sizes_below(folder)))
        return ((folder / key, name) for key, name in names if not any(part.startswith(".") for part in name.parts))

    def remove(self, paths: Sequence[Path]) -> None:
        with self.answering(paths[0]):
            cast(Any, paths[0]).fs.rm([cast(Any, path).path for path in paths])

    @contextmanager
    def replacing(self, path: Path, by: Path | None) -> Iterator[BinaryIO]:
        whole = BytesIO()
        yield whole
        with self.answering(path):
            path.write_bytes(whole.getvalue())

    def real(self, path: Path) -> Path:
        return path

    def with_real_folder(self, path: Path) -> Path:
        return path

    def base_of(self, path: Path) -> str:
        return ""

    def stamp(self, path: Path) -> object:
        """Return a constant: files appear whole, and asking whether each was replaced would cost a request each."""
        return True


class DiskSizes:
    """Sizes of files on a disk, which are asked for one by one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, file: str) -> int:
        try:
            return (self._folder / file).stat().st_size
        except OSError:
            return 0

    def add(self, files: Iterable[str]) -> None:
        """Do nothing, since the disk itself knows."""

    def discard(self, file: str) -> None:
        """Do nothing, since the disk itself knows."""


class ListedSizes:
    """Sizes of files in an object store, which are listed once: asking for each would cost a request."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes

    def of(self, file: str) -> int:
        return self._sizes.get(file, 0)

    def add(self, files: Iterable[str]) -> None:
        self._sizes.update(dict.fromkeys(files, 1))  # Each is there whole, or not at all.

    def discard(self, file: str) -> None:
        self._sizes.pop(file, None)


_DISK, _OBJECTS = DiskStore(), ObjectStore()


def store_of(path: Path) -> Store:
    """Return the store that the path lies in."""
    return _DISK if is_local(path) else _OBJECTS


def is_local(path: Path) -> bool:
    """Return whether the path is on a disk."""
    return isinstance(path, Path)


def path_of(given: str | PathLike[str], argument: str = "path") -> Path:
    """Return the path that a user gave: `s3://bucket/photos` is in an object store that fsspec knows.

    Raises
    ------
    TypeError
        If it is no path; the message calls it `argument`.
    ValueError
        If nothing here can open the path; the message says what to install.
    """
    if not _is_path(given):
        raise TypeError(f"{argument} must be a path, got {reprlib.repr(given)}; give a str or a Path")
    if not isinstance(given, str):
        return Path(given) if isinstance(given, PathLike) else cast(Path, given)
    if "://" not in given:
        return Path(given)
    try:
        from upath import UPath

        # Other processes write beside this one, so a cached listing would be out of date.
        path = UPath(given, use_listings_cache=False)
        _ = path.fs  # Imports the library of the store.
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"'{given}' must be a path that can be opened, got '{error}'; pip install 'wsseg[s3]'"
        ) from error
    return cast(Path, path)


def paths_of(given: str | PathLike[str] | Iterable[str | PathLike[str]], argument: str) -> list[str | PathLike[str]]:
    """Return the paths that a user gave: one, or any iterable of them.

    Raises
    ------
    TypeError
        If something else than paths was given; the message calls it `argument`.
    ValueError
        If there are none.
    """
    if isinstance(given, str | PathLike) or _is_path(given):
        return [cast(str, given)]
    remedy = "give a str, a Path or a list of them"
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{argument} must be one or more paths, got {type(given).__name__}; {remedy}")
    paths = list(given)
    if strange := [path for path in paths if not _is_path(path)]:
        raise TypeError(
            f"{argument} must be one or more paths, got {type(strange[0]).__name__} in {type(given).__name__}; "
            f"{remedy}, and save photos in memory to files"
        )
    if not paths:
        raise ValueError(f"{argument} must name one or more, got none; give photos or folders")
    return paths


def _is_path(given: object) -> bool:
    return isinstance(given, str | PathLike) or hasattr(given, "fs")  # A path in a store is no PathLike.


def is_same_file(first: Path, second: Path) -> bool:
    """Return whether both paths exist on a disk and are one file or folder."""
    return is_local(first) and is_local(second) and first.exists() and second.exists() and first.samefile(second)


def one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def replacing(path: Path, *, by: Path | None = None) -> AbstractContextManager[BinaryIO]:
    """Open a new file that replaces `path` when the body ends, and that is removed if the body fails.

    Until then it lies beside `path`. Missing folders are created. In an object store it is written at once. A link
    stays, and the file that it leads to is replaced. A pipe or a device stays too, and gets the bytes when the body
    ends; its reader may stop early. A run names the folder `by`, on the same disk, for its unfinished files: nothing is
    written outside its folders, so a link there is replaced itself.

    Raises
    ------
    FileExistsError
        If a folder or anything else that cannot be replaced is at the path.
    OSError
        If the path cannot be written; the message names it.
    """
    return store_of(path).replacing(path, by)


def replace_by(path: Path, file: Path) -> None:
    """Replace `path` by a file on the same disk, as `replacing` does."""
    if path.is_symlink() or _kind_of(path) not in ("", FILE):
        with replacing(path) as whole:
            whole.write(file.read_bytes())
        file.unlink()
    else:
        file.replace(path)


def check_new_file(path: Path, *, force: bool, allowed: str = "a new file") -> None:
    """Raise FileExistsError if `replacing` cannot write to the path, or replaces a file and `force` is not set.

    A pipe or a device needs no `force`, because nothing is replaced. The message says what is `allowed`.
    """
    kind = _kind_of(path)
    if kind in ("", STREAM) or (kind == FILE and force):
        return
    got, remedy = (f"'{path}'", "give the name of a file")
    if kind == FILE:
        remedy = "choose another name or use force (--force)"
    elif kind != FOLDER:
        got = f"'{path}', which is {kind}"
    raise FileExistsError(f"out must be {allowed}, got {got}; {remedy}")


def _kind_of(path: Path) -> str:
    """Return what lies at the path, see `kind_of`."""
    if is_local(path):
        return kind_of(path)
    return FOLDER if path.is_dir() else FILE if path.exists() else ""


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from () if path.is_symlink() else _walk(path, root)
        elif not (path.is_symlink() and not _DISK.real(path).is_relative_to(root)):
            yield path


@contextmanager
def _moved(path: Path, folder: Path) -> Iterator[BinaryIO]:
    # A name of fixed length: a photo's own name may leave no room for a suffix.
    temporary = folder / f".wsseg-{uuid.uuid4().hex}"
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
