"""The photos that paths stand for: files, folders, patterns and lists."""

import os
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path, PurePath, PurePosixPath
from types import MappingProxyType
from typing import cast

from wsseg.files.decode import UNSUPPORTED, has_photo_suffix
from wsseg.files.names import Source, real_path, refuse_name_clashes, with_output_names
from wsseg.files.store import answering, is_folder, is_local, path_of, sizes_below


def find_photos(
    paths: Sequence[str | PathLike[str]], *, named: Mapping[str, str] = MappingProxyType({}), empty_ok: bool = False
) -> list[Source]:
    """The photos that the paths stand for, in their order, each once, with the names of their outputs.

    A path is a photo, a folder (recursive, sorted; hidden entries, linked folders and links that leave it are
    skipped), a glob pattern (hidden entries are skipped), or a list file (.txt: one photo a line, relative to the
    list, or s3://...; blank lines and # comments are skipped).
    A name is the photo's path relative to its folder with suffix `.png`, and `_` for a backslash and `..`; below the
    folder's own name when there are several paths; photos that would share a name keep their whole name (`a.jpg.png`).
    Names are compared without case and Unicode form, as some file systems do; whole names that differ in these alone
    have a digest too (`a.jpg-0f1e2d3c.png`). ValueError names a path that is missing or holds no photo, and two photos
    whose names still clash.

    `named` has the names, without suffix, that photos have already by their paths: these keep theirs, and no other gets
    it while they are there. With `empty_ok` a folder may hold none.
    """
    found: dict[Path, Source] = {}
    for path in paths:
        for source in _expand(path, several=len(paths) > 1, empty_ok=empty_ok):
            found.setdefault(real_path(source.path), Source(source.path, _inside(source.name)))
    return refuse_name_clashes(with_output_names(list(found.values()), named))


def pictures_below(folder: Path) -> list[Path]:
    """What `find_photos` finds in a folder, of which nothing is to be made."""
    return [source.path for source in _some(_in_folder(folder, several=False), folder, "add one, or name another")]


def _inside(name: PurePosixPath) -> PurePosixPath:
    """The name without what could lead out of a folder: keys of an object store may hold `..`, files a backslash."""
    return PurePosixPath(*("_" if part == ".." else part.replace("\\", "_") for part in name.parts if part != "/"))


def _expand(given: str | PathLike[str], *, several: bool, empty_ok: bool) -> list[Source]:
    """The photos that one path stands for, under their own names."""
    path = path_of(given) if isinstance(given, str) else cast(Path, given)
    with answering(path):
        try:
            if str(given) and is_folder(path):
                sources = _in_folder(path, several=several)
                return sources if empty_ok else _some(sources, path, "add one, or name hidden or linked ones by name")
            if path.is_file() and path.suffix.lower() == ".txt":
                return _in_list(path)
            if str(given) and path.exists():
                return [Source(path, PurePosixPath(path.name))]
            if any(map(_is_pattern, path.parts)):
                return _matching(path)
        except OSError as error:
            raise ValueError(f"{given} must be readable, got '{error}'; check its permissions") from error
    raise ValueError(
        f"{given or repr(given)} must be a photo, folder, pattern or list, got nothing; check its spelling"
    )


def _in_folder(folder: Path, *, several: bool) -> list[Source]:
    top = PurePosixPath(_folder_name(folder) if several else "")
    if is_local(folder):
        sources = [Source(path, top / path.relative_to(folder).as_posix()) for path in _walk(folder, folder.resolve())]
    else:
        seen = [(name, PurePosixPath(name)) for name in sorted(sizes_below(folder))]
        photos = [(key, name) for key, name in seen if has_photo_suffix(name) and not _is_hidden(name)]
        sources = [Source(folder / key, top / name) for key, name in photos]
    return sources


def _folder_name(folder: Path) -> str:
    return folder.resolve().name if folder.name in ("", "..") else folder.name


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from () if path.is_symlink() else _walk(path, root)
        elif has_photo_suffix(path) and not (path.is_symlink() and _leaves(path, root)):
            yield path


def _leaves(path: Path, root: Path) -> bool:
    # Path.resolve would raise on a link to itself.
    return not Path(os.path.realpath(path)).is_relative_to(root)


def unsupported_photos(paths: Sequence[Path]) -> list[Path]:
    """The files in folders of these that are photos of formats which nothing here reads, such as a camera's own."""
    folders = [path for path in paths if is_local(path) and path.is_dir()]
    files = [Path(top, name) for folder in folders for top, _, names in os.walk(folder) for name in sorted(names)]
    return [path for path in files if path.suffix.lower() in UNSUPPORTED and not path.name.startswith(".")]


def _is_hidden(name: PurePath) -> bool:
    return any(part.startswith(".") for part in name.parts)


def _is_pattern(part: str) -> bool:
    return any(sign in part for sign in "*?[")


def _matching(pattern: Path) -> list[Source]:
    fixed = next(index for index, part in enumerate(pattern.parts) if _is_pattern(part))
    root, rest = pattern.parents[len(pattern.parts) - fixed - 1], "/".join(pattern.parts[fixed:])
    paths = [path for path in sorted(root.glob(rest)) if has_photo_suffix(path) and path.is_file()]
    sources = [Source(path, _name_under(root, path)) for path in paths]
    seen = [source for source in sources if not _is_hidden(source.name)]
    return _some(seen, pattern, "check the pattern")


def _in_list(file: Path) -> list[Source]:
    try:
        lines = [line.strip() for line in file.read_text("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} must be a list of photos in UTF-8, got other bytes; save it as UTF-8") from error
    named = [line for line in lines if line and not line.startswith("#")]
    photos = [path_of(line) if "://" in line else file.parent / line for line in named]
    for photo in filter(is_local, photos):  # To ask a store after each would take longer than to try each.
        if not photo.is_file():
            raise ValueError(f"{file} must list photos relative to its folder, got no file {photo}; mend that line")
    return _some([Source(photo, _name_under(file.parent, photo)) for photo in photos], file, "write one path a line")


def _some(sources: list[Source], given: Path, remedy: str) -> list[Source]:
    if not sources:
        raise ValueError(f"{given} must stand for a photo or more, got none; {remedy}")
    return sources


def _name_under(root: Path, path: Path) -> PurePosixPath:
    """The path relative to the root when it lies below, else the file's name alone."""
    path, root = real_path(path), root.resolve() if is_local(root) else root
    return PurePosixPath(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name)
