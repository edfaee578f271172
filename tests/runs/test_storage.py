"""Runs from and to an object store: a local server that speaks S3."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow

import wsseg
from wsseg.classifier.categories import Target
from wsseg.engines.cluster import on_ray
from wsseg.engines.processes import in_processes
from wsseg.engines.stream import here
from wsseg.files.decode import read_file
from wsseg.files.encode import encoded_picture
from wsseg.files.find import find_photos
from wsseg.files.photos import Photo
from wsseg.files.store import path_of, store_of
from wsseg.graphcut.hints import Hints
from wsseg.runs import lines
from wsseg.runs.batch import Engine, run
from wsseg.runs.journal import Journal, opened
from wsseg.runs.merge import merge_runs
from wsseg.runs.photos import without_run_outputs
from wsseg.runs.record import read_run
from wsseg.runs.task import Outcome, Task, name_of
from wsseg.runs.watch import arriving
from wsseg.segmenting.results import SaliencyResult

pytest.importorskip("s3fs")
pytest.importorskip("upath")
moto_server = pytest.importorskip("moto.server")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        # s3fs closes its connections only when the interpreter or its file systems end.
        "ignore:unclosed:ResourceWarning",
    ),
]

QUICK = wsseg.Recipe(samples=1, mirror_given=False, objectness=0.0, exact_side=64)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a store on this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def keys(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that s3fs reads from the environment."""
    import s3fs

    for name, value in (
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", server),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(keys: None, tmp_path: Path) -> Path:
    """An empty bucket."""
    bucket: Any = path_of(f"s3://{tmp_path.name.replace('_', '-').lower()}")
    if bucket.fs.exists(bucket.path):
        bucket.fs.rm(bucket.path, recursive=True)
    bucket.fs.mkdir(bucket.path)
    return bucket  # type: ignore[no-any-return]  # A path of a store.


def grey(level: int) -> bytes:
    return encoded_picture(np.full((4, 5, 3), level, np.uint8))


@pytest.fixture
def photos(bucket: Path) -> Path:
    """Six photos in the bucket, each of its own grey."""
    for number in range(6):
        (bucket / "photos" / ("sub" if number % 2 else "") / f"{number}.png").write_bytes(grey(10 * number))
    return bucket / "photos"


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The same photos on the disk."""
    for number in range(6):
        path = tmp_path / "photos" / ("sub" if number % 2 else "") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(grey(10 * number))
    return tmp_path / "photos"


def see(photo: Photo, hints: Hints | None) -> tuple[SaliencyResult, ...]:
    saliency = (photo.image[..., 0] / 255).astype(np.float32)
    return (SaliencyResult(photo.image, Target((0,), "class 0"), 1.0, saliency, (), Target((0,), "class 0")),)


def done(photos: Path | Sequence[Any], out: Path, engine: Engine = here) -> list[Outcome]:
    """Return the outcomes of a run from the photos into `out`."""
    sources = find_photos([photos]) if not isinstance(photos, list) else photos
    with opened(out, {"wsseg": "0", "settings": "s1"}) as journal:
        return list(run(task_of(out), sources, journal, engine))


def task_of(out: Path) -> Task:
    return Task(see=see, out=out, pictures=("saliency",), settings="s1", max_pixels=1000)


def files_in(folder: Path) -> dict[str, bytes]:
    """Return all files except the records."""
    names = sorted(name for name in store_of(folder).sizes_below(folder) if not name.startswith("run.json"))
    return {name: (folder / name).read_bytes() for name in names}


def records_in(folder: Path) -> list[Any]:
    """Return the records without the photos' places and durations."""
    return [replace(record, seconds={}, input="") for record in read_run(folder).records]


class TestRuns:
    @pytest.mark.parametrize("to", ["store", "disk"])
    @pytest.mark.parametrize("at", ["store", "disk"])
    def test_stores_and_disks_give_the_same_pictures(
        self, photos: Path, local: Path, bucket: Path, tmp_path: Path, at: str, to: str
    ) -> None:
        done(local, tmp_path / "whole")
        out = bucket / "out" if to == "store" else tmp_path / "out"
        outcomes = done(photos if at == "store" else local, out)
        assert files_in(out) == files_in(tmp_path / "whole")
        assert records_in(out) == records_in(tmp_path / "whole")
        assert {outcome.record.input for outcome in outcomes} == {
            str((photos if at == "store" else local) / ("sub" if number % 2 else "") / f"{number}.png")
            for number in range(6)
        }
        assert json.loads((out / "run.json").read_bytes())["counts"] == {"photos": 6, "done": 6}

    def test_processes_give_the_same_pictures(self, photos: Path, local: Path, bucket: Path, tmp_path: Path) -> None:
        done(local, tmp_path / "whole")
        assert len(done(photos, bucket / "out", partial(in_processes, workers=2))) == 6
        assert files_in(bucket / "out") == files_in(tmp_path / "whole")
        assert records_in(bucket / "out") == records_in(tmp_path / "whole")

    @pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")  # Ray's own warnings.
    @pytest.mark.filterwarnings("ignore::ResourceWarning")  # Its sockets and processes end with the interpreter.
    def test_ray_gives_the_same_pictures(
        self, photos: Path, local: Path, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("ray.data")
        here_too = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(here_too))  # So that workers find this file.
        done(local, tmp_path / "whole")
        assert len(done(photos, bucket / "out", partial(on_ray, workers=2))) == 6
        assert files_in(bucket / "out") == files_in(tmp_path / "whole")
        assert records_in(bucket / "out") == records_in(tmp_path / "whole")

    def test_nothing_is_done_twice(self, photos: Path, bucket: Path) -> None:
        assert all(outcome.fresh for outcome in done(photos, bucket / "out"))
        assert not any(outcome.fresh for outcome in done(photos, bucket / "out"))
        (bucket / "out/saliency/0.png").unlink()
        (photos / "2.png").write_bytes(grey(99))
        again = [outcome.record.name for outcome in done(photos, bucket / "out") if outcome.fresh]
        assert again == ["0", "2"]

    def test_its_own_pictures_are_not_photos(self, photos: Path, bucket: Path) -> None:
        done(photos, bucket / "out")
        seen = without_run_outputs(find_photos([bucket]), bucket / "out")
        assert [source.path for source in seen] == [source.path for source in find_photos([photos])]

    def test_what_another_made_is_refused(self, photos: Path, local: Path) -> None:
        with pytest.raises(FileExistsError, match="^out must be a new or empty folder, or an earlier run, got 's3://"):
            done(local, photos)

    def test_runs_of_shards_are_joined(self, photos: Path, bucket: Path, tmp_path: Path) -> None:
        sources = find_photos([photos])
        done(sources[:3], bucket / "one")
        done(sources[3:], tmp_path / "two")
        assert merge_runs([bucket / "one", tmp_path / "two"], bucket / "out").photos == 6
        assert not any(outcome.fresh for outcome in done(photos, bucket / "out"))
        with pytest.raises(ValueError, match="^out must be none of the runs"):
            merge_runs([bucket / "one"], bucket / "one/")


class TestKilled:
    def test_photos_in_record_chunks_are_not_redone(
        self, photos: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines, "SPAN", 0.0)
        out, sources = bucket / "out", find_photos([photos])
        for count in (2, 4):  # Twice, because the chunks of the second run must not clash with those of the first.
            outcomes = run(task_of(out), sources, Journal(out), here)
            while len(read_run(out).records) < count:
                next(outcomes)
            outcomes.close()
            assert any(name.startswith(".wsseg/") for name in store_of(out).sizes_below(out))
        fresh = [outcome.fresh for outcome in done(photos, out)]
        assert 1 <= sum(fresh) <= 2 and len(fresh) == 6
        assert not any(name.startswith(".wsseg") for name in store_of(out).sizes_below(out))
        assert len(read_run(out).records) == 6

    def test_record_chunks_are_written_at_intervals(self, photos: Path, bucket: Path) -> None:
        journal = Journal(bucket / "out")
        list(run(task_of(bucket / "out"), find_photos([photos]), journal, here))
        assert not any(name.startswith(".wsseg") for name in store_of(bucket / "out").sizes_below(bucket / "out"))

    def test_a_killed_run_can_resume(self, photos: Path, local: Path, bucket: Path) -> None:
        script = (
            "import os, sys, test_storage as tests\n"
            "from wsseg.runs import lines; lines.SPAN = 0.0\n"
            "from wsseg.files.find import find_photos\n"
            "from wsseg.files.store import path_of\n"
            "photos, out = map(path_of, sys.argv[1:])\n"
            "with tests.opened(out, {'wsseg': '0', 'settings': 's1'}) as journal:\n"
            "    outcomes = tests.run(tests.task_of(out), find_photos([photos]), journal, tests.here)\n"
            "    next(outcomes), next(outcomes), next(outcomes)\n"
            "    os.kill(os.getpid(), 9)\n"
        )
        words = [sys.executable, "-c", script, str(photos), str(bucket / "out")]
        assert subprocess.run(words, cwd=Path(__file__).parent, check=False).returncode == -9
        assert not (bucket / "out/run.json").exists()
        assert sum(outcome.fresh for outcome in done(photos, bucket / "out")) == 3
        done(local, local.parent / "whole")
        assert files_in(bucket / "out") == files_in(local.parent / "whole")


class TestPhotos:
    def names(self, *paths: Path) -> list[str]:
        return [name_of(source) for source in find_photos(paths)]

    def test_folders_photos_patterns_and_lists(self, photos: Path, local: Path) -> None:
        assert self.names(photos) == self.names(local)
        assert self.names(path_of(f"{photos}/")) == self.names(local)
        assert self.names(photos / "0.png") == ["0"]
        for pattern in ("*.png", "**/*.png", "s*/[13].png"):
            assert self.names(photos / pattern) == self.names(local / pattern)
        (photos / "some.txt").write_bytes(b"sub/1.png\n")
        assert self.names(photos / "some.txt") == ["sub/1"]

    def test_a_local_list_may_name_photos_in_a_store(self, photos: Path, local: Path) -> None:
        (local / "some.txt").write_text(f"{photos}/sub/1.png\n0.png\n")
        assert [str(source.path) for source in find_photos([local / "some.txt"])] == [
            f"{photos}/sub/1.png",
            f"{local}/0.png",
        ]
        assert self.names(local / "some.txt") == ["1", "0"]
        (local / "some.txt").write_text(f"{photos}/none.png\n")
        (missing,) = done(local / "some.txt", local / "out")
        assert missing.record.error.startswith(f"'{photos}/none.png' must be readable")

    def test_folder_markers_and_hidden_and_odd_keys_are_skipped(self, bucket: Path) -> None:
        store: Any = bucket
        for key in ("a/", "a/.hidden/a.png", "a/b \u00fc#?.png", "a/b\\c.png", "a/notes.txt"):
            store.fs.pipe_file(f"{store.path.rstrip('/')}/{key}", grey(10) if key.endswith("png") else b"")
        assert self.names(bucket / "a") == ["b \u00fc#?", "b_c"]
        assert not any(outcome.record.error for outcome in done(bucket / "a", bucket / "out"))
        assert list(files_in(bucket / "out")) == ["saliency/b \u00fc#?.png", "saliency/b_c.png"]

    def test_a_bad_photo_fails_alone(self, photos: Path, bucket: Path) -> None:
        (photos / "0.png").write_bytes(b"")
        sources = find_photos([photos])
        (photos / "2.png").unlink()
        errors = {outcome.record.name: outcome.record.error for outcome in done(sources, bucket / "out")}
        assert {name for name, error in errors.items() if error} == {"0", "2"}
        assert errors["0"].startswith(f"'{photos}/0.png' must be a picture, got an empty file")
        assert errors["2"].startswith(f"'{photos}/2.png' must be readable, got 'FileNotFoundError")

    def test_a_photo_that_is_too_large_is_not_fetched(self, photos: Path) -> None:
        with pytest.raises(ValueError, match="must have at most .* bytes, got"):
            read_file(photos / "0.png", max_pixels=-(1 << 21))

    def test_watched_photos_arrive(self, photos: Path) -> None:
        sources = arriving(
            lambda named: find_photos([photos], named=named, empty_ok=True), notice=pytest.fail, still=0.2
        )
        assert len({name_of(next(filter(None, sources))) for _ in range(6)}) == 6
        (photos / "late.png").write_bytes(grey(1))
        assert name_of(next(filter(None, sources))) == "late"


class TestErrors:
    def error(self, sources: Path | str, out: Path | str) -> str:
        """Return the one sentence that ends a run."""
        with pytest.raises((OSError, ValueError)) as ended:
            wsseg.segment_folder(sources, out, recipe=QUICK)
        assert "\n" not in str(ended.value)
        return str(ended.value)

    @pytest.mark.parametrize("given", [("none/photos", "out"), ("photos", "none/out")])
    def test_no_such_bucket(self, photos: Path, given: tuple[str, str]) -> None:
        source, out = (f"s3://{name}" if name.startswith("none") else photos.parent / name for name in given)
        assert self.error(source, out).startswith("'s3://none/")

    @pytest.mark.parametrize("at", ["store", "disk"])
    def test_no_keys(self, photos: Path, local: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
        forget_keys(monkeypatch)
        given = (str(photos), local / "out") if at == "store" else (local, str(photos))
        reason = "must be in a store that answers, got 'NoCredentialsError: Unable to locate credentials'"
        assert reason in self.error(*given)

    def test_nobody_answers(self, photos: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import s3fs

        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        s3fs.S3FileSystem.clear_instance_cache()
        reason = "must be in a store that answers, got 'EndpointConnectionError"
        assert reason in self.error(path_of(str(photos)), local / "out")

    def test_an_unknown_kind_of_store(self, local: Path) -> None:
        reason = "'nosuch://a/b' must be a path that can be opened, got"
        assert self.error("nosuch://a/b", local / "out").startswith(reason)


def forget_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    s3fs.S3FileSystem.clear_instance_cache()


def test_segment_folder_works_from_store_to_store(bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("chelsea", "coffee"):
        with resources.as_file(resources.files("skimage") / "data" / f"{name}.png") as path:
            pillow.open(path).reduce(4).save(tmp_path / "photos" / f"{name}.png")
        (bucket / "photos" / f"{name}.png").write_bytes((tmp_path / "photos" / f"{name}.png").read_bytes())
    for at, to, workers in ((tmp_path, tmp_path, 1), (bucket, bucket, 1), (bucket, bucket, 2), (tmp_path, bucket, 1)):
        out = to / f"out-{workers}-{at == to}"
        run = wsseg.segment_folder(at / "photos", out, recipe=QUICK, workers=workers)
        assert run.done == 2 and [path.name for path in run.masks] == ["chelsea.png", "coffee.png"]
        assert files_in(out) == files_in(tmp_path / "out-1-True")
