"""Tuning on photos with truths: which photos decide what, and what the verdict says about the gain."""

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields, replace
from importlib import resources
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as pillow

from wsseg import __version__
from wsseg.arrays import UNKNOWN
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Preprocessing
from wsseg.classifier.load import load_classifier
from wsseg.evaluation.bootstrap import Interval
from wsseg.learning.tune import tune
from wsseg.learning.tuning import FEWEST, SEARCHED, SIDE, Example, Tuning, _candidates, tuning_from_examples
from wsseg.recipe import RECIPES, Recipe, read_recipe
from wsseg.segmenting.segmenter import Segmenter

GREY = np.full((10, 10, 3), 128, np.uint8)
POOR = replace(RECIPES["default"], method="gradient", balance=0.97, prior=5.0, color_limit=2.0)
"""A recipe whose masks are too small."""


CHOSEN = Target((0,), "class 0", (0.9,))
"""The classifier's own choice."""


class Labeled:
    """Stands in for the labeling: photo `n`, whose saliency is n/100, gets an IoU that depends on the numbers alone."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Recipe]] = []
        self.given: set[bool] = set()

    def __call__(self, image: Any, saliency: Any, recipe: Recipe, *, given: bool) -> Any:
        self.given.add(given)
        index = round(float(saliency[0, 0]) * 100)
        self.calls.append((index, recipe))
        mask = np.zeros(saliency.shape, np.bool_)
        mask.flat[: self.hundredths(index, recipe)] = True
        return type("Labeling", (), {"mask": mask})

    @staticmethod
    def hundredths(index: int, recipe: Recipe) -> int:
        """More components help all photos, some more than others; the prior and the smoothness are luck."""
        return 30 + recipe.components * (1 + index % 3) + hash((index, recipe.prior, recipe.smoothness)) % 40


@pytest.fixture
def labeled(monkeypatch: pytest.MonkeyPatch) -> Labeled:
    stand_in = Labeled()
    monkeypatch.setattr("wsseg.learning.tuning.mask_from_saliency", stand_in)
    return stand_in


def examples(count: int) -> dict[str, Example]:
    """Photos of 100 pixels that are all object."""
    truth = np.ones((10, 10), np.uint8)
    return {f"p{n}": Example(GREY, np.full((10, 10), n / 100, np.float32), truth, CHOSEN) for n in range(count)}


def test_a_given_target_is_tuned_with_the_prior_for_given_targets(labeled: Labeled) -> None:
    tuning_from_examples(examples(6), RECIPES["default"], trials=5)
    assert labeled.given == {False}
    given = {name: example._replace(scored=Target((0,), "class 0")) for name, example in examples(6).items()}
    labeled.given.clear()
    tuning_from_examples(given, RECIPES["default"], trials=5)
    assert labeled.given == {True}


def sure_gain(recipe: Recipe, base: Recipe, indices: Sequence[int]) -> float:
    """The mean gain over the base less two standard errors."""
    gains = [Labeled.hundredths(index, recipe) - Labeled.hundredths(index, base) for index in indices]
    return fmean(gains) - 2 * stdev(gains) / len(gains) ** 0.5


class TestSearch:
    @pytest.mark.parametrize("name", SEARCHED)
    def test_the_table_holds_numbers_that_come_after_the_saliency(self, name: str) -> None:
        stages = {item.name: item.metadata["stage"] for item in fields(Recipe)}
        assert stages[name] != "saliency"
        assert getattr(Recipe(), name) in SEARCHED[name]
        for value in SEARCHED[name]:
            assert type(value) is type(getattr(Recipe(), name))
            assert getattr(replace(Recipe(), **{name: value}), name) == value

    def test_numbers_outside_the_table_are_kept(self, labeled: Labeled) -> None:
        base = replace(RECIPES["simonyan2013"], random_state=3, color_samples=100)
        tuning_from_examples(examples(5), base)
        for _, recipe in labeled.calls:
            changed = {name for name, value in recipe.as_dict().items() if value != base.as_dict()[name]}
            assert changed <= SEARCHED.keys()
            assert all(getattr(recipe, name) in SEARCHED[name] for name in changed)

    def test_a_base_whose_quantiles_are_odd_has_candidates_too(self, labeled: Labeled) -> None:
        base = replace(RECIPES["default"], foreground_quantile=0.2, background_quantile=0.1)
        tuning_from_examples(examples(5), base, trials=50)
        assert len({recipe for _, recipe in labeled.calls}) == 51

    def test_the_recipe_with_the_most_certain_gain_is_chosen(self, labeled: Labeled) -> None:
        base = RECIPES["default"]
        found = tuning_from_examples(examples(10), base, trials=40)
        surest = max(sure_gain(recipe, base, range(10)) for _, recipe in labeled.calls)
        assert sure_gain(found.recipe, base, range(10)) == pytest.approx(surest)
        assert surest > 0

    def test_the_base_is_kept_without_a_certain_gain(self, monkeypatch: pytest.MonkeyPatch, labeled: Labeled) -> None:
        base = RECIPES["default"]
        monkeypatch.setattr(Labeled, "hundredths", staticmethod(lambda index, recipe: 90 if recipe == base else 60))
        found = tuning_from_examples(examples(10), base)
        assert found.recipe == found.base == base
        assert (found.gain, found.interval, found.changes) == (0, (0, 0), {})

    def test_one_photo_s_luck_does_not_decide(self, monkeypatch: pytest.MonkeyPatch, labeled: Labeled) -> None:
        lucky = staticmethod(lambda index, recipe: 50 + 50 * (index == 0 and recipe != RECIPES["default"]))
        monkeypatch.setattr(Labeled, "hundredths", lucky)
        assert not tuning_from_examples(examples(10), RECIPES["default"]).changes

    def test_each_recipe_is_searched_once_for_each_photo(self, labeled: Labeled) -> None:
        tuning_from_examples(examples(6), RECIPES["default"], trials=30)
        assert len(set(labeled.calls[: 6 * 31])) == 6 * 31
        assert len(labeled.calls) == 6 * 31 + 6 * 2

    def test_the_random_state_decides_everything(self, labeled: Labeled) -> None:
        first, again, other = (
            tuning_from_examples(examples(7), replace(RECIPES["default"], random_state=state), trials=9)
            for state in (0, 0, 1)
        )
        assert first == again
        assert replace(first.recipe, random_state=1) != other.recipe

    def test_candidates_are_compared_at_a_small_size_and_scored_at_full_size(self, monkeypatch: Any) -> None:
        sizes = []
        truth = np.zeros((SIDE, 2 * SIDE), np.uint8)
        truth[:, :SIDE] = 1
        wide = Example(np.zeros((*truth.shape, 3), np.uint8), np.ones(truth.shape, np.float32), truth, CHOSEN)

        def label(image: Any, saliency: Any, recipe: Recipe, *, given: bool) -> Any:
            assert saliency.max() <= 1
            sizes.append(image.shape[:2])
            return type("Labeling", (), {"mask": np.ones(saliency.shape, np.bool_)})

        monkeypatch.setattr("wsseg.learning.tuning.mask_from_saliency", label)
        found = tuning_from_examples({f"p{n}": wide for n in range(4)}, RECIPES["default"], trials=1)
        assert sizes == [(SIDE // 2, SIDE)] * 8 + [(SIDE, 2 * SIDE)] * 8
        assert list(found.before.values()) == list(found.after.values()) == [0.5] * 4


class TestGain:
    @pytest.mark.parametrize(("count", "folds"), [(4, 5), (5, 5), (11, 5), (9, 3), (6, 100)])
    def test_no_photo_influences_its_own_score(self, labeled: Labeled, count: int, folds: int) -> None:
        found = tuning_from_examples(examples(count), RECIPES["default"], folds=folds, trials=25)
        rng = np.random.default_rng(0)
        tried = _candidates(RECIPES["default"], 25, rng)
        fold = rng.permutation(count) % min(folds, count)
        assert len(set(fold)) == min(folds, count)
        for index in range(count):
            others = [other for other in range(count) if fold[other] != fold[index]]
            best = max(tried, key=lambda recipe: sure_gain(recipe, tried[0], others))
            assert found.after[f"p{index}"] == pytest.approx(Labeled.hundredths(index, best) / 100)
            assert found.before[f"p{index}"] == pytest.approx(Labeled.hundredths(index, RECIPES["default"]) / 100)

    def test_the_interval_surrounds_the_gain(self, labeled: Labeled) -> None:
        found = tuning_from_examples(examples(20), RECIPES["default"])
        gains = np.subtract(list(found.after.values()), list(found.before.values()))
        assert found.gain == pytest.approx(gains.mean())
        low, high = found.interval
        assert low < found.gain < high
        assert high - low == pytest.approx(2 * 1.96 * gains.std() / np.sqrt(len(gains)), rel=0.15)

    def test_void_never_counts(self, labeled: Labeled) -> None:
        scored = examples(5)
        for example in scored.values():
            example.truth.flat[:40] = UNKNOWN
        before = tuning_from_examples(scored, RECIPES["default"], trials=1).before
        assert before["p2"] == pytest.approx((Labeled.hundredths(2, RECIPES["default"]) - 40) / 60)

    @pytest.mark.parametrize(
        ("after", "interval", "verdict"),
        [
            (0.7, (0.1, 0.3), "gain: +0.200 IoU on photos left out of the tuning (95 % interval +0.100 to +0.300)"),
            (0.7, (-0.1, 0.5), "gain that may be chance: +0.200 IoU"),
            (0.5, (0.0, 0.0), "no gain: +0.000 IoU"),
            (0.4, (-0.3, 0.1), "no gain: -0.100 IoU"),
        ],
    )
    def test_the_verdict_is_plain(self, after: float, interval: tuple[float, float], verdict: str) -> None:
        found = Tuning(
            base=Recipe(), recipe=Recipe(prior=3.0), before={"a": 0.5}, after={"a": after}, interval=Interval(*interval)
        )
        assert found.verdict.startswith(verdict)
        assert found.as_toml().startswith(
            f"# Tuned on 1 photos: mean IoU 0.500 before, {after:.3f} after.\n# {verdict}"
        )

    def test_the_file_is_a_recipe(self, labeled: Labeled, tmp_path: Path) -> None:
        found = tuning_from_examples(examples(5), RECIPES["simonyan2013"])
        (tmp_path / "mine.toml").write_text(found.as_toml())
        assert read_recipe(tmp_path / "mine.toml") == found.recipe == replace(found.base, **found.changes)

    def test_it_is_frozen(self, labeled: Labeled) -> None:
        with pytest.raises(FrozenInstanceError):
            tuning_from_examples(examples(4), Recipe()).recipe = Recipe()  # type: ignore[misc]  # This must fail.


class TestRefusals:
    @pytest.mark.parametrize(
        ("count", "options", "message"),
        [
            (FEWEST - 1, {}, f"^photos must be at least {FEWEST}, got {FEWEST - 1}; add photos"),
            (0, {}, f"^photos must be at least {FEWEST}, got 0"),
            (5, {"folds": 1}, "^folds must be at least 2, got 1"),
            (5, {"trials": 0}, r"^trials must lie in \[1, 10000\], got 0"),
            (5, {"trials": 10_001}, r"^trials must lie in \[1, 10000\], got 10001"),
        ],
    )
    def test_too_few_photos_folds_or_trials_are_refused(
        self, count: int, options: dict[str, int], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            tuning_from_examples(examples(count), Recipe(), **options)


class Middle(torch.nn.Module):
    """Looks at the middle of the photo."""

    def __init__(self) -> None:
        super().__init__()
        y, x = torch.meshgrid(torch.linspace(-2, 2, 16), torch.linspace(-2, 2, 16), indexing="ij")
        self.register_buffer("middle", torch.exp(-2 * (y**2 + x**2)))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        score = (batch * self.middle).mean(dim=(1, 2, 3))
        return torch.stack([5 + score, -score], dim=1)


def made_of(segmenter: Segmenter) -> dict[str, Any]:
    return {"classifier": segmenter.classifier, "recipe": segmenter.recipe}


class TestFolders:
    """Orange squares on blue, and a recipe whose masks are too small."""

    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        photos, truths = tmp_path / "photos", tmp_path / "truths"
        rng = np.random.default_rng(0)
        for n in range(5):
            truth = np.zeros((40, 48), np.uint8)
            truth[8 + n : 30, 10 : 36 - n] = 1
            image = np.where(truth[..., None], (210, 140, 60), (60, 90, 150)) + rng.normal(0, 60, (40, 48, 3))
            for folder, picture in ((photos, image.clip(0, 255)), (truths, truth)):
                (folder / "sub").mkdir(parents=True, exist_ok=True)
                pillow.fromarray(picture.astype(np.uint8)).save(folder / "sub" / f"{n}.png")
        return photos, truths

    @pytest.fixture
    def segmenter(self) -> Segmenter:
        preprocessing = Preprocessing((16, 16), (0.5,) * 3, (0.25,) * 3)
        classifier = load_classifier(Middle(), categories=["ape", "bee"], preprocessing=preprocessing)
        return Segmenter(classifier, POOR)

    def test_the_saved_file_has_the_recipe_and_the_classifier(
        self, folders: tuple[Path, Path], segmenter: Segmenter, tmp_path: Path
    ) -> None:
        found = tune(*folders, **made_of(segmenter), trials=1)
        found.save(tmp_path / "mine.toml")
        assert (tmp_path / "mine.toml").read_text().startswith(f"# By wsseg {__version__} with Middle.\n# Tuned on 5 ")
        assert read_recipe(tmp_path / "mine.toml") == found.recipe
        with pytest.raises(FileExistsError, match="^out must be a new file, got '"):
            found.save(tmp_path / "mine.toml")
        found.save(str(tmp_path / "mine.toml"), force=True)
        with pytest.raises(ValueError, match=r"^out must end in \.toml, got '"):
            found.save(tmp_path / "mine.txt")

    def test_numbers_that_suit_the_photos_are_found(self, folders: tuple[Path, Path], segmenter: Segmenter) -> None:
        passes: list[int] = []
        found = tune(*folders, **made_of(segmenter), trials=12, track=lambda items: passes.append(len(items)) or items)
        assert passes == [5, 5, 5]
        assert list(found.before) == [f"sub/{n}" for n in range(5)]
        assert found.base == segmenter.recipe
        assert found.gain > 0.02
        assert found.changes

    def test_before_equals_the_segmenter_s_masks(self, folders: tuple[Path, Path], segmenter: Segmenter) -> None:
        found = tune(*folders, **made_of(segmenter), target="bee", trials=1)
        mask = segmenter.segment(folders[0] / "sub/2.png", "bee").mask
        truth = cv2.imread(str(folders[1] / "sub/2.png"), cv2.IMREAD_UNCHANGED) == 1
        assert found.before["sub/2"] == pytest.approx((mask & truth).sum() / (mask | truth).sum())

    def test_photos_without_partners_are_reported(self, folders: tuple[Path, Path], segmenter: Segmenter) -> None:
        photos, truths = folders
        (photos / "sub/1.png").unlink()
        (truths / "sub/3.png").unlink()
        (photos / "sub/4.bmp").write_bytes((photos / "sub/4.png").read_bytes())
        with pytest.raises(
            ValueError, match="^photos and truths must hold one file of each name, got none or several for sub/1"
        ):
            tune(photos, truths, **made_of(segmenter))
        for n in range(5, 9):
            (photos / f"{n}.png").write_bytes(b"")
        with pytest.raises(ValueError, match="for 5, 6, 7, 8, sub/1 and 2 more; add the"):
            tune(photos, truths, **made_of(segmenter))

    def test_a_folder_must_hold_pictures(self, folders: tuple[Path, Path], segmenter: Segmenter) -> None:
        with pytest.raises(ValueError, match="^photos must be an existing folder, got"):
            tune(folders[0] / "none", folders[1], **made_of(segmenter))
        with pytest.raises(ValueError, match="^truths must be an existing folder, got"):
            tune(folders[0], folders[1] / "none", **made_of(segmenter))

    def test_unusable_files_are_reported_before_any_work(
        self, folders: tuple[Path, Path], segmenter: Segmenter
    ) -> None:
        def never(items: Any) -> Any:
            raise AssertionError("began to work")

        photos, truths = folders
        with pytest.raises(ValueError, match="^target must fit one category, got 'cow'"):
            tune(photos, truths, **made_of(segmenter), target="cow", track=never)
        pillow.fromarray(np.zeros((40, 47), np.uint8)).save(truths / "sub/3.png")
        with pytest.raises(ValueError, match=r"sub/3\.png' and '.*sub/3\.png' must have one height and width"):
            tune(photos, truths, **made_of(segmenter), track=never)
        (photos / "sub/3.png").write_text("no picture")
        with pytest.raises(ValueError, match=r"sub/3\.png'? must be a picture"):
            tune(photos, truths, **made_of(segmenter), track=never)
        (truths / "sub/2.png").write_bytes((photos / "sub/2.png").read_bytes())
        with pytest.raises(ValueError, match=r"sub/2\.png'? must have one channel"):
            tune(photos, truths, **made_of(segmenter), track=never)
        with pytest.raises(ValueError, match="^folds must be at least 2"):
            tune(photos, truths, **made_of(segmenter), folds=1, track=never)


@pytest.mark.slow
def test_on_real_photos_the_numbers_that_made_the_truths_are_approached(tmp_path: Path) -> None:
    teacher = Segmenter(recipe=replace(RECIPES["default"], samples=1, mirror=False))
    for name in ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "motorcycle_left.png"):
        with resources.as_file(resources.files("skimage") / "data" / name) as path:
            photo = pillow.open(path).convert("RGB").reduce(4)
        for side, view in {"left": photo, "right": photo.transpose(pillow.Transpose.FLIP_LEFT_RIGHT)}.items():
            file = f"{path.stem}.{side}.png"
            teacher.segment(view).save(tmp_path / "truths" / file)
            (tmp_path / "photos").mkdir(exist_ok=True)
            view.save(tmp_path / "photos" / file)
    poor = replace(teacher.recipe, balance=0.97, prior=4.0)
    found = tune(tmp_path / "photos", tmp_path / "truths", classifier=teacher.classifier, recipe=poor, trials=20)
    assert found.gain > 0.05
    assert "balance" in found.changes or "prior" in found.changes
