"""Several runs merged into one, such as the shards that several machines did."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias

from wsseg.files.store import is_same_file, path_of, replacing, store_of
from wsseg.files.text import folded
from wsseg.runs.journal import opened
from wsseg.runs.record import DIRTY, WORKING, Record, Run, is_run, read_run
from wsseg.runs.review import needs_review

_Entry: TypeAlias = tuple[Run, Record]

_OWN: Final = {"state", "counts", "settings", "hints", "min_confidence", "versions", "merged"}
"""Fields of `run.json` that are no settings."""

_LISTED: Final = 3
"""Number of differences that an error lists."""


@dataclass(frozen=True, kw_only=True)
class Merging:
    """The counts of a merged run."""

    photos: int
    """Number of photos in the merged run."""
    failed: int
    """Number of these that failed."""
    lacking: int
    """Number of photos left out because a picture is missing or may have other settings; do them again."""
    review: int | None = None
    """Number of photos that `review.txt` lists; None if no run had `min_confidence`."""
    unfinished: tuple[Path, ...]
    """Runs that did not finish and may be missing photos."""


def merge_runs(
    runs: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    track: Callable[[Sequence[_Entry]], Iterable[_Entry]] = iter,
) -> Merging:
    """Merge runs into one in `out`, which can be evaluated, exported and resumed like any run.

    Pictures are copied, each whole or not at all, and the runs stay as they are. A merge that was interrupted resumes.
    A photo of several runs is taken once: as a person reviewed it last, done rather than failed, and with the most
    pictures. Photos to review are
    marked anew by the highest `min_confidence` of the runs.

    Parameters
    ----------
    runs : list of paths
        Folders of runs, `s3://...` too.
    out : path
        Folder of the merged run: new, empty, or a run that the others are added to.
    track : callable
        Iterates over the photos, and may show the progress.

    Returns
    -------
    Merging
        Counts of photos, and the runs that did not finish.

    Raises
    ------
    ValueError
        If the settings of the runs differ, if different photos have one name, or if `out` is one of the runs.
    FileExistsError
        If `out` holds files of another origin, or if a run is at work there.
    """
    folders, out = [path_of(run) for run in runs], path_of(out)
    _check_apart(folders, out)
    members = [read_run(folder) for folder in (*([out] if is_run(out) else []), *folders)]
    _check_settings(members)
    chosen, names = _chosen(members)
    stated = [each for each in map(_min_confidence_of, members) if each is not None]
    least = max(stated, default=None)
    review = 0
    with opened(out, _made_by(members, out, least)) as journal:
        for run, record in track(chosen):
            marked = replace(record, review=needs_review(record, least) or (record.review and not record.is_reviewed))
            review += marked.review
            if run.folder != out:
                _copy(run.folder, out, record.files)
            if run.folder != out or marked != record:
                journal.append(marked)
            else:
                journal.keep(record)
    return Merging(
        photos=len(chosen),
        failed=sum(bool(record.error) for _, record in chosen),
        lacking=len(names) - len(chosen),
        review=None if least is None and not review else review,
        unfinished=tuple(run.folder for run in members if run.folder != out and run.made_by.get("state") != "done"),
    )


def _copy(source: Path, out: Path, files: Iterable[str]) -> None:
    for file in files:
        data = (source / file).read_bytes()
        with replacing(out / file, by=out / WORKING) as copy:
            copy.write(data)


def _check_apart(runs: Sequence[Path], out: Path) -> None:
    for run in runs:
        if run == out or is_same_file(run, out):
            raise ValueError(f"out must be none of the runs, got '{out}'; choose another folder")


def _chosen(runs: Sequence[Run]) -> tuple[list[_Entry], set[str]]:
    """Return the best entry of each photo that has all its pictures, and the names of all photos."""
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
    """Return the entry of one photo that was reviewed last, did not fail, and has the most pictures."""
    if first is None:
        return second
    if not _is_same(first[1], second[1]):
        raise ValueError(
            f"runs must give photos different names, got '{first[1].input}' in '{first[0].folder}' and "
            f"'{second[1].input}' in '{second[0].folder}' for '{second[1].name}'; leave out one of the runs, or "
            "segment from a folder of both"
        )
    return max(first, second, key=lambda entry: (_last_decision(entry[1]), not entry[1].error, len(entry[1].pictures)))


def _last_decision(record: Record) -> str:
    """Return the time of the last decision of a person; empty if there is none."""
    return max((one.decision.when for one in record.findings if one.decision), default="")


def _is_same(first: Record, second: Record) -> bool:
    """Return whether two records of one name belong to the same photo with the same hints."""
    if first.name != second.name or first.hints != second.hints:
        return False
    # A photo that could not be read has no hash.
    return first.hash == second.hash if first.hash and second.hash else first.input == second.input


def _min_confidence_of(run: Run) -> float | None:
    """Return the confidence below which the run marked photos for review; None if it marked none, or was killed."""
    stated = run.made_by.get("min_confidence")
    return stated if isinstance(stated, float | int) else None


def _made_by(runs: Sequence[Run], out: Path, min_confidence: float | None) -> dict[str, Any]:
    """Return the content of `run.json`: the first run's that has any, `min_confidence`, and the folders of all runs."""
    digest = next((digest for run in runs for digest in _digests(run)), None)
    content = next((run.made_by for run in runs if run.made_by), {"settings": digest})
    folders = [folder for run in runs for folder in run.made_by.get("merged", [str(run.folder)])]
    stated = {} if min_confidence is None else {"min_confidence": min_confidence}
    return {**content, **stated, "merged": [folder for folder in dict.fromkeys(folders) if folder != str(out)]}


def _digests(run: Run) -> list[str]:
    """Return the digests of a run's settings: one, unless it was resumed with other settings."""
    stated = [run.made_by["settings"]] if "settings" in run.made_by else []
    held = (record.settings for record in run.records if record.settings != DIRTY)
    return list(dict.fromkeys([*stated, *held]))


def _check_settings(runs: Sequence[Run]) -> None:
    found = [(digest, run) for run in runs for digest in _digests(run)]
    for digest, run in found:
        first, other = found[0]
        if digest != first:
            differences = list(_differences(other.made_by, run.made_by)) if other.made_by and run.made_by else []
            more = " and more" if len(differences) > _LISTED else ""
            got = ", ".join(differences[:_LISTED]) + more
            raise ValueError(
                f"runs must have the same settings, got {got or f'digest {first} against {digest}'} in "
                f"'{other.folder}' and '{run.folder}'; redo one of them with those of the other"
            )


def _differences(first: Mapping[str, Any], second: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield each setting in which two runs differ: `recipe.smoothness 40.0 against 20.0`."""
    for name in [name for name in {**first, **second} if above or name not in _OWN]:
        one, other = first.get(name), second.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{above}{name}.")
        elif one != other:
            yield f"{above}{name} {one!r} against {other!r}"
