"""Export of a run to the format of another tool."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from wsseg.export.annotations import Entries, File, Loss, PhotoName, Plan
from wsseg.export.categories import category_numbers
from wsseg.export.coco import coco
from wsseg.export.labelme import labelme
from wsseg.export.labelstudio import labelstudio
from wsseg.export.reading import annotated_photo, check_masks, reviewed_records
from wsseg.export.voc import cvat, voc
from wsseg.export.writing import write_file, write_folder, write_zip
from wsseg.export.yolo import yolo
from wsseg.files.store import check_new_file, path_of
from wsseg.recipe import MAX_PIXELS
from wsseg.runs.record import Record, read_run


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format that another tool reads."""

    entries: Callable[[Plan], Entries]
    write: Callable[[Path, Iterator[File]], None] = write_folder
    suffix: str = ""
    """The suffix of its one file; empty if it is a folder."""
    photos: bool = False
    """Whether it can hold the photos."""
    polygons: bool = False
    """Whether its masks can be polygons."""


EXPORTERS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "coco": Format(entries=coco, write=write_file, suffix=".json", polygons=True),
        "voc": Format(entries=voc, photos=True),
        "cvat": Format(entries=cvat, write=write_zip, suffix=".zip"),
        "labelme": Format(entries=labelme, photos=True),
        "labelstudio": Format(entries=labelstudio),
        "yolo": Format(entries=yolo, photos=True),
    }
)
"""The formats, by name."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """The result of an export."""

    photos: int
    """Number of photos exported."""
    failed: tuple[str, ...]
    """Names of photos that are left out because the run failed on them."""
    losses: tuple[Loss, ...]
    """Information that the format cannot hold: each loss has the `photo` and what is `lost`."""


def export_run(
    run: str | PathLike[str],
    to: str,
    out: str | PathLike[str],
    *,
    categories: Sequence[str] | str | PathLike[str] | None = None,
    polygons: bool = False,
    photos: bool = False,
    only: Literal["accepted", "reviewed"] | None = None,
    force: bool = False,
    max_pixels: int = MAX_PIXELS,
    track: Callable[[Sequence[Record]], Iterable[Record]] = iter,
) -> Export:
    """Write the masks of a run in the format of another tool, completely or not at all.

    Equal runs make equal files.

    Parameters
    ----------
    run : str or path
        Folder that `wsseg segment` wrote; it may be in object storage, `s3://...`.
    to : str
        One of `coco`, `voc`, `cvat`, `labelme`, `labelstudio` and `yolo`.
    out : str or path
        The file (.json for coco, .zip for cvat) or the folder to write; it must be new or empty.
    categories : list of str, or path
        The categories in the order of their numbers, so that they are equal in all exports with the same list. It may
        be a UTF-8 text file with a name on each line, or an earlier export (of COCO and CVAT the file, of others the
        folder). By default they are those of the run, in alphabetical order.
    polygons : bool
        Write polygons instead of run lengths, for coco only; yolo always has polygons. Holes are joined to the
        outline, and are listed as losses.
    photos : bool
        Copy the photos into the export; voc, labelme and yolo have a place for them.
    only : {"accepted", "reviewed"}, optional
        Export only masks that a person decided on (`serve_review`): those that were accepted or corrected, and photos
        without an object; or all, rejected ones too. An accepted mask has no confidence in the export.
    force : bool
        Replace files of the same names, and leave others as they are.
    max_pixels : int
        Larger masks are refused.
    track : callable
        Iterates over the records of the run; it may show progress.

    Returns
    -------
    Export
        The number of photos, the photos that are left out, and what the format could not hold.

    Raises
    ------
    ValueError
        If the run has no masks, if `categories` lack one of the run's, or if the format cannot hold the name of a photo
        or category; names are never changed.
    FileExistsError
        If `out` exists and `force` is not set.

    Examples
    --------
    >>> from importlib import resources
    >>> photo = resources.files("skimage") / "data" / "chelsea.png"
    >>> run = wsseg.segment_folder(photo, "out", recipe="fast", targets=["tabby"])
    >>> exported = wsseg.export_run(run.out, "yolo", "dataset", categories=["tabby", "tiger cat"])
    >>> exported.photos, exported.losses
    (1, ())
    """
    if to == "yolo" and polygons:
        raise ValueError("yolo always has polygons; leave out polygons (--polygons)")
    form = _format(to, photos=photos, polygons=polygons)
    place = _place(out, form, force=force)
    folder = path_of(run) if isinstance(run, str) else Path(run)
    records = read_run(folder).records
    done = [record for record in records if not record.error]
    if only is not None:
        done = reviewed_records(done, only, folder)
    if not done:
        raise ValueError(
            f"run must hold at least one mask, got only failed photos ({len(records)}) in '{folder}'; "
            "read the reasons in its run.jsonl"
        )
    check_masks(done)
    plan = Plan(
        names=tuple(_name_of(record) for record in done),
        categories=category_numbers(categories, (finding.category for record in done for finding in record.findings)),
        photos=(annotated_photo(record, folder, max_pixels=max_pixels) for record in track(done)),
        out=place,
        copies=photos,
        polygons=polygons,
    )
    losses = list[Loss]()
    form.write(place, _files(form.entries(plan), losses))
    failed = tuple(record.name for record in records if record.error)
    return Export(photos=len(done), failed=failed, losses=tuple(losses))


def _format(to: str, *, photos: bool, polygons: bool) -> Format:
    if to not in EXPORTERS:
        raise ValueError(f"to must be one of {', '.join(EXPORTERS)}, got {to!r}; choose one of these")
    if photos and not EXPORTERS[to].photos:
        others = ", ".join(name for name, each in EXPORTERS.items() if each.photos)
        raise ValueError(f"{to} cannot hold photos, unlike {others}; leave out photos (--photos)")
    if polygons and not EXPORTERS[to].polygons:
        others = ", ".join(name for name, each in EXPORTERS.items() if each.polygons)
        raise ValueError(f"{to} cannot hold polygons, unlike {others}; leave out polygons (--polygons)")
    return EXPORTERS[to]


def _place(out: str | PathLike[str], form: Format, *, force: bool) -> Path:
    if "://" in str(out):
        raise ValueError(f"out must be on a disk, got '{out}'; export to a local path and copy the result")
    place = Path(out)
    if form.suffix and (place.suffix.lower() != form.suffix or place.is_dir()):
        raise ValueError(f"out must be a file that ends in {form.suffix}, got '{out}'; choose such a name")
    if form.suffix:
        check_new_file(place, force=True)
    if not form.suffix and place.exists() and not place.is_dir():
        raise FileExistsError(f"out must be a folder, got the file '{out}'; choose another name")
    if not force and place.exists() and (place.stat().st_size if form.suffix else any(place.iterdir())):
        raise FileExistsError(f"out must be new or empty, got '{out}'; choose another name or use force (--force)")
    return place


def _name_of(record: Record) -> PhotoName:
    name = PhotoName(name=record.name, input=record.place)
    if Path(name.input).name in ("", ".."):
        raise ValueError(f"records must hold the paths of photos, got {record.input!r}; segment the photos again")
    return name


def _files(entries: Entries, losses: list[Loss]) -> Iterator[File]:
    """Yield the files; losses are appended to the list."""
    for entry in entries:
        if isinstance(entry, File):
            yield entry
        else:
            losses.append(entry)
