"""The mask of least energy: one minimum cut (Boykov, Jolly 2001, section 2; Greig, Porteous, Seheult 1989).

It is solved by the algorithm of Boykov and Kolmogorov 2004. Only this module knows PyMaxflow's sign convention.
"""

from typing import Any, Final, NamedTuple, TypeAlias

import maxflow
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    NEIGHBORS,
    Mask,
    Pairwise,
    PhotoError,
    Unary,
    check_pairwise,
    check_unary,
    neighbors_at,
)

Pairs: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Pairs of nodes: the first of each pair, and the second."""

STEPS: Final = 2.0**20
"""Whole steps per nat in which costs are counted. Sums of whole numbers have no rounding, so a graph that was cut
before and a new one agree to the last pixel."""

LARGEST_SUM: Final = 2.0**41
"""Largest sum of the nodes' costs, and of the pairs' costs, in nats: larger sums of steps would not fit 64 bits."""


class Cut(NamedTuple):
    """A mask of least energy, with its proof: no mask has less energy than the maximum flow."""

    mask: Mask
    """True on the object."""
    energy: float
    """Energy of the mask, in nats, summed from the costs as they were given."""
    flow: float
    """Maximum flow, in nats, from the solver. It equals the energy up to half a step for each cost."""


class CutGraph:
    """Nodes and pairs of nodes, cut again whenever the costs of the nodes change (Kohli, Torr 2005).

    Only the first cut starts from nothing. Each cut has the labels that a new graph would give.

    Parameters
    ----------
    nodes : int
        Number of nodes.
    pairs : two (M,) int arrays
        The first and the second node of each pair.
    weights : (M,) float64 array
        Cost of different labels, in nats, for each pair; finite and not negative.

    Raises
    ------
    ValueError
        If the weights are too large to be summed.

    Examples
    --------
    Two nodes that differ in their costs, first loosely tied and then cut again with other costs:

    >>> import numpy as np
    >>> graph = wsseg.CutGraph(2, (np.array([0]), np.array([1])), np.array([1.0]))
    >>> graph.cut(np.array([[0.0, 5.0], [3.0, 0.0]])).mask.tolist()
    [False, True]
    >>> graph.cut(np.array([[0.0, 5.0], [0.5, 0.0]])).mask.tolist()
    [False, False]
    """

    def __init__(self, nodes: int, pairs: Pairs, weights: NDArray[np.float64]):
        self._pairs, self._weights = pairs, weights
        self._graph: Any = maxflow.GraphInt(nodes, len(weights))
        self._graph.add_nodes(nodes)
        capacities = _steps(weights)
        self._graph.add_edges(*pairs, capacities, capacities)
        self._held = np.zeros((nodes, 2), np.int64)
        self._solved = False

    @classmethod
    def of_grid(cls, pairwise: Pairwise) -> "CutGraph":
        """Return the graph of all pixels, in reading order, and their neighbors.

        Parameters
        ----------
        pairwise : (4, H, W) float64 array
            Costs in nats, see `pairwise_from_contrast`.

        Returns
        -------
        CutGraph
        """
        return cls(pairwise[0].size, *ties_of_grid(pairwise))

    def cut(self, unary: NDArray[np.float64]) -> Cut:
        """Return the mask of least energy; where both labels cost the same, it has background.

        Parameters
        ----------
        unary : (..., 2) float64 array
            Costs of background and object for each node, in nats; finite and not negative.

        Returns
        -------
        Cut
            Its mask has shape (...).

        Raises
        ------
        ValueError
            If the costs are too large to be summed.
        """
        wanted = _steps(unary.reshape(-1, 2))
        changes = wanted - self._held
        changed = np.flatnonzero(changes.any(axis=1))
        if len(changed):  # PyMaxflow refuses empty arrays.
            # The object is the sink's side: its pixels pay their source link. Undecided nodes stay with the source.
            self._graph.add_grid_tedges(changed, changes[changed, FOREGROUND], changes[changed, BACKGROUND])
            if self._solved:
                self._graph.mark_grid_nodes(changed)
        flow = self._graph.maxflow(reuse_trees=self._solved)
        self._held, self._solved = wanted, True
        mask = self._graph.get_grid_segments(np.arange(len(wanted)))
        return Cut(mask.reshape(unary.shape[:-1]), self._energy(mask, unary.reshape(-1, 2)), flow / STEPS)

    def _energy(self, mask: NDArray[np.bool_], unary: NDArray[np.float64]) -> float:
        first, second = self._pairs
        severed = self._weights[mask[first] != mask[second]]
        return float(np.where(mask, unary[:, FOREGROUND], unary[:, BACKGROUND]).sum() + severed.sum())


def min_cut(unary: Unary, pairwise: Pairwise) -> Cut:
    """Return the mask with the least `sum_p unary[p, label_p] + sum_pq pairwise[pq] [label_p != label_q]`.

    It is exact, except that costs are rounded to a millionth of a nat. Where both labels cost the same, the mask has
    background.

    Parameters
    ----------
    unary : (H, W, 2) float64 array
        Costs of background and object for each pixel, in nats.
    pairwise : (4, H, W) float64 array
        Costs of different labels, in nats, see `pairwise_from_contrast`.

    Returns
    -------
    Cut
        The mask (H, W), its energy and the maximum flow, in nats.

    Raises
    ------
    TypeError, ValueError
        If costs are NaN, infinite, negative or too large to be summed, or an array has another type or shape.

    Examples
    --------
    The middle pixel leans to the background, but follows its neighbors:

    >>> import numpy as np
    >>> unary = np.array([[[4.0, 0.0], [0.0, 1.0], [4.0, 0.0]]])
    >>> wsseg.min_cut(unary, np.full((4, 1, 3), 2.0))
    Cut(mask=array([[ True,  True,  True]]), energy=1.0, flow=1.0)
    """
    check_unary(unary)
    check_pairwise(pairwise, unary.shape[:2])
    return CutGraph.of_grid(pairwise).cut(unary)


def ties_of_grid(pairwise: Pairwise) -> tuple[Pairs, NDArray[np.float64]]:
    """Return all pairs of neighbors, as pixels counted in reading order, and their weights."""
    places = np.arange(pairwise[0].size).reshape(pairwise.shape[1:])
    slices = [neighbors_at(offset) for offset in NEIGHBORS]
    first, second = (np.concatenate([places[pair[side]].ravel() for pair in slices]) for side in (0, 1))
    weights = [plane[here].ravel() for plane, (here, _) in zip(pairwise, slices, strict=True)]
    return (first, second), np.concatenate(weights)


def _steps(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    if not costs.sum() <= LARGEST_SUM:
        raise PhotoError(
            f"costs must sum to at most {LARGEST_SUM:.1g} nats, got {costs.sum():.1g}; divide all costs by one number"
        )
    return np.asarray(np.rint(costs * STEPS), np.int64)
