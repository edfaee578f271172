"""The report's page: what it says, that names are only names in it, and how it behaves in a browser."""

import base64
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as pillow
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from wsseg.files.encode import write_labels, write_mask, write_picture
from wsseg.files.text import escape_unprintable
from wsseg.recipe import RECIPES
from wsseg.report import page
from wsseg.report.charts import histogram_of, risk_coverage
from wsseg.report.page import INSIDE, is_report, write_report
from wsseg.report.pictures import picture_side
from wsseg.report.summary import recipe_text
from wsseg.runs.record import LINES, RUN, Finding, Record

HOSTILE = (
    "<img src=x onerror=window.broken=1>",
    "</script><script>window.broken=1</script>",
    "<!--<script>",
    "\"' onmouseover='window.broken=1' x=\"",
    "javascript:window.broken=1",
    "\u2028window.broken=1\u2029",
    "\udc80\udcff",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&amp;",
    "\u202egpj.exe",
)
"""What must be no more than a name, a reason or a category. A name's `/` is not one of a file's, but of a folder's."""

SIZE = (60, 80)


def mask_of(part: float) -> np.ndarray:
    """A mask of the left part of the photo."""
    mask = np.zeros(SIZE, np.bool_)
    mask[:, : round(part * SIZE[1])] = True
    return mask


class Made:
    """A run made by hand, beside its photos and truths."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.photos, self.truths = folder / "run", folder / "photos", folder / "truths"
        self.page = folder / "report.html"
        for path in (self.folder, self.photos, self.truths):
            path.mkdir()
        self.records: list[Record] = []
        self.made_by: dict[str, Any] = {"wsseg": "1.2.3", "state": "done", "what": "masks"}

    def photo(self, name: str) -> tuple[str, str]:
        """Path and digest of a new photo of noise."""
        path = self.photos / f"{name}.png"
        levels = np.random.default_rng(len(self.records)).integers(0, 256, (*SIZE, 3), np.uint8)
        write_picture(path, levels)
        return str(path), hashlib.sha256(path.read_bytes()).hexdigest()

    def add(self, name: str, *findings: Finding, **told: Any) -> Record:
        path, digest = self.photo(f"photo{len(self.records)}")
        given = {"input": path, "hash": digest, "name": name, "settings": "", "seconds": {"segment": 0.5}, **told}
        self.records.append(Record(findings=findings, **given))
        return self.records[-1]

    def found(self, name: str, part: float = 0.5, **told: Any) -> Finding:
        """A finding whose mask is that part of the photo."""
        write_mask(self.folder / "masks" / f"{name}.png", mask_of(part))
        given = {"category": "cat", "probability": 0.5, "status": "ok", "confidence": 0.75, **told}
        return Finding(**{"outputs": {"mask": f"masks/{name}.png"}, **given})

    def truth(self, name: str, part: float = 0.5) -> None:
        write_mask(self.truths / f"{name}.png", mask_of(part))

    def written(self, **told: Any) -> dict[str, Any]:
        """The page's data."""
        self.save()
        write_report(self.folder, self.page, **told)
        return data_in(self.page)

    def save(self) -> None:
        (self.folder / RUN).write_text(json.dumps(self.made_by))
        (self.folder / LINES).write_bytes(b"".join(record.as_line() for record in self.records))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def three(made: Made) -> Made:
    """Three photos, with truths: IoU 1, 0.5 and 0.25, in the reverse order of their names."""
    for name, part, confidence in (("a", 0.125, 0.2), ("b", 0.25, 0.9), ("sub/c", 0.5, 0.6)):
        made.add(name, made.found(name, part, confidence=confidence, category="dog" if name == "b" else "cat"))
        made.truth(name)
    return made


def data_in(page: Path) -> dict[str, Any]:
    """What the page's script reads."""
    blocks = re.findall(r'<script type="application/json" id="(.*?)">(.*?)</script>', page.read_text(), re.DOTALL)
    told = {name: json.loads(text) for name, text in blocks}
    return {**told["data"], "addresses": told["addresses"]}


def picture(data: dict[str, Any], row: dict[str, Any], kind: str) -> np.ndarray:
    text = data["addresses"][row["made"][kind]]
    with pillow.open(BytesIO(base64.b64decode(text))) as opened:
        assert opened.format == "WEBP"
        return np.array(opened)


class Tags(HTMLParser):
    """What tags and attributes a page has, and the text of its body."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def tags_in(page: Path) -> Tags:
    tags = Tags()
    tags.feed(page.read_text())
    return tags


def policy_of(page: Path) -> str:
    (policy,) = [value for _, value in tags_in(page).attributes if value and value.startswith("default-src")]
    return policy


# --------------------------------------------------------------------------------------------------- what it says


def test_a_row_tells_what_was_found_and_how_good_it_is(three: Made) -> None:
    rows = three.written(truths=three.truths)["rows"]
    assert [(row["name"], row["category"], row["confidence"], row["scores"]["iou"]) for row in rows] == [
        ("a", "cat", 0.2, 0.25),
        ("b", "dog", 0.9, 0.5),
        ("sub/c", "cat", 0.6, 1),
    ]
    assert rows[0]["input"] == str(three.photos / "photo0.png")
    assert rows[0]["seconds"] == 0.5


def test_the_pictures_are_those_of_photo_run_and_truth(three: Made) -> None:
    data = three.written(truths=three.truths)
    assert data["base"] == "data:image/webp;base64,"
    row = data["rows"][1]
    assert set(row["made"]) == {"photo", "mask", "veil", "truth", "errors"}
    assert picture(data, row, "photo").shape == (*SIZE, 3)
    np.testing.assert_array_equal(picture(data, row, "mask")[..., 0], mask_of(0.25) * np.uint8(255))
    np.testing.assert_array_equal(picture(data, row, "truth")[..., 0], mask_of(0.5) * np.uint8(255))
    errors = picture(data, row, "errors")[30]
    hit, miss = errors[10], errors[30]
    assert hit[:3].tolist() == [0, 114, 178]
    assert miss[:3].tolist() == [240, 228, 66]
    assert errors[60, 3] == 0


def test_large_photos_are_reduced(made: Made) -> None:
    write_picture(made.photos / "large.png", np.zeros((500, 2000, 3), np.uint8))
    made.add("a", made.found("a"), input=str(made.photos / "large.png"), hash="")
    data = made.written()
    assert picture(data, data["rows"][0], "photo").shape == (240, 960, 3)


def test_more_photos_are_smaller() -> None:
    sides = [picture_side(rows) for rows in (0, 1, 100, 200, 250, 10**6)]
    assert sides == [960, 960, 800, 565, 505, 448]


def test_the_page_sums_up(three: Made) -> None:
    three.made_by |= {"classifier": {"name": "net"}, "recipe": RECIPES["fast"].as_dict()}
    three.add("broken", error="it is no photo")
    three.add("d", three.found("d", status="weak", reasons=("because",)))
    three.written(truths=three.truths)
    text = " ".join(re.sub(r"<[^>]*>", " ", three.page.read_text().partition("<script")[0]).split())
    for part in (
        "photos 5",
        "done 4",
        "failed 1",
        "weak 1",
        "no object 0",
        "mean IoU 0.583 over 3 masks, 2 not scored",
    ):
        assert part in text
    assert "recipe fast · classifier net" in text
    assert "Add truths to see scores" not in text


def test_a_recipe_that_has_no_name_is_told_by_what_differs(made: Made) -> None:
    assert recipe_text(RECIPES["default"].as_dict()) == "default"
    assert recipe_text({**RECIPES["fast"].as_dict(), "smoothness": 7.0}) == "fast with smoothness 7.0"


def test_without_truths_it_says_how_to_have_scores(three: Made) -> None:
    row = three.written()["rows"][0]
    assert "scores" not in row
    text = three.page.read_text()
    assert "wsseg report RUN --truth FOLDER" in text
    assert "Histogram of the confidence of 3 masks" in text
    assert "Risk over coverage" not in text


def test_what_a_run_lacks_is_named_by_its_flag(made: Made) -> None:
    made.add("a", made.found("a"))
    flags = made.written()["flags"]
    assert flags["saliency"] == "--write saliency"
    assert flags["seeds"] == "--write seeds"
    assert flags["truth"] == "report --truth FOLDER"


def test_a_failed_photo_is_a_row_with_its_error(made: Made) -> None:
    made.add("a", error="it is too large")
    (row,) = made.written()["rows"]
    assert (row["status"], row["error"]) == ("failed", "it is too large")
    assert set(row["made"]) == {"photo"}


def test_several_targets_are_a_row_each_and_share_the_photo(made: Made) -> None:
    made.add("a", made.found("a.cat", 0.25), made.found("a.dog", 0.5, category="dog"))
    made.truth("a.cat", 0.25)
    made.truth("a.dog", 1)
    one, other = made.written(truths=made.truths)["rows"]
    assert (one["category"], other["category"]) == ("cat", "dog")
    assert one["made"]["photo"] == other["made"]["photo"]
    assert one["made"]["mask"] != other["made"]["mask"]
    assert (one["scores"]["iou"], other["scores"]["iou"]) == (1, 0.5)


def test_a_map_of_labels_is_tinted_in_its_colors(made: Made) -> None:
    made.made_by["what"] = "labels"
    labels = np.where(mask_of(0.5), 2, 0).astype(np.uint8)
    write_labels(made.folder / "labels" / "a.png", labels)
    found = [Finding(category=name, probability=0.5, status="ok", confidence=0.5) for name in ("cat", "dog")]
    made.add("a", *found, outputs={"labels": "labels/a.png"})
    data = made.written()
    one, other = data["rows"]
    assert one["made"] == other["made"]
    assert set(one["made"]) == {"photo", "labels", "tint"}
    assert (one["color"], other["color"]) == ("#800000", "#008000")
    tint = picture(data, other, "tint")
    assert tint[30, 10].tolist() == [0, 128, 0, 140]
    assert tint[30, 60, 3] == 153
    assert list(data["flags"]) == ["overlay", "labels", "instances"]


def test_a_run_of_saliency_shows_saliency(made: Made) -> None:
    del made.made_by["what"]
    write_picture(made.folder / "saliency" / "a.png", np.full((*SIZE, 3), 200, np.uint8))
    made.add("a", Finding(category="cat", probability=0.5, outputs={"saliency": "saliency/a.png"}))
    data = made.written()
    assert data["kinds"] == ["photo", "saliency"]
    assert set(data["rows"][0]["made"]) == {"photo", "saliency"}
    assert "status" not in data["rows"][0]


def test_an_overlay_stands_in_for_a_mask_that_was_not_written(made: Made) -> None:
    write_picture(made.folder / "overlays" / "a.png", np.full((*SIZE, 3), 200, np.uint8))
    made.add("a", made.found("a", outputs={"overlay": "overlays/a.png"}))
    assert set(made.written()["rows"][0]["made"]) == {"photo", "overlay"}


def test_numbers_that_are_none_are_left_out(made: Made) -> None:
    told = {"probability": float("nan"), "confidence": float("-inf"), "reasons": (1, None)}
    made.add("a", made.found("a", **told), seconds={"read": float("nan"), "write": 10**400, "see": "long"})
    row = made.written()["rows"][0]
    assert not {"probability", "confidence"} & set(row)
    assert row["reasons"] == ["1", "None"]


def test_a_run_of_nothing_or_of_odd_settings_has_a_page(made: Made) -> None:
    made.made_by = {"wsseg": 1, "what": [], "versions": 3, "recipe": [], "classifier": None, "targets": {"a": 1}}
    assert made.written()["rows"] == []


# ------------------------------------------------------------------------------------------------- what is not shown


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"input": "/nowhere/a.png"}, "must be readable"),
        ({"hash": "0" * 64}, "photo must be unchanged since the run, got another"),
        ({"input": "s3://bucket/a.png"}, "photo must be on a disk to be shown"),
        ({"input": "http://127.0.0.1:9/a.png"}, "photo must be on a disk to be shown"),
        ({"input": "/dev/zero"}, "must be a regular file"),
        ({"input": __file__, "hash": ""}, "must be a picture"),
    ],
)
def test_a_photo_that_is_gone_or_another_is_named(made: Made, told: dict[str, str], said: str) -> None:
    made.add("a", made.found("a"), **told)
    made.save()
    written = write_report(made.folder, made.page)
    (problem,) = written.problems
    assert problem.startswith("a: no photo: ")
    assert said in problem
    row = data_in(made.page)["rows"][0]
    assert said in row["lacking"]["photo"]
    assert set(row["made"]) == {"mask", "veil"}


def test_a_photo_may_be_too_large_to_be_shown(made: Made) -> None:
    made.add("a", made.found("a"))
    assert "made" not in made.written(max_pixels=SIZE[0] * SIZE[1] - 1)["rows"][0]
    assert "photo" in made.written(max_pixels=SIZE[0] * SIZE[1])["rows"][0]["made"]


def test_a_picture_that_is_gone_or_broken_is_named(made: Made) -> None:
    made.add("a", made.found("a"))
    made.add("b", made.found("b"))
    (made.folder / "masks" / "a.png").unlink()
    (made.folder / "masks" / "b.png").write_text("no picture")
    made.save()
    assert [problem[:10] for problem in write_report(made.folder, made.page).problems] == ["a: no mask", "b: no mask"]


def test_a_mask_without_a_truth_is_no_problem_but_one_of_another_size_is(three: Made) -> None:
    (three.truths / "a.png").unlink()
    write_mask(three.truths / "b.png", mask_of(0.5).T)
    three.truth("stranger")
    three.save()
    written = write_report(three.folder, three.page, truths=three.truths)
    assert len(written.problems) == 1
    assert written.problems[0].startswith("b: no truth: mask and truth must have one height and width")
    missing, other, scored = data_in(three.page)["rows"]
    assert missing["lacking"]["truth"].startswith("truth must be one file, got none")
    assert "errors" not in other["made"] and "scores" not in other
    assert scored["scores"]["iou"] == 1


def test_a_void_value_is_void_in_the_errors(made: Made) -> None:
    made.add("a", made.found("a", 0.5))
    write_picture(made.truths / "a.png", np.where(mask_of(0.25), 255, np.where(mask_of(0.5), 7, 0)).astype(np.uint8))
    data = made.written(truths=made.truths, void=7)
    row = data["rows"][0]
    assert row["scores"]["iou"] == 1
    assert picture(data, row, "errors")[30, 30, :3].tolist() == [153, 153, 153]
    assert picture(data, row, "truth")[30, 30, 0] == 128


def test_truths_are_read_as_evaluate_reads_them(made: Made) -> None:
    made.add("a", made.found("a", 0.5))
    labels = np.where(mask_of(0.25), 12, np.where(mask_of(0.5), 255, 0)).astype(np.uint8)  # A dog, and void.
    write_picture(made.truths / "SegmentationClass" / "a.png", labels)
    (made.truths / "ImageSets" / "Segmentation").mkdir(parents=True)
    (made.truths / "ImageSets" / "Segmentation" / "val.txt").write_text("a\n")
    row = made.written(truths=made.truths, layout="voc", category="dog")["rows"][0]
    assert row["scores"]["iou"] == 1
    row = made.written(truths=made.truths / "SegmentationClass", coding="voc", category="cat")["rows"][0]
    assert row["scores"]["iou"] == 0
    with pytest.raises(ValueError, match="^coding must be one of binary, "):
        made.written(truths=made.truths, coding="morse")


def test_truths_need_masks(made: Made) -> None:
    made.add("a", Finding(category="cat", probability=0.5))
    made.truth("a")
    with pytest.raises(
        ValueError, match=r"^run must hold masks on a disk to compare with truths, got '.*'; segment with --write"
    ):
        made.written(truths=made.truths)


# ---------------------------------------------------------------------------------------------- names are only names


@pytest.fixture
def hostile(made: Made) -> Made:
    """A run in which all that is text is hostile."""
    for number, text in enumerate(HOSTILE):
        safe = f"mask{number}"
        name = "".join(sign for sign in text if sign != "\\").strip("/")
        finding = made.found(safe, category=text, reasons=(text,), status=text)
        made.add(name, finding, error=text if number == 0 else "")
    made.add(f"{HOSTILE[0]} again", made.found("last"), input=f"/nowhere/{HOSTILE[1]}")
    made.made_by |= {"wsseg": HOSTILE[0], "state": HOSTILE[1], "classifier": {"name": HOSTILE[3]}}
    made.made_by |= {"versions": {HOSTILE[0]: HOSTILE[1]}, "targets": list(HOSTILE)}
    return made


def test_hostile_text_adds_no_tag_and_no_attribute(hostile: Made, tmp_path: Path) -> None:
    hostile.written()
    tags = tags_in(hostile.page)
    assert "img" not in tags.tags
    assert tags.tags.count("script") == 3
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert not [value for name, value in tags.attributes if name in ("href", "src", "action", "style")]


def test_hostile_text_is_in_the_data_as_text(hostile: Made) -> None:
    data = hostile.written()
    categories = [row["category"] for row in data["rows"]]
    assert HOSTILE[0] in categories and HOSTILE[1] in categories and HOSTILE[3] in categories
    block = hostile.page.read_text().partition('id="data">')[2].partition("</script>")[0]
    assert not set("<>&'\u2028\u2029") & set(block)
    assert "\\udc80\\udcff" in categories  # Spelled, as on the terminal.
    assert "\\u202egpj.exe" in categories


def test_a_relative_photo_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / "here/a.png", np.zeros((4, 5, 3), np.uint8))
    record = Record(input="a.png", base=str(tmp_path / "here"), name="a", settings="")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.jsonl").write_bytes(record.as_line())
    monkeypatch.chdir(tmp_path)
    assert write_report(tmp_path / "run", tmp_path / "page.html").problems == ()


@given(st.text())
def test_spelled_text_can_be_printed_and_encoded(text: str) -> None:
    spelled = escape_unprintable(text)
    assert spelled.isprintable()
    spelled.encode()
    assert spelled == text or not text.isprintable()


def test_the_policy_names_the_page_s_own_script_and_style_alone(three: Made) -> None:
    three.written()
    text, policy = three.page.read_text(), policy_of(three.page)
    for tag in ("style", "script"):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy and "http" not in policy


def test_the_page_asks_for_nothing(three: Made) -> None:
    three.written(truths=three.truths)
    text = three.page.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http" not in text.replace("http-equiv", "")
    assert "@import" not in text and "url(" not in text


# --------------------------------------------------------------------------------------------------------- the file


def test_equal_runs_make_equal_bytes(three: Made) -> None:
    three.written(truths=three.truths)
    first = three.page.read_bytes()
    three.written(truths=three.truths)
    assert three.page.read_bytes() == first


def test_an_earlier_report_is_replaced_but_no_other_file(three: Made) -> None:
    three.written()
    assert is_report(three.page)
    three.written()
    three.page.write_text("my thesis")
    with pytest.raises(
        FileExistsError, match=f"^out must be new or an earlier report, got '{three.page}'; choose another"
    ):
        three.written()
    assert three.page.read_text() == "my thesis"
    three.written(force=True)
    assert is_report(three.page)


def test_the_page_s_name_says_what_it_is(three: Made, tmp_path: Path) -> None:
    three.save()
    with pytest.raises(ValueError, match=r"^out must end in \.html, got"):
        write_report(three.folder, tmp_path / "report.pdf")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(FileExistsError, match=r"; give the name of a file$"):
        write_report(three.folder, tmp_path / "folder.html", force=True)


def test_there_must_be_a_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^run must be a folder"):
        write_report(tmp_path, tmp_path / "report.html")


def breaking_at(number: int) -> Callable[[Sequence[Any]], Iterator[Any]]:
    def track(items: Sequence[Any]) -> Iterator[Any]:
        for index, item in enumerate(items):
            if index == number:
                raise KeyboardInterrupt
            yield item

    return track


@pytest.mark.parametrize("inside", [INSIDE, 1])
def test_it_is_written_whole_or_not_at_all(three: Made, inside: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "INSIDE", inside)
    three.save()
    with pytest.raises(KeyboardInterrupt):
        write_report(three.folder, three.page, track=breaking_at(1))
    assert sorted(path.name for path in three.page.parent.iterdir()) == ["photos", "run", "truths"]
    write_report(three.folder, three.page)
    before = files_below(three.page.parent)
    with pytest.raises(KeyboardInterrupt):
        write_report(three.folder, three.page, track=breaking_at(1))
    assert files_below(three.page.parent) == before


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pictures_of_many_lie_beside_it(three: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = three.page.parent / "report_files"
    monkeypatch.setattr(page, "INSIDE", 2)
    data = three.written(truths=three.truths)
    (folder,) = beside.iterdir()
    assert data["base"] == f"report_files/{folder.name}/"
    assert sorted(data["addresses"]) == sorted(path.name for path in folder.iterdir())
    for address in data["addresses"]:
        with pillow.open(folder / address) as opened:
            assert opened.format == "WEBP"
    assert "img-src 'self' file:;" in policy_of(three.page)
    mine = beside / "mine"
    mine.mkdir()
    three.written(truths=three.truths)
    assert not folder.exists() and len(list(beside.iterdir())) == 2
    monkeypatch.setattr(page, "INSIDE", 3)
    three.written(truths=three.truths)
    assert list(beside.iterdir()) == [mine]


def test_the_folder_beside_it_is_named_in_the_page_s_addresses(three: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "INSIDE", 0)
    three.page = three.page.with_name("javascript:a b#?%.html")
    assert three.written()["base"].startswith("javascript%3Aa%20b%23%3F%25_files/wsseg-report-")


def test_progress_goes_through_every_photo(three: Made) -> None:
    seen: list[Any] = []

    def track(items: Sequence[Any]) -> Sequence[Any]:
        seen.extend(items)
        return items

    three.written(truths=three.truths, track=track)
    assert seen[:3] == ["a", "b", "sub/c"]
    assert [record.name for record in seen[3:]] == ["a", "b", "sub/c"]


# ------------------------------------------------------------------------------------------------------------ charts


def test_the_histogram_counts_every_mask_once() -> None:
    plot = histogram_of("IoU", [0, 0.04, 0.06, 1, 1, 1])
    assert plot.most == 3
    assert [round(bar.height * 3) for bar in plot.bars] == [2, 1, *[0] * 17, 3]
    assert plot.bars[0].title == "IoU 0.00 to 0.05: 2"


def test_risk_is_the_mean_of_the_surest() -> None:
    curve = risk_coverage(np.array([0.1, 0.9, 0.5]), np.array([1, 0, 0.5]))
    assert curve == [(1 / 3, 0), (2 / 3, 0.25), (1, 0.5)]


def test_equal_confidences_are_one_point() -> None:
    assert risk_coverage(np.array([0.5, 0.5, 0.1]), np.array([0, 1, 1.0])) == [(2 / 3, 0.5), (1, 2 / 3)]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_no_order_has_less_risk_than_that_of_the_risk_itself(judged: list[tuple[float, float]]) -> None:
    confidence, risk = np.array(judged).T
    best = dict(risk_coverage(-risk, risk))
    curve = risk_coverage(confidence, risk)
    assert curve[-1] == (1, pytest.approx(risk.mean()))
    for share, value in curve:
        kept = round(share * len(risk))
        assert value >= np.sort(risk)[:kept].mean() - 1e-12
    assert list(best.values()) == sorted(best.values()) or np.all(np.diff(list(best.values())) > -1e-12)


# ----------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; where tests must not be skipped (CI), it is to be there."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None and os.environ.get("CI"):
        pytest.fail("chromium must be installed, got none; apt-get install chromium")
    if path is None:
        pytest.skip("chromium must be installed for the tests of the report's page; apt-get install chromium")
    with sync_playwright() as playwright:
        # As root, as in a container, it has no sandbox.
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Opens a page from the disk, and sees to it that nothing is complained of or asked of a network."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(path: Path, **told: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **told})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.extend([request.url] * (request.url.partition(":")[0] in REMOTE)))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


REMOTE = ("http", "https", "ws", "wss", "ftp")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def names_in(page: Page) -> list[str]:
    return page.locator(".card .title").all_inner_texts()


@pytest.fixture
def thirty(made: Made) -> Made:
    """Thirty photos of falling confidence, the tenth of another category, all but the last with a truth."""
    for number in range(30):
        name = f"p{number}"
        told = {"category": "dog" if number == 10 else "cat", "status": "weak" if number > 27 else "ok"}
        made.add(name, made.found(name, 0.5, confidence=1 - number / 30, reasons=(f"reason {number}",), **told))
        if number < 29:
            made.truth(name, (number + 1) / 40)
    made.written(truths=made.truths)
    return made


@pytest.mark.slow
class TestInABrowser:
    def test_it_opens_worst_first(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        assert names_in(page)[0] == "p0"
        assert page.evaluate("performance.getEntriesByName('wsseg-ready').length") == 1
        pictures = page.locator(".card img")
        assert pictures.evaluate_all("images => images.every(image => image.complete && image.naturalWidth > 0)")

    def test_it_sorts(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        for order, first in (("best", "p19"), ("doubtful", "p29"), ("sure", "p0"), ("name", "p0"), ("category", "p0")):
            page.select_option("#order", order)
            assert names_in(page)[0] == first, order
        page.select_option("#order", "name")
        assert names_in(page)[:12] == [f"p{number}" for number in range(12)]
        page.select_option("#order", "worst")
        page.locator(".card").first.focus()
        page.keyboard.press("End")
        assert names_in(page)[-1] == "p29"

    def test_it_filters(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.keyboard.press("/")
        page.keyboard.type("Reason 7")
        assert names_in(page) == ["p7"]
        assert page.locator("#count").inner_text() == "1 of 30 shown"
        page.keyboard.press("Escape")
        assert page.locator("#count").inner_text() == "30 of 30 shown"
        page.select_option("#status", "weak")
        assert names_in(page) == ["p28", "p29"]  # What has no score comes last.
        page.select_option("#status", "")
        page.get_by_role("button", name="dog").first.click()
        assert names_in(page) == ["p10"]
        page.fill("#filter", "nothing like it")
        assert page.locator("#grid").inner_text() == "No photo matches the filter."

    def test_the_arrows_move_and_escape_closes(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.locator(".card").first.focus()
        for key, name in (("ArrowRight", "p1"), ("ArrowDown", "p6"), ("ArrowLeft", "p5"), ("ArrowUp", "p0")):
            page.keyboard.press(key)
            assert focused(page).startswith(name + "\n"), key
        page.keyboard.press("End")
        assert focused(page).startswith("p29\n")
        page.keyboard.press("Enter")
        detail = page.locator("#detail")
        assert detail.is_visible()
        assert page.locator("#place").inner_text() == "30 of 30"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        assert page.locator("#detail-name").inner_text() == "p19"
        page.keyboard.press("Escape")
        assert not detail.is_visible()
        assert focused(page).startswith("p19\n")

    def test_focus_can_be_seen(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        for _ in range(11):
            page.keyboard.press("Tab")
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert page.evaluate("document.activeElement.className") == "card"

    def test_the_slider_cuts_the_picture_over_the_photo(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.locator(".card").first.click()
        assert page.locator("#reel [aria-pressed=true]").inner_text() == "Overlay"
        page.locator("#slide").focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        assert page.locator("#slide").input_value() == "60"
        assert page.locator("#detail-name").inner_text() == "p0"  # The slider has the arrows to itself.
        assert page.locator(".over").evaluate("over => getComputedStyle(over).clipPath") == "inset(0px 0px 0px 60%)"
        box = page.locator("#stage").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50)
        page.mouse.up()
        assert page.locator("#slide").input_value() == "25"
        page.locator("#reel [data-kind=errors]").click()
        assert page.locator("#over").inner_text() == "Errors"
        assert page.locator(".over img").count() == 2

    def test_what_is_missing_names_its_flag(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.select_option("#show", "saliency")
        assert "--write saliency" in page.locator(".card .lack").first.inner_text()
        page.select_option("#show", "all")
        assert page.locator(".card").first.locator(".shot").count() == 7
        page.locator(".card").first.click()
        assert page.locator("#reel [data-kind=seeds]").is_disabled()

    def test_hostile_names_do_nothing(self, opened: Opened, hostile: Made) -> None:
        hostile.truth("mask3")
        hostile.written(truths=hostile.truths)
        page = opened(hostile.page)
        assert names_in(page)
        for show in ("all", "photo"):
            page.select_option("#show", show)
            page.fill("#filter", "onerror")
            page.fill("#filter", "")
        assert HOSTILE[0] in names_in(page)
        page.locator(".card").first.click()
        for _ in range(len(HOSTILE) + 1):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        for button in page.locator("[data-category]").all():
            button.click()
        page.wait_for_timeout(200)
        assert page.evaluate("typeof window.broken") == "undefined"
        assert page.evaluate("7 * 7") == 49
        assert "49" not in names_in(page)

    def test_a_foreign_script_is_refused(self, opened: Opened, three: Made, browser: Browser, tmp_path: Path) -> None:
        three.written()
        text = three.page.read_text()
        for number, intruder in enumerate(
            ("<script>window.broken=1</script>", "<img src=x onerror=window.broken=1>", "<script src=x.js></script>")
        ):
            broken = tmp_path / f"broken{number}.html"
            broken.write_text(text.replace("<main>", f"<main>{intruder}"))
            (tmp_path / "x.js").write_text("window.broken=1")
            page = browser.new_page()
            page.goto(broken.as_uri())
            page.wait_for_timeout(100)
            assert page.evaluate("typeof window.broken") == "undefined"
            page.close()

    def test_thousands_are_a_few_in_the_document(self, opened: Opened, made: Made) -> None:
        found = [
            Finding(category="cat", probability=0.5, status="ok", confidence=number / 2000, reasons=(f"no. {number}",))
            for number in range(2000)
        ]
        made.add("a", *found)
        made.written()
        assert made.page.stat().st_size < 5_000_000
        page = opened(made.page)
        page.select_option("#show", "photo")
        nodes = "document.querySelectorAll('*').length"
        assert page.evaluate(nodes) < 1500
        page.locator(".card").first.focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        assert "no. 1999" in page.locator("#about").inner_text()
        page.keyboard.press("Escape")
        assert page.evaluate(nodes) < 1500
        page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
        page.wait_for_function("document.querySelectorAll('.card').length > 10")
        assert page.evaluate(nodes) < 1500
        page.keyboard.press("/")
        page.keyboard.type("no. 1234")
        assert page.locator(".card").count() == 1
        image = page.locator(".card img")
        image.evaluate("image => image.decode()")
        assert image.evaluate("image => image.naturalWidth") == SIZE[1]

    @pytest.mark.parametrize("show", ["overlay", "all"])
    def test_a_phone_scrolls_in_one_direction(self, opened: Opened, thirty: Made, show: str) -> None:
        thirty.add("a" * 120, thirty.found("long", category="c" * 90, reasons=("r" * 300,)))
        thirty.written(truths=thirty.truths)
        page = opened(thirty.page, **PHONE)
        width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
        page.select_option("#show", show)
        assert page.evaluate(width) <= 390
        page.fill("#filter", "a" * 120)
        page.locator(".card").first.tap()
        assert page.locator("#detail").is_visible()
        assert page.locator("#detail").evaluate("detail => detail.scrollWidth <= detail.clientWidth")
        assert page.evaluate(width) <= 390

    def test_dark_is_as_the_system_says_or_as_one_chooses(self, opened: Opened, three: Made) -> None:
        three.written()
        for scheme, other in (("dark", "light"), ("light", "dark")):
            page = opened(three.page, color_scheme=scheme)
            assert is_dark(page) == (scheme == "dark")
            assert page.locator("#theme").get_attribute("aria-pressed") == str(scheme == "dark").lower()
            page.get_by_role("button", name="Dark mode").click()
            assert is_dark(page) == (other == "dark")
            assert page.locator("#theme").get_attribute("aria-pressed") == str(other == "dark").lower()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [390, 1400])
    def test_everyone_can_use_it(self, opened: Opened, thirty: Made, scheme: str, width: int) -> None:
        thirty.add("failed", error="it is no photo", input="/nowhere/a.png")
        thirty.written(truths=thirty.truths)
        # Its tools are no script of the page's own.
        told = {"color_scheme": scheme, "bypass_csp": True, "viewport": {"width": width, "height": 900}}
        page = opened(thirty.page, **told)
        page.locator("summary").first.click()
        assert faults_for_people(page) == []
        page.select_option("#show", "all")
        assert faults_for_people(page) == []
        page.locator(".card").first.click()
        assert faults_for_people(page) == []


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.querySelector('.caption').innerText"))


def is_dark(page: Page) -> bool:
    levels = re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))
    return sum(map(int, levels[:3])) < 300


def faults_for_people(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]
