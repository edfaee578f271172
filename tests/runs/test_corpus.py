"""A folder of bad and odd files: each gives a correct mask or a named error, and the good ones are done."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image as pillow
from PIL import ImageOps

from wsseg import FolderRun, Recipe, Record, segment_folder

pytestmark = pytest.mark.slow

QUICK = Recipe(samples=1, mirror_given=False, objectness=0.0, exact_side=64)
MAX_PIXELS = 100_000
WIDTH, HEIGHT = 75, 50
SIZE = (WIDTH, HEIGHT)

Put = Callable[[Path], object]


class Kind(NamedTuple):
    """A file and its expected outcome."""

    name: str
    put: Put
    size: tuple[int, int] | None = None
    """Size of its mask."""
    error: str = ""
    """Part of its error."""


def photo() -> pillow.Image:
    with resources.as_file(resources.files("skimage") / "data" / "chelsea.png") as path:
        return pillow.open(path).convert("RGB").resize(SIZE)


def data(format: str, picture: pillow.Image | None = None, **options: object) -> bytes:
    """Return the photo, or another picture, as a file of this format."""
    file = io.BytesIO()
    (picture or photo()).save(file, format, **options)
    return file.getvalue()


def of(content: bytes) -> Put:
    return lambda path: path.write_bytes(content)


def as_format(format: str, mode: str = "RGB", **options: object) -> Put:
    return lambda path: path.write_bytes(data(format, photo().convert(mode), **options))


def of_size(width: int, height: int) -> Put:
    return lambda path: photo().resize((width, height)).save(path, "PNG")


def linked(target: str) -> Put:
    return lambda path: path.symlink_to(target)


def bulky(path: Path) -> None:
    """A sparse file of 100 MB."""
    path.touch()
    os.truncate(path, 10**8)


def turned(orientation: int) -> bytes:
    exif = pillow.Exif()
    exif[0x0112] = orientation
    return data("JPEG", exif=exif)


def without_end(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def declaring(width: int, height: int) -> bytes:
    """A PNG that declares this size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head) - 4) + head + struct.pack(">I", zlib.crc32(head))
    return data("PNG")[:8] + chunk + data("PNG")[33:]


FRAMES = [photo(), ImageOps.invert(photo())]

KINDS = [
    Kind("good.jpg", as_format("JPEG"), SIZE),
    Kind("cut.jpg", of(without_end(data("JPEG"), 0.5)), error="must be a whole and sound picture"),
    Kind("cut.png", of(without_end(data("PNG"), 0.5)), error="must be a whole and sound picture"),
    Kind("head.gif", of(data("GIF")[:10]), error="must be a"),
    Kind("empty.jpg", of(b""), error="got an empty file of 0 bytes; copy it again"),
    Kind("text.jpg", of(b"a letter"), error="got nothing that Pillow reads; convert it to PNG"),
    Kind("page.png", of(b"<!DOCTYPE html><html>404</html>"), error="got nothing that Pillow reads"),
    Kind("drawing.png", of(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), error="got nothing that Pillow reads"),
    Kind("paper.jpg", of(b"%PDF-1.7\n"), error="got nothing that Pillow reads"),
    Kind("noise.jpg", of(np.random.default_rng(0).bytes(5000)), error="must be a"),
    Kind("start.jpg", of(data("JPEG")[:2] + np.random.default_rng(1).bytes(5000)), error="must be a"),
    Kind("huge.png", of(declaring(60000, 60000)), error="must have at most 100000 pixels"),
    Kind("nothing.png", of(declaring(0, 10)), error="must be a"),
    Kind("larger.png", of_size(400, 300), error="must have at most 100000 pixels, got"),
    Kind("bulky.jpg", bulky, error="bytes, got 100000000; allow more"),
    Kind("gone.jpg", linked("nowhere.jpg"), error="must be readable, got 'No such file or directory'; check the path"),
    Kind("loop.jpg", linked("loop.jpg"), error="must be readable"),
    Kind("inner-link.jpg", linked("good.jpg"), SIZE),
    Kind("pipe.png", lambda path: os.mkfifo(path), error="must be a regular file, got a pipe or a device"),
    Kind("print.jpg", as_format("JPEG", "CMYK"), SIZE),
    Kind("grey.jpg", as_format("JPEG", "L"), SIZE),
    Kind("progressive.jpg", as_format("JPEG", progressive=True), SIZE),
    Kind("trailing.jpg", of(data("JPEG") + b"garbage" * 100), SIZE),
    Kind("turned.jpg", of(turned(6)), (HEIGHT, WIDTH)),
    Kind("exif.jpg", as_format("JPEG", exif=b"Exif\0\0MM\0*broken"), SIZE),
    Kind("profile.png", as_format("PNG", icc_profile=b"no profile"), SIZE),
    Kind("misnamed.jpg", as_format("PNG"), SIZE),
    Kind("LOUD.JPEG", as_format("JPEG"), SIZE),
    Kind("one-bit.png", as_format("PNG", "1"), SIZE),
    Kind("palette.png", as_format("PNG", "P", transparency=0), SIZE),
    Kind("alpha.png", as_format("PNG", "RGBA"), SIZE),
    Kind("grey-alpha.png", as_format("PNG", "LA"), SIZE),
    Kind("sixteen.png", as_format("PNG", "I;16"), SIZE),
    Kind("float.tif", lambda path: pillow.fromarray(np.zeros((HEIGHT, WIDTH), np.float32)).save(path), SIZE),
    Kind("bright.tif", lambda path: pillow.fromarray(np.full((5, 5), 9e9, np.float32)).save(path), error="floats in"),
    Kind("lab.tif", as_format("TIFF", "LAB"), SIZE),
    Kind("pages.tif", as_format("TIFF", save_all=True, append_images=FRAMES), SIZE),
    Kind("moving.gif", as_format("GIF", save_all=True, append_images=FRAMES), SIZE),
    Kind("moving.webp", as_format("WEBP", save_all=True, append_images=FRAMES), SIZE),
    Kind("moving.png", as_format("PNG", save_all=True, append_images=FRAMES), SIZE),
    Kind("icon.ico", as_format("ICO", sizes=[(32, 32)]), (32, 21)),
    Kind("pixel.png", of_size(1, 1), (1, 1)),
    Kind("row.png", of_size(300, 1), (300, 1)),
    Kind("column.png", of_size(1, 300), (1, 300)),
    Kind("wide.png", of_size(3000, 9), (3000, 9)),
    Kind("flat.png", lambda path: pillow.new("RGB", SIZE, "red").save(path), SIZE),
    Kind("-dash.png", of_size(9, 9), (9, 9)),
    Kind("$(touch owned);&.png", of_size(9, 9), (9, 9)),
    Kind("two\nlines\x1b[31m.png", of_size(9, 9), (9, 9)),
    Kind("[red]markup.png", of_size(9, 9), (9, 9)),
    Kind("<img src=x onerror=alert(1)>.png", of_size(9, 9), (9, 9)),
    Kind("a" * 251 + ".png", of_size(9, 9), (9, 9)),
    Kind("bytes\udcff.png", of_size(9, 9), (9, 9)),
    Kind("e\u0301.png", of_size(9, 9), (9, 9)),
    Kind("\u00e9.bmp", as_format("BMP"), SIZE),
    Kind("same.png", of_size(9, 9), (9, 9)),
    Kind("same.bmp", as_format("BMP"), SIZE),
]

SKIPPED = ("outside.jpg", "camera.jxl", "camera.NEF", "logo.svg", ".hidden.jpg", "notes.txt", "paper.pdf")
"""Not photos of the folder: a link out of it, formats that nothing here reads, and other files."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "elsewhere.jpg").write_bytes(data("JPEG"))
    inside = folder / "photos"
    (inside / "folder.jpg").mkdir(parents=True)
    for kind in KINDS:
        kind.put(inside / kind.name)
    (inside / "outside.jpg").symlink_to(folder / "elsewhere.jpg")
    for name in SKIPPED[1:]:
        (inside / name).write_bytes(b"x")
    return inside


@pytest.fixture(scope="module")
def ended(corpus: Path) -> tuple[FolderRun, list[str]]:
    return run_over(corpus, out=corpus.parent / "out")


def run_over(*paths: Path, out: Path) -> tuple[FolderRun, list[str]]:
    """Return the run over these photos, and its notices."""
    notices: list[str] = []
    return segment_folder(paths, out, recipe=QUICK, max_pixels=MAX_PIXELS, notice=notices.append), notices


@pytest.fixture(scope="module")
def records(corpus: Path, ended: tuple[FolderRun, list[str]]) -> dict[str, Record]:
    """The records of the run, by file."""
    found = {Path(record.input).relative_to(corpus).as_posix(): record for record in ended[0].records}
    assert len(found) == ended[0].photos
    return found


def test_the_run_counts_its_failures(ended: tuple[FolderRun, list[str]]) -> None:
    failed = sum(bool(kind.error) for kind in KINDS)
    assert (ended[0].photos, ended[0].done, ended[0].failed) == (len(KINDS), len(KINDS) - failed, failed)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: ascii(kind.name)[1:20])
def test_each_file_gives_a_correct_mask_or_a_named_error(
    kind: Kind, corpus: Path, ended: tuple[FolderRun, list[str]], records: dict[str, Record]
) -> None:
    record = records[kind.name]
    assert not record.traceback
    if kind.error:
        path = str(corpus / kind.name)
        assert kind.error in record.error and "; " in record.error and path in record.error
        assert ended[0].failures[path] == record.error
        assert record.files == []
    else:
        assert record.error == ""
        (file,) = record.files
        with pillow.open(corpus.parent / "out" / file) as mask:
            assert (mask.size, mask.mode) == (kind.size, "L")
            assert set(np.unique(np.array(mask))) <= {0, 255}


def test_other_files_are_skipped(corpus: Path, ended: tuple[FolderRun, list[str]], records: dict[str, Record]) -> None:
    assert set(records) == {kind.name for kind in KINDS}
    assert not (corpus.parent / "owned").exists() and not Path("owned").exists()
    (notice,) = ended[1]
    assert "3 files such as 'camera.NEF', whose format wsseg cannot read: convert them to PNG or JPEG" in notice


def test_the_masks_are_those_of_the_records(corpus: Path, ended: tuple[FolderRun, list[str]]) -> None:
    masks = {path for path in (corpus.parent / "out/masks").rglob("*") if path.is_file()}
    assert set(ended[0].masks) == masks
    assert len(masks) == sum(not kind.error for kind in KINDS)


def test_files_skipped_in_a_folder_fail_by_name(corpus: Path, tmp_path: Path) -> None:
    """This includes a camera's TIFF-based RAW format with only a preview, given by a list."""
    (tmp_path / "camera.nef").write_bytes(data("TIFF"))
    (tmp_path / "list.txt").write_text(f"camera.nef\n{corpus / 'good.jpg'}\n{corpus / 'cut.jpg'}\n")
    found, _ = run_over(corpus / "camera.jxl", tmp_path / "list.txt", out=tmp_path / "out")
    assert (found.photos, found.done) == (4, 1)
    for path, error in (
        (corpus / "camera.jxl", "must be a picture, got nothing that Pillow reads; convert it to PNG"),
        (tmp_path / "camera.nef", "must be a picture, got a camera RAW file; "),
        (corpus / "cut.jpg", "must be a whole and sound picture"),
    ):
        assert error in found.failures[str(path)]
