"""What tells object from background by a frozen network's features: one linear head, learned without a person's mask.

The head is fitted to the masks that a recipe made of photos nobody labelled, as FOUND does with its own (Simeoni,
Sekkat, Puy, Vobecky, Zablocki, Perez 2023, arXiv 2212.07834), by least squares, which for two labels is Fisher's linear
discriminant. What single masks get wrong differs from photo to photo; what they share is what objects look like.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 1_000_000
"""Bytes of a head's file at most."""

LARGEST_WEIGHT: Final = 1e6
"""Magnitude of a weight at most, in a file."""

RIDGE: Final = 0.01
"""Weight of the penalty on each squared weight, per mean square of its channel; .001 and .1 were as good."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a head was learned with: it fits the features of no other network."""

    classifier: str
    sha256: str | None
    """Of the classifier's weights; None for a module of one's own."""
    photos: int
    recipe: str
    """What made the masks: the recipe's numbers, as text."""
    wsseg: str
    """The version."""


@dataclass(frozen=True, eq=False)
class Head:
    """One weight per channel, and a bias."""

    weights: NDArray[np.float32]
    """(channels,)"""
    bias: float
    provenance: Provenance

    def objectness(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(1 + w.x + b) / 2 at each place of (channels, h, w) features, clipped to [0, 1]; .5 is undecided."""
        if len(features) != len(self.weights):
            raise ValueError(
                f"head must have a weight for each of {len(features)} channels, got {len(self.weights)}; "
                "learn one for this classifier with wsseg adapt"
            )
        leaning = np.tensordot(self.weights, features, 1) + np.float32(self.bias)
        return np.asarray(((1 + leaning) / 2).clip(0, 1), np.float32)

    @property
    def digest(self) -> str:
        """The SHA-256 of its file."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    def as_json(self) -> str:
        """The text of the file that `read_head` reads: some kilobytes, with five digits of each weight."""
        weights = [float(f"{weight:.5g}") for weight in self.weights.tolist()]
        content = {"provenance": asdict(self.provenance), "bias": float(f"{self.bias:.5g}"), "weights": weights}
        return json.dumps(content, indent=1) + "\n"


class HeadFit:
    """The sums that a head is the solution of: their memory does not grow with the photos."""

    def __init__(self) -> None:
        self.photos = 0
        self._moments: NDArray[np.float64] = np.zeros(())
        self._products: NDArray[np.float64] = np.zeros(())

    def add(self, features: NDArray[np.float32], cover: NDArray[np.float32], *, weight: float = 1.0) -> None:
        """One photo: (channels, h, w) features, and the share of each place that its mask covers, (h, w)."""
        places = features.reshape(len(features), -1).astype(np.float64)
        places = np.vstack([places, np.ones(places.shape[1])])
        weight /= places.shape[1]
        self._moments = self._moments + weight * places @ places.T
        self._products = self._products + weight * places @ (2 * cover.ravel() - 1)
        self.photos += 1

    def solved(self) -> tuple[NDArray[np.float32], float]:
        """The weights and the bias; ValueError without photos."""
        if not self.photos:
            raise ValueError("photos must give at least one mask to learn from, got none; add photos that show objects")
        squares = self._moments.diagonal().copy()
        # A channel that is zero in every photo would make the system singular.
        penalty = RIDGE * np.maximum(squares, np.finfo(np.float64).tiny ** 0.5)
        penalty[-1] = 0
        solution = np.linalg.solve(self._moments + np.diag(penalty), self._products)
        if not np.isfinite(solution).all():
            raise ValueError("features must be finite, got NaN or infinity; the classifier overflows on some photo")
        return solution[:-1].astype(np.float32), float(solution[-1])


def blended(coarse: NDArray[np.float32], objectness: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """A map at any size, divided by its maximum, with that share of a head's in it: float32 in [0, 1]."""
    height, width = coarse.shape
    other = cv2.resize(objectness, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray((1 - share) * coarse / max(coarse.max(), np.finfo(np.float32).tiny) + share * other, np.float32)


def read_head(path: str | PathLike[str]) -> Head:
    """The head of a file that `wsseg adapt` made; ValueError names a file that is none."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"head must be a file that wsseg adapt made, got {path}, which is none; learn one")
    try:
        with Path(path).open("rb") as file:
            content = json.loads(file.read(LARGEST))
        return _head_from(content)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"head must be a file that wsseg adapt made, got {path}: {error!r}; learn it anew") from error


def _head_from(content: Any) -> Head:
    weights, bias = content["weights"], content["bias"]
    if not isinstance(weights, list) or not weights or not all(map(_is_number, [*weights, bias])):
        raise ValueError(f"its weights and bias must be numbers up to {LARGEST_WEIGHT:g}")
    provenance = Provenance(**content["provenance"])
    if not all(isinstance(value, str | int | None) for value in asdict(provenance).values()):
        raise ValueError("its provenance must be text and numbers")
    return Head(np.array(weights, np.float32), float(bias), provenance)


def _is_number(value: object) -> bool:
    # A bool is an int to Python; NaN is less than nothing.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_WEIGHT
