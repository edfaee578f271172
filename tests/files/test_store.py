"""Files written whole or not at all, and what a folder holds."""

from pathlib import Path

import pytest
from photo_files import (
    EVERY_LABEL,
    QUARTERS,
)

from wsseg.files.encode import (
    write_labels,
    write_picture,
)
from wsseg.files.store import is_local, path_of, replacing, store_of


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="full"), replacing(path) as file:
        file.write(b"half")
        raise RuntimeError("disk full")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"a\.png"):
        write_picture(tmp_path / "a.png", QUARTERS)
    with pytest.raises(OSError, match=r"a\.png"):
        write_labels(tmp_path / "a.png", EVERY_LABEL)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    write_picture(path, QUARTERS)
    assert path.is_file()


def test_paths_of_stores_and_disks_are_distinguished() -> None:
    assert is_local(path_of("photos/a.jpg")) and is_local(path_of("C:/a.jpg"))
    with pytest.raises(ValueError, match="^'nosuch://bucket' must be a path that can be opened, got"):
        path_of("nosuch://bucket")


def test_sizes_cover_all_files_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"")
    assert store_of(tmp_path).sizes_below(tmp_path) == {"sub/a": 3, "b": 0}
