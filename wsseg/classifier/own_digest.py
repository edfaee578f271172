"""The digest of a classifier of one's own, which shows whether earlier results were made with it."""

import hashlib
import re
import uuid

import torch

from wsseg.classifier.classifier import Classifier


def digest_of_own(classifier: Classifier) -> str:
    """Return the SHA-256 of all that decides the probabilities, except for the network's code and plain attributes.

    It covers the names, types, shapes and bytes of the state, the modules as they print, the names of the classes, the
    preprocessing and the activation. A state whose bytes cannot be read has a new digest each time.
    """
    model, names = classifier.model, classifier.categories.names
    layers = re.sub(r"0x[0-9a-f]+", "", repr(model))  # Without addresses in memory.
    parts = (layers, names, classifier.preprocessing, classifier.activation)
    digest = hashlib.sha256(repr(parts).encode())
    # The buffers again, since some are not part of the state that is saved.
    for name, value in {**model.state_dict(), **dict(model.named_buffers())}.items():
        digest.update(repr((name, *_description_of(value))).encode())
        digest.update(_bytes_of(value))
    return digest.hexdigest()


def _description_of(value: object) -> tuple[object, ...]:
    return (value.dtype, tuple(value.shape)) if isinstance(value, torch.Tensor) else ()


def _bytes_of(value: object) -> bytes:
    if isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_quantized:
        return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return uuid.uuid4().bytes
