"""A run's masks in another tool's format."""

import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from wsseg.export.annotations import File, Loss, PhotoName, Pieces, Plan
from wsseg.export.coco import coco
from wsseg.export.labelme import labelme
from wsseg.export.labelstudio import labelstudio
from wsseg.export.reading import check_masks, photo_of
from wsseg.export.voc import cvat, voc
from wsseg.export.yolo import yolo
from wsseg.files.store import path_of, replacing
from wsseg.recipe import MAX_PIXELS
from wsseg.runs.record import Record, read_run

Lay: TypeAlias = Callable[[Path, Iterator[File]], None]
"""Writes files, all or none."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """What another tool reads."""

    parts: Callable[[Plan], Pieces]
    suffix: str = ""
    """Of its one file; empty where it is a folder."""
    photos: bool = False
    """Whether it has a place for them."""


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "coco": Format(parts=coco, suffix=".json"),
        "voc": Format(parts=voc, photos=True),
        "cvat": Format(parts=cvat, suffix=".zip"),
        "labelme": Format(parts=labelme, photos=True),
        "labelstudio": Format(parts=labelstudio),
        "yolo": Format(parts=yolo, photos=True),
    }
)
"""The formats, by name."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was exported."""

    photos: int
    failed: tuple[str, ...]
    """Names of photos that are left out, since the run failed on them."""
    losses: tuple[Loss, ...]
    """What the format could not hold."""


def export_run(
    run: str | PathLike[str],
    to: str,
    out: str | PathLike[str],
    *,
    photos: bool = False,
    force: bool = False,
    max_pixels: int = MAX_PIXELS,
    track: Callable[[Sequence[Record]], Iterable[Record]] = iter,
) -> Export:
    """Writes what `wsseg segment` found, whose folder is `run`, in one of the `FORMATS`, whole or not at all.

    With `photos` the photos are copied to where the format has a place for them. `out` must be new or empty; with
    `force` files of the same names are replaced, and others are left as they are. Equal runs make equal files. `track`
    goes through the records, and may show how far it is.

    ValueError names what the run does not hold, and the names and categories that the format cannot: those are never
    changed. FileExistsError when `out` may not be used.
    """
    form = _format(to, photos)
    place = _place(out, form, force=force)
    folder = path_of(run) if isinstance(run, str) else Path(run)
    records = read_run(folder).records
    done = [record for record in records if not record.error]
    if not done:
        raise ValueError(
            f"run must hold masks, got {len(records)} photos that all failed in {folder}; see its run.jsonl"
        )
    check_masks(done)
    plan = Plan(
        names=tuple(_name_of(record) for record in done),
        categories=tuple(sorted({finding.category for record in done for finding in record.findings})),
        photos=(photo_of(record, folder, max_pixels=max_pixels) for record in track(done)),
        out=place,
        copies=photos,
    )
    losses = list[Loss]()
    _lay(form)(place, _files(form.parts(plan), losses))
    failed = tuple(record.name for record in records if record.error)
    return Export(photos=len(done), failed=failed, losses=tuple(losses))


def _format(to: str, photos: bool) -> Format:
    if to not in FORMATS:
        raise ValueError(f"to must be one of {', '.join(FORMATS)}, got {to!r}; choose one of these")
    if photos and not FORMATS[to].photos:
        others = ", ".join(name for name, each in FORMATS.items() if each.photos)
        raise ValueError(f"photos must have a place in the format, as in {others}, got {to}; leave out --photos")
    return FORMATS[to]


def _place(out: str | PathLike[str], form: Format, *, force: bool) -> Path:
    if "://" in str(out):
        raise ValueError(f"out must be on a disk, got {out}; copy it there afterwards")
    place = Path(out)
    if form.suffix and (place.suffix.lower() != form.suffix or place.is_dir()):
        raise ValueError(f"out must be a file called *{form.suffix}, got {out}; name one")
    if not form.suffix and place.exists() and not place.is_dir():
        raise FileExistsError(f"out must be a folder, got the file {out}; name another")
    if not force and place.exists() and (place.stat().st_size if form.suffix else any(place.iterdir())):
        raise FileExistsError(f"out must be new or empty, got {out}; name another or use --force")
    return place


def _name_of(record: Record) -> PhotoName:
    name = PhotoName(name=record.name, input=record.place)
    if Path(name.input).name in ("", ".."):
        raise ValueError(f"run must hold the paths of photos, got {record.input!r}; segment it anew")
    return name


def _files(parts: Pieces, losses: list[Loss]) -> Iterator[File]:
    """The files alone; what is lost is added to the losses."""
    for part in parts:
        if isinstance(part, File):
            yield part
        else:
            losses.append(part)


def _lay(form: Format) -> Lay:
    return {".json": _lay_file, ".zip": _lay_zip, "": _lay_folder}[form.suffix]


def _lay_file(out: Path, files: Iterator[File]) -> None:
    with replacing(out) as stream:
        for file in files:
            stream.writelines(file.content)


def _lay_zip(out: Path, files: Iterator[File]) -> None:
    with replacing(out) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            # A fixed time and system, so that equal files make equal archives.
            member = zipfile.ZipInfo(file.path, (1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(member, b"".join(file.content))


def _lay_folder(out: Path, files: Iterator[File]) -> None:
    with _working_folder(out) as folder:
        for file in files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                stream.writelines(file.content)
        _move(folder, out)


@contextmanager
def _working_folder(out: Path) -> Iterator[Path]:
    """A new folder beside `out`, which is gone in the end; OSError names `out` when it cannot be written."""
    folder = out.absolute().parent / f".wsseg-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"{out} must be writable, got '{reason}'; make room, or name another folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, out: Path) -> None:
    if not out.exists():
        folder.rename(out)
        return
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = out / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
