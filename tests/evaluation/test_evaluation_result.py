"""Evaluations and comparisons as one line, and as files."""

import json
from pathlib import Path

import pytest

from wsseg.evaluation.compare import Comparison, comparison_of
from wsseg.evaluation.result import Evaluation
from wsseg.metrics import SCORES

SCORED = dict.fromkeys(SCORES, 0.5)
FOUND = Evaluation(masks=Path("found"), photos={"a": SCORED, "b": SCORED}, failures={"c": "no mask"})
BOTH = comparison_of(FOUND, FOUND)


def test_it_is_one_short_line() -> None:
    assert repr(FOUND) == str(FOUND) == "Evaluation('found', 2 photos, 1 problem)"
    assert repr(BOTH) == ("Comparison('found', 'found', 2 photos: no verdict, since some photos could not be scored)")


def test_a_notebook_shows_some_problems_and_counts_the_others() -> None:
    many = Evaluation(masks=Path("m"), photos={}, failures={f"photo{number}": "no mask" for number in range(7)})
    shown = many._repr_html_()
    assert "photo4: no mask" in shown
    assert "photo5" not in shown
    assert "<p>and 2 more problems</p>" in shown
    assert "<p>and 9 more problems</p>" in comparison_of(many, many)._repr_html_()


@pytest.mark.parametrize("result", [FOUND, BOTH], ids=["evaluation", "comparison"])
def test_files_hold_the_tables(result: Evaluation | Comparison, tmp_path: Path) -> None:
    result.save_json(tmp_path / "new" / "scores.json")
    result.save_csv(str(tmp_path / "scores.csv"))
    assert json.loads((tmp_path / "new" / "scores.json").read_text()) == json.loads(json.dumps(result.as_json()))
    assert (tmp_path / "scores.csv").read_text() == result.as_csv()


@pytest.mark.parametrize("result", [FOUND, BOTH], ids=["evaluation", "comparison"])
def test_a_file_is_replaced_only_by_force(result: Evaluation | Comparison, tmp_path: Path) -> None:
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
