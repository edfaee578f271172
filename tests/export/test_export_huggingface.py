"""Hugging Face: the folder, read back by `datasets` itself."""

import json
from pathlib import Path

import numpy as np
import pytest
from export_runs import CAT, DOG, disk, files_in, made
from PIL import Image as pillow

from wsseg.export.export import export_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two objects in one photo, none in another, and names that look like splits."""
    nothing = np.zeros((12, 15), np.bool_)
    objects = {
        "a": [("cat", CAT), ("dog", DOG)],
        "test/val": [("cat", disk(20, 30, 5, 5, 3))],
        "train": [("cat", nothing)],
    }
    return made(tmp_path, objects)


def test_every_object_has_a_line_and_a_mask(run: Path, tmp_path: Path) -> None:
    exported = export_run(run, "huggingface", tmp_path / "out")
    assert (exported.photos, exported.losses) == (3, ())
    files = files_in(tmp_path / "out")
    rows = [json.loads(line) for line in files["metadata.jsonl"].splitlines()]
    assert [(row["file_name"], row["mask_file_name"], row["category"]) for row in rows] == [
        ("images/a.png", "masks/a.0.png", "cat"),
        ("images/a.png", "masks/a.1.png", "dog"),
        ("images/test/val.png", "masks/test/val.0.png", "cat"),
        ("images/train.png", "masks/train.0.png", None),
    ]
    assert [row["label"] for row in rows] == [0, 1, 0, None]
    assert files["labels.txt"].decode().splitlines()[2:] == ["cat", "dog"]
    assert rows[0]["confidence"] == 0.75 and rows[3]["confidence"] is None
    assert files["images/a.png"] == (run.parent / "photos/a.png").read_bytes()
    with pillow.open(tmp_path / "out/masks/a.1.png") as mask:
        np.testing.assert_array_equal(np.array(mask), DOG * 255)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_datasets_reads_it_back(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_DATASETS_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    datasets = pytest.importorskip("datasets")
    export_run(run, "huggingface", tmp_path / "out")
    found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(found) == ["train"]
    rows = {(row["name"], row["category"]): row for row in found["train"]}
    assert set(rows) == {("a", "cat"), ("a", "dog"), ("test/val", "cat"), ("train", None)}
    for key, mask in ((("a", "cat"), CAT), (("a", "dog"), DOG)):
        np.testing.assert_array_equal(np.array(rows[key]["mask"]), mask * 255)
        assert rows[key]["image"].size == rows[key]["mask"].size
        assert rows[key]["confidence"] == 0.75
    assert not np.array(rows["train", None]["mask"]).any()


def test_names_that_json_and_the_library_cannot_hold_are_refused(tmp_path: Path) -> None:
    for name in ("a\tb", "a\x1b[1m"):
        run = made(tmp_path / name.strip(), {name: [("cat", CAT)]})
        with pytest.raises(ValueError, match="^names of photos must be printable text, got "):
            export_run(run, "huggingface", tmp_path / "out")
    with pytest.raises(ValueError, match="^categories must be single lines"):
        export_run(made(tmp_path / "two", {"a": [("cat\ndog", CAT)]}), "huggingface", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_photo_that_is_gone_is_named(run: Path, tmp_path: Path) -> None:
    (run.parent / "photos/a.png").unlink()
    with pytest.raises(ValueError, match="^photos must still be where the run read them, got "):
        export_run(run, "huggingface", tmp_path / "out")
    assert not (tmp_path / "out").exists()
