"""The targets of a photo: those that a person gives, or the likeliest classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsseg.classifier.categories import Target
from wsseg.graphcut.labels import MOST


def check_apart(targets: Sequence[Target] | None) -> Sequence[Target]:
    """Return the targets; ValueError if one label map cannot hold them all."""
    if not targets or len(targets) > MOST:
        raise ValueError(f"targets must be 1 to {MOST}, got {len(targets or ())}; list only those that the photo shows")
    owners: dict[int, Target] = {}
    for target in targets:
        for index in target.indices:
            if (owner := owners.setdefault(index, target)) is not target:
                raise ValueError(
                    f"targets must have no class in common, got {owner.category!r} and {target.category!r}; drop one"
                )
    return targets


def likeliest(probabilities: NDArray[np.float32], count: int) -> list[int]:
    """Return the indices of the likeliest classes, the likeliest first."""
    indices: list[int] = np.argsort(-probabilities, kind="stable")[:count].tolist()
    return indices
