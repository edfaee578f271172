"""Several runs into one: the shards that machines did, each in a folder of its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from wsseg.files.store import is_same_file, replacing, store_of
from wsseg.files.text import folded
from wsseg.runs.journal import opened
from wsseg.runs.record import DIRTY, WORKING, Record, Run, is_run, read_run

_Entry: TypeAlias = tuple[Run, Record]

_OWN: Final = {"state", "counts", "settings", "hints", "versions", "merged"}
"""What `run.json` says of the run alone; the rest are its settings."""

_SHOWN: Final = 3
"""Differences that an error tells."""


@dataclass(frozen=True, kw_only=True)
class Merging:
    """What became of the photos of the runs."""

    photos: int
    failed: int
    lacking: int
    """Photos left out, since a picture of theirs is gone, or may be of other settings: they are to be done again."""
    unfinished: tuple[Path, ...]
    """The runs that did not end by themselves, which may lack photos."""


def merge_runs(
    runs: Sequence[Path], out: Path, *, track: Callable[[Sequence[_Entry]], Iterable[_Entry]] = iter
) -> Merging:
    """Joins the runs into one in `out`, which is new, empty or a run that is joined with them.

    Pictures are copied, each whole or not at all, and runs stay as they are; a merging that was broken off is gone on
    with. A photo of several runs is taken once: done rather than failed, and with the most pictures. `track` goes
    through the photos, and may show how far it is. ValueError when the runs' settings differ, when different photos
    have one name, and when `out` is one of the runs.
    """
    _check_apart(runs, out)
    parts = [read_run(folder) for folder in (*([out] if is_run(out) else []), *runs)]
    _check_settings(parts)
    chosen, names = _chosen(parts)
    with opened(out, _made_by(parts, out)) as journal:
        for run, record in track(chosen):
            if run.folder == out:
                journal.keep(record)
            else:
                _copy(run.folder, out, record.files)
                journal.append(record)
    failed = sum(bool(record.error) for _, record in chosen)
    unfinished = tuple(run.folder for run in parts if run.folder != out and run.made_by.get("state") != "done")
    return Merging(photos=len(chosen), failed=failed, lacking=len(names) - len(chosen), unfinished=unfinished)


def _copy(source: Path, out: Path, files: Iterable[str]) -> None:
    for file in files:
        data = (source / file).read_bytes()
        with replacing(out / file, by=out / WORKING) as copy:
            copy.write(data)


def _check_apart(runs: Sequence[Path], out: Path) -> None:
    for run in runs:
        if run == out or is_same_file(run, out):
            raise ValueError(f"out must be none of the runs, got {out}; name another folder")


def _chosen(runs: Sequence[Run]) -> tuple[list[_Entry], set[str]]:
    """What is taken of each photo that has all its pictures without doubt, and the names of all photos."""
    chosen: dict[str, _Entry] = {}
    names = set[str]()
    for run in runs:
        sizes = store_of(run.folder).sizes(run.folder)
        for record in run.records:
            name = folded(record.name)
            names.add(name)
            if record.settings != DIRTY and all(map(sizes.of, record.files)):
                chosen[name] = _better(chosen.get(name), (run, record))
    return list(chosen.values()), names


def _better(first: _Entry | None, second: _Entry) -> _Entry:
    if first is None:
        return second
    if not _is_same(first[1], second[1]):
        raise ValueError(
            f"runs must give photos different names, got {first[1].input} in {first[0].folder} and {second[1].input} "
            f"in {second[0].folder} for {second[1].name}; leave out one of the runs, or segment from a folder of both"
        )
    return max(first, second, key=_worth)


def _is_same(first: Record, second: Record) -> bool:
    """Whether two records of one name, as file systems compare them, are of one photo under the same hints."""
    if first.name != second.name or first.hints != second.hints:
        return False
    # A photo that could not be read has no hash.
    return first.hash == second.hash if first.hash and second.hash else first.input == second.input


def _worth(entry: _Entry) -> tuple[bool, int]:
    return not entry[1].error, len(entry[1].pictures)


def _made_by(runs: Sequence[Run], out: Path) -> dict[str, Any]:
    """What `run.json` is to say: what the first that says anything does, and which runs these are."""
    told = next((run.made_by for run in runs if run.made_by), {"settings": _first_digest(runs)})
    folders = [folder for run in runs for folder in run.made_by.get("merged", [str(run.folder)])]
    return {**told, "merged": [folder for folder in dict.fromkeys(folders) if folder != str(out)]}


def _first_digest(runs: Sequence[Run]) -> str | None:
    return next((digest for run in runs for digest in _digests(run)), None)


def _digests(run: Run) -> list[str]:
    """The digests of the settings of a run: one, unless it was gone on with under others."""
    said = [run.made_by["settings"]] if "settings" in run.made_by else []
    held = (record.settings for record in run.records if record.settings != DIRTY)
    return list(dict.fromkeys([*said, *held]))


def _check_settings(runs: Sequence[Run]) -> None:
    found = [(digest, run) for run in runs for digest in _digests(run)]
    for digest, run in found:
        first, other = found[0]
        if digest != first:
            told = list(_differences(other.made_by, run.made_by)) if other.made_by and run.made_by else []
            got = f"{', '.join(told[:_SHOWN])} and more" if len(told) > _SHOWN else ", ".join(told)
            raise ValueError(
                f"runs must have the same settings, got {got or f'digest {first} against {digest}'} in {other.folder} "
                f"and {run.folder}; do one of them again with those of the other"
            )


def _differences(first: Mapping[str, Any], second: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Each setting that two runs differ in: `recipe.smoothness 40.0 against 20.0`."""
    for name in [name for name in {**first, **second} if above or name not in _OWN]:
        one, other = first.get(name), second.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{above}{name}.")
        elif one != other:
            yield f"{above}{name} {one!r} against {other!r}"
