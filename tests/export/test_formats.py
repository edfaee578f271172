"""Runs in the formats of other tools, read back by those tools' own code: the masks that went in come out."""

import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image as pillow
from pycocotools import mask as cocomask
from pycocotools.coco import COCO
from torchvision.datasets import VOCSegmentation

from wsseg.arrays import Mask
from wsseg.cli.app import main
from wsseg.export.annotations import Loss
from wsseg.export.export import FORMATS, export_run
from wsseg.export.labelstudio import rle_of
from wsseg.export.outlines import outlines
from wsseg.files.encode import VOC_COLORS, write_labels, write_mask, write_picture
from wsseg.graphcut.regions import instances_of
from wsseg.runs.journal import opened
from wsseg.runs.record import Finding, Record

READERS = Path(__file__).parents[2] / ".venv-readers/bin/python"
SCRIPT = Path(__file__).parents[1] / "readers.py"
OLD_NUMPY = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""What pycocotools' decoder says."""

GOLDEN = Path(__file__).parents[1] / "golden"
SUFFIXES = {"coco": ".json", "cvat": ".zip"}

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=13)
MASKS = arrays(np.bool_, SHAPES) | st.builds(
    lambda seed, shape, share: np.random.default_rng(seed).random(shape) < share,
    st.integers(0),
    SHAPES,
    st.floats(0, 1),
)
"""Sparse, full and noisy ones, of any size."""


class Seen(NamedTuple):
    photo: str
    category: str
    mask: Mask


def iou(first: Mask, second: Mask) -> float:
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


def parts_of(mask: Mask) -> list[Mask]:
    """Its 8-connected components."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return [labels == number for number in range(1, count)]


# ---------------------------------------------------------------------------------------------------------------- runs


def made(folder: Path, photos: Mapping[str, Sequence[tuple[str, Mask]]], suffix: str = ".png") -> Path:
    """A run with a mask of each target of each photo, whose photos lie beside it."""
    records = []
    for name, found in photos.items():
        photo = folder / f"photos/{name}{suffix}"
        write_picture(photo.with_suffix(".png"), np.zeros(found[0][1].shape, np.uint8))
        if suffix != ".png":
            photo.with_suffix(".png").rename(photo)
        findings = []
        for number, (category, mask) in enumerate(found):
            write_mask(folder / f"run/masks/{name}.{number}.png", mask)
            findings.append(finding(category, {"mask": f"masks/{name}.{number}.png"}))
        records.append(Record(input=str(photo), name=name, settings="s", findings=tuple(findings)))
    return run_of(folder / "run", *records)


def finding(category: str, outputs: Mapping[str, str], confidence: float = 0.75) -> Finding:
    return Finding(category=category, probability=0.5, status="ok", confidence=confidence, outputs=outputs)


def run_of(folder: Path, *records: Record) -> Path:
    with opened(folder, {"wsseg": "0"}, force=True) as journal:
        for record in records:
            journal.append(record)
    return folder


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def png(data: bytes) -> NDArray[np.uint8]:
    with pillow.open(BytesIO(data)) as picture:
        return np.array(picture)


def disk(height: int, width: int, y: float, x: float, radius: float) -> Mask:
    ys, xs = np.mgrid[:height, :width]
    return np.asarray((ys - y) ** 2 + (xs - x) ** 2 < radius**2)


def some_masks() -> dict[str, Mask]:
    """By the names of their photos."""
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


@pytest.fixture(scope="module")
def masks() -> dict[str, Mask]:
    return some_masks()


@pytest.fixture(scope="module")
def run(masks: dict[str, Mask], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of two targets in each photo, which do not overlap: what the masks are of, and some of what they are not."""
    photos = {}
    for name, mask in masks.items():
        rest = ~mask
        rest[:, rest.shape[1] // 2 :] = False
        photos[name] = [('the "tiger" cat, 100 %', mask), ("naïve \\ dog", rest)]
    return made(tmp_path_factory.mktemp("formats"), photos)


@pytest.fixture(scope="module")
def wanted(run: Path, masks: dict[str, Mask]) -> list[Seen]:
    """All objects of that run, as they are in its own files."""
    seen = []
    for name in masks:
        for number, category in enumerate(['the "tiger" cat, 100 %', "naïve \\ dog"]):
            mask = png((run / f"masks/{name}.{number}.png").read_bytes()) > 0
            if mask.any():
                seen.append(Seen(name, category, mask))
    assert len(seen) > 50
    return seen


def by_photo(seen: Sequence[Seen]) -> list[Seen]:
    return sorted(seen, key=lambda each: (each.photo, each.category, each.mask.tobytes()))


def check_equal(seen: Sequence[Seen], wanted: Sequence[Seen]) -> None:
    seen, wanted = by_photo(seen), by_photo(wanted)
    assert [each[:2] for each in seen] == [each[:2] for each in wanted]
    for one, other in zip(seen, wanted, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask, err_msg=str(one[:2]))


def exported(run: Path, to: str, folder: Path, **options: Any) -> Path:
    out = folder / f"out{SUFFIXES.get(to, '')}"
    export_run(run, to, out, **options)
    return out


# --------------------------------------------------------------------------------------------------------- polygons


def filled(polygons: Sequence[NDArray[np.float64]], shape: tuple[int, ...]) -> Mask:
    """By OpenCV: the polygons' pixels, and their outlines."""
    mask = np.zeros(shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [polygon.astype(np.int32)], 1)
    return mask > 0


def covered(polygon: NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """Which pixels' centers, or nearly, lie inside, by the even-odd rule."""
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    ys, xs = ys + 1e-4, xs + 1e-4  # The cuts to holes run through the centers.
    inside = np.zeros(shape, np.bool_)
    for (x0, y0), (x1, y1) in pairwise([*polygon, polygon[0]]):
        if y0 != y1:
            inside ^= ((y0 > ys) != (y1 > ys)) & (xs < x0 + (ys - y0) * (x1 - x0) / (y1 - y0))
    return inside


def area_of(polygon: NDArray[np.float64]) -> float:
    x, y = polygon.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


class TestOutlines:
    @given(MASKS)
    def test_a_polygon_of_each_component_covers_it(self, mask: Mask) -> None:
        polygons, parts = outlines(mask), parts_of(mask)
        assert len(polygons) == len(parts)
        for polygon, part in zip(polygons, sorted(parts, key=lambda part: int(part.argmax())), strict=True):
            np.testing.assert_array_equal(covered(polygon, mask.shape), part)

    @given(MASKS)
    def test_it_is_right_too_where_polygons_are_drawn_in_whole_pixels(self, mask: Mask) -> None:
        np.testing.assert_array_equal(filled(outlines(mask), mask.shape), mask)

    @given(MASKS)
    def test_its_area_is_the_mask_s(self, mask: Mask) -> None:
        assert sum(map(area_of, outlines(mask))) == pytest.approx(mask.sum(), rel=0.016)

    @OLD_NUMPY
    @given(MASKS)
    def test_pycocotools_finds_the_mask_in_it(self, mask: Mask) -> None:
        assume(mask.any())
        polygons = [polygon.ravel().tolist() for polygon in outlines(mask)]
        rles = cocomask.frPyObjects(polygons, *mask.shape)
        np.testing.assert_array_equal(cocomask.decode(cocomask.merge(rles)) > 0, mask)

    def test_the_vertices_of_a_pixel_lie_just_inside_its_corners(self) -> None:
        mask = np.zeros((4, 5), np.bool_)
        mask[2, 3] = True
        (polygon,) = outlines(mask)
        assert {tuple(corner) for corner in polygon.round(1).tolist()} == {(3, 2), (4, 2), (4, 3), (3, 3)}
        assert ((polygon > (3, 2)) & (polygon < (4, 3))).all()


# -------------------------------------------------------------------------------------------------- Label Studio's RLE


def decoded(data: Sequence[int], size: tuple[int, ...]) -> Mask:
    """As rle-pack's `decode` goes through the bits."""
    bits = iter("".join(f"{byte:08b}" for byte in data))

    def read(count: int) -> int:
        return int("".join(next(bits) for _ in range(count)), 2)

    count, word = read(32), read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count:
        is_run = read(1)
        length = read(lengths[read(2)]) + 1
        values += [read(word)] * length if is_run else [read(word) for _ in range(length)]
    assert len(list(bits)) < 8
    channels = np.array(values).reshape(*size, 4)
    assert (channels == channels[..., :1]).all() and set(values) <= {0, 255}
    return np.asarray(channels[..., 3] == 255)


class TestBrush:
    @given(MASKS)
    def test_it_is_decoded_to_the_mask(self, mask: Mask) -> None:
        np.testing.assert_array_equal(decoded(rle_of(mask).tolist(), mask.shape), mask)

    @pytest.mark.parametrize("pixels", [1, 2, 3, 4, 5, 63, 64, 65, 16383, 16384, 16385, 32768, 40000])
    def test_runs_of_any_length_are(self, pixels: int) -> None:
        mask = np.array([[False] + [True] * pixels + [False]])
        np.testing.assert_array_equal(decoded(rle_of(mask).tolist(), mask.shape), mask)


# ------------------------------------------------------------------------------------------------------------ readers


@OLD_NUMPY
def test_coco_is_read_by_pycocotools(run: Path, wanted: list[Seen], masks: dict[str, Mask], tmp_path: Path) -> None:
    coco = COCO(str(exported(run, "coco", tmp_path)))
    names = {each["id"]: each["name"] for each in coco.loadCats(coco.getCatIds())}
    assert list(names) == [1, 2]
    images = coco.loadImgs(coco.getImgIds())
    assert {each["file_name"]: (each["height"], each["width"]) for each in images} == {
        f"{name}.png": mask.shape for name, mask in masks.items()
    }
    seen = []
    for image in images:
        for each in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
            mask = coco.annToMask(each) > 0
            seen.append(Seen(image["file_name"][:-4], names[each["category_id"]], mask))
            ys, xs = np.nonzero(mask)
            assert each["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            assert (each["area"], each["iscrowd"], each["score"]) == (mask.sum(), 0, 0.75)
    check_equal(seen, wanted)


def test_voc_is_read_by_torchvision(run: Path, wanted: list[Seen], tmp_path: Path) -> None:
    exported(run, "voc", tmp_path)
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "out").rename(tmp_path / "VOCdevkit/VOC2012")
    names = (tmp_path / "VOCdevkit/VOC2012/labelmap.txt").read_text().splitlines()[2:]
    seen = []
    data = VOCSegmentation(str(tmp_path), image_set="trainval")
    for path in data.masks:
        labels = png(Path(path).read_bytes())
        name = Path(path).relative_to(tmp_path / "VOCdevkit/VOC2012/SegmentationClass").with_suffix("").as_posix()
        seen += [Seen(name, names[value - 1].split(":")[0], labels == value) for value in np.unique(labels) if value]
    check_equal(seen, wanted)


@pytest.fixture(scope="module")
def read_by(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the tool itself sees in an export."""
    if not READERS.exists():
        assert not os.environ.get("CI"), "CI must have the readers, got none; .ci/run calls scripts/readers"
        pytest.skip("the tools' own readers are not installed; scripts/readers does it")
    folder = tmp_path_factory.mktemp("readers")

    def read(to: str, export: Path) -> list[Seen]:
        out = folder / f"{to}.npz"
        done = subprocess.run(
            [READERS, SCRIPT, to, export, out],
            env={**os.environ, "YOLO_CONFIG_DIR": str(folder), "YOLO_OFFLINE": "true", "MPLCONFIGDIR": str(folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        with np.load(out) as found:
            index = json.loads(str(found["index"]))
            return [Seen(*names, found[str(number)]) for number, names in enumerate(index)]

    return read


class TestReaders:
    @pytest.mark.parametrize("to", ["voc", "cvat"])
    def test_datumaro(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path, to: str) -> None:
        check_equal(read_by(to, exported(run, to, tmp_path)), wanted)

    @pytest.mark.parametrize("photos", [False, True])
    def test_labelme(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path, photos: bool) -> None:
        check_equal(read_by("labelme", exported(run, "labelme", tmp_path, photos=photos)), wanted)

    def test_labelstudio(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path) -> None:
        prefix = "/data/local-files/?d="
        seen = read_by("labelstudio", exported(run, "labelstudio", tmp_path))
        assert all(each.photo.startswith(prefix) for each in seen)
        check_equal([each._replace(photo=unquote(each.photo.removeprefix(prefix))[:-4]) for each in seen], wanted)

    def test_yolo(self, read_by: Any, run: Path, wanted: list[Seen], tmp_path: Path) -> None:
        seen = read_by("yolo", exported(run, "yolo", tmp_path, photos=True))
        parts = [each._replace(mask=part) for each in wanted for part in parts_of(each.mask)]
        exact = [each._replace(category=each.category[:-6]) for each in seen if each.category.endswith(" exact")]
        check_equal(exact, parts)
        trained = [each for each in seen if each.category.endswith(" trained")]
        for one, other in zip(trained, [each for each in seen if each.category.endswith(" exact")], strict=True):
            assert one.photo == other.photo
            # A vertex that training adds may fall into the very corner where two pixels touch, which counts in specks.
            if not one.photo.startswith("noise/"):
                assert iou(one.mask, other.mask) >= 0.98, one.photo


# ------------------------------------------------------------------------------------------------- what each one holds

CAT = disk(20, 30, 9, 9, 7)
DOG = disk(20, 30, 9, 19, 6)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A run of a cat and a dog that overlap, and below it of a cat alone."""
    return made(tmp_path / "small", {"a": [("cat", CAT), ("dog", DOG)], "sub/b c": [("cat", CAT)]}, suffix=".jpg")


def test_where_objects_overlap_voc_keeps_the_smaller_and_names_the_photo(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "voc"
    shared = int((CAT & DOG).sum())
    assert export_run(small, "voc", out).losses == (
        Loss("a", f"{shared} pixels where a smaller object covers another"),
    )
    files = files_in(out)
    expected = np.where(DOG, 2, np.where(CAT, 1, 0))
    for folder in ("SegmentationClass", "SegmentationObject"):
        np.testing.assert_array_equal(png(files[f"{folder}/a.png"]), expected)
        with pillow.open(BytesIO(files[f"{folder}/a.png"])) as picture:
            assert picture.mode == "P" and picture.getpalette() == VOC_COLORS.ravel().tolist()


def test_the_files_of_each_tree(small: Path, tmp_path: Path) -> None:
    trees = {
        "voc": ["ImageSets/Segmentation/trainval.txt", "JPEGImages/a.jpg", "JPEGImages/sub/b c.jpg"]
        + [f"Segmentation{kind}/{name}.png" for kind in ("Class", "Object") for name in ("a", "sub/b c")]
        + ["labelmap.txt"],
        "labelme": ["a.jpg", "a.json", "sub/b c.jpg", "sub/b c.json"],
        "yolo": ["data.yaml", "images/a.jpg", "images/sub/b c.jpg", "labels/a.txt", "labels/sub/b c.txt"],
    }
    for to, names in trees.items():
        export_run(small, to, tmp_path / to, photos=True)
        files = files_in(tmp_path / to)
        assert sorted(files) == sorted(names)
        copy = next(data for name, data in files.items() if name.endswith("b c.jpg"))
        assert copy == (small.parent / "photos/sub/b c.jpg").read_bytes()
    assert (tmp_path / "voc/labelmap.txt").read_text().splitlines() == [
        "# label:color_rgb:parts:actions",
        "background:0,0,0::",
        "cat:128,0,0::",
        "dog:0,128,0::",
    ]
    assert (tmp_path / "voc/ImageSets/Segmentation/trainval.txt").read_text() == "a\nsub/b c\n"
    export_run(small, "cvat", tmp_path / "o.zip")
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        voc = [name for name in trees["voc"] if not name.startswith("JPEG")]
        assert sorted(archive.namelist()) == sorted(name.replace("trainval", "default") for name in voc)
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_labelme_s_box_ends_at_pixels_of_the_mask(small: Path, tmp_path: Path) -> None:
    export_run(small, "labelme", tmp_path / "out")
    told = json.loads((tmp_path / "out/sub/b c.json").read_text())
    (shape,) = told["shapes"]
    assert shape["points"] == [[3, 3], [15, 15]] and shape["score"] == 0.75
    np.testing.assert_array_equal(png(base64.b64decode(shape["mask"])) > 0, CAT[3:16, 3:16])
    assert (told["imageHeight"], told["imageWidth"]) == (20, 30)


def test_labelme_s_way_to_the_photo_is_its_own_name_once_it_is_gone(small: Path, tmp_path: Path) -> None:
    export_run(small, "labelme", tmp_path / "near")
    assert json.loads((tmp_path / "near/sub/b c.json").read_text())["imagePath"] == "../../small/photos/sub/b c.jpg"
    export_run(small, "labelme", small.parent / "photos", force=True)
    assert json.loads((small.parent / "photos/sub/b c.json").read_text())["imagePath"] == "b c.jpg"
    (small.parent / "photos/sub/b c.jpg").unlink()
    export_run(small, "labelme", tmp_path / "gone")
    assert json.loads((tmp_path / "gone/sub/b c.json").read_text())["imagePath"] == "b c.jpg"


def test_labelstudio_has_an_interface_and_a_score(small: Path, tmp_path: Path) -> None:
    export_run(small, "labelstudio", tmp_path / "out")
    interface = ElementTree.parse(tmp_path / "out/config.xml")
    assert [label.get("value") for label in interface.iter("Label")] == ["cat", "dog"]
    (brush,), (image,) = interface.iter("BrushLabels"), interface.iter("Image")
    first, _ = json.loads((tmp_path / "out/tasks.json").read_text())
    (prediction,) = first["predictions"]
    assert image.get("value") == "$image" and list(first["data"]) == ["image"]
    assert (prediction["score"], len(prediction["result"])) == (0.75, 2)
    for each in prediction["result"]:
        assert (each["from_name"], each["to_name"]) == (brush.get("name"), brush.get("toName"))


def test_yolo_has_shares_of_width_and_height(tmp_path: Path) -> None:
    mask = np.zeros((40, 100), np.bool_)
    mask[10:30, 20:60] = True
    export_run(made(tmp_path, {"a": [("cat", mask)]}), "yolo", tmp_path / "out")
    shares = np.array((tmp_path / "out/labels/a.txt").read_text().split()[1:], np.float64).reshape(-1, 2)
    assert shares.min(axis=0) == pytest.approx((0.2, 0.25), abs=0.03)  # A pixel is .01 or .025.
    assert shares.max(axis=0) == pytest.approx((0.6, 0.75), abs=0.03)


def test_yolo_names_photos_whose_objects_come_apart_or_that_it_cannot_find(tmp_path: Path) -> None:
    two = CAT | disk(20, 30, 9, 25, 3)
    run = made(tmp_path, {"a": [("cat", two)], "b": [("cat", CAT)]}, suffix=".gif")
    losses = export_run(run, "yolo", tmp_path / "out").losses
    assert [str(loss) for loss in losses] == [
        "a: the link between 2 components of cat",
        "a: the whole photo, because YOLO skips files that end in .gif",
        "b: the whole photo, because YOLO skips files that end in .gif",
    ]


@pytest.mark.parametrize("to", ["coco", "labelme", "labelstudio"])
def test_nothing_is_lost_by_the_others(run: Path, tmp_path: Path, to: str) -> None:
    assert export_run(run, to, tmp_path / f"o{SUFFIXES.get(to, '')}").losses == ()


class TestTogether:
    """Runs in which a pixel is of one target or of none."""

    def run(self, folder: Path, *, instances: bool) -> Path:
        labels = np.where(CAT, 1, np.where(np.roll(CAT, 14, 1) | disk(20, 30, 17, 2, 2), 2, 0)).astype(np.uint8)
        outputs = {"labels": "labels/a.png"}
        write_labels(folder / "run/labels/a.png", labels)
        if instances:
            outputs["instances"] = "instances/a.png"
            write_labels(folder / "run/instances/a.png", instances_of(labels))
        findings = tuple(finding(category, {}) for category in ("cat", "dog", "owl"))
        return run_of(folder / "run", Record(input="a.jpg", name="a", settings="s", findings=findings, outputs=outputs))

    @pytest.mark.parametrize(("instances", "wanted"), [(False, ["cat", "dog"]), (True, ["cat", "dog", "dog"])])
    def test_an_object_is_a_label_or_an_instance(self, tmp_path: Path, instances: bool, wanted: list[str]) -> None:
        export_run(self.run(tmp_path, instances=instances), "coco", tmp_path / "o.json")
        told = json.loads((tmp_path / "o.json").read_text())
        names = {each["id"]: each["name"] for each in told["categories"]}
        assert list(names.values()) == ["cat", "dog", "owl"]
        assert [names[each["category_id"]] for each in told["annotations"]] == wanted
        labels = png((tmp_path / "run/labels/a.png").read_bytes())
        areas = [int((labels == label).sum()) for label in (1, 2)]
        found = [each["area"] for each in told["annotations"]]
        assert [found[0], sum(found[1:])] == areas

    def test_labels_of_no_target_are_refused(self, tmp_path: Path) -> None:
        run = self.run(tmp_path, instances=False)
        write_labels(run / "labels/a.png", np.full((5, 6), 4, np.uint8))
        with pytest.raises(ValueError, match="^labels of 'a' must be those of its 3 targets"):
            export_run(run, "coco", tmp_path / "o.json")


# ------------------------------------------------------------------------------------------------------- hostile names


def record(name: str, input: str, category: str = "cat") -> Record:
    return Record(
        input=input, name=name, settings="s", findings=(finding(category, {"mask": f"masks/{len(name)}.png"}),)
    )


def one_run(folder: Path, *records: Record) -> Path:
    for each in records:
        (path,) = each.files
        write_mask(folder / "run" / path, CAT)
    return run_of(folder / "run", *records)


LINES = ("voc", "cvat")
HOSTILE = {
    "a\nb": LINES,
    "a\u2028b": LINES,
    " a": LINES,
    "a ": LINES,
    "#a": LINES,
    "a\udcff": LINES,
    "images/a": ("yolo",),
    "a, b": (),
    'a "b"': (),
    "ä/☃": (),
    "a:b": (),
    "100%": (),
}


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_right_or_refused(tmp_path: Path, name: str, to: str) -> None:
    run, out = one_run(tmp_path, record(name, f"photos/{name}.jpg")), tmp_path / f"out{SUFFIXES.get(to, '')}"
    if to in HOSTILE[name]:
        with pytest.raises(ValueError, match="^names of photos must .*got ") as refusal:
            export_run(run, to, out)
        assert repr(name) in str(refusal.value)
        assert not out.exists()
        return
    export_run(run, to, out)
    if to == "coco":
        assert json.loads(out.read_text())["images"][0]["file_name"] == f"{name}.jpg"
    elif to == "labelstudio":
        url = json.loads((out / "tasks.json").read_text())[0]["data"]["image"]
        assert unquote(url, errors="surrogateescape") == f"/data/local-files/?d={name}.jpg" and url.isascii()
    elif to == "cvat":
        assert f"SegmentationClass/{name}.png" in zipfile.ZipFile(out).namelist()
    else:
        path = {"voc": "SegmentationClass/{}.png", "labelme": "{}.json", "yolo": "labels/{}.txt"}[to]
        assert (out / path.format(name)).is_file()


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize(
    ("category", "refusing"),
    [
        ("a:b", LINES),
        ("background", LINES),
        ("#1", LINES),
        ("a\nb", (*LINES, "labelstudio", "yolo")),
        ("a\udcff", (*LINES, "labelstudio", "yolo")),
        (" ", (*LINES, "labelstudio", "yolo")),
        ("crane, <bird> & 'co'", ()),
    ],
)
def test_a_category_is_held_or_refused(tmp_path: Path, category: str, to: str, refusing: tuple[str, ...]) -> None:
    run, out = one_run(tmp_path, record("a", "a.jpg", category)), tmp_path / f"out{SUFFIXES.get(to, '')}"
    if to not in refusing:
        export_run(run, to, out)
        return
    with pytest.raises(ValueError, match="^categories must ") as refusal:
        export_run(run, to, out)
    assert repr(category) in str(refusal.value)
    assert not out.exists()


def test_a_photo_is_called_as_it_lies_below_what_was_segmented(tmp_path: Path) -> None:
    records = [
        record("sub/a", "/home/me/photos/sub/a.jpeg"),
        record("photos/bb", "../photos/bb.tif"),
        record("ccc.jpg", "ccc.jpg"),
        record("ccc.png", "ccc.png"),
        record("dddd", "s3://bucket/x/dddd.webp"),
    ]
    export_run(one_run(tmp_path, *records), "coco", tmp_path / "o.json")
    names = [each["file_name"] for each in json.loads((tmp_path / "o.json").read_text())["images"]]
    assert sorted(names) == ["ccc.jpg", "ccc.png", "dddd.webp", "photos/bb.tif", "sub/a.jpeg"]
    export_run(tmp_path / "run", "labelstudio", tmp_path / "out")
    urls = [each["data"]["image"] for each in json.loads((tmp_path / "out/tasks.json").read_text())]
    assert "s3://bucket/x/dddd.webp" in urls and "/data/local-files/?d=sub/a.jpeg" in urls


@pytest.mark.parametrize("to", ["coco", "labelstudio"])
def test_two_photos_of_one_name_are_refused(tmp_path: Path, to: str) -> None:
    run = one_run(tmp_path, record("a", "x/a.jpg"), record("a.jpg", "y/a.jpg"))
    with pytest.raises(ValueError, match=r"got 'x/a.jpg' and 'y/a.jpg' for 'a.jpg'; segment them in separate"):
        export_run(run, to, tmp_path / f"out{SUFFIXES.get(to, '')}")


@pytest.mark.parametrize("input", ["", "photos/..", "/"])
def test_a_photo_of_no_name_is_refused(tmp_path: Path, input: str) -> None:
    with pytest.raises(ValueError, match="^run must hold the paths of photos, got "):
        export_run(one_run(tmp_path, record("a", input)), "coco", tmp_path / "o.json")


@pytest.mark.slow
@pytest.mark.parametrize("to", LINES)
def test_no_more_categories_than_values(tmp_path: Path, to: str) -> None:
    records = [record(f"a{number}", "a.jpg", f"c{number}") for number in range(255)]
    out = tmp_path / f"out{SUFFIXES.get(to, '')}"
    with pytest.raises(ValueError, match="^run must have at most 254 categories, got 255; export to coco$"):
        export_run(one_run(tmp_path, *records), to, out)
    export_run(run_of(tmp_path / "less", *records[:0]) and one_run(tmp_path / "less", *records[:254]), to, out)


def test_no_more_objects_than_values(tmp_path: Path) -> None:
    mask = np.zeros((1, 300), np.bool_)
    many = []
    for number in range(255):
        mask[:] = False
        mask[0, number] = True
        many.append(("cat", mask.copy()))
    with pytest.raises(ValueError, match="^photos must have at most 254 objects, got 255 in 'a'; export to coco$"):
        export_run(made(tmp_path, {"a": many}), "voc", tmp_path / "out")


# -------------------------------------------------------------------------------------------------- where it is written


@pytest.mark.parametrize("to", FORMATS)
class TestOut:
    def test_equal_runs_make_equal_files(self, small: Path, tmp_path: Path, to: str) -> None:
        outs = [tmp_path / f"{name}{SUFFIXES.get(to, '')}" for name in ("x", "y")]
        for out in outs:
            export_run(small, to, out)
        first, second = ({"": out.read_bytes()} if out.is_file() else files_in(out) for out in outs)
        assert first == second

    def test_what_is_there_stays_unless_forced(self, small: Path, tmp_path: Path, to: str) -> None:
        out = tmp_path / f"out{SUFFIXES.get(to, '')}"
        thesis = out if out.suffix else out / "thesis.tex"
        thesis.parent.mkdir(exist_ok=True)
        thesis.write_text("mine")
        with pytest.raises(FileExistsError, match="^out must be new or empty, got '.*'; choose another name or use force"):
            export_run(small, to, out)
        assert thesis.read_text() == "mine"
        export_run(small, to, out, force=True)
        export_run(small, to, out, force=True)
        assert out.suffix or (thesis.read_text() == "mine" and len(files_in(out)) > 2)

    def test_an_empty_one_will_do(self, small: Path, tmp_path: Path, to: str) -> None:
        out = tmp_path / f"out{SUFFIXES.get(to, '')}"
        out.touch() if out.suffix else out.mkdir()
        export_run(small, to, out)
        assert out.stat().st_size if out.suffix else any(out.iterdir())

    @pytest.mark.parametrize("force", [False, True])
    def test_it_is_whole_or_not_at_all(self, small: Path, tmp_path: Path, to: str, force: bool) -> None:
        out = tmp_path / f"there/out{SUFFIXES.get(to, '')}"
        if force:
            export_run(small, to, out)
        before = files_in(tmp_path / "there") if force else {}
        write_mask(small / "masks/a.0.png", ~CAT)
        (small / "masks/sub/b c.0.png").write_bytes(b"torn")
        with pytest.raises(ValueError, match=r"b c.0.png must be a picture"):
            export_run(small, to, out, force=force)
        assert files_in(tmp_path / "there") == before
        assert force or not out.exists()
        assert not list(tmp_path.rglob(".wsseg-*"))

    def test_a_place_that_cannot_be_written_is_named(self, small: Path, tmp_path: Path, to: str) -> None:
        (tmp_path / "file").write_text("mine")
        out = tmp_path / f"file/out{SUFFIXES.get(to, '')}"
        with pytest.raises(
            OSError, match="out.* must be writable, got '(Not a directory|File exists)'; "
        ):
            export_run(small, to, out)

    def test_one_of_another_kind_is_refused(self, small: Path, tmp_path: Path, to: str) -> None:
        (tmp_path / "file.txt").write_text("mine")
        for out in (tmp_path / "file.txt", "s3://bucket/out"):
            with pytest.raises((ValueError, FileExistsError), match="^out must be (a file that ends in|a folder|on a disk)"):
                export_run(small, to, out, force=True)


@pytest.mark.parametrize("to", ["coco", "cvat", "labelstudio"])
def test_photos_need_a_place(small: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(ValueError, match=f"^photos must have a place .* as in voc, labelme, yolo, got {to}; leave out"):
        export_run(small, to, tmp_path / f"o{SUFFIXES.get(to, '')}", photos=True)


def test_photos_of_relative_paths_are_found_from_anywhere(small: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (small / "run.jsonl").read_bytes().splitlines()]
    for told in lines:
        told.update(input=str(Path(told["input"]).relative_to(small.parent)), base=str(small.parent))
    (small / "run.jsonl").write_text("".join(f"{json.dumps(told)}\n" for told in lines))
    export_run(small, "yolo", tmp_path / "out", photos=True)
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == len(lines)


def test_photos_that_are_gone_are_named(small: Path, tmp_path: Path) -> None:
    (small.parent / "photos/a.jpg").unlink()
    with pytest.raises(
        ValueError, match=r"^photos must lie where the run found them, got 'No such file.*a.jpg'; export"
    ):
        export_run(small, "yolo", tmp_path / "out", photos=True)
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------------------ the run


def test_what_failed_is_left_out_and_named(tmp_path: Path) -> None:
    run = one_run(tmp_path, record("a", "a.jpg"))
    run_of(run, record("a", "a.jpg"), Record(input="b.jpg", name="b", settings="s", error="torn"))
    exported = export_run(run, "coco", tmp_path / "o.json")
    assert (exported.photos, exported.failed) == (1, ("b",))
    run_of(run, *(Record(input=f"{name}.jpg", name=name, settings="s", error="torn") for name in "ab"))
    with pytest.raises(ValueError, match="^run must hold masks, got 2 photos that all failed"):
        export_run(run, "coco", tmp_path / "o2.json")


@pytest.mark.parametrize("outputs", [{}, {"overlay": "overlays/a.png"}])
def test_a_run_without_masks_is_refused(tmp_path: Path, outputs: dict[str, str]) -> None:
    findings = (finding("cat", outputs),)
    run = run_of(tmp_path / "run", Record(input="a.jpg", name="a", settings="s", findings=findings))
    with pytest.raises(ValueError, match="^run must hold a mask of each photo, got none of 'a'; .*--write mask"):
        export_run(run, "coco", tmp_path / "o.json")


def test_other_things_are_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^run must be a folder that wsseg segment wrote"):
        export_run(tmp_path / "none", "coco", tmp_path / "o.json")
    with pytest.raises(ValueError, match="^to must be one of coco, voc, cvat, labelme, labelstudio, yolo, got 'kitti'"):
        export_run(small, "kitti", tmp_path / "o")
    with pytest.raises(
        ValueError, match=r"a.0.png must have at most 599 pixels, got image size .600 pixels.; .*--max-pixels"
    ):
        export_run(small, "coco", tmp_path / "o.json", max_pixels=599)


def test_masks_of_one_photo_have_one_size(small: Path, tmp_path: Path) -> None:
    write_mask(small / "masks/a.1.png", CAT[1:])
    with pytest.raises(ValueError, match="^masks of 'a' must have one height and width"):
        export_run(small, "coco", tmp_path / "o.json")


def test_a_run_in_an_object_store_is_read_there(small: Path, tmp_path: Path) -> None:
    upath = pytest.importorskip("upath")
    for name, data in files_in(small).items():
        path = upath.UPath(f"memory://exported/run/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    export_run(small, "coco", tmp_path / "x.json")
    export_run("memory://exported/run", "coco", tmp_path / "y.json")
    assert (tmp_path / "x.json").read_bytes() == (tmp_path / "y.json").read_bytes()


def test_coco_says_what_to_install(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ValueError, match=r"^coco must have pycocotools, got .*; pip install 'wsseg\[export\]'"):
        export_run(small, "coco", tmp_path / "o.json")
    export_run(small, "voc", tmp_path / "voc")


class TestCommand:
    def call(self, monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["wsseg", "export", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    def test_it_exports_and_names_what_is_lost(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out"
        assert self.call(monkeypatch, small, "--to", "voc", "-o", out, "--photos") == 0
        said = capsys.readouterr()
        assert "a: lost in voc: " in said.err and f"2 photos exported: {out}" in said.err and not said.out
        assert (out / "JPEGImages/a.jpg").is_file()

    def test_what_can_be_mended_is_one_sentence(
        self, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.call(monkeypatch, small, "--to", "coco", "-o", tmp_path / "out") == 2
        assert "error: out must be a file that ends in .json, got" in capsys.readouterr().err
