"""Two folders of masks compared: differences, and whether they are real."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wsseg.evaluation.bootstrap import MIN_PHOTOS, Interval, Resamples, interval_of
from wsseg.evaluation.compare import Comparison, compare, comparison_of
from wsseg.evaluation.evaluate import evaluate
from wsseg.evaluation.protocols import PROTOCOLS
from wsseg.evaluation.result import Evaluation, Statistic

TRUTH = np.zeros((20, 20), np.uint8)
TRUTH[5:15, 5:15] = 255


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Masks that are off by 0 to 5 pixels, others that are off by one less, and the truths of 30 photos."""
    for number in range(30):
        off = number % 6
        for folder, mask in {
            "a": np.roll(TRUTH, off, axis=0),
            "b": np.roll(TRUTH, max(off - 1, 0), axis=0),
            "truths": TRUTH,
        }.items():
            put(tmp_path / folder / f"{number:02}.png", mask)
    return tmp_path / "a", tmp_path / "b", tmp_path / "truths"


def width(interval: Interval) -> float:
    return interval.high - interval.low


def put(path: Path, levels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).save(path)


def evaluation_of(*values: float, protocol: str = "default", score: str = "iou") -> Evaluation:
    resamples = Resamples(0)
    for value in values:
        resamples.add({"score": value})
    draws = {score: resamples.draws("score")}
    return Evaluation(
        masks=Path("m"),
        protocol=protocol,
        photos={str(number): {score: value} for number, value in enumerate(values)},
        statistics=(Statistic(score, float(np.mean(values)), interval_of(draws[score])),),
        draws=draws,
    )


def test_a_better_folder_is_better(folders: tuple[Path, Path, Path]) -> None:
    comparison = compare(*folders)
    assert [one.name for one in comparison.differences] == [one.name for one in comparison.first.statistics]
    iou = comparison.differences[0]
    assert iou.is_real
    assert comparison.first == evaluate(folders[0], folders[2])
    assert (comparison.first.mean or {})["iou"] == iou.first
    assert 0 < iou.interval.low < iou.value < iou.interval.high
    assert comparison.verdict.startswith("the second is better: iou +0.")
    assert comparison.verdict.endswith("25 of 30 photos got better, 0 worse")
    back = compare(folders[1], folders[0], folders[2])
    assert back.verdict.startswith("the second is worse: iou -0.")
    assert back.differences[0].value == -iou.value


def test_equal_folders_do_not_differ(folders: tuple[Path, Path, Path]) -> None:
    comparison = compare(folders[0], folders[0], folders[2])
    assert all((one.value, one.interval, one.is_real) == (0, (0, 0), False) for one in comparison.differences)
    assert comparison.verdict.startswith(
        "no real difference: iou +0.0000 (95 % interval +0.0000 to +0.0000); by iou 0 of 30"
    )


def test_photos_hard_for_both_do_not_count() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(50)
    both = evaluation_of(*hard), evaluation_of(*(hard + 0.01 + 0.001 * rng.normal(size=50)))
    assert comparison_of(*both).differences[0].is_real
    shuffled = evaluation_of(*rng.permutation(hard + 0.01))
    assert not comparison_of(both[0], shuffled).differences[0].is_real


def test_the_interval_is_that_of_the_paired_bootstrap() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 60))
    found = comparison_of(evaluation_of(*first), evaluation_of(*second)).differences[0]
    gains = (second - first)[rng.integers(0, 60, (5000, 60))].mean(axis=1)
    assert found.interval == pytest.approx(np.quantile(gains, (0.025, 0.975)), abs=0.02)


@pytest.mark.parametrize("protocol", ["saliency", "voc", "imagenet-segmentation"])
def test_pooled_scores_are_compared_in_the_same_resamples(folders: tuple[Path, Path, Path], protocol: str) -> None:
    for path in (path for folder in folders if protocol == "voc" for path in folder.iterdir()):
        put(path, np.asarray(Image.open(path)) // 255)  # Aeroplanes.
    comparison = compare(*folders, protocol=protocol)
    found = {one.name: one for one in comparison.differences}
    assert list(found) == [one.name for one in comparison.second.statistics]
    headline = found[PROTOCOLS[protocol].headline]
    alone = {one.name: one for one in comparison.first.statistics}[headline.name]
    assert headline.is_real
    assert comparison.verdict.startswith(f"the second is better: {headline.name} +0.")
    assert width(headline.interval) < 0.6 * width(alone.interval)  # Photos that are hard for both do not count.


def test_a_lower_error_is_better() -> None:
    errors = [
        evaluation_of(*values, protocol="ilsvrc-loc", score="top5_error")
        for values in ([0.4, 0.5, 0.3] * 2, [0.1, 0.2, 0.1] * 2)
    ]
    comparison = comparison_of(*errors)
    assert comparison.verdict.startswith("the second is better: top5_error -0.2667")
    assert comparison.verdict.endswith("6 of 6 photos got better, 0 worse")
    assert comparison.changes() == pytest.approx({"0": 0.3, "1": 0.3, "2": 0.2, "3": 0.3, "4": 0.3, "5": 0.2})


def test_the_largest_change_is_first() -> None:
    rest = (0.5, 0.5, 0.5)
    comparison = comparison_of(evaluation_of(0.5, 0.5, 0.5, *rest), evaluation_of(0.6, 0.1, 0.5, *rest))
    assert list(comparison.changes())[:2] == ["1", "0"]
    assert "no real difference" in comparison.verdict


@pytest.mark.parametrize("photos", [1, 2, MIN_PHOTOS - 1])
def test_few_photos_give_no_verdict(photos: int) -> None:
    comparison = comparison_of(evaluation_of(*[0.5] * photos), evaluation_of(*[0.6] * photos))
    assert not comparison.differences[0].is_real
    assert comparison.verdict.startswith("too few photos to tell, 6 are needed: iou +0.1000; ")
    assert json.loads(json.dumps(comparison.as_json(), allow_nan=False))["differences"]["iou"]["interval"] is None
    enough = [evaluation_of(*[value] * MIN_PHOTOS) for value in (0.5, 0.6)]
    assert comparison_of(*enough).differences[0].is_real


def test_with_problems_there_is_no_verdict(folders: tuple[Path, Path, Path]) -> None:
    (folders[1] / "03.png").unlink()
    comparison = compare(*folders)
    assert comparison.differences == ()
    assert comparison.problems == (
        f"{folders[1]}: 03: no mask found; segment the photo, or set missing to zero "
        "(--missing zero) to score it as an empty mask",
    )
    assert comparison.verdict == "no verdict, since some photos could not be scored"
    assert comparison.as_json()["problems"] == list(comparison.problems)
    assert len(comparison.as_csv().splitlines()) == 30


def test_evaluations_must_share_photos_and_protocol() -> None:
    with pytest.raises(ValueError, match="^evaluations must have the same photos, got '1' in only one; "):
        comparison_of(evaluation_of(0.5), evaluation_of(0.5, 0.6))
    with pytest.raises(ValueError, match="^evaluations must have the same protocol, got 'default' and 'saliency'; "):
        comparison_of(evaluation_of(0.5), evaluation_of(0.5, protocol="saliency"))
    with pytest.raises(ValueError, match="^evaluations must have the same random_state, got 0 and 1; "):
        comparison_of(evaluation_of(0.5), replace(evaluation_of(0.5), random_state=1))


def test_json_and_csv_hold_both(folders: tuple[Path, Path, Path]) -> None:
    comparison = compare(*folders)
    content = json.loads(json.dumps(comparison.as_json()))
    assert content["differences"]["iou"]["difference"] == comparison.differences[0].value
    assert content["photos"]["07"]["second"]["iou"] == 1
    assert (content["verdict"], content["protocol"]) == (comparison.verdict, "default")
    rows = list(csv.DictReader(io.StringIO(comparison.as_csv())))
    assert list(rows[0])[:3] == ["photo", "iou_first", "iou_second"]
    assert [row["photo"] for row in rows] == [f"{number:02}" for number in range(30)]
    assert float(rows[7]["iou_second"]) == 1 > float(rows[7]["iou_first"])


def test_a_notebook_shows_the_differences_with_names_escaped() -> None:
    one = replace(evaluation_of(*[0.5] * MIN_PHOTOS), masks=Path("<a>"))
    shown = Comparison(first=one, second=one, differences=comparison_of(one, one).differences)._repr_html_()
    assert "<th>&lt;a&gt;</th>" in shown
    assert "<td>+0.0000</td>" in shown
    assert "no real difference" in shown
