"""The scores in what a network returns, and outputs that are probabilities already."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from small_classifiers import PHOTO, SMALL, Tiny
from torch import nn

from wsseg.classifier.load import load_classifier


@dataclass
class Result:
    logits: torch.Tensor
    attentions: torch.Tensor | None = None


class Wrapped(nn.Module):
    """A trained network of three classes whose output is changed by a function."""

    def __init__(self, change, classes=3, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.network, self.change = Tiny(classes), change

    def forward(self, batch):
        return self.change(self.network(batch))


Named = namedtuple("Named", "logits aux")


def grid(scores):
    return scores[:, :, None, None].expand(-1, -1, 5, 5)


@pytest.mark.parametrize(
    "change",
    [
        Result,
        lambda scores: {"logits": scores, "features": scores * 2},
        lambda scores: OrderedDict(out=scores, aux=grid(scores)),
        lambda scores: (scores, grid(scores)),
        lambda scores: [scores],
        lambda scores: Named(scores, -scores),
    ],
    ids=["object", "logits of a dict", "one entry of a dict", "tuple", "list", "named tuple"],
)
def test_scores_are_found_in_what_networks_return(change):
    plain = load_classifier(Wrapped(lambda scores: scores), preprocessing=SMALL)
    wrapped = load_classifier(Wrapped(change), preprocessing=SMALL)
    assert (wrapped.probabilities(PHOTO) == plain.probabilities(PHOTO)).all()


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda scores: {"a": scores, "b": -scores}, r"got dict with a: \(1, 3\), b: \(1, 3\)"),
        (lambda scores: (grid(scores), scores), r"got tuple with 0: \(1, 3, 5, 5\), 1: \(1, 3\)"),
        (lambda scores: Result(grid(scores)), "got Result"),
        (lambda scores: (), "got tuple"),
        (lambda scores: scores.sum(1), r"got \(1,\)"),
        (lambda scores: 3, "got int"),
    ],
)
def test_outputs_without_clear_scores_are_refused(change, got):
    with pytest.raises(ValueError, match=rf"scores of shape \(1, classes\), {got}; wrap it in a module"):
        load_classifier(Wrapped(change), preprocessing=SMALL)


SOFTMAX = {
    "softmax": lambda scores: scores.softmax(1),
    "its logarithm": lambda scores: scores.log_softmax(1),
    "by hand": lambda scores: scores.exp() / scores.exp().sum(1, keepdim=True),
    "in half precision": lambda scores: scores.half().softmax(1),
    "half, then float": lambda scores: scores.bfloat16().softmax(1).float(),
    "saturated": lambda scores: (1000 * scores).softmax(1),
    "sigmoid and its rest": lambda scores: torch.cat([1 - scores[:, :1].sigmoid(), scores[:, :1].sigmoid()], 1),
}
SIGMOID = {
    "sigmoid": lambda scores: scores.sigmoid(),
    "its logarithm": nn.functional.logsigmoid,
    "by hand": lambda scores: 1 / (1 + (-scores).exp()),
    "clamped": lambda scores: scores.sigmoid().clamp(1e-6, 1 - 1e-6),
    "in half precision": lambda scores: scores.half().sigmoid(),
    "one logit's": lambda scores: (scores[:, :1] - 20).sigmoid(),
}


@pytest.mark.parametrize("change", SOFTMAX.values(), ids=SOFTMAX)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_softmax_is_refused(change, activation):
    with pytest.raises(ValueError, match="un-normalized scores, got probabilities .*; leave the final s[a-z]+ out"):
        load_classifier(Wrapped(change), preprocessing=SMALL, activation=activation)


@pytest.mark.parametrize("change", SIGMOID.values(), ids=SIGMOID)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_sigmoid_is_refused_with_the_activation_that_takes_its_logits(change, activation):
    with pytest.raises(ValueError, match="leave the final sigmoid out and pass activation='sigmoid'"):
        load_classifier(Wrapped(change), preprocessing=SMALL, activation=activation)


@pytest.mark.parametrize("seed", range(20))
def test_scores_that_lie_in_0_to_1_by_chance_are_taken(seed):
    load_classifier(Wrapped(lambda scores: scores, classes=2, seed=seed), preprocessing=SMALL)


@pytest.mark.parametrize("change", [lambda scores: 5 * scores.tanh(), lambda scores: scores / 3 + 2])
def test_bounded_and_scaled_scores_are_taken(change):
    load_classifier(Wrapped(change), preprocessing=SMALL)
