"""A run of five small photos, and its review."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from quick import photo_bytes, sure_classifier
from served import PLAIN, Served, serving

from wsseg.files.encode import write_picture
from wsseg.files.photos import read_image
from wsseg.runs.folder import segment_folder
from wsseg.segmenting.segmenter import Segmenter

HOSTILE = "c\n<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def segmenter() -> Segmenter:
    return Segmenter(sure_classifier(), PLAIN)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, segmenter: Segmenter) -> Path:
    folder = tmp_path_factory.mktemp("review")
    image = read_image(photo_bytes("astronaut"))[::3, ::3]
    for number, name in enumerate(("a", "b", HOSTILE.replace("/", "-"), "d", "sub/e")):
        write_picture(folder / f"photos/{name}.png", image[number : 120 + number, 3 * number : 150 + 3 * number])
    segment_folder(
        folder / "photos", folder / "run", classifier=segmenter.classifier, recipe=PLAIN, pictures=["mask", "overlay"]
    )
    return folder


@pytest.fixture
def run_folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the run, whose photos stay where they are."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


@pytest.fixture
def served(run_folder: Path, segmenter: Segmenter) -> Iterator[Served]:
    with serving(run_folder, segmenter) as found:
        yield found
