"""Numbers of categories: fixed by a list, a file or an earlier export, whatever a run holds."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from export_runs import CAT, DOG, SUFFIXES, exported, made, png

from wsseg.export.export import EXPORTERS, export_run

LIST = ["zebra", "dog", "cat"]

NUMBERED = ("coco", "voc", "cvat", "yolo")


def run_with(folder: Path, *categories: str) -> Path:
    """Write a run of one photo in which each category has an area of its own."""
    return made(folder, {"a": [(each, {"cat": CAT, "dog": DOG}[each]) for each in categories]}, suffix=".jpg")


@pytest.fixture
def both(tmp_path: Path) -> Path:
    return run_with(tmp_path / "both", "cat", "dog")


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    return run_with(tmp_path / "dogs", "dog")


def used_numbers(to: str, export: Path) -> set[int]:
    """Return the numbers of the objects in an export as the format writes them."""
    if to == "coco":
        return {each["category_id"] for each in json.loads(export.read_text())["annotations"]}
    if to == "yolo":
        return {int(line.split()[0]) for line in (export / "labels/a.txt").read_text().splitlines()}
    if to == "cvat":
        with zipfile.ZipFile(export) as archive:
            picture = archive.read("SegmentationClass/a.png")
    else:
        picture = (export / "SegmentationClass/a.png").read_bytes()
    return set(np.unique(png(picture)).tolist()) - {0}


@pytest.mark.parametrize("to", NUMBERED)
class TestNumbers:
    @pytest.mark.parametrize("kind", [list, tuple])
    def test_a_list_fixes_the_numbers_of_any_run(
        self, both: Path, dogs: Path, tmp_path: Path, to: str, kind: type[Sequence[str]]
    ) -> None:
        cat, dog = (2, 1) if to == "yolo" else (3, 2)
        for run, wanted in ((both, {cat, dog}), (dogs, {dog})):
            export = exported(run, to, tmp_path / run.parent.name, categories=kind(LIST))
            assert used_numbers(to, export) == wanted

    def test_without_a_list_they_count_in_alphabetical_order(
        self, both: Path, dogs: Path, tmp_path: Path, to: str
    ) -> None:
        first = 0 if to == "yolo" else 1
        assert used_numbers(to, exported(both, to, tmp_path / "x")) == {first, first + 1}
        assert used_numbers(to, exported(dogs, to, tmp_path / "y")) == {first}

    @pytest.mark.parametrize("earlier", EXPORTERS)
    def test_an_earlier_export_of_any_format_fixes_the_numbers(
        self, both: Path, dogs: Path, tmp_path: Path, to: str, earlier: str
    ) -> None:
        train = exported(both, earlier, tmp_path / "train", categories=LIST)
        val = exported(dogs, to, tmp_path / "val", categories=train)
        assert used_numbers(to, val) == {1 if to == "yolo" else 2}


@pytest.mark.parametrize("to", EXPORTERS)
def test_an_export_numbered_by_another_has_the_same_list(both: Path, dogs: Path, tmp_path: Path, to: str) -> None:
    exports = [exported(both, to, tmp_path / "0", categories=LIST)]
    for number in (1, 2):
        exports.append(exported(dogs, to, tmp_path / str(number), categories=exports[-1]))
    lists = [listed(to, export) for export in exports]
    assert lists[0] == lists[1] == lists[2]
    assert "zebra" in lists[0]


def listed(to: str, export: Path) -> str:
    """Return the text that holds the categories."""
    if to == "coco":
        return str(json.loads(export.read_text())["categories"])
    if to == "cvat":
        with zipfile.ZipFile(export) as archive:
            return archive.read("labelmap.txt").decode()
    names = {"voc": "labelmap.txt", "labelme": "labels.txt", "labelstudio": "config.xml", "yolo": "data.yaml"}
    names["huggingface"] = "labels.txt"
    return (export / names[to]).read_text()


def test_what_each_format_writes(dogs: Path, tmp_path: Path) -> None:
    outs = {to: exported(dogs, to, tmp_path / to, categories=LIST) for to in EXPORTERS}
    assert json.loads(outs["coco"].read_text())["categories"] == [
        {"id": 1, "name": "zebra"},
        {"id": 2, "name": "dog"},
        {"id": 3, "name": "cat"},
    ]
    assert yaml.safe_load((outs["yolo"] / "data.yaml").read_text())["names"] == {0: "zebra", 1: "dog", 2: "cat"}
    assert (outs["voc"] / "labelmap.txt").read_text().splitlines()[1:] == [
        "background:0,0,0::",
        "zebra:128,0,0::",
        "dog:0,128,0::",
        "cat:128,128,0::",
    ]
    assert (outs["labelme"] / "labels.txt").read_text() == "__ignore__\n_background_\nzebra\ndog\ncat\n"
    labels = ElementTree.parse(outs["labelstudio"] / "config.xml").iter("Label")
    assert [(label.get("value"), label.get("category")) for label in labels] == [
        ("zebra", "0"),
        ("dog", "1"),
        ("cat", "2"),
    ]


FILES = {
    "names.txt": "zebra\ndog\ncat\n",
    "coco.names": "zebra\ndog\ncat",
    "windows.txt": "\ufeffzebra\r\ndog \r\ncat\r\n\r\n",
    "comments.txt": "# animals\nzebra\n# pets\ndog\ncat\n",
    "labels.txt": "__ignore__\n_background_\nzebra\ndog\ncat\n",
    "labelmap.txt": "# label:color_rgb:parts\nbackground:0,0,0::\nzebra:7,8,9::\ndog::tail:\ncat:1,2,3:paw:sit,run\n",
    "list.json": '["zebra", "dog", "cat"]',
    "flow.yaml": "path: ../x\nnames: [zebra, dog, cat]\nnc: 3\n",
    "block.yml": "names:\n- zebra\n- dog\n- cat\n",
    "shuffled.yaml": "names:\n  2: cat\n  0: zebra\n  1: dog\n",
    "unnumbered.xml": '<View><Label value="zebra"/><Label value="dog"/><Label value="cat"/></View>',
    "shuffled.json": '{"categories": [{"id": 3, "name": "cat"}, {"id": 1, "name": "zebra"}, {"id": 2, "name": "dog"}]}',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_from_another_tool_is_read(both: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(FILES[name].encode())
    for to, given in (("coco", file), ("yolo", str(file))):
        assert listed(to, exported(both, to, tmp_path / f"x{to}", categories=given)) == listed(
            to, exported(both, to, tmp_path / f"y{to}", categories=LIST)
        )


def test_the_background_may_be_a_class_of_yolo(both: Path, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [background, cat, dog]")
    assert used_numbers("yolo", exported(both, "yolo", tmp_path / "x", categories=tmp_path / "data.yaml")) == {1, 2}


class TestIdsOfCoco:
    """Ids of a COCO file that do not count from 1."""

    def file(self, folder: Path, **ids: int) -> Path:
        content = {"categories": [{"id": number, "name": name} for name, number in ids.items()]}
        (folder / "instances.json").write_text(json.dumps(content))
        return folder / "instances.json"

    def test_coco_keeps_odd_numbers(self, both: Path, tmp_path: Path) -> None:
        file = self.file(tmp_path, person=1, cat=17, dog=18, toothbrush=90)
        content = json.loads(exported(both, "coco", tmp_path / "x", categories=file).read_text())
        assert {each["category_id"] for each in content["annotations"]} == {17, 18}
        assert content["categories"] == json.loads(file.read_text())["categories"]
        zero = self.file(tmp_path, dog=0, cat=1)
        content = json.loads(exported(both, "coco", tmp_path / "y", categories=zero).read_text())
        assert {each["category_id"] for each in content["annotations"]} == {0, 1}

    @pytest.mark.parametrize("to", [to for to in EXPORTERS if to != "coco"])
    @pytest.mark.parametrize("ids", [{"person": 1, "cat": 17, "dog": 18}, {"dog": 0, "cat": 1}])
    def test_other_formats_refuse_odd_numbers(self, both: Path, tmp_path: Path, to: str, ids: dict[str, int]) -> None:
        first = next(name for place, name in enumerate(ids, 1) if ids[name] != place)
        with pytest.raises(
            ValueError, match=f"^categories must be numbered from 1 without gaps, got {ids[first]} for '{first}'; list"
        ):
            exported(both, to, tmp_path / "x", categories=self.file(tmp_path, **ids))


@pytest.mark.parametrize("to", EXPORTERS)
def test_a_category_that_is_not_in_the_list_is_an_error(both: Path, tmp_path: Path, to: str) -> None:
    out, file = tmp_path / f"out{SUFFIXES.get(to, '')}", tmp_path / "names.txt"
    with pytest.raises(
        ValueError, match=r"^categories must hold every category of the run, got no 'cat', 'dog'; append"
    ):
        export_run(both, to, out, categories=["zebra", "Dog"])
    file.write_text("dog\n")
    with pytest.raises(ValueError, match=r", got no 'cat' in '.*names.txt'; append what is missing to the list, which"):
        export_run(both, to, out, categories=file)
    assert not out.exists()


def test_many_missing_categories_are_counted(tmp_path: Path) -> None:
    run = made(tmp_path, {"a": [(f"c{number}", CAT) for number in range(7)]})
    with pytest.raises(ValueError, match="got no 'c0', 'c1', 'c2', 'c3', 'c4' and 2 others; append"):
        export_run(run, "coco", tmp_path / "o.json", categories=["cat"])


@pytest.mark.parametrize(
    ("categories", "reason"),
    [
        ({"cat", "dog"}, "^categories must be a list of names, .* got \\{'.*\\} \\(not a list\\); "),
        (
            {0: "cat", 1: "dog"},
            "^categories must be a list of names, .* got \\{.*\\} \\(not a list\\); ",
        ),
        ([], "^categories must have at least one name, got none; "),
        (["cat", "dog", "cat"], "^categories must be distinct, got 'cat' 2 times; "),
        (
            ["background", "cat", "dog"],
            "got .* \\(background as the first name\\); choose .*, without the background$",
        ),
        (["cat", 5], "^categories must be names with whole numbers, got 5 with 2; "),
        (["cat", " "], "^categories must be names with whole numbers, got ' ' with 2; "),
    ],
)
def test_an_unordered_list_is_refused(both: Path, tmp_path: Path, categories: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        export_run(both, "coco", tmp_path / "o.json", categories=categories)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.txt", b"", "at least one name, got none in '.*empty.txt'; correct the list"),
        ("voc.txt", b"__background__\ncat\ndog\n", "got '.*voc.txt' \\(__background__ as the first name\\); "),
        ("gap.txt", b"cat\n\ndog\n", "got '.*gap.txt' \\(an empty line between the names\\); "),
        ("latin.txt", b"caf\xe9\n", "got .* \\(text that is not UTF-8\\); "),
        ("utf16.txt", "cat\ndog\n".encode("utf-16"), "got .* \\(text that is not UTF-8\\); "),
        ("twice.txt", b"cat\ndog\ncat\n", "be distinct, got 'cat' 2 times in '.*twice.txt'; "),
        ("labelmap.txt", b"cat:1,2,3::\nbackground:0,0,0::\n", "a label map whose first label is 'cat', not 'backgrou"),
        ("torn.json", b'{"categories": [', "\\(Expecting value"),
        ("geo.json", b'{"type": "FeatureCollection"}', "got .* \\(JSON without categories as in COCO\\); "),
        ("odd.json", b'{"categories": ["cat"]}', "got .* \\(JSON without categories as in COCO\\); "),
        ("text.json", b'{"categories": [{"id": "1", "name": "cat"}]}', "with whole numbers, got 'cat' with '1' in "),
        ("float.json", b'{"categories": [{"id": 1.0, "name": "cat"}]}', "with whole numbers, got 'cat' with 1.0 in "),
        ("null.json", b'{"categories": [{"id": 1}]}', "with whole numbers, got None with 1 in "),
        (
            "ids.json",
            b'{"categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]}',
            "distinct, got 1 2 times",
        ),
        ("deep.json", b"[" * 100000, "an earlier export, got .* \\(maximum recursion depth"),
        ("no.yaml", b"names: [no, dog]\n", "got False with 1 in '.*no.yaml'; "),
        ("path.yaml", b"train: images\n", "got .* \\(YAML without names\\); "),
        ("torn.yaml", b"names: [cat\n", "\\(while parsing a flow sequence"),
        ("key.yaml", b"names: {a: cat}\n", "got 'cat' with 'a' in "),
        ("torn.xml", b"<View>", "\\(no element found"),
        ("none.xml", b"<View/>", "at least one name, got none in "),
        ("key.xml", b'<View><Label value="cat" category="x"/></View>', "got 'cat' with 'x' in "),
        ("torn.zip", b"PK", "got .* \\(File is not a zip file\\); "),
    ],
)
def test_a_file_that_holds_no_list_is_refused(
    both: Path, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^categories must .*{reason}"):
        export_run(both, "coco", tmp_path / "o.json", categories=tmp_path / name)


def test_paths_without_a_list_are_refused(both: Path, tmp_path: Path) -> None:
    for path, reason in (
        (
            "cat,dog",
            "got 'cat,dog' \\(No such file or directory\\); choose an export, or a list or UTF-8 text file",
        ),
        (both, "got .* \\(a folder without data.yaml, labelmap.txt, config.xml, labels.txt\\); "),
    ):
        with pytest.raises(ValueError, match=f"^categories must be a list of names, a file .*{reason}"):
            export_run(both, "coco", tmp_path / "o.json", categories=path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "cat")
    with pytest.raises(ValueError, match=r"got .* \(an archive without labelmap.txt\); "):
        export_run(both, "coco", tmp_path / "o.json", categories=tmp_path / "other.zip")


@pytest.mark.parametrize("to", ["voc", "cvat", "labelme", "labelstudio", "yolo"])
def test_an_odd_name_in_the_list_is_refused_even_if_unused(both: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(ValueError, match=r"^categories must be .*got 'a\\nb'; rename it, or export to coco"):
        exported(both, to, tmp_path / "x", categories=["cat", "dog", "a\nb"])


def test_a_list_is_read_from_an_object_store(both: Path, tmp_path: Path) -> None:
    upath = pytest.importorskip("upath")
    file = upath.UPath("memory://categories/names.txt")
    file.write_text("dog\ncat\n")
    for number, given in enumerate((file, "memory://categories/names.txt")):
        export = exported(both, "coco", tmp_path / str(number), categories=given)
        assert [each["name"] for each in json.loads(export.read_text())["categories"]] == ["dog", "cat"]
    with pytest.raises(ValueError, match="^categories must be .* got 'memory://categories/none.txt' .*; choose"):
        exported(both, "coco", tmp_path, categories="memory://categories/none.txt")
