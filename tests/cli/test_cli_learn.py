"""tune and adapt."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from commands import QUICK, Run
from PIL import Image as pillow

import wsseg
from wsseg.recipe import read_recipe


class TestTune:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        """Four small cats, and truths that hold the middle of each."""
        with resources.as_file(resources.files("skimage") / "data" / "chelsea.png") as path:
            cat = pillow.open(path).reduce(6)
        truth = np.zeros((cat.height, cat.width), np.uint8)
        truth[10:-10, 15:-15] = 255
        for n in range(4):
            for folder, picture in (("photos", cat.rotate(n)), ("truths", pillow.fromarray(truth))):
                (tmp_path / folder).mkdir(exist_ok=True)
                picture.save(tmp_path / folder / f"{n}.png")
        return tmp_path / "photos", tmp_path / "truths"

    @pytest.mark.slow
    def test_it_writes_a_recipe_file_and_reports_the_gain(
        self, run: Run, folders: tuple[Path, Path], tmp_path: Path
    ) -> None:
        file = tmp_path / "new" / "mine.toml"
        ended = run("tune", *folders, "-o", file, "--trials", 1, "--method", "gradient", *QUICK)
        assert ended.code == 0, ended.err
        head, *lines = file.read_text().splitlines()
        assert head == f"# By wsseg {wsseg.__version__} with efficientnet_lite0."
        assert lines[0].startswith("# Tuned on 4 photos: mean IoU 0.")
        verdict = lines[1].removeprefix("# ").removesuffix(".")
        assert "on photos left out of the tuning" in verdict
        assert verdict in ended.out
        assert f"--recipe {file}" in ended.err
        recipe = read_recipe(file)
        assert (recipe.samples, recipe.mirror, recipe.exact_side) == (1, False, 64)
        changed = [line for line in ended.out.splitlines()[1:] if line]
        assert all(f"{line}  #" in file.read_text() for line in changed)
        assert run("segment", folders[0] / "1.png", "-o", tmp_path / "out", "--recipe", file).code == 0
        assert json.loads((tmp_path / "out/run.json").read_text())["recipe"] == recipe.as_dict()

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("-o", "mine.json"), "out must end in .toml, got 'mine.json'"),
            (("-o", "mine.toml", "--target", "egyptian cot"), "Egyptian cat"),
            (("-o", "mine.toml", "--recipe", "best"), "recipe must be one of default"),
        ],
    )
    def test_impossible_arguments_are_explained(
        self,
        run: Run,
        folders: tuple[Path, Path],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        words: tuple[str, ...],
        message: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        ended = run("tune", *folders, *words)
        assert ended.code == 2
        assert message in ended.err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "truths"]

    def test_an_existing_file_is_kept_unless_forced(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text("prior = 3.0\n")
        ended = run("tune", *folders, "-o", file)
        assert ended.code == 2 and "out must be a new file" in ended.err and "use force (--force)" in ended.err
        assert file.read_text() == "prior = 3.0\n"
        (folders[1] / "3.png").unlink()
        assert "must hold one file of each name" in run("tune", *folders, "-o", file, "--force").err

    def test_photos_without_truths_are_named(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        (folders[1] / "3.png").unlink()
        ended = run("tune", *folders, "-o", tmp_path / "mine.toml")
        assert ended.code == 2
        assert "photos and truths must hold one file of each name, got none or several for 3;" in ended.err

    def test_a_truth_that_is_not_a_picture_is_named(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        (folders[1] / "3.png").write_bytes(b"")
        ended = run("tune", *folders, "-o", tmp_path / "mine.toml")
        assert ended.code == 2
        assert "3.png' must be a picture, got an empty file" in ended.err


class TestAdapt:
    @pytest.mark.parametrize("words", [(), ("--force",)])
    def test_a_head_cannot_replace_a_folder(self, run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
        ended = run("adapt", tmp_path / "photos", "-o", tmp_path, *words)
        assert ended.code == 2
        assert f"out must be a new file, got '{tmp_path}'; give the name of a file" in ended.err
