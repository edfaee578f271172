"""The cheapest labeling of two: one minimum cut (Boykov, Jolly 2001, section 2; Greig, Porteous, Seheult 1989).

Solved by the algorithm of Boykov and Kolmogorov 2004. PyMaxflow's sign convention is spelled here and nowhere else.
"""

from typing import NamedTuple

import maxflow
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, NEIGHBORS, Mask, Pairwise, Unary, check_pairwise, check_unary


class Cut(NamedTuple):
    """A labeling of least energy, and the maximum flow, in nats, that certifies it: both are equal up to rounding."""

    mask: Mask
    flow: float


def min_cut(unary: Unary, pairwise: Pairwise) -> Cut:
    """The mask of least energy: sum_p unary[p, label_p] + sum_pq pairwise[pq] [label_p != label_q].

    Exact. Where both labels cost the same, background is taken. ValueError for NaN, infinite and negative costs,
    which the solver would take in silence.
    """
    check_unary(unary)
    check_pairwise(pairwise, unary.shape[:2])
    graph = maxflow.GraphFloat(unary[..., 0].size, 4 * unary[..., 0].size)
    nodes = graph.add_grid_nodes(unary.shape[:2])
    for offset, weights in zip(NEIGHBORS, pairwise, strict=True):
        graph.add_grid_edges(nodes, weights=weights, structure=_structure(offset), symmetric=True)
    # The object is the sink's side: its pixels pay their source link. Undecided nodes stay with the source.
    graph.add_grid_tedges(nodes, unary[..., FOREGROUND], unary[..., BACKGROUND])
    flow = graph.maxflow()
    return Cut(graph.get_grid_segments(nodes), flow)


def _structure(offset: tuple[int, int]) -> NDArray[np.float64]:
    structure = np.zeros((3, 3))
    structure[1 + offset[0], 1 + offset[1]] = 1
    return structure
