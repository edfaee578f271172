"""A page to look at: what a run did, the best and the worst of it, and every picture.

The page opens from a disk, without network or server. All that a run or a folder says is text in it, never markup: what
the page holds is escaped as HTML by Jinja or lies as JSON in a block of data, its script puts it in as text, and its
content security policy admits no script, style, or connection but its own.
"""

import base64
import hashlib
import math
import os
import shutil
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from itertools import count
from os import PathLike
from pathlib import Path
from statistics import fmean
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray

from wsseg import __version__
from wsseg.arrays import FOREGROUND, UNKNOWN, Image, Mask, Seeds
from wsseg.datasets import Reading, Truth, truths_in
from wsseg.evaluation import evaluate
from wsseg.files import UNKNOWN_LEVEL, VOC_COLORS, is_local, path_of, read_file, read_image, replacing
from wsseg.labeling import shrunk
from wsseg.metrics import SCORES
from wsseg.names import composed, spelled
from wsseg.pictures import ERRORS, error_map, veil
from wsseg.recipe import MAX_PIXELS, RECIPES
from wsseg.record import REPORTED, Finding, Outputs, Record, Run, read_run

Track: TypeAlias = Callable[[Sequence[Any]], Iterable[Any]]
Keep: TypeAlias = Callable[[bytes], str]
"""Puts a picture away, and tells what its address ends in."""

Scored: TypeAlias = Mapping[str, Mapping[str, float]]
"""Scores by their names, by what the mask is called."""

WITHIN: Final = 300
"""Rows whose pictures the page itself holds; those of more lie beside it."""

LONGEST: Final = 960
SHORTEST: Final = 448
"""Pixels of a picture's long side, at most and at least."""

PIXELS: Final = 64_000_000
"""Of all photos of a page together, were they square; so a few are large, and many do not make a large page."""

QUALITY: Final = 75
"""Of WebP, for what has a photo's colors."""

LOSSLESS: Final = 101
"""That which OpenCV takes for WebP without loss, for what has few colors."""

BINS: Final = 20
"""Bars of a histogram over [0, 1]."""

KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "masks": {
        "overlay": "--write mask",
        "errors": "--write mask, and report --truth FOLDER",
        "mask": "--write mask",
        "truth": "report --truth FOLDER",
        "saliency": "--write saliency",
        "seeds": "--write seeds",
    },
    "labels": {
        "overlay": "--write labels",
        "labels": "--write labels",
        "instances": "--write instances",
    },
    "saliency": {"saliency": "wsseg saliency"},
}
"""What can be shown beside the photo, by what a run makes, and by which flags that comes about."""

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


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What there is to see of a photo or of a finding."""

    made: dict[str, int] = field(default_factory=dict)
    """Which of the page's pictures it is, by kind. A veil, a tint and errors are laid on the photo."""
    lacking: dict[str, str] = field(default_factory=dict)
    """Why there is none of a kind, where the run does not lack it as a whole."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A finding, or a photo without any."""

    name: str
    input: str
    error: str
    seconds: float
    shown: _Shown
    status: str
    category: str = ""
    probability: float | None = None
    confidence: float | None = None
    reasons: Sequence[str] = ()
    color: str = ""
    """That of its label in a map of several."""
    scores: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What of it there is, for the page's script."""
        told = asdict(self)
        told |= told.pop("shown")
        return {name: value for name, value in told.items() if value not in ("", None, (), [], {})}


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
    judged = _judged(found, Path(truths), reading, track) if truths is not None else None
    size = sum(max(1, len(record.findings)) for record in found.records)
    with _pictures(page, within=size <= WITHIN) as (base, keep):
        drawer = _Drawer(folder=found.folder, judged=judged, side=_side(size), max_pixels=max_pixels, keep=keep)
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


def _side(rows: int) -> int:
    """The long side of pictures of so many rows."""
    return int(np.clip(math.sqrt(PIXELS / max(rows, 1)), SHORTEST, LONGEST))


# ----------------------------------------------------------------------------------------------------------- pictures


@contextmanager
def _pictures(page: Path, *, within: bool) -> Iterator[tuple[str, Keep]]:
    """What the addresses of pictures begin with, and what puts one away: into its address, or beside the page.

    Beside the page each report has a folder of its own, so that the earlier page is whole until the new one takes its
    place; the earlier one's pictures are then removed.
    """
    files, own = page.with_name(f"{page.stem}_files"), None
    if within:
        yield "data:image/webp;base64,", lambda data: base64.b64encode(data).decode()
    else:
        own = files / f"wsseg-report-{uuid.uuid4().hex}"
        own.mkdir(parents=True)
        try:
            yield f"{quote(os.fsencode(files.name))}/{own.name}/", _numbered(own)
        except BaseException:
            _remove_folders(files, [own])
            raise
    if files.is_dir():
        _remove_folders(files, [folder for folder in files.iterdir() if folder != own])


def _numbered(folder: Path) -> Keep:
    numbers = count(1)

    def keep(data: bytes) -> str:
        name = f"{next(numbers):06}.webp"
        (folder / name).write_bytes(data)
        return name

    return keep


def _remove_folders(files: Path, folders: Iterable[Path]) -> None:
    """Those of them that are of reports, and what held them if nothing is left in it."""
    for folder in folders:
        if REPORTED.fullmatch(folder.name) and not folder.is_symlink():
            shutil.rmtree(folder)
            if not any(files.iterdir()):
                files.rmdir()


@dataclass(frozen=True, kw_only=True)
class _Drawer:
    """Makes the rows of a page, and their pictures."""

    folder: Path
    judged: "_Judged | None"
    side: int
    """The longest that a picture has."""
    max_pixels: int
    keep: Keep
    addresses: list[str] = field(default_factory=list)
    """What those of the pictures end in."""
    problems: list[str] = field(default_factory=list)

    def rows(self, record: Record) -> list[_Row]:
        """A row for each finding; one for a photo without any."""
        blank = _Row(
            name=spelled(record.name),
            input=spelled(record.input),
            error=spelled(record.error),
            seconds=sum(_number(spent) or 0 for spent in record.seconds.values()),
            shown=self._of_photo(record),
            status="failed" if record.error else "",
        )
        return [self._row(blank, record, index) for index in range(len(record.findings))] or [blank]

    def _row(self, blank: _Row, record: Record, index: int) -> _Row:
        finding = record.findings[index]
        name = _name_of_mask(finding, record)
        return replace(
            blank,
            category=spelled(finding.category),
            probability=_number(finding.probability),
            confidence=_number(finding.confidence),
            status=spelled(finding.status or ""),
            reasons=[spelled(str(reason)) for reason in finding.reasons],
            color=_color_of_label(index + 1) if record.outputs else "",
            scores=_known(self.judged.scores.get(name, {})) if self.judged else {},
            shown=blank.shown if record.outputs else self._of_finding(blank.shown, finding, name),
        )

    def _of_photo(self, record: Record) -> _Shown:
        """The photo, and what of the run is of all its targets together."""
        shown, outputs = _Shown(), record.outputs
        self._draw(shown, record.name, "photo", lambda: self._reduced(self._photo(record)), QUALITY)
        labels = self._draw_output(shown, record.name, outputs, "labels")
        self._draw_output(shown, record.name, outputs, "instances")
        if labels is not None:
            self._draw(shown, record.name, "tint", lambda: _tint(labels))
        else:
            self._draw_output(shown, record.name, outputs, "overlay", QUALITY)
        return shown

    def _of_finding(self, of_photo: _Shown, finding: Finding, name: str) -> _Shown:
        shown, outputs = _Shown(made={**of_photo.made}, lacking={**of_photo.lacking}), finding.outputs
        self._draw_output(shown, name, outputs, "saliency", QUALITY)
        self._draw_output(shown, name, outputs, "seeds")
        mask = self._draw_output(shown, name, outputs, "mask")
        if mask is not None:
            self._draw(shown, name, "veil", lambda: veil(_is_object(mask)))
        else:
            self._draw_output(shown, name, outputs, "overlay", QUALITY)
        if self.judged:
            self._judge(shown, name, mask, self.judged)
        return shown

    def _judge(self, shown: _Shown, name: str, mask: Image | None, judged: "_Judged") -> None:
        """The truth, and where the mask errs; or why that is not known."""
        if not judged.truths.get(name):
            shown.lacking["truth"] = spelled(judged.problems.get(name, "there is no truth of its name"))
            return
        drawn = self._draw(shown, name, "truth", lambda: self._reduced_truth(judged.truth(name)))
        if mask is not None and drawn is not None:
            self._draw(shown, name, "errors", lambda: error_map(_is_object(mask), _truth_in(drawn)))

    def _draw_output(
        self, shown: _Shown, name: str, outputs: Outputs, kind: str, quality: int = LOSSLESS
    ) -> Image | None:
        if kind not in outputs:
            return None
        return self._draw(shown, name, kind, lambda: self._reduced(self._output(outputs[kind])), quality)

    def _draw(
        self, shown: _Shown, name: str, kind: str, make: Callable[[], NDArray[np.uint8]], quality: int = LOSSLESS
    ) -> NDArray[np.uint8] | None:
        """The picture, put away; None, and the reason written down, if there is none."""
        try:
            picture = make()
        except (ValueError, OSError, MemoryError, cv2.error) as error:
            shown.lacking[kind] = spelled(str(error)) or type(error).__name__
            self.problems.append(f"{name}: no {kind}: {shown.lacking[kind]}")
            return None
        shown.made[kind] = len(self.addresses)
        self.addresses.append(self.keep(_webp(picture, quality)))
        return picture

    def _photo(self, record: Record) -> Image:
        """The photo if it is on this machine, and is what the run saw; ValueError and OSError otherwise."""
        if "://" in record.input:
            raise ValueError(f"photo must be on a disk to be shown, got {record.input}; copy it, and segment the copy")
        data = read_file(Path(record.place), max_pixels=self.max_pixels)
        if record.hash and hashlib.sha256(data).hexdigest() != record.hash:
            raise ValueError(f"photo must be the one that the run saw, got another at {record.place}; segment it again")
        return read_image(data, max_pixels=self.max_pixels)

    def _output(self, file: str) -> Image:
        return read_image(read_file(self.folder / file, max_pixels=self.max_pixels), max_pixels=self.max_pixels)

    def _reduced(self, picture: Image) -> Image:
        return shrunk(picture, self.side)

    def _reduced_truth(self, truth: Seeds) -> NDArray[np.uint8]:
        """Grey levels, as of seeds on disk."""
        is_object, is_void = (self._reduced((truth == side) * np.uint8(255)) for side in (FOREGROUND, UNKNOWN))
        levels = np.where(is_object >= UNKNOWN_LEVEL, 255, 0).astype(np.uint8)
        levels[is_void > UNKNOWN_LEVEL] = UNKNOWN_LEVEL
        return levels


def _is_object(picture: Image) -> Mask:
    """The mask in a picture of one."""
    return np.asarray(picture[..., 0] >= UNKNOWN_LEVEL)


def _truth_in(levels: NDArray[np.uint8]) -> Seeds:
    return np.where(levels == UNKNOWN_LEVEL, UNKNOWN, levels // 255).astype(np.uint8)


def _tint(labels: Image) -> NDArray[np.uint8]:
    """The colors of labels, to be laid on the photo: it is dark where there is none."""
    is_label = labels.any(axis=2)
    return np.dstack([labels, np.where(is_label, 140, 153).astype(np.uint8)])


def _color_of_label(label: int) -> str:
    return "#" + bytes(VOC_COLORS[label % len(VOC_COLORS)]).hex()


def _webp(picture: NDArray[np.uint8], quality: int) -> bytes:
    """Its file; `encoded_picture` has one quality, that of pictures which are kept."""
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2:] == (4,) else cv2.COLOR_RGB2BGR
    if picture.ndim == 2:
        code = cv2.COLOR_GRAY2BGR
    _, data = cv2.imencode(".webp", cv2.cvtColor(picture, code), [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()


# ------------------------------------------------------------------------------------------------------------- truths


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What the truths say of a run's masks."""

    scores: Scored
    problems: Mapping[str, str]
    """Why a mask has no scores."""
    truths: Mapping[str, Sequence[Truth]]
    """The truth of a mask, of those that have one."""

    def truth(self, name: str) -> Seeds:
        """The truth of that mask; ValueError if it cannot be compared with it."""
        if name in self.problems:
            raise ValueError(self.problems[name])
        found: Seeds = self.truths[name][0].read()
        return found


def _judged(run: Run, truths: Path, reading: Reading, track: Track) -> _Judged:
    masks = run.folder / "masks"
    if not is_local(run.folder) or not masks.is_dir():
        raise ValueError(f"truths must be of a run with masks on a disk, got {run.folder}; segment with --write mask")
    evaluation = evaluate(masks, truths, **reading, missing="error", track=track)
    return _Judged(
        scores=evaluation.photos,
        problems=evaluation.failures,
        truths=truths_in(truths, **reading).wanted,
    )


def _name_of_mask(finding: Finding, record: Record) -> str:
    """What `evaluate` calls it."""
    _, _, file = finding.outputs.get("mask", "").partition("/")
    return composed(file.rpartition(".")[0] or record.name)


# --------------------------------------------------------------------------------------------------------------- page


def _page(run: Run, rows: Sequence[_Row], judged: _Judged | None, base: str, drawer: _Drawer) -> bytes:
    """The page itself; equal runs and pictures make equal bytes."""
    style, script = (_template(name) for name in ("report.css", "report.js"))
    what = _what(run)
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
        title=spelled(run.folder.resolve().name if is_local(run.folder) else run.folder.name),
        folder=spelled(str(run.folder)),
        summary=_summary(run, rows, judged),
        charts=_charts(rows),
        categories=_categories(rows),
        errors={kind: f"#{bytes(color).hex()}" for kind, color in ERRORS.items()} if judged else {},
        problems=[spelled(problem) for problem in drawer.problems],
        judged=judged is not None,
    )
    return page.encode()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wsseg"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Scores keep their order.
    return environment


def _template(name: str) -> str:
    return (resources.files("wsseg") / "templates" / name).read_text("utf-8")


def _policy(style: str, script: str, base: str) -> str:
    """What the page may load: its own style and script, by their hashes, and pictures; nothing from a network."""
    pictures = "data:" if base.startswith("data:") else "'self' file:"
    return (
        f"default-src 'none'; img-src {pictures}; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _number(value: object) -> float | None:
    """What a record says, which JSON may not be able to; None for no number."""
    if not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        return None
    return round(value, 6)


def _known(scores: Mapping[str, float]) -> dict[str, float]:
    numbers = {name: _number(value) for name, value in scores.items()}
    return {name: value for name, value in numbers.items() if value is not None}


# ------------------------------------------------------------------------------------------------------------ summary


def _what(run: Run) -> str:
    """Which of `KINDS` the run made."""
    said = run.made_by.get("what")
    if isinstance(said, str) and said in KINDS:
        return said
    if any(record.outputs for record in run.records):
        return "labels"
    findings = [finding for record in run.records for finding in record.findings]
    return "saliency" if findings and all(finding.status is None for finding in findings) else "masks"


def _summary(run: Run, rows: Sequence[_Row], judged: _Judged | None) -> dict[str, Any]:
    """Figures by what they are called, and what made the run."""
    failed = sum(bool(record.error) for record in run.records)
    statuses = Counter(row.status for row in rows)
    figures = {
        "photos": len(run.records),
        "done": len(run.records) - failed,
        "failed": failed,
        "weak": statuses["weak"],
        "no object": statuses["no object"],
    }
    return {"figures": figures, "means": _means(rows if judged else []), "made_by": _made_by(run, rows)}


def _means(rows: Sequence[_Row]) -> dict[str, Any]:
    """The mean of each score, and over how many masks it is."""
    scored = [row.scores for row in rows if row.scores]
    means = {name: _mean(scores.get(name) for scores in scored) for name in SCORES} if scored else {}
    return {"scores": means, "count": len(scored), "lacking": len(rows) - len(scored)}


def _made_by(run: Run, rows: Sequence[_Row]) -> dict[str, str]:
    told, classifier = run.made_by, run.made_by.get("classifier")
    facts = {
        "recipe": _recipe(told.get("recipe")),
        "classifier": classifier.get("name") if isinstance(classifier, dict) else "",
        "state": told.get("state", "not ended"),
        "targets": told.get("targets"),
        "wsseg": told.get("wsseg"),
        "versions": told.get("versions"),
        "seconds a photo": f"{_mean(row.seconds for row in rows) or 0:.2f}",
    }
    return {name: spelled(_listed(value)) for name, value in facts.items() if value}


def _listed(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _recipe(numbers: object) -> str:
    """The named recipe that has these numbers, or the one that has most of them, and the others."""
    if not isinstance(numbers, dict):
        return ""
    changes = {
        name: [f"{each} {numbers.get(each)}" for each, value in recipe.as_dict().items() if numbers.get(each) != value]
        for name, recipe in RECIPES.items()
    }
    name = min(changes, key=lambda name: len(changes[name]))
    return f"{name} with {', '.join(changes[name])}" if changes[name] else name


def _categories(rows: Sequence[_Row]) -> list[dict[str, Any]]:
    """A line for each category, that of the most findings first."""
    found: dict[str, list[_Row]] = {}
    for row in rows:
        if row.category:
            found.setdefault(row.category, []).append(row)
    lines = [
        {
            "category": category,
            "count": len(own),
            "weak": sum(row.status in ("weak", "no object") for row in own),
            "probability": _mean(row.probability for row in own),
            "confidence": _mean(row.confidence for row in own),
            "iou": _mean(row.scores.get("iou") for row in own),
        }
        for category, own in found.items()
    ]
    return sorted(lines, key=lambda line: (-line["count"], line["category"]))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


# ------------------------------------------------------------------------------------------------------------- charts


def _charts(rows: Sequence[_Row]) -> dict[str, Any]:
    """What there is to draw: of the IoU where it is known, else of the confidence."""
    ious = [row.scores["iou"] for row in rows if row.scores]
    sure = [row.confidence for row in rows if row.confidence is not None]
    judged = [(row.confidence, 1 - row.scores["iou"]) for row in rows if row.scores and row.confidence is not None]
    return {
        "histogram": _histogram("IoU", ious) if ious else _histogram("confidence", sure) if sure else None,
        "risk": _risk(judged) if judged else None,
    }


def _histogram(of: str, values: Sequence[float]) -> dict[str, Any]:
    """Bars over [0, 1]; places and heights are shares of the plot."""
    counts, edges = np.histogram(np.clip(values, 0, 1), BINS, (0, 1))
    most = int(counts.max())
    bars = [
        {"at": float(low), "height": number / most, "title": f"{of} {low:.2f} to {high:.2f}: {number}"}
        for number, low, high in zip(counts.tolist(), edges, edges[1:], strict=False)
    ]
    return {"of": of, "bars": bars, "width": 1 / BINS, "most": most, "mean": fmean(values), "count": len(values)}


def _risk(judged: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The curves of risk over coverage, and their ends, for a plot whose top is `top`."""
    confidence, risk = np.array(judged).T
    curve, best = risk_coverage(confidence, risk), risk_coverage(-risk, risk)
    top = max(0.1, math.ceil(10 * max(value for _, value in (*curve, *best))) / 10)
    return {
        "top": top,
        "curve": [(share, value / top) for share, value in curve],
        "best": [(share, value / top) for share, value in best],
        "half": next(value for share, value in curve if share >= 0.5),
        "all": curve[-1][1],
        "count": len(judged),
    }


def risk_coverage(confidence: NDArray[np.float64], risk: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The mean risk of the surest of all, by their share: a point for each confidence, the highest first."""
    order = np.argsort(-confidence, kind="stable")
    means = np.cumsum(risk[order]) / np.arange(1, len(risk) + 1)
    ends = np.flatnonzero(np.diff(-confidence[order], append=np.inf) > 0)
    return [((end + 1) / len(risk), float(means[end])) for end in ends.tolist()]
