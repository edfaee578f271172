"""The mask of least energy: one minimum cut (Boykov, Jolly 2001, section 2; Greig, Porteous, Seheult 1989).

It is solved by the algorithm of Boykov and Kolmogorov 2004. Only this module knows PyMaxflow's sign convention.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import maxflow
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    Mask,
    Pairwise,
    PhotoError,
    Unary,
    check_pairwise,
    check_unary,
    neighbors_at,
    offsets_in,
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
        self._build((nodes,), [_Link(*pairs, weights)])

    @classmethod
    def of_grid(cls, pairwise: Pairwise) -> "CutGraph":
        """Return the graph of all pixels or voxels, in reading order, and their neighbors.

        Parameters
        ----------
        pairwise : (4, H, W) float64 array
            Costs in nats, see `pairwise_from_contrast`. Those of a volume are (3, D, H, W), (9, D, H, W) or
            (13, D, H, W), for 6, 18 or 26 neighbors.

        Returns
        -------
        CutGraph
        """
        graph = cls.__new__(cls)
        graph._build(pairwise.shape[1:], _links_of_grid(pairwise))
        return graph

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
        costs = unary.reshape(-1, 2)
        steps = _steps(costs)
        mask, flow = self._solve(steps[:, FOREGROUND] - steps[:, BACKGROUND])
        energy = float(np.where(mask, costs[:, FOREGROUND], costs[:, BACKGROUND]).sum()) + self._severed(mask)
        flow += int(steps[:, BACKGROUND].sum())
        return Cut(mask.reshape(unary.shape[:-1]), energy, flow / STEPS)

    def cut_odds(self, odds: NDArray[np.floating], changed: NDArray[np.intp] | None = None) -> Cut:
        """Return the mask of least energy where a label against the odds costs them, and the other nothing.

        It takes less memory than `cut`, and less time if few odds have changed since the last cut.

        Parameters
        ----------
        odds : (...) float array
            Nats for the object of each node; finite.
        changed : (M,) int array, optional
            The only nodes, in reading order, whose odds may differ from those of the last cut; default: all.

        Returns
        -------
        Cut
            Its mask has shape (...).

        Raises
        ------
        ValueError
            If the odds are too large to be summed.
        """
        new = odds.ravel() if changed is None else odds.ravel()[changed]
        _check_sum(float(np.abs(new).sum(dtype=np.float64)))
        mask, flow = self._solve(_whole_steps(-new.astype(np.float64)), changed)
        flow -= int(np.minimum(self._held, 0).sum())  # The background pays the odds for the object.
        mask = mask.reshape(odds.shape)
        energy = float(np.where(mask, -odds, odds).clip(min=0).sum(dtype=np.float64)) + self._severed(mask)
        return Cut(mask, energy, flow / STEPS)

    def _build(self, shape: tuple[int, ...], links: Sequence["_Link"]) -> None:
        self._shape, self._links = shape, links
        nodes = math.prod(shape)
        places = np.arange(nodes).reshape(shape)
        _check_sum(sum(float(link.weights.sum()) for link in links))
        self._graph: Any = maxflow.GraphInt(nodes, sum(link.weights.size for link in links))
        self._graph.add_nodes(nodes)
        for first, second, weights in links:
            capacities = _whole_steps(weights).ravel()
            self._graph.add_edges(places[first].ravel(), places[second].ravel(), capacities, capacities)
        self._held = np.zeros(nodes, np.int64)
        self._solved = False

    def _solve(self, wanted: NDArray[np.int64], nodes: NDArray[np.intp] | None = None) -> tuple[Mask, int]:
        """Return the mask (N,) and the flow if the object costs `wanted` steps more than background, in these nodes.

        The flow is that of a background without costs.
        """
        changes = wanted - (self._held if nodes is None else self._held[nodes])
        places = np.flatnonzero(changes)
        changed = places if nodes is None else nodes[places]
        if len(changed):  # PyMaxflow refuses empty arrays.
            # The object is the sink's side: its pixels pay their source link. Undecided nodes stay with the source.
            self._graph.add_grid_tedges(changed, changes[places], np.zeros(len(changed), np.int64))
            if self._solved:
                self._graph.mark_grid_nodes(changed)
            self._held[changed] += changes[places]
        flow = self._graph.maxflow(reuse_trees=self._solved)
        self._solved = True
        return self._graph.get_grid_segments(np.arange(len(self._held))), flow

    def _severed(self, mask: Mask) -> float:
        """Return the costs of all pairs of different labels, in nats."""
        grid = mask.reshape(self._shape)
        severed = [weights[grid[first] != grid[second]] for first, second, weights in self._links]
        return float(np.concatenate(severed).sum())


class _Link(NamedTuple):
    """Pairs of nodes, as two indices into the array of all nodes (slices of a grid, or whole numbers), and weights."""

    first: Any
    second: Any
    weights: NDArray[np.float64]


def min_cut(unary: Unary, pairwise: Pairwise) -> Cut:
    """Return the mask with the least `sum_p unary[p, label_p] + sum_pq pairwise[pq] [label_p != label_q]`.

    It is exact, except that costs are rounded to a millionth of a nat. Where both labels cost the same, the mask has
    background.

    Parameters
    ----------
    unary : (H, W, 2) float64 array
        Costs of background and object for each pixel, in nats; (D, H, W, 2) for a volume.
    pairwise : (4, H, W) float64 array
        Costs of different labels, in nats, see `pairwise_from_contrast`; (3, D, H, W), (9, D, H, W) or (13, D, H, W)
        for a volume.

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
    check_pairwise(pairwise, unary.shape[:-1])
    return CutGraph.of_grid(pairwise).cut(unary)


def ties_of_grid(pairwise: Pairwise) -> tuple[Pairs, NDArray[np.float64]]:
    """Return all pairs of neighbors, as pixels or voxels counted in reading order, and their weights."""
    places = np.arange(pairwise[0].size).reshape(pairwise.shape[1:])
    links = _links_of_grid(pairwise)
    first = np.concatenate([places[link.first].ravel() for link in links])
    second = np.concatenate([places[link.second].ravel() for link in links])
    return (first, second), np.concatenate([link.weights.ravel() for link in links])


def _links_of_grid(pairwise: Pairwise) -> list[_Link]:
    slices = map(neighbors_at, offsets_in(pairwise))
    return [_Link(here, there, plane[here]) for plane, (here, there) in zip(pairwise, slices, strict=True)]


def _steps(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    _check_sum(float(costs.sum()))
    return _whole_steps(costs)


def _whole_steps(costs: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.asarray(np.rint(costs * STEPS), np.int64)


def _check_sum(total: float) -> None:
    if not total <= LARGEST_SUM:
        raise PhotoError(
            f"costs must sum to at most {LARGEST_SUM:.1g} nats, got {total:.1g}; divide all costs by one number"
        )
