"""Writing to a path where a link, a pipe, a device, a socket or a folder already is."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image as pillow

import wsseg
from wsseg.files import kinds
from wsseg.files.store import check_new_file, replace_by, replacing
from wsseg.runs.record import Finding, Record

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")


def write(path: Path, data: bytes = b"new") -> None:
    with replacing(path) as file:
        file.write(data)


def reader_of(pipe: Path, found: list[bytes]) -> Thread:
    """Read the pipe to its end in a thread."""
    thread = Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    thread.start()
    return thread


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


class TestLink:
    @pytest.mark.parametrize("target", ["real", "folder/real"])
    def test_its_file_is_replaced_and_the_link_stays(self, tmp_path: Path, target: str) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / target).write_bytes(b"old")
        (tmp_path / "link").symlink_to(target)
        (tmp_path / "chain").symlink_to("link")
        write(tmp_path / "chain")
        assert (tmp_path / "chain").is_symlink() and (tmp_path / "link").is_symlink()
        assert (tmp_path / target).read_bytes() == b"new"
        assert sum(path.is_file() for path in tmp_path.rglob("*")) == 3

    def test_a_failed_write_leaves_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "real").write_bytes(b"old")
        (tmp_path / "link").symlink_to("real")
        with pytest.raises(RuntimeError), replacing(tmp_path / "link"):
            raise RuntimeError
        assert (tmp_path / "real").read_bytes() == b"old"

    def test_a_run_replaces_the_link_itself(self, tmp_path: Path) -> None:
        """So that a run writes nothing outside its own folders."""
        for name in ("folder", "working"):
            (tmp_path / name).mkdir()
        (tmp_path / "folder/real").write_bytes(b"old")
        (tmp_path / "link").symlink_to("folder/real")
        with replacing(tmp_path / "link", by=tmp_path / "working") as file:
            file.write(b"new")
        assert not (tmp_path / "link").is_symlink()
        assert (tmp_path / "link").read_bytes() == b"new"
        assert (tmp_path / "folder/real").read_bytes() == b"old"

    def test_it_counts_as_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "real").write_bytes(b"old")
        (tmp_path / "link").symlink_to("real")
        with pytest.raises(FileExistsError, match="use force"):
            check_new_file(tmp_path / "link", force=False)
        check_new_file(tmp_path / "link", force=True)

    @pytest.mark.parametrize("target", ["missing", "link"])
    @pytest.mark.parametrize("force", [False, True])
    def test_a_broken_link_is_refused(self, tmp_path: Path, target: str, force: bool) -> None:
        (tmp_path / "link").symlink_to(target)
        with pytest.raises(FileExistsError, match="link', which is a link that leads to no file; give the name of a"):
            check_new_file(tmp_path / "link", force=force)
        with pytest.raises(
            FileExistsError, match="link' must be a file or nothing yet, got a link that leads to no file; remove it"
        ):
            write(tmp_path / "link")
        assert (tmp_path / "link").readlink() == Path(target)

    def test_a_link_to_a_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("folder")
        with pytest.raises(FileExistsError, match="link' must be a file or nothing yet, got a folder; remove it"):
            write(tmp_path / "link")
        assert (tmp_path / "link").is_symlink() and list((tmp_path / "folder").iterdir()) == []


class TestPipe:
    @pytest.mark.parametrize("linked", [False, True])
    def test_its_reader_gets_the_bytes(self, pipe: Path, tmp_path: Path, linked: bool) -> None:
        found: list[bytes] = []
        thread = reader_of(pipe, found)
        (tmp_path / "link").symlink_to("pipe")
        data = b"0123456789" * 100_000  # More than a pipe holds.
        path = tmp_path / "link" if linked else pipe
        check_new_file(path, force=False)
        write(path, data)
        thread.join(10)
        assert found == [data]
        assert pipe.is_fifo()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]

    def test_a_failed_write_sends_nothing(self, pipe: Path) -> None:
        with pytest.raises(RuntimeError), replacing(pipe) as file:
            file.write(b"half")
            raise RuntimeError
        assert pipe.is_fifo()

    def test_a_pipe_without_a_reader_is_one_sentence(self, pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kinds, "WAIT", 0.2)
        with pytest.raises(OSError, match="pipe' must be writable, got 'a pipe without a reader .*; start its reader"):
            write(pipe)
        assert pipe.is_fifo()

    def test_its_reader_may_stop_early(self, pipe: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", f"open({str(pipe)!r}, 'rb').read(3)"],
        ) as reader:
            write(pipe, b"0123456789" * 100_000)
        assert reader.returncode == 0

    def test_every_writer_of_pictures_fills_it(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        found: list[bytes] = []
        thread = reader_of(tmp_path / "pipe.png", found)
        wsseg.write_mask(tmp_path / "pipe.png", np.eye(3, dtype=bool))
        thread.join(10)
        wsseg.write_mask(tmp_path / "file.png", np.eye(3, dtype=bool))
        assert found == [(tmp_path / "file.png").read_bytes()]


class TestDevice:
    def test_it_gets_the_bytes_and_stays(self, tmp_path: Path) -> None:
        (tmp_path / "null").symlink_to(os.devnull)  # A device of one's own needs root.
        check_new_file(tmp_path / "null", force=False)
        write(tmp_path / "null")
        assert (tmp_path / "null").is_symlink() and stat.S_ISCHR(Path(os.devnull).stat().st_mode)

    @pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
    def test_a_full_device_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "full").symlink_to("/dev/full")
        with pytest.raises(OSError, match="full' must be writable, got 'No space left on device'; make room"):
            write(tmp_path / "full")


@pytest.mark.parametrize("force", [False, True])
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool) -> None:
    monkeypatch.chdir(tmp_path)  # The names of sockets are short.
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        with pytest.raises(FileExistsError, match="'socket', which is a socket; give the name of a file"):
            check_new_file(Path("socket"), force=force)
        with pytest.raises(FileExistsError, match="socket"):
            write(Path("socket"))
        assert Path("socket").is_socket()


def test_a_file_that_is_moved_follows_links_too(tmp_path: Path) -> None:
    for name in ("first", "second", "real"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "link").symlink_to("real")
    replace_by(tmp_path / "link", tmp_path / "first")
    replace_by(tmp_path / "new", tmp_path / "second")
    assert (tmp_path / "real").read_bytes() == b"first" and (tmp_path / "link").is_symlink()
    assert (tmp_path / "new").read_bytes() == b"second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "new", "real"]


def test_an_export_follows_links_and_refuses_broken_ones(tmp_path: Path) -> None:
    mask = np.zeros((4, 4), np.bool_)
    mask[1:3, 1:3] = True
    wsseg.write_mask(tmp_path / "out/masks/a.png", mask)
    found = Finding(category="cat", probability=0.5, status="ok", outputs={"mask": "masks/a.png"})
    pillow.new("RGB", (4, 4)).save(tmp_path / "a.jpg")
    record = Record(input=str(tmp_path / "a.jpg"), name="a", settings="", findings=(found,))
    (tmp_path / "out/run.jsonl").write_bytes(record.as_line())
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link.json").symlink_to("real")
    with pytest.raises(FileExistsError, match="use force"):
        wsseg.export_run(tmp_path / "out", "coco", tmp_path / "link.json")
    wsseg.export_run(tmp_path / "out", "coco", tmp_path / "link.json", force=True)
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "real").read_bytes().startswith(b"{")
    (tmp_path / "lost.json").symlink_to("nowhere")
    with pytest.raises(FileExistsError, match="leads to no file"):
        wsseg.export_run(tmp_path / "out", "coco", tmp_path / "lost.json", force=True)
    os.mkfifo(tmp_path / "page.html")  # It must not be read to see whether it is an earlier report.
    pages: list[bytes] = []
    thread = reader_of(tmp_path / "page.html", pages)
    wsseg.write_report(tmp_path / "out", tmp_path / "page.html")
    thread.join(10)
    assert b"cat" in pages[0] and (tmp_path / "page.html").is_fifo()
