"""Masks of Label Studio's brush, as wsseg/export/labelstudio.py writes them.

The format is described there; `label_studio_sdk/converter/brush.py` (2.1) reads it in the same way.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from wsseg.arrays import Mask, PhotoError

CHANNELS: Final = 4
"""Channels of the picture; the mask is the last."""

VALUE: Final = 8
"""Bits of a value."""


def mask_of_rle(rle: Sequence[int], shape: tuple[int, int]) -> Mask:
    """Return the mask of (height, width) that the brush drew; PhotoError if it is none of that size."""
    try:
        bits = np.unpackbits(np.array(rle, np.uint8))
    except (ValueError, OverflowError, TypeError) as error:
        raise PhotoError("rle must be a list of bytes, got something else; draw the brush again") from error
    reader = _Bits(bits)
    count, value = reader.number(32), reader.number(5) + 1
    lengths = [reader.number(4) + 1 for _ in range(4)]
    wanted = shape[0] * shape[1] * CHANNELS
    if count != wanted or value != VALUE:
        raise PhotoError(f"rle must hold {wanted} values of {VALUE} bits, got {count} of {value}; draw the brush again")
    values = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        is_run, length = reader.number(1), reader.number(lengths[reader.number(2)]) + 1
        end = min(count, done + length)
        values[done:end] = reader.number(VALUE) if is_run else reader.values(end - done)
        done = end
    return np.asarray(values.reshape(*shape, CHANNELS)[..., -1] > 127)


class _Bits:
    """Numbers of any width, read from bits one after the other."""

    def __init__(self, bits: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
        self._bits, self._at = bits, 0

    def _next(self, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        self._at += count
        if self._at > self._bits.size:
            raise PhotoError("rle must be whole, got its end too early; draw the brush again")
        return self._bits[self._at - count : self._at]

    def number(self, width: int) -> int:
        bits = self._next(width)
        return int("".join(map(str, bits.tolist())), 2)

    def values(self, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        return np.packbits(self._next(count * VALUE))
