"""Changes of a photo and its label: the label goes where the photo goes."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from wsseg.saliency.objectness import augment
from wsseg.saliency.objectness.augment import CROPPED, SHRUNK, STRETCHED, ZOOMED_OUT, Example, augmented

SIZE = (48, 56)


def example(height: int = 60, width: int = 90) -> Example:
    """A photo whose red is the label: an ellipse to the left."""
    label = np.zeros((height, width), np.uint8)
    cv2.ellipse(label, (width // 3, height // 2), (width // 5, height // 4), 0, 0, 360, 255, -1)
    return Example(np.dstack([label, 255 - label, np.full_like(label, 90)]), label, 1.0)


def changed(seed: int, one: Example | None = None) -> tuple[np.ndarray, np.ndarray]:
    return augmented(one or example(), SIZE, np.random.default_rng(seed))


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No change of light or color."""
    monkeypatch.setattr(augment, "_in_other_light", lambda photo, _random: photo.astype(np.float32) / 255)


@pytest.mark.parametrize("seed", range(12))
def test_both_have_the_size_and_lie_between_0_and_1(seed: int) -> None:
    photo, label = changed(seed)
    assert photo.shape == (*SIZE, 3) and label.shape == SIZE
    assert photo.dtype == label.dtype == np.float32
    assert min(photo.min(), label.min()) >= 0 and max(photo.max(), label.max()) <= 1


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("zoomed_out", [0.0, 1.0], ids=["cropped", "zoomed out"])
@pytest.mark.parametrize("seed", range(10))
def test_the_label_follows_the_photo(monkeypatch: pytest.MonkeyPatch, seed: int, zoomed_out: float) -> None:
    monkeypatch.setattr(augment, "ZOOMED_OUT", zoomed_out)
    photo, label = changed(seed)
    clear = (label == 0) | (label == 1) if not zoomed_out else label == 1
    np.testing.assert_allclose(photo[..., 0][clear], label[clear], atol=0.01)
    assert label.any()


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("scale", [0.5, 2])
def test_the_label_may_have_another_size_than_the_photo(scale: float) -> None:
    one = example()
    height, width = (round(side * scale) for side in one.label.shape)
    other = one._replace(label=cv2.resize(one.label, (width, height), interpolation=cv2.INTER_LINEAR))
    for seed in range(6):
        photo, label = changed(seed, other)
        same, expected = changed(seed, one)
        np.testing.assert_array_equal(photo, same)
        assert np.abs(label - expected).mean() < 0.03


@pytest.mark.usefixtures("plain")
def test_around_a_photo_that_is_zoomed_out_nothing_is_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ZOOMED_OUT", 1.0)
    full = Example(np.full((60, 90, 3), 200, np.uint8), np.full((60, 90), 255, np.uint8), 1.0)
    for seed in range(20):
        photo, label = changed(seed, full)
        rows, columns = np.flatnonzero(label.any(axis=1)), np.flatnonzero(label.any(axis=0))
        assert label[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        for found, side in ((len(rows), SIZE[0]), (len(columns), SIZE[1])):
            assert SHRUNK[0] * (1 - STRETCHED) * side - 1 <= found <= SHRUNK[1] * (1 + STRETCHED) * side + 1
        np.testing.assert_allclose(photo, 200 / 255, atol=0.01)  # A flat photo goes on around itself.


@pytest.mark.usefixtures("plain")
def test_a_crop_shows_at_least_this_share_of_each_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ZOOMED_OUT", 0.0)
    y, x = np.mgrid[:200, :200].astype(np.uint8)
    ramps = Example(np.dstack([y, x, x]), y, 1.0)
    least = CROPPED[0] * (1 - STRETCHED) * 200
    for seed in range(20):
        photo, _ = changed(seed, ramps)
        for plane in (0, 1):
            assert np.ptp(photo[..., plane]) * 255 >= least - 4


def test_some_samples_are_mirrored_some_zoomed_out_and_some_gray(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"out": 0, "gray": 0}
    zoom = augment._zoomed_out

    def counted(*arguments: Any) -> Any:
        counts["out"] += 1
        return zoom(*arguments)

    monkeypatch.setattr(augment, "_zoomed_out", counted)
    samples = [changed(seed) for seed in range(200)]
    counts["gray"] = sum(np.ptp(photo, axis=2).max() < 1e-3 for photo, _ in samples)
    assert counts["out"] / 200 == pytest.approx(ZOOMED_OUT, abs=0.1)
    assert counts["gray"] / 200 == pytest.approx(augment.GRAY, abs=0.08)
    monkeypatch.setattr(augment, "ZOOMED_OUT", 0.0)
    left = [label[:, : SIZE[1] // 2].sum() > label[:, SIZE[1] // 2 :].sum() for _, label in map(changed, range(100))]
    assert 30 < sum(left) < 70


@pytest.mark.parametrize("make", [lambda: example(1, 1), lambda: example(1, 300), lambda: example(300, 2)])
def test_a_photo_may_be_tiny_or_narrow(make: Callable[[], Example]) -> None:
    for seed in range(8):
        photo, label = changed(seed, make())
        assert photo.shape == (*SIZE, 3) and label.shape == SIZE and np.isfinite(photo).all()


def test_the_example_stays_as_it_is_and_the_generator_decides() -> None:
    one = example()
    one.image.setflags(write=False)
    one.label.setflags(write=False)
    for seed in range(6):
        for found, again in zip(changed(seed, one), changed(seed, one), strict=True):
            np.testing.assert_array_equal(found, again)
    assert not np.array_equal(changed(0, one)[0], changed(1, one)[0])


def test_light_and_color_do_not_move_anything() -> None:
    flat = np.full((*SIZE, 3), (200, 100, 50), np.uint8)
    flat[:10] = 20
    for seed in range(20):
        photo = augment._in_other_light(flat, np.random.default_rng(seed))
        assert (
            len(np.unique(photo[:10].reshape(-1, 3), axis=0)) == len(np.unique(photo[10:].reshape(-1, 3), axis=0)) == 1
        )
        assert photo[:10].mean() < photo[10:].mean()
