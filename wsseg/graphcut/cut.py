"""The cheapest labeling of two: one minimum cut (Boykov, Jolly 2001, section 2; Greig, Porteous, Seheult 1989).

Solved by the algorithm of Boykov and Kolmogorov 2004. PyMaxflow's sign convention is spelled here and nowhere else.
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
    Unary,
    check_pairwise,
    check_unary,
    neighbors_at,
)

Pairs: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Nodes that are tied: the first of each pair, and the second."""

STEPS: Final = 2.0**20
"""Costs are counted in this many steps per nat: sums of whole numbers have no rounding, so that a network that was cut
before and a fresh one agree to the last pixel."""

LARGEST_SUM: Final = 2.0**41
"""Nats that the nodes' costs may reach together, and their ties' too, so that no sum of steps leaves 64 bits."""


class Cut(NamedTuple):
    """A labeling of least energy, with its certificate: no labeling has less energy than any flow."""

    mask: Mask
    energy: float
    """Of the labeling, in nats, summed from the costs as they were given."""
    flow: float
    """The maximum flow, in nats, as the solver found it: the energy, but for half a step for each cost."""


class CutGraph:
    """Nodes tied in pairs, to be cut as often as the nodes' own costs change (Kohli, Torr 2005).

    Only the first cut begins from nothing; each has the labeling that a fresh network would have.
    """

    def __init__(self, nodes: int, pairs: Pairs, weights: NDArray[np.float64]):
        """`weights` (M,) in nats, finite and not negative, of the `pairs`: two (M,) arrays of nodes.

        ValueError for weights too large to be summed.
        """
        self._pairs, self._weights = pairs, weights
        self._graph: Any = maxflow.GraphInt(nodes, len(weights))
        self._graph.add_nodes(nodes)
        capacities = _steps(weights)
        self._graph.add_edges(*pairs, capacities, capacities)
        self._held = np.zeros((nodes, 2), np.int64)
        self._solved = False

    @classmethod
    def of_grid(cls, pairwise: Pairwise) -> "CutGraph":
        """That of all pixels, in reading order, and their neighbors."""
        return cls(pairwise[0].size, *ties_of_grid(pairwise))

    def cut(self, unary: NDArray[np.float64]) -> Cut:
        """The labeling of least energy under costs (..., 2), finite and not negative; the mask is of shape (...).

        Where both labels cost the same, background is taken. ValueError for costs too large to be summed.
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
    """The mask of least energy: `sum_p unary[p, label_p] + sum_pq pairwise[pq] [label_p != label_q]`.

    Exact, but for costs being rounded to a millionth of a nat. Where both labels cost the same, background is taken.
    ValueError for NaN, infinite and negative costs, which the solver would take in silence, and for too large ones.
    """
    check_unary(unary)
    check_pairwise(pairwise, unary.shape[:2])
    return CutGraph.of_grid(pairwise).cut(unary)


def ties_of_grid(pairwise: Pairwise) -> tuple[Pairs, NDArray[np.float64]]:
    """All neighbors, as pairs of pixels counted in reading order, and what each pair weighs."""
    places = np.arange(pairwise[0].size).reshape(pairwise.shape[1:])
    slices = [neighbors_at(offset) for offset in NEIGHBORS]
    first, second = (np.concatenate([places[pair[side]].ravel() for pair in slices]) for side in (0, 1))
    weights = [plane[here].ravel() for plane, (here, _) in zip(pairwise, slices, strict=True)]
    return (first, second), np.concatenate(weights)


def _steps(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    if not costs.sum() <= LARGEST_SUM:
        raise ValueError(f"costs must sum to at most {LARGEST_SUM:.1g} nats, got {costs.sum():.1g}; divide all by one")
    return np.asarray(np.rint(costs * STEPS), np.int64)
