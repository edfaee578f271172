"""The records of a run: a line in `run.jsonl` for each photo as it is done, and `run.json` when the run ends.

A run's folder is on a disk or in an object store (`s3://bucket/out`). The run can be killed at any moment: a picture
exists whole or not at all, a photo without a line is done again, and half-written files lie in the folder `.wsseg`,
which the next run empties.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeAlias

import msgspec

from wsseg.files.store import store_of

RUN: Final = "run.json"
"""The file of a run that has ended: its settings, versions and counts."""

LINES: Final = "run.jsonl"
"""The file of the records, one JSON object a line."""

REVIEWS: Final = "reviews.jsonl"
"""The file of the records that a person decided on since the last run: lines as in `run.jsonl`, which they replace."""

WORKING: Final = ".wsseg"
"""The folder that exists while a run works, for its lock and for half-written files."""

REPORTED: Final = re.compile("wsseg-report-[0-9a-f]{32}")
"""The name of a folder that holds the pictures of a report."""

DIRTY: Final = "unsure"
"""The settings of a record whose pictures an interrupted run may have replaced."""

Outputs: TypeAlias = Mapping[str, str]
"""Files by picture, relative to the run's folder: `{"mask": "masks/sub/a.png"}`."""


Verdict: TypeAlias = Literal["accepted", "corrected", "rejected", "no object"]
"""The automatic mask is right; the person's own mask is; neither is; or there is no object to mask."""

ACCEPTED: Final[frozenset[Verdict]] = frozenset({"accepted", "corrected", "no object"})
"""Verdicts after which the mask is a truth."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The judgment of a person about a mask."""

    verdict: Verdict
    """`accepted`, `corrected`, `rejected` or `no object`."""
    when: str
    """Time in UTC, ISO 8601."""
    strokes: int = 0
    """Number of hints that the person gave."""
    seconds: float = 0.0
    """How long the person looked at the photo."""
    iou: float | None = None
    """IoU of the person's mask with the automatic one; None if the mask was rejected."""
    at_random: bool = False
    """Whether the photo was drawn at random from those left, as `calibrate` needs."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result for one target in one photo."""

    category: str
    """The target's class names, joined by `|`."""
    indices: tuple[int, ...] = ()
    """Its class indices; empty in records of wsseg 0.1.0."""
    wnids: tuple[str, ...] = ()
    """Their WordNet ids; empty where classes have none."""
    probability: float
    status: str | None = None
    """`ok`, `unsure`, `weak` or `no object`; `None` where nothing was cut, as by `wsseg saliency`."""
    confidence: float | None = None
    reasons: tuple[str, ...] = ()
    outputs: Outputs = field(default_factory=dict)
    """The target's own files."""
    decision: Decision | None = None
    """The verdict of a person; confidence, status and reasons stay those of the automatic mask."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result for one photo."""

    input: str
    """The photo's path, as it was given."""
    base: str = ""
    """The folder that a relative path starts from; empty if the path is absolute."""
    name: str
    """The name of its outputs, below their folders and without suffix: `sub/a`."""
    settings: str
    """The digest of all that decides the pictures, beside the photo; see `digest_of`."""
    hash: str = ""
    """The SHA-256 of the photo's bytes; empty if they could not be read."""
    hints: str = ""
    """The SHA-256 of its file of hints; empty if it has none."""
    findings: tuple[Finding, ...] = ()
    """One for each target, in their order; empty if the photo failed."""
    outputs: Outputs = field(default_factory=dict)
    """Files of the photo as a whole: a map of labels, whose label i belongs to findings[i - 1]."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Time spent on each stage: read, segment, write."""
    review: bool = False
    """Whether a person should look at its masks; see `needs_review`."""
    error: str = ""
    """Why the photo failed; empty if it did not."""
    traceback: str = ""
    """Where it failed, if that is a bug; empty otherwise."""

    def __post_init__(self) -> None:
        if "\0" in self.place:
            raise ValueError(f"its input must be a path, got {self.place!r}")
        for path in (self.name, *self.files):
            if not _is_below(path):
                raise ValueError(f"its files must lie below the run's folder, got {path!r}")
        for file in self.files:
            folder, *rest = PurePosixPath(file).parts
            if not rest or folder == WORKING:
                raise ValueError(f"its files must lie in folders of pictures, got {file!r}")

    @property
    def place(self) -> str:
        """The photo's path from anywhere."""
        return str(Path(self.base, self.input)) if self.base else self.input

    @property
    def files(self) -> list[str]:
        """All outputs, relative to the run's folder."""
        return [file for outputs in self.outputs_by_target for file in outputs.values()]

    @property
    def pictures(self) -> frozenset[str]:
        """The names of the pictures among the outputs."""
        return frozenset().union(*self.outputs_by_target)

    @property
    def outputs_by_target(self) -> list[Outputs]:
        """Files of the photo as a whole, then those of each target."""
        return [self.outputs, *(one.outputs for one in self.findings)]

    @property
    def trust(self) -> float:
        """The least confidence of its objects; 0 if none was found."""
        return min((one.confidence or 0.0 for one in self.findings if one.status != "no object"), default=0.0)

    @property
    def has_decision(self) -> bool:
        """Whether a person decided on one of its masks; no run then replaces them."""
        return any(one.decision for one in self.findings)

    @property
    def is_reviewed(self) -> bool:
        """Whether a person decided on all of its masks."""
        return bool(self.findings) and all(one.decision for one in self.findings)

    def as_line(self) -> bytes:
        """Return the record as a line of JSON."""
        # msgspec leaves out defaults of fields that it did not read, and refuses lone surrogates, as in names of files.
        return json.dumps(asdict(self)).encode() + b"\n"


def record_of(line: bytes) -> Record:
    """Return the record of a line that `Record.as_line` made, also that of wsseg 0.1.0.

    Raises
    ------
    ValueError
        If the line is anything else; the message says what is wrong with it.
    """
    try:
        values = json.loads(line)
        return msgspec.convert(values if "findings" in values else _with_findings(values), Record)
    except (TypeError, RecursionError, msgspec.ValidationError) as error:
        raise ValueError(f"its fields must be those of a record, got '{error}'") from error


def _with_findings(flat: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a line whose one finding is not in a list, as wsseg 0.1.0 wrote it."""
    return {**flat, "findings": [flat], "outputs": {}}


def _is_below(path: str) -> bool:
    """Return whether a relative path stays below its folder, on any system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not {"..", "\\", "\0"} & {*parts, *path}


def digest_of(settings: Mapping[str, Any]) -> str:
    """Return a short digest of the settings that decide a run's pictures; equal settings have equal digests."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run, read from its folder."""

    folder: Path
    made_by: Mapping[str, Any]
    """The content of `run.json`; empty if the run was killed."""
    records: tuple[Record, ...]
    """Sorted by input."""


def read_run(folder: Path) -> Run:
    """Return the run in the folder, ended or not; ValueError if there is none or a record is broken."""
    if not is_run(folder):
        raise ValueError(
            f"run must be a folder that wsseg segment wrote, got '{folder}'; give the folder after its --out (-o)"
        )
    records = [record_of(line) for line in lines_by_name(folder).values()]
    return Run(folder=folder, made_by=_made_by(folder), records=tuple(sorted(records, key=record_order)))


def is_run(folder: Path) -> bool:
    """Return whether the folder is a run, also one that has just started."""
    with store_of(folder).answering(folder):
        return (folder / WORKING).is_dir() or (folder / LINES).is_file() or "wsseg" in _made_by(folder)


def record_order(record: Record) -> tuple[str, str]:
    """Return the key that sorts records."""
    return record.input, record.name


def _made_by(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / RUN).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def lines_by_name(folder: Path) -> dict[str, bytes]:
    """Return the last line of each photo, by its name; a truncated line at the end is ignored."""
    lines = {}
    for file in [folder / LINES, *chunk_files(folder), folder / REVIEWS]:
        lines.update(lines_of(file))
    return lines


def lines_of(file: Path) -> dict[str, bytes]:
    """Return the last line of each photo in one file, by its name; a truncated line at the end is ignored."""
    lines = {}
    text = file.read_bytes() if file.is_file() else b""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.endswith(b"\n"):
            lines[_name_in(line, f"'{file}', line {number}")] = line
    return lines


def _name_in(line: bytes, place: str) -> str:
    try:
        return record_of(line).name
    except ValueError as error:
        raise ValueError(f"{place} must be a record of a run, but {error}; delete that line") from error


def chunk_files(folder: Path) -> list[Path]:
    """Return the files of records in the working folder, in the order in which they were written."""
    working = folder / WORKING
    return sorted(working.glob("*.jsonl")) if working.is_dir() else []
