"""The photos that paths name: files, folders, patterns and lists."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from os import PathLike
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from wsseg.files.decode import HEIF_REMEDY, has_photo_suffix, has_unsupported_suffix, is_heif
from wsseg.files.names import Source, refuse_name_clashes, with_output_names
from wsseg.files.store import is_local, path_of, store_of
from wsseg.files.text import folded


def find_photos(
    paths: Sequence[str | PathLike[str]], *, named: Mapping[str, str] = MappingProxyType({}), empty_ok: bool = False
) -> list[Source]:
    """Find the photos that the paths name, in their order, each once, with the names of their outputs.

    An output's name is the photo's path relative to its folder, with suffix `.png`, and with `_` for a backslash and
    `..`; if there are several paths, it lies below the folder's own name. Photos that would share a name keep their
    whole name (`a.jpg.png`). Names are compared without case and Unicode form, as some file systems do; whole names
    that differ in these alone get a digest too (`a.jpg-0f1e2d3c.png`).

    Parameters
    ----------
    paths : list of paths
        Each is a photo; a folder, which is searched recursively, without hidden entries, linked folders and links that
        lead out of it; a glob pattern, which skips hidden entries; or a list file (`.txt`) of one photo a line,
        relative to the list, or `s3://...`, with blank lines and `#` comments. Some photos of a list may be missing;
        they are returned, so that reading them fails by name.
    named : mapping of str to str
        Names without suffix that photos have already, by their paths. These photos keep them, and no other photo gets
        one while its owner exists.
    empty_ok : bool
        Whether a folder may hold no photo.

    Returns
    -------
    list of Source
        Each photo's `path`, and the `name` of its outputs.

    Raises
    ------
    ValueError
        If a path is missing or holds no photo, no photo of a list exists, or two photos' names still clash.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("photos/sub").mkdir(parents=True)
    >>> for name in ("a.jpg", "sub/b.png", "notes.txt"):
    ...     Path("photos", name).touch()
    >>> [str(source.name) for source in wsseg.find_photos(["photos"])]
    ['a.png', 'sub/b.png']
    """
    found: dict[Path, Source] = {}
    for path in paths:
        for source in _expand(path, several=len(paths) > 1, empty_ok=empty_ok):
            found.setdefault(
                store_of(source.path).with_real_folder(source.path), Source(source.path, _inside(source.name))
            )
    return refuse_name_clashes(with_output_names(list(found.values()), named))


def pictures_below(folder: Path) -> list[Path]:
    """Return the pictures that `find_photos` finds in a folder."""
    sources = _some(_in_folder(folder, several=False), folder, "add one or give another folder")
    return [source.path for source in sources]


def _inside(name: PurePosixPath) -> PurePosixPath:
    """Return the name without parts that lead out of a folder: keys of a store may hold `..`, files a backslash."""
    return PurePosixPath(*("_" if part == ".." else part.replace("\\", "_") for part in name.parts if part != "/"))


def _expand(given: str | PathLike[str], *, several: bool, empty_ok: bool) -> list[Source]:
    """Return the photos that one path names, under their own names."""
    path = path_of(given)
    with store_of(path).answering(path):
        try:
            if str(given) and store_of(path).is_folder(path):
                sources = _in_folder(path, several=several)
                return sources if empty_ok else _some_in_folder(sources, path)
            if path.is_file() and path.suffix.lower() == ".txt":
                return _in_list(path)
            if str(given) and path.exists():
                return [Source(path, PurePosixPath(path.name))]
            if any(map(_is_pattern, path.parts)):
                return _matching(path)
        except OSError as error:
            raise ValueError(f"'{given}' must be readable, got '{error}'; check its permissions") from error
    raise ValueError(f"'{given}' must be an existing photo, folder, pattern or list; check its spelling")


def _some_in_folder(sources: list[Source], folder: Path) -> list[Source]:
    if not sources and any(is_heif(path) for path in unsupported_photos([folder])):
        raise ValueError(f"'{folder}' must hold one photo or more, got only HEIC; {HEIF_REMEDY}")
    return _some(sources, folder, "add one, or give hidden or linked photos by their own paths")


def _in_folder(folder: Path, *, several: bool) -> list[Source]:
    own = folder.resolve().name if folder.name in ("", "..") else folder.name
    top = PurePosixPath(own if several else "")
    files = store_of(folder).visible_below(folder)
    return [Source(path, top / name) for path, name in files if has_photo_suffix(name)]


def unsupported_photos(paths: Sequence[Path]) -> list[Path]:
    """Return the files in these folders that are photos of formats that wsseg cannot read, such as camera RAW."""
    folders = [path for path in paths if is_local(path) and path.is_dir()]
    files = [Path(top, name) for folder in folders for top, _, names in os.walk(folder) for name in sorted(names)]
    return [path for path in files if has_unsupported_suffix(path) and not path.name.startswith(".")]


def remedy_for_unsupported(paths: Sequence[Path]) -> str:
    """Return what makes these files readable."""
    heif = "pip install 'wsseg[heif]' for HEIC, or " if any(map(is_heif, paths)) else ""
    return f"{heif}convert them to PNG or JPEG"


def _is_pattern(part: str) -> bool:
    return any(sign in part for sign in "*?[")


def _matching(pattern: Path) -> list[Source]:
    fixed = next(index for index, part in enumerate(pattern.parts) if _is_pattern(part))
    root, rest = pattern.parents[len(pattern.parts) - fixed - 1], "/".join(pattern.parts[fixed:])
    paths = [path for path in sorted(root.glob(rest)) if has_photo_suffix(path) and path.is_file()]
    sources = [Source(path, _name_under(root, path)) for path in paths]
    seen = [source for source in sources if not any(part.startswith(".") for part in source.name.parts)]
    return _some(seen, pattern, "check the pattern")


def _in_list(file: Path) -> list[Source]:
    try:
        lines = [line.strip() for line in file.read_text("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise ValueError(f"'{file}' must be a list of photos in UTF-8, got other bytes; save it as UTF-8") from error
    named = [line for line in lines if line and not line.startswith("#")]
    photos = [path_of(line) if "://" in line else file.parent / line for line in named]
    # Asking a store for each would take longer than trying each.
    if photos and not any(not is_local(photo) or photo.is_file() for photo in photos):
        raise ValueError(
            f"'{file}' must list photos relative to its folder, got '{photos[0]}', which does not exist; correct or "
            "delete that line"
        )
    return _some(_named_in_list(photos, file.parent), file, "write one path a line")


def _named_in_list(photos: Sequence[Path], folder: Path) -> list[Source]:
    """Return the photos of a list with their paths below the list's folder, or of those elsewhere the file's name.

    Photos of different folders that would have one name get their paths below the folder that holds all of these.
    """
    names = [_name_under(folder, photo) for photo in photos]
    places = [store_of(photo).with_real_folder(photo).parts for photo in photos]
    keys = [folded(str(name)) for name in names]
    sharing = defaultdict[str, set[tuple[str, ...]]](set)
    for key, place in zip(keys, places, strict=True):
        sharing[key].add(place)
    depths = {key: _common_depth(each) for key, each in sharing.items() if len(each) > 1}
    return [
        Source(photo, PurePosixPath(*place[depths[key] :]) if key in depths else name)
        for photo, name, place, key in zip(photos, names, places, keys, strict=True)
    ]


def _common_depth(places: Iterable[Sequence[str]]) -> int:
    """Return how many folders from the root on hold all of these files, which are given by the parts of their paths."""
    levels = zip(*(place[:-1] for place in places), strict=False)
    return len(list(takewhile(lambda parts: len(set(parts)) == 1, levels)))


def _some(sources: list[Source], given: Path, remedy: str) -> list[Source]:
    if not sources:
        raise ValueError(f"'{given}' must hold one photo or more, got none; {remedy}")
    return sources


def _name_under(root: Path, path: Path) -> PurePosixPath:
    """Return the path relative to the root if it lies below, else the file's name alone."""
    path, root = store_of(path).with_real_folder(path), store_of(root).real(root)
    return PurePosixPath(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name)
