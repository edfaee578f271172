"""Runs of shards merged into one."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest

from wsseg.arrays import Image, PhotoError
from wsseg.classifier.categories import Target
from wsseg.engines.stream import here
from wsseg.files.encode import write_picture
from wsseg.files.names import Source
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.runs.batch import run
from wsseg.runs.journal import opened
from wsseg.runs.merge import Merging, merge_runs
from wsseg.runs.photos import photos_of_shard
from wsseg.runs.record import Decision, read_run
from wsseg.runs.task import Outcome, Task
from wsseg.segmenting.results import SaliencyResult

ODD = 66
"""The grey level of a photo that cannot be segmented."""

MADE_BY: dict[str, Any] = {"wsseg": "1", "recipe": {"smoothness": 40.0, "prior": 2.0}, "settings": "s1", "top": None}


def see(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    if photo.image[0, 0, 0] == ODD:
        raise PhotoError("too odd")
    target = Target((0,), "class 0")
    return (SaliencyResult(photo.image, target, 1.0, saliency(photo.image), (), target),)


def saliency(image: Image) -> Any:
    return (image[..., 0] / 255).astype(np.float32)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twelve photos, each of its own grey."""
    for number in range(12):
        folder = tmp_path / "photos" / ("sub" if number % 2 else "")
        write_picture(folder / f"{number}.png", np.full((4, 5, 3), 10 * number, np.uint8))
    return tmp_path / "photos"


def sources_in(folder: Path) -> list[Source]:
    return [Source(path, PurePosixPath(path.relative_to(folder).as_posix())) for path in sorted(folder.rglob("*.png"))]


def done(out: Path, sources: Sequence[Source], made_by: Any = MADE_BY, pictures: Any = ("saliency",)) -> list[Outcome]:
    """Return the outcomes of a run into `out`."""
    task = Task(see=see, out=out, pictures=pictures, settings=made_by["settings"], max_pixels=1000)
    with opened(out, made_by) as journal:
        return list(run(task, sources, journal, here))


@pytest.fixture
def shards(photos: Path, tmp_path: Path) -> list[Path]:
    """Three runs of one shard each."""
    folders = [tmp_path / f"shard{index}" for index in (1, 2, 3)]
    for index, folder in enumerate(folders, 1):
        done(folder, photos_of_shard(sources_in(photos), (index, 3)))
    return folders


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*g"))}


def records_in(folder: Path) -> list[Any]:
    return [replace(record, seconds={}) for record in read_run(folder).records]


class TestMerge:
    def test_merged_shards_equal_the_run_of_one_machine(self, photos: Path, shards: list[Path], tmp_path: Path) -> None:
        before = [files_in(shard) for shard in shards]
        assert merge_runs(shards, tmp_path / "out") == Merging(photos=12, failed=0, lacking=0, unfinished=())
        done(tmp_path / "whole", sources_in(photos))
        assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")
        assert records_in(tmp_path / "out") == records_in(tmp_path / "whole")
        assert [files_in(shard) for shard in shards] == before
        content = json.loads((tmp_path / "out/run.json").read_bytes())
        assert content == MADE_BY | {
            "state": "done",
            "counts": {"photos": 12, "done": 12},
            "merged": [str(shard) for shard in shards],
        }
        assert not (tmp_path / "out/.wsseg").exists()

    def test_a_merged_run_can_resume_without_redoing_photos(
        self, photos: Path, shards: list[Path], tmp_path: Path
    ) -> None:
        merge_runs(shards, tmp_path / "out")
        assert not any(outcome.fresh for outcome in done(tmp_path / "out", sources_in(photos)))

    def test_an_interrupted_merge_can_resume(self, shards: list[Path], tmp_path: Path) -> None:
        def broken(photos: Sequence[Any]) -> Iterable[Any]:
            yield from photos[:5]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            merge_runs(shards, tmp_path / "out", track=broken)
        assert len(records_in(tmp_path / "out")) == 5
        first = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
        assert merge_runs(shards, tmp_path / "out").photos == 12
        assert len(first) == 5 and all(path.stat().st_mtime_ns == when for path, when in first.items())
        assert not (tmp_path / "out/.wsseg").exists()

    def test_more_runs_may_be_merged_later(self, shards: list[Path], tmp_path: Path) -> None:
        merge_runs(shards[:2], tmp_path / "out")
        merge_runs(shards[2:], tmp_path / "out")
        merge_runs(shards, tmp_path / "once")
        for name in ("run.json", "run.jsonl"):
            assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "once" / name).read_bytes()
        assert files_in(tmp_path / "out") == files_in(tmp_path / "once")
        assert json.loads((tmp_path / "out/run.json").read_bytes())["counts"] == {"photos": 12, "done": 12}

    def test_a_photo_of_two_runs_is_taken_once_preferably_done(self, photos: Path, tmp_path: Path) -> None:
        good = (photos / "0.png").read_bytes()
        (photos / "0.png").write_bytes(b"torn")
        done(tmp_path / "failed", sources_in(photos))
        assert merge_runs([tmp_path / "failed"], tmp_path / "out").failed == 1
        (photos / "0.png").write_bytes(good)
        done(tmp_path / "again", sources_in(photos)[:1])
        for record in (records := read_run(tmp_path / "failed").records):
            assert record.hash
        unread = json.dumps(json.loads(records[0].as_line()) | {"hash": ""}).encode() + b"\n"
        rest = b"".join(record.as_line() for record in records[1:])
        (tmp_path / "failed/run.jsonl").write_bytes(unread + rest)
        merging = merge_runs([tmp_path / "failed", tmp_path / "again"], tmp_path / "other")
        assert (merging.photos, merging.failed) == (12, 0)
        assert "saliency/0.png" in files_in(tmp_path / "other")

    def test_the_record_with_more_pictures_wins_and_none_is_left_behind(self, photos: Path, tmp_path: Path) -> None:
        sources = sources_in(photos)[:1]
        done(tmp_path / "one", sources)
        done(tmp_path / "two", sources, pictures=("saliency", "strip"))
        merge_runs([tmp_path / "one"], tmp_path / "out")
        merge_runs([tmp_path / "two"], tmp_path / "out")
        assert list(files_in(tmp_path / "out")) == ["saliency/0.png", "strips/0.png"]
        merge_runs([tmp_path / "one"], tmp_path / "out")
        assert list(files_in(tmp_path / "out")) == ["saliency/0.png", "strips/0.png"]

    def test_a_photo_whose_picture_is_gone_is_left_out(self, photos: Path, shards: list[Path], tmp_path: Path) -> None:
        lost = next((shards[0] / "saliency").rglob("*.png"))
        lost.unlink()
        merging = merge_runs(shards, tmp_path / "out")
        assert (merging.photos, merging.lacking) == (11, 1)
        outcomes = done(tmp_path / "out", sources_in(photos))
        assert [outcome.record.name.rpartition("/")[2] for outcome in outcomes if outcome.fresh] == [lost.stem]

    def test_pictures_in_a_linked_folder_are_found(self, shards: list[Path], tmp_path: Path) -> None:
        for shard in shards:
            moved = (shard / "saliency").rename(tmp_path / f"{shard.name} elsewhere")
            (shard / "saliency").symlink_to(moved, target_is_directory=True)
        merging = merge_runs(shards, tmp_path / "out")
        assert (merging.photos, merging.lacking) == (12, 0)
        assert len(files_in(tmp_path / "out")) == 12

    def test_a_dirty_photo_is_left_out(self, photos: Path, shards: list[Path], tmp_path: Path) -> None:
        with opened(shards[0], MADE_BY) as journal:
            journal.mark_dirty(dirty := read_run(shards[0]).records[0])
        merging = merge_runs(shards, tmp_path / "out")
        assert (merging.photos, merging.lacking) == (11, 1)
        outcomes = done(tmp_path / "out", sources_in(photos))
        assert [outcome.record.name for outcome in outcomes if outcome.fresh] == [dirty.name]

    def test_a_dirty_photo_is_taken_from_another_run(self, photos: Path, shards: list[Path], tmp_path: Path) -> None:
        merge_runs(shards, tmp_path / "out")
        with opened(tmp_path / "out", MADE_BY) as journal:
            journal.mark_dirty(read_run(tmp_path / "out").records[0])
        assert merge_runs(shards, tmp_path / "out").lacking == 0
        assert not any(outcome.fresh for outcome in done(tmp_path / "out", sources_in(photos)))

    def test_unfinished_runs_are_reported(self, shards: list[Path], tmp_path: Path) -> None:
        (shards[1] / "run.json").unlink()
        assert merge_runs(shards, tmp_path / "out").unfinished == (shards[1],)
        (shards[1] / "run.json").write_text(json.dumps(MADE_BY | {"state": "interrupted"}))
        assert merge_runs(shards, tmp_path / "other").unfinished == (shards[1],)

    def test_killed_runs_can_be_merged_too(self, photos: Path, shards: list[Path], tmp_path: Path) -> None:
        for shard in shards:
            (shard / "run.json").unlink()
        assert merge_runs(shards, tmp_path / "out").photos == 12
        assert not any(outcome.fresh for outcome in done(tmp_path / "out", sources_in(photos)))


class TestRefused:
    def test_different_settings_are_reported(self, photos: Path, tmp_path: Path) -> None:
        other = MADE_BY | {"recipe": {"smoothness": 20.0, "prior": 2.0}, "settings": "s2", "versions": {"numpy": "3"}}
        first, second = sources_in(photos)[:2]
        done(tmp_path / "a", [first])
        done(tmp_path / "b", [second], other)
        with pytest.raises(ValueError, match=r"^runs must have the same settings, got recipe.smoothness 40.0 against"):
            merge_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
        (tmp_path / "b/run.json").unlink()
        with pytest.raises(
            ValueError, match=f"got digest s1 against s2 in '{tmp_path}/a' and '{tmp_path}/b'; redo one"
        ):
            merge_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_run_with_two_settings_is_refused(self, photos: Path, tmp_path: Path) -> None:
        first, second = sources_in(photos)[:2]
        done(tmp_path / "a", [first])
        done(tmp_path / "a", [second], MADE_BY | {"settings": "s2"})
        with pytest.raises(ValueError, match="got digest s2 against s1 in"):
            merge_runs([tmp_path / "a"], tmp_path / "out")

    @pytest.mark.parametrize("name", ["0", "A"])
    def test_different_photos_with_one_name_are_named(self, tmp_path: Path, name: str) -> None:
        for folder, level, called in (("one", 10, name), ("two", 20 if name == "0" else 10, name.lower())):
            write_picture(tmp_path / folder / f"{called}.png", np.full((4, 5, 3), level, np.uint8))
            done(tmp_path / f"run {folder}", sources_in(tmp_path / folder))
        with pytest.raises(ValueError, match="^runs must give photos different names, got") as caught:
            merge_runs([tmp_path / "run one", tmp_path / "run two"], tmp_path / "out")
        for photo in (f"one/{name}.png", f"two/{name.lower()}.png"):
            assert str(tmp_path / photo) in str(caught.value)
        assert not (tmp_path / "out").exists()

    def test_the_output_must_not_be_an_input_or_another_folder(self, shards: list[Path], tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(shards[0])
        for out in (shards[0], tmp_path / "link"):
            with pytest.raises(ValueError, match="^out must be none of the runs, got"):
                merge_runs(shards, out)
        with pytest.raises(FileExistsError, match="^out must be a new or empty folder, or an earlier run"):
            merge_runs(shards, tmp_path / "photos")
        with pytest.raises(ValueError, match="^run must be a folder that wsseg segment wrote, got"):
            merge_runs([tmp_path / "photos"], tmp_path / "out")

    def test_a_record_never_points_outside_its_run(self, shards: list[Path], tmp_path: Path) -> None:
        content = json.loads((shards[0] / "run.jsonl").read_bytes().splitlines()[0])
        content["outputs"] = {"saliency": "../photos/0.png"}
        (shards[0] / "run.jsonl").write_text(json.dumps(content) + "\n")
        with pytest.raises(ValueError, match="its files must lie below the run's folder"):
            merge_runs(shards, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_the_command_prints_counts(
    photos: Path,
    shards: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from wsseg.cli.app import main

    next((shards[0] / "saliency").rglob("*.png")).unlink()
    (shards[1] / "run.json").unlink()
    monkeypatch.setattr("sys.argv", ["wsseg", "merge", *map(str, shards), "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = capsys.readouterr().err
    assert f"{shards[1]} did not finish and may be missing photos; rerun it" in printed
    left_out = "1 left out because their pictures are missing or stale"
    assert f"11 photos from 3 runs, {left_out}: {tmp_path / 'out'}" in printed


@pytest.mark.parametrize("latest", [0, 1])
def test_the_latest_review_of_a_photo_is_taken_and_any_review_before_none(
    latest: int, photos: Path, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for number, folder in enumerate(folders):
        done(folder, sources_in(photos)[:1])
        if number < 2:
            with opened(folder, MADE_BY) as journal:
                [record] = read_run(folder).records
                decision = Decision(verdict="accepted", when=f"2026-11-28T10:0{int(number == latest)}", strokes=number)
                journal.append(replace(record, findings=(replace(record.findings[0], decision=decision),)))
    for order in (folders, folders[::-1]):
        merge_runs(order, out := tmp_path / f"merged from {order[0].name}")
        [record] = read_run(out).records
        assert record.findings[0].decision
        assert record.findings[0].decision.strokes == latest
