"""An objectness head: one weight for each channel of a classifier's features."""

import hashlib
import json
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 1_000_000
"""Bytes of a head's file at most."""

LARGEST_WEIGHT: Final = 1e6
"""Magnitude of a weight at most, in a file."""


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
