"""Runs that are killed, interrupted or out of memory: they end clearly, leave nothing behind, and can resume."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from importlib import resources
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image as pillow

from wsseg.classifier.categories import Target
from wsseg.cli.app import main
from wsseg.engines.processes import in_processes
from wsseg.files.encode import write_picture
from wsseg.files.names import Source
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.runs.batch import run
from wsseg.runs.journal import opened
from wsseg.runs.record import LINES, RUN, WORKING
from wsseg.runs.task import Task
from wsseg.segmenting.results import SaliencyResult

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]

PROGRAM = (sys.executable, "-c", "from wsseg.cli.app import main; main()")
QUICK = (
    "--objectness",
    "0",
    "--samples",
    "1",
    "--no-mirror",
    "--exact-side",
    "64",
    "--write",
    "mask,saliency",
    "--progress",
    "none",
)
PATIENCE = 240
"""Seconds that nothing takes, however busy the machine is."""

Program = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 18 photos of some 75 pixels."""
    folder = tmp_path_factory.mktemp("chaos") / "photos"
    folder.mkdir()
    for name in ("chelsea", "coffee", "astronaut"):
        with resources.as_file(resources.files("skimage") / "data" / f"{name}.png") as path:
            picture = pillow.open(path).convert("RGB").reduce(6)
        for number in range(6):
            picture.rotate(9 * number).save(folder / f"{name}{number}.jpg")
    return folder


@pytest.fixture(scope="module")
def whole(photos: Path) -> Path:
    """An undisturbed run by one process; runs by two processes give the same."""
    out = photos.parent / "whole"
    assert finished(photos, out) == (0, "18 of 18 photos done")
    return out


def finished(photos: Path, out: Path) -> tuple[int, str]:
    """Return the exit code and the message of a run in this process, which needs no start."""
    stderr = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()), redirect_stderr(stderr):
        patch.setattr(sys, "argv", ["wsseg", *words_for(photos, out, workers=1)])
        with pytest.raises(SystemExit) as left:
            main()
    return int(left.value.code or 0), message_of(stderr.getvalue(), out)


def words_for(photos: Path, out: Path, *, workers: int) -> list[str]:
    return ["segment", str(photos), "-o", str(out), "--workers", str(workers), *QUICK]


def message_of(stderr: str, out: Path) -> str:
    """Return the message of a run without the paths of its pictures."""
    return stderr.strip().partition(f": {out}/masks,")[0]


@contextmanager
def started(photos: Path, out: Path, *, workers: int, prepare: Callable[[], object] = int) -> Iterator[Program]:
    """Yield the running program in its own process group, and end all of the group."""

    def prepared() -> None:
        # A test run in the background ignores interrupts, and so would its child processes.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prepare()

    words = (*PROGRAM, *words_for(photos, out, workers=workers))
    program = subprocess.Popen(words, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=prepared)
    try:
        yield program
        program.communicate(timeout=PATIENCE)
        until(lambda: not processes_of(program.pid), program)
    finally:
        if processes_of(program.pid):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()


def ended(photos: Path, out: Path, *, workers: int, prepare: Callable[[], object] = int) -> tuple[int, str]:
    """Return the exit code of a run and its message."""
    with started(photos, out, workers=workers, prepare=prepare) as program:
        stderr = program.communicate(timeout=PATIENCE)[1].decode()
    return program.returncode, message_of(stderr, out)


def until(holds: Callable[[], object], program: Program) -> None:
    """Wait until the condition holds or the program ends."""
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        if program.poll() is not None and processes_of(program.pid) == []:
            return
        time.sleep(0.02)


def processes_of(group: int, *, called: str = "") -> list[int]:
    """Return the live processes of a group with this word in their command."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            command = (folder / "cmdline").read_text()
        except OSError:  # It has just ended.
            continue
        if int(its_group) == group and state not in "ZX" and called in command:
            found.append(int(folder.name))
    return found


def workers_of(program: Program) -> list[int]:
    """Return the processes that were forked from the one that the program started for it."""
    return [one for one in processes_of(program.pid, called="forkserver") if parent_of(one) != program.pid]


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def lines_in(out: Path) -> int:
    return (out / LINES).read_bytes().count(b"\n") if (out / LINES).exists() else 0


def until_more(program: Program, out: Path, count: int) -> None:
    """Wait until this run has recorded this many more photos."""
    until((out / WORKING / "lock").exists, program)
    before = lines_in(out)
    until(lambda: lines_in(out) >= before + count, program)


def pictures_in(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")}


def lines_of(out: Path) -> list[dict[str, object]]:
    """Return the records in their order, without their durations."""
    lines = (out / LINES).read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name != "seconds"} for line in lines]


def assert_same(out: Path, whole: Path) -> None:
    """Check that the run equals one that was never disturbed."""
    assert pictures_in(out) == pictures_in(whole)
    assert lines_of(out) == lines_of(whole)
    assert json.loads((out / RUN).read_bytes()) == json.loads((whole / RUN).read_bytes())
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in whole.iterdir())


@pytest.mark.parametrize("seed", [0, 1])
def test_a_killed_run_resumes_to_the_same_result(photos: Path, whole: Path, tmp_path: Path, seed: int) -> None:
    """It is killed once while it starts and once while it works; a worker may be killed first."""
    chance, out = random.Random(seed), tmp_path / "out"
    for works in (False, True):
        with started(photos, out, workers=2) as program:
            if works:
                until_more(program, out, chance.randint(1, 3))
                for worker in workers_of(program)[: chance.randint(0, 1)]:
                    os.kill(worker, signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.3 if works else 3))
            program.kill()
            errors = program.communicate(timeout=PATIENCE)[1]
            # Python's fork server says so if the program dies while it asks for a worker.
            assert errors == b"" or (b"recvfds" in errors and errors.endswith(b"\nEOFError\n")), errors
        assert not (out / RUN).exists()
    assert finished(photos, out)[0] == 0
    assert_same(out, whole)


def test_a_run_survives_its_workers(photos: Path, whole: Path, tmp_path: Path) -> None:
    with started(photos, tmp_path / "out", workers=2) as program:
        until_more(program, tmp_path / "out", 2)
        os.kill(workers_of(program)[0], signal.SIGKILL)
    assert program.returncode == 0
    assert_same(tmp_path / "out", whole)


def test_workers_that_cannot_start_end_a_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them dies as it is forked, before it gets its task."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if any('forkserver' in word for word in sys.orig_argv):\n"
        "    os.register_at_fork(after_in_child=lambda: os._exit(7))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    code, message = ended(photos, tmp_path / "out", workers=2)
    assert code == 2
    assert message.startswith("error: workers must be able to start, got exit code 7; give them more memory")
    assert json.loads((tmp_path / "out" / RUN).read_bytes())["state"] == "interrupted"


def deadly(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    """A segmenter whose process is killed by an all-white photo."""
    if photo.image.min() == 255:
        os._exit(9)
    saliency = (photo.image[..., 0] / 255).astype(np.float32)
    return (SaliencyResult(photo.image, Target((0,), "class 0"), 1.0, saliency, (), Target((0,), "class 0")),)


def test_a_photo_that_kills_every_worker_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    levels = (10, 20, 255, 30, 40)
    for number, level in enumerate(levels):
        write_picture(tmp_path / f"photos/{number}.png", np.full((4, 5, 3), level, np.uint8))
    sources = [Source(tmp_path / f"photos/{number}.png", PurePosixPath(f"{number}.png")) for number in range(5)]
    task = Task(see=deadly, out=tmp_path / "out", pictures=("saliency",), settings="s", max_pixels=100)
    with opened(task.out, {"wsseg": "0"}) as journal:
        outcomes = list(run(task, sources, journal, partial(in_processes, workers=2)))
    errors = {outcome.record.name: outcome.record.error for outcome in outcomes}
    assert errors == dict.fromkeys("0134", "") | {
        "2": "killed its worker 3 times (exit code 9), probably out of memory; use fewer workers or make it smaller"
    }
    assert sorted(pictures_in(task.out)) == [f"saliency/{number}.png" for number in (0, 1, 3, 4)]
    assert json.loads((task.out / RUN).read_bytes())["counts"] == {"photos": 5, "done": 4, "failed": 1}


def by_ctrl_c(program: Program) -> None:
    """Interrupt the program as a terminal does, workers included."""
    os.killpg(program.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("interrupt", "code", "workers"),
    [(by_ctrl_c, 130, 2), (Program.terminate, 143, 2), (Program.terminate, 143, 1)],
)
def test_an_interrupted_run_says_so_and_can_resume(
    photos: Path,
    whole: Path,
    tmp_path: Path,
    interrupt: Callable[[Program], None],
    code: int,
    workers: int,
) -> None:
    out = tmp_path / "out"
    with started(photos, out, workers=workers) as program:
        until_more(program, out, 1)
        interrupt(program)
        stderr = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == code
    assert stderr == b"interrupted; rerun the command to resume\n"
    made_by = json.loads((out / RUN).read_bytes())
    assert made_by["state"] == "interrupted" and 0 < made_by["counts"]["done"] < 18
    assert not (out / WORKING).exists()
    assert finished(photos, out)[1].startswith("18 of 18 photos done (")
    assert_same(out, whole)


@pytest.mark.parametrize("workers_start", [False, True])
def test_an_interrupt_at_the_start_is_not_a_crash(photos: Path, tmp_path: Path, workers_start: bool) -> None:
    """Neither the program, which is still importing, nor the workers crash."""
    with started(photos, tmp_path / "out", workers=2) as program:
        if workers_start:
            until((tmp_path / "out" / LINES).exists, program)
            time.sleep(0.7)
        else:
            until(lambda: "libtorch" in Path(f"/proc/{program.pid}/maps").read_text(), program)
        by_ctrl_c(program)
        stderr = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 130
    assert stderr == b"interrupted; rerun the command to resume\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A separate disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted(folder, "-t", "tmpfs", "-o", "size=64k", "none")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def mounted(folder: Path, *words: str) -> None:
    """Mount something there, or skip the test if only root can."""
    try:
        subprocess.run(["mount", *words, str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a disk here")


def assert_stopped(end: tuple[int, str], reason: str) -> None:
    """Check that it ended with one sentence that has a remedy."""
    code, text = end
    assert code == 2
    assert text.startswith("error: ") and text.count("\n") == 0
    assert f" must be writable, got '{reason}'; make room or choose another folder" in text


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_resumes_after_a_full_disk(photos: Path, whole: Path, disk: Path, workers: int) -> None:
    assert_stopped(ended(photos, disk / "out", workers=workers), "No space left on device")
    done = pictures_in(disk / "out")
    assert done.items() <= pictures_in(whole).items()
    assert not (disk / "out" / WORKING).exists()
    mounted(disk, "-o", "remount,size=8m")
    assert finished(photos, disk / "out")[0] == 0
    assert_same(disk / "out", whole)


def test_finished_photos_are_kept_when_the_journal_cannot_be_written(photos: Path, whole: Path, tmp_path: Path) -> None:
    """The size of files is limited here, and the file of records is the first to reach the limit."""
    resource = pytest.importorskip("resource")
    small = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (9000, 9000))
    assert max(len(picture) for picture in pictures_in(whole).values()) < 9000
    assert_stopped(ended(photos, tmp_path / "out", workers=1, prepare=small), "File too large")
    assert finished(photos, tmp_path / "out")[0] == 0
    assert_same(tmp_path / "out", whole)


def test_a_folder_that_cannot_be_written_is_named_at_once(photos: Path, disk: Path) -> None:
    mounted(disk, "-o", "remount,ro")
    assert finished(photos, disk / "out") == (
        2,
        f"error: '{disk / 'out'}' must be writable, got 'Read-only file system'; "
        "change its permissions or choose another",
    )


def test_a_file_in_the_way_of_pictures_is_named(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / WORKING).mkdir(parents=True)
    (out / "saliency").write_text("mine")
    code, message = finished(photos, out)
    assert (code, message.count("\n")) == (2, 0)
    assert f"error: '{out}/saliency/" in message and "must be writable, got 'File exists'" in message
    assert (out / "saliency").read_text() == "mine"
    assert json.loads((out / RUN).read_bytes())["state"] == "interrupted"


def test_two_runs_into_one_folder_do_not_disturb_each_other(photos: Path, whole: Path, tmp_path: Path) -> None:
    with started(photos, tmp_path / "out", workers=1) as program:
        until((tmp_path / "out" / WORKING / "lock").exists, program)
        os.kill(program.pid, signal.SIGSTOP)  # Otherwise it might end before the other begins.
        code, message = finished(photos, tmp_path / "out")
        os.kill(program.pid, signal.SIGCONT)
    assert (
        code == 2
        and "out must not be in use" in message
        and "where another run is at work; wait until it ends" in message
    )
    assert program.returncode == 0
    assert_same(tmp_path / "out", whole)


def names_in(folder: Path) -> Collection[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_links_are_not_followed_and_a_run_may_lie_among_its_photos(photos: Path, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / f"{folder.name}.jpg").write_bytes((photos / "coffee0.jpg").read_bytes())
    (inside / "file.jpg").symlink_to(outside / "outside.jpg")
    (inside / "folder").symlink_to(outside)
    (inside / "self").symlink_to(inside)
    for done in ("1 of 1 photo done", "1 of 1 photo done (1 from an earlier run)"):
        assert finished(inside, inside / "out") == (0, done)
    assert names_in(outside) == {"outside.jpg"}
    assert sorted(pictures_in(inside / "out")) == ["masks/inside.png", "saliency/inside.png"]
