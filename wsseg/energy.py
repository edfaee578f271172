"""What a labeling costs: unary terms, which add, and the contrast between neighbors.

E(L) = sum_p unary[p, L_p] + sum_pq pairwise[pq] [L_p != L_q], Boykov, Jolly 2001, equations 1 to 3; the contrast term
with the constants of GrabCut (Rother, Kolmogorov, Blake 2004, equations 4, 5 and 11).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    NEIGHBORS,
    UNKNOWN,
    Image,
    Mask,
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
)
from wsseg.mixture import Mixture, fit_mixture

QUANTIZATION = 4
"""Colors this many 8-bit levels apart, per channel, are scored as one: well within a mixture's smallest deviation."""

CLEAREST_ODDS = 0.97
"""Saliency above this, or below its complement, says no more than this: a map is never certain. Measured no worse than
.9 and .99."""


class Palette(NamedTuple):
    """The distinct quantized colors of a photo, (M, 3) 8-bit levels, and each pixel's entry in it, (H, W)."""

    colors: NDArray[np.float64]
    entry: NDArray[np.intp]


def palette_of(image: Image) -> Palette:
    """The photo as a palette of its distinct colors, so that each color is scored once however many pixels have it."""
    steps = 256 // QUANTIZATION
    red, green, blue = np.moveaxis(check_image(image) // QUANTIZATION, 2, 0).astype(np.int32)
    codes = (red * steps + green) * steps + blue
    present = np.bincount(codes.ravel(), minlength=steps**3) > 0
    levels = np.stack(np.unravel_index(np.flatnonzero(present), (steps,) * 3), axis=1).astype(np.float64)
    return Palette(levels * QUANTIZATION + (QUANTIZATION - 1) / 2, (np.cumsum(present) - 1)[codes])


def mixtures_from_seeds(
    image: Image, seeds: Seeds, *, components: int, color_samples: int, random_state: int
) -> tuple[Mixture, Mixture]:
    """The color mixtures of background and object, each fitted to at most `color_samples` of its seeded pixels.

    ValueError when a side has no seed.
    """
    check_same_size(check_image(image), check_seeds(seeds), "image and seeds")
    rng = np.random.default_rng(random_state)
    sides = [image[seeds == label] for label in (BACKGROUND, FOREGROUND)]
    if empty := [name for name, side in zip(("background", "object"), sides, strict=True) if not len(side)]:
        raise ValueError(f"seeds must hold both sides, got none of the {empty[0]}; lower or raise its quantile")
    samples = [side[rng.choice(len(side), min(color_samples, len(side)), replace=False)] for side in sides]
    background, foreground = (
        fit_mixture(sample.astype(np.float64), components=components, random_state=random_state) for sample in samples
    )
    return background, foreground


def unary_from_mixtures(palette: Palette, background: Mixture, foreground: Mixture, *, color_limit: float) -> Unary:
    """-ln Pr(color | label), less the smaller of a pixel's two, and at most `color_limit`: (H, W, 2)."""
    ratio = foreground.log_likelihood(palette.colors) - background.log_likelihood(palette.colors)
    return _unary_from_log_odds(ratio.clip(-color_limit, color_limit))[palette.entry]


def unary_from_saliency(saliency: Saliency, *, prior: float, balance: float) -> Unary:
    """`prior` times the log-odds of the saliency, taken as a probability, over those of `balance`, in nats."""
    odds = check_saliency(saliency).astype(np.float64).clip(1 - CLEAREST_ODDS, CLEAREST_ODDS)
    return _unary_from_log_odds(prior * (np.log(odds / (1 - odds)) - np.log(balance / (1 - balance))))


def pairwise_from_contrast(image: Image, *, smoothness: float) -> Pairwise:
    """smoothness / distance * exp(-beta |I_p - I_q|^2), with beta = 1 / (2 mean |I_p - I_q|^2) over all neighbors.

    A flat photo has no contrast to weigh, so all its neighbors hold together alike. Planes as in arrays.py; 0 where
    the neighbor would lie outside.
    """
    colors = check_image(image).astype(np.float64)
    squares = [np.square(colors[here] - colors[there]).sum(axis=2) for here, there in map(_pairs, NEIGHBORS)]
    pairs = sum(square.size for square in squares)
    mean = sum(float(square.sum()) for square in squares) / max(pairs, 1)
    beta = 1 / (2 * mean) if mean > 0 else 0.0
    pairwise = np.zeros((len(NEIGHBORS), *image.shape[:2]))
    for plane, square, offset in zip(pairwise, squares, NEIGHBORS, strict=True):
        plane[_pairs(offset)[0]] = smoothness / np.hypot(*offset) * np.exp(-beta * square)
    return pairwise


def clamp_to_seeds(unary: Unary, pairwise: Pairwise, seeds: Seeds) -> Unary:
    """The unary under hard constraints: a seed's own label is free, the other costs Boykov and Jolly's K.

    K = 1 + max_p sum_q pairwise[pq] (section 2): more than all the neighbors of any pixel together can pay.
    """
    check_pairwise(pairwise, check_unary(unary).shape[:2])
    check_same_size(unary, check_seeds(seeds), "unary and seeds")
    impossible = 1 + _sum_over_neighbors(pairwise).max()
    clamped = unary.copy()
    clamped[seeds == FOREGROUND] = (impossible, 0)
    clamped[seeds == BACKGROUND] = (0, impossible)
    return clamped


def border_seeds(seeds: Seeds, *, border: float) -> Seeds:
    """Background along the four sides, where the photo usually shows none of the object, but not on object seeds.

    `border` is the width per height and per width; unknown elsewhere.
    """
    inner = tuple(slice(round(border * side), side - round(border * side)) for side in check_seeds(seeds).shape)
    edge = np.where(seeds == FOREGROUND, UNKNOWN, BACKGROUND).astype(np.uint8)
    edge[inner] = UNKNOWN
    return edge


def energy_of(mask: Mask, unary: Unary, pairwise: Pairwise) -> float:
    """E(L) of the labeling, in nats."""
    check_pairwise(pairwise, check_unary(unary).shape[:2])
    check_same_size(check_mask(mask), unary, "mask and unary")
    total = float(np.where(mask, unary[..., FOREGROUND], unary[..., BACKGROUND]).sum())
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = _pairs(offset)
        total += float(plane[here][mask[here] != mask[there]].sum())
    return total


def _unary_from_log_odds(log_odds: NDArray[np.float64]) -> Unary:
    return np.stack([log_odds.clip(min=0), (-log_odds).clip(min=0)], axis=-1)


def _pairs(offset: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The pixels that have a neighbor at (dy, dx), and those neighbors, in the same order; dx may be negative."""
    dy, dx = offset
    left, right = slice(None, -abs(dx) or None), slice(abs(dx), None)
    here, there = (left, right) if dx >= 0 else (right, left)
    return (slice(None, -dy or None), here), (slice(dy, None), there)


def _sum_over_neighbors(pairwise: Pairwise) -> NDArray[np.float64]:
    total: NDArray[np.float64] = pairwise.sum(axis=0)
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = _pairs(offset)
        total[there] += plane[here]
    return total
