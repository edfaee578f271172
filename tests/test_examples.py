"""The examples run, and so does the code in the README and in docs/."""

import os
import re
import runpy
import shlex
import shutil
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow
from test_architecture import ROOMS

import wsseg
from wsseg.cli.app import main
from wsseg.runs.record import Decision, read_run
from wsseg.runs.reviews import reviewing

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a current folder with the photos that the README names."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name, files in {"chelsea": ("cat.jpg",), "coffee": ("photos/cup.jpg",)}.items():
        data = (resources.files("skimage") / "data" / f"{name}.png").read_bytes()
        for file in files:
            Path(file).write_bytes(data)
    return tmp_path


def blocks(language: str, *pages: Path) -> list[str]:
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [block for page in pages or PAGES for block in fence.findall(page.read_text())]


def commands(page: Path) -> list[str]:
    """Return the commands of a page that can run here.

    `--watch`, `wsseg review` and `wsseg serve` never end, and scale.md needs clusters and stores.
    """
    lines = [line for block in blocks("sh", page) for line in block.splitlines() if page.stem != "scale"]
    endless = ("--watch", "wsseg review", "wsseg serve")
    return [line for line in lines if line.startswith("wsseg ") and not any(word in line for word in endless)]


def having(language: str) -> pytest.MarkDecorator:
    pages = [page for page in PAGES if (commands(page) if language == "sh" else blocks(language, page))]
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.stem)


def expanded(word: str) -> list[str]:
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def fill(folder: Path, count: int) -> None:
    """Add small photos, the folder of hints, and a volume with its seeds."""
    for name in ("chelsea", "coffee", "astronaut", "motorcycle_left")[:count]:
        with resources.as_file(resources.files("skimage") / "data" / f"{name}.png") as path:
            pillow.open(path).convert("RGB").reduce(8).save(folder / "photos" / f"{name}.jpg")
    (folder / "seeds").mkdir()
    cells, seeds = np.zeros((4, 8, 8), np.uint8), np.full((4, 8, 8), 128, np.uint8)
    cells[1:3, 2:6, 2:6], seeds[2, 4, 4], seeds[0, 0, 0] = 200, 255, 0
    for name, values in {"cells.tif": cells, "seeds.tif": seeds}.items():
        wsseg.write_volume(name, wsseg.Volume(values))
    with pillow.open("photos/cup.jpg") as photo:
        cup = photo.reduce(4)
    cup.save("photos/cup.jpg")
    pillow.new("L", cup.size, 128).save(folder / "seeds/cup.png")


def make_truths() -> None:
    """Use the masks of the recipe `default` as truths."""
    run("wsseg segment photos/ -o out")
    shutil.copytree("out/masks", "truths")


def accept_all(folder: Path) -> None:
    """Review the run as a person does who finds every mask right."""
    decision = Decision(verdict="accepted", when="2026-01-01T00:00:00+00:00", iou=1.0, at_random=True)
    with reviewing(folder) as reviews:
        for record in read_run(folder).records:
            findings = tuple(replace(one, decision=decision) for one in record.findings)
            reviews.write(replace(record, findings=findings), {})


def run(command: str) -> None:
    """Run a command line in this process, which is faster than a shell."""
    words = [path for word in shlex.split(command, comments=True) for path in expanded(word)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 0, command


MADE = {
    "1_one_call": ("Egyptian cat", "mask.png"),
    "2_the_stages": ("Egyptian cat", "stages.png"),
    "3_the_article": ("rocket: ", "article/rocket.png"),
    "4_your_own_classifier": ("shapes named correctly", "shapes.png"),
    "5_hints": ("a box: ", "hints.png"),
    "6_a_folder": ("2 photos: see report.html", "report.html"),
    "7_an_adversary": ("Egyptian cat", "adversary.png"),
    "8_a_volume": ("exact: True", "cells.tif"),
}
"""Text that each example prints, and a file that it makes."""


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_example_runs(
    example: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(folder / "empty"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # Nothing answers on this port, so nothing is downloaded.
    shutil.rmtree("photos")
    monkeypatch.setattr(sys, "argv", [str(example)])
    runpy.run_path(str(example), run_name="__main__")
    answer, (text, file) = capsys.readouterr().out, MADE[example.stem]
    assert text in answer
    assert (folder / file).is_file()
    if example.stem == "4_your_own_classifier":
        assert float(answer.partition("drawn truth ")[2].split()[0]) > 0.6


@pytest.mark.slow
@pytest.mark.usefixtures("short")
@having("python")
def test_the_python_of_the_page_runs(page: Path, folder: Path) -> None:
    if page.stem == "recipes":
        fill(folder, count=4)
        make_truths()
    names: dict[str, object] = {}
    for block in blocks("python", page):
        exec(compile(block, page.name, "exec"), names)
    if page.stem in ("README", "tutorial"):
        assert (folder / "cutout.png").is_file()
    if page.stem == "method":
        assert names["mask"].any()  # type: ignore[attr-defined]  # A Mask, if the page is right.


@pytest.mark.slow
@pytest.mark.usefixtures("short")
@having("sh")
def test_the_commands_of_the_page_run(page: Path, folder: Path) -> None:
    fill(folder, count=4 if page.stem == "recipes" else 1)
    if page.stem in ("evaluation", "review"):
        for number in range(9):  # The least number of truths that calibrate takes.
            shutil.copyfile("photos/cup.jpg", f"photos/cup{number}.jpg")
    for command in commands(page):
        if "truths/" in command and not (folder / "truths").exists():
            make_truths()
        if page.stem == "review" and command.startswith("wsseg export"):
            accept_all(folder / "out")
        run(command)
    if page.stem in ("tutorial", "evaluation"):
        assert (folder / "scores.json").is_file()


def test_every_command_of_the_pages_runs() -> None:
    assert sum(len(commands(page)) for page in PAGES) == 45


def test_the_pages_name_an_existing_recipe(folder: Path) -> None:
    (text,) = blocks("toml")
    Path("mine.toml").write_text(text)
    assert wsseg.read_recipe("mine.toml") != wsseg.Recipe()


def test_the_scripts_of_the_pages_exist() -> None:
    for script in re.findall(r"^(scripts/\w+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert os.access(ROOT / script, os.X_OK)


def test_the_readme_s_links_work() -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def rows_of_contributing(heading: str) -> list[str]:
    """Return the rows of the table below a heading of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition(f"{heading}\n")[2].partition("\n#")[0]
    return [line for line in text.splitlines() if line.startswith("| `")]


def test_contributing_lists_every_public_name() -> None:
    names = set(re.findall(r"`(\w+)`", "\n".join(rows_of_contributing("### Public names"))))
    assert set(wsseg.__all__) - names == set()


def test_contributing_lists_every_room_with_its_floor() -> None:
    rows = [re.match(r"\| `(\w+)(?:/|\.py)` \| (-?\d) \|", row) for row in rows_of_contributing("## The house")]
    floors = {row[1]: int(row[2]) for row in rows if row}
    assert floors == {room: floor for room, (floor, _) in ROOMS.items() if not room.startswith("__")}
