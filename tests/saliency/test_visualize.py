"""The picture of a class: a known maximum, slow versions, and a network that recognizes its picture."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import classifier_of, flattening_net, pooling_net
from torch import nn

from wsseg.classifier.categories import Target
from wsseg.classifier.load import load_classifier
from wsseg.files.photos import read_image
from wsseg.saliency import score_gradient, visualize_class
from wsseg.saliency.score import score_of
from wsseg.saliency.visualize import Visualization, _coarsened, visualize

SIDE = 12


class Linear(nn.Module):
    """A network with two scores: the input's products with a wave and with its opposite."""

    def __init__(self) -> None:
        super().__init__()
        wave = torch.sin(torch.arange(SIDE) * 2 * torch.pi / SIDE).expand(3, SIDE, SIDE)
        self.weight = nn.Parameter(torch.stack([wave, -wave]))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nchw,kchw->nk", batch, self.weight)


def test_a_linear_network_has_its_weights_over_twice_the_decay_as_picture() -> None:
    """argmax of w x - decay x^2 is w / (2 decay), in units where the preprocessing's std is .25 around .5."""
    model = Linear()
    picture = visualize_class(classifier_of(model, SIDE), 0, steps=60, rate=0.02, decay=0.5, jitter=0)
    expected = (model.weight[0].detach() * 0.25 + 0.5) * 255
    assert np.abs(picture - expected.permute(1, 2, 0).numpy()).max() < 0.02 * 2**0.5 * 0.25 * 255 + 1


def test_one_step_has_its_length_along_the_coarsened_slope() -> None:
    classifier = classifier_of(flattening_net(SIDE), SIDE)
    slope = _coarsened(score_gradient(classifier, torch.zeros(1, 3, SIDE, SIDE), Target((2,), "")))
    step = 0.3 * slope / slope.square().mean().sqrt()
    assert np.array_equal(visualize_class(classifier, 2, steps=1, rate=0.3, jitter=0), classifier.deprocess(step))


def test_a_wave_of_half_the_length_counts_a_quarter() -> None:
    x = torch.arange(16) * 2 * torch.pi / 16
    slow, fast = (torch.sin(waves * x).expand(1, 3, 10, 16) for waves in (1, 2))
    torch.testing.assert_close(_coarsened(slow + fast), 256 * slow + 64 * fast)


@pytest.mark.parametrize("wanted", [0, "class 1", Target((0, 2), "both")])
def test_the_score_of_the_class_grows(wanted: int | str | Target) -> None:
    classifier = classifier_of(pooling_net(), SIDE, SIDE + 3)
    target = wanted if isinstance(wanted, Target) else classifier.categories.resolve(wanted)
    picture = visualize_class(classifier, wanted, steps=20, jitter=2)
    assert (picture.shape, picture.dtype) == ((SIDE, SIDE + 3, 3), np.uint8)
    with torch.no_grad():
        scores = [classifier.scores(classifier.preprocess(one)) for one in (np.full_like(picture, 128), picture)]
    grey, found = (score_of(one, target).item() for one in scores)
    assert found > grey


def test_the_same_state_makes_the_same_picture_and_keeps_torch_s_state() -> None:
    classifier = classifier_of(flattening_net(SIDE), SIDE)
    before = torch.get_rng_state()
    first, again, other = (visualize_class(classifier, 0, steps=5, jitter=4, random_state=state) for state in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_network_comes_back_as_it_was_given() -> None:
    model = flattening_net(SIDE).train()
    visualize_class(classifier_of(model, SIDE), 0, steps=2)
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_a_network_without_slope_leaves_the_mean() -> None:
    model = flattening_net(SIDE)
    with torch.no_grad():
        model[-1].weight.zero_()
    assert (visualize_class(classifier_of(model, SIDE), 0, steps=3) == 128).all()


def test_track_goes_through_the_steps() -> None:
    seen: list[int] = []

    def track(steps: Sequence[int]) -> Iterable[int]:
        return (seen.append(step) or step for step in steps)  # type: ignore[func-returns-value]  # It returns None on purpose.

    visualize_class(classifier_of(pooling_net(), SIDE), 0, steps=4, track=track)
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"jitter": -1}, "jitter must not be negative, got -1"),
        ({"rate": 0.0}, "rate must be positive"),
        ({"rate": float("nan")}, "rate must be positive"),
        ({"decay": -1.0}, "decay at least 0"),
        ({"decay": float("inf")}, "decay at least 0"),
        ({"random_state": -1}, "random_state must lie"),
        ({"random_state": 2**64}, "random_state must lie"),
    ],
)
def test_numbers_out_of_range_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        visualize_class(classifier_of(pooling_net(), SIDE), 0, **given)  # type: ignore[arg-type]  # By their names.


def test_one_call_makes_the_picture_and_its_probability() -> None:
    classifier = classifier_of(pooling_net(), SIDE)
    found = visualize("class 1|class 2", classifier=classifier, steps=3, random_state=1)
    assert np.array_equal(found.picture, visualize_class(classifier, "class 1|class 2", steps=3, random_state=1))
    assert found.target == Target((1, 2), "class 1|class 2")
    assert found.probability == pytest.approx(classifier.probabilities(found.picture)[[1, 2]].sum())


def test_numbers_are_checked_before_the_classifier_is_loaded() -> None:
    for numbers in ({"steps": 0}, {"random_state": -1}):
        with pytest.raises(ValueError, match=f"^{next(iter(numbers))} must"):
            visualize("lemon", classifier="no such network", **numbers)


def drawn(category: str = "lemon") -> Visualization:
    return Visualization(np.full((8, 9, 3), 128, np.uint8), Target((0,), category), 0.987)


def test_its_repr_is_one_short_line() -> None:
    assert repr(drawn()) == "Visualization(lemon, probability 0.99, picture 9 x 8)"


@pytest.mark.parametrize("name", ["a.png", "b.WEBP", "new/c.jpg"])
def test_it_is_saved_in_the_format_of_the_suffix(name: str, tmp_path: Path) -> None:
    drawn().save(tmp_path / name)
    assert np.abs(read_image(tmp_path / name).astype(int) - 128).max() <= 1


def test_other_suffixes_and_existing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"^out must end in \.png, .*, got '.*mine\.gif'; choose"):
        drawn().save(tmp_path / "mine.gif")
    for taken in (tmp_path / "mine.png", tmp_path / "folder.png"):
        (tmp_path / "folder.png").mkdir(exist_ok=True)
        with pytest.raises(FileExistsError, match=f"^out must be a new file, got '{taken}'"):
            drawn().save(taken)
    assert (tmp_path / "mine.png").read_bytes() == b"mine"
    drawn().save(tmp_path / "mine.png", force=True)
    assert read_image(tmp_path / "mine.png").shape == (8, 9, 3)


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ValueError, match="class 9"):
        visualize_class(classifier_of(pooling_net(), SIDE), "class 9")


@pytest.mark.slow
def test_the_embedded_network_recognizes_its_lemon() -> None:
    classifier = load_classifier()
    target = classifier.categories.resolve("lemon")
    assert classifier.probabilities(visualize_class(classifier, target))[list(target.indices)].sum() > 0.9
