"""A truth that can be read, and the kinds of value that it holds."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from wsseg.arrays import Box, Seeds
from wsseg.metrics.classes import ClassIds

Boxes: TypeAlias = tuple[Box, ...]
"""True boxes of a photo."""

ClassBoxes: TypeAlias = tuple[tuple[str, Box], ...]
"""True boxes of a photo, each after the name of its class."""

TruthValue: TypeAlias = Seeds | ClassIds | Boxes | ClassBoxes

Value = TypeVar("Value", covariant=True)


class Truth(NamedTuple, Generic[Value]):
    """The truth of one photo, not read yet."""

    file: str
    """Name of the file, for messages."""
    read: Callable[[], Value]
