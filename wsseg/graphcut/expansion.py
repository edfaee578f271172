"""Labels of low energy for several targets: alpha-expansion (Boykov, Veksler, Zabih 2001, section 5).

In one move each pixel keeps its label or takes one label that is the same for all. The best move is a minimum cut.
"""

from itertools import cycle
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import UNKNOWN, Labels, Mask, Pairwise, Unary, check_pairwise, check_unary
from wsseg.graphcut.cut import Cut, CutGraph, Pairs, ties_of_grid


class Expansion(NamedTuple):
    """Labels that no single move makes cheaper."""

    labels: Labels
    """The label of each pixel, from 0."""
    energy: float
    """Energy of the labels, in nats."""
    exact: bool
    """True if no labeling has less energy: with one label or two."""
    bound: float
    """A lower bound of all energies, in nats: the maximum flow for two labels, else the sum of least unary costs."""


def expand(unary: Unary, pairwise: Pairwise) -> Expansion:
    """Return labels with a low `sum_p unary[p, label_p] + sum_pq pairwise[pq] [label_p != label_q]`.

    With one or two labels the energy is the least. With more, it is at most that of any other labeling with its second
    sum doubled (theorem 6.1), and no pixel has a label that costs more than all its neighbors can pay while another
    label is free. All this holds up to the rounding of `min_cut`. Equal costs give equal labels; with more than two
    labels their order may matter.

    Parameters
    ----------
    unary : (H, W, L) float64 array
        Costs of each label for each pixel, in nats; at most 255 labels. Those of a volume are (D, H, W, L).
    pairwise : (4, H, W) float64 array
        Costs of different labels, in nats, see `pairwise_from_contrast`.

    Returns
    -------
    Expansion
        The labels (H, W) uint8, and their energy in nats.

    Raises
    ------
    TypeError, ValueError
        If there are more than 255 labels, or `min_cut` would refuse the costs.

    Examples
    --------
    >>> import numpy as np
    >>> unary = np.array([[[0.0, 9.0, 9.0], [2.0, 1.0, 2.0], [9.0, 9.0, 0.0]]])
    >>> found = wsseg.expand(unary, np.full((4, 1, 3), 3.0))
    >>> found.labels.tolist(), found.energy, found.exact
    ([[0, 0, 2]], 5.0, False)
    """
    check_pairwise(pairwise, check_unary(unary, labels=None).shape[:-1])
    found = expand_nodes(unary.reshape(-1, unary.shape[-1]), *ties_of_grid(pairwise))
    return found._replace(labels=found.labels.reshape(unary.shape[:-1]))


def expand_nodes(unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]) -> Expansion:
    """Return the labels (N,) of any nodes, from their costs (N, L) and the weights of pairs; see `expand`."""
    count = unary.shape[1]
    if count > UNKNOWN:
        raise ValueError(f"unary must have at most {UNKNOWN} labels, got {count}; leave out the most costly ones")
    if count == 2:
        return expansion_from_cut(CutGraph(len(unary), pairs, weights).cut(unary))
    labels = _descend(unary, pairs, weights)
    bound = float(unary.min(axis=1).sum())
    return Expansion(labels, _energy(labels, unary, pairs, weights), count == 1, bound)


def expansion_from_cut(cut: Cut) -> Expansion:
    """Return the cut as a labeling of two: background 0 and the object 1."""
    return Expansion(cut.mask.astype(np.uint8), cut.energy, True, cut.flow)


def _descend(unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]) -> Labels:
    """Return labels from moves to each label in turn, from the least unary costs, until no move lowers the energy."""
    count = unary.shape[1]
    labels: Labels = unary.argmin(axis=1).astype(np.uint8)
    energy = _energy(labels, unary, pairs, weights)
    turns, idle = cycle(range(count)), 0
    while idle < count:
        target = next(turns)
        moved = labels.copy()
        moved[_takers(labels, target, unary, pairs, weights)] = target
        # Only a true fall counts; otherwise rounding could make the search endless.
        if (moved_energy := _energy(moved, unary, pairs, weights)) < energy:
            labels, energy, idle = moved, moved_energy, 0
        idle += 1
    return labels


def _takers(
    labels: Labels, target: int, unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]
) -> Mask:
    """Return the nodes that take the target label in the best move.

    Neighbors with different labels pay their weight unless both take the target: half for p if it keeps its label, half
    for q likewise, and half if only one of them does. This energy is symmetric and needs none of the paper's auxiliary
    nodes. It also holds where p has the target already: taking it never costs p more, so q alone pays for keeping.
    """
    toll = np.where(labels[pairs[0]] != labels[pairs[1]], weights / 2, 0)
    keep = _unary_of(labels, unary) + sum(np.bincount(ends, toll, len(unary)) for ends in pairs)
    return CutGraph(len(unary), pairs, weights - toll).cut(np.stack([keep, unary[:, target]], axis=1)).mask


def _energy(labels: Labels, unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]) -> float:
    severed = weights[labels[pairs[0]] != labels[pairs[1]]]
    return float(_unary_of(labels, unary).sum() + severed.sum())


def _unary_of(labels: Labels, unary: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cost of each node's own label, (N,)."""
    return np.take_along_axis(unary, labels[:, None], axis=1)[:, 0]
