"""A batch on Ray: the results are those of any engine, and an actor that dies loses no item."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow
from test_engines import KillsOnArrival, by, deadly, lost, squares

from wsseg.classifier.categories import Target
from wsseg.cli.app import main
from wsseg.engines.cluster import BLOCK, on_ray
from wsseg.engines.stream import CRASHES, here
from wsseg.files.encode import write_picture
from wsseg.files.find import find_photos
from wsseg.files.photos import Photo
from wsseg.graphcut.hints import Hints
from wsseg.runs.batch import Engine, run
from wsseg.runs.journal import opened
from wsseg.runs.record import read_run
from wsseg.runs.task import Outcome, Task
from wsseg.segmenting.results import SaliencyResult

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

pytestmark = [
    pytest.mark.slow,
    # Ray's own warnings.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    # Its sockets and processes end with the interpreter.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A cluster of two workers for all tests here, because it takes ten seconds to start."""
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {"env_vars": {"PYTHONPATH": here}}  # So that workers find this file.
    with suppress(Exception):  # Ray waits only 30 seconds, which a busy machine may need.
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    if not ray.is_initialized():
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield
    ray.shutdown()


def see(photo: Photo, hints: Hints | None, marker: Path | None = None) -> tuple[SaliencyResult, ...]:
    """A map as bright as the photo; the brightest photo kills its process once."""
    if marker and photo.image[0, 0, 0] == 110:
        deadly(1, 1, marker)
    saliency = (photo.image[..., 0] / 255).astype(np.float32)
    return (SaliencyResult(photo.image, Target((0,), "class 0"), 1.0, saliency, (), Target((0,), "class 0")),)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(12):
        write_picture(tmp_path / f"photos/{number:02}.png", np.full((4, 5, 3), 10 * number, np.uint8))
    return tmp_path / "photos"


def done(photos: Path, out: Path, engine: Engine, marker: Path | None = None) -> list[Outcome]:
    task = Task(see=partial(see, marker=marker), out=out, pictures=("saliency",), settings="s1", max_pixels=1000)
    with opened(out, {"wsseg": "0"}) as journal:
        return list(run(task, find_photos([photos]), journal, engine))


def pictures_in(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*.png"))}


def test_ray_gives_the_same_results_and_takes_items_on_demand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wsseg.engines.cluster.WINDOW", 1)
    taken: list[int | None] = []

    def items() -> Iterator[int | None]:
        for item in [*range(10), None, *range(10, 20)]:
            taken.append(item)
            yield item

    results = on_ray(squares, items(), lost=lost, workers=2)
    first = next(results)
    assert len([item for item in taken if item is not None]) == 2 * BLOCK
    assert sorted([first, *results]) == [(item, item**2) for item in range(20)]


def test_without_items_there_are_no_results() -> None:
    assert list(on_ray(squares, [], lost=lost)) == []


def test_a_killed_actor_s_photos_are_done_by_another(photos: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    outcomes = done(photos, tmp_path / "out", partial(on_ray, workers=2), marker)
    assert marker.exists()
    assert not any(outcome.record.error for outcome in outcomes)
    done(photos, tmp_path / "whole", here)
    assert pictures_in(tmp_path / "out") == pictures_in(tmp_path / "whole")
    assert len(pictures_in(tmp_path / "out")) == len(read_run(tmp_path / "out").records) == 12


def test_an_item_that_kills_every_actor_is_lost_alone() -> None:
    found = dict(on_ray(partial(by, partial(deadly, fatal=4)), range(2 * BLOCK), lost=lost, workers=2))
    assert found == {n: n**2 for n in range(2 * BLOCK)} | {
        4: "killed its worker 3 times (by Ray), probably out of memory; give workers more memory or make it smaller"
    }


def full(items: Iterable[int | None]) -> Iterator[int]:
    for item in items:
        if item == 2:
            raise OSError("no space")
        yield item or 0


def test_errors_of_the_item_stream_are_raised_here() -> None:
    with pytest.raises(OSError, match="^no space") as raised:
        list(on_ray(full, [1, 2, 3], lost=lost))
    assert "in full" in raised.value.__notes__[0]


def test_actors_that_cannot_start_are_not_retried_forever() -> None:
    with pytest.raises(ChildProcessError, match="^workers must be able to start, got"):
        list(on_ray(KillsOnArrival(), range(CRASHES), lost=lost, workers=1))


def cat(folder: Path) -> Path:
    folder.mkdir()
    with resources.as_file(resources.files("skimage") / "data" / "chelsea.png") as path:
        pillow.open(path).reduce(4).save(folder / "cat.png")
    return folder


QUICK = ("--objectness", "0", "--samples", "1", "--exact-side", "64")


def test_an_unreachable_cluster_is_named(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from wsseg.cli.app import main; main()", "segment", str(cat(tmp_path / "photos"))]
    environment = os.environ | {"RAY_ADDRESS": "nowhere"}
    ended = subprocess.run(
        [*words, "-o", str(tmp_path / "out"), "--engine", "ray"], capture_output=True, text=True, env=environment
    )
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert (
        "error: Ray must start, or join RAY_ADDRESS, got 'Invalid address format: nowhere'; check that address"
        in ended.stderr
    )


class TestCommand:
    def ended(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
    ) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["wsseg", "segment", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().err

    def test_ray_does_what_one_process_does_and_nothing_twice(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        photos = cat(tmp_path / "photos")
        (photos / "torn.png").write_bytes(b"torn")
        for out, engine in (("here", ("--workers", 1)), ("ray", ("--engine", "ray"))):
            code, message = self.ended(monkeypatch, capsys, photos, "-o", tmp_path / out, *engine, *QUICK)
            assert code == 1 and "1 of 2 photos done" in message, message
        assert pictures_in(tmp_path / "here") == pictures_in(tmp_path / "ray")
        (photos / "torn.png").unlink()
        words = (photos, "-o", tmp_path / "ray", "--workers", 1, *QUICK)
        assert "1 of 1 photo done (1 from an earlier run)" in self.ended(monkeypatch, capsys, *words)[1]

    @pytest.mark.parametrize("words", [("--watch",), ("--device", "cuda")])
    def test_unsupported_options_are_refused(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        words: tuple[str, ...],
    ) -> None:
        given = (cat(tmp_path / "photos"), "-o", tmp_path / "out", "--engine", "ray", *words)
        code, told = self.ended(monkeypatch, capsys, *given)
        assert code == 2 and f"engine ray (--engine ray) does not support {' '.join(words).strip('-')}" in told
        assert not (tmp_path / "out").exists()

    def test_an_interrupt_stops_the_run_and_its_actors(self, tmp_path: Path) -> None:
        photos = cat(tmp_path / "photos")
        for number in range(30):
            (photos / f"{number}.png").write_bytes((photos / "cat.png").read_bytes())
        words = ("segment", photos, "-o", tmp_path / "out", "--engine", "ray", "--workers", "1", "--progress", "none")
        script = "import ray; ray_init = ray.init; ray.init = lambda **k: ray_init('local', num_cpus=1, **k); "
        program = [sys.executable, "-c", f"{script}from wsseg.cli.app import main; main()", *map(str, words)]
        # A test run in the background ignores interrupts, and so would its child processes.
        restore_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, preexec_fn=restore_interrupts) as running:
            while not list((tmp_path / "out").rglob("masks/*.png")):
                assert running.poll() is None
                time.sleep(0.2)
            before = children_of(running.pid)
            os.kill(running.pid, signal.SIGINT)
            message = running.communicate(timeout=60)[1]
        assert running.returncode == 130
        assert "Traceback" not in message, message
        assert before and not [pid for pid in before if Path(f"/proc/{pid}/exe").exists()]


def children_of(pid: int) -> list[int]:
    parents = {int(path.name): parent_of(path) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    return [child for child, parent in parents.items() if parent == pid]


def parent_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # It has ended.
        return 0
