"""The target's score: the one number that saliency maps explain."""

import torch

from wsseg.classifier.categories import Target


def score_of(scores: torch.Tensor, target: Target) -> torch.Tensor:
    """Compute the target's score.

    Parameters
    ----------
    scores : torch.Tensor, shape (n, classes)
        Un-normalized class scores.
    target : Target
        One class or several.

    Returns
    -------
    torch.Tensor, shape (n,)
        For one class its own score; for several ln sum exp of their scores, the un-normalized log-probability that any
        of them is right; for weighted classes the weighted sum of their scores.
    """
    of_target = scores[:, list(target.indices)]
    if target.given:
        return of_target.logsumexp(dim=1)
    return (of_target * of_target.new_tensor(target.weights)).sum(dim=1)
