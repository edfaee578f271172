"""Paths on disk and in object storage: what is there, and how a file is written whole or not at all."""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast


def path_of(given: str | PathLike[str]) -> Path:
    """Return the path that a user gave: `s3://bucket/photos` is in an object store that fsspec knows.

    Such a path is universal_pathlib's and does here what a Path does; `is_local` tells them apart.

    Raises
    ------
    ValueError
        If nothing here can open the path; the message says what to install.
    """
    if not isinstance(given, str):
        return Path(given) if isinstance(given, PathLike) else cast(Path, given)  # A path in a store is no PathLike.
    if "://" not in given:
        return Path(given)
    try:
        from upath import UPath

        # Other processes write beside this one, so a listing is old as soon as it is there.
        path = UPath(given, use_listings_cache=False)
        _ = path.fs  # Which is when the store's own library is asked for.
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"'{given}' must be a path that can be opened, got '{error}'; pip install 'wsseg[s3]'"
        ) from error
    return cast(Path, path)


def is_local(path: Path) -> bool:
    """Whether it is on a disk."""
    return isinstance(path, Path)


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """While the body asks for a path: whatever an object store's library raises is an OSError of one sentence."""
    try:
        yield
    except Exception as error:
        if is_local(path) or isinstance(error, ValueError | FileExistsError):  # What is said of it here.
            raise
        refusal = OSError(
            f"{path} must be in a store that answers, got '{one_line(error)}'; check its address and keys"
        )
        refusal.errno = getattr(error, "errno", None)
        raise refusal from error


def one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def is_folder(path: Path) -> bool:
    """Whether it is a folder, which in an object store is whatever something lies below."""
    if is_local(path):
        return path.is_dir()
    store = cast(Any, path)
    try:
        return bool(store.fs.info(store.path)["type"] == "directory")  # Its own `is_dir` would list all of it.
    except FileNotFoundError:
        return False


def remove(paths: Sequence[Path]) -> None:
    """Removes files that are there, all of one folder."""
    if paths and not is_local(paths[0]):
        with answering(paths[0]):
            cast(Any, paths[0]).fs.rm([cast(Any, path).path for path in paths])
        return
    for path in paths:
        path.unlink()


def sizes_below(folder: Path) -> dict[str, int]:
    """The size in bytes of every file below the folder, by its path relative to it."""
    if not is_local(folder):
        store = cast(Any, folder)
        with answering(folder):
            found = store.fs.find(store.path, detail=True)
        return {path.removeprefix(store.path).lstrip("/"): each["size"] for path, each in found.items()}
    paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix(): path.lstat().st_size for path in paths}


def check_new_file(path: Path, *, force: bool) -> None:
    """Raise FileExistsError if the path is a folder, or is a file and `force` is not set."""
    if path.is_dir() or (path.exists() and not force):
        remedy = "give the name of a file" if path.is_dir() else "choose another name or use force (--force)"
        raise FileExistsError(f"out must be a new file, got '{path}'; {remedy}")


@contextmanager
def replacing(path: Path, *, by: Path | None = None) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once the body is done, and is gone if the body fails.

    Until then it lies in the folder `by`, of the same disk, or beside `path`. The folders that `path` needs are made.
    In an object store it is written at once. OSError names the path when it cannot be written.
    """
    if not is_local(path):
        whole = BytesIO()
        yield whole
        with answering(path):
            path.write_bytes(whole.getvalue())
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _moved(path, by or path.parent) as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        refusal = OSError(f"{path} must be writable, got '{reason}'; make room, or name another folder")
        refusal.errno = error.errno
        raise refusal from error


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


def check_new_file(path: Path, *, force: bool) -> None:
    """Raise FileExistsError if the path is a folder, or is a file and `force` is not set."""
    if path.is_dir() or (path.exists() and not force):
        remedy = "give the name of a file" if path.is_dir() else "choose another name or use force (--force)"
        raise FileExistsError(f"out must be a new file, got '{path}'; {remedy}")
