"""The export as a whole: where it is written, what it refuses, and its command."""

import sys
import zipfile
from pathlib import Path

import pytest
from export_runs import CAT, SUFFIXES, files_in

from wsseg.cli.app import main
from wsseg.export.export import EXPORTERS, export_run
from wsseg.files.encode import write_mask


def test_the_files_of_each_tree(small: Path, tmp_path: Path) -> None:
    trees = {
        "voc": ["ImageSets/Segmentation/trainval.txt", "JPEGImages/a.jpg", "JPEGImages/sub/b c.jpg"]
        + [f"Segmentation{kind}/{name}.png" for kind in ("Class", "Object") for name in ("a", "sub/b c")]
        + ["labelmap.txt"],
        "labelme": ["a.jpg", "a.json", "labels.txt", "sub/b c.jpg", "sub/b c.json"],
        "yolo": ["data.yaml", "images/a.jpg", "images/sub/b c.jpg", "labels/a.txt", "labels/sub/b c.txt"],
    }
    for to, names in trees.items():
        export_run(small, to, tmp_path / to, photos=True)
        files = files_in(tmp_path / to)
        assert sorted(files) == sorted(names)
        copy = next(data for name, data in files.items() if name.endswith("b c.jpg"))
        assert copy == (small.parent / "photos/sub/b c.jpg").read_bytes()
    assert (tmp_path / "voc/labelmap.txt").read_text().splitlines() == [
        "# label:color_rgb:parts:actions",
        "background:0,0,0::",
        "cat:128,0,0::",
        "dog:0,128,0::",
    ]
    assert (tmp_path / "voc/ImageSets/Segmentation/trainval.txt").read_text() == "a\nsub/b c\n"
    export_run(small, "cvat", tmp_path / "o.zip")
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        voc = [name for name in trees["voc"] if not name.startswith("JPEG")]
        assert sorted(archive.namelist()) == sorted(name.replace("trainval", "default") for name in voc)
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("to", ["coco", "labelme", "labelstudio"])
def test_other_formats_lose_nothing(run: Path, tmp_path: Path, to: str) -> None:
    assert export_run(run, to, tmp_path / f"o{SUFFIXES.get(to, '')}").losses == ()


@pytest.mark.parametrize("to", EXPORTERS)
class TestOut:
    def test_equal_runs_make_equal_files(self, small: Path, tmp_path: Path, to: str) -> None:
        outs = [tmp_path / f"{name}{SUFFIXES.get(to, '')}" for name in ("x", "y")]
        for out in outs:
            export_run(small, to, out)
        first, second = ({"": out.read_bytes()} if out.is_file() else files_in(out) for out in outs)
        assert first == second

    def test_existing_files_are_kept_unless_forced(self, small: Path, tmp_path: Path, to: str) -> None:
        out = tmp_path / f"out{SUFFIXES.get(to, '')}"
        thesis = out if out.suffix else out / "thesis.tex"
        thesis.parent.mkdir(exist_ok=True)
        thesis.write_text("mine")
        with pytest.raises(FileExistsError, match="^out must be new or empty, got '.*'; choose another name"):
            export_run(small, to, out)
        assert thesis.read_text() == "mine"
        export_run(small, to, out, force=True)
        export_run(small, to, out, force=True)
        assert out.suffix or (thesis.read_text() == "mine" and len(files_in(out)) > 2)

    def test_an_empty_file_or_folder_is_used(self, small: Path, tmp_path: Path, to: str) -> None:
        out = tmp_path / f"out{SUFFIXES.get(to, '')}"
        out.touch() if out.suffix else out.mkdir()
        export_run(small, to, out)
        assert out.stat().st_size if out.suffix else any(out.iterdir())

    @pytest.mark.parametrize("force", [False, True])
    def test_an_export_is_written_whole_or_not_at_all(self, small: Path, tmp_path: Path, to: str, force: bool) -> None:
        out = tmp_path / f"there/out{SUFFIXES.get(to, '')}"
        if force:
            export_run(small, to, out)
        before = files_in(tmp_path / "there") if force else {}
        write_mask(small / "masks/a.0.png", ~CAT)
        (small / "masks/sub/b c.0.png").write_bytes(b"torn")
        with pytest.raises(ValueError, match=r"b c.0.png'? must be a picture"):
            export_run(small, to, out, force=force)
        assert files_in(tmp_path / "there") == before
        assert force or not out.exists()
        assert not list(tmp_path.rglob(".wsseg-*"))

    def test_an_error_has_the_path_that_cannot_be_written(self, small: Path, tmp_path: Path, to: str) -> None:
        (tmp_path / "file").write_text("mine")
        out = tmp_path / f"file/out{SUFFIXES.get(to, '')}"
        with pytest.raises(OSError, match="out.* must be writable, got '(Not a directory|File exists)'; "):
            export_run(small, to, out)

    def test_a_file_for_a_folder_or_another_suffix_is_refused(self, small: Path, tmp_path: Path, to: str) -> None:
        (tmp_path / "file.txt").write_text("mine")
        for out in (tmp_path / "file.txt", "s3://bucket/out"):
            with pytest.raises((ValueError, FileExistsError), match="^out must be (a file that|a folder|on a disk)"):
                export_run(small, to, out, force=True)


@pytest.mark.parametrize("to", ["coco", "cvat", "labelstudio"])
def test_some_formats_cannot_hold_photos(small: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(
        ValueError, match=f"^{to} cannot hold photos, unlike voc, labelme, yolo, huggingface; leave out"
    ):
        export_run(small, to, tmp_path / f"o{SUFFIXES.get(to, '')}", photos=True)


def test_wrong_arguments_are_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^run must be a folder that wsseg segment wrote"):
        export_run(tmp_path / "none", "coco", tmp_path / "o.json")
    with pytest.raises(
        ValueError, match="^to must be one of coco, voc, cvat, labelme, labelstudio, yolo, huggingface, got 'kitti'"
    ):
        export_run(small, "kitti", tmp_path / "o")
    with pytest.raises(
        ValueError, match=r"a.0.png'? must have at most 599 pixels, got image size .600 pixels.; .*--max-pixels"
    ):
        export_run(small, "coco", tmp_path / "o.json", max_pixels=599)


class TestCommand:
    def call(self, monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["wsseg", "export", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    def test_the_command_exports_and_reports_losses(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out"
        assert self.call(monkeypatch, small, "--to", "voc", "-o", out, "--photos") == 0
        printed = capsys.readouterr()
        assert "a: lost in voc: " in printed.err and f"2 photos exported: {out}" in printed.err and not printed.out
        assert (out / "JPEGImages/a.jpg").is_file()

    def test_a_mistake_is_one_sentence(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.call(monkeypatch, small, "--to", "coco", "-o", tmp_path / "out") == 2
        assert "error: out must be a file that ends in .json, got" in capsys.readouterr().err
