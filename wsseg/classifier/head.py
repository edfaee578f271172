"""An objectness head: one weight for each channel of a classifier's features, and its file."""

import hashlib
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from wsseg.files.store import check_new_file, replacing

LARGEST: Final = 1_000_000
"""Maximum size of a head's file, in bytes."""

LARGEST_WEIGHT: Final = 1e6
"""Maximum magnitude of a weight in a file."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a head was learned; it fits the features of this classifier only."""

    classifier: str
    """Name of the classifier."""
    sha256: str | None
    """SHA-256 of the classifier's weights file; None for a module of your own."""
    photos: int
    """Number of photos that the head was learned from."""
    recipe: str
    """Numbers of the recipe that made the masks, as JSON."""
    wsseg: str
    """Version of wsseg."""


@dataclass(frozen=True, eq=False, repr=False)
class Head:
    """A linear score for objectness: one weight per channel of a classifier's features, and a bias.

    Parameters
    ----------
    weights : ndarray of float32, shape (channels,)
        One weight per channel.
    bias : float
        Number added to the weighted sum.
    provenance : Provenance
        How the head was learned.
    """

    weights: NDArray[np.float32]
    """One weight per channel, shape (channels,)."""
    bias: float
    """Number added to the weighted sum."""
    provenance: Provenance
    """How the head was learned."""

    def __repr__(self) -> str:
        made = self.provenance
        return f"Head({len(self.weights)} weights, learned from {made.photos} photos with {made.classifier})"

    def objectness(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute (1 + w.x + b) / 2 at each cell of the features' grid, clipped to [0, 1].

        Parameters
        ----------
        features : ndarray of float32, shape (channels, h, w)
            Features of one photo, as `wsseg.saliency.features_of` returns them.

        Returns
        -------
        ndarray of float32, shape (h, w)
            Objectness in [0, 1]; 0.5 is undecided.

        Raises
        ------
        ValueError
            If the head has another number of channels than the features.
        """
        if len(features) != len(self.weights):
            raise ValueError(
                f"head must have a weight for each of {len(features)} channels, got {len(self.weights)}; "
                "learn one for this classifier with wsseg adapt"
            )
        score = np.tensordot(self.weights, features, 1) + np.float32(self.bias)
        return np.asarray(((1 + score) / 2).clip(0, 1), np.float32)

    @property
    def digest(self) -> str:
        """SHA-256 of the head's file."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    def as_json(self) -> str:
        """Return the text of the file that `read_head` reads: a few kilobytes, five digits of each weight."""
        weights = [float(f"{weight:.5g}") for weight in self.weights.tolist()]
        provenance = msgspec.structs.asdict(self.provenance)
        content = {"provenance": provenance, "bias": float(f"{self.bias:.5g}"), "weights": weights}
        return json.dumps(content, indent=1) + "\n"

    def save(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write the file that `read_head` reads, completely or not at all.

        Parameters
        ----------
        path : str or path-like
            File to write. Missing folders are created.
        force : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        FileExistsError
            If the path is a folder, or is a file and `force` is not set.
        OSError
            If the file cannot be written.
        """
        check_new_file(Path(path), force=force)
        with replacing(Path(path)) as file:
            file.write(self.as_json().encode())


_Number = Annotated[float, Meta(ge=-LARGEST_WEIGHT, le=LARGEST_WEIGHT)]


class _HeadFile(msgspec.Struct):
    """The content of a head's file."""

    provenance: Provenance
    bias: _Number
    weights: Annotated[list[_Number], Meta(min_length=1)]


def read_head(path: str | PathLike[str]) -> Head:
    """Read a head from the file that `wsseg adapt` or `Head.save` wrote.

    Parameters
    ----------
    path : str or path-like
        The file, of at most 1 MB.

    Returns
    -------
    Head
        The head. Add it to its classifier with `Classifier.with_head`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file holds no head, or weights that are not finite or larger than a million.

    Examples
    --------
    >>> wsseg.load_classifier().head.save("head.json")
    >>> wsseg.read_head("head.json")
    Head(112 weights, learned from 985 photos with efficientnet_lite0)
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"head must be a file that wsseg adapt made, got '{path}', which is no file; "
            "check its spelling or make one with wsseg adapt"
        )
    try:
        with Path(path).open("rb") as file:
            content = msgspec.json.decode(file.read(LARGEST), type=_HeadFile)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(
            f"head must be a file that wsseg adapt made, got '{path}' ({error}); make it again with wsseg adapt"
        ) from error
    return Head(np.array(content.weights, np.float32), content.bias, content.provenance)
