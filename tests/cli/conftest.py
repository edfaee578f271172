"""Photos for the command line's tests."""

from importlib import resources
from pathlib import Path

import pytest
from PIL import Image as pillow


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a photo of a cat, and in a folder inside one of a cup of coffee."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name, file in (("chelsea", "cat.jpg"), ("coffee", "sub/cup.png")):
        with resources.as_file(resources.files("skimage") / "data" / f"{name}.png") as path:
            pillow.open(path).reduce(2).save(folder / file)
    return folder
