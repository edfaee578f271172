"""Learning a network from photos alone, with a small classifier, and the command `adapt`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from commands import Run
from torch import nn

from wsseg.arrays import Image
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.load import load_classifier
from wsseg.files.encode import write_picture
from wsseg.learning import labels, rounds
from wsseg.learning.adapt import adapt
from wsseg.learning.labels import AREAS, CUT_SIDE, FIRST, LATER, SIDE, example_of
from wsseg.learning.rounds import parts_of
from wsseg.saliency.objectness.objectness import Objectness, load_objectness, read_objectness
from wsseg.segmenting.segmenter import Segmenter


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


def reds() -> Classifier:
    preprocessing = Preprocessing((56, 56), (0.5,) * 3, (0.5,) * 3)
    return load_classifier(Reds(), categories=["red", "other"], preprocessing=preprocessing)


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


def photos_in(folder: Path, count: int) -> Path:
    """A folder of photos of discs, and a file that is not a photo."""
    for seed in range(count):
        write_picture(folder / f"{seed}.png", disc(seed)[0])
    (folder / "bad.jpg").write_bytes(b"no photo")
    return folder


def learned(photos: Path, **options: Any) -> Objectness:
    options = {"classifier": reds(), "rounds": 2, "workers": 1, "notice": lambda _: None} | options
    return adapt(photos, **options)


def test_a_label_is_the_cut_alone_or_with_the_network() -> None:
    image, inside = disc(0)
    example = example_of(image, Segmenter(reds(), FIRST))
    assert max(example.image.shape) <= SIDE and max(example.label.shape) <= CUT_SIDE
    assert set(np.unique(example.label)) == {0, 255} and 0 < example.weight <= 1
    assert ((example.label > 127) & inside).sum() > 0.8 * inside.sum()
    network = load_objectness()
    mixed = example_of(image, Segmenter(reds(), LATER, network))
    assert len(np.unique(mixed.label)) > 2


def test_a_photo_without_an_object_has_no_weight() -> None:
    flat = np.full((60, 80, 3), 100, np.uint8)
    assert example_of(flat, Segmenter(reds(), FIRST)).weight == 0


@pytest.mark.parametrize("areas", [(0.6, 0.9), (0.005, 0.01)])
def test_a_mask_of_almost_nothing_or_all_has_no_weight(
    monkeypatch: pytest.MonkeyPatch, areas: tuple[float, float]
) -> None:
    image, inside = disc(0)
    segmenter = Segmenter(reds(), FIRST)
    assert AREAS[0] < inside.mean() < AREAS[1] and example_of(image, segmenter).weight > 0
    monkeypatch.setattr(labels, "AREAS", areas)
    assert example_of(image, segmenter).weight == 0


@pytest.mark.parametrize(
    ("count", "new", "sizes"), [(30, True, [10, 10, 10]), (31, False, [11, 10, 10]), (23, True, [23, 23, 23])]
)
def test_each_photo_belongs_to_one_round(count: int, new: bool, sizes: list[int]) -> None:
    paths = [Path(str(number)) for number in range(count)]
    parts = parts_of(paths, rounds=3, new=new)
    assert [len(part) for part in parts] == sizes
    if count >= 24:
        assert sorted(path for part in parts for path in part) == sorted(paths)
    many = [Path(str(number)) for number in range(4000)]
    assert len(parts_of(many, rounds=3, new=True)[0]) == rounds.FIRST_PHOTOS


@pytest.mark.usefixtures("short")
class TestAdapt:
    def test_it_finds_what_the_photos_have_in_common(self, tmp_path: Path) -> None:
        failures: list[str] = []
        found = learned(photos_in(tmp_path, 6), notice=failures.append)
        image, inside = disc(99)
        objects = found.map(image, mirror=True)
        share = cv2.resize(inside.astype(np.float32), objects.shape[::-1], interpolation=cv2.INTER_AREA)
        assert objects[share > 0.9].mean() > objects[share < 0.1].mean() + 0.2
        (failure,) = failures
        assert failure.startswith(f"{tmp_path / 'bad.jpg'}: ") and "must be a picture" in failure
        made = found.provenance
        assert (made.classifier, made.photos, made.rounds, made.start_sha256) == ("Reds", 6, 2, None)

    def test_an_interrupted_learning_ends_with_the_same_network(self, tmp_path: Path) -> None:
        photos, kept = photos_in(tmp_path / "photos", 3), tmp_path / "mine.partial"
        expected = learned(photos).digest
        left = 20

        def interrupting(items: list[str]) -> Iterator[str]:
            nonlocal left
            for item in items:
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
                yield item

        with pytest.raises(KeyboardInterrupt):
            learned(photos, checkpoint=kept, track=interrupting)
        assert kept.exists()
        with pytest.raises(ValueError, match="must be of the same photos and settings"):
            learned(photos, checkpoint=kept, rounds=3)
        failures: list[str] = []
        assert learned(photos, checkpoint=kept, notice=failures.append).digest == expected
        assert len(failures) == 1 and "bad.jpg" in failures[0]  # It is not read again, but reported again.
        assert not kept.exists()
        kept.write_bytes(b"something else")
        with pytest.raises(ValueError, match="must be the state of wsseg adapt, got another file; remove it"):
            learned(photos, checkpoint=kept)

    @pytest.mark.slow
    def test_workers_do_not_matter(self, tmp_path: Path) -> None:
        photos = photos_in(tmp_path, 4)
        found = [learned(photos, classifier="efficientnet_lite0", workers=workers).digest for workers in (1, 2)]
        assert found[0] == found[1]

    def test_photos_without_objects_are_refused(self, tmp_path: Path) -> None:
        write_picture(tmp_path / "flat.png", np.full((60, 80, 3), 100, np.uint8))
        with pytest.raises(ValueError, match="at least one photo of a round must give a mask, got none"):
            learned(tmp_path)

    def test_by_default_the_bundled_network_goes_on_learning(self, tmp_path: Path) -> None:
        bundled = load_objectness()
        before = bundled.digest
        found = learned(photos_in(tmp_path, 2), classifier=None, rounds=1)
        assert found.provenance.start_sha256 == before != found.digest
        assert load_objectness().digest == before
        assert found.provenance.classifier == bundled.provenance.classifier

    def test_a_module_of_one_s_own_is_needed_to_read_its_network(self, tmp_path: Path) -> None:
        found, file = learned(photos_in(tmp_path / "photos", 2)), tmp_path / "reds.safetensors"
        found.save(file)
        with pytest.raises(ValueError, match="it needs the classifier Reds"):
            read_objectness(file)
        again = read_objectness(file, reds())
        assert again.digest == found.digest
        recipe = replace(LATER, objectness=1.0)
        assert Segmenter(reds(), recipe, file).segment(disc(5)[0]).maps.own is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rounds": 0}, "^rounds must be at least 1, got 0; use 4"),
        ({"workers": 0}, "^workers must be a number from 1, or None .auto., got 0; use 1"),
        ({"workers": "2"}, "^workers must be a number from 1, or None .auto., got '2'; use 1"),
        ({}, "nowhere.* must be an existing photo, folder"),
    ],
)
def test_adapt_refuses_mistakes_before_loading_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], message: str
) -> None:
    monkeypatch.setitem(sys.modules, "wsseg.learning.rounds", None)  # The network would be loaded there.
    with pytest.raises(ValueError, match=message):
        adapt(tmp_path / "nowhere", **given)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_the_command_learns_a_network_for_other_commands(run: Run, tmp_path: Path) -> None:
    photos, file = photos_in(tmp_path / "photos", 2), tmp_path / "mine.safetensors"
    learn = run("adapt", photos, "-o", file, "--rounds", "1")
    assert learn.code == 1 and "bad.jpg" in learn.err and "2 of 3 photos learned" in learn.err
    assert not file.with_name("mine.safetensors.partial").exists()
    assert "out must be a new file" in run("adapt", photos, "-o", file).err
    (photos / "bad.jpg").unlink()
    use = run("segment", photos, "-o", tmp_path / "run", "--recipe", "fast", "--adapt", file)
    assert use.code == 0, use.err
    made_by = json.loads((tmp_path / "run" / "run.json").read_text())
    assert made_by["objectness"]["sha256"] == read_objectness(file).digest
