"""Volumes: their values, and where their voxels are."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_ANISOTROPIC: Final = 1_000_000
"""Largest ratio of two sides of a voxel."""


class Volume(NamedTuple):
    """The values of a volume, and where its voxels are.

    Examples
    --------
    >>> import numpy as np
    >>> wsseg.Volume(np.zeros((4, 8, 8)), spacing=(2.0, 0.5, 0.5)).values.shape
    (4, 8, 8)
    """

    values: NDArray[Any]
    """(Z, Y, X) or (Z, Y, X, C), of any real type."""
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Size of a voxel along z, y and x."""
    affine: NDArray[np.float64] | None = None
    """(4, 4): NIfTI's affine, from its own indices (x, y, z) to the coordinates of a scanner; None for other files."""


def spacing_of(stated: Iterable[Any]) -> tuple[float, float, float]:
    """Return the spacing that a file states along z, y and x; all 1 if it is not valid."""
    try:
        return check_spacing([abs(float(step)) for step in stated])
    except (TypeError, ValueError):
        return 1.0, 1.0, 1.0


def check_spacing(spacing: Any) -> tuple[float, float, float]:
    """Return the spacing as floats; TypeError or ValueError unless it is three positive numbers."""
    try:
        z, y, x = map(float, spacing)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"spacing must be three numbers z, y, x, got {spacing!r}; use (2.0, 0.5, 0.5)") from error
    low, high = min(z, y, x), max(z, y, x)
    if not (all(1e-30 <= step <= 1e30 for step in (z, y, x)) and high <= MOST_ANISOTROPIC * low):
        raise ValueError(
            f"spacing must be positive, and differ by at most {MOST_ANISOTROPIC:,} times, got {spacing!r}; "
            "give the size of a voxel along z, y and x"
        )
    return z, y, x
