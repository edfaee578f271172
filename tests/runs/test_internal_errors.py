"""Bugs in a run: kept with their traceback, reported once, and the end of the run after ten in a row."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest
import torch

import wsseg
from wsseg.arrays import PhotoError
from wsseg.classifier.categories import Target
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here
from wsseg.files.encode import write_picture
from wsseg.files.levels import ReadError
from wsseg.files.names import Source
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.recipe import RecipeError
from wsseg.runs.batch import Engine, run
from wsseg.runs.bugs import MOST, InternalError, with_bugs_reported
from wsseg.runs.failures import attempt, is_bug, reason_of
from wsseg.runs.journal import opened
from wsseg.runs.record import Record, read_run
from wsseg.runs.task import Task
from wsseg.segmenting.results import SaliencyResult

BUG = "ValueError: operands could not be broadcast"

SOUND, BAD, BUGGY = 10, 20, 30
"""Grey levels of photos: one that is segmented, one that cannot be, and one that meets a bug."""

ENGINES = pytest.mark.parametrize("engine", [here, partial(in_processes, workers=2)], ids=["here", "processes"])


def see(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    level = int(photo.image[0, 0, 0])
    if level == BAD:
        raise PhotoError("too large")
    if level == BUGGY:
        raise ValueError("operands could not be broadcast")
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
        outcomes = list(with_bugs_reported(run(task, sources, journal, engine), notice))
    return sorted((outcome.record for outcome in outcomes), key=lambda record: record.name)


@ENGINES
def test_a_bug_fails_the_photo_and_keeps_the_traceback(tmp_path: Path, engine: Engine) -> None:
    notices: list[str] = []
    done = records(tmp_path, engine, [SOUND, BUGGY, BAD, SOUND, BUGGY], notices.append)
    assert [record.error for record in done] == ["", BUG, "too large", "", BUG]
    assert ["in see\n" in record.traceback for record in done] == [False, True, False, False, True]
    assert read_run(tmp_path / "out").records == tuple(done)
    (notice,) = notices  # The first one alone.
    assert "Traceback" in notice and "in see\n" in notice and f"{BUG}\n" in notice
    assert notice.endswith(
        ": this is a bug in wsseg, or in the classifier if it is your own, not a bad photo; "
        "please fix or report it with the traceback above"
    )


@ENGINES
def test_ten_bugs_in_a_row_end_the_run(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(
        InternalError,
        match="^10 photos in a row failed because of a bug in wsseg, or in the classifier if it is your own",
    ):
        records(tmp_path, engine, [SOUND, *[BUGGY] * (MOST + 5)], [].append)
    assert sum(bool(record.traceback) for record in read_run(tmp_path / "out").records) >= MOST


def test_fewer_bugs_in_a_row_do_not_end_the_run(tmp_path: Path) -> None:
    levels = [*[BUGGY] * (MOST - 1), BAD, *[BUGGY] * (MOST - 1), SOUND, BUGGY]
    assert len(records(tmp_path, here, levels, [].append)) == 2 * MOST + 1


def test_bad_photos_never_end_the_run(tmp_path: Path) -> None:
    assert len(records(tmp_path, here, [BAD] * (MOST + 5), [].append)) == MOST + 5


OPENCV = "OpenCV(5.0.0) file.cpp:1: error: "


@pytest.mark.parametrize(
    "error",
    [
        *(PhotoError("a"), ReadError("a"), MemoryError(), OSError("a")),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        cv2.error(f"{OPENCV}(-4:Insufficient memory) Failed to allocate 4 bytes in function 'OutOfMemoryError'"),
        cv2.error(f"{OPENCV}(-215:Assertion failed) dst.cols < SHRT_MAX && dst.rows < SHRT_MAX in function 'remap'"),
    ],
)
def test_these_fail_one_photo(error: Exception) -> None:
    assert not is_bug(error)
    assert reason_of(error) in (str(error), "MemoryError")


@pytest.mark.parametrize(
    "error",
    [
        *(TypeError(), KeyError(), IndexError(), AttributeError(), AssertionError(), ZeroDivisionError()),
        *(NotImplementedError(), RecursionError(), np.exceptions.AxisError("a"), ImportError()),
        *(ValueError("operands could not be broadcast"), UnicodeDecodeError("utf-8", b"a", 0, 1, "bad")),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        cv2.error(f"{OPENCV}(-215:Assertion failed) inv_scale_x > 0 in function 'resize'"),
    ],
)
def test_these_are_bugs(error: Exception) -> None:
    assert is_bug(error)
    assert reason_of(error) == f"{type(error).__name__}: {error}"


def test_what_torch_and_opencv_say_without_memory_is_known() -> None:
    for act in (
        lambda: torch.empty(10**15),
        lambda: cv2.resize(np.zeros((2, 2), np.uint8), (2**18, 2**22)),
        lambda: cv2.remap(*[np.zeros((2, 2**15), np.float32)] * 3, cv2.INTER_NEAREST),
    ):
        with pytest.raises((RuntimeError, cv2.error)) as raised:
            act()
        assert not is_bug(raised.value)


def test_an_attempt_raises_bugs_and_returns_failures() -> None:
    def act(error: Exception) -> None:
        raise error

    assert attempt(act, PhotoError("a")) == (None, "a")
    assert attempt(act, MemoryError()) == (None, "MemoryError")
    for error in (KeyError("a"), ValueError("a"), RecipeError("a"), OSError("full")):
        with pytest.raises(type(error)):
            attempt(act, error)


class Own(torch.nn.Module):
    """A network of one's own, with a bug that may come later."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=4), torch.nn.ReLU())
        self.linear = torch.nn.Linear(4, 5)
        self.error: Exception | None = None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.error:
            raise self.error
        scores: torch.Tensor = self.linear(self.layers(inputs).mean((2, 3)))
        return scores


@pytest.mark.parametrize("error", [ValueError("shapes"), RuntimeError("mat1 and mat2"), AttributeError("no")])
def test_a_bug_in_a_classifier_of_one_s_own_is_called_that(tmp_path: Path, error: Exception) -> None:
    write_picture(tmp_path / "a.png", np.full((40, 50, 3), 9, np.uint8))
    module = Own()
    classifier = wsseg.load_classifier(module, preprocessing=wsseg.IMAGENET)
    module.error = error
    notices: list[str] = []
    run = wsseg.segment_folder(tmp_path / "a.png", tmp_path / "out", classifier=classifier, notice=notices.append)
    assert list(run.failures.values()) == [f"{type(error).__name__}: {error}"]
    assert "in forward" in notices[0] and "or in the classifier if it is your own" in notices[0]


def test_a_recipe_that_does_not_suit_the_classifier_ends_the_run(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.full((40, 50, 3), 9, np.uint8))
    with pytest.raises(RecipeError, match="^layers must name layers of efficientnet_lite0"):
        wsseg.segment_folder(tmp_path / "a.png", tmp_path / "out", recipe=wsseg.Recipe(method="grad_cam", layers="no"))
