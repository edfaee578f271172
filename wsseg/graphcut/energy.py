"""The energy of a labeling: unary costs of the pixels, and pairwise costs of the contrast between neighbors.

`E(L) = sum_p unary[p, L_p] + sum_pq pairwise[pq] [L_p != L_q]` (Boykov, Jolly 2001, equations 1 to 3). The contrast
term has the constants of GrabCut (Rother, Kolmogorov, Blake 2004, equations 4, 5 and 11).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    NEIGHBORS,
    UNKNOWN,
    Image,
    Mask,
    Offset,
    Pairwise,
    Saliency,
    Seeds,
    Unary,
    check_image,
    check_mask,
    check_pairwise,
    check_saliency,
    check_same_size,
    check_seeds,
    check_unary,
    neighbors_at,
    offsets_in,
)

Weights: TypeAlias = Callable[[NDArray[np.int32], Offset], NDArray[np.float64]]
"""A function of differences of levels, channels first, and an offset, that gives the costs of such pairs in nats."""

CLEAREST_ODDS = 0.97
"""Saliency is clipped to this and its complement, because a map is never certain. .9 and .99 were no better."""


def unary_from_saliency(saliency: Saliency, *, prior: float, balance: float) -> Unary:
    """Return the unary costs of a map: `prior` times the log-odds of the saliency, less those of `balance`.

    Parameters
    ----------
    saliency : (H, W) float32 array
        The map, in [0, 1], taken as the probability of the object.
    prior : float
        Weight of the log-odds.
    balance : float
        Saliency that is neutral.

    Returns
    -------
    (H, W, 2) float64 array
        Nats; the last axis is the label, background first.

    Examples
    --------
    >>> import numpy as np
    >>> saliency = np.array([[0.2, 0.5, 0.8]], np.float32)
    >>> wsseg.unary_from_saliency(saliency, prior=2, balance=0.5).round(2).tolist()
    [[[0.0, 2.77], [0.0, 0.0], [2.77, 0.0]]]
    """
    return unary_from_log_odds(odds_from_saliency(check_saliency(saliency), prior=prior, balance=balance))


def odds_from_saliency(saliency: Saliency, *, prior: float, balance: float) -> NDArray[np.float64]:
    """Return `prior` times the log-odds of the saliency, taken as a probability, less those of `balance`, in nats."""
    return np.asarray(prior * (log_odds(saliency) - np.log(balance / (1 - balance))))


def log_odds(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ln p / (1 - p), with p clipped to `CLEAREST_ODDS` and its complement."""
    odds = probabilities.astype(np.float64).clip(1 - CLEAREST_ODDS, CLEAREST_ODDS)
    return np.asarray(np.log(odds / (1 - odds)))


def pairwise_from_contrast(image: Image, *, smoothness: float) -> Pairwise:
    """Return the pairwise costs: smoothness / distance * exp(-beta |I_p - I_q|^2), beta = 1 / (2 mean |I_p - I_q|^2).

    The mean is over all neighbors. In a photo of one color every pair costs smoothness / distance.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        The photo, sRGB.
    smoothness : float
        Cost of an outline between two equal pixels, in nats.

    Returns
    -------
    (4, H, W) float64 array
        Nats for each pixel and its neighbor to the right, below, below right and below left; 0 outside the photo.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.repeat(np.array([[0, 0, 200]], np.uint8)[..., None], 3, axis=2)
    >>> wsseg.pairwise_from_contrast(image, smoothness=40)[0].round(1).tolist()
    [[40.0, 14.7, 0.0]]
    """
    weights_of = _contrast(check_image(image), smoothness)
    channels = np.ascontiguousarray(np.moveaxis(image, 2, 0), np.int32)
    pairwise = np.zeros((len(NEIGHBORS), *image.shape[:2]))
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = neighbors_at(offset)
        plane[here] = weights_of(channels[:, *here] - channels[:, *there], offset)
    return pairwise


class Ties(NamedTuple):
    """The pairwise costs of some free pixels of a photo while all others keep their labels."""

    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Pairs of neighbors that are both free, by their indices among the free pixels."""
    weights: NDArray[np.float64]
    """The cost of each pair, in nats."""
    outward: NDArray[np.float64]
    """(N, labels): the cost of each label of a pixel because of neighbors that keep theirs, in nats."""


def ties_within(image: Image, labels: NDArray[np.integer], free: Mask, *, smoothness: float, count: int = 2) -> Ties:
    """Return `pairwise_from_contrast` of the `free` pixels, in reading order, while all others keep their labels.

    It needs memory for the free pixels, and a few bytes for each of the others. `count` is the number of labels.
    """
    check_same_size(check_image(image), labels, "image and labels")
    check_same_size(image, check_mask(free), "image and free")
    return ties_of_free(image, labels, free, NEIGHBORS, _contrast(image, smoothness), count=count)


def ties_of_free(
    levels: NDArray[np.uint8],
    labels: NDArray[np.integer],
    free: Mask,
    offsets: Sequence[Offset],
    weights_of: Weights,
    *,
    count: int,
) -> Ties:
    """Return the `Ties` of a photo (H, W, C) or a volume (D, H, W, C), between the neighbors at these offsets."""
    colors, shape = levels.reshape(-1, levels.shape[-1]), free.shape
    pixels = np.flatnonzero(free)
    places, strides = np.unravel_index(pixels, shape), [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    outward, inward = np.zeros((len(pixels), count)), []
    for offset in (*offsets, *(tuple(-step for step in offset) for offset in offsets)):
        moves = [(at, step, side) for at, step, side in zip(places, offset, shape, strict=True) if step]
        here = np.flatnonzero(np.all([(at + step >= 0) & (at + step < side) for at, step, side in moves], axis=0))
        there = pixels[here] + sum(step * stride for step, stride in zip(offset, strides, strict=True))
        tied = free.ravel()[there]
        for ends in (tied, ~tied) if offset in offsets else (~tied,):
            first, second = here[ends], there[ends]
            weights = weights_of((colors[pixels[first]].astype(np.int32) - colors[second]).T, offset)
            if ends is tied:
                inward.append((first, np.searchsorted(pixels, second), weights))
            else:
                outward[first] += weights[:, None]
                outward[first, labels.ravel()[second]] -= weights
    first, second, weights = (np.concatenate(parts) for parts in zip(*inward, strict=True))
    return Ties((first, second), weights, outward.clip(min=0))


def clamp_to_seeds(unary: Unary, pairwise: Pairwise, seeds: Seeds) -> Unary:
    """Return the unary costs with seeds as hard constraints (Boykov, Jolly 2001, section 2).

    The label of a seed costs nothing. The other label costs K = 1 + max_p sum_q pairwise[pq], more than any outline
    around one pixel.

    Parameters
    ----------
    unary : (H, W, 2) float64 array
        Costs in nats.
    pairwise : (4, H, W) float64 array
        Costs in nats, see `pairwise_from_contrast`.
    seeds : (H, W) uint8 array
        FOREGROUND, BACKGROUND or UNKNOWN. All arrays may be those of a volume, with (D, H, W) for (H, W).

    Returns
    -------
    (H, W, 2) float64 array
        Costs in nats.

    Raises
    ------
    TypeError, ValueError
        If an array has another type, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> unary, pairwise = np.ones((1, 3, 2)), np.full((4, 1, 3), 0.5)
    >>> wsseg.clamp_to_seeds(unary, pairwise, np.array([[0, 255, 1]], np.uint8)).tolist()
    [[[0.0, 3.5], [1.0, 1.0], [3.5, 0.0]]]
    """
    shape = check_unary(unary).shape[:-1]
    check_pairwise(pairwise, shape)
    check_same_size(unary, check_seeds(seeds, axes=len(shape)), "unary and seeds", axes=len(shape))
    impossible = 1 + _sum_over_neighbors(pairwise).max()
    clamped = unary.copy()
    clamped[seeds == FOREGROUND] = (impossible, 0)
    clamped[seeds == BACKGROUND] = (0, impossible)
    return clamped


def border_seeds(seeds: Seeds, *, border: float) -> Seeds:
    """Return background seeds along the border of the photo, which rarely shows the object.

    Parameters
    ----------
    seeds : (H, W) uint8 array
        Seeds; object seeds are left out of the border.
    border : float
        Width of the border, as a share of height and of width.

    Returns
    -------
    (H, W) uint8 array
        BACKGROUND along the border, UNKNOWN elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> seeds = np.array([[255, 255, 255, 255], [255, 255, 255, 1], [255, 255, 255, 255]], np.uint8)
    >>> wsseg.border_seeds(seeds, border=0.25)
    array([[  0,   0,   0,   0],
           [  0, 255, 255, 255],
           [  0,   0,   0,   0]], dtype=uint8)
    """
    inner = tuple(slice(round(border * side), side - round(border * side)) for side in check_seeds(seeds).shape)
    edge = np.where(seeds == FOREGROUND, UNKNOWN, BACKGROUND).astype(np.uint8)
    edge[inner] = UNKNOWN
    return edge


def energy_of(mask: Mask, unary: Unary, pairwise: Pairwise) -> float:
    """Return the energy E(L) of a mask.

    Parameters
    ----------
    mask : (H, W) bool array
        The labeling. All arrays may be those of a volume, with (D, H, W) for (H, W).
    unary : (H, W, 2) float64 array
        Costs in nats.
    pairwise : (4, H, W) float64 array
        Costs in nats.

    Returns
    -------
    float
        Nats.

    Raises
    ------
    TypeError, ValueError
        If an array has another type, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> unary, pairwise = np.array([[[0.0, 3.0], [2.0, 0.0]]]), np.full((4, 1, 2), 0.5)
    >>> wsseg.energy_of(np.array([[False, True]]), unary, pairwise)
    0.5
    """
    shape = check_unary(unary).shape[:-1]
    check_pairwise(pairwise, shape)
    check_same_size(check_mask(mask, axes=len(shape)), unary, "mask and unary", axes=len(shape))
    total = float(np.where(mask, unary[..., FOREGROUND], unary[..., BACKGROUND]).sum())
    for plane, offset in zip(pairwise, offsets_in(pairwise), strict=True):
        here, there = neighbors_at(offset)
        total += float(plane[here][mask[here] != mask[there]].sum())
    return total


def _contrast(image: Image, smoothness: float) -> Weights:
    pairs = [(image[here], image[there]) for here, there in map(neighbors_at, NEIGHBORS)]
    total = sum(cv2.norm(first, second, cv2.NORM_L2SQR) for first, second in pairs if first.size)
    beta = sum(first[..., 0].size for first, _ in pairs) / (2 * total) if total else 0.0

    def weights_of(differences: NDArray[np.int32], offset: Offset) -> NDArray[np.float64]:
        squares = np.einsum("c...,c...->...", differences, differences)
        return np.asarray(smoothness / math.hypot(*offset) * np.exp(-beta * squares))

    return weights_of


def unary_from_log_odds(log_odds: NDArray[np.float64]) -> Unary:
    """Return costs (..., 2) that differ by the log-odds (...) of the object, in nats; the smaller of each two is 0."""
    return np.stack([log_odds.clip(min=0), (-log_odds).clip(min=0)], axis=-1)


def _sum_over_neighbors(pairwise: Pairwise) -> NDArray[np.float64]:
    total: NDArray[np.float64] = pairwise.sum(axis=0)
    for plane, offset in zip(pairwise, offsets_in(pairwise), strict=True):
        here, there = neighbors_at(offset)
        total[there] += plane[here]
    return total
