"""Photos to review: which are marked, and the list of them."""

from pathlib import Path

import pytest

from wsseg.runs.record import Finding, Record, record_of
from wsseg.runs.review import needs_review, remove_review, write_review


def record(name: str, *found: tuple[str, float], error: str = "", review: bool = False) -> Record:
    findings = tuple(Finding(category="x", probability=1.0, status=status, confidence=sure) for status, sure in found)
    return Record(
        input=f"{name}.png", base="/photos", name="a", settings="s", findings=findings, error=error, review=review
    )


@pytest.mark.parametrize(
    ("found", "least", "marked"),
    [
        ([("ok", 0.9)], None, False),
        ([("ok", 0.9)], 0.9, False),
        ([("ok", 0.9)], 0.91, True),
        ([("no object", 0.0)], 0.0, True),
        ([("weak", 0.0)], 0.0, False),
        ([("ok", 0.9), ("no object", 0.0)], 0.5, False),
        ([("ok", 0.9), ("weak", 0.3)], 0.5, True),
    ],
)
def test_a_photo_is_marked_for_its_least_trusted_object(
    found: list[tuple[str, float]], least: float | None, marked: bool
) -> None:
    assert needs_review(record("a", *found), least) is marked


def test_a_photo_that_failed_is_not_marked() -> None:
    assert not needs_review(record("a", error="broken"), 1.0)


def test_the_mark_is_kept_in_a_line() -> None:
    marked = record("a", ("ok", 0.5), review=True)
    assert record_of(marked.as_line()) == marked


def test_the_list_has_the_least_trusted_first_and_no_path_that_it_cannot_hold(tmp_path: Path) -> None:
    photos = [record(name, ("ok", sure), review=True) for name, sure in (("b", 0.4), ("a", 0.3), ("c\nd", 0.2))]
    (tmp_path / ".wsseg").mkdir()
    write_review(tmp_path, [*photos, record("e", ("ok", 0.9))])
    lines = (tmp_path / "review.txt").read_text().splitlines()
    assert lines[1:] == ["# a list cannot hold this path: /photos/c\\nd.png", "/photos/a.png", "/photos/b.png"]
    remove_review(tmp_path)
    assert not (tmp_path / "review.txt").exists()
    (tmp_path / "review.txt").write_text("my own list")
    remove_review(tmp_path)
    assert (tmp_path / "review.txt").exists()
