"""What the maps are of: one number that says how much speaks for the target."""

import torch

from wsseg.classifier.categories import Target


def score_of(scores: torch.Tensor, target: Target) -> torch.Tensor:
    """The target's score for each of (n, classes) un-normalized ones, shape (n,).

    Of one class it is the class's own; of several it is ln sum exp of theirs, the un-normalized log-probability that
    any is right; of weighted ones it is their weighted sum.
    """
    of_target = scores[:, list(target.indices)]
    if target.weights is None:
        return of_target.logsumexp(dim=1)
    return (of_target * of_target.new_tensor(target.weights)).sum(dim=1)
