"""Photos to review: which are marked, and the list of them."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import Any

import numpy as np
import pytest
from quick import photo_bytes

import wsseg
from wsseg.classifier.categories import Target
from wsseg.engines.stream import here
from wsseg.files.encode import write_picture
from wsseg.files.find import find_photos
from wsseg.files.names import Source
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.runs.batch import run
from wsseg.runs.journal import opened
from wsseg.runs.merge import merge_runs
from wsseg.runs.photos import arriving_photos
from wsseg.runs.record import Finding, Record, read_run, record_of
from wsseg.runs.review import needs_review, remove_review, write_review
from wsseg.runs.task import Outcome, Task
from wsseg.segmenting.results import TargetResult


def record(name: str, *found: tuple[str, float], error: str = "", review: bool = False) -> Record:
    findings = tuple(Finding(category="x", probability=1.0, status=status, confidence=sure) for status, sure in found)
    return Record(
        input=f"{name}.png", base="/photos", name="a", settings="s", findings=findings, error=error, review=review
    )


@pytest.mark.parametrize(
    ("found", "least", "marked"),
    [
        ([("ok", 0.9)], None, False),
        ([("ok", 0.9)], 0.9, False),
        ([("ok", 0.9)], 0.91, True),
        ([("no object", 0.0)], 0.0, True),
        ([("weak", 0.0)], 0.0, False),
        ([("ok", 0.9), ("no object", 0.0)], 0.5, False),
        ([("ok", 0.9), ("weak", 0.3)], 0.5, True),
    ],
)
def test_a_photo_is_marked_for_its_least_trusted_object(
    found: list[tuple[str, float]], least: float | None, marked: bool
) -> None:
    assert needs_review(record("a", *found), least) is marked


def test_a_photo_that_failed_is_not_marked() -> None:
    assert not needs_review(record("a", error="broken"), 1.0)


def test_the_mark_is_kept_in_a_line() -> None:
    marked = record("a", ("ok", 0.5), review=True)
    assert record_of(marked.as_line()) == marked


def test_the_list_has_the_least_trusted_first_and_no_path_that_it_cannot_hold(tmp_path: Path) -> None:
    photos = [record(name, ("ok", sure), review=True) for name, sure in (("b", 0.4), ("a", 0.3), ("c\nd", 0.2))]
    (tmp_path / ".wsseg").mkdir()
    write_review(tmp_path, photos)
    lines = (tmp_path / "review.txt").read_text().splitlines()
    assert lines[1:] == ["# a list cannot hold this path: /photos/c\\nd.png", "/photos/a.png", "/photos/b.png"]
    remove_review(tmp_path)
    assert not (tmp_path / "review.txt").exists()
    (tmp_path / "review.txt").write_text("my own list")
    remove_review(tmp_path)
    with pytest.raises(FileExistsError, match=r"no review.txt of your own, got '.*review.txt'; rename it"):
        write_review(tmp_path, photos)
    assert (tmp_path / "review.txt").read_text() == "my own list"


TARGET = Target((0,), "class 0")


def see(photo: Photo, hints: Hints | None) -> tuple[TargetResult, ...]:
    """As confident as the photo is bright; a black one shows no object."""
    sure = int(photo.image[0, 0, 0]) / 100
    saliency = np.full(photo.image.shape[:2], 0.5, np.float32)
    status = "ok" if sure else "no object"
    return (TargetResult(photo.image, TARGET, 1.0, saliency, (), TARGET, confidence=sure, status=status),)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four photos, whose names are their confidence in hundredths."""
    for name, level in (("30", 30), ("50", 50), ("90", 90), ("sub/0", 0)):
        write_picture(tmp_path / "photos" / f"{name}.png", np.full((4, 5, 3), level, np.uint8))
    return tmp_path / "photos"


def done(photos: Path, out: Path, least: float | None, only: str = "*") -> list[Outcome]:
    """Return the outcomes of a run that lists photos below `least`."""
    sources = [
        Source(path, PurePosixPath(path.relative_to(photos).as_posix())) for path in sorted(photos.rglob(f"{only}.png"))
    ]
    with opened(out, {"wsseg": "0", "settings": "s", "min_confidence": least}) as journal:
        task = Task(see=see, out=out, pictures=("saliency",), settings="s", max_pixels=1000)
        return list(run(task, sources, journal, here, min_confidence=least))


def listed(out: Path) -> list[str]:
    """Return the names that the list has, in its order."""
    file = out / "review.txt"
    return [Path(line).stem for line in file.read_text().splitlines()[1:]] if file.exists() else []


def marked(out: Path) -> list[str]:
    return sorted(record.name for record in read_run(out).records if record.review)


def test_a_list_of_one_s_own_is_refused_before_any_work_if_the_run_would_replace_it(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done(photos, out, None)
    (out / "review.txt").write_text("my own list")
    before = (out / "run.json").read_bytes()
    with pytest.raises(FileExistsError, match=r"no review.txt of your own"):
        done(photos, out, 0.4)
    assert (out / "run.json").read_bytes() == before
    assert marked(out) == []
    done(photos, out, None)
    assert (out / "review.txt").read_text() == "my own list"


def test_another_confidence_renews_marks_and_list_without_new_masks(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert all(outcome.fresh for outcome in done(photos, out, 0.4))
    assert (listed(out), marked(out)) == (["0", "30"], ["30", "sub/0"])
    for least, names in ((0.95, ["0", "30", "50", "90"]), (0.0, ["0"]), (0.6, ["0", "30", "50"])):
        assert not any(outcome.fresh for outcome in done(photos, out, least))
        assert listed(out) == names
        assert len(marked(out)) == len(names)
    assert not any(outcome.fresh for outcome in done(photos, out, None))
    assert marked(out) == [] and not (out / "review.txt").exists()


def test_marks_of_photos_outside_the_input_stay(photos: Path, tmp_path: Path) -> None:
    done(photos, tmp_path / "out", 0.6)
    done(photos, tmp_path / "out", None, only="30")
    assert listed(tmp_path / "out") == ["0", "50"]


def test_a_list_without_photos_is_empty(photos: Path, tmp_path: Path) -> None:
    done(photos, tmp_path / "out", 0.4, only="90")
    assert (tmp_path / "out/review.txt").exists() and listed(tmp_path / "out") == []


def test_the_list_is_up_to_date_while_a_run_waits_for_photos(photos: Path, tmp_path: Path) -> None:
    """A photo that is marked no more leaves it; it is not written where nothing changed."""
    out, times = tmp_path / "out", list[int]()
    steps = (("30", 30, ["30"]), ("50", 50, ["30", "50"]), ("30", 90, ["50"]), ("90", 90, ["50"]))

    def arriving() -> Iterator[Source | None]:
        for lines, (name, level, names) in enumerate(steps, 1):
            write_picture(photos / f"{name}.png", np.full((4, 5, 3), level, np.uint8))
            yield Source(photos / f"{name}.png", PurePosixPath(f"{name}.png"))
            deadline = monotonic() + 60
            while (out / "run.jsonl").read_bytes().count(b"\n") < lines or listed(out) != names:
                assert monotonic() < deadline, (name, names)
                yield None
            times.append((out / "review.txt").stat().st_mtime_ns)

    task = Task(see=see, out=out, pictures=("saliency",), settings="s", max_pixels=1000)
    with opened(out, {"wsseg": "0", "min_confidence": 0.6}) as journal:
        list(run(task, arriving(), journal, here, min_confidence=0.6))
    assert len(set(times)) == 3 and times[2] == times[3]
    assert listed(out) == ["50"]


def test_a_killed_run_is_listed_once_it_resumes(photos: Path, tmp_path: Path) -> None:
    done(photos, tmp_path / "out", 0.6)
    for name in ("run.json", "review.txt"):
        (tmp_path / "out" / name).unlink()
    done(photos, tmp_path / "out", 0.6, only="90")
    assert listed(tmp_path / "out") == ["0", "30", "50"]


def test_the_list_reads_back(photos: Path, tmp_path: Path) -> None:
    """This holds for photos of one name in several folders, and if one of them is gone."""
    for folder in ("a", "b/c"):
        write_picture(tmp_path / "more" / folder / "30.png", np.full((4, 5, 3), 30, np.uint8))
    sources = find_photos([photos, tmp_path / "more"])
    out = tmp_path / "out"
    task = Task(see=see, out=out, pictures=("saliency",), settings="s", max_pixels=1000)
    with opened(out, {"wsseg": "0", "min_confidence": 0.4}) as journal:
        list(run(task, sources, journal, here, min_confidence=0.4))
    (photos / "sub/0.png").unlink()
    found = find_photos([out / "review.txt"])
    assert [str(source.name) for source in found] == ["0.png", "more/a/30.png", "more/b/c/30.png", "photos/30.png"]
    again = Task(see=see, out=tmp_path / "again", pictures=("saliency",), settings="s", max_pixels=1000)
    with opened(again.out, {"wsseg": "0"}) as journal:
        gone, *others = [outcome.record.error for outcome in run(again, found, journal, here)]
    assert str(photos / "sub/0.png") in gone
    assert others == [""] * 3


def test_a_merged_run_has_the_highest_confidence_of_its_runs(photos: Path, tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("first", "second", "third")]
    for folder, least, only in zip(runs, (0.2, 0.6, None), ("30", "*0", "90"), strict=True):
        done(photos, folder, least, only=only)
    out = tmp_path / "out"
    assert merge_runs([runs[0], runs[2]], out).review == 0
    assert listed(out) == []
    assert merge_runs(runs, out).review == 3
    assert listed(out) == ["0", "30", "50"]
    assert len(marked(out)) == 3
    assert json.loads((out / "run.json").read_bytes())["min_confidence"] == 0.6
    assert not any(outcome.fresh for outcome in done(photos, out, 0.6))
    assert listed(out) == ["0", "30", "50"]


def test_a_merge_keeps_the_marks_of_a_killed_run_and_ignores_odd_confidences(photos: Path, tmp_path: Path) -> None:
    done(photos, tmp_path / "killed", 0.4, only="30")
    (tmp_path / "killed/run.json").unlink()
    done(photos, tmp_path / "odd", None, only="50")
    (tmp_path / "odd/run.json").write_text('{"wsseg": "0", "settings": "s", "min_confidence": "high"}')
    assert merge_runs([tmp_path / "killed", tmp_path / "odd"], tmp_path / "out").review == 1
    assert listed(tmp_path / "out") == ["30"]


def test_without_min_confidence_a_merge_lists_nothing(photos: Path, tmp_path: Path) -> None:
    done(photos, tmp_path / "run", None)
    assert merge_runs([tmp_path / "run"], tmp_path / "out").review is None
    assert not (tmp_path / "out/review.txt").exists()


RECIPE = wsseg.Recipe(method="spread_cam", mirror_given=False, objectness=0.0, exact_side=64)


@pytest.fixture(scope="module")
def classifier() -> wsseg.Classifier:
    return wsseg.load_classifier()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small photos that scikit-image ships."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("chelsea", "coffee"):
        write_picture(folder / f"{name}.png", np.ascontiguousarray(wsseg.read_image(photo_bytes(name))[::4, ::4]))
    return folder


class TestSegmentFolder:
    def test_another_confidence_makes_no_mask_anew(
        self, shipped: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        out = tmp_path / "out"
        first = wsseg.segment_folder(
            shipped, out, classifier=classifier, recipe=RECIPE, targets=["Egyptian cat", "espresso"]
        )
        assert first.review is None and not (out / "review.txt").exists()
        levels = sorted(record.trust for record in first.records)
        for least, review in ((1.0, 2), (levels[1], 1), (0.0, 0)):
            again = wsseg.segment_folder(
                shipped,
                out,
                classifier=classifier,
                recipe=RECIPE,
                targets=["Egyptian cat", "espresso"],
                min_confidence=least,
            )
            assert (again.kept, again.review, len(listed(out))) == (2, review, review)
            assert sum(record.review for record in again.records) == review
            assert again.masks == first.masks
        assert json.loads((out / "run.json").read_bytes())["min_confidence"] == 0.0

    def test_a_map_of_labels_is_marked_too(self, shipped: Path, tmp_path: Path, classifier: wsseg.Classifier) -> None:
        run = wsseg.segment_folder(
            shipped,
            tmp_path,
            classifier=classifier,
            recipe=RECIPE,
            targets=["Egyptian cat", "espresso"],
            together=True,
            min_confidence=1.0,
        )
        assert run.review == 2

    def test_the_list_is_written_while_folders_are_watched(
        self, shipped: Path, tmp_path: Path, classifier: wsseg.Classifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inbox, out = tmp_path / "in", tmp_path / "out"
        inbox.mkdir()
        (inbox / "chelsea.png").write_bytes((shipped / "chelsea.png").read_bytes())

        def watched(*given: Any) -> Iterator[Source | None]:
            deadline = monotonic() + 60
            for source in arriving_photos(*given):
                if listed(out) == ["chelsea"]:
                    raise KeyboardInterrupt
                assert monotonic() < deadline
                yield source

        monkeypatch.setattr("wsseg.runs.execute.arriving_photos", watched)
        with pytest.raises(KeyboardInterrupt):
            wsseg.segment_folder(inbox, out, classifier=classifier, recipe=RECIPE, watch=True, min_confidence=1.0)

    @pytest.mark.parametrize("least", [-0.1, 1.1, float("nan"), float("inf")])
    def test_a_confidence_out_of_range_is_refused(self, shipped: Path, tmp_path: Path, least: float) -> None:
        with pytest.raises(ValueError, match="^min_confidence must be from 0 to 1, got .*; wsseg calibrate"):
            wsseg.segment_folder(shipped, tmp_path / "out", min_confidence=least)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("least", [True, "0.5", [0.5]])
    def test_anything_but_a_number_is_refused(self, shipped: Path, tmp_path: Path, least: Any) -> None:
        with pytest.raises(TypeError, match="^min_confidence must be a number, got "):
            wsseg.segment_folder(shipped, tmp_path / "out", min_confidence=least)
