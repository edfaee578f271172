"""The state of an interrupted learning, in a file beside its output."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wsseg.files.store import replacing
from wsseg.saliency.objectness.augment import Example


class Checkpoint:
    """A file that holds how far a learning has come; it fits this learning only.

    Parameters
    ----------
    path : Path or None
        The file; None keeps nothing.
    settings : mapping
        All that decides the result, fit for JSON.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self._path, self._key = path, hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def read(self) -> dict[str, Any]:
        """Return the state that `write` was last given; empty if there is none.

        Raises
        ------
        ValueError
            If the file is of another learning, or is broken.
        """
        if self._path is None or not self._path.exists():
            return {}
        try:
            state = torch.load(self._path, weights_only=True)
            key = state.pop("key")
        except Exception as error:  # whatever a broken or hostile file provokes in torch
            raise ValueError(f"'{self._path}' must be the state of wsseg adapt, got another file; remove it") from error
        if key != self._key:
            raise ValueError(
                f"'{self._path}' must be of the same photos and settings, got those of another command; "
                "run that one again, or remove the file to start anew"
            )
        return dict(state)

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the state, completely or not at all."""
        if self._path is not None:
            with replacing(self._path) as file:
                torch.save({"key": self._key, **state}, file)

    def remove(self) -> None:
        """Remove the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def stored(examples: Sequence[Example]) -> list[tuple[torch.Tensor, torch.Tensor, float]]:
    """Return examples as `torch.save` takes them."""
    return [(torch.from_numpy(one.image), torch.from_numpy(one.label), one.weight) for one in examples]


def restored(content: Sequence[tuple[torch.Tensor, torch.Tensor, float]]) -> list[Example]:
    """Return the examples that were `stored`."""
    return [Example(np.asarray(image), np.asarray(label), weight) for image, label, weight in content]
