"""A volume, cut again as hints arrive."""

from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsseg.files.volume import Volume, check_spacing
from wsseg.recipe import VOLUME_MEMORY, VolumeRecipe
from wsseg.volumes.hints import VolumeHints, labels_from_hints
from wsseg.volumes.levels import levels_of
from wsseg.volumes.results import VolumeSegmentation
from wsseg.volumes.sizes import Plan
from wsseg.volumes.solver import Track, VolumeSolver


def segment_volume(
    volume: NDArray[Any] | Volume,
    hints: VolumeHints | NDArray[np.integer],
    *,
    spacing: tuple[float, float, float] | None = None,
    recipe: VolumeRecipe | None = None,
    memory: float = VOLUME_MEMORY,
    track: Track = iter,
) -> VolumeSegmentation:
    """Return the objects that a person marked in a volume: one minimum cut in three dimensions.

    The energy is that of Boykov and Jolly 2001: what each voxel's levels and its distance to the seeds cost under each
    label, and the area of the surface, less where levels differ by more than noise does. With one object the cut is
    exact; several objects share the volume by alpha-expansion (Boykov, Veksler, Zabih 2001). A volume whose graph would
    take more than `memory` is cut at half its size or less, and again at each doubling in a band along the surface.

    Parameters
    ----------
    volume : (Z, Y, X) or (Z, Y, X, C) array, or Volume
        Finite values of any real type. Two percentiles of each channel become the levels 0 and 255, see `VolumeRecipe`.
    hints : VolumeHints or (Z, Y, X) int array
        Voxels whose label is certain, of the background and of each object.
    spacing : (float, float, float), optional
        Size of a voxel along z, y and x, in any unit; default: that of the Volume, else a cube's.
    recipe : VolumeRecipe, optional
        All numbers of the method.
    memory : float
        GB that the cut may take, estimated.
    track : callable, optional
        Iterates over the stages of the cut, to show the progress.

    Returns
    -------
    VolumeSegmentation

    Raises
    ------
    TypeError, ValueError
        If the volume, the hints or the spacing are not valid, or the memory is too small.

    Examples
    --------
    A bright ball in the dark, one voxel marked inside and one outside:

    >>> import numpy as np
    >>> z, y, x = np.mgrid[:12, :12, :12] - 5.5
    >>> volume = np.where(z**2 + y**2 + x**2 < 16, 900, 100)
    >>> found = wsseg.segment_volume(volume, wsseg.VolumeHints(foreground=[(6, 6, 6)], background=[(1, 1, 1)]))
    >>> bool((found.mask == (volume == 900)).all()), found.exact, found.box
    (True, True, VolumeBox(z0=2, y0=2, x0=2, z1=10, y1=10, x1=10))
    """
    with open_volume(volume, spacing=spacing, recipe=recipe, memory=memory) as session:
        return session.segment(hints, track=track)


def open_volume(
    volume: NDArray[Any] | Volume,
    *,
    spacing: tuple[float, float, float] | None = None,
    recipe: VolumeRecipe | None = None,
    memory: float = VOLUME_MEMORY,
) -> "VolumeSession":
    """Return a session that cuts the volume again after each hint.

    Parameters
    ----------
    volume : (Z, Y, X) or (Z, Y, X, C) array, or Volume
        Finite values of any real type.
    spacing : (float, float, float), optional
        Size of a voxel along z, y and x, in any unit; default: that of the Volume, else a cube's.
    recipe : VolumeRecipe, optional
        All numbers of the method.
    memory : float
        GB that a cut may take, estimated.

    Returns
    -------
    VolumeSession

    Raises
    ------
    TypeError, ValueError
        If the volume or the spacing are not valid, or the memory is too small.

    Examples
    --------
    >>> import numpy as np
    >>> volume = np.zeros((4, 8, 8)); volume[:, 2:6, 2:6] = 1
    >>> with wsseg.open_volume(volume) as session:
    ...     found = session.segment(wsseg.VolumeHints(foreground=[(2, 4, 4)], background=[(0, 0, 0)]))
    >>> int(found.mask.sum())
    64
    """
    return VolumeSession(volume, spacing=spacing, recipe=recipe, memory=memory)


class VolumeSession:
    """A volume, kept while a person gives hints; `open_volume` makes one.

    The first call learns mixtures and builds the graph. Later calls keep both, so each is only a cut, with the labels
    that a new graph would give.

    Parameters
    ----------
    volume : (Z, Y, X) or (Z, Y, X, C) array, or Volume
        Finite values of any real type.
    spacing : (float, float, float), optional
        Size of a voxel along z, y and x.
    recipe : VolumeRecipe, optional
        All numbers of the method.
    memory : float
        GB that a cut may take, estimated.
    """

    def __init__(
        self,
        volume: NDArray[Any] | Volume,
        *,
        spacing: tuple[float, float, float] | None = None,
        recipe: VolumeRecipe | None = None,
        memory: float = VOLUME_MEMORY,
    ) -> None:
        given = volume if isinstance(volume, Volume) else Volume(volume)
        self._affine, numbers = given.affine, VolumeRecipe() if recipe is None else recipe
        if not isinstance(numbers, VolumeRecipe):
            raise TypeError(
                f"recipe must be a wsseg.VolumeRecipe, got {recipe!r}; use wsseg.VolumeRecipe(neighbors=26)"
            )
        if not isinstance(memory, int | float):
            raise TypeError(f"memory must be a number of GB, got {memory!r}; use memory=8")
        self.spacing = check_spacing(given.spacing if spacing is None else spacing)
        """Size of a voxel along z, y and x."""
        levels, self.ranges = levels_of(given.values, low=numbers.low, high=numbers.high)
        """The values of each channel that became the levels 0 and 255."""
        self._solver = VolumeSolver(levels, self.spacing, numbers, memory)
        self.plan: Plan = self._solver.plan()
        """The size at which one object is cut as a whole, and the memory that it takes."""
        self._lock = RLock()

    def __enter__(self) -> "VolumeSession":
        return self

    def __exit__(self, *_: object) -> None:
        """Free the graphs, which are most of the memory."""
        self._solver.release_graphs()

    def segment(
        self, hints: VolumeHints | NDArray[np.integer], *, refit: bool = False, track: Track = iter
    ) -> VolumeSegmentation:
        """Return the objects under all hints so far, which they never contradict.

        Parameters
        ----------
        hints : VolumeHints or (Z, Y, X) int array
            All hints so far, not only the new ones.
        refit : bool
            Learn the mixtures again from these hints, as `segment_volume` does; also done if labels come or go.
        track : callable, optional
            Iterates over the stages of the cut, to show the progress.

        Returns
        -------
        VolumeSegmentation

        Raises
        ------
        TypeError, ValueError
            If the hints are not valid, or the memory is too small for so many labels.
        """
        levels = self._solver.levels
        seeds = labels_from_hints(hints, levels.shape[:3])
        with self._lock:  # The solver keeps the graph of the last cut.
            found = self._solver.solve(seeds, refit=refit, track=track)
        plan = self._solver.plan(int(np.count_nonzero(np.bincount(seeds.ravel(), minlength=256)[1:])))
        return VolumeSegmentation(
            labels=found.labels,
            seeds=seeds,
            energy=found.energy,
            flow=found.flow,
            exact=found.exact,
            plan=plan,
            ranges=self.ranges,
            spacing=self.spacing,
            affine=self._affine,
        )
