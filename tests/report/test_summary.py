"""The figures and settings of a report."""

import re

from report_runs import Made

from wsseg.recipe import RECIPES
from wsseg.report.summary import recipe_text


def test_the_page_has_a_summary(three: Made) -> None:
    three.made_by |= {"classifier": {"name": "net"}, "recipe": RECIPES["fast"].as_dict()}
    three.add("broken", error="it is no photo")
    three.add("d", three.found("d", status="weak", reasons=("because",)))
    three.add("e", three.found("e", status="unsure"))
    three.written(truths=three.truths)
    text = " ".join(re.sub(r"<[^>]*>", " ", three.page.read_text().partition("<script")[0]).split())
    for part in (
        "photos 6",
        "done 5",
        "failed 1",
        "unsure 1",
        "weak 1",
        "no object 0",
        "mean IoU 0.583 over 3 masks, 3 not scored",
    ):
        assert part in text
    assert "recipe fast · classifier net" in text
    assert "Add truths to see scores" not in text


def test_a_recipe_without_a_name_is_the_nearest_and_its_changes(made: Made) -> None:
    assert recipe_text(RECIPES["default"].as_dict()) == "default"
    assert recipe_text({**RECIPES["fast"].as_dict(), "smoothness": 7.0}) == "fast with smoothness 7.0"


def test_a_page_without_truths_explains_how_to_get_scores(three: Made) -> None:
    row = three.written()["rows"][0]
    assert "scores" not in row
    text = three.page.read_text()
    assert "wsseg report RUN --truth FOLDER" in text
    assert "Histogram of the confidence of 3 masks" in text
    assert "Risk over coverage" not in text


def test_an_empty_run_or_odd_settings_have_a_page(made: Made) -> None:
    made.made_by = {"wsseg": 1, "what": [], "versions": 3, "recipe": [], "classifier": None, "targets": {"a": 1}}
    assert made.written()["rows"] == []
