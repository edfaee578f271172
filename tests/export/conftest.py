"""The runs that the tests of exports share."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from export_runs import CAT, DOG, Seen, disk, made, png

from wsseg.arrays import Mask

GOLDEN = Path(__file__).parents[1] / "golden"


def some_masks() -> dict[str, Mask]:
    """Return masks by the names of their photos."""
    random = np.random.default_rng(0)
    ring = disk(40, 50, 20, 25, 18) & ~disk(40, 50, 20, 25, 10)
    corners = np.zeros((20, 30), np.bool_)
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    line = np.zeros((20, 30), np.bool_)
    line[7, 2:29] = True
    masks = {
        "empty": np.zeros((12, 17), np.bool_),
        "full": np.ones((13, 11), np.bool_),
        "corners": corners,
        "thin line": line,
        "sub/upright": line.T.copy(),
        "sub/diagonal": np.eye(31, 23, dtype=np.bool_),
        "sub/deeper/ring": ring,
        "disk in a ring, and a hole in it": ring | (disk(40, 50, 20, 25, 7) & ~disk(40, 50, 20, 25, 3)),
        "zürich ☃": disk(33, 44, 10, 12, 8) | disk(33, 44, 22, 34, 6),
        "checks": np.indices((16, 15)).sum(0) % 2 == 0,
        **{f"noise/{share}": random.random((25, 32)) < share / 10 for share in range(1, 10)},
        **{f"blobs {number}": blobs(random, 90 + number) for number in range(4)},
    }
    for path in sorted(GOLDEN.glob("*.png")):
        masks[f"golden/{path.stem}"] = png(path.read_bytes()) > 0
    return masks


def blobs(random: np.random.Generator, side: int) -> Mask:
    return np.asarray(cv2.GaussianBlur(random.random((side, side + 20)), (0, 0), 5) > 0.51)


@pytest.fixture(scope="session")
def masks() -> dict[str, Mask]:
    return some_masks()


@pytest.fixture(scope="session")
def run(masks: dict[str, Mask], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two targets in each photo that do not overlap: the mask, and a part of the rest."""
    photos = {}
    for name, mask in masks.items():
        rest = ~mask
        rest[:, rest.shape[1] // 2 :] = False
        photos[name] = [('the "tiger" cat, 100 %', mask), ("naïve \\ dog", rest)]
    return made(tmp_path_factory.mktemp("formats"), photos)


@pytest.fixture(scope="session")
def wanted(run: Path, masks: dict[str, Mask]) -> list[Seen]:
    """All objects of that run, read from its own files."""
    seen = []
    for name in masks:
        for number, category in enumerate(['the "tiger" cat, 100 %', "naïve \\ dog"]):
            mask = png((run / f"masks/{name}.{number}.png").read_bytes()) > 0
            if mask.any():
                seen.append(Seen(name, category, mask))
    assert len(seen) > 50
    return seen


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A run with a photo of a cat and a dog that overlap, and a photo of a cat in a subfolder."""
    return made(tmp_path / "small", {"a": [("cat", CAT), ("dog", DOG)], "sub/b c": [("cat", CAT)]}, suffix=".jpg")
