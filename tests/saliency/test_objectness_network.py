"""The layers of a classifier with a decoder: which layers it reads, what of the network runs, and what it leaves."""

from collections.abc import Callable
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
import torch
import torchvision
from networks import classifier_of
from torch import nn

from wsseg.classifier.classifier import Classifier
from wsseg.classifier.modes import reproducible
from wsseg.recipe import RecipeError
from wsseg.saliency.objectness.network import BLOCKS, WIDTH, ObjectnessNetwork, Tap, network_on, taps_of


class Pyramid(nn.Module):
    """Stages of strides 2 to 32, each with batch norm and an in-place ReLU, and a head that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        counts = (3, 4, 5, 6, 7, 8)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU(inplace=True))
                for before, after in pairwise(counts)
            )
        )
        self.head, self.calls = nn.Linear(8, 3), 0

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features = self.stages(batch)
        self.calls += 1
        return self.head(features.mean(dim=(2, 3)))


class Attending(nn.Module):
    """Attention, which reads the weights of its last layer without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.norm(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])


class Tokens(nn.Module):
    """A small vision transformer with a class token."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.first, self.places = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 17, 8))
        self.blocks, self.head = nn.Sequential(Attending(), Attending()), nn.Linear(8, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(batch).flatten(2).transpose(1, 2)
        tokens = self.blocks(torch.cat([self.first.expand(len(tokens), -1, -1), tokens], dim=1) + self.places)
        return self.head(tokens[:, 0] + tokens.mean(dim=1))


class ChannelsLast(nn.Module):
    """A network whose grid has its channels in the last axis."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.patches, self.head = nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 3)
        self.mixed = nn.Sequential(nn.Linear(6, 48), nn.Linear(48, 6))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.mixed(self.patches(batch).permute(0, 2, 3, 1)).mean(dim=(1, 2)))


def photos(height: int, width: int | None = None, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, height, width or height, generator=torch.Generator().manual_seed(8))


def built(model: nn.Module, side: int = 64) -> tuple[Classifier, ObjectnessNetwork]:
    torch.manual_seed(0)
    classifier = classifier_of(model.eval(), side)
    return classifier, network_on(classifier).eval()


class TestTaps:
    def test_they_are_the_coarsest_four_sizes_from_four_pixels_a_cell(self) -> None:
        taps = taps_of(classifier_of(Pyramid().eval(), 64))
        assert [(tap.channels, tap.stride) for tap in taps] == [(5, 4), (6, 8), (7, 16), (8, 32)]
        assert [tap.name for tap in taps] == ["stages.1", "stages.2", "stages.3", "stages"]

    def test_the_outermost_layer_counts_then_the_one_with_most_weights_then_the_last(self) -> None:
        def names_of(*layers: nn.Module) -> list[str]:
            model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
            return [tap.name for tap in taps_of(classifier_of(model.eval(), 16))]

        patches, wide, conv = nn.Conv2d(3, 4, 4, 4), nn.Conv2d(3, 4, 8, 4, 2), nn.Conv2d(4, 4, 5, padding=2)
        assert names_of(patches, nn.Sequential(conv, conv), nn.ReLU()) == ["1"]
        assert names_of(wide, conv, nn.ReLU()) == ["0"]
        assert names_of(patches, conv, nn.Conv2d(4, 4, 5, padding=2), nn.ReLU()) == ["2"]

    def test_of_a_network_that_is_finer_than_four_pixels_the_coarsest_size_counts(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
        assert taps_of(classifier_of(model, 16)) == [Tap("0", 4, 2.0)]

    @pytest.mark.parametrize(
        ("make", "channels"),
        [
            (lambda: torchvision.models.resnet18(weights=None), [64, 128, 256, 512]),
            (lambda: torchvision.models.vgg11(weights=None, init_weights=False), [256, 512, 512, 512]),
            (lambda: torchvision.models.squeezenet1_1(weights=None), [128, 256, 512]),
        ],
        ids=["resnet", "vgg", "squeezenet"],
    )
    def test_of_known_networks_they_are_the_ends_of_stages(
        self, make: Callable[[], nn.Module], channels: list[int]
    ) -> None:
        taps = taps_of(classifier_of(make().eval(), 64))
        assert [tap.stride for tap in taps] == sorted(tap.stride for tap in taps)
        assert [tap.channels for tap in taps] == channels

    def test_a_network_without_a_grid_is_refused(self) -> None:
        model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3)).eval()
        with pytest.raises(RecipeError, match="^classifier must have layers that give a grid"):
            network_on(classifier_of(model, 16))


class TestNetwork:
    @pytest.mark.parametrize(
        ("make", "size", "grid"),
        [
            (Pyramid, (64, 64), (16, 16)),
            (Pyramid, (64, 96), (16, 24)),
            (lambda: torchvision.models.resnet18(weights=None), (64, 64), (16, 16)),
            (Tokens, (16, 16), (4, 4)),
            (ChannelsLast, (16, 16), (4, 4)),
            (ChannelsLast, (24, 8), (6, 2)),
        ],
        ids=["plain", "wide", "resnet", "tokens", "channels last", "as many rows as channels"],
    )
    def test_it_gives_the_log_odds_of_each_cell_of_the_finest_level(
        self, make: Callable[[], nn.Module], size: tuple[int, int], grid: tuple[int, int]
    ) -> None:
        _, network = built(make(), size[0] if make is not ChannelsLast else 16)
        with torch.no_grad():
            odds = network(photos(*size))
        assert odds.shape == (2, *grid) and odds.isfinite().all() and odds.std() > 0

    def test_levels_are_the_classifier_s_features_of_the_normalized_photo(self) -> None:
        model = Pyramid().eval()
        _, network = built(model)
        seen: list[Any] = []
        network.decoder.register_forward_pre_hook(lambda _module, inputs: seen.extend(inputs[0]))
        with torch.no_grad():
            network(photos(64))
            expected = (photos(64) - 0.5) / 0.25
            for number, stage in enumerate(model.stages):
                expected = stage(expected)
                if number:
                    torch.testing.assert_close(seen[number - 1], expected)

    @pytest.mark.parametrize(
        ("make", "name", "size"),
        [(Tokens, "blocks", (16, 16)), (ChannelsLast, "mixed", (16, 16)), (ChannelsLast, "mixed", (24, 8))],
    )
    def test_levels_lie_over_the_photo_in_any_layout(
        self, make: Callable[[], nn.Module], name: str, size: tuple[int, int]
    ) -> None:
        """A grid with its channels last may have as many rows as channels."""
        model = make().eval()
        _, network = built(model, 16)
        assert [tap.name for tap in network.taps] == [name]
        seen: list[Any] = []
        network.decoder.register_forward_pre_hook(lambda _module, inputs: seen.extend(inputs[0]))
        model.get_submodule(name).register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        with torch.no_grad():
            network(photos(*size))
            model((photos(*size) - 0.5) / 0.25)
        level, output = seen
        cells = output[:, 1:] if make is Tokens else output.flatten(1, 2)
        torch.testing.assert_close(level.flatten(2).transpose(1, 2), cells)

    def test_all_parameters_of_the_decoder_count(self) -> None:
        _, network = built(Pyramid())
        network(photos(96)).square().sum().backward()
        for name, parameter in network.decoder.named_parameters():
            assert parameter.grad is not None and parameter.grad.any(), name

    def test_the_head_never_runs(self) -> None:
        _, network = built(Pyramid())
        network.layers.calls = 0
        with torch.no_grad():
            network(photos(64))
        assert network.layers.calls == 0

    def test_no_hook_is_left_on_the_layers_after_an_error_either(self) -> None:
        _, network = built(Pyramid())
        for batch in (photos(64), torch.rand(1, 4, 64, 64)):
            try:
                network(batch)
            except RuntimeError:
                assert batch.shape[1] == 4
            network.used_tensors()
            assert not any(one._forward_hooks or one._forward_pre_hooks for one in network.layers.modules())
        with pytest.raises(AttributeError):
            network._outputs(photos(64), [*network.taps, Tap("nowhere", 1, 1)])
        assert not any(one._forward_hooks for one in network.layers.modules())

    def test_training_leaves_the_statistics_of_the_layers_alone(self) -> None:
        _, network = built(Pyramid())
        before = {name: one.clone() for name, one in network.layers.state_dict().items()}
        network.train()
        assert network.decoder.training and not any(one.training for one in network.layers.modules())
        network(photos(64))
        for name, one in network.layers.state_dict().items():
            assert torch.equal(one, before[name])

    def test_the_classifier_comes_back_unchanged(self) -> None:
        model = Pyramid()  # In training mode, as it comes.
        before = {name: one.clone() for name, one in model.state_dict().items()}
        classifier = classifier_of(model, 64)
        modes = [one.training for one in classifier.model.modules()]
        network = network_on(classifier)
        with torch.no_grad():
            for one in network.parameters():
                one.add_(1)
        assert [one.training for one in classifier.model.modules()] == modes
        assert all(one.requires_grad for one in model.parameters())
        assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


class TestUsedTensors:
    def test_the_head_is_none_of_them(self) -> None:
        _, network = built(Pyramid())
        used = network.used_tensors()
        layers = {name for name in used if name.startswith("layers.")}
        kinds = {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"}
        assert layers == {f"layers.stages.{stage}.{kind}" for stage in range(5) for kind in kinds}
        blocks = {name for name in used if name.startswith("decoder.refined.")}
        assert len(blocks) == 4 * BLOCKS * 5 and used["decoder.context.weight"].shape == (WIDTH, WIDTH)

    def test_they_are_all_that_the_map_depends_on(self) -> None:
        for model, side in ((Pyramid(), 64), (Tokens(), 16)):
            classifier, network = built(model, side)
            with torch.no_grad():
                expected = network(photos(side))
                other = network_on(classifier).eval()
                for one in (
                    *other.parameters(),
                    *(b for b in other.buffers() if b.is_floating_point() and b.ndim == 1),
                ):
                    one.fill_(float("nan"))
                other.load_state_dict(network.used_tensors(), strict=False)
                assert torch.equal(other(photos(side)), expected)

    def test_asking_changes_no_parameter_s_flag(self) -> None:
        _, network = built(Pyramid())
        network.requires_grad_(False)
        network.layers.stages[2].requires_grad_(True)
        before = [one.requires_grad for one in network.parameters()]
        with torch.inference_mode():
            network.used_tensors()
        assert [one.requires_grad for one in network.parameters()] == before

    def test_asking_waits_for_a_pass_of_another_thread(self) -> None:
        _, network = built(Pyramid())
        asked = Thread(target=network.used_tensors)
        with reproducible():
            asked.start()
            asked.join(0.2)
            assert asked.is_alive()
            assert not any(one._forward_hooks for one in network.layers.modules())
        asked.join()

    def test_a_coarse_level_needs_what_the_finest_does_not(self) -> None:
        _, network = built(Pyramid())
        finest, every = network.parameters_up_to(network.taps[:1]), network.parameters_up_to(network.taps)
        assert {name.split(".")[1] for name in finest} == {"0", "1"}
        assert {name.split(".")[1] for name in every} == {"0", "1", "2", "3", "4"}

    def test_a_network_without_weights_has_none(self) -> None:
        model = nn.Sequential(nn.AvgPool2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)).eval()
        _, network = built(model, 16)
        assert not [name for name in network.used_tensors() if name.startswith("layers.")]
