"""The cheapest labeling of several: alpha-expansion over the minimum cut (Boykov, Veksler, Zabih 2001, section 5).

In one move each pixel keeps its label or takes one label, the same for all; the best such move is a minimum cut.
"""

from itertools import cycle
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import UNKNOWN, Labels, Mask, Pairwise, Unary, check_pairwise, check_unary
from wsseg.graphcut.cut import CutGraph, Pairs, ties_of_grid


class Expansion(NamedTuple):
    """A labeling that no single move makes cheaper."""

    labels: Labels
    energy: float
    """In nats."""
    exact: bool
    """Whether its energy is known to be the least of all: with one label, and with two."""


def expand(unary: Unary, pairwise: Pairwise) -> Expansion:
    """Labels of low energy: `sum_p unary[p, label_p] + sum_pq pairwise[pq] [label_p != label_q]`, unary (H, W, L).

    The least for L <= 2. For more, no move lowers it, so that it is at most that of any other labeling with its second
    sum doubled (theorem 6.1), and a label that costs more than all of a pixel's neighbors can pay is not taken where
    another is free. Each of these but for the rounding of `min_cut`. The same costs give the same labels; the order of
    the labels may matter where L > 2. ValueError for more than 255 labels, and for costs that `min_cut` refuses.
    """
    check_pairwise(pairwise, check_unary(unary, labels=None).shape[:2])
    found = expand_nodes(unary.reshape(-1, unary.shape[2]), *ties_of_grid(pairwise))
    return found._replace(labels=found.labels.reshape(unary.shape[:2]))


def expand_nodes(unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]) -> Expansion:
    """`expand` for nodes of any kind, unary (N, L), of which each of the `pairs` is tied by its weight; labels (N,)."""
    count = unary.shape[1]
    if count > UNKNOWN:
        raise ValueError(f"unary must be of at most {UNKNOWN} labels, got {count}; leave out the dearest")
    if count == 2:
        labels = CutGraph(len(unary), pairs, weights).cut(unary).mask.astype(np.uint8)
    else:
        labels = _descend(unary, pairs, weights)
    return Expansion(labels, _energy(labels, unary, pairs, weights), count <= 2)


def _descend(unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]) -> Labels:
    """Moves from the labels of least unary cost, each label in its turn, until none makes the energy fall."""
    count = unary.shape[1]
    labels: Labels = unary.argmin(axis=1).astype(np.uint8)
    energy = _energy(labels, unary, pairs, weights)
    turns, idle = cycle(range(count)), 0
    while idle < count:
        target = next(turns)
        moved = labels.copy()
        moved[_takers(labels, target, unary, pairs, weights)] = target
        # Only a true fall counts, so that rounding cannot make the search go round.
        if (moved_energy := _energy(moved, unary, pairs, weights)) < energy:
            labels, energy, idle = moved, moved_energy, 0
        idle += 1
    return labels


def _takers(
    labels: Labels, target: int, unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]
) -> Mask:
    """The nodes that take the target label in the best move.

    Neighbors whose labels differ pay their weight unless both take the target: half for p if it keeps, half for q if
    it keeps, and half if only one of them does. That is a symmetric energy, which needs none of the paper's auxiliary
    nodes. It holds too where p has the target already: taking it never costs p more, so q pays all for keeping.
    """
    toll = np.where(labels[pairs[0]] != labels[pairs[1]], weights / 2, 0)
    keep = _unary_of(labels, unary) + sum(np.bincount(ends, toll, len(unary)) for ends in pairs)
    return CutGraph(len(unary), pairs, weights - toll).cut(np.stack([keep, unary[:, target]], axis=1)).mask


def _energy(labels: Labels, unary: NDArray[np.float64], pairs: Pairs, weights: NDArray[np.float64]) -> float:
    severed = weights[labels[pairs[0]] != labels[pairs[1]]]
    return float(_unary_of(labels, unary).sum() + severed.sum())


def _unary_of(labels: Labels, unary: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each node pays for its own label: (N,)."""
    return np.take_along_axis(unary, labels[:, None], axis=1)[:, 0]
