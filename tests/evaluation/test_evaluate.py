"""Folders of masks against folders of truths: how files pair, what is a problem, and what is scored."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wsseg.arrays import FOREGROUND, UNKNOWN
from wsseg.evaluation.evaluate import evaluate
from wsseg.evaluation.protocols import PROTOCOLS
from wsseg.evaluation.result import Evaluation
from wsseg.evaluation.tables import csv_of
from wsseg.metrics import SCORES, scores

PERFECT = dict.fromkeys(SCORES, 1) | {"mae": 0}
TRUTH = np.array([[255, 255, 0], [0, 0, 0]], np.uint8)
HALF = np.array([[255, 0, 0], [0, 0, 0]], np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders, of masks and truths, each with `a` and `sub/b`; `a` is right and `sub/b` finds half the object."""
    masks, truths = tmp_path / "found", tmp_path / "truths"
    put(masks / "a.png", TRUTH)
    put(masks / "sub" / "b.png", HALF)
    for name in ("a.png", "sub/b.bmp"):
        put(truths / name, TRUTH)
    return masks, truths


def put(path: Path, levels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(levels, np.uint8)).save(path)


def compared(folders: tuple[Path, Path], **options: Any) -> Evaluation:
    return evaluate(*folders, **{"void": None, "missing": "error", **options})


def test_files_are_paired_by_their_path_without_suffix(folders: tuple[Path, Path]) -> None:
    evaluation = compared(folders)
    assert evaluation.problems == ()
    assert evaluation.photos == {"a": PERFECT, "sub/b": scores(HALF == 255, (TRUTH == 255).astype(np.uint8))}
    assert evaluation.photos["sub/b"]["iou"] == 0.5


def test_the_mean_is_over_photos(folders: tuple[Path, Path]) -> None:
    mean = compared(folders).mean
    assert mean is not None
    assert list(mean) == list(SCORES)
    assert (mean["iou"], mean["precision"], mean["recall"]) == (0.75, 1, 0.75)
    assert mean["accuracy"] == pytest.approx((1 + 5 / 6) / 2)


def test_paths_may_be_strings(folders: tuple[Path, Path]) -> None:
    masks, truths = folders
    assert evaluate(str(masks), str(truths), void=None, missing="error") == compared(folders)


def test_dots_in_a_name_are_part_of_it(folders: tuple[Path, Path]) -> None:
    put(folders[0] / "c.v1.png", TRUTH)
    put(folders[1] / "c.v1.tif", TRUTH)
    assert list(compared(folders).photos) == ["a", "c.v1", "sub/b"]


def test_soft_masks_keep_their_softness(folders: tuple[Path, Path]) -> None:
    put(folders[0] / "a.png", [[204, 204, 51], [51, 0, 0]])
    photo = compared(folders).photos["a"]
    assert photo == {**PERFECT, "mae": pytest.approx(4 * 0.2 / 6)}


def test_every_problem_is_listed_and_there_is_no_mean(folders: tuple[Path, Path]) -> None:
    masks, truths = folders
    put(truths / "missing.png", TRUTH)
    put(masks / "extra.png", TRUTH)
    put(masks / "size.png", TRUTH.T)
    put(truths / "size.png", TRUTH)
    put(masks / "value.png", TRUTH)
    put(truths / "value.png", TRUTH // 2)
    put(truths / "broken.png", TRUTH)
    (masks / "broken.png").write_bytes(b"no picture")
    evaluation = compared(folders)
    assert list(evaluation.photos) == ["a", "sub/b"]
    assert evaluation.mean is None
    broken, extra, missing, size, value = evaluation.problems
    assert broken.startswith(f"broken: '{masks / 'broken.png'}' must")
    assert extra == "extra: no truth found; add the truth, or remove the mask"
    assert missing == (
        "missing: no mask found; segment the photo, or set missing to zero (--missing zero) "
        "to score it as an empty mask"
    )
    assert size.startswith("size: mask and truth must have one height and width, got (3, 2) and (2, 3)")
    assert value.startswith(f"value: '{truths / 'value.png'}' must")
    assert "127" in value


def test_a_missing_mask_may_count_as_an_empty_one(folders: tuple[Path, Path]) -> None:
    put(folders[1] / "c.png", TRUTH)
    evaluation = compared(folders, missing="zero")
    assert evaluation.photos["c"] == scores(np.zeros(TRUTH.shape, bool), (TRUTH == 255).astype(np.uint8))
    assert evaluation.mean is not None
    assert evaluation.mean["iou"] == pytest.approx((1 + 0.5 + 0) / 3)


def test_only_a_missing_mask_may_count_as_an_empty_one(folders: tuple[Path, Path]) -> None:
    masks, truths = folders
    put(masks / "extra.png", TRUTH)
    put(masks / "size.png", TRUTH.T)
    put(truths / "size.png", TRUTH)
    put(truths / "twice.png", TRUTH)
    put(masks / "twice.png", TRUTH)
    put(masks / "twice.bmp", TRUTH)
    names = [problem.partition(":")[0] for problem in compared(folders, missing="zero").problems]
    assert names == ["extra", "size", "twice"]


@pytest.mark.parametrize("missing", ["error", "zero"])
def test_masks_of_several_targets_are_one_problem_of_their_photo(folders: tuple[Path, Path], missing: str) -> None:
    masks, truths = folders
    (masks / "a.png").unlink()
    for name in ("a.tabby", "a.tiger_cat", "sub/b.tabby"):
        put(masks / f"{name}.png", TRUTH)
    evaluation = compared(folders, missing=missing)
    assert list(evaluation.photos) == ["sub/b"]
    assert evaluation.problems == (
        "a: mask must be one file, got one for each target: 'a.tabby' and 'a.tiger_cat'; "
        "give each of them a truth of the same name, or segment with a single --target",
        "sub/b.tabby: no truth found; add the truth, or remove the mask",
    )
    put(truths / "a.tabby.png", TRUTH)
    assert "got one for each target: 'a.tiger_cat';" in compared(folders, missing=missing).problems[0]


def test_masks_of_several_targets_pair_with_truths_of_the_same_name(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        (folder / "a.png").rename(folder / "a.tabby.png")
        put(folder / "a.tiger_cat.png", TRUTH)
    assert list(compared(folders).photos) == ["a.tabby", "a.tiger_cat", "sub/b"]


@pytest.mark.parametrize(("side", "kind"), [(0, "mask"), (1, "truth")])
def test_two_files_with_one_name_are_a_problem(folders: tuple[Path, Path], side: int, kind: str) -> None:
    put(folders[side] / "a.gif", TRUTH)
    (problem,) = compared(folders).problems
    assert problem == f"a: {kind} must be one file, got 'a.gif' and 'a.png'; keep one of them"


def test_the_void_value_never_counts(folders: tuple[Path, Path]) -> None:
    put(folders[1] / "a.png", np.where(TRUTH > 0, 1, [[0, 0, 255]]))
    put(folders[0] / "a.png", np.where(TRUTH > 0, 255, [[0, 0, 255]]))
    (problem,) = compared(folders).problems
    assert "255" in problem
    put(folders[1] / "sub" / "b.bmp", TRUTH // 255)
    evaluation = compared(folders, void=255)
    assert evaluation.photos["a"] == PERFECT
    assert evaluation.photos["sub/b"]["iou"] == 0.5


def test_the_truth_is_read_with_void_as_unknown(folders: tuple[Path, Path]) -> None:
    levels = np.array([[128, 255, 0], [0, 0, 128]], np.uint8)
    put(folders[1] / "a.png", levels)
    seeds = np.where(levels == 128, UNKNOWN, levels // 255 * FOREGROUND).astype(np.uint8)
    assert compared(folders, void=128).photos["a"] == scores(TRUTH == 255, seeds)


def test_the_folder_of_a_run_stands_for_its_masks(folders: tuple[Path, Path], tmp_path: Path) -> None:
    masks, truths = folders
    run = tmp_path / "run"
    run.mkdir()
    put(run / "overlays" / "a.png", TRUTH)
    masks.rename(run / "masks")
    evaluation = compared((run, truths))
    assert evaluation.masks == run / "masks"
    assert evaluation == compared((run / "masks", truths))
    assert list(evaluation.photos) == ["a", "sub/b"]


def test_a_folder_called_masks_on_both_sides_is_an_ordinary_folder(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        put(folder / "masks" / "c.png", TRUTH)
    evaluation = compared(folders)
    assert evaluation.masks == folders[0]
    assert list(evaluation.photos) == ["a", "masks/c", "sub/b"]


def test_other_files_are_skipped(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        (folder / "notes.txt").write_text("not a picture")
        (folder / ".a.png").write_bytes(b"not a picture")
    assert compared(folders).problems == ()


@pytest.mark.parametrize("side", [0, 1])
def test_a_folder_must_exist_and_hold_pictures(folders: tuple[Path, Path], side: int, tmp_path: Path) -> None:
    argument = ("masks", "truths")[side]
    for wrong in (tmp_path / "nowhere", folders[side] / "a.png"):
        pair = (wrong, folders[1]) if side == 0 else (folders[0], wrong)
        with pytest.raises(ValueError, match=f"^{argument} must be an existing folder, got '{wrong}';"):
            compared(pair)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=f"'{empty}' must .* got none"):
        compared((empty, folders[1]) if side == 0 else (folders[0], empty), missing="zero")


def test_missing_must_be_known(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="missing must be one of error, zero, got 'skip'"):
        compared(folders, missing="skip")


def test_progress_goes_through_every_name_once(folders: tuple[Path, Path]) -> None:
    put(folders[0] / "extra.png", TRUTH)
    seen: list[str] = []

    def track(names: Sequence[str]) -> Sequence[str]:
        seen.extend(names)
        return names

    compared(folders, track=track)
    assert seen == ["a", "extra", "sub/b"]


def test_json_holds_the_scores_and_their_convention(folders: tuple[Path, Path]) -> None:
    evaluation = compared(folders)
    content = json.loads(json.dumps(evaluation.as_json()))
    assert (content["mean"], content["photos"]) == (evaluation.mean, evaluation.photos)
    assert (content["protocol"], content["count"]) == ("default", 2)
    assert content["convention"] == PROTOCOLS["default"].convention
    assert content["statistics"]["iou"]["value"] == 0.75
    assert list(content["statistics"]) == [*SCORES, *PROTOCOLS["default"].pooled]
    assert "problems" not in content


def test_json_with_problems_has_no_mean_and_names_them(folders: tuple[Path, Path]) -> None:
    put(folders[0] / "extra.png", TRUTH)
    evaluation = compared(folders)
    content = json.loads(json.dumps(evaluation.as_json()))
    assert content["mean"] is None
    assert content["statistics"] == {}
    assert content["photos"] == evaluation.photos
    assert content["problems"] == list(evaluation.problems)


def test_csv_has_a_line_for_each_photo(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        put(folder / 'a "b", c.png', TRUTH)
    rows = list(csv.DictReader(io.StringIO(compared(folders).as_csv())))
    assert [row["photo"] for row in rows] == ["a", 'a "b", c', "sub/b"]
    assert list(rows[0]) == ["photo", *SCORES]
    assert float(rows[2]["iou"]) == 0.5


def test_a_notebook_shows_the_statistics_with_names_escaped(folders: tuple[Path, Path]) -> None:
    masks = folders[0].rename(folders[0].with_name("<b>found & lost"))
    shown = compared((masks, folders[1]))._repr_html_()
    assert "&lt;b&gt;found &amp; lost: 2 photos, protocol default" in shown
    assert "<b>" not in shown
    assert "<td>iou</td><td>0.7500</td><td>too few photos</td>" in shown
    put(masks / "<i>.png", TRUTH)
    assert "&lt;i&gt;: no truth found" in compared((masks, folders[1]))._repr_html_()


def test_the_interval_is_that_of_the_bootstrap(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((20, 20), np.uint8)
    truth[5:15, 5:15] = 255
    for name in range(40):
        put(tmp_path / "truths" / f"{name}.png", truth)
        put(tmp_path / "masks" / f"{name}.png", np.roll(truth, rng.integers(0, 6), axis=0))
    evaluation = compared((tmp_path / "masks", tmp_path / "truths"))
    ious = np.array([photo["iou"] for photo in evaluation.photos.values()])
    expected = np.quantile(rng.choice(ious, (5000, len(ious))).mean(axis=1), (0.025, 0.975))
    found = evaluation.statistics[0]
    assert found.value == pytest.approx(ious.mean())
    assert found.interval == pytest.approx(expected, abs=0.01)
    assert compared((tmp_path / "masks", tmp_path / "truths")).statistics == evaluation.statistics


def test_pooled_scores_come_from_the_sums_over_photos(folders: tuple[Path, Path]) -> None:
    found = {one.name: one.value for one in compared(folders).statistics}
    assert found["pooled_iou"] == 3 / 4
    assert found["pooled_miou"] == pytest.approx((3 / 4 + 8 / 9) / 2)
    assert found["f_max_saliency"] == found["f_max_unsupervised"] == pytest.approx((1 + 1.3 / 1.6) / 2)


@pytest.mark.slow
def test_scores_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in range(70):
        for folder in ("masks", "truths"):
            put(tmp_path / folder / f"{name}.png", rng.integers(0, 2, (9, 11)) * 255)
    put(tmp_path / "masks" / "extra.png", TRUTH)
    both = tmp_path / "masks", tmp_path / "truths"
    assert compared(both, workers=2) == compared(both)
    (tmp_path / "masks" / "extra.png").unlink()
    assert compared(both, workers=2) == compared(both)
    assert compared(both).statistics


@pytest.mark.parametrize(
    ("word", "value"), [("protocol", "best"), ("coding", "grays"), ("layout", "voc"), ("split", "val")]
)
def test_an_unknown_word_is_refused(folders: tuple[Path, Path], word: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{word} (must be|needs) .* got '?{value}'?"):
        compared(folders, **{word: value})


def test_a_name_is_one_cell_of_csv_whatever_it_holds() -> None:
    names = ["a,b", 'c"d', "e\nf", "g\rh", "plain"]
    text = csv_of(["iou"], {name: {"iou": 0.5} for name in names})
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [["photo", "iou"], *([name, "0.50000000"] for name in names)]
