"""report, export, visualize, models and doctor."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import Run, files_in
from PIL import Image as pillow

import wsseg
from wsseg.runs.journal import opened
from wsseg.runs.record import Finding, Record

STEERING = "\x1b[31m[red]:smile:\n"
"""A name that terminals and rich would read as more than a name."""


class TestReport:
    @pytest.fixture
    def made(self, photos: Path, tmp_path: Path) -> Path:
        """A run of the cat, made by hand."""
        mask = np.zeros((150, 226), np.bool_)
        mask[:75] = True
        wsseg.write_mask(tmp_path / "out/masks/cat.png", mask)
        found = Finding(category="tabby", probability=0.5, status="ok", outputs={"mask": "masks/cat.png"})
        record = Record(input=str(photos / "cat.jpg"), name="cat", settings="", findings=(found,))
        (tmp_path / "out/run.jsonl").write_bytes(record.as_line())
        return tmp_path / "out"

    def test_it_writes_a_page_of_the_run(
        self, run: Run, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        ended = run("report", made)
        assert ended.code == 0, ended.err
        assert "1 photo: report.html" in ended.err
        assert "tabby" in (tmp_path / "report.html").read_text()

    @pytest.mark.parametrize("words", [("report",), ("export", "--to", "cvat"), ("merge",)])
    def test_no_name_controls_the_terminal(self, run: Run, made: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
        suffix = {"report": ".html", "export": ".zip", "merge": ""}[words[0]]
        (run_folder := tmp_path / STEERING).mkdir()
        made.rename(run_folder / "run")
        ended = run(*words, run_folder / "run", "-o", run_folder / f"out{suffix}")
        assert ended.code == 0, ended.err
        assert rf"\x1b[31m[red]:smile:\n/out{suffix}" in ended.err
        assert all(line.isprintable() for line in ended.err.splitlines())

    def test_truths_add_scores(self, run: Run, made: Path, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        assert run("report", made, "--truth", made / "masks", "-o", page).code == 0
        assert "mean IoU" in page.read_text()

    def test_photos_that_cannot_be_shown_are_named(self, run: Run, made: Path, tmp_path: Path) -> None:
        (tmp_path / "photos/cat.jpg").unlink()
        ended = run("report", made, "-o", tmp_path / "page.html")
        assert ended.code == 1
        assert "cat: no photo: " in ended.err
        assert (tmp_path / "page.html").is_file()

    def test_many_unshown_photos_are_named_in_the_page(self, run: Run, made: Path, tmp_path: Path) -> None:
        records = [Record(input="/nowhere/a.jpg", name=f"p{number}", settings="") for number in range(12)]
        (made / "run.jsonl").write_bytes(b"".join(record.as_line() for record in records))
        ended = run("report", made, "-o", tmp_path / "page.html")
        assert ended.err.count("no photo") == 10
        assert "2 more problems on the page" in ended.err
        assert "p9: no photo" in (tmp_path / "page.html").read_text()

    def test_an_unwritable_page_is_explained(self, run: Run, made: Path, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        page.write_text("mine")
        ended = run("report", made, "-o", page)
        assert (ended.code, page.read_text()) == (2, "mine")
        assert "out must be new or an earlier report" in ended.err
        assert run("report", made, "-o", page, "--force").code == 0
        assert run("report", tmp_path / "photos", "-o", page).code == 2


class TestVisualize:
    def test_a_picture_of_a_class_is_written(self, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "new" / "lemon.png"
        ended = run("visualize", "lemon", "-o", out, "--steps", 2)
        assert ended.code == 0
        assert ended.out.startswith("lemon, probability ") and str(out) in ended.out
        with pillow.open(out) as picture:
            assert (picture.mode, picture.size, picture.format) == ("RGB", (224, 224), "PNG")
        first = out.read_bytes()
        ended = run("visualize", "951", "-o", out, "--steps", 2)
        assert ended.code == 2 and "--force" in ended.err
        assert run("visualize", "951", "-o", out, "--steps", 2, "--force").code == 0
        assert out.read_bytes() == first

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("lemon", "-o", "lemon.txt"), "out must end in .png"),
            (("no such thing", "-o", "lemon.png"), "no such thing"),
            (("lemon", "-o", "lemon.jpg", "--classifier", "vgg1"), "the nearest is"),
        ],
    )
    def test_a_mistake_is_one_sentence(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        ended = run("visualize", *words)
        assert ended.code == 2 and message in ended.err and ended.err.count("\n") == 1
        assert files_in(tmp_path) == []


class TestModelsAndDoctor:
    def test_models_lists_those_that_need_no_download(self, run: Run) -> None:
        code, out, err = run("models")
        assert code == 0
        assert "efficientnet_lite0" in out
        assert "vgg19" not in out
        assert "--all" in err

    def test_the_classes_of_a_kind_are_a_tree(self, run: Run) -> None:
        code, out, _ = run("models", "--under", "bear")
        assert (code, out.splitlines()[0]) == (0, "bear (n02131653, 4 classes)")
        assert "  ice bear (296, n02134084)" in out.splitlines()

    def test_all_classes_are_a_tree(self, run: Run) -> None:
        lines = run("models", "--categories").out.splitlines()
        assert len(lines) > 1000
        assert max(map(len, lines)) <= 80

    def test_all_models_as_json(self, run: Run) -> None:
        models = {one["name"]: one for one in json.loads(run("models", "--all", "--json").out)}
        assert models["efficientnet_lite0"]["file"]
        assert models["vgg19"]["parameters"] == 143667240
        assert "timm:resnet50.a1_in1k" in models


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (
            "memory://bucket/x",
            "out must be on a disk, got 'memory://bucket/x'; export to a local path and copy the result",
        ),
        ("", "-o must not be empty, got ''; give a path"),
    ],
)
def test_an_export_goes_to_a_disk(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(tmp_path / "run", {"wsseg": "0"}):
        pass
    assert run("export", "run", "--to", "huggingface", "-o", out) == (2, "", f"error: {error}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
