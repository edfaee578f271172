"""What a run did: a line in `run.jsonl` for each photo as it is done, and `run.json` when the run ends.

A run's folder is on a disk or in an object store (`s3://bucket/out`). The run can be killed at any moment: a picture is
there whole or not at all, a photo without a line is done again, and what was half written lies in the folder `.wsseg`,
which the next run empties.
"""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from threading import Lock
from time import monotonic
from types import NoneType
from typing import Any, Final, Literal, TypeAlias

from filelock import FileLock, Timeout

from wsseg.files import answering, is_local, remove, replacing, sizes_below

RUN: Final = "run.json"
"""The file of a run that has ended: what made it, and how many photos it came to."""

LINES: Final = "run.jsonl"
"""The file of its records, one JSON object a line."""

WORKING: Final = ".wsseg"
"""The folder that is there while a run works, for its lock and for what is half written."""

REPORTED: Final = re.compile("wsseg-report-[0-9a-f]{32}")
"""What a folder is called that holds the pictures of a report."""

UNSURE: Final = "unsure"
"""Settings of a record whose pictures may have been replaced by a run that was broken off."""

SPAN: Final = 30.0
"""Seconds between two parts of the records, at least, in an object store, where nothing can be appended."""

Outputs: TypeAlias = Mapping[str, str]
"""Files by picture, relative to the run's folder: `{"mask": "masks/sub/a.png"}`."""

State: TypeAlias = Literal["done", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found of one target in one photo."""

    category: str
    probability: float
    status: str | None = None
    """None where nothing was cut, as by `wsseg saliency`."""
    confidence: float | None = None
    reasons: tuple[str, ...] = ()
    outputs: Outputs = field(default_factory=dict)
    """The target's own files."""

    def __post_init__(self) -> None:
        _check_kinds(self)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What became of one photo."""

    input: str
    """The photo's path, as it was given."""
    base: str = ""
    """The folder that the path starts from; empty when it says so itself."""
    name: str
    """What its outputs are called, below their folders and without suffix: `sub/a`."""
    settings: str
    """The digest of all that decides the pictures but the photo; see `digest_of`."""
    hash: str = ""
    """The SHA-256 of the photo's bytes; empty when they could not be read."""
    hints: str = ""
    """That of its file of hints; empty when it has none."""
    findings: tuple[Finding, ...] = ()
    """One for each target, in their order; none when the photo failed."""
    outputs: Outputs = field(default_factory=dict)
    """Files of the photo as a whole: a map of labels, whose label i is of findings[i - 1]."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By what was done: read, segment, write."""
    error: str = ""
    """What failed; empty when nothing did."""

    def __post_init__(self) -> None:
        _check_kinds(self)
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
        return [file for outputs in self._all_outputs for file in outputs.values()]

    @property
    def pictures(self) -> frozenset[str]:
        """What outputs there are."""
        return frozenset().union(*self._all_outputs)

    @property
    def _all_outputs(self) -> list[Outputs]:
        return [self.outputs, *(one.outputs for one in self.findings)]

    def as_line(self) -> bytes:
        """A line of JSON: flat when the photo has one target alone, else with a list of `findings`."""
        told = asdict(self)
        if not self.base:
            del told["base"]
        if len(self.findings) == 1 and not self.outputs:
            told |= told.pop("findings")[0]
        return json.dumps(told).encode() + b"\n"


def record_of(line: bytes) -> Record:
    """The record that `Record.as_line` made the line of; ValueError says what is wrong with any other."""
    try:
        told = json.loads(line)
        if "category" in told:
            told["findings"] = [{item.name: told.pop(item.name) for item in fields(Finding)}]
            told["outputs"] = {}
        return Record(**{**told, "findings": tuple(map(_finding_of, told["findings"]))})
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"it must have the fields of a record, got {error}") from error


def _finding_of(told: dict[str, Any]) -> Finding:
    return Finding(**{**told, "reasons": tuple(told["reasons"])})


_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "probability": (float, int),
    "confidence": (float, int, NoneType),
    "status": (str, NoneType),
    "outputs": (dict,),
    "seconds": (dict,),
    "reasons": (tuple,),
    "findings": (tuple,),
}
"""What a field may hold where it is no text."""


def _check_kinds(value: Record | Finding) -> None:
    for item in fields(value):
        held, kinds = getattr(value, item.name), _KINDS.get(item.name, (str,))
        if not isinstance(held, kinds):
            raise ValueError(f"its {item.name} must be {kinds[0].__name__}, got {held!r:.80}")
    if not all(isinstance(text, str) for text in value.outputs.values()):
        raise ValueError(f"its outputs must be paths, got {value.outputs!r:.80}")


def _is_below(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not {"..", "\\", "\0"} & {*parts, *path}


def digest_of(settings: Mapping[str, Any]) -> str:
    """A short digest of what decides a run's pictures; equal settings have equal ones."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


# ------------------------------------------------------------------------------------------------------------ reading


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it lies in its folder."""

    folder: Path
    made_by: Mapping[str, Any]
    """What `run.json` says; empty when the run was killed."""
    records: tuple[Record, ...]
    """By input."""


def read_run(folder: Path) -> Run:
    """The run in the folder, whether or not it has ended; ValueError when there is none, or a record is broken."""
    if not is_run(folder):
        raise ValueError(f"run must be a folder that wsseg segment wrote, got {folder}; name one")
    records = [record_of(line) for line in _lines_by_name(folder).values()]
    return Run(folder=folder, made_by=_made_by(folder), records=tuple(sorted(records, key=_order)))


def is_run(folder: Path) -> bool:
    """Whether a run made the folder, or is about to."""
    with answering(folder):
        return (folder / WORKING).is_dir() or (folder / LINES).is_file() or "wsseg" in _made_by(folder)


def _order(record: Record) -> tuple[str, str]:
    return record.input, record.name


def _made_by(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / RUN).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _lines_by_name(folder: Path) -> dict[str, bytes]:
    """The last line of each photo; one that was broken off at the end is none."""
    lines = {}
    for file in [folder / LINES, *_parts(folder)]:
        text = file.read_bytes() if file.is_file() else b""
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            if line.endswith(b"\n"):
                lines[_name_in(line, f"{file}, line {number}")] = line
    return lines


def _name_in(line: bytes, place: str) -> str:
    try:
        return record_of(line).name
    except ValueError as error:
        raise ValueError(f"{place} must be a record of a run, but {error}; delete that line") from error


def _parts(folder: Path) -> list[Path]:
    working = folder / WORKING
    return sorted(working.glob("*.jsonl")) if working.is_dir() else []


# ------------------------------------------------------------------------------------------------------------ writing


class Journal:
    """The records of a run while it writes them; by `opened`."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._lines = _lines_by_name(out)
        self._sizes = sizes_below(out) if self._lines and not is_local(out) else {}
        """Of files in an object store, where to ask for each would cost a request."""
        self._near: dict[str, set[str]] = {}
        """Names of photos by what their files are called, without suffix and without label too; some may have gone."""
        self._met: set[str] = set()
        """Names of the photos that this run came to."""
        self._waiting: list[bytes] = []
        self._writing = Lock()
        """Photos are handed out in one thread, and what became of them is written down in another."""
        self._parts, self._last = 0, monotonic()
        """How many parts were written, and when the last was."""
        for line in self._lines.values():
            self._notice(record_of(line))
        self._write_whole()

    def earlier(self, name: str) -> Record | None:
        """What an earlier run made of the photo of that name."""
        return record_of(self._lines[name]) if name in self._lines else None

    def holds(self, record: Record) -> bool:
        """Whether all its files are there, and none is empty."""
        return all(self._size(file) for file in record.files)

    def rivals(self, name: str, settings: str, *, labelled: bool) -> list[Record]:
        """Records by other settings of other photos whose files this photo's pictures may take, or take away.

        `a.LABEL.png` is of `a` where that has several targets, and of `a.LABEL.jpg` where that has one.
        """
        others = (self.earlier(other) for other in sorted(self._near.get(name.casefold(), ())) if other != name)
        return [
            other
            for other in others
            if other and other.settings not in (settings, UNSURE) and name.casefold() in _called(other, labelled)
        ]

    def append(self, record: Record) -> None:
        """Writes down what became of a photo, in place of what an earlier run made of it.

        That one's pictures are removed if they are none of these: they would lie about what it was, or of settings.
        What another photo's record says is its own stays.
        """
        self._met.add(record.name)
        earlier = self.earlier(record.name)
        with answering(self._out):
            for file in set(earlier.files if earlier else ()) - set(record.files):
                if not self._is_another_s(file, record.name):
                    (self._out / file).unlink(missing_ok=True)
                    self._sizes.pop(file, None)
        if not is_local(self._out):
            self._sizes.update(dict.fromkeys(record.files, 1))  # There whole, or not at all.
        self._write_down(record)

    def keep(self, record: Record) -> None:
        """Counts a photo of which nothing new is to be written down."""
        self._met.add(record.name)

    def doubt(self, record: Record) -> None:
        """Writes down that the photo's pictures are about to be replaced, before anything else is known of them."""
        self._write_down(replace(record, settings=UNSURE))

    def close(self, made_by: Mapping[str, Any], state: State) -> None:
        """Writes a line a photo, in the order of their inputs, and last what made the run.

        Its counts are of the photos that this run came to. The `others` have lines of earlier runs: they are of
        elsewhere, or gone, and their pictures stay.
        """
        self._write_whole()
        records = [record_of(line) for line in self._lines.values()]
        counts = Counter(
            "others" if record.name not in self._met else "failed" if record.error else "done" for record in records
        )
        told = {**made_by, "state": state, "counts": {"photos": len(self._met), **counts}}
        with replacing(self._out / RUN, by=self._out / WORKING) as file:
            file.write(json.dumps(told, indent=2).encode())

    def _size(self, file: str) -> int:
        if not is_local(self._out):
            return self._sizes.get(file, 0)
        return size_of(self._out / file)

    def _notice(self, record: Record) -> None:
        for labelled in (False, True):
            for stem in _called(record, labelled):
                self._near.setdefault(stem, set()).add(record.name)

    def _is_another_s(self, file: str, name: str) -> bool:
        others = (self.earlier(other) for other in self._near.get(_stem(file), set()) - {name})
        return any(other and file.casefold() in map(str.casefold, other.files) for other in others)

    def _write_down(self, record: Record) -> None:
        self._notice(record)
        line = record.as_line()
        with self._writing:
            self._lines[record.name] = line
            self._waiting.append(line)
            if is_local(self._out) or monotonic() - self._last >= SPAN:
                self._flush()

    def _flush(self) -> None:
        text, self._waiting = b"".join(self._waiting), []
        if not is_local(self._out):
            with replacing(self._out / WORKING / f"{self._parts:08}.jsonl") as part:
                part.write(text)
            self._parts, self._last = self._parts + 1, monotonic()
            return
        with (self._out / LINES).open("ab") as file:
            file.write(text)

    def _write_whole(self) -> None:
        with self._writing:
            lines = sorted(self._lines.values(), key=lambda line: _order(record_of(line)))
            with replacing(self._out / LINES, by=self._out / WORKING) as file:
                file.writelines(lines)
            remove(_parts(self._out))
            self._waiting = []


def size_of(path: Path) -> int:
    """The size in bytes of a file on a disk, which may lie in a linked folder; 0 when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _stem(file: str) -> str:
    """What a file is called below its folder, without suffix and case."""
    return PurePosixPath(*PurePosixPath(file).parts[1:]).with_suffix("").as_posix().casefold()


def _called(record: Record, labelled: bool) -> set[str]:
    """What its files are called, or those of them that may have a label without it."""
    stems = set(map(_stem, record.files))
    return {stem.rpartition(".")[0] for stem in stems} - {""} if labelled else stems


@contextmanager
def opened(out: Path, made_by: Mapping[str, Any], *, force: bool = False) -> Iterator[Journal]:
    """The journal of the run in `out`, new or gone on with, which is this one's alone until the body ends.

    However it ends, `run.json` says so. FileExistsError when `out` holds anything that no run made, unless `force`,
    and when another run is at work there; nothing is deleted but what runs left half written.
    """
    with answering(out):
        _check_claimable(out, force=force)
    with _alone(out):
        with answering(out):
            (out / RUN).unlink(missing_ok=True)
        journal = Journal(out)
        state: State = "interrupted"
        try:
            yield journal
            state = "done"
        finally:
            journal.close(made_by, state)


def _check_claimable(out: Path, *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"out must be a folder, got the file {out}; name another")
    if not force and out.is_dir() and any(out.iterdir()) and not is_run(out):
        raise FileExistsError(f"out must be new, empty or of an earlier run, got {out}; name another or use --force")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """The working folder, emptied of what was half written; in an object store nobody sees to it that one is alone."""
    working = out / WORKING
    if not is_local(out):
        yield
        return
    if working.is_symlink():
        raise FileExistsError(f"out must hold no link called {WORKING}, got {working}; remove it")
    try:
        working.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{out} must be writable, got '{error.strerror or error}'; name another folder") from error
    try:
        with FileLock(working / "lock", timeout=0):
            for path in working.glob(".wsseg-*"):
                path.unlink()
            try:
                yield
            finally:
                shutil.rmtree(working)
    except Timeout as error:
        raise FileExistsError(f"out must not be in use, got {out}, where a run is at work; wait for it") from error
