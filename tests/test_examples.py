"""What newcomers copy runs as it stands: the examples, and the README's code."""

import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from PIL import Image as pillow

import wsseg

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the photos that the README speaks of."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name, files in {"chelsea": ("dog.jpg", "cat.jpg"), "coffee": ("photos/cup.jpg",)}.items():
        data = (resources.files("skimage") / "data" / f"{name}.png").read_bytes()
        for file in files:
            Path(file).write_bytes(data)
    return tmp_path


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def run(*words: str) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(words, check=True, capture_output=True, text=True, env=environment).stdout


MADE = {
    "1_one_call": ("Egyptian cat", "mask.png"),
    "2_the_stages": ("Egyptian cat", "stages.png"),
    "3_the_article": ("rocket: ", "article/rocket.png"),
    "4_your_own_classifier": ("shapes told right", "shapes.png"),
    "5_hints": ("a box: ", "hints.png"),
    "6_a_folder": ("2 photos: see report.html", "report.html"),
    "7_an_adversary": ("Egyptian cat", "adversary.png"),
}
"""What each example says, and a file that it makes."""


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_example_runs(example: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(folder / "empty"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # No port that answers: nothing is downloaded.
    shutil.rmtree("photos")
    answer, (text, file) = run(sys.executable, str(example)), MADE[example.stem]
    assert text in answer
    assert (folder / file).is_file()
    if example.stem == "4_your_own_classifier":
        assert float(answer.partition("drawn truth ")[2].split()[0]) > 0.6


@pytest.mark.slow
def test_the_python_of_the_readme_runs(folder: Path) -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert (folder / "cutout.png").is_file()
    assert names["mask"].any()  # type: ignore[attr-defined]  # A Mask, if the README is right.


@pytest.mark.slow
def test_the_commands_of_the_readme_run(folder: Path) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("wsseg ")]
    commands = [command for command in commands if "--watch" not in command]  # Which has no end.
    assert len(commands) == 19
    for name in ("chelsea", "coffee", "astronaut", "motorcycle_left"):
        with resources.as_file(resources.files("skimage") / "data" / f"{name}.png") as path:
            pillow.open(path).convert("RGB").reduce(8).save(folder / "photos" / f"{name}.jpg")
    (folder / "seeds").mkdir()
    with pillow.open("photos/cup.jpg") as cup:
        pillow.new("L", cup.size, 128).save(folder / "seeds/cup.png")
    for command in commands:
        if "truths/" in command and not (folder / "truths").exists():
            (folder / "out/masks").rename(folder / "truths")
            run("cp", "-r", "truths", "out/masks")
        run("sh", "-c", command)
    assert (folder / "scores.json").is_file()


def test_the_recipe_of_the_readme_is_one(folder: Path) -> None:
    (text,) = blocks("toml")
    Path("mine.toml").write_text(text)
    assert wsseg.read_recipe("mine.toml") != wsseg.Recipe()


def test_the_scripts_of_the_readme_exist() -> None:
    for script in re.findall(r"^(scripts/\w+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert os.access(ROOT / script, os.X_OK)
