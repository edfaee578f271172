"""The steps of a session: each mask with the hints that it was made from, kept small so that all can be kept."""

import zlib

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, Mask, Seeds
from wsseg.graphcut.solver import MaskResult

NO_MASK: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)


class Step:
    """A mask and its hints.

    Parameters
    ----------
    box : Box or None
        The box that was given.
    marks : (H, W) uint8 array
        The pixels that hints mark: FOREGROUND, BACKGROUND or UNKNOWN, also beyond the box.
    found : MaskResult
        The mask (H, W), and what belongs to it.
    """

    def __init__(self, box: Box | None, marks: Seeds, found: MaskResult) -> None:
        self._box = box
        self._marks = {side: _packed(marks == side) for side in (BACKGROUND, FOREGROUND)}
        self._count = _count_of(marks)
        self._found, self._mask, self._shape = found._replace(mask=NO_MASK), _packed(found.mask), marks.shape

    @property
    def found(self) -> MaskResult:
        """The mask, and what belongs to it."""
        return self._found._replace(mask=_unpacked(self._mask, self._shape))

    def leads_to(self, box: Box | None, marks: Seeds) -> bool:
        """Return whether all hints of this step are among these."""
        if box != self._box or self._count > _count_of(marks):
            return False
        return all((marks[self._marked(side)] == side).all() for side in self._marks)

    def is_of(self, box: Box | None, marks: Seeds) -> bool:
        """Return whether the hints of this step are these and no others."""
        return self._count == _count_of(marks) and self.leads_to(box, marks)

    def new_among(self, marks: Seeds) -> Seeds:
        """Return the marks that this step does not have; UNKNOWN elsewhere."""
        new = marks.copy()
        for side in self._marks:
            new[self._marked(side)] = UNKNOWN
        return new

    def _marked(self, side: int) -> Mask:
        return _unpacked(self._marks[side], self._shape)


def _count_of(marks: Seeds) -> int:
    return int(np.count_nonzero(marks != UNKNOWN))


def _packed(mask: Mask) -> bytes:
    return zlib.compress(np.packbits(mask).tobytes(), level=1)


def _unpacked(packed: bytes, shape: tuple[int, ...]) -> Mask:
    bits = np.frombuffer(zlib.decompress(packed), np.uint8)
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).view(np.bool_)
