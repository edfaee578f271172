"""Names of photos and categories that a format holds or refuses."""

import json
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from export_runs import LINES, SUFFIXES, one_run, record

from wsseg.export.export import EXPORTERS, export_run

WITHOUT_PHOTOS = [to for to in EXPORTERS if to != "huggingface"]
"""The formats that need no photos."""

HOSTILE = {
    "a\nb": LINES,
    "a\rb": LINES,
    "a\x85b": LINES,
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
    "a\tb": (),
    "a\x1b[1m": (),
    "e\u0301": (),
    "'$(a)'": (),
    "a.b.": (),
    "-a": (),
}


@pytest.mark.parametrize("to", WITHOUT_PHOTOS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_kept_or_refused(tmp_path: Path, name: str, to: str) -> None:
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


@pytest.mark.parametrize("to", WITHOUT_PHOTOS)
@pytest.mark.parametrize(
    ("category", "refusing"),
    [
        ("a:b", LINES),
        ("background", LINES),
        ("#1", (*LINES, "labelme")),
        ("a\nb", (*LINES, "labelme", "labelstudio", "yolo")),
        ("a\udcff", (*LINES, "labelme", "labelstudio", "yolo")),
        (" ", (*LINES, "labelme", "labelstudio", "yolo")),
        ("crane, <bird> & 'co'", ()),
    ],
)
def test_a_category_is_kept_or_refused(tmp_path: Path, category: str, to: str, refusing: tuple[str, ...]) -> None:
    run, out = one_run(tmp_path, record("a", "a.jpg", category)), tmp_path / f"out{SUFFIXES.get(to, '')}"
    if to not in refusing:
        export_run(run, to, out)
        return
    with pytest.raises(ValueError, match="^categories must ") as refusal:
        export_run(run, to, out)
    assert repr(category) in str(refusal.value)
    assert not out.exists()


def test_a_photo_keeps_its_path_below_the_segmented_folder(tmp_path: Path) -> None:
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
def test_two_photos_with_one_name_are_refused(tmp_path: Path, to: str) -> None:
    run = one_run(tmp_path, record("a", "x/a.jpg"), record("a.jpg", "y/a.jpg"))
    with pytest.raises(ValueError, match=r"got 'x/a.jpg' and 'y/a.jpg' for 'a.jpg'; segment them in separate"):
        export_run(run, to, tmp_path / f"out{SUFFIXES.get(to, '')}")


@pytest.mark.parametrize("input", ["", "photos/..", "/"])
def test_a_photo_without_a_name_is_refused(tmp_path: Path, input: str) -> None:
    with pytest.raises(ValueError, match="^records must hold the paths of photos, got "):
        export_run(one_run(tmp_path, record("a", input)), "coco", tmp_path / "o.json")
