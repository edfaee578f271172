"""The program: its first word, how it ends, and how a shell completes it."""

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import Run

import wsseg
from wsseg.cli.app import COMMANDS
from wsseg.evaluation.protocols import PROTOCOLS
from wsseg.recipe import RECIPES
from wsseg.runs.bugs import InternalError


class TestFirstWord:
    @pytest.mark.parametrize("first", ["photo.jpg", "some/photo", "*.png", "photos", "s3://bucket/photos"])
    def test_a_photo_is_segmented(self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str) -> None:
        asked: list[list[str]] = []

        def segment_folder(sources: Sequence[Path], out: Path, **options: Any) -> None:
            asked.append([str(source) for source in sources])
            raise ValueError("enough")

        monkeypatch.setattr(wsseg, "segment_folder", segment_folder)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "photos").mkdir()
        run(first, "other.jpg", "-o", "out")
        assert asked == [[first, "other.jpg"]]

    def test_a_command_is_not_a_photo(self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "report").mkdir()
        assert "see wsseg report --help" in run("report").err

    def test_an_unknown_command_suggests_the_nearest(self, run: Run) -> None:
        ended = run("visualise", "lemon")
        assert ended.code == 2
        assert ended.err == (
            "error: the first word must be a command or a photo, got 'visualise'; did you mean visualize?\n"
        )
        assert run("xyzzy").err.endswith("got 'xyzzy'; see wsseg --help\n")

    def test_no_command_shows_the_commands(self, run: Run) -> None:
        ended = run()
        assert ended.code == 2
        assert ended.out == run("--help").out
        assert all(f"│ {command} " in ended.out for command in COMMANDS)

    def test_the_module_is_the_program(self) -> None:
        ended = subprocess.run([sys.executable, "-m", "wsseg", "--version"], capture_output=True, text=True)
        assert (ended.returncode, ended.stdout) == (0, f"{wsseg.__version__}\n")


class TestEnd:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_run_that_is_interrupted_can_resume(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
    ) -> None:
        def segment_folder(*_: object, **__: object) -> None:
            signal.raise_signal(number)

        before = signal.getsignal(signal.SIGTERM)
        monkeypatch.setattr(wsseg, "segment_folder", segment_folder)
        try:
            ended = run("segment", "a.jpg", "-o", "out")
        finally:
            signal.signal(signal.SIGTERM, before)
        assert ended == (code, "", "interrupted; rerun the command to resume\n")

    def test_bugs_are_shown_and_end_a_run(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def segment_folder(*_: object, notice: Callable[[str], None], **__: object) -> None:
            notice("Traceback (most recent call last):\n  in see\nKeyError: 'a\x1b'\na.jpg: this is a bug")
            raise InternalError("ten in a row")

        monkeypatch.setattr(wsseg, "segment_folder", segment_folder)
        ended = run("segment", "a.jpg", "-o", "out")
        assert ended.code == 2
        assert ended.err.splitlines() == [
            "Traceback (most recent call last):",
            "  in see",
            r"KeyError: 'a\x1b'",
            "a.jpg: this is a bug",
            "error: ten in a row",
        ]

    @pytest.mark.parametrize("error", [ValueError("no"), TypeError("no"), FileExistsError("no"), OSError("no")])
    def test_a_user_s_mistake_is_one_sentence(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def diagnose() -> None:
            raise error

        monkeypatch.setattr(wsseg, "diagnose", diagnose)
        assert run("doctor") == (2, "", "error: no\n")

    def test_a_bug_is_not_hidden(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def diagnose() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(wsseg, "diagnose", diagnose)
        with pytest.raises(ZeroDivisionError):
            run("doctor")


class TestCompletion:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("segment", "--recipe", ""), RECIPES),
            (("segment", "--classifier", "efficientnet_lite"), ["efficientnet_lite0"]),
            (("evaluate", "--protocol", ""), PROTOCOLS),
            (("export", "--to", ""), ["coco", "yolo"]),
        ],
    )
    def test_a_shell_completes_names(self, run: Run, words: Sequence[str], expected: Sequence[str]) -> None:
        assert set(expected) <= set(run("__complete", *words).out.split("\n"))

    def test_the_completion_script_knows_commands_and_flags(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert run("--install-completion", "--shell", "bash", "--output", tmp_path / "script").code == 0
        script = (tmp_path / "script").read_text()
        assert all(command in script for command in COMMANDS)
        assert "--smoothness-hinted" in script
        assert str(tmp_path / "script") in (tmp_path / ".bashrc").read_text()
