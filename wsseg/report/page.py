"""A page that shows a run: its figures, its best and worst masks, and every picture.

The page opens from a disk, without network or server. It is built in order: run, rows, pictures, page.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

from wsseg.evaluation.truths import Reading
from wsseg.files.store import check_new_file, path_of, replacing
from wsseg.recipe import MAX_PIXELS
from wsseg.report.pictures import PictureMaker, picture_side
from wsseg.report.render import html_of
from wsseg.report.rows import rows_of
from wsseg.report.scored import Track, scored_run
from wsseg.report.store import picture_store
from wsseg.runs.record import read_run

INSIDE: Final = 300
"""Most rows of a page that holds its own pictures; the pictures of a longer page lie beside it."""

MARK: Final = b'<meta name="generator" content="wsseg report'
"""A tag near the start of every report."""

HEAD: Final = 2000
"""Bytes at the start of a page that hold the mark."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report that was written."""

    page: Path
    photos: int
    problems: tuple[str, ...]
    """A sentence about each picture that could not be shown."""


def write_report(
    run: str | Path,
    out: str | PathLike[str],
    *,
    truths: str | PathLike[str] | None = None,
    layout: str | None = None,
    split: str | None = None,
    coding: str | None = None,
    category: str | None = None,
    void: int | None = None,
    max_pixels: int = MAX_PIXELS,
    force: bool = False,
    track: Track = iter,
) -> Report:
    """Write a page about a run, completely or not at all.

    A page of up to 300 findings holds its pictures. The pictures of more findings lie in a folder beside it:
    `report_files` for `report.html`. Photos are read again from where the run read them, and shown if they are on this
    machine and unchanged. With truths, the page also has scores and errors.

    Parameters
    ----------
    run : str or path
        Folder that `wsseg segment` or `wsseg saliency` wrote; it may be in object storage, `s3://...`.
    out : str or path
        The page, which ends in .html. An earlier report is replaced.
    truths : str, path or None
        Folder of truths for the run's masks.
    layout, split, coding, category, void : optional
        How the truths are read, as in `evaluate`.
    max_pixels : int
        Larger photos are not shown.
    force : bool
        Replace a file that is not a report.
    track : callable
        Iterates over the names of the masks, if there are truths, and of the photos; it may show progress.

    Returns
    -------
    Report
        The page, the number of photos, and a sentence about each picture that could not be shown.

    Raises
    ------
    ValueError
        If there is no run, or if it has no masks on a disk to compare with the truths.
    FileExistsError
        If `out` is a folder, or a file that is not a report and `force` is not set.

    Examples
    --------
    >>> from importlib import resources
    >>> photo = resources.files("skimage") / "data" / "chelsea.png"
    >>> run = wsseg.segment_folder(photo, "out", recipe="fast", pictures=["mask", "overlay"])
    >>> wsseg.write_report(run.out, "report.html").photos
    1
    """
    given = {"layout": layout, "split": split, "coding": coding, "category": category, "void": void}
    if truths is None and (unused := [name for name, value in given.items() if value is not None]):
        raise ValueError(f"{unused[0]} needs truths, got none; give truths (--truth) or leave out {unused[0]}")
    page, found = Path(out), read_run(path_of(run) if isinstance(run, str) else run)
    _check_out(page, force=force)
    reading = Reading(layout=layout, split=split, coding=coding, category=category, void=void)
    scored = scored_run(found, Path(truths), reading, track) if truths is not None else None
    size = sum(max(1, len(record.findings)) for record in found.records)
    with picture_store(page, inside=size <= INSIDE) as store:
        pictures = PictureMaker(
            folder=found.folder, scored=scored, store=store, side=picture_side(size), max_pixels=max_pixels
        )
        photos = zip(track([record.name for record in found.records]), found.records, strict=True)
        rows = [row for _, record in photos for row in rows_of(record, scored, pictures)]
        html = html_of(found, rows, store, pictures.problems, scored=scored is not None)
        with replacing(page) as file:
            file.write(html.encode())
    return Report(page=page, photos=len(found.records), problems=tuple(pictures.problems))


def _check_out(page: Path, *, force: bool) -> None:
    if page.suffix.lower() != ".html":
        raise ValueError(f"out must end in .html, got '{page}'; add .html, so that browsers open it as a page")
    check_new_file(page, force=force or is_report(page), allowed="new or an earlier report")


def is_report(page: Path) -> bool:
    """Return whether the path is a page by `write_report`."""
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return MARK in file.read(HEAD)
