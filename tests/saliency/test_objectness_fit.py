"""Fitting a network to labels: it learns, it may be interrupted, and what should stay as it is stays."""

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from networks import classifier_of
from torch import nn

from wsseg.saliency.objectness import fit
from wsseg.saliency.objectness.augment import Example
from wsseg.saliency.objectness.fit import LAST, WARM_UP, Fit, Plan, loss_of
from wsseg.saliency.objectness.network import ObjectnessNetwork, network_on

SIZE = (32, 32)
DECODER = Plan(steps=40, decoder_rate=1e-2)
BOTH = Plan(steps=12, decoder_rate=1e-3, layer_rate=1e-3, seed=3)


class Net(nn.Module):
    """Stages of strides 4 and 8, with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.fine = nn.Sequential(nn.Conv2d(3, 6, 4, 4), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.deep = nn.Sequential(nn.Conv2d(6, 8, 2, 2), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.deep(self.fine(batch)).mean(dim=(2, 3)))


def network() -> ObjectnessNetwork:
    classifier = classifier_of(Net().eval(), SIZE[0])
    torch.manual_seed(0)
    return network_on(classifier)


@pytest.fixture(scope="module")
def squares() -> list[Example]:
    """Bright squares on a dark background."""
    random = np.random.default_rng(0)
    examples = []
    for _ in range(10):
        image, label = random.integers(0, 60, (40, 48, 3), np.uint8), np.zeros((40, 48), np.uint8)
        y, x = random.integers(4, 16, 2)
        image[y : y + 20, x : x + 20] += 180
        label[y : y + 20, x : x + 20] = 255
        examples.append(Example(image, label, 1.0))
    return examples


def fitted(examples: list[Example], plan: Plan) -> Fit:
    one = Fit(network(), plan, SIZE)
    one.run(examples, range(plan.steps))
    return one


def weights_of(network: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.save({name: one.contiguous() for name, one in network.state_dict().items()}, file)
    return file.getvalue()


def mean_loss(network: ObjectnessNetwork, examples: list[Example]) -> float:
    one = Fit(copy.deepcopy(network), Plan(steps=1, decoder_rate=0.0, seed=9), SIZE)
    photos, labels, _ = one._batch(examples, 0)
    with torch.no_grad():
        odds = network(photos)
    return loss_of(odds, nn.functional.adaptive_avg_pool2d(labels, odds.shape[1:])).mean().item()


class TestLoss:
    def test_it_is_the_mean_cross_entropy_and_one_minus_the_soft_iou(self) -> None:
        random = np.random.default_rng(4)
        odds, targets = random.normal(0, 3, (3, 4, 5)), random.random((3, 4, 5))
        found = loss_of(torch.tensor(odds), torch.tensor(targets))
        for one, target, loss in zip(odds, targets, found.tolist(), strict=True):
            share = 1 / (1 + np.exp(-one))
            entropy = -(target * np.log(share) + (1 - target) * np.log(1 - share)).mean()
            iou = (share * target).sum() / (share + target - share * target).sum()
            assert loss == pytest.approx(entropy + 1 - iou)

    def test_it_is_small_only_where_the_map_is_the_label(self) -> None:
        target = torch.zeros(1, 4, 4)
        target[:, 1:3, 1:3] = 1
        right, wrong = loss_of(40 * (target - 0.5), target), loss_of(40 * (0.5 - target), target)
        assert right.item() < 1e-6 and wrong.item() > 20

    def test_without_an_object_it_is_finite(self) -> None:
        odds = torch.full((1, 4, 4), -200.0, requires_grad=True)
        loss_of(odds, torch.zeros(1, 4, 4)).sum().backward()
        assert odds.grad is not None and odds.grad.isfinite().all()


class TestFit:
    def test_the_loss_falls(self, squares: list[Example]) -> None:
        one = fitted(squares, DECODER)
        before, after = mean_loss(network(), squares), mean_loss(one.averaged, squares)
        assert after < 0.6 * before

    def test_the_decoder_alone_learns_without_a_rate_for_the_layers(self, squares: list[Example]) -> None:
        one = fitted(squares, DECODER)
        assert weights_of(one.averaged.layers) == weights_of(one._network.layers) == weights_of(network().layers)
        assert weights_of(one.averaged.decoder) != weights_of(network().decoder)

    def test_the_finest_layers_and_all_statistics_stay(self, squares: list[Example]) -> None:
        one, start = fitted(squares, BOTH), network().layers.state_dict()
        changed = {
            name for name, tensor in one.averaged.layers.state_dict().items() if not torch.equal(tensor, start[name])
        }
        assert changed == {"deep.0.weight", "deep.0.bias", "deep.1.weight", "deep.1.bias"}

    def test_of_a_single_level_all_layers_learn(self, squares: list[Example]) -> None:
        one = network()
        single = ObjectnessNetwork(one.layers, one.taps[:1], one.preprocessing)
        Fit(single, BOTH, SIZE)
        assert {name for name, each in single.layers.named_parameters() if each.requires_grad} == {
            f"fine.{number}.{kind}" for number in (0, 1) for kind in ("weight", "bias")
        }

    @pytest.mark.parametrize("left", [1, 5, 11])
    def test_an_interrupted_fit_ends_with_the_same_bytes(self, squares: list[Example], left: int) -> None:
        expected = fitted(squares, BOTH)
        first, file = Fit(network(), BOTH, SIZE), io.BytesIO()
        first.run(squares, range(left))
        torch.save(first.state(), file)
        file.seek(0)
        second = Fit(network(), BOTH, SIZE)
        second.resume(torch.load(file, weights_only=True))
        assert second.step == left
        for step in range(left, BOTH.steps):
            second.run(squares, [step])
        assert weights_of(second.averaged) == weights_of(expected.averaged)
        assert weights_of(second._network) == weights_of(expected._network)

    def test_the_seed_decides(self, squares: list[Example]) -> None:
        plans = [Plan(steps=3, decoder_rate=1e-2, seed=seed) for seed in (0, 0, 1)]
        first, again, other = (weights_of(fitted(squares, plan).averaged) for plan in plans)
        assert first == again != other

    def test_the_caller_s_threads_modes_and_random_numbers_do_not_matter(self, squares: list[Example]) -> None:
        plan = Plan(steps=3, decoder_rate=1e-2, layer_rate=1e-3)
        expected = weights_of(fitted(squares, plan).averaged)
        one, threads, random = Fit(network(), plan, SIZE), torch.get_num_threads(), torch.get_rng_state()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                one.run(squares, range(3))
            assert torch.get_num_threads() == 1
        finally:
            torch.set_num_threads(threads)
        assert weights_of(one.averaged) == expected
        assert torch.equal(torch.get_rng_state(), random)

    def test_an_example_without_weight_teaches_nothing(self, squares: list[Example]) -> None:
        plan = Plan(steps=2, decoder_rate=1e-2)
        wrong = [one._replace(label=255 - one.label, weight=0.0) for one in squares]
        before = weights_of(network().decoder)
        assert weights_of(Fit(network(), plan, SIZE).averaged.decoder) == before
        odds = _gradients(wrong, plan)
        assert not any(one.any() for one in odds)

    def test_each_photo_comes_once_before_any_comes_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[float] = []

        def noted(example: Example, size: tuple[int, int], random: np.random.Generator) -> Any:
            seen.append(example.weight)
            return np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)

        monkeypatch.setattr(fit, "augmented", noted)
        image = np.zeros((8, 8, 3), np.uint8)
        examples = [Example(image, image[..., 0], float(number)) for number in range(12)]
        one = Fit(network(), DECODER, SIZE)
        for step in range(3):
            one._batch(examples, step)
        assert sorted(seen[:12]) == sorted(seen[12:]) == list(range(12))
        assert seen[:12] != seen[12:]

    def test_the_average_is_the_network_at_first_and_a_slow_one_later(self, squares: list[Example]) -> None:
        one = Fit(network(), DECODER, SIZE)
        name, expected = "context.bias", network().decoder.context.bias.detach().clone()
        for step in range(4):
            one.run(squares, [step])
            kept = (step + 1) / (step + 10)
            expected = kept * expected + (1 - kept) * one._network.decoder.get_parameter(name).detach()
            torch.testing.assert_close(one.averaged.decoder.get_parameter(name), expected)

    def test_rates_rise_then_fall_to_a_share(self) -> None:
        shares = [fit._share_of_rate(step, 400) for step in range(401)]
        assert shares[0] == pytest.approx(1 / WARM_UP, rel=0.01)
        assert max(shares) == pytest.approx(1, abs=0.02)
        assert shares[WARM_UP:] == sorted(shares[WARM_UP:], reverse=True)
        assert shares[400] == pytest.approx(LAST)


def _gradients(examples: list[Example], plan: Plan) -> list[torch.Tensor]:
    """The gradients of the decoder in a step."""
    one = Fit(network(), plan, SIZE)
    one.run(examples, [0])
    return [each.grad for each in one._network.decoder.parameters() if each.grad is not None]
