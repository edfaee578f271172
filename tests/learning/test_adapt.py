"""Learning a head from photos alone with a small network, and the command `adapt`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import Run
from torch import nn
from wsseg.classifier.head import Head, read_head
from wsseg.learning.study import SIDE, Study, studies_of, study_of

from wsseg.arrays import Image, Mask
from wsseg.classifier.classifier import Preprocessing
from wsseg.classifier.load import load_classifier
from wsseg.files.encode import write_mask, write_picture
from wsseg.learning.adapt import ROUNDS, adapt
from wsseg.learning.rounds import _fitted_head, head_from
from wsseg.learning.tune import tune
from wsseg.metrics import scores
from wsseg.recipe import RECIPES, Recipe
from wsseg.saliency.objectness import HeadFit
from wsseg.segmenting.segmenter import Segmenter

ADAPTED = RECIPES["adapted"]


class Reds(nn.Module):
    """Scores red against the rest; its features are the colors of squares of four pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 3, 4, 4, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.score = nn.Linear(3, 2)
        with torch.no_grad():
            self.features.weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, 4, 4) / 16)
            self.score.weight.copy_(torch.tensor([[4.0, -2, -2], [-4, 2, 2]]))
            self.score.bias.copy_(torch.tensor([9.0, 0]))  # Although most of a photo is background.

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.score(self.pool(self.features(batch)).flatten(1))


def segmenter() -> Segmenter:
    preprocessing = Preprocessing((56, 56), (0.5,) * 3, (0.5,) * 3)
    return Segmenter(load_classifier(Reds(), categories=["red", "other"], preprocessing=preprocessing), ADAPTED)


def disc(seed: int) -> tuple[Image, np.ndarray]:
    """Return a noisy red disc on a noisy blue and green background, and its mask."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:90, :120]
    center, radius = random.integers(35, 55, 2), random.integers(18, 28)
    inside = (y - center[0]) ** 2 + (x - center[1]) ** 2 < radius**2
    image = random.integers(0, 60, (90, 120, 3))
    image[..., 0] += 150 * inside
    image[..., 1:] += 120 * ~inside[..., None]
    return image.astype(np.uint8), inside


def named(studies: Sequence[Study]) -> dict[str, Study]:
    return {str(number): one for number, one in enumerate(studies)}


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return [study_of(disc(seed)[0], segmenter()) for seed in range(5)]


def test_a_study_keeps_a_small_photo_its_map_and_its_features(studies: list[Study]) -> None:
    one = studies[0]
    assert max(one.image.shape[:2]) <= SIDE and one.saliency.shape == one.image.shape[:2]
    assert one.features.dtype == np.float16 and len(one.features) == 3
    mask = one.mask(ADAPTED, None)
    assert mask.shape == one.saliency.shape
    assert one.cover(mask).shape == one.features.shape[1:]
    assert one.cover(mask).mean() == pytest.approx(mask.mean(), abs=0.02)


def test_the_learned_head_finds_the_object_in_other_photos(studies: list[Study]) -> None:
    head = head_from(named(studies), segmenter(), rounds=ROUNDS)
    assert head.provenance.photos == 5 and head.provenance.classifier == "Reds"
    assert json.loads(head.provenance.recipe) == ADAPTED.as_dict()
    image, inside = disc(9)
    other = study_of(image, segmenter())
    objectness = head.objectness(other.features.astype(np.float32))
    cover = other.cover(inside)
    assert objectness[cover > 0.9].min() > objectness[cover < 0.1].max()


def test_a_photo_without_an_object_does_not_change_the_head(studies: list[Study]) -> None:
    flat = study_of(np.full((60, 60, 3), 90, np.uint8), segmenter())
    first, second = (head_from(named(some), segmenter(), rounds=ROUNDS) for some in (studies, [*studies, flat]))
    np.testing.assert_array_equal(first.weights, second.weights)
    assert second.provenance.photos == 5
    with pytest.raises(ValueError, match="at least one photo must give a mask"):
        head_from(named([flat]), segmenter(), rounds=ROUNDS)


def test_a_later_round_cuts_with_the_head_of_the_round_before(
    studies: list[Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[Head | None] = []
    mask = Study.mask

    def noting(one: Study, recipe: Recipe, head: Head | None) -> Mask:
        heads.append(head)
        # The masks of such plain photos never change; make the later ones smaller.
        return mask(one, recipe, head) & (head is None or np.arange(one.image.shape[1]) < 45)

    monkeypatch.setattr(Study, "mask", noting)
    once, again, thrice = (head_from(named(studies), segmenter(), rounds=rounds) for rounds in (1, 1, 3))
    count = len(studies)
    assert heads[: 3 * count] == [None] * 3 * count
    second, third = set(heads[3 * count : 4 * count]), set(heads[4 * count :])
    assert len(second) == len(third) == 1 and second != third
    np.testing.assert_array_equal(once.weights, next(iter(second)).weights)
    np.testing.assert_array_equal(once.weights, again.weights)
    assert not np.array_equal(once.weights, thrice.weights)


def test_the_head_changes_a_later_mask(studies: list[Study]) -> None:
    one = studies[0]
    provenance = head_from(named(studies), segmenter(), rounds=1).provenance
    everywhere, nowhere = (Head(np.zeros(3, np.float32), bias, provenance) for bias in (1.0, -1.0))
    recipe = replace(ADAPTED, objectness=0.9)
    assert one.mask(recipe, everywhere).sum() > one.mask(recipe, None).sum() > 0
    assert (one.mask(recipe, nowhere) != one.mask(recipe, everywhere)).any()


def test_a_photo_counts_by_the_squared_overlap_of_its_masks(studies: list[Study]) -> None:
    first = [one.mask(ADAPTED, None) for one in studies[:2]]
    half = first[1].copy()
    half.flat[np.flatnonzero(half)[::2]] = False
    found = _fitted_head(studies[:2], [first[0], half], first, segmenter())
    fit = HeadFit()
    for one, mask, weight in zip(studies[:2], [first[0], half], [1.0, (half.sum() / first[1].sum()) ** 2], strict=True):
        fit.add(one.features.astype(np.float32), one.cover(mask), weight=weight)
    np.testing.assert_allclose(found.weights, fit.solved()[0], rtol=1e-5)


@pytest.mark.slow
def test_studies_do_not_depend_on_workers(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed in (0, 2):
        write_picture(paths[seed], disc(seed)[0])
    alone, shared = (list(studies_of(paths, Segmenter(recipe=ADAPTED), workers=workers)) for workers in (1, 2))
    assert [error for _, error in alone] == [error for _, error in shared] and alone[1][1]
    for (one, _), (other, _) in zip(alone[::2], shared[::2], strict=True):
        assert one and other
        np.testing.assert_array_equal(one.saliency, other.saliency)
        np.testing.assert_array_equal(one.features, other.features)


def test_a_head_is_used_only_by_its_own_classifier_and_recipe(studies: list[Study]) -> None:
    own = segmenter()
    head = head_from(named(studies), own, rounds=ROUNDS)
    image, inside = disc(7)
    with pytest.raises(ValueError, match="objectness must be 0 for a classifier without a head, got 0.6 for Reds"):
        own.saliency(image)
    learned = own.classifier.with_head(head)
    shares = [replace(ADAPTED, objectness=share) for share in (0.0, 0.5, 1.0)]
    maps = [Segmenter(learned, recipe).saliency(image).saliency for recipe in shares]
    assert not np.array_equal(maps[0], maps[1]) and not np.array_equal(maps[1], maps[2])
    np.testing.assert_array_equal(maps[0], Segmenter(own.classifier, shares[0]).saliency(image).saliency)
    given = [Segmenter(learned, recipe).saliency(image, "red").saliency for recipe in shares]
    np.testing.assert_array_equal(given[0], given[2])
    truth = inside.astype(np.uint8)
    assert scores(Segmenter(learned, ADAPTED).segment(image).mask, truth)["iou"] > 0.8
    with pytest.raises(ValueError, match="head must be learned on efficientnet_lite0, got one of Reds"):
        load_classifier().with_head(head)


def photos_in(folder: Path, count: int) -> Path:
    """A folder of photos of discs, and a file that is not a photo."""
    for seed in range(count):
        write_picture(folder / f"{seed}.png", disc(seed)[0])
    (folder / "bad.jpg").write_bytes(b"no photo")
    return folder


def test_adapt_learns_from_folders_and_reports_the_photos_that_fail(tmp_path: Path, studies: list[Study]) -> None:
    photos = photos_in(tmp_path / "photos", 5)
    own, failures, passes = segmenter().classifier, list[str](), list[int]()
    head = adapt(
        photos,
        classifier=own,
        recipe=replace(ADAPTED, objectness=0.0),
        track=lambda items: passes.append(len(items)) or iter(items),
        notice=failures.append,
    )
    expected = head_from(named(studies), segmenter(), rounds=ROUNDS)
    assert head.as_json() == expected.as_json()
    (failure,) = failures
    assert failure.startswith(f"{photos / 'bad.jpg'}: ") and "must be a picture" in failure
    assert passes == [6, 5, 5]
    with pytest.warns(UserWarning, match=r"bad\.jpg"):
        again = adapt([photos / "0.png", str(photos / "bad.jpg")], classifier=own, recipe="adapted", rounds=1)
    assert again.provenance.photos == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rounds": 0}, "^rounds must be at least 1, got 0; use 2"),
        ({"workers": 0}, "^workers must be a number from 1, or None .auto., got 0; use 1"),
        ({"workers": "2"}, "^workers must be a number from 1, or None .auto., got '2'; use 1"),
        ({"recipe": "slow"}, "^recipe must be "),
        ({}, "nowhere.* must be an existing photo, folder"),
    ],
)
def test_adapt_refuses_mistakes_before_loading_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], message: str
) -> None:
    monkeypatch.setitem(sys.modules, "wsseg.segmenting.segmenter", None)  # The network would be loaded there.
    with pytest.raises(ValueError, match=message):
        adapt(tmp_path / "nowhere", **given)


def test_tune_uses_a_head_with_the_weight_of_adapted(tmp_path: Path, studies: list[Study]) -> None:
    for seed in range(4):
        image, inside = disc(seed)
        write_picture(tmp_path / "photos" / f"{seed}.png", image)
        write_mask(tmp_path / "truths" / f"{seed}.png", inside)
    own = segmenter().classifier
    head = head_from(named(studies), segmenter(), rounds=1)
    folders = tmp_path / "photos", tmp_path / "truths"
    found = tune(*folders, classifier=own, recipe="default", head=head, folds=2, trials=1)
    assert found.base == replace(RECIPES["default"], objectness=ADAPTED.objectness)
    assert found.before == tune(*folders, classifier=own.with_head(head), recipe=found.base, folds=2, trials=1).before


@pytest.mark.slow
def test_the_command_learns_a_head_for_other_commands(run: Run, tmp_path: Path) -> None:
    photos, head = photos_in(tmp_path / "photos", 2), tmp_path / "head.json"
    learn = run("adapt", photos, "-o", head)
    assert learn.code == 1 and "bad.jpg" in learn.err and "2 of 3 photos learned" in learn.err
    assert read_head(head).provenance.classifier == "efficientnet_lite0"
    assert "out must be a new file" in run("adapt", photos, "-o", head).err
    (photos / "bad.jpg").unlink()
    assert run("saliency", photos, "-o", tmp_path / "map", "--target", "cup").code == 0
    use = run("segment", photos, "-o", tmp_path / "run", "--adapt", head)
    assert use.code == 0, use.err
    made_by = json.loads((tmp_path / "run" / "run.json").read_text())
    assert made_by["recipe"]["objectness"] == ADAPTED.objectness
    assert made_by["head"]["sha256"] == read_head(head).digest
    assert "using the head with weight 0.6" in use.err
