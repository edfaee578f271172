"""A page to look at: what a run did, the best and the worst of it, and every picture.

The page opens from a disk, without network or server. All that a run or a folder says is text in it, never markup: what
the page holds is escaped as HTML by Jinja or lies as JSON in a block of data, its script puts it in as text, and its
content security policy admits no script, style, or connection but its own.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Final

import jinja2

from wsseg import __version__
from wsseg.evaluation.truths import Reading
from wsseg.files.store import is_local, path_of, replacing
from wsseg.files.text import escape_unprintable
from wsseg.pictures.overlay import ERRORS
from wsseg.recipe import MAX_PIXELS
from wsseg.report.drawing import Drawer, picture_side, picture_store
from wsseg.report.judged import Judged, Track, judged_run
from wsseg.report.rows import Row
from wsseg.report.summary import KINDS, categories_of, charts_of, kind_of_run, summary_of
from wsseg.runs.record import Run, read_run

WITHIN: Final = 300
"""Rows whose pictures the page itself holds; those of more lie beside it."""

MARK: Final = b'<meta name="generator" content="wsseg report'
"""What every such page holds near its beginning."""

_HEAD: Final = 2000
"""Bytes of that."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A page that was written."""

    page: Path
    photos: int
    problems: tuple[str, ...]
    """A sentence on each photo that could not be shown as the run has it."""


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
    """Writes a page about the run to `out`, an .html file, whole or not at all.

    Up to `WITHIN` findings it holds its pictures itself; those of more lie in a folder beside it, `report_files` for
    `report.html`. Photos are read again from where the run read them, and shown if they are on this machine and still
    the same. With `truths`, which are read as `evaluate` reads them, by `layout`, `split`, `coding`, `category` and
    `void`, the page has scores and errors. A photo of more than `max_pixels` is not shown. `track` goes through what is
    done, and may show how far it is.

    An earlier report is replaced; FileExistsError when `out` is any other file, unless `force`. ValueError when there
    is no run, or when there are truths but no masks on a disk to compare with them.
    """
    page, found = Path(out), read_run(path_of(run) if isinstance(run, str) else run)
    _check_out(page, force=force)
    reading = Reading(layout=layout, split=split, coding=coding, category=category, void=void)
    judged = judged_run(found, Path(truths), reading, track) if truths is not None else None
    size = sum(max(1, len(record.findings)) for record in found.records)
    with picture_store(page, within=size <= WITHIN) as (base, keep):
        drawer = Drawer(folder=found.folder, judged=judged, side=picture_side(size), max_pixels=max_pixels, keep=keep)
        rows = [row for record in track(found.records) for row in drawer.rows(record)]
        text = _page(found, rows, judged, base, drawer)
        with replacing(page) as file:
            file.write(text)
    return Report(page=page, photos=len(found.records), problems=tuple(drawer.problems))


def _check_out(page: Path, *, force: bool) -> None:
    if page.suffix.lower() != ".html":
        raise ValueError(f"out must end in .html, got {page}; browsers know a page by that")
    if page.is_dir() or (page.exists() and not force and not is_report(page)):
        remedy = "name a file" if page.is_dir() else "name another or use --force"
        raise FileExistsError(f"out must be new or an earlier report, got {page}; {remedy}")


def is_report(page: Path) -> bool:
    """Whether the file is a page by `write_report`."""
    with page.open("rb") as file:
        return MARK in file.read(_HEAD)


def _page(run: Run, rows: Sequence[Row], judged: Judged | None, base: str, drawer: Drawer) -> bytes:
    """The page itself; equal runs and pictures make equal bytes."""
    style, script = (_template(name) for name in ("report.css", "report.js"))
    what = kind_of_run(run)
    data = {
        "base": base,
        "kinds": ["photo", *KINDS[what]],
        "flags": KINDS[what],
        "rows": [row.as_json() for row in rows],
    }
    template = _environment().get_template("report.html")
    page = template.render(
        version=__version__,
        style=style,
        script=script,
        policy=_policy(style, script, base),
        data=data,
        addresses=drawer.addresses,
        title=escape_unprintable(run.folder.resolve().name if is_local(run.folder) else run.folder.name),
        folder=escape_unprintable(str(run.folder)),
        summary=summary_of(run, rows, judged),
        charts=charts_of(rows),
        categories=categories_of(rows),
        errors={kind: f"#{bytes(color).hex()}" for kind, color in ERRORS.items()} if judged else {},
        problems=[escape_unprintable(problem) for problem in drawer.problems],
        judged=judged is not None,
    )
    return page.encode()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wsseg.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Scores keep their order.
    return environment


def _template(name: str) -> str:
    return (resources.files("wsseg.report") / "templates" / name).read_text("utf-8")


def _policy(style: str, script: str, base: str) -> str:
    """What the page may load: its own style and script, by their hashes, and pictures; nothing from a network."""
    pictures = "data:" if base.startswith("data:") else "'self' file:"
    return (
        f"default-src 'none'; img-src {pictures}; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
