"""The result of the cut of a volume."""

from dataclasses import dataclass, field
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Mask
from wsseg.files.volume import Volume
from wsseg.files.volumes import write_volume
from wsseg.volumes.hints import BEHIND, VolumeBox, VolumeLabels
from wsseg.volumes.levels import Range
from wsseg.volumes.sizes import Plan


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VolumeSegmentation:
    """The objects of a volume, with the certificate of their energy."""

    labels: VolumeLabels
    """(D, H, W) uint8: the label of each voxel, with the numbers of the seeds: 1 for background, 2 and more for
    objects."""
    seeds: VolumeLabels
    """(D, H, W) uint8: the hints, 0 where there is none."""
    energy: float
    """Energy of the last cut, in nats, before parts without seeds were left out; of the band if `exact` is False."""
    flow: float
    """A lower bound of the energy, in nats: the maximum flow for two labels, where it equals the energy."""
    exact: bool
    """True if no labeling of the whole volume has less energy."""
    plan: Plan
    """The size that was cut as a whole, and the memory that was estimated."""
    ranges: tuple[Range, ...]
    """The values of each channel that became the levels 0 and 255."""
    spacing: tuple[float, float, float]
    """Size of a voxel along z, y and x."""
    affine: NDArray[np.float64] | None = field(default=None)
    """(4, 4): from voxels to the coordinates of a scanner, as in the file that was read; None if it has none."""

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.labels.shape))
        return f"<VolumeSegmentation {size}, {self.mask.mean():.1%} object, {'exact' if self.exact else 'not exact'}>"

    @property
    def mask(self) -> Mask:
        """(D, H, W) bool: True on every object."""
        return np.asarray(self.labels > BEHIND)

    @property
    def box(self) -> VolumeBox | None:
        """The smallest box that holds every object; None if there is none."""
        mask = self.mask
        if not mask.any():
            return None
        sides = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        (z0, y0, x0), (z1, y1, x1) = ([int(side[at]) for side in sides] for at in (0, -1))
        return VolumeBox(z0, y0, x0, z1 + 1, y1 + 1, x1 + 1)

    def save(self, path: str | PathLike[str], *, labels: bool = False) -> None:
        """Write the mask, 255 on objects and 0 elsewhere, or the labels.

        Parameters
        ----------
        path : path
            File to write: `.tif`, `.nii`, `.nii.gz` or `.npy`.
        labels : bool
            Write the labels in place of the mask.

        Raises
        ------
        ValueError
            If the path ends otherwise.
        OSError
            If the file cannot be written.
        """
        values = self.labels if labels else self.mask * np.uint8(255)
        write_volume(path, Volume(values, self.spacing, self.affine))
