"""Palettes of mask files: read as indices or as greys, and in one way throughout a folder."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wsseg.arrays import UNKNOWN
from wsseg.files.encode import VOC_COLORS
from wsseg.files.levels import ReadError
from wsseg.files.masks import read_labels, read_mask, read_soft_mask, read_truth, read_values
from wsseg.files.palettes import Palettes, palettes_of

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (128, 128, 128)
RED, GREEN = (128, 0, 0), (0, 128, 0)

CITYSCAPES = [*[BLACK] * 5, (111, 74, 0), (81, 0, 81), (128, 64, 128), (244, 35, 232), (250, 170, 160), (230, 150, 140)]
"""First colors of Cityscapes: five labels are black."""

ADE20K = [(120, 120, 120), (180, 120, 120), (6, 230, 230), (80, 50, 50)]
"""First colors of ADE20K: the first is a grey."""

WEB = [BLACK] * 10 + [(r, g, b) for b in range(0, 256, 51) for g in range(0, 256, 51) for r in range(0, 256, 51)]
"""Colors to which Pillow converts: black is 10 and white 225."""


def save(path: Path, indices: Any, colors: Sequence[Sequence[int]], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.atleast_2d(np.asarray(indices, np.uint8)))
    picture.putpalette([level for color in colors for level in color])
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("count", [256, 255, 22, 21, 16, 8])
@pytest.mark.parametrize("labels", [[0, 7], [7, 7], [0, 1], [0, 0]])
@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tiff", "pcx", "tga"])
def test_labels_are_indices_however_long_the_palette_is(
    suffix: str, labels: list[int], count: int, tmp_path: Path
) -> None:
    options = {"optimize": False} if suffix == "gif" else {}  # Pillow would number the colors again.
    path = save(tmp_path / f"a.{suffix}", labels, VOC_COLORS[:count].tolist(), **options)
    assert read_labels(path).tolist() == [labels]


@pytest.mark.parametrize("colors", [CITYSCAPES, ADE20K, [BLACK] * 4, [WHITE, BLACK, GREY, GREY], WEB, VOC_COLORS[::-1]])
def test_labels_are_indices_whatever_the_colors_are(colors: Any, tmp_path: Path) -> None:
    assert read_labels(save(tmp_path / "a.png", [0, 1, 2, 3], colors)).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_labels_of_few_bits_are_indices(bits: int, tmp_path: Path) -> None:
    labels = list(range(min(2**bits, 21)))
    path = save(tmp_path / "a.png", labels, VOC_COLORS[: len(labels)].tolist(), bits=bits)
    assert path.read_bytes()[24] == bits
    assert read_labels(path).tolist() == [labels]


def test_labels_with_transparency_are_indices(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [0, 7], VOC_COLORS[:21].tolist(), transparency=0)
    assert read_labels(path).tolist() == [[0, 7]]


MASKS = {
    "black, white": ([0, 1], [BLACK, WHITE]),
    "white, black": ([1, 0], [WHITE, BLACK]),
    "ramp": ([0, 255], [(level,) * 3 for level in range(256)]),
    "red": ([0, 1], [BLACK, RED]),
    "red and more": ([0, 1], [BLACK, RED, GREEN, GREY]),
    "VOC, 21 colors": ([0, 1], VOC_COLORS[:21].tolist()),
    "Cityscapes": ([0, 1], CITYSCAPES),
    "ADE20K": ([0, 1], ADE20K),
    "all black": ([0, 1], [BLACK, BLACK]),
    "web": ([10, 225], WEB),
    "web, white as 1": ([0, 1], [BLACK, WHITE, *WEB]),
}


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_is_read_by_its_palette(kind: str, tmp_path: Path) -> None:
    indices, colors = MASKS[kind]
    path = save(tmp_path / "a.png", indices, colors)
    assert read_mask(path).tolist() == [[False, True]]
    assert read_soft_mask(path).tolist() == [[0, 1]]
    assert read_truth(path, void=9).tolist() == [[0, 1]]


@pytest.mark.parametrize("label", [2, 7, 15])
@pytest.mark.parametrize("count", [256, 255, 21, 16])
def test_a_class_of_a_short_palette_is_not_grey(label: int, count: int, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [0, label], VOC_COLORS[:count].tolist())
    assert read_truth(path, void=label).tolist() == [[0, UNKNOWN]]
    for read in (read_mask, read_soft_mask):
        with pytest.raises(
            ReadError, match=f"must hold 0 with 1 or with 255 as indices of its palette, got also {label};"
        ):
            read(path)


def test_greys_of_a_palette_may_be_void_or_soft(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [1, 2, 3], [BLACK, WHITE, BLACK, GREY])
    assert read_truth(path, void=128).tolist() == [[1, 0, UNKNOWN]]
    assert read_soft_mask(path)[0].tolist() == pytest.approx([1, 0, 128 / 255])


FOLDERS: list[tuple[list[tuple[list[int], Any]], Palettes | None]] = [
    ([], None),
    ([([0, 1], [BLACK, WHITE]), ([0, 1], [WHITE, BLACK])], "greys"),
    ([([10, 225], WEB), ([10, 10], WEB)], "greys"),
    ([([0, 0], VOC_COLORS[:21]), ([0, 7], VOC_COLORS[:21])], "indices"),
    ([([0, 0], CITYSCAPES), ([1, 1], CITYSCAPES), ([0, 1], CITYSCAPES)], "indices"),
    ([([1, 1], CITYSCAPES), ([7, 8], CITYSCAPES)], "indices"),
    ([([0, 0], ADE20K), ([0, 0], ADE20K)], "indices"),
    ([([0, 1], [BLACK, WHITE]), ([0, 1], [BLACK, RED])], "indices"),
]


@pytest.mark.parametrize(("files", "palettes"), FOLDERS)
def test_all_files_of_a_folder_share_one_rule(files: Any, palettes: Palettes | None, tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{place}.png", *each) for place, each in enumerate(files)]
    others = [tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "c.png", tmp_path / "gone.png"]
    for path in others[:2]:
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)
    others[2].write_bytes(b"no picture")
    assert palettes_of([*others, *paths]) == palettes_of([*others, *paths[::-1]]) == palettes


@pytest.mark.parametrize(("indices", "value"), [([1, 1], 1), ([0, 0], 0)])
def test_all_files_of_a_folder_are_read_alike(indices: list[int], value: int, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", indices, CITYSCAPES)
    expected: dict[Palettes, int] = {"indices": value, "greys": 0}
    for palettes, level in expected.items():
        assert read_truth(path, void=None, palettes=palettes).tolist() == [[level] * 2]
        assert read_values(path, palettes=palettes).tolist() == [[level] * 2]


def test_a_palette_that_contradicts_its_folder_is_refused(tmp_path: Path) -> None:
    inverse = save(tmp_path / "a.png", [0, 1], [WHITE, BLACK])
    with pytest.raises(ReadError, match=r"a\.png'? must have a palette of labels like the other files of its folder"):
        read_truth(inverse, void=None, palettes="indices")
    assert read_truth(inverse, void=None, palettes="greys").tolist() == [[1, 0]]
    colored = save(tmp_path / "b.png", [0, 1], [BLACK, RED])
    with pytest.raises(ReadError, match=r"b\.png'? must have a palette of greys, got colors"):
        read_truth(colored, void=None, palettes="greys")
    same = save(tmp_path / "c.png", [0, 1], [BLACK, WHITE])
    assert read_mask(same, palettes="indices").tolist() == read_mask(same, palettes="greys").tolist() == [[False, True]]


def test_a_grey_palette_holds_indices_only_for_labels(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).convert("P").save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert read_soft_mask(tmp_path / "a.png")[0].tolist() == pytest.approx([0, 0.2, 1])
