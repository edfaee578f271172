"""The sample photos and their run."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import Run
from fsspec.implementations.memory import MemoryFileSystem

import wsseg
from wsseg.runs.demo import SAMPLES, write_samples


def test_the_samples_are_photos(tmp_path: Path) -> None:
    write_samples(tmp_path)
    sizes = [wsseg.read_image(tmp_path / f"photos/{name}.jpg").shape for name in SAMPLES]
    assert all(min(height, width) >= 300 and channels == 3 for height, width, channels in sizes)
    assert (tmp_path / "cat.jpg").read_bytes() == (tmp_path / "photos/cat.jpg").read_bytes()


def test_a_folder_with_files_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(
        FileExistsError, match="^out must be a new or empty folder, got .*; choose another or use force"
    ):
        wsseg.demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_refused_without_a_remedy_that_fails(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    for force in (False, True):
        with pytest.raises(
            FileExistsError, match="^out must be a folder, got the file .*mine.txt'; choose another folder"
        ):
            wsseg.demo(tmp_path / "mine.txt", force=force)


def test_an_unknown_recipe_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^recipe must be one of"):
        wsseg.demo(tmp_path / "demo", recipe="nope")
    assert not (tmp_path / "demo").exists()


def test_the_command_takes_no_empty_folder(run: Run) -> None:
    assert run("demo", "-o", "") == (2, "", "error: -o must not be empty, got ''; give a path\n")


def test_a_store_that_does_not_answer_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise RuntimeError("no credentials")

    monkeypatch.setattr(MemoryFileSystem, "info", lost)
    monkeypatch.setattr(MemoryFileSystem, "exists", lost)
    ended = run("demo", "-o", "memory://lost/demo")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith(
        "must be in a store that answers, got 'RuntimeError: no credentials'; check its address and keys\n"
    )


def test_the_quiet_command_prints_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsseg, "demo", lambda *_, **__: SimpleNamespace(failed=0))
    assert run("demo", "-o", tmp_path, "--quiet") == (0, "", "")


@pytest.mark.slow
def test_the_demo_segments_its_photos(tmp_path: Path) -> None:
    seen = []
    run = wsseg.demo(tmp_path / "demo", recipe="fast", progress=seen.append)
    assert (run.done, run.failed, len(seen)) == (6, 0, 6)
    assert all(np.any(wsseg.read_mask(mask)) for mask in run.masks)
    assert [folder.name for folder in run.folders] == ["masks", "cutouts", "overlays"]
