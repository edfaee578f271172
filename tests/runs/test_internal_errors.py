"""Bugs of wsseg in a run: kept with their traceback, reported once, and ending the run after ten in a row."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest

from wsseg.classifier.categories import Target
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here
from wsseg.files.encode import write_picture
from wsseg.files.levels import ReadError
from wsseg.files.names import Source
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.runs.attempt import attempt, is_fault
from wsseg.runs.batch import Engine, run
from wsseg.runs.faults import MOST, InternalError, with_faults_reported
from wsseg.runs.journal import opened
from wsseg.runs.record import Record, read_run
from wsseg.runs.task import Task
from wsseg.segmenting.results import SaliencyResult

SOUND, BAD, BUGGY = 10, 20, 30
"""Grey levels of photos: one that is segmented, one that cannot be, and one that meets a bug."""

ENGINES = pytest.mark.parametrize("engine", [here, partial(in_processes, workers=2)], ids=["here", "processes"])


def see(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    level = int(photo.image[0, 0, 0])
    if level == BAD:
        raise RuntimeError("too large")
    if level == BUGGY:
        raise KeyError("a slip")
    saliency = np.zeros(photo.image.shape[:2], np.float32)
    target = Target((0,), "cat")
    return (SaliencyResult(photo.image, target, 1.0, saliency, (), target),)


def records(folder: Path, engine: Engine, levels: Sequence[int], notice: Callable[[str], None]) -> list[Record]:
    """The outcomes of a run over photos of these levels, in the order of their names."""
    sources = []
    for number, level in enumerate(levels):
        path = folder / f"photos/{number:02}.png"
        write_picture(path, np.full((4, 5, 3), level, np.uint8))
        sources.append(Source(path, PurePosixPath(path.name)))
    task = Task(see=see, out=folder / "out", pictures=("saliency",), settings="s", max_pixels=1000)
    with opened(task.out, {"wsseg": "0"}) as journal:
        outcomes = list(with_faults_reported(run(task, sources, journal, engine), notice))
    return sorted((outcome.record for outcome in outcomes), key=lambda record: record.name)


@ENGINES
def test_a_bug_fails_its_photo_with_a_traceback(tmp_path: Path, engine: Engine) -> None:
    notices: list[str] = []
    done = records(tmp_path, engine, [SOUND, BUGGY, BAD, SOUND, BUGGY], notices.append)
    assert [record.error for record in done] == ["", "KeyError: 'a slip'", "too large", "", "KeyError: 'a slip'"]
    assert ["in see\n" in record.traceback for record in done] == [False, True, False, False, True]
    assert read_run(tmp_path / "out").records == tuple(done)
    (notice,) = notices  # Only the first one.
    assert "Traceback" in notice and "in see\n" in notice and "KeyError: 'a slip'\n" in notice
    assert notice.endswith("this is a fault of wsseg, not of the photo; please report it with the traceback above")


@ENGINES
def test_ten_bugs_in_a_row_end_the_run(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(
        InternalError, match=r"^photos must not fail by a fault of wsseg, got 10 in a row, the last with"
    ):
        records(tmp_path, engine, [SOUND, *[BUGGY] * (MOST + 5)], [].append)
    assert sum(bool(record.traceback) for record in read_run(tmp_path / "out").records) >= MOST


def test_fewer_bugs_in_a_row_do_not_end_the_run(tmp_path: Path) -> None:
    levels = [*[BUGGY] * (MOST - 1), BAD, *[BUGGY] * (MOST - 1), SOUND, BUGGY]
    assert len(records(tmp_path, here, levels, [].append)) == 2 * MOST + 1


def test_bad_photos_never_end_the_run(tmp_path: Path) -> None:
    assert len(records(tmp_path, here, [BAD] * (MOST + 5), [].append)) == MOST + 5


@pytest.mark.parametrize(
    "error", [ReadError("a"), ValueError("a"), MemoryError(), RuntimeError("a"), cv2.error("a"), OSError("a")]
)
def test_these_errors_belong_to_the_photo(error: Exception) -> None:
    assert not is_fault(error)


@pytest.mark.parametrize(
    "error",
    [
        *(TypeError(), KeyError(), IndexError(), AttributeError(), AssertionError(), ZeroDivisionError()),
        *(NotImplementedError(), RecursionError(), np.exceptions.AxisError("a"), ImportError()),
    ],
)
def test_these_errors_are_bugs_in_wsseg(error: Exception) -> None:
    assert is_fault(error)


def test_an_attempt_raises_bugs_and_returns_failures() -> None:
    def act(error: Exception) -> None:
        raise error

    assert attempt(act, ValueError("a")) == (None, "a")
    assert attempt(act, MemoryError()) == (None, "MemoryError")
    for error in (KeyError("a"), RecursionError("a"), OSError("full")):
        with pytest.raises(type(error)):
            attempt(act, error)
