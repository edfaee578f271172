"""The steps of the Dockerfile, without Docker: what it copies builds the whole package, and what it runs exists."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

STEPS = re.findall(r"^(\w+) (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def of(instruction: str) -> list[str]:
    return [words for name, words in STEPS if name == instruction]


def copied(to: Path) -> Path:
    """Return a folder with what the COPY steps copy."""
    for words in of("COPY"):
        *sources, target = words.split()
        for source in sources:
            place = to / target.lstrip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    return to / "source"


def test_what_is_copied_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {source for words in of("COPY") for source in words.split()[:-1]}


def test_the_python_is_allowed_and_the_program_is_the_entry() -> None:
    (base,) = of("FROM")
    assert re.fullmatch(r"python:3\.1[1-9]-slim", base)
    assert of("ENTRYPOINT") == ['["wsseg"]']
    assert 'wsseg = "wsseg.cli.app:main"' in (ROOT / "pyproject.toml").read_text()
    assert of("USER") == ["wsseg"]


def test_it_installs_from_the_index_of_the_small_torch() -> None:
    (index,) = of("ARG")
    line = next(words for words in of("RUN") if "pip install" in words)
    assert index.partition("=")[2] == "https://download.pytorch.org/whl/cpu"
    assert '--extra-index-url "$TORCH_INDEX" /source' in line
    assert index.partition("=")[2] in (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_what_is_copied_builds_a_wheel_with_every_file(tmp_path: Path) -> None:
    source = copied(tmp_path)
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(tmp_path / "wheels"), str(source)]
    if subprocess.run([sys.executable, "-c", "import hatchling"], capture_output=True).returncode:
        command.remove("--no-build-isolation")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheels").glob("wsseg-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("wsseg/")}
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "wsseg").rglob("*") if path.is_file()}
    assert packed == {name for name in files if "__pycache__" not in name}
