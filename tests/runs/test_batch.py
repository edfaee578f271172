"""Runs over a folder, with a stand-in for the segmenter."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import pytest

from wsseg.arrays import Image, PhotoError
from wsseg.classifier.categories import Categories, Target
from wsseg.engines.stream import here
from wsseg.files.encode import write_mask, write_picture
from wsseg.files.names import Source
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.runs.batch import run
from wsseg.runs.journal import opened
from wsseg.runs.names import check_target_names, target_names_of
from wsseg.runs.photos import photos_of_shard, without_run_outputs
from wsseg.runs.record import Record, read_run
from wsseg.runs.task import Outcome, Task, name_of
from wsseg.runs.watch import arriving
from wsseg.segmenting.results import LabelMap, SaliencyResult, TargetResult

DARK, BRIGHT, ODD, VAST = 10, 200, 66, 99
"""Grey levels of photos; the last two cannot be segmented."""


def results(image: Image, *targets: Target) -> tuple[SaliencyResult, ...]:
    saliency = (image[..., 0] / 255).astype(np.float32)
    return tuple(SaliencyResult(image, target, 1.0, saliency, ("a reason",), target) for target in targets)


def see(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    """As bright as the photo; some fail, each in its way."""
    errors = {ODD: PhotoError("too odd"), VAST: cv2.error("(-4:Insufficient memory)")}
    level = int(photo.image[0, 0, 0])
    if level in errors:
        raise errors[level]
    return results(photo.image, Target((0,), "class 0" if hints is None else "hinted"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of a dark and a bright photo, one of them in a folder of its own."""
    for name, level in (("a.png", DARK), ("sub/b.png", BRIGHT)):
        write_picture(tmp_path / "photos" / name, np.full((4, 5, 3), level, np.uint8))
    return tmp_path / "photos"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(see=see, out=tmp_path / "out", pictures=("saliency",), settings="s1", max_pixels=1000)


def sources_in(folder: Path) -> list[Source]:
    return [Source(path, PurePosixPath(path.relative_to(folder).as_posix())) for path in sorted(folder.rglob("*.png"))]


def done(task: Task, sources: Sequence[Source | None], **options: object) -> list[Outcome]:
    """Return the outcomes of a run of the task."""
    with opened(task.out, {"wsseg": "0"}) as journal:
        return list(run(task, sources, journal, here, **options))  # type: ignore[arg-type]  # By the tests' own words.


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix == ".png"
    }


def counts_in(out: Path) -> Any:
    return json.loads((out / "run.json").read_bytes())["counts"]


class TestRun:
    def test_pictures_are_stored_by_kind_and_name(self, photos: Path, task: Task) -> None:
        outcomes = done(replace(task, pictures=("saliency", "strip")), sources_in(photos))
        files = files_in(task.out)
        assert list(files) == ["saliency/a.png", "saliency/sub/b.png", "strips/a.png", "strips/sub/b.png"]
        assert [outcome.record.files for outcome in outcomes] == [
            ["saliency/a.png", "strips/a.png"],
            ["saliency/sub/b.png", "strips/sub/b.png"],
        ]

    def test_a_record_describes_its_photo(self, photos: Path, task: Task) -> None:
        (outcome, _) = done(task, sources_in(photos))
        record = outcome.record
        assert (record.input, record.name, record.settings) == (str(photos / "a.png"), "a", "s1")
        assert record.hash == hashlib.sha256((photos / "a.png").read_bytes()).hexdigest()
        (finding,) = record.findings
        assert (finding.category, finding.probability, finding.reasons) == ("class 0", 1.0, ("a reason",))
        assert (finding.status, finding.confidence) == (None, None)
        assert list(record.seconds) == ["read", "segment", "write"] and min(record.seconds.values()) > 0

    def test_failures_are_reported_and_the_others_are_done(self, photos: Path, task: Task) -> None:
        for name, level in (("odd.png", ODD), ("vast.png", VAST)):
            write_picture(photos / name, np.full((4, 5, 3), level, np.uint8))
        write_picture(photos / "large.png", np.zeros((40, 50, 3), np.uint8))
        (photos / "empty.png").write_bytes(b"")
        (photos / "text.png").write_text("no picture")
        (photos / "torn.png").write_bytes((photos / "a.png").read_bytes()[:45])
        errors = {outcome.record.name: outcome.record.error for outcome in done(task, sources_in(photos))}
        reasons = {
            "odd": "too odd",
            "vast": "(-4:Insufficient memory)",
            "large": "must have at most 1000 pixels",
            "empty": "must be a picture, got an empty file",
            "text": "must be a picture, got nothing that Pillow reads",
            "torn": "must be a whole and sound picture",
        }
        assert {name for name, error in errors.items() if error} == set(reasons)
        for name, reason in reasons.items():
            assert reason in errors[name]
        for name in ("large", "empty", "text", "torn"):  # The note is about the file, not about its contents.
            assert errors[name].startswith(f"'{photos / name}.png' must ")
        assert list(files_in(task.out)) == ["saliency/a.png", "saliency/sub/b.png"]

    def test_an_unwritable_folder_ends_the_run(self, photos: Path, task: Task) -> None:
        task.out.mkdir()
        (task.out / "run.json").write_text('{"wsseg": "0"}')
        (task.out / "saliency").write_text("in the way")
        with pytest.raises(OSError, match="saliency"):
            done(task, sources_in(photos))
        assert json.loads((task.out / "run.json").read_bytes())["state"] == "interrupted"

    def test_a_name_too_long_for_a_picture_fails_that_photo(self, photos: Path, task: Task) -> None:
        (photos / "a.png").rename(photos / ("a" * 250 + ".png"))
        long, _ = done(
            replace(task, see=partial(see_both), target_name=lambda target: target.category), sources_in(photos)
        )
        assert "too long" in long.record.error and not long.record.files
        assert list(files_in(task.out)) == ["saliency/sub/b.long name.png", "saliency/sub/b.x.png"]

    def test_a_photo_gets_its_own_hints(self, photos: Path, task: Task) -> None:
        file = photos.parent / "hints.png"
        write_picture(file, np.full((4, 5), 128, np.uint8))
        options = {"hints": {photos / "a.png": file}}
        a, b = done(task, sources_in(photos), **options)
        assert [one.record.findings[0].category for one in (a, b)] == ["hinted", "class 0"]
        assert a.record.hints == hashlib.sha256(file.read_bytes()).hexdigest() and not b.record.hints
        write_mask(file, np.ones((4, 5), np.bool_))
        assert [outcome.fresh for outcome in done(task, sources_in(photos), **options)] == [True, False]

    def test_a_label_map_holds_all_targets(self, photos: Path, task: Task) -> None:
        (outcome, _) = done(replace(task, see=see_map, pictures=("labels",)), sources_in(photos))
        assert outcome.record.outputs == {"labels": "labels/a.png"}
        assert [(one.category, one.status, one.outputs) for one in outcome.record.findings] == [
            ("x", "ok", {}),
            ("y", "no object", {}),
        ]

    def test_none_means_that_no_photo_is_available_yet(self, photos: Path, task: Task) -> None:
        assert len(done(task, [None, *sources_in(photos), None])) == 2


def see_both(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    return results(photo.image, Target((0,), "x"), Target((1,), "long name"))


def see_map(photo: Photo, hints: Hints | None) -> tuple[LabelMap]:
    shown = zip(results(photo.image, Target((0,), "x"), Target((1,), "y")), ("ok", "no object"), strict=True)
    parts = tuple(
        TargetResult(
            one.image, one.target, one.probability, one.saliency, (), one.target, confidence=0.5, status=status
        )  # type: ignore[arg-type]
        for one, status in shown
    )
    return (LabelMap(photo.image, np.ones(photo.image.shape[:2], np.uint8), parts, 0.0, True),)


class TestAgain:
    """A second run does only photos that are missing or changed."""

    def names(self, outcomes: Sequence[Outcome]) -> list[str]:
        return [outcome.record.name for outcome in outcomes if outcome.fresh]

    def test_nothing_is_done_twice(self, photos: Path, task: Task) -> None:
        done(task, sources_in(photos))
        before = (task.out / "run.jsonl").read_bytes()
        outcomes = done(replace(task, see=never), sources_in(photos))
        assert self.names(outcomes) == [] and len(outcomes) == 2
        assert (task.out / "run.jsonl").read_bytes() == before

    def test_a_changed_photo_is_redone(self, photos: Path, task: Task) -> None:
        done(task, sources_in(photos))
        write_picture(photos / "a.png", np.full((4, 5, 3), BRIGHT, np.uint8))
        assert self.names(done(task, sources_in(photos))) == ["a"]
        files = files_in(task.out)
        assert files["saliency/a.png"] == files["saliency/sub/b.png"]

    def test_new_settings_or_force_redo_everything(self, photos: Path, task: Task) -> None:
        done(task, sources_in(photos))
        assert self.names(done(replace(task, settings="s2"), sources_in(photos))) == ["a", "sub/b"]
        assert self.names(done(replace(task, settings="s2"), sources_in(photos), again=True)) == ["a", "sub/b"]

    @pytest.mark.parametrize("lose", [Path.unlink, lambda file: file.write_bytes(b"")])
    def test_a_missing_or_empty_picture_is_redone(self, photos: Path, task: Task, lose: object) -> None:
        done(task, sources_in(photos))
        before = files_in(task.out)
        lose(task.out / "saliency/a.png")  # type: ignore[operator]
        assert self.names(done(task, sources_in(photos))) == ["a"]
        assert files_in(task.out) == before

    def test_a_further_picture_is_added(self, photos: Path, task: Task) -> None:
        done(task, sources_in(photos))
        outcomes = done(replace(task, pictures=("strip",)), sources_in(photos))
        assert self.names(outcomes) == ["a", "sub/b"]
        assert outcomes[0].record.files == ["saliency/a.png", "strips/a.png"]
        assert self.names(done(task, sources_in(photos))) == []

    def test_failed_photos_are_tried_again(self, photos: Path, task: Task) -> None:
        good = (photos / "a.png").read_bytes()
        (photos / "a.png").write_bytes(b"torn")
        done(task, sources_in(photos))
        assert self.names(done(task, sources_in(photos))) == ["a"]
        (photos / "a.png").write_bytes(good)
        assert self.names(done(task, sources_in(photos))) == ["a"]
        assert [record.error for record in read_run(task.out).records] == ["", ""]

    def test_stale_pictures_are_removed(self, photos: Path, task: Task) -> None:
        done(replace(task, see=partial(see_both), target_name=lambda target: target.category), sources_in(photos))
        done(replace(task, settings="s2"), sources_in(photos))
        assert list(files_in(task.out)) == ["saliency/a.png", "saliency/sub/b.png"]
        (photos / "a.png").write_bytes(b"torn")
        done(task, sources_in(photos))
        assert list(files_in(task.out)) == ["saliency/sub/b.png"]

    def test_pictures_of_earlier_settings_are_removed(
        self, photos: Path, task: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """This happens when a run with other settings is interrupted between a picture and its record."""
        done(task, sources_in(photos))
        before = files_in(task.out)
        with pytest.raises(KeyboardInterrupt), opened(task.out, {"wsseg": "0"}) as journal:
            monkeypatch.setattr(journal, "append", interrupted)
            list(run(replace(task, see=see_darkly, settings="s2"), sources_in(photos), journal, here))
        assert files_in(task.out) != before
        done(task, sources_in(photos))
        assert files_in(task.out) == before

    def test_photos_of_other_folders_keep_their_records(self, photos: Path, task: Task) -> None:
        done(task, sources_in(photos))
        done(task, sources_in(photos / "sub"))
        assert [record.name for record in read_run(task.out).records] == ["a", "b", "sub/b"]

    def test_photos_that_are_gone_are_counted_as_others(self, photos: Path, task: Task) -> None:
        (photos / "torn.png").write_bytes(b"torn")
        done(task, sources_in(photos))
        assert counts_in(task.out) == {"photos": 3, "done": 2, "failed": 1}
        (photos / "torn.png").unlink()
        (photos / "a.png").unlink()
        done(task, sources_in(photos))
        assert counts_in(task.out) == {"photos": 1, "done": 1, "others": 2}
        assert list(files_in(task.out)) == ["saliency/a.png", "saliency/sub/b.png"]

    def test_a_resumed_run_ends_as_if_uninterrupted(self, photos: Path, task: Task) -> None:
        for number in range(5):
            write_picture(photos / f"{number}.png", np.full((4, 5, 3), 20 * number, np.uint8))
        with opened(task.out, {"wsseg": "0"}) as journal:
            outcomes = run(task, sources_in(photos), journal, here)
            next(outcomes), next(outcomes)
            outcomes.close()
        done(task, sources_in(photos))
        whole = replace(task, out=task.out.with_name("whole"))
        done(whole, sources_in(photos))
        assert files_in(task.out) == files_in(whole.out)
        lines = [[replace(record, seconds={}) for record in read_run(out).records] for out in (task.out, whole.out)]
        assert lines[0] == lines[1]


def see_darkly(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    return results(photo.image // 2, Target((0,), "class 0"))


def interrupted(record: Record) -> None:
    raise KeyboardInterrupt


def never(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    raise AttributeError("seen again")


class TestTargets:
    CATS = Categories(("tiger cat", "Cardigan", "cardigan", "caf\u00e9 (2)", "a/../b"))

    def test_targets_and_photos_with_similar_names_have_their_own_pictures(self, tmp_path: Path) -> None:
        labels, targets = target_names_of(self.CATS), [Target((0,), "tiger cat"), Target((1,), "Cardigan")]
        for name in ("a.png", "a.tiger_cat.png"):
            write_picture(tmp_path / "photos/sub" / name, np.zeros((4, 5, 3), np.uint8))

        def both(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
            return results(photo.image, *targets)

        task = Task(
            see=both, out=tmp_path / "out", pictures=("strip",), settings="", target_name=labels, max_pixels=1000
        )
        outcomes = done(task, sources_in(tmp_path / "photos"))
        categories = [[finding.category for finding in outcome.record.findings] for outcome in outcomes]
        assert categories == [["tiger cat", "Cardigan"]] * 2
        assert sorted(path.name for path in (tmp_path / "out/strips/sub").iterdir()) == [
            "a.Cardigan-1.png",
            "a.tiger_cat.Cardigan-1.png",
            "a.tiger_cat.png",
            "a.tiger_cat.tiger_cat.png",
        ]

    def test_a_label_is_letters_digits_and_lines(self) -> None:
        labels = target_names_of(self.CATS)
        found = [labels(Target((index,), name)) for index, name in enumerate(self.CATS.names)]
        assert found == ["tiger_cat", "Cardigan-1", "cardigan-2", "caf\u00e9__2_", "a____b"]
        assert labels(Target((0, 2), "tiger cat|cardigan")) == "tiger_cat_cardigan-2"
        assert labels(Target((0, 2), "cardigan|tiger cat")) == "cardigan_tiger_cat-2"
        assert labels(Target((0, 2), "clothes")) == "clothes"

    def test_labels_of_classes_differ_even_ignoring_case(self) -> None:
        names = ("a", "A", "a 0", "a_0", "a-0", "", " ", "a-1")
        labels = target_names_of(Categories(names))
        assert len({labels(Target((index,), name)).casefold() for index, name in enumerate(names)}) == len(names)

    def test_targets_with_the_same_label_are_refused(self) -> None:
        labels = target_names_of(self.CATS)
        tiger, knit = Target((0,), "tiger cat"), Target((2,), "cardigan")
        check_target_names([tiger, knit], labels)
        with pytest.raises(ValueError, match="^targets must have different names, got 'tiger cat' and 'tiger cat' for"):
            check_target_names([tiger, knit, Target((0,), "tiger cat")], labels)


class TestBesideOutputs:
    def test_the_pictures_of_a_run_are_not_photos_of_the_next(self, tmp_path: Path) -> None:
        with opened(tmp_path / "out", {"wsseg": "1"}):
            pass
        paths = ("out/masks/a.png", "out/strips/sub/a.png", "out/other/a.png", "masks/a.png", "a.png")
        sources = [source(str(tmp_path / path)) for path in paths]
        assert without_run_outputs(sources, tmp_path / "out") == sources[2:]

    def test_the_pictures_of_another_run_are_not_photos(self, tmp_path: Path) -> None:
        with opened(tmp_path / "old", {"wsseg": "1"}):
            pass
        paths = ("old/overlays/a.png", "old/a.png", "overlays/a.png")
        sources = [source(str(tmp_path / path)) for path in paths]
        assert without_run_outputs(sources, tmp_path / "out") == sources[1:]

    def test_photos_where_pictures_will_go_are_refused(self, tmp_path: Path) -> None:
        for out, photo in ((tmp_path, "masks/sub/a.png"), (tmp_path / "seeds/..", "overlays/a.jpg")):
            sources = [source(str(tmp_path / path)) for path in ("a.png", photo)]
            with pytest.raises(ValueError, match="^out must not put pictures among photos, got ") as caught:
                without_run_outputs(sources, out)
            assert str(caught.value).endswith(f"'{out}' with '{tmp_path / photo}'; choose another folder")

    def test_the_pictures_of_a_report_are_not_photos(self, tmp_path: Path) -> None:
        paths = (f"report_files/wsseg-report-{'0a' * 16}/000001.webp", "report_files/a.png", "wsseg-report-1/a.png")
        sources = [source(str(tmp_path / path)) for path in paths]
        assert without_run_outputs(sources, tmp_path / "out") == sources[1:]

    def test_a_link_to_itself_is_only_a_bad_photo(self, tmp_path: Path) -> None:
        (tmp_path / "loop.jpg").symlink_to("loop.jpg")
        sources = [source(str(tmp_path / "loop.jpg"))]
        assert without_run_outputs(sources, tmp_path / "out") == sources


def source(name: str) -> Source:
    return Source(Path(name), PurePosixPath(name).with_suffix(".png"))


class TestShards:
    @pytest.mark.parametrize("count", [1, 3, 16])
    def test_each_photo_belongs_to_one_shard(self, count: int) -> None:
        sources = [source(f"{number}.jpg") for number in range(100)]
        shards = [photos_of_shard(sources, (index, count)) for index in range(1, count + 1)]
        assert sorted(one for shard in shards for one in shard) == sorted(sources)
        assert max(map(len, shards)) < 2 * 100 / count + 8

    def test_the_shard_depends_only_on_the_name(self) -> None:
        sources = [source(f"{number}.jpg") for number in range(50)]
        assert set(photos_of_shard(sources[::2], (2, 5))) == set(photos_of_shard(sources, (2, 5))) & set(sources[::2])

    @pytest.mark.parametrize("index", [0, 4, -1])
    def test_other_shards_are_refused(self, index: int) -> None:
        with pytest.raises(ValueError, match="^shard must be I/N with I from 1 to N, got"):
            photos_of_shard([], (index, 3))


class TestFilesOfOneName:
    """`a` has several targets and `a.x` one: the pictures of both may be called `a.x.png`."""

    @pytest.fixture
    def rivals(self, photos: Path, task: Task) -> tuple[list[Source], Task, Task]:
        write_picture(photos / "a.x.png", np.full((4, 5, 3), BRIGHT, np.uint8))
        labelled = replace(task, see=partial(see_both), target_name=lambda target: target.category, settings="s2")
        return [source for source in sources_in(photos) if name_of(source) in ("a", "a.x")], task, labelled

    def test_another_s_picture_is_not_removed(self, rivals: tuple[list[Source], Task, Task]) -> None:
        sources, plain, labelled = rivals
        done(labelled, sources[:1])
        assert list(files_in(plain.out)) == ["saliency/a.long name.png", "saliency/a.x.png"]
        done(plain, sources)
        again = done(plain, sources)
        assert list(files_in(plain.out)) == ["saliency/a.png", "saliency/a.x.png"]
        fresh = replace(plain, out=plain.out.with_name("fresh"))
        done(fresh, sources)
        assert files_in(plain.out) == files_in(fresh.out)
        assert not any(outcome.fresh for outcome in again)

    def test_a_replaced_picture_is_redone(self, rivals: tuple[list[Source], Task, Task]) -> None:
        sources, plain, labelled = rivals
        done(plain, sources[1:])
        own = files_in(plain.out)["saliency/a.x.png"]
        done(labelled, sources[:1])
        assert files_in(plain.out)["saliency/a.x.png"] != own
        (outcome,) = done(plain, sources[1:])
        assert outcome.fresh
        assert files_in(plain.out)["saliency/a.x.png"] == own

    def test_a_photo_is_marked_dirty_before_its_picture_is_replaced(
        self, rivals: tuple[list[Source], Task, Task]
    ) -> None:
        sources, plain, labelled = rivals
        done(plain, sources[1:])

        def killed(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            done(replace(labelled, see=killed), sources[:1])
        assert [record.settings for record in read_run(plain.out).records if record.name == "a.x"] == ["unsure"]


def test_a_photo_that_changes_while_it_is_worked_on_waits(photos: Path, task: Task) -> None:
    source, other = sources_in(photos)
    asked: list[str | None] = []

    def engine(stream: Any, jobs: Iterable[Any], *, lost: object) -> Iterator[Outcome]:
        coming, held = iter(jobs), []
        for _ in range(4):
            job = next(coming)
            asked.append(job and name_of(job.source))
            held += [job] if job else []
            if len(asked) == 3:
                yield from stream(held)
                held = []
        yield from stream(held)

    with opened(task.out, {"wsseg": "0"}) as journal:
        outcomes = list(run(task, iter([source, source, other, None]), journal, engine))
    assert asked == ["a", None, "sub/b", "a"]
    assert [outcome.record.name for outcome in outcomes] == ["a", "sub/b", "a"]


def test_a_moved_photo_is_recorded_at_its_new_place(photos: Path, task: Task) -> None:
    done(task, sources_in(photos))
    moved = photos.rename(photos.with_name("moved"))
    assert not any(outcome.fresh for outcome in done(task, sources_in(moved)))
    assert [record.input for record in read_run(task.out).records] == [str(moved / "a.png"), str(moved / "sub/b.png")]


def test_pictures_in_a_linked_folder_are_found(photos: Path, task: Task) -> None:
    (photos.parent / "elsewhere").mkdir()
    task.out.mkdir()
    (task.out / "run.json").write_text('{"wsseg": "0"}')
    (task.out / "saliency").symlink_to(photos.parent / "elsewhere", target_is_directory=True)
    done(task, sources_in(photos))
    assert not any(outcome.fresh for outcome in done(task, sources_in(photos)))


def test_a_photo_is_done_only_once_in_a_run(photos: Path, task: Task) -> None:
    outcomes = done(task, [*sources_in(photos), *sources_in(photos)])
    assert [outcome.fresh for outcome in outcomes] == [True, True, False, False]


class TestArriving:
    def found(self, folder: Path, names: list[Mapping[str, str]]) -> Iterator[Source | None]:
        def find(named: Mapping[str, str]) -> list[Source]:
            names.append(dict(named))
            return sources_in(folder)

        return arriving(find, notice=pytest.fail, still=0.3)

    def until(self, sources: Iterator[Source | None], count: int) -> list[Source]:
        found: list[Source] = []
        while len(found) < count:
            if (one := next(sources)) is not None:
                found.append(one)
        return found

    def test_a_photo_counts_once_its_size_is_stable(self, photos: Path) -> None:
        sources = self.found(photos, [])
        (photos / "late.png").write_bytes(b"1")
        start = time.monotonic()
        while time.monotonic() - start < 0.8:
            with (photos / "late.png").open("ab") as file:
                file.write(b"more")
            one = next(sources)
            assert one is None or one.path.name != "late.png"
        assert [one.path.name for one in self.until(sources, 1)] == ["late.png"]

    def test_only_a_changed_photo_comes_again(self, photos: Path) -> None:
        sources = self.found(photos, [])
        assert [name_of(one) for one in self.until(sources, 2)] == ["a", "sub/b"]
        assert [next(sources) for _ in range(3)] == [None] * 3
        (photos / "a.png").write_bytes(b"another")
        os.utime(photos / "a.png", (1, 1))
        assert [name_of(one) for one in self.until(sources, 1)] == ["a"]

    def test_trouble_is_reported_once_and_retried(self, photos: Path) -> None:
        notices: list[str] = []
        trouble: list[Exception | None] = [None, ValueError("clash"), ValueError("clash"), OSError("away"), None]

        def find(named: Mapping[str, str]) -> list[Source]:
            if trouble and (error := trouble.pop(0)):
                raise error
            return sources_in(photos)

        assert len(self.until(arriving(find, notice=notices.append, still=0), 2)) == 2
        assert [text.partition(";")[0] for text in notices] == ["clash", "away"]
        trouble[:] = [ValueError("clash")]
        with pytest.raises(ValueError, match="clash"):
            next(arriving(find, notice=notices.append))

    def test_given_names_are_reported(self, photos: Path) -> None:
        names: list[Mapping[str, str]] = []
        self.until(self.found(photos, names), 2)
        assert names[0] == {}
        sources = self.found(photos, names)
        self.until(sources, 2)
        next(sources), next(sources)
        assert names[-1] == {str(photos / "a.png"): "a", str(photos / "sub/b.png"): "sub/b"}
