"""Evaluations and comparisons as one line, and as files."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from wsseg.evaluation.compare import Comparison, comparison_of
from wsseg.evaluation.result import Evaluation
from wsseg.metrics import SCORES

SCORED = dict.fromkeys(SCORES, 0.5)
FOUND = Evaluation(masks=Path("found"), photos={"a": SCORED, "b": SCORED})
BOTH = Comparison(first=FOUND, second=FOUND, differences=())
FAILED = replace(FOUND, failures={"c": "no mask found; segment the photo"})
BOTH_FAILED = comparison_of(FAILED, FAILED)


def test_its_repr_is_one_short_line() -> None:
    assert repr(FAILED) == str(FAILED) == "Evaluation('found', 2 photos, 1 problem)"
    assert repr(BOTH_FAILED) == (
        "Comparison('found', 'found', 2 photos: no verdict, since some photos could not be scored)"
    )


def test_a_notebook_shows_some_problems_and_counts_the_others() -> None:
    many = Evaluation(masks=Path("m"), photos={}, failures={f"photo{number}": f"fault {number}" for number in range(7)})
    shown = many._repr_html_()
    assert "photo4: fault 4" in shown
    assert "photo5" not in shown
    assert "<p>and 2 more problems</p>" in shown
    others = replace(many, failures={f"photo{number}": f"fault {number}" for number in range(7, 14)})
    assert "<p>and 9 more problems</p>" in comparison_of(many, others)._repr_html_()


def failing(**reasons: str) -> Evaluation:
    return replace(FOUND, failures=reasons)


def test_a_fault_of_several_photos_is_one_problem() -> None:
    sizes = "mask and truth must have one height and width, got {} and (2, 3); segment the photo itself"
    found = failing(c=sizes.format("(3, 2)"), d="'x/d.png' must be readable, got 'gone'; check it", e=sizes.format(4))
    assert found.problems == (
        f"2 of 5 photos, 'c', 'e': {sizes.format('(3, 2)')}",
        "d: 'x/d.png' must be readable, got 'gone'; check it",
    )
    assert found.as_json()["failures"] == dict(found.failures)
    many = failing(**{f"p{number}": "no mask found; segment the photo" for number in range(9)})
    assert many.problems == (
        "9 of 11 photos, 'p0', 'p1', 'p2', 'p3', 'p4' and 4 more: no mask found; segment the photo",
    )
    assert replace(many, photos={}).problems[0].startswith("all 9 photos, such as 'p0': no mask found")


def test_faults_with_other_remedies_are_other_problems() -> None:
    found = failing(c="no truth found; add it", d="truth must be one file, got two; keep one of them")
    assert len(found.problems) == 2
    assert len(failing(c="it broke", d="it is gone").problems) == 2


def test_a_fault_of_both_folders_is_one_problem_of_a_comparison() -> None:
    one = failing(c="no truth found; add it")
    other = replace(one, masks=Path("other"), failures={**one.failures, "d": "it broke"})
    assert comparison_of(one, other).problems == (*one.problems, "other: d: it broke")


@pytest.mark.parametrize("result", [FAILED, BOTH_FAILED], ids=["evaluation", "comparison"])
def test_incomplete_scores_are_not_saved(result: Evaluation | Comparison, tmp_path: Path) -> None:
    for save in (result.save_json, result.save_csv):
        with pytest.raises(ValueError, match="^all photos must have scores before these are saved, got c: no mask"):
            save(tmp_path / "scores")
    assert not any(tmp_path.iterdir())


ODD_NAMES = [os.fsdecode(b"caf\xe9"), "caf\u00e9", "a,\udce9\n", "\ud800", "\U0001f431"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_can_be_saved(name: str, tmp_path: Path) -> None:
    found = replace(FOUND, photos={name: SCORED})
    for number, result in enumerate((found, Comparison(first=found, second=found, differences=()))):
        result.save_csv(tmp_path / f"{number}.csv")
        result.save_json(tmp_path / f"{number}.json")
        assert list(json.loads((tmp_path / f"{number}.json").read_text())["photos"]) == [name]
        with (tmp_path / f"{number}.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            row = list(csv.reader(file))[1]
        assert row[0] == (name if name != "\ud800" else "\\ud800")
        replace(found, masks=Path(name), failures={name: name})._repr_html_().encode()


def test_bytes_of_a_name_stay_as_they_are(tmp_path: Path) -> None:
    replace(FOUND, photos={os.fsdecode(b"caf\xe9"): SCORED}).save_csv(tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_bytes().splitlines()[1].startswith(b"caf\xe9,0.5")


@pytest.mark.parametrize("result", [FOUND, BOTH], ids=["evaluation", "comparison"])
def test_files_hold_the_tables(result: Evaluation | Comparison, tmp_path: Path) -> None:
    result.save_json(tmp_path / "new" / "scores.json")
    result.save_csv(str(tmp_path / "scores.csv"))
    assert json.loads((tmp_path / "new" / "scores.json").read_text()) == json.loads(json.dumps(result.as_json()))
    assert (tmp_path / "scores.csv").read_text() == result.as_csv()


@pytest.mark.parametrize("result", [FOUND, BOTH], ids=["evaluation", "comparison"])
def test_a_file_is_replaced_only_with_force(result: Evaluation | Comparison, tmp_path: Path) -> None:
    file = tmp_path / "scores"
    file.write_text("mine")
    for save in (result.save_json, result.save_csv):
        with pytest.raises(FileExistsError, match=f"^out must be a new file, got '{file}'; .*--force"):
            save(file)
        with pytest.raises(FileExistsError, match="give the name of a file$"):
            save(tmp_path, force=True)
    assert file.read_text() == "mine"
    result.save_csv(file, force=True)
    assert file.read_text().startswith("photo,")
