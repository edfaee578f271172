"""The digest of a classifier of one's own: it changes with all that decides the probabilities, and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import wsseg
from wsseg.classifier.own_digest import digest_of_own


class Net(nn.Module):
    """A network with weights of two types, and a buffer that is not saved."""

    def __init__(self, *, slope: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(slope), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.linear = nn.Linear(4, 2)
        self.act = torch.relu
        self.register_buffer("scale", torch.ones(2, dtype=torch.bfloat16), persistent=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.linear(self.layers(inputs))
        return scores * self.scale


def own(*, slope: float = 0.1) -> wsseg.Classifier:
    torch.manual_seed(0)
    small = wsseg.Preprocessing((9, 9), (0.5,) * 3, (0.5,) * 3)
    return wsseg.load_classifier(Net(slope=slope), categories=["a", "b"], preprocessing=small)


def test_equal_networks_have_one_digest_which_stays() -> None:
    first = own()
    digest = digest_of_own(first)
    first.probabilities(np.zeros((5, 6, 3), np.uint8))
    assert digest_of_own(first) == digest == digest_of_own(own()) and len(digest) == 64


def nudge(made: Net) -> None:
    with torch.no_grad():
        made.linear.bias[1] += 1e-6


def rescale(made: Net) -> None:
    made.get_buffer("scale").mul_(2)


def halve(made: Net) -> None:
    made.layers.half()


@pytest.mark.parametrize("change", [nudge, rescale, halve])
def test_another_state_has_another_digest(change: Callable[[Net], None]) -> None:
    made = own()
    before = digest_of_own(made)
    assert isinstance(made.model, Net)
    change(made.model)
    assert digest_of_own(made) != before


def test_other_layers_names_and_preprocessing_have_another_digest() -> None:
    made = own()
    others = [
        own(slope=0.2),
        replace(made, categories=wsseg.Categories(("a", "c"))),
        replace(made, preprocessing=replace(made.preprocessing, size=(9, 10))),
        replace(made, activation="sigmoid"),
    ]
    assert len({digest_of_own(each) for each in [made, *others]}) == 5


def test_a_state_that_cannot_be_read_never_has_the_same_digest() -> None:
    made = own()
    made.model.register_buffer("links", torch.eye(2).to_sparse())
    assert digest_of_own(made) != digest_of_own(made)
