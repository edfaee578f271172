"""Fitting a network to labels: AdamW (Loshchilov, Hutter 2019, arXiv 1711.05101), and the average of its weights.

The loss of a photo is the mean binary cross-entropy of its cells plus 1 - the soft IoU. What is kept is not the last
network but a moving average of all (Tarvainen, Valpola 2017, arXiv 1703.01780), which forgets the errors of single
labels. The same examples and seed give the same network on one type of machine, also if the fit is interrupted.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from wsseg.classifier.modes import reproducible
from wsseg.saliency.objectness.augment import Example, augmented
from wsseg.saliency.objectness.network import ObjectnessNetwork

BATCH: Final = 8
"""Photos per step."""

SIDE: Final = 256
"""Side of the samples, in pixels, for a network that takes inputs of any size."""

DECAY: Final = 0.99
"""Share of the average that one step keeps, once there were many."""

WARM_UP: Final = 30
"""Steps in which the rates rise to their values; then they fall to `LAST` of them, along a cosine."""

LAST: Final = 0.05

WEIGHT_DECAY: Final = 1e-4

LONGEST: Final = 1.0
"""Norm of a step's gradient, at most."""

THREADS: Final = 2
"""Threads of torch. It is fixed because sums depend on it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of one fit."""

    steps: int
    """Number of steps, each over `BATCH` photos."""
    decoder_rate: float
    """Learning rate of the decoder."""
    layer_rate: float = 0.0
    """Learning rate of the classifier's layers behind the finest level; 0 leaves all of them as they are."""
    seed: int = 0
    """Seed of the order of the photos and of their changes."""


class Fit:
    """A network that is being fitted; `state` and `resume` interrupt it.

    Parameters
    ----------
    network : ObjectnessNetwork
        Network to start from. It is changed.
    plan : Plan
        Numbers of the fit.
    size : tuple of int
        Height and width of the samples, in pixels.
    """

    def __init__(self, network: ObjectnessNetwork, plan: Plan, size: tuple[int, int]) -> None:
        self.averaged = copy.deepcopy(network).requires_grad_(False).eval()
        self.step = 0
        self._network, self._plan, self._size = network, plan, size
        self._optimizer = torch.optim.AdamW(
            [
                {"params": list(network.decoder.parameters()), "rate": plan.decoder_rate},
                {"params": _layers_to_learn(network, plan), "rate": plan.layer_rate},
            ],
            weight_decay=WEIGHT_DECAY,
        )

    def run(self, examples: Sequence[Example], steps: Iterable[int]) -> None:
        """Do these steps, whose numbers follow each other."""
        with reproducible(), torch.inference_mode(False), torch.enable_grad():
            torch.set_num_threads(THREADS)
            self._network.train()
            for step in steps:
                self._learn(self._batch(examples, step))
                self.step = step + 1

    def state(self) -> dict[str, Any]:
        """Return what `resume` needs: tensors and numbers."""
        return {
            "step": self.step,
            "network": self._network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.step = state["step"]
        self._network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _batch(self, examples: Sequence[Example], step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The photos, labels and weights of a step; the photos come in a new order each time all were seen."""
        numbers = [divmod(step * BATCH + place, len(examples)) for place in range(BATCH)]
        orders = {
            turn: np.random.default_rng((self._plan.seed, turn)).permutation(len(examples)) for turn, _ in numbers
        }
        chosen = [examples[orders[turn][number]] for turn, number in numbers]
        random = np.random.default_rng((self._plan.seed, step, BATCH))
        photos, labels = zip(*(augmented(one, self._size, random) for one in chosen), strict=True)
        weights = torch.tensor([one.weight for one in chosen], dtype=torch.float32)
        return torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(labels)), weights

    def _learn(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
        photos, labels, weights = batch
        share = _share_of_rate(self.step, self._plan.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = share * group["rate"]
        odds = self._network(photos)
        targets = functional.interpolate(labels[:, None], odds.shape[1:], mode="area")[:, 0]
        self._optimizer.zero_grad()
        torch.autograd.backward((weights * loss_of(odds, targets)).mean())
        nn.utils.clip_grad_norm_([one for group in self._optimizer.param_groups for one in group["params"]], LONGEST)
        self._optimizer.step()
        kept = min(DECAY, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, latest in zip(self.averaged.parameters(), self._network.parameters(), strict=True):
                mean.lerp_(latest, 1 - kept)


def loss_of(odds: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Compute the loss of each photo.

    Parameters
    ----------
    odds : torch.Tensor of float32, shape (n, h, w)
        Log-odds of objects.
    targets : torch.Tensor of float32, shape (n, h, w)
        Share of the object in each cell.

    Returns
    -------
    torch.Tensor of float32, shape (n,)
        Mean binary cross-entropy + 1 - soft IoU.
    """
    entropy = functional.binary_cross_entropy_with_logits(odds, targets, reduction="none").mean(dim=(1, 2))
    found = odds.sigmoid()
    both = (found * targets).sum(dim=(1, 2))
    either = (found + targets - found * targets).sum(dim=(1, 2))
    return entropy + 1 - both / either.clamp(min=torch.finfo(torch.float32).tiny)


def _share_of_rate(step: int, steps: int) -> float:
    """The share of its value that a rate has at a step."""
    cosine = (1 + math.cos(math.pi * step / steps)) / 2
    return min(1, (step + 1) / WARM_UP) * (LAST + (1 - LAST) * cosine)


def _layers_to_learn(network: ObjectnessNetwork, plan: Plan) -> list[nn.Parameter]:
    """The parameters of the layers that learn: those behind the finest level and up to the coarsest.

    The finest ones see edges and colors, which are the same for all objects; leaving them makes a step 1.4 times as
    fast.
    """
    network.requires_grad_(False).decoder.requires_grad_(True)
    if not plan.layer_rate:
        return []
    learning = network.parameters_up_to(network.taps)
    kept = network.parameters_up_to(network.taps[:1]) if len(network.taps) > 1 else {}
    parameters = dict.fromkeys(one for name, one in learning.items() if name not in kept)
    for parameter in parameters:
        parameter.requires_grad_(True)
    return list(parameters)
