"""The report's file, which is written completely or not at all, and its pictures."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow
from report_runs import Made, policy_of

from wsseg.report import page
from wsseg.report.page import INSIDE, is_report, write_report


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


def test_the_page_must_be_an_html_file(three: Made, tmp_path: Path) -> None:
    three.save()
    with pytest.raises(ValueError, match=r"^out must end in \.html, got"):
        write_report(three.folder, tmp_path / "report.pdf")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(FileExistsError, match=r"; give the name of a file$"):
        write_report(three.folder, tmp_path / "folder.html", force=True)


def test_a_missing_run_is_refused(tmp_path: Path) -> None:
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
def test_a_report_is_written_whole_or_not_at_all(three: Made, inside: int, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_many_pictures_are_stored_beside_the_page(three: Made, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_page_links_to_its_picture_folder(three: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "INSIDE", 0)
    three.page = three.page.with_name("javascript:a b#?%.html")
    assert three.written()["base"].startswith("javascript%3Aa%20b%23%3F%25_files/wsseg-report-")


def test_progress_goes_through_every_photo(three: Made) -> None:
    seen: list[Any] = []

    def track(items: Sequence[Any]) -> Sequence[Any]:
        seen.extend(items)
        return items

    three.written(truths=three.truths, track=track)
    assert seen == ["a", "b", "sub/c"] * 2
